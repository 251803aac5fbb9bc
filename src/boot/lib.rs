//! The crate of this room, and the rooms below that it uses.

#[path = "mod.rs"]
pub mod boot;

use grange_agent::agent;
use grange_api::api;
use grange_appliance::appliance;
use grange_base::base;
use grange_broker::broker;
use grange_cli::cli;
use grange_client::client;
use grange_clouds::clouds;
use grange_jobs::jobs;
use grange_model::model;
use grange_net::net;
use grange_pki::pki;
#[cfg(feature = "search")]
use grange_search::search;
use grange_series::series;
use grange_service::service;
use grange_store::store;
use grange_tui::tui;
use grange_wire::wire;
