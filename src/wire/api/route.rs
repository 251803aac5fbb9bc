//! Routes of the API as constants: what each is called, what it takes and what it answers.
//!
//! One declaration serves all who name a route: the dispatcher and the served description
//! (`api::routes`), and every caller (`client`), so that none of them can mean another path, body
//! or answer than the others. A route's types are [`Route`]'s parameters: its body, and one of
//! [`Object`], [`Created`], [`Rows`] and [`Nothing`] around the object it answers.
//!
//! To add a route: its constant beside its noun's views, its row in `api::routes`, its call where
//! it is needed: `client.ask(&HOLD_PLACE, &[], &input)`.

use crate::wire::input::NoInput;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A route of the API that takes an `I` and answers an `O`.
pub struct Route<I, O> {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path below `/api/v1beta0/user`, as the description prints it; what is in braces is
    /// filled in, the environment first.
    pub path: &'static str,
    /// One sentence on what it does.
    pub about: &'static str,
    /// Query parameters it knows, beyond paging.
    pub query: &'static [&'static str],
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

/// An object that a route answers.
pub trait Shaped: Serialize + DeserializeOwned {
    /// The name of its shape in the description.
    const SHAPE: &'static str;

    /// Its revision, for `ETag` and `If-Match`; `None` where it has none.
    fn revision(&self) -> Option<u64> {
        None
    }
}

/// No body at all: what is read or removed takes none.
pub enum NoBody {}

/// One object.
pub struct Object<T>(PhantomData<T>);

/// One object that was not there before.
pub struct Created<T>(PhantomData<T>);

/// A list, page by page.
pub struct Rows<T>(PhantomData<T>);

/// Nothing but that it is done.
pub struct Nothing;

impl<I, O> Route<I, O> {
    const fn of(method: &'static str, path: &'static str, about: &'static str) -> Route<I, O> {
        Route { method, path, about, query: &[], types: PhantomData }
    }
}

impl<T> Route<NoBody, Rows<T>> {
    /// Lists objects.
    pub const fn list(path: &'static str, about: &'static str) -> Route<NoBody, Rows<T>> {
        Route::of("GET", path, about)
    }
}

impl<I, T> Route<I, Object<T>> {
    /// Does something, and shows what it was done to.
    pub const fn act(path: &'static str, about: &'static str) -> Route<I, Object<T>> {
        Route::of("POST", path, about)
    }
}

impl<I, T> Route<I, Created<T>> {
    /// Makes an object.
    pub const fn create(path: &'static str, about: &'static str) -> Route<I, Created<T>> {
        Route::of("POST", path, about)
    }
}

impl Route<NoBody, Nothing> {
    /// Removes an object.
    pub const fn remove(path: &'static str, about: &'static str) -> Route<NoBody, Nothing> {
        Route::of("DELETE", path, about)
    }
}
