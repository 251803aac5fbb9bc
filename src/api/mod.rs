//! the HTTPS and unix socket door.
