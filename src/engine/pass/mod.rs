//! The passes, one concern each. `engine/plan.rs` has their order, `engine/mod.rs` their rules.

pub mod backoff;
pub mod cold_start;
pub mod count;
pub mod drain;
pub mod freeze;
pub mod goal;
pub mod heal;
pub mod launch;
pub mod lost;
pub mod manual;
pub mod order;
pub mod outlook;
pub mod retry;
pub mod rollout;
pub mod scale;
pub mod sleep;
pub mod surplus;
pub mod timeout;
pub mod unwell;
