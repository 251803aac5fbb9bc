//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod appliance;

use grange_base::base;
use grange_client::client;
use grange_clouds::clouds;
use grange_net::net;
use grange_pki::pki;
use grange_store::store;
use grange_wire::wire;
