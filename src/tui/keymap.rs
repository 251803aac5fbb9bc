//! The one table of keys: dispatch, footer and help all read it. Data is in `assets/keymap.toml`.

use super::event::Key;
use serde::Deserialize;
use std::sync::LazyLock;

/// What a key can mean. Names in the table are these in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described, for people, in assets/keymap.toml")]
pub enum Verb {
    Open,
    Back,
    Why,
    Log,
    Events,
    Launch,
    Terminate,
    Reboot,
    Hold,
    Release,
    Lock,
    Role,
    Pause,
    Resume,
    Abort,
    Rollback,
    Stop,
    Account,
    Focus,
    Sort,
    Filter,
    Palette,
    Status,
    Copy,
    Plain,
    Help,
    Quit,
    Leave,
    Repaint,
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Accept,
    Cancel,
    Complete,
    Next,
    Previous,
    Erase,
    Clear,
}

/// Where a key is pressed: a page, or a line being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the pages, by their names")]
pub enum Scope {
    Farms,
    Farm,
    Role,
    Servers,
    Server,
    Events,
    Why,
    Log,
    Status,
    Catalogue,
    Entry,
    Help,
    Input,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 13] = [
        Scope::Farms,
        Scope::Farm,
        Scope::Role,
        Scope::Servers,
        Scope::Server,
        Scope::Events,
        Scope::Why,
        Scope::Log,
        Scope::Status,
        Scope::Catalogue,
        Scope::Entry,
        Scope::Help,
        Scope::Input,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Farms => "farms",
            Scope::Farm => "farm",
            Scope::Role => "role",
            Scope::Servers => "servers",
            Scope::Server => "server",
            Scope::Events => "events",
            Scope::Why => "why",
            Scope::Log => "log",
            Scope::Status => "status",
            Scope::Catalogue => "catalogue",
            Scope::Entry => "entry",
            Scope::Help => "help",
            Scope::Input => "input",
        }
    }

    /// Whether it has lines to select.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Scope::Farms | Scope::Farm | Scope::Servers | Scope::Events | Scope::Catalogue
        )
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The keys.
    pub on: Vec<Key>,
    /// What they mean.
    pub verb: Verb,
    /// Names of scopes, or `pages`, `lists`.
    pub places: Vec<String>,
    /// The word in the footer, if it is there.
    pub foot: Option<String>,
    /// The sentence in the help.
    pub help: String,
}

impl Binding {
    /// Whether it works there.
    pub fn holds(&self, scope: Scope) -> bool {
        self.places.iter().any(|place| match place.as_str() {
            "pages" => scope != Scope::Input,
            "lists" => scope.is_list(),
            name => name == scope.name(),
        })
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    /// In the order of the footer and the help.
    pub bindings: Vec<Binding>,
}

#[derive(Deserialize)]
struct File {
    key: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    on: Vec<String>,
    verb: Verb,
    r#where: Vec<String>,
    foot: Option<String>,
    help: String,
}

impl Keymap {
    /// The table that ships. A fault in it is a failing test; it is then empty, not a crash.
    pub fn shipped() -> &'static Keymap {
        static SHIPPED: LazyLock<Keymap> = LazyLock::new(|| {
            Keymap::parse(include_str!("../../assets/keymap.toml")).unwrap_or_default()
        });
        &SHIPPED
    }

    /// Reads a table and refuses unknown keys, unknown places and a key with two meanings.
    pub fn parse(text: &str) -> Result<Keymap, String> {
        let file: File = toml::from_str(text).map_err(|fault| fault.to_string())?;
        let mut keymap = Keymap::default();
        for line in file.key {
            let on: Vec<Key> = line
                .on
                .iter()
                .map(|name| Key::parse(name).ok_or_else(|| format!("no key is named {name:?}")))
                .collect::<Result<_, _>>()?;
            for place in &line.r#where {
                let known = Scope::ALL.iter().any(|scope| scope.name() == place);
                if !known && place != "pages" && place != "lists" {
                    return Err(format!("no page is named {place:?}"));
                }
            }
            let binding = Binding {
                on,
                verb: line.verb,
                places: line.r#where,
                foot: line.foot,
                help: line.help,
            };
            keymap.refuse_conflict(&binding)?;
            keymap.bindings.push(binding);
        }
        Ok(keymap)
    }

    fn refuse_conflict(&self, new: &Binding) -> Result<(), String> {
        for scope in Scope::ALL.into_iter().filter(|scope| new.holds(*scope)) {
            for key in &new.on {
                if let Some(verb) = self.verb(scope, *key) {
                    return Err(format!(
                        "{} means both {verb:?} and {:?} in {}",
                        key.label(),
                        new.verb,
                        scope.name()
                    ));
                }
            }
        }
        Ok(())
    }

    /// What a key means there.
    pub fn verb(&self, scope: Scope, key: Key) -> Option<Verb> {
        self.at(scope).find(|binding| binding.on.contains(&key)).map(|binding| binding.verb)
    }

    /// What works there.
    pub fn at(&self, scope: Scope) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.holds(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_whole_and_free_of_conflicts() {
        let text = include_str!("../../assets/keymap.toml");
        let keymap = Keymap::parse(text).expect("the shipped keymap is valid");
        for scope in Scope::ALL {
            assert!(keymap.verb(scope, Key::Ctrl('c')).is_some(), "{}", scope.name());
        }
        assert_eq!(keymap.verb(Scope::Farms, Key::Char('q')), Some(Verb::Quit));
        assert_eq!(keymap.verb(Scope::Input, Key::Char('q')), None, "q is a letter here");
    }

    #[test]
    fn faults_are_refused() {
        let key = |on: &str, place: &str| {
            format!("[[key]]\non=[{on:?}]\nverb=\"up\"\nwhere=[{place:?}]\nhelp=\"h\"\n")
        };
        let check = |text: String, part: &str| {
            let fault = Keymap::parse(&text).expect_err("refused");
            assert!(fault.contains(part), "{fault}");
        };
        check(key("hyper", "pages"), "no key is named");
        check(key("j", "moon"), "no page is named");
        check(key("j", "pages") + &key("j", "farms"), "j means both");
        check(key("j", "lists") + &key("j", "events"), "j means both");
    }
}
