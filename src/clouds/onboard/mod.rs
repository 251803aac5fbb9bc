//! onboard
