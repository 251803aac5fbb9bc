//! Grange: a cloud management platform in one static binary.
// A file that cannot do without `unsafe` says why in its first line, and allows it for itself.
#![deny(unsafe_code)]

pub mod agent;
pub mod api;
pub mod appliance;
pub mod automation;
pub mod base;
pub mod boot;
pub mod broker;
pub mod cli;
pub mod client;
pub mod clouds;
pub mod engine;
pub mod jobs;
pub mod model;
pub mod net;
pub mod pki;
#[cfg(feature = "search")]
pub mod search;
pub mod series;
pub mod service;
pub mod store;
pub mod tui;
pub mod wire;
