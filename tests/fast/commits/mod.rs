//! What a transaction judges again, whatever was believed before it: the real service over a store
//! in memory.
//!
//! `admission` has the maximum when launches begin, `launches` what fails although it came up,
//! `orders` when an order is given up, `races` what people write between a plan's look and its
//! commit, `runs` commands on many servers.

mod admission;
mod launches;
mod orders;
mod races;
mod runs;
