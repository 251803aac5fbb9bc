//! the machine itself.
