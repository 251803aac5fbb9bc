//! the terminal UI.
