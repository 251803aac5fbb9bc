//! The binary: parse, match, exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // A server's first processes: before anything else, because they may have one thread only.
    if arguments.next().is_some_and(|first| first == "onboard-init") {
        return grange::clouds::onboard::init_main(arguments.collect());
    }
    ExitCode::SUCCESS
}
