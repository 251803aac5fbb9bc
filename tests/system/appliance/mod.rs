//! The whole appliance in real life: the built binary, its own servers, HAProxy, and what happens
//! to them all when parts are killed.
//!
//! A [`rig::Rig`] is one appliance in a directory of its own. Each test kills only processes its
//! rig started, and ends with the rig taken down and [`traces`] of it looked for on the machine:
//! there must be none. `GRANGE_SOAK=1` makes the counts those that are promised.

mod away;
mod brim;
mod commands;
mod crash;
mod cut;
mod declared;
mod examples;
mod grace;
mod http;
mod images;
mod kill;
mod kills;
mod load;
mod logs;
mod manifests;
mod moved;
mod names;
mod ordinary;
mod outbound;
mod pages;
mod power;
mod proposals;
mod published;
mod refusals;
pub mod rig;
mod roles;
mod rollout;
mod runs;
mod secrets;
mod services;
mod ssh;
mod tier;
mod traces;
mod unhealthy;
pub mod wait;
mod watch;

/// A count that continuous integration has time for, or the promised one.
fn count(quick: usize, promised: usize) -> usize {
    if std::env::var_os("GRANGE_SOAK").is_some() { promised } else { quick }
}
