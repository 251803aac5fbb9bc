//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod model;

use grange_base::base;
