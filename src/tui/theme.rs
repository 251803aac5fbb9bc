//! Colours and signs, by what the terminal can show. Every state has a sign and a word; colour
//! only helps.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What a piece of the screen is, which the theme turns into a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of assets/themes/*.toml")]
pub enum Tone {
    Plain,
    Title,
    Accent,
    Good,
    Busy,
    Warn,
    Bad,
    Dim,
    Head,
    Select,
    Alert,
    Key,
}

/// One style of a theme file.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ink {
    #[serde(deserialize_with = "named_color")]
    fg: Option<Color>,
    bold: bool,
    dim: bool,
    reversed: bool,
}

/// A colour by its name.
fn named_color<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Color>, D::Error> {
    let name = String::deserialize(from)?;
    name.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("no colour is {name:?}")))
}

impl Ink {
    fn style(self) -> Style {
        let mut style = Style::new();
        if let Some(fg) = self.fg {
            style = style.fg(fg);
        }
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.reversed, Modifier::REVERSED),
        ];
        modifiers.into_iter().filter(|(on, _)| *on).fold(style, |s, (_, m)| s.add_modifier(m))
    }
}

/// A style for each tone.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    title: Ink,
    accent: Ink,
    good: Ink,
    busy: Ink,
    warn: Ink,
    bad: Ink,
    dim: Ink,
    head: Ink,
    select: Ink,
    alert: Ink,
    key: Ink,
}

impl Theme {
    /// The theme that ships, with colours or without. A fault in the file is a failing test.
    pub fn shipped(color: bool) -> Theme {
        let text = if color {
            include_str!("../../assets/themes/default.toml")
        } else {
            include_str!("../../assets/themes/mono.toml")
        };
        toml::from_str(text).unwrap_or_default()
    }

    /// The style of a tone.
    pub fn style(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Title => self.title.style(),
            Tone::Accent => self.accent.style(),
            Tone::Good => self.good.style(),
            Tone::Busy => self.busy.style(),
            Tone::Warn => self.warn.style(),
            Tone::Bad => self.bad.style(),
            Tone::Dim => self.dim.style(),
            Tone::Head => self.head.style(),
            Tone::Select => self.select.style(),
            Tone::Alert => self.alert.style(),
            Tone::Key => self.key.style(),
        }
    }
}

/// The signs, in Unicode or in ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Runs.
    pub on: &'static str,
    /// On its way.
    pub busy: &'static str,
    /// Not there, on purpose.
    pub off: &'static str,
    /// Going.
    pub going: &'static str,
    /// Needs a person.
    pub bad: &'static str,
    /// Not known.
    pub unknown: &'static str,
    /// Between breadcrumbs.
    pub into: &'static str,
    /// Marks the selected line even where reverse video does not show.
    pub cursor: &'static str,
    /// Rules across the screen.
    pub rule: &'static str,
    /// Corners and sides of a popup: top left, top right, bottom left, bottom right, side.
    pub frame: [&'static str; 5],
    /// Full and empty part of a bar.
    pub bar: [&'static str; 2],
    /// Heights of a graph, lowest first.
    pub steps: &'static [&'static str],
    /// In front of one of several.
    pub item: &'static str,
    /// From a cause to what it caused.
    pub cause: &'static str,
    /// There is more than fits.
    pub more: &'static str,
}

impl Signs {
    /// For any terminal with UTF-8.
    pub const UNICODE: Signs = Signs {
        on: "●",
        busy: "◐",
        off: "○",
        going: "▽",
        bad: "!",
        unknown: "?",
        into: "›",
        cursor: "▸",
        rule: "─",
        frame: ["┌", "┐", "└", "┘", "│"],
        bar: ["█", "·"],
        steps: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        item: "·",
        cause: "↑",
        more: "…",
    };

    /// For serial consoles, `TERM=linux`, and locales without UTF-8.
    pub const ASCII: Signs = Signs {
        on: "*",
        busy: "~",
        off: "-",
        going: "v",
        bad: "!",
        unknown: "?",
        into: ">",
        cursor: ">",
        rule: "-",
        frame: ["+", "+", "+", "+", "|"],
        bar: ["#", "."],
        steps: &["_", ".", ":", "-", "=", "+", "*", "#"],
        item: "-",
        cause: "^",
        more: "...",
    };
}

/// What is shown of a status: its sign, its words, its tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The sign.
    pub sign: &'static str,
    /// The word.
    pub word: &'static str,
    /// The tone.
    pub tone: Tone,
}

/// A server's badge. One that runs for all we know but was not seen lately is not called running.
pub fn server_badge(signs: &Signs, status: &str, seen: &str) -> Badge {
    let (sign, word, tone) = match status {
        "running" if seen == "unknown" => (signs.unknown, "running, unseen", Tone::Warn),
        "running" => (signs.on, "running", Tone::Good),
        "pending_launch" => (signs.busy, "pending launch", Tone::Busy),
        "pending" => (signs.busy, "pending", Tone::Busy),
        "initializing" => (signs.busy, "initializing", Tone::Busy),
        "resuming" => (signs.busy, "resuming", Tone::Busy),
        "pending_suspend" => (signs.going, "pending suspend", Tone::Busy),
        "suspended" => (signs.off, "suspended", Tone::Dim),
        "pending_terminate" => (signs.going, "terminating", Tone::Busy),
        "terminated" => (signs.off, "terminated", Tone::Dim),
        "importing" => (signs.busy, "importing", Tone::Busy),
        "temporary" => (signs.on, "temporary", Tone::Dim),
        _ => (signs.unknown, "unknown", Tone::Warn),
    };
    Badge { sign, word, tone }
}

/// The badge of a server of which more is true than its status tells; `None` where that is worse.
pub fn condition_badge(signs: &Signs, name: &str) -> Option<Badge> {
    let (sign, word, tone) = match name {
        "failed" => (signs.bad, "failed", Tone::Bad),
        "unhealthy" => (signs.bad, "unhealthy", Tone::Bad),
        "crashLoop" => (signs.bad, "crash loop", Tone::Bad),
        "serviceDown" => (signs.bad, "service down", Tone::Bad),
        "silent" => (signs.unknown, "silent", Tone::Bad),
        "missing" => (signs.unknown, "missing", Tone::Bad),
        "rebooting" => (signs.busy, "rebooting", Tone::Busy),
        _ => return None,
    };
    Some(Badge { sign, word, tone })
}

/// A rollout's badge: one that waits for a person is not like one that goes on.
pub fn rollout_badge(signs: &Signs, state: &str) -> Badge {
    let (sign, word, tone) = match state {
        "rolling" => (signs.busy, "rolling", Tone::Busy),
        "checkpoint" => (signs.off, "at a checkpoint", Tone::Warn),
        "paused" => (signs.off, "paused", Tone::Warn),
        "rolling back" => (signs.going, "rolling back", Tone::Warn),
        "failed" => (signs.bad, "failed", Tone::Bad),
        "rolled back" => (signs.bad, "rolled back", Tone::Bad),
        _ => (signs.unknown, "unknown", Tone::Warn),
    };
    Badge { sign, word, tone }
}

/// A farm's badge; a freeze outweighs everything, and fewer servers than wanted is not "running".
pub fn farm_badge(signs: &Signs, status: &str, frozen: bool, short: bool) -> Badge {
    let (sign, word, tone) = match status {
        _ if frozen => (signs.bad, "frozen", Tone::Bad),
        "running" if short => (signs.busy, "catching up", Tone::Busy),
        "running" => (signs.on, "running", Tone::Good),
        "pending_launch" => (signs.busy, "launching", Tone::Busy),
        "pending_suspend" => (signs.going, "stopping", Tone::Busy),
        "suspended" => (signs.off, "stopped", Tone::Warn),
        "pending_terminate" => (signs.going, "terminating", Tone::Busy),
        "terminated" => (signs.off, "terminated", Tone::Dim),
        _ => (signs.unknown, "unknown", Tone::Warn),
    };
    Badge { sign, word, tone }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::server::ServerStatus;

    #[test]
    fn the_shipped_themes_are_valid_and_use_no_colour_that_hides() {
        for text in [
            include_str!("../../assets/themes/default.toml"),
            include_str!("../../assets/themes/mono.toml"),
        ] {
            let theme: Theme = toml::from_str(text).expect("the theme is valid");
            for ink in [theme.title, theme.accent, theme.good, theme.busy, theme.warn] {
                let hides = [Color::White, Color::Black, Color::Gray, Color::DarkGray];
                assert!(ink.fg.is_none_or(|fg| !hides.contains(&fg)), "{ink:?}");
            }
        }
    }

    #[test]
    fn every_status_has_its_own_word() {
        for signs in [Signs::UNICODE, Signs::ASCII] {
            let words: std::collections::BTreeSet<_> = ServerStatus::ALL
                .iter()
                .map(|status| server_badge(&signs, status.as_str(), "running").word)
                .collect();
            assert_eq!(words.len(), ServerStatus::ALL.len());
            assert!(!words.contains("unknown"));
        }
    }
}
