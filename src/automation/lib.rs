//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod automation;

use grange_base::base;
use grange_model::model;
