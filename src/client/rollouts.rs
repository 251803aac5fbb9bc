//! Rollouts.

use super::{Client, Error};
use crate::wire::input::NoInput;
use crate::wire::rollout::{RolloutVerb, RolloutView};

impl Client {
    /// How the rollout of a farm role stands.
    pub fn rollout(&self, farm_role: u64) -> Result<RolloutView, Error> {
        self.get(&format!("farm-roles/{farm_role}/grange/rollout/"))
    }

    /// Says something of it.
    pub fn rollout_say(&self, farm_role: u64, verb: RolloutVerb) -> Result<RolloutView, Error> {
        let action = verb.as_str();
        let path = format!("farm-roles/{farm_role}/grange/rollout/actions/{action}/");
        self.act(&path, &NoInput {})
    }
}
