//! the state store.
