//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod jobs;

use grange_base::base;
use grange_clouds::clouds;
use grange_model::model;
use grange_service::service;
use grange_store::store;
use grange_wire::wire;
