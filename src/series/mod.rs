//! the time-series engine.
