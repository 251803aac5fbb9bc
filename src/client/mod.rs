//! the typed client of our own API.
