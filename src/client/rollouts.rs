//! Rollouts.

use super::{Client, Error};
use crate::wire::api::plans::{
    ROLLOUT, ROLLOUT_ABORT, ROLLOUT_PAUSE, ROLLOUT_RESUME, ROLLOUT_ROLLBACK,
};
use crate::wire::input::{NoInput, RollbackInput};
use crate::wire::rollout::{RolloutVerb, RolloutView};

impl Client {
    /// How the rollout of a farm role stands.
    pub fn rollout(&self, farm_role: u64) -> Result<RolloutView, Error> {
        self.show(&ROLLOUT, &[&farm_role])
    }

    /// Says something of it.
    pub fn rollout_say(&self, farm_role: u64, verb: RolloutVerb) -> Result<RolloutView, Error> {
        let route = match verb {
            RolloutVerb::Pause => &ROLLOUT_PAUSE,
            RolloutVerb::Resume => &ROLLOUT_RESUME,
            RolloutVerb::Abort => &ROLLOUT_ABORT,
            RolloutVerb::Rollback => return self.rollback(farm_role, None),
        };
        self.ask(route, &[&farm_role], &NoInput {})
    }

    /// Goes back to a revision; without its number to the one before.
    pub fn rollback(&self, farm_role: u64, to: Option<u64>) -> Result<RolloutView, Error> {
        self.ask(&ROLLOUT_ROLLBACK, &[&farm_role], &RollbackInput { to })
    }
}
