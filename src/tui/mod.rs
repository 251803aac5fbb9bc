//! Floor 6: the terminal UI: farms, servers, events and why, live, with nothing but keys.
//!
//! One loop: the [`runner`] waits for an [`event::Event`] (a key, a tick, an answer of the
//! appliance, news of its journal), [`update::update`] changes the [`state::State`] and returns
//! [`effect::Effect`]s, the runner carries them out on worker threads, and [`view::view`] draws
//! the state. `update` and `view` are functions of values: no clock, no terminal, no network, so
//! whole sessions are tests (`tests/tui/*.screen`). Only `runner` has IO, over any writer: the
//! local terminal is one, a session served over SSH can be another.
//!
//! ```text
//! keys, resize ─┐                                 ┌─ Fetch, Act ─> worker ── Answer ─┐
//! ticks ────────┼─> update(&mut State, Event) ────┤                                  │
//! News, Answer ─┘        │                        └─ Copy, Plain, Repaint, Quit      │
//!      ^                 └─> view(&State) ─> cells that changed ─> one write         │
//!      └─────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! What users of such tools complain of, and the rule we took:
//! - nothing waits on the appliance but the workers; when it is away, what was last seen stays,
//!   under a banner with its age;
//! - state is a sign and a word, never a hue alone; sixteen named colours, none of them white;
//! - a frame is the cells that changed, and there is none when nothing did: ages are coarse, the
//!   clock has no seconds, nothing spins; nothing is asked of the terminal;
//! - the mouse stays the terminal's; `y` copies, `p` prints;
//! - one table of keys (`assets/keymap.toml`) drives dispatch, footer and help.
//!
//! Not here: rights (they are enforced in `service`, not in a screen), and any fetching of its
//! own: [`source::Source`] is all it knows of the appliance.
//!
//! To add a page: a variant of [`state::Place`], what it needs in `State::wants`, a file in
//! `view/`, its name in `keymap.rs`, and a `.screen` file of three lines, then `BLESS=1`.

pub mod catalogue;
mod client;
pub mod effect;
pub mod event;
pub mod keymap;
pub mod palette;
pub mod rows;
pub mod runner;
pub mod source;
pub mod state;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;

pub use runner::{Color, Options, run};
pub use source::{Action, Source};
