//! What a key means on a page.

use super::{arrive, go, rollouts, say};
use crate::tui::catalogue::Noun;
use crate::tui::effect::Effect;
use crate::tui::keymap::{Scope, Verb};
use crate::tui::palette::Command;
use crate::tui::rows::{rebuild, select};
use crate::tui::source::Action;
use crate::tui::state::{Confirm, Input, Place, State};
use crate::tui::{text, view};
use crate::wire::deed::{Asking, Deed};
use crate::wire::rollout::RolloutVerb;

/// Carries out what a key means on the shown page.
pub fn act(state: &mut State, verb: Verb) -> Vec<Effect> {
    match verb {
        Verb::Open => open(state),
        Verb::Back => back(state),
        Verb::Why => why(state),
        Verb::Log => log(state),
        Verb::Events => {
            let all = state.page().place == Place::Status;
            let about = state.subject().filter(|_| !all).unwrap_or_default();
            go(state, Place::Events(about))
        }
        Verb::Status => go(state, Place::Status),
        Verb::Help => help(state),
        Verb::Quit => match state.page().place {
            Place::Help(_) => back(state),
            _ => vec![Effect::Quit],
        },
        Verb::Leave => vec![Effect::Quit],
        Verb::Repaint => vec![Effect::Repaint],
        Verb::Launch => launch(state),
        Verb::Terminate => terminate(state),
        Verb::Reboot => reboot(state),
        Verb::Hold => hold(state, "hold"),
        Verb::Release => hold(state, "release"),
        Verb::Lock => lock(state),
        Verb::Role => rollouts::open(state),
        Verb::Pause => rollouts::key(state, RolloutVerb::Pause),
        Verb::Resume => rollouts::key(state, RolloutVerb::Resume),
        Verb::Abort => rollouts::key(state, RolloutVerb::Abort),
        Verb::Rollback => rollouts::key(state, RolloutVerb::Rollback),
        Verb::Account => rollouts::account(state),
        Verb::Stop => stop(state),
        Verb::Focus => {
            let page = state.page_mut();
            page.on_roles = !page.on_roles;
            Vec::new()
        }
        Verb::Sort => sort(state),
        Verb::Filter => {
            state.input = Input::Filter;
            Vec::new()
        }
        Verb::Palette => {
            state.input = Input::Palette { text: String::new(), at: 0 };
            Vec::new()
        }
        Verb::Copy => copy(state),
        Verb::Plain => {
            state.away = true;
            vec![Effect::Plain(view::plain_text(state))]
        }
        Verb::Down => step(state, 1),
        Verb::Up => step(state, -1),
        Verb::PageDown => step(state, i64::from(state.size.1.saturating_sub(6).max(1))),
        Verb::PageUp => step(state, -i64::from(state.size.1.saturating_sub(6).max(1))),
        Verb::Top => step(state, i64::MIN / 2),
        Verb::Bottom => step(state, i64::MAX / 2),
        // These are keys of a line being typed.
        Verb::Accept
        | Verb::Cancel
        | Verb::Complete
        | Verb::Next
        | Verb::Previous
        | Verb::Erase
        | Verb::Clear => Vec::new(),
    }
}

/// Carries out a command of the palette.
pub fn command(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Go(place) => go(state, place),
        Command::Launch(farm) => act_unless_read_only(state, Action::LaunchFarm(farm)),
        Command::Terminate(farm) => ask_to_terminate(state, farm),
        Command::Stop(farm) => ask_to_stop(state, farm),
        Command::Start(farm) => act_unless_read_only(state, Action::StartFarm(farm)),
        Command::Rollout(farm, role, verb) => rollouts::ask_of(state, farm, role, verb),
        Command::Cloud(name) => rollouts::ask_to_resume(state, &name),
        Command::Do(action) => act_unless_read_only(state, action),
        Command::Help => help(state),
        Command::Quit => vec![Effect::Quit],
    }
}

/// Opens the story of what is selected.
fn why(state: &mut State) -> Vec<Effect> {
    let on_status = state.page().place == Place::Status;
    let on_cloud = state.selected_entry().is_some_and(|(noun, _)| noun == Noun::Clouds);
    match state.subject() {
        // An account has no story of its own but what the journal says of it.
        Some(about) if on_status || on_cloud => go(state, Place::Events(about)),
        Some(what) => go(state, Place::Why(what)),
        None if on_status => rollouts::nobody_alone(state),
        None => nothing_selected(state),
    }
}

/// Opens what the selected server prints, at its end.
fn log(state: &mut State) -> Vec<Effect> {
    let Some(server) = state.selected_server() else { return nothing_selected(state) };
    let server = server.grange.name.clone();
    state.data.log = None;
    go(state, Place::Log(server))
}

fn sort(state: &mut State) -> Vec<Effect> {
    let page = state.page_mut();
    page.sort = page.sort.next();
    let word = page.sort.word();
    rebuild(state);
    say(state, format!("Ordered by {word}"), false);
    Vec::new()
}

fn help(state: &mut State) -> Vec<Effect> {
    match state.page().place.scope() {
        Scope::Help => back(state),
        scope => go(state, Place::Help(scope)),
    }
}

pub(super) fn nothing_selected(state: &mut State) -> Vec<Effect> {
    say(state, "Nothing is selected", false);
    Vec::new()
}

fn back(state: &mut State) -> Vec<Effect> {
    let page = state.page_mut();
    if !page.filter.is_empty() || page.only_role.is_some() {
        page.filter.clear();
        page.only_role = None;
        rebuild(state);
        return Vec::new();
    }
    if state.pages.len() < 2 {
        return Vec::new();
    }
    state.pages.pop();
    arrive(state)
}

fn open(state: &mut State) -> Vec<Effect> {
    let place = match &state.page().place {
        Place::Farms => state.selected_farm().map(|farm| Place::Farm(farm.id)),
        Place::Farm(_) if state.page().on_roles => return only_role(state),
        Place::Farm(_) | Place::Servers => {
            state.selected_server().map(|server| Place::Server(server.id.clone()))
        }
        Place::Events(_) => state.subject().map(Place::Why),
        Place::Catalogue(_) => {
            state.selected_entry().map(|(noun, name)| Place::Entry(noun, name.to_owned()))
        }
        Place::Role(..)
        | Place::Entry(..)
        | Place::Server(_)
        | Place::Why(_)
        | Place::Log(_)
        | Place::Status
        | Place::Help(_) => None,
    };
    match place {
        Some(place) => go(state, place),
        None => nothing_selected(state),
    }
}

/// Shows only the servers of the selected farm role; again shows all.
fn only_role(state: &mut State) -> Vec<Effect> {
    let role = state.selected_role().map(|role| role.id);
    let page = state.page_mut();
    page.only_role = if page.only_role == role { None } else { role };
    rebuild(state);
    Vec::new()
}

fn step(state: &mut State, by: i64) -> Vec<Effect> {
    let moved = |at: usize, last: usize| {
        let at = i64::try_from(at).unwrap_or(i64::MAX / 4).saturating_add(by).max(0);
        usize::try_from(at).unwrap_or(usize::MAX).min(last)
    };
    match state.page().place {
        Place::Farm(farm) if state.page().on_roles => {
            let last = state.data.roles.get(&farm).map_or(0, Vec::len).saturating_sub(1);
            let page = state.page_mut();
            page.role_at = moved(page.role_at, last);
        }
        Place::Farms | Place::Farm(_) | Place::Servers | Place::Events(_) | Place::Catalogue(_) => {
            let last = state.rows.shown.len().saturating_sub(1);
            let at = moved(state.page().at, last);
            select(state, at);
        }
        Place::Role(..)
        | Place::Entry(..)
        | Place::Server(_)
        | Place::Why(_)
        | Place::Log(_)
        | Place::Status
        | Place::Help(_) => {
            let last = view::scroll_max(state);
            let page = state.page_mut();
            page.at = moved(page.at.min(last), last);
        }
    }
    Vec::new()
}

fn copy(state: &mut State) -> Vec<Effect> {
    let id = match &state.page().place {
        Place::Farms => state.selected_farm().map(|farm| farm.name.clone()),
        Place::Farm(_) if state.page().on_roles => state.subject(),
        Place::Role(..) => state.subject(),
        Place::Farm(_) | Place::Servers | Place::Server(_) => {
            state.selected_server().map(|server| server.id.clone())
        }
        Place::Events(_) => state.selected_event().map(|event| event.seq.to_string()),
        Place::Why(what) | Place::Log(what) => Some(what.clone()),
        Place::Catalogue(_) | Place::Entry(..) => {
            state.selected_entry().map(|(_, name)| name.to_owned())
        }
        Place::Status | Place::Help(_) => None,
    };
    let Some(id) = id else { return nothing_selected(state) };
    say(state, format!("Copied {id}"), false);
    vec![Effect::Copy(id)]
}

pub(super) fn act_unless_read_only(state: &mut State, action: Action) -> Vec<Effect> {
    if refused(state) {
        return Vec::new();
    }
    say(state, "Asked the appliance", false);
    vec![Effect::Act(action)]
}

fn refused(state: &mut State) -> bool {
    if state.read_only {
        say(state, "This session may look but not act", true);
    }
    state.read_only
}

fn launch(state: &mut State) -> Vec<Effect> {
    match state.selected_farm().map(|farm| farm.id) {
        Some(farm) => act_unless_read_only(state, Action::LaunchFarm(farm)),
        None => nothing_selected(state),
    }
}

/// Asks before something that cannot be taken back at once, as the table of deeds has it.
pub(super) fn ask(
    state: &mut State,
    deed: Deed,
    action: Action,
    name: &str,
    question: &str,
) -> Vec<Effect> {
    let (answer, how) = match deed.asking() {
        Asking::Name => (name.to_owned(), "Type the farm's name to do it."),
        Asking::Yes | Asking::Key => ("y".to_owned(), "Type y to do it."),
    };
    if !refused(state) {
        let (question, typed) = (format!("{question} {how}"), String::new());
        state.input = Input::Confirm(Confirm { action, question, answer, typed });
    }
    Vec::new()
}

/// Asks about the selected server.
fn ask_of_server(state: &mut State, deed: Deed, action: fn(String) -> Action) -> Vec<Effect> {
    let Some(server) = state.selected_server() else { return nothing_selected(state) };
    let (id, name) = (server.id.clone(), server.grange.name.clone());
    ask(state, deed, action(id), &name, &deed.question(&name, 0))
}

fn ask_of_farm(state: &mut State, deed: Deed, farm: u64, action: Action) -> Vec<Effect> {
    let Some(view) = state.farm(farm) else { return nothing_selected(state) };
    let (name, question) = (view.name.clone(), deed.question(&view.name, view.grange.servers));
    ask(state, deed, action, &name, &question)
}

fn terminate(state: &mut State) -> Vec<Effect> {
    if state.page().place.scope() == Scope::Farms || state.page().on_roles {
        let farm = state.selected_farm().map(|farm| farm.id);
        return farm.map_or_else(Vec::new, |farm| ask_to_terminate(state, farm));
    }
    if state.selected_server().is_some() {
        return ask_of_server(state, Deed::TerminateServer, Action::TerminateServer);
    }
    match state.selected_farm().map(|farm| farm.id) {
        Some(farm) => ask_to_terminate(state, farm),
        None => nothing_selected(state),
    }
}

fn ask_to_terminate(state: &mut State, farm: u64) -> Vec<Effect> {
    ask_of_farm(state, Deed::TerminateFarm, farm, Action::TerminateFarm(farm))
}

/// Stops the selected farm, or starts it when it is stopped: the one asks, the other does not.
fn stop(state: &mut State) -> Vec<Effect> {
    match state.selected_farm().map(|farm| (farm.id, text::is_stopped(&farm.status))) {
        Some((farm, true)) => act_unless_read_only(state, Action::StartFarm(farm)),
        Some((farm, false)) => ask_to_stop(state, farm),
        None => nothing_selected(state),
    }
}

fn ask_to_stop(state: &mut State, farm: u64) -> Vec<Effect> {
    ask_of_farm(state, Deed::StopFarm, farm, Action::StopFarm(farm))
}

/// Types the beginning of the command; how long and why is for the person.
fn hold(state: &mut State, name: &str) -> Vec<Effect> {
    let what = match state.selected_server().filter(|_| !state.page().on_roles) {
        Some(server) => Some(format!("{}/{}", server.grange.farm, server.grange.alias)),
        None => state.subject(),
    };
    let Some(what) = what else { return nothing_selected(state) };
    if !refused(state) {
        state.input = Input::Palette { text: format!("{name} {what} "), at: 0 };
    }
    Vec::new()
}

/// Locks the selected server, or takes its lock off. Neither stops anything, so nobody is asked.
fn lock(state: &mut State) -> Vec<Effect> {
    let Some(server) = state.selected_server() else { return nothing_selected(state) };
    let locked = server.grange.conditions.iter().any(|condition| condition.name == "locked");
    let id = server.id.clone();
    let action = if locked { Action::UnlockServer(id) } else { Action::LockServer(id) };
    act_unless_read_only(state, action)
}

fn reboot(state: &mut State) -> Vec<Effect> {
    ask_of_server(state, Deed::RebootServer, Action::RebootServer)
}
