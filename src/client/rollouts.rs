//! Rollouts.

use super::{Client, Error};
use crate::wire::api::plans::{ROLLOUT, rollout_say};
use crate::wire::input::NoInput;
use crate::wire::rollout::{RolloutVerb, RolloutView};

impl Client {
    /// How the rollout of a farm role stands.
    pub fn rollout(&self, farm_role: u64) -> Result<RolloutView, Error> {
        self.show(&ROLLOUT, &[&farm_role])
    }

    /// Says something of it.
    pub fn rollout_say(&self, farm_role: u64, verb: RolloutVerb) -> Result<RolloutView, Error> {
        self.ask(rollout_say(verb), &[&farm_role], &NoInput {})
    }
}
