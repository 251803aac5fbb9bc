//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod clouds;

use grange_base::base;
use grange_model::model;
use grange_net::net;
use grange_wire::wire;
