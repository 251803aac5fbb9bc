//! The table of routes: what gives dispatch and description alike.

mod accounts;
mod farms;
mod holds;
mod house;
mod proposals;
mod rollouts;
mod servers;
mod volumes;

use crate::api::Context;
use crate::api::answer::Reply;
use crate::api::call::Call;
use crate::base::Result;

/// One route.
pub struct Row {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path below `/api/v1beta0/user`, as the description prints it.
    pub path: &'static str,
    /// One sentence on what it does.
    pub about: &'static str,
    /// Query parameters it knows, beyond paging.
    pub query: &'static [&'static str],
    /// The body's name and shape, if it takes one.
    pub input: Option<(&'static str, &'static str)>,
    /// What it answers.
    pub output: Output,
    /// How.
    pub run: Run,
}

/// What a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// One object of a shape.
    One(&'static str),
    /// A new object of a shape.
    Made(&'static str),
    /// A page of a list of a shape.
    Page(&'static str),
    /// A whole list of a shape.
    List(&'static str),
    /// Nothing.
    Nothing,
}

/// How a route is carried out.
#[derive(Clone, Copy)]
pub enum Run {
    /// By a verb, on a thread that may block.
    Verb(fn(&Context, &Call) -> Result<Reply>),
    /// By waiting for the journal.
    Events,
}

/// Every route there is.
pub fn table() -> impl Iterator<Item = &'static Row> {
    let people = farms::ROWS.iter().chain(servers::ROWS).chain(proposals::ROWS);
    let people = people.chain(volumes::ROWS);
    people.chain(rollouts::ROWS).chain(holds::ROWS).chain(accounts::ROWS).chain(house::ROWS)
}

pub use house::events;
