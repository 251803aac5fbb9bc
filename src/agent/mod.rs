//! what runs on a server.
mod collect;
mod command;
mod file;
mod orders;
mod outbox;
mod spool;
mod state;
#[cfg(test)]
mod tests;
mod work;
