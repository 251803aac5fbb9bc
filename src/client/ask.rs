//! Asking a route by its constant: one way for every noun whose routes are typed.

use super::{Client, Error, Query, Response, encode, read};
use crate::wire::api::One;
use crate::wire::api::route::{Body, Created, NoBody, Nothing, Object, Route, Rows, Shaped};
use crate::wire::input::NoInput;
use std::fmt::Display;

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
        O::read(&self.change(route.method, &filled(route.path, at), input, None)?)
    }

    /// Asks for a change that takes nothing but its address.
    pub fn remove(&self, route: &Route<NoBody, Nothing>, at: &[&dyn Display]) -> Result<(), Error> {
        Nothing::read(&self.change(route.method, &filled(route.path, at), &NoInput {}, None)?)
    }

    /// Every row of every page of a list.
    pub fn rows<T: Shaped>(
        &self,
        route: &Route<NoBody, Rows<T>>,
        at: &[&dyn Display],
    ) -> Result<Vec<T>, Error> {
        self.all(&filled(route.path, at), &Query::default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_filled_in_order() {
        let check = |path: &str, at: &[&dyn Display], expected: &str| {
            assert_eq!(filled(path, at), expected);
        };
        check("/{envId}/grange/holds/", &[], "grange/holds/");
        check("/{envId}/grange/holds/{holdId}/", &[&7], "grange/holds/7/");
        check("/{envId}/a/{x}/b/{y}/", &[&"p/q", &2], "a/p%2Fq/b/2/");
    }
}
