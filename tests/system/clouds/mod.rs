//! Clouds of other people's making: each against its own real server, which the test starts in a
//! network name space of its own and ends again.

mod docker;
mod engine;
