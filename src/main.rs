//! The binary: parse, match, exit code.
#![forbid(unsafe_code)]

fn main() {}
