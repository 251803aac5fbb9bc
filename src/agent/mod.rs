//! what runs on a server.
