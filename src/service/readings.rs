//! Readings: what farm roles were like minute by minute, and what other rules would have made of
//! it.

pub mod minutes;
pub mod whatif;
