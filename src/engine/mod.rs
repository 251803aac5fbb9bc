//! decisions, pure.
