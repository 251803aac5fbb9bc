//! What happens to a session: keys, time, answers and news. Plain data, so a session replays.

use super::catalogue::{Catalogue, Noun};
use crate::base::Millis;
use crate::wire::account::AccountView;
use crate::wire::api::{
    EventView, ExplainView, FarmRoleView, FarmView, SeriesView, ServerView, StatusView,
};
use crate::wire::rollout::RolloutView;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows now; both may be 0.
    Resize(u16, u16),
    /// Time went on: milliseconds since the session began, never backwards.
    Tick(Millis),
    /// A worker came back with what an effect asked for.
    Answer(Answer),
    /// The journal moved, or could not be reached.
    News(Result<Vec<EventView>, String>),
}

/// What came of a fetch or an action.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The appliance.
    Status(Result<StatusView, String>),
    /// All farms.
    Farms(Result<Vec<FarmView>, String>),
    /// Farm roles of a farm.
    FarmRoles(u64, Result<Vec<FarmRoleView>, String>),
    /// Servers of a farm, or all.
    Servers(Option<u64>, Result<Vec<ServerView>, String>),
    /// The server asked for by this id or name.
    Server(String, Box<Result<ServerView, String>>),
    /// Its readings.
    Series(String, Result<Vec<SeriesView>, String>),
    /// The rollout of a farm role.
    Rollout(u64, Box<Result<RolloutView, String>>),
    /// Cloud accounts.
    Accounts(Result<Vec<AccountView>, String>),
    /// Why.
    Explain(String, Result<ExplainView, String>),
    /// The last lines of a server's logs.
    Log(String, Result<Vec<String>, String>),
    /// Roles, variables or cloud accounts.
    Catalogue(Noun, Result<Catalogue, String>),
    /// A whole fetch is over; how long it took bounds how soon the next may begin.
    Fetched(Millis),
    /// What came of an action, in one line.
    Acted(Result<String, String>),
}

/// A key by what it means, free of any terminal library: SSH sessions decode their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A letter, sign or space.
    Char(char),
    /// Ctrl and a lower-case letter.
    Ctrl(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
}

impl Key {
    const NAMED: [(&'static str, Key); 13] = [
        ("enter", Key::Enter),
        ("esc", Key::Esc),
        ("tab", Key::Tab),
        ("backspace", Key::Backspace),
        ("up", Key::Up),
        ("down", Key::Down),
        ("left", Key::Left),
        ("right", Key::Right),
        ("pgup", Key::PageUp),
        ("pgdn", Key::PageDown),
        ("home", Key::Home),
        ("end", Key::End),
        ("space", Key::Char(' ')),
    ];

    /// Reads the name the keymap uses: `j`, `enter`, `ctrl-t`.
    pub fn parse(name: &str) -> Option<Key> {
        if let Some((_, key)) = Key::NAMED.iter().find(|(known, _)| *known == name) {
            return Some(*key);
        }
        let (rest, ctrl) = match name.strip_prefix("ctrl-") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let mut chars = rest.chars();
        let only = chars.next().filter(|_| chars.next().is_none())?;
        Some(if ctrl { Key::Ctrl(only) } else { Key::Char(only) })
    }

    /// How it is spelt on the screen; words, because signs for keys are boxes somewhere.
    pub fn label(self) -> String {
        match self {
            Key::Char(' ') => "Space".into(),
            Key::Char(c) => c.to_string(),
            Key::Ctrl(c) => format!("Ctrl-{c}"),
            Key::Enter => "Enter".into(),
            Key::Esc => "Esc".into(),
            Key::Tab => "Tab".into(),
            Key::Backspace => "Backspace".into(),
            Key::Up => "Up".into(),
            Key::Down => "Down".into(),
            Key::Left => "Left".into(),
            Key::Right => "Right".into(),
            Key::PageUp => "PgUp".into(),
            Key::PageDown => "PgDn".into(),
            Key::Home => "Home".into(),
            Key::End => "End".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_read_and_print() {
        let check = |name: &str, key: Option<Key>| assert_eq!(Key::parse(name), key, "{name}");
        check("j", Some(Key::Char('j')));
        check("ctrl-t", Some(Key::Ctrl('t')));
        check("enter", Some(Key::Enter));
        check("space", Some(Key::Char(' ')));
        check("jj", None);
        check("", None);
        assert_eq!(Key::Ctrl('t').label(), "Ctrl-t");
    }
}
