//! The agent alone: the same code as `grange agent`, in a binary that carries nothing else.
#![forbid(unsafe_code)]

fn main() {}
