//! Floor 7: assembly. The only room that knows everybody.
//!
//! [`serve`] makes an appliance and takes it down again, [`driver`] gives each job a thread.
//! Nothing is decided here.

pub mod certificate;
mod checker;
pub mod config;
pub mod demo;
pub mod demo_http;
pub mod demo_load;
pub mod demo_web;
pub mod driver;
pub mod failure;
pub mod find;
mod guard;
pub mod logs;
pub mod memory;
pub mod onboard;
pub mod pool;
mod ports;
pub mod ready;
mod remade;
pub mod run;
pub mod serve;
mod sweep;
pub mod told;
