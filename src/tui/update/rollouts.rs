//! What a person says of rollouts and of cloud accounts that are left alone. All of it is asked
//! about first: a rollout that goes on, or back, stops servers.

use super::verbs::{ask, nothing_selected};
use super::{go, say};
use crate::tui::effect::Effect;
use crate::tui::source::Action;
use crate::tui::state::{Input, Place, State};
use crate::wire::deed::Deed;
use crate::wire::rollout::RolloutVerb;

/// Opens the farm role that is meant.
pub fn open(state: &mut State) -> Vec<Effect> {
    match state.role_meant() {
        Some((farm, role)) => go(state, Place::Role(farm, role)),
        None => nothing_selected(state),
    }
}

/// A key about the rollout of the farm role that is meant.
pub fn key(state: &mut State, verb: RolloutVerb) -> Vec<Effect> {
    match state.role_meant() {
        Some((farm, role)) => ask_of(state, farm, role, verb),
        None => nothing_selected(state),
    }
}

/// Asks before it is said. Where nothing is rolled over there is nothing to say, but that it is
/// to be as it was before.
pub fn ask_of(state: &mut State, farm: u64, role: u64, verb: RolloutVerb) -> Vec<Effect> {
    let Some(about) = state.role_name(farm, role) else { return nothing_selected(state) };
    let rollout = state.rollout(farm, role).filter(|rollout| rollout.state != "none");
    let does = match (verb, rollout) {
        (RolloutVerb::Rollback, _) => {
            let before = state.rollout(farm, role).and_then(|rollout| rollout.before);
            let revision = match before {
                Some(number) => format!("revision {number} of {about}"),
                None => format!("the revision of {about} before this one"),
            };
            Deed::Rollout(verb).question(&revision, 0)
        }
        (_, None) => {
            say(state, format!("No rollout of {about} is under way"), false);
            return Vec::new();
        }
        (RolloutVerb::Pause, Some(of)) => {
            let (ready, all) = (of.ready, of.of);
            format!("Pause the rollout of {about} at {ready} of {all}? No further batch begins.")
        }
        (RolloutVerb::Resume, Some(of)) => format!(
            "Go on with the rollout of {about} to revision {}, also past its checkpoint or its \
             failure?",
            of.to
        ),
        (RolloutVerb::Abort, Some(of)) => {
            let (to, from) = (of.to, of.from);
            format!("End the rollout of {about} to revision {to}, and go back to {from}?")
        }
    };
    ask(state, Deed::Rollout(verb), Action::Rollout(role, verb), &about, &does)
}

/// Asks about the account that is left alone; of several, a person types which.
pub fn account(state: &mut State) -> Vec<Effect> {
    let alone = state.data.accounts.iter().filter(|account| account.state != "well");
    let names: Vec<String> = alone.map(|account| account.name.clone()).collect();
    match names.as_slice() {
        [] => nobody_alone(state),
        [name] => ask_to_resume(state, name),
        _ if state.read_only => ask_to_resume(state, &names[0]),
        _ => {
            state.input = Input::Palette { text: "cloud ".into(), at: 0 };
            Vec::new()
        }
    }
}

/// Says that all accounts are well.
pub fn nobody_alone(state: &mut State) -> Vec<Effect> {
    say(state, "Every cloud account is well", false);
    Vec::new()
}

/// Asks before an account is asked again.
pub fn ask_to_resume(state: &mut State, name: &str) -> Vec<Effect> {
    let (deed, action) = (Deed::ResumeAccount, Action::ResumeAccount(name.to_owned()));
    ask(state, deed, action, name, &deed.question(name, 0))
}
