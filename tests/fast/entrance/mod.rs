//! Who may do what, and who is let in: the real service over a store in memory.
//!
//! `rights` has every verb with the permissions it asks for, `doors` every way in with every reason
//! to refuse. A verb of `service` without its line fails.

mod doors;
mod elsewhere;
pub mod rights;
