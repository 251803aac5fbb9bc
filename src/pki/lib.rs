//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod pki;

use grange_base::base;
#[cfg(test)]
use grange_net::net;
