//! What people have done on many servers at once.

pub mod runs;
