//! assembly.

mod demo_http;
pub mod demo_load;
pub mod demo_web;
