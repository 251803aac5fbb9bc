//! Routes of the API as constants: what each is called, what it takes and what it answers.
//!
//! One declaration serves all who name a route: the dispatcher and the served description
//! (`api::routes`), and every caller (`client`), so that none of them can mean another path, body
//! or answer than the others. A route's types are [`Route`]'s parameters: its body, or for what is
//! only read its [`Query`], and one of [`Object`], [`Created`], [`Rows`], [`Whole`], [`Streamed`]
//! and [`Nothing`] around the object it answers.
//!
//! To add a route: its constant beside its noun's views, its row in `api::routes`, its call where
//! it is needed: `client.ask(&HOLD_PLACE, &[], &input)`.

use crate::wire::input::NoInput;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

/// A route of the API that takes an `I` and answers an `O`.
pub struct Route<I, O> {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path below `/api/v1beta0/user`, as the description prints it; what is in braces is
    /// filled in, the environment first.
    pub path: &'static str,
    /// One sentence on what it does.
    pub about: &'static str,
    /// What its body and the body's shape are called in the description, where that is not what
    /// [`Body::NAMED`] says.
    pub named: Option<(&'static str, &'static str)>,
    types: PhantomData<fn(I) -> O>,
}

/// A body that a route takes.
pub trait Body: Serialize + DeserializeOwned {
    /// Its name and the name of its shape in the description; `None` where nothing has to be said.
    const NAMED: Option<(&'static str, &'static str)>;
}

impl Body for NoInput {
    const NAMED: Option<(&'static str, &'static str)> = None;
}

/// What a route that only reads is asked with: filters of a list, or what is to be shown.
pub trait Query: Clone + Default {
    /// Shows every parameter to a visitor, in the order the description has them. It is called to
    /// name them, to read them from a request and to write them into one.
    fn each(&mut self, visit: &mut impl Parameters);
}

/// Who visits the parameters of a [`Query`].
pub trait Parameters {
    /// One of them. A text that cannot be one is said to be `wrong`, as `not a number`.
    fn parameter<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        wrong: &str,
        value: &mut Option<T>,
    );

    /// One that can be any text.
    fn text(&mut self, name: &'static str, value: &mut Option<String>) {
        self.parameter(name, "not a text", value);
    }
}

/// The names of a query's parameters.
pub fn parameters<Q: Query>() -> Vec<&'static str> {
    struct Names(Vec<&'static str>);
    impl Parameters for Names {
        fn parameter<T: FromStr + Display>(
            &mut self,
            name: &'static str,
            _: &str,
            _: &mut Option<T>,
        ) {
            self.0.push(name);
        }
    }
    let mut names = Names(Vec::new());
    Q::default().each(&mut names);
    names.0
}

/// An object that a route answers.
pub trait Shaped: Serialize + DeserializeOwned {
    /// The name of its shape in the description.
    const SHAPE: &'static str;

    /// Its revision, for `ETag` and `If-Match`; `None` where it has none.
    fn revision(&self) -> Option<u64> {
        None
    }
}

/// Neither a body nor a query: what is read or removed needs none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBody;

impl Query for NoBody {
    fn each(&mut self, _: &mut impl Parameters) {}
}

/// One object.
pub struct Object<T>(PhantomData<T>);

/// One object that was not there before.
pub struct Created<T>(PhantomData<T>);

/// A list, page by page.
pub struct Rows<T>(PhantomData<T>);

/// A list in one piece.
pub struct Whole<T>(PhantomData<T>);

/// Nothing but that it is done.
pub struct Nothing;

/// Objects one after the other, each on a line, while they come about.
pub struct Streamed<T>(PhantomData<T>);

impl<I, O> Route<I, O> {
    const fn of(method: &'static str, path: &'static str, about: &'static str) -> Route<I, O> {
        Route { method, path, about, named: None, types: PhantomData }
    }

    /// The same, with names of its own in the description for its body and the body's shape.
    pub const fn named(mut self, name: &'static str, shape: &'static str) -> Route<I, O> {
        self.named = Some((name, shape));
        self
    }
}

impl<Q: Query, T> Route<Q, Rows<T>> {
    /// Lists objects.
    pub const fn list(path: &'static str, about: &'static str) -> Route<Q, Rows<T>> {
        Route::of("GET", path, about)
    }
}

impl<Q: Query, T> Route<Q, Whole<T>> {
    /// Lists objects in one piece.
    pub const fn whole(path: &'static str, about: &'static str) -> Route<Q, Whole<T>> {
        Route::of("GET", path, about)
    }
}

impl<Q: Query, T> Route<Q, Streamed<T>> {
    /// Shows objects while they come about.
    pub const fn stream(path: &'static str, about: &'static str) -> Route<Q, Streamed<T>> {
        Route::of("GET", path, about)
    }
}

impl<Q: Query, T> Route<Q, Object<T>> {
    /// Shows an object.
    pub const fn show(path: &'static str, about: &'static str) -> Route<Q, Object<T>> {
        Route::of("GET", path, about)
    }
}

impl<I: Body, T> Route<I, Object<T>> {
    /// Does something, and shows what it was done to.
    pub const fn act(path: &'static str, about: &'static str) -> Route<I, Object<T>> {
        Route::of("POST", path, about)
    }

    /// Changes fields of an object, perhaps only if it is of a revision, and shows it.
    pub const fn change(path: &'static str, about: &'static str) -> Route<I, Object<T>> {
        Route::of("PATCH", path, about)
    }
}

impl<I: Body, T> Route<I, Created<T>> {
    /// Makes an object.
    pub const fn create(path: &'static str, about: &'static str) -> Route<I, Created<T>> {
        Route::of("POST", path, about)
    }
}

impl<Q: Query, T> Route<Q, Created<T>> {
    /// Makes an object of a body that is a file, which is taken while it arrives.
    pub const fn upload(path: &'static str, about: &'static str) -> Route<Q, Created<T>> {
        Route::of("POST", path, about)
    }
}

impl Route<NoBody, Nothing> {
    /// Removes an object.
    pub const fn remove(path: &'static str, about: &'static str) -> Route<NoBody, Nothing> {
        Route::of("DELETE", path, about)
    }
}
