//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod service;

use grange_automation::automation;
use grange_base::base;
use grange_broker::broker;
use grange_clouds::clouds;
use grange_engine::engine;
use grange_model::model;
use grange_pki::pki;
use grange_series::series;
use grange_store::store;
use grange_wire::wire;
