//! what runs by itself.
