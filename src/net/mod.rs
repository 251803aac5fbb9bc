//! how bytes leave.
