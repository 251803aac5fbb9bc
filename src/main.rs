//! The binary: parse, match, exit code.
#![forbid(unsafe_code)]

use grange::boot;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let arguments: Vec<_> = arguments.collect();
    // A server's first processes: before anything else, because they may have one thread only.
    if arguments.first().is_some_and(|first| first == "onboard-init") {
        return grange::clouds::onboard::init_main(arguments.into_iter().skip(1).collect());
    }
    // What keeps a role's services: one thread each, too.
    if let Some(code) = grange::agent::stage_main(&arguments) {
        return code;
    }
    boot::run::run(name.into_iter().chain(arguments).collect())
}
