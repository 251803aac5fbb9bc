//! The table of routes: what gives dispatch and description alike.

mod accounts;
mod farms;
mod holds;
mod house;
mod images;
mod notes;
mod proposals;
mod roles;
mod rollouts;
mod runs;
mod servers;
mod tokens;
mod variables;
mod volumes;

use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::Result;
use crate::service::agents::streams::StreamReader;
use crate::service::farms::images::ArrivingImage;
use crate::wire::api::journal::EventsAsked;
use crate::wire::api::logs::StreamPiece;
use crate::wire::api::route::{
    Body, Created, NoBody, Nothing, Object, Query, Route, Rows, Shaped, Streamed, Whole, parameters,
};
use crate::wire::api::{EventView, Pagination};
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
    pub query: Vec<&'static str>,
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
    /// Objects of a shape, one a line, while they come about.
    Stream(&'static str),
    /// Nothing.
    Nothing,
}

/// Carries out a request on a thread that may block.
pub type Verb = dyn Fn(&Context, &Call) -> Result<Reply> + Send + Sync;

/// How a route is carried out.
pub enum Run {
    /// By a verb that takes and gives what its route's types say.
    Verb(Box<Verb>),
    /// By waiting for the journal.
    Events,
    /// By sending on what comes over a stream from a server.
    Stream(Box<Opens>),
    /// By gathering all that comes over one, and understanding it.
    Gather(Box<Opens>, fn(&[u8]) -> Result<Reply>),
    /// By a verb that reads the body while it arrives, however large it is.
    Upload(Box<Takes>),
}

/// Takes a body as it arrives, on a thread that may block.
pub type Takes = dyn Fn(&Context, &Call, ArrivingImage<'_>) -> Result<Reply> + Send + Sync;

/// Opens a stream from a server, on a thread that may block.
pub type Opens = dyn Fn(&Context, &Call) -> Result<StreamReader> + Send + Sync;

impl Row {
    /// A route that lists objects, page by page.
    pub fn rows<Q: Query, T: Shaped>(
        route: &'static Route<Q, Rows<T>>,
        verb: impl Fn(&Context, &Call, Q, Page) -> Result<Slice<T>> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let asked = call.asked::<Q>()?;
            call.page(|page| verb(on, call, asked, page))
        };
        Row::read(route, Output::Page(T::SHAPE), Run::Verb(Box::new(run)))
    }

    /// A route that lists objects in one piece.
    pub fn whole<Q: Query, T: Shaped>(
        route: &'static Route<Q, Whole<T>>,
        verb: impl Fn(&Context, &Call, Q) -> Result<Vec<T>> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let rows = value(&verb(on, call, call.asked()?)?)?;
            Ok(Reply::Page { rows, pagination: Pagination::default() })
        };
        Row::read(route, Output::List(T::SHAPE), Run::Verb(Box::new(run)))
    }

    /// The route that waits for the journal.
    pub fn events(route: &'static Route<EventsAsked, Whole<EventView>>) -> Row {
        Row::read(route, Output::List(EventView::SHAPE), Run::Events)
    }

    /// A route that lists what a server's agent says there is.
    pub fn gathered<Q: Query, T: Shaped>(
        route: &'static Route<Q, Whole<T>>,
        opens: impl Fn(&Context, &Call, Q) -> Result<StreamReader> + Send + Sync + 'static,
        understand: fn(&[u8]) -> Result<Reply>,
    ) -> Row {
        let opens = move |on: &Context, call: &Call| opens(on, call, call.asked()?);
        Row::read(route, Output::List(T::SHAPE), Run::Gather(Box::new(opens), understand))
    }

    /// A route that sends on what comes over a stream from a server.
    pub fn streamed<Q: Query>(
        route: &'static Route<Q, Streamed<StreamPiece>>,
        opens: impl Fn(&Context, &Call, Q) -> Result<StreamReader> + Send + Sync + 'static,
    ) -> Row {
        let opens = move |on: &Context, call: &Call| opens(on, call, call.asked()?);
        Row::read(route, Output::Stream(StreamPiece::SHAPE), Run::Stream(Box::new(opens)))
    }

    /// A route that shows an object.
    pub fn show<Q: Query, T: Shaped>(
        route: &'static Route<Q, Object<T>>,
        verb: impl Fn(&Context, &Call, Q) -> Result<T> + Send + Sync + 'static,
    ) -> Row {
        Row::show_revised(route, move |on, call, asked| {
            let shown = verb(on, call, asked)?;
            let revision = shown.revision();
            Ok((shown, revision))
        })
    }

    /// A route that shows an object with the revision of the record it is a part of.
    pub fn show_revised<Q: Query, T: Shaped>(
        route: &'static Route<Q, Object<T>>,
        verb: impl Fn(&Context, &Call, Q) -> Result<Revised<T>> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let (shown, revision) = verb(on, call, call.asked()?)?;
            Ok(Reply::One(value(&shown)?, revision))
        };
        Row::read(route, Output::One(T::SHAPE), Run::Verb(Box::new(run)))
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
        Row::write(route, Output::Made(T::SHAPE), Box::new(run))
    }

    /// A route that makes an object of a file.
    pub fn uploaded<Q: Query, T: Shaped>(
        route: &'static Route<Q, Created<T>>,
        verb: impl Fn(&Context, &Call, Q, ArrivingImage<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Row {
        let takes = move |on: &Context, call: &Call, arriving: ArrivingImage<'_>| {
            let made = verb(on, call, call.asked()?, arriving)?;
            Ok(Reply::Made(value(&made)?, made.revision()))
        };
        Row::read(route, Output::Made(T::SHAPE), Run::Upload(Box::new(takes)))
    }

    /// A route that does something, and shows what it was done to.
    pub fn object<I: Body, T: Shaped>(
        route: &'static Route<I, Object<T>>,
        verb: impl Fn(&Context, &Call, I) -> Result<T> + Send + Sync + 'static,
    ) -> Row {
        Row::revised(route, move |on, call, input| {
            let shown = verb(on, call, input)?;
            let revision = shown.revision();
            Ok((shown, revision))
        })
    }

    /// A route that does something to a part of a record, and shows it with the record's revision.
    pub fn revised<I: Body, T: Shaped>(
        route: &'static Route<I, Object<T>>,
        verb: impl Fn(&Context, &Call, I) -> Result<Revised<T>> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| {
            let (shown, revision) = verb(on, call, call.input()?)?;
            Ok(Reply::One(value(&shown)?, revision))
        };
        Row::write(route, Output::One(T::SHAPE), Box::new(run))
    }

    /// A route that answers nothing but that it is done.
    pub fn nothing(
        route: &'static Route<NoBody, Nothing>,
        verb: impl Fn(&Context, &Call) -> Result<()> + Send + Sync + 'static,
    ) -> Row {
        let run = move |on: &Context, call: &Call| verb(on, call).map(|()| Reply::Nothing);
        Row::read(route, Output::Nothing, Run::Verb(Box::new(run)))
    }

    /// A row without a body.
    fn read<Q: Query, O>(route: &'static Route<Q, O>, output: Output, run: Run) -> Row {
        let Route { method, path, about, .. } = *route;
        Row { method, path, about, query: parameters::<Q>(), input: None, output, run }
    }

    /// A row with one.
    fn write<I: Body, O>(route: &'static Route<I, O>, output: Output, verb: Box<Verb>) -> Row {
        let Route { method, path, about, named, .. } = *route;
        let (query, input, run) = (Vec::new(), named.or(I::NAMED), Run::Verb(verb));
        Row { method, path, about, query, input, output, run }
    }
}

/// An object, and the revision it is answered with.
pub type Revised<T> = (T, Option<u64>);

/// Every route there is.
pub fn table() -> impl Iterator<Item = &'static Row> {
    let people = farms::ROWS.iter().chain(servers::ROWS.iter()).chain(proposals::ROWS.iter());
    people
        .chain(volumes::ROWS.iter())
        .chain(roles::ROWS.iter())
        .chain(images::ROWS.iter())
        .chain(rollouts::ROWS.iter())
        .chain(holds::ROWS.iter())
        .chain(notes::ROWS.iter())
        .chain(runs::ROWS.iter())
        .chain(accounts::ROWS.iter())
        .chain(house::ROWS.iter())
        .chain(tokens::ROWS.iter())
        .chain(variables::ROWS.iter())
}

pub use house::events;
