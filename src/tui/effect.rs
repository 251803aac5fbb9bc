//! What the runner is asked to do. `update` returns these and does nothing itself.

use super::catalogue::Noun;
use super::source::Action;

/// One thing to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the appliance for these, in this order; a newer fetch replaces one not yet finished.
    Fetch(Vec<Want>),
    /// Do this.
    Act(Action),
    /// Put this text on the clipboard of whoever looks at the terminal.
    Copy(String),
    /// Leave the screen and print this; the next key comes back.
    Plain(String),
    /// Paint every cell again.
    Repaint,
    /// End the session.
    Quit,
}

/// One thing to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The appliance.
    Status,
    /// All farms.
    Farms,
    /// Farm roles of a farm.
    FarmRoles(u64),
    /// Servers of a farm, or all.
    Servers(Option<u64>),
    /// One server by id or name.
    Server(String),
    /// Its readings.
    Series(String),
    /// The rollout of a farm role.
    Rollout(u64),
    /// Cloud accounts.
    Accounts,
    /// Why.
    Explain(String),
    /// What a server prints.
    Log(String),
    /// Roles, variables or cloud accounts.
    Catalogue(Noun),
}
