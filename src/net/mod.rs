//! how bytes leave.

pub mod mqtt;
