//! Asking a route by its constant: one way for every noun.

use super::{Client, Error, Response, encode, read};
use crate::wire::api::One;
use crate::wire::api::route::{
    Body, Created, NoBody, Nothing, Object, Parameters, Query, Route, Rows, Shaped, Whole,
};
use crate::wire::api::{Many, Pagination};
use crate::wire::input::NoInput;
use std::fmt::Display;
use std::str::FromStr;

/// An answer, and what is read from it.
pub trait Answered {
    /// What a caller gets.
    type Value;
    /// Reads it.
    fn read(answer: &Response) -> Result<Self::Value, Error>;
}

impl<T: Shaped> Answered for Object<T> {
    type Value = T;

    fn read(answer: &Response) -> Result<T, Error> {
        read::<One<T>>(answer).map(|one| one.data)
    }
}

impl<T: Shaped> Answered for Created<T> {
    type Value = T;

    fn read(answer: &Response) -> Result<T, Error> {
        Object::<T>::read(answer)
    }
}

impl<T: Shaped> Answered for Whole<T> {
    type Value = Vec<T>;

    fn read(answer: &Response) -> Result<Vec<T>, Error> {
        read::<Many<T>>(answer).map(|many| many.data)
    }
}

impl<T: Shaped> Answered for Rows<T> {
    type Value = (Vec<T>, Pagination);

    fn read(answer: &Response) -> Result<(Vec<T>, Pagination), Error> {
        read::<Many<T>>(answer).map(|many| (many.data, many.pagination))
    }
}

impl Answered for Nothing {
    type Value = ();

    fn read(_: &Response) -> Result<(), Error> {
        Ok(())
    }
}

impl Client {
    /// Asks for a change. `at` fills in what the path has in braces after the environment.
    pub fn ask<I: Body, O: Answered>(
        &self,
        route: &Route<I, O>,
        at: &[&dyn Display],
        input: &I,
    ) -> Result<O::Value, Error> {
        self.ask_if(route, at, input, None)
    }

    /// Asks for a change; with a revision only of what is still the one that was read.
    pub fn ask_if<I: Body, O: Answered>(
        &self,
        route: &Route<I, O>,
        at: &[&dyn Display],
        input: &I,
        revision: Option<u64>,
    ) -> Result<O::Value, Error> {
        O::read(&self.change(route.method, &filled(route.path, at), input, revision)?)
    }

    /// Asks for a change that takes nothing but its address.
    pub fn remove(&self, route: &Route<NoBody, Nothing>, at: &[&dyn Display]) -> Result<(), Error> {
        self.remove_if(route, at, None)
    }

    /// The same; with a revision only of what is still the one that was read.
    pub fn remove_if(
        &self,
        route: &Route<NoBody, Nothing>,
        at: &[&dyn Display],
        revision: Option<u64>,
    ) -> Result<(), Error> {
        Nothing::read(&self.change(route.method, &filled(route.path, at), &NoInput {}, revision)?)
    }

    /// What a route shows.
    pub fn show<O: Answered>(
        &self,
        route: &Route<NoBody, O>,
        at: &[&dyn Display],
    ) -> Result<O::Value, Error> {
        self.show_where(route, at, &NoBody)
    }

    /// What a route shows when it is asked like this; of a list that comes in pages, the first.
    pub fn show_where<Q: Query, O: Answered>(
        &self,
        route: &Route<Q, O>,
        at: &[&dyn Display],
        query: &Q,
    ) -> Result<O::Value, Error> {
        O::read(&self.get(&asked(route.path, at, query), self.deadline)?)
    }

    /// Every row of every page of a list.
    pub fn rows<T: Shaped>(
        &self,
        route: &Route<NoBody, Rows<T>>,
        at: &[&dyn Display],
    ) -> Result<Vec<T>, Error> {
        self.rows_where(route, at, &NoBody)
    }

    /// Every row that a filter takes. The API pages so that one request stays short; a person
    /// asking for a list wants the list.
    pub fn rows_where<Q: Query, T: Shaped>(
        &self,
        route: &Route<Q, Rows<T>>,
        at: &[&dyn Display],
        query: &Q,
    ) -> Result<Vec<T>, Error> {
        self.rows_kept(route, at, query, &|_| true)
    }

    /// Those of them that are wanted: each page is looked through as it arrives, and of no page
    /// more is kept.
    pub fn rows_kept<Q: Query, T: Shaped>(
        &self,
        route: &Route<Q, Rows<T>>,
        at: &[&dyn Display],
        query: &Q,
        wanted: &dyn Fn(&T) -> bool,
    ) -> Result<Vec<T>, Error> {
        let asked = asked(route.path, at, query);
        let join = if asked.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        for page in 1.. {
            let path = format!("{asked}{join}pageNum={page}");
            let (more, pagination) = Rows::<T>::read(&self.get(&path, self.deadline)?)?;
            let empty = more.is_empty();
            rows.extend(more.into_iter().filter(wanted));
            if pagination.next.is_none() || empty {
                break;
            }
        }
        Ok(rows)
    }
}

/// A path below the environment with its parameters filled in.
fn filled(path: &str, at: &[&dyn Display]) -> String {
    let below = path.strip_prefix("/{envId}/").unwrap_or(path);
    let mut at = at.iter();
    let part = |part: &str| match part.starts_with('{') {
        true => at.next().map(|value| encode(&value.to_string())).unwrap_or_default(),
        false => part.to_owned(),
    };
    below.split('/').map(part).collect::<Vec<String>>().join("/")
}

/// The same with a query behind it.
pub(super) fn asked<Q: Query>(path: &str, at: &[&dyn Display], query: &Q) -> String {
    let mut written = Written(filled(path, at), '?');
    query.clone().each(&mut written);
    written.0
}

/// A path to which parameters are added, and what stands before the next one.
struct Written(String, char);

impl Parameters for Written {
    fn parameter<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        _: &str,
        value: &mut Option<T>,
    ) {
        let Some(value) = value else { return };
        let value = encode(&value.to_string());
        self.0.push_str(&format!("{}{name}={value}", self.1));
        self.1 = '&';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerStatus;
    use crate::wire::api::servers::SERVERS;
    use crate::wire::input::ServerFilter;

    #[test]
    fn paths_are_filled_in_order() {
        let check = |path: &str, at: &[&dyn Display], expected: &str| {
            assert_eq!(filled(path, at), expected);
        };
        check("/{envId}/grange/holds/", &[], "grange/holds/");
        check("/{envId}/grange/holds/{holdId}/", &[&7], "grange/holds/7/");
        check("/{envId}/a/{x}/b/{y}/", &[&"p/q", &2], "a/p%2Fq/b/2/");
    }

    #[test]
    fn filters_are_written_and_encoded() {
        let check = |filter: ServerFilter, expected: &str| {
            assert_eq!(asked(SERVERS.path, &[], &filter), expected);
        };
        check(ServerFilter::default(), "servers/");
        let filter = ServerFilter {
            hostname: Some("web 3/x".to_owned()),
            status: Some(ServerStatus::PendingLaunch),
            index: Some(3),
            ..ServerFilter::default()
        };
        check(filter, "servers/?hostname=web%203%2Fx&index=3&status=pending_launch");
    }
}
