//! full-text search.
