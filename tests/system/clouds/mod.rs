//! Clouds of other people's making: each against its own real server, which the test starts in a
//! network name space of its own and ends again.

mod appliance;
mod command;
mod docker;
mod engine;
mod lease;
mod tls;
mod yard;
