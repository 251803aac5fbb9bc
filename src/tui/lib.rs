//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod tui;

use grange_base::base;
use grange_client::client;
use grange_model::model;
use grange_wire::wire;
