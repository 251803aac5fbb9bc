//! Floor 2: automation. Topology in, configuration bytes out; and the roles that are built in.
//!
//! A farm role whose role has an automation gets its service's configuration from the live
//! topology: `service` assembles a `Topology` whenever servers come, go or drain, the automation's
//! `render` turns it into a file with its check and its reload, and an order carries that to the
//! agent, which keeps the last good one. Everything here is a function of values: the same
//! topology gives the same bytes, so an unchanged world orders nothing.
//!
//! Templates are in `assets/automation/`, embedded; what goes into them is made safe by `haproxy`
//! before it gets there, because names and paths come from people. Built-in roles are data in
//! `assets/roles/builtin.toml`.
//!
//! Not here: writing files (the agent's), deciding when (the service's).
//!
//! To add an automation: a file here with `Topology`, `render` and its template, a variant of
//! `model::Automation`, a built-in role, and a golden in `tests.rs` beside the real service's own
//! check of it in `tests/system/`.

pub mod haproxy;
pub mod recipe;
mod roles;

pub use roles::builtin_roles;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

/// What every template is rendered in: a name that is not there is an error, and nothing is
/// escaped.
fn strict_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment
}
