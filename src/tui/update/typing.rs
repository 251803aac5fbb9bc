//! What a key means while a line is typed: filter, command or the answer to a question.

use super::{run_command, say};
use crate::tui::effect::Effect;
use crate::tui::event::Key;
use crate::tui::keymap::Verb;
use crate::tui::palette;
use crate::tui::rows::rebuild;
use crate::tui::state::{Input, State};

/// Longest line a person may type: longer is a paste gone astray.
const TYPED_MAX: usize = 200;

/// A key without a meaning of its own is a letter, or nothing.
pub fn letter(state: &mut State, key: Key) -> Vec<Effect> {
    let Key::Char(c) = key else { return Vec::new() };
    edit(state, |text| {
        if text.chars().count() < TYPED_MAX && !c.is_control() {
            text.push(c);
        }
    });
    Vec::new()
}

/// A pasted text is typed where something is typed, up to the end of its first line, and is never
/// keys: a `t` and a `y` in it must not terminate a server.
pub fn paste(state: &mut State, pasted: &str) {
    if state.input == Input::None {
        say(state, "Pasted text is not taken for keys", false);
        return;
    }
    let line = pasted.lines().next().unwrap_or_default();
    edit(state, |text| {
        let room = TYPED_MAX.saturating_sub(text.chars().count());
        text.extend(line.chars().filter(|c| !c.is_control()).take(room));
    });
}

/// Carries out what a key means here.
pub fn act(state: &mut State, verb: Verb) -> Vec<Effect> {
    match verb {
        Verb::Accept => accept(state),
        Verb::Cancel => cancel(state),
        Verb::Leave => vec![Effect::Quit],
        Verb::Repaint => vec![Effect::Repaint],
        Verb::Erase => {
            edit(state, |text| {
                text.pop();
            });
            Vec::new()
        }
        Verb::Clear => {
            edit(state, String::clear);
            Vec::new()
        }
        Verb::Next => suggest(state, 1),
        Verb::Previous => suggest(state, -1),
        Verb::Complete => complete(state),
        _ => Vec::new(),
    }
}

fn edit(state: &mut State, change: impl FnOnce(&mut String)) {
    let mut input = std::mem::replace(&mut state.input, Input::None);
    match &mut input {
        Input::None => {}
        Input::Filter => {
            change(&mut state.page_mut().filter);
            rebuild(state);
        }
        Input::Palette { text, at } => {
            change(text);
            *at = 0;
        }
        Input::Confirm(confirm) => change(&mut confirm.typed),
    }
    state.input = input;
}

fn cancel(state: &mut State) -> Vec<Effect> {
    if state.input == Input::Filter {
        state.page_mut().filter.clear();
        rebuild(state);
    }
    state.input = Input::None;
    Vec::new()
}

fn accept(state: &mut State) -> Vec<Effect> {
    match std::mem::replace(&mut state.input, Input::None) {
        Input::None | Input::Filter => Vec::new(),
        Input::Confirm(confirm) => {
            if confirm.typed.trim() == confirm.answer {
                say(state, "Asked the appliance", false);
                return vec![Effect::Act(confirm.action)];
            }
            say(state, "Nothing was done", false);
            Vec::new()
        }
        Input::Palette { text, at } => {
            let line = chosen(state, &text, at);
            match palette::parse(state, &line) {
                Ok(command) => run_command(state, command),
                Err(why) => {
                    say(state, why, true);
                    Vec::new()
                }
            }
        }
    }
}

/// The line as typed where it means something, else the marked suggestion.
fn chosen(state: &State, text: &str, at: usize) -> String {
    if at == 0 && palette::parse(state, text).is_ok() {
        return text.to_owned();
    }
    let suggestion = palette::suggestions(state, text).into_iter().nth(at);
    match suggestion {
        Some(suggestion) if !text.is_empty() => suggestion.line,
        _ => text.to_owned(),
    }
}

fn suggest(state: &mut State, by: isize) -> Vec<Effect> {
    let Input::Palette { text, at } = &state.input else { return Vec::new() };
    let count = palette::suggestions(state, text).len().max(1);
    let to = at.wrapping_add_signed(by).min(usize::MAX - 1);
    let to = if to >= count { if by > 0 { 0 } else { count - 1 } } else { to };
    state.input = Input::Palette { text: text.clone(), at: to };
    Vec::new()
}

fn complete(state: &mut State) -> Vec<Effect> {
    let Input::Palette { text, at } = &state.input else { return Vec::new() };
    if let Some(suggestion) = palette::suggestions(state, text).into_iter().nth(*at) {
        let more = if suggestion.line.contains(' ') { "" } else { " " };
        state.input = Input::Palette { text: format!("{}{more}", suggestion.line), at: 0 };
    }
    Vec::new()
}
