//! The table of routes: what gives dispatch and description alike.

mod accounts;
mod farms;
mod holds;
mod house;
mod proposals;
mod rollouts;
mod servers;
mod tokens;
mod volumes;

use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::Result;
use crate::wire::api::route::{Body, Created, NoBody, Nothing, Object, Route, Rows, Shaped};
use crate::wire::input::{Page, Slice};

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

/// Carries out a request on a thread that may block.
pub type Verb = dyn Fn(&Context, &Call) -> Result<Reply> + Send + Sync;

/// How a route is carried out.
pub enum Run {
    /// By a verb.
    Verb(fn(&Context, &Call) -> Result<Reply>),
    /// By a verb that takes and gives what its route's types say.
    Typed(Box<Verb>),
    /// By waiting for the journal.
    Events,
}

impl Row {
    /// A route that lists objects, page by page.
    pub fn rows<T: Shaped>(
        route: &'static Route<NoBody, Rows<T>>,
        verb: impl Fn(&Context, &Call, Page) -> Result<Slice<T>> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| call.page(|page| verb(on, call, page));
        Row::of(route, None, Output::Page(T::SHAPE), Box::new(run))
    }

    /// A route that makes an object.
    pub fn created<I: Body, T: Shaped>(
        route: &'static Route<I, Created<T>>,
        verb: impl Fn(&Context, &Call, I) -> Result<T> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let made = verb(on, call, call.input()?)?;
            Ok(Reply::Made(value(&made)?, made.revision()))
        };
        Row::of(route, I::NAMED, Output::Made(T::SHAPE), Box::new(run))
    }

    /// A route that does something, and shows what it was done to.
    pub fn object<I: Body, T: Shaped>(
        route: &'static Route<I, Object<T>>,
        verb: impl Fn(&Context, &Call, I) -> Result<T> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let shown = verb(on, call, call.input()?)?;
            Ok(Reply::One(value(&shown)?, shown.revision()))
        };
        Row::of(route, I::NAMED, Output::One(T::SHAPE), Box::new(run))
    }

    /// A route that answers nothing but that it is done.
    pub fn nothing(
        route: &'static Route<NoBody, Nothing>,
        verb: impl Fn(&Context, &Call) -> Result<()> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| verb(on, call).map(|()| Reply::Nothing);
        Row::of(route, None, Output::Nothing, Box::new(run))
    }

    fn of<I, O>(
        route: &'static Route<I, O>,
        input: Option<(&'static str, &'static str)>,
        output: Output,
        verb: Box<Verb>,
    ) -> Row {
        let Route { method, path, about, query, .. } = *route;
        Row { method, path, about, query, input, output, run: Run::Typed(verb) }
    }
}

/// Every route there is.
pub fn table() -> impl Iterator<Item = &'static Row> {
    let people = farms::ROWS.iter().chain(servers::ROWS).chain(proposals::ROWS);
    let people = people.chain(volumes::ROWS);
    people
        .chain(rollouts::ROWS)
        .chain(holds::ROWS.iter())
        .chain(accounts::ROWS.iter())
        .chain(house::ROWS)
        .chain(tokens::ROWS.iter())
}

pub use house::events;
