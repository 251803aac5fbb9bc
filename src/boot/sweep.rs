//! `appliance sweep`: what appliances left whose state directory is gone is listed, and removed
//! when a person says so.

use crate::base::output;
use crate::base::text::escape;
use crate::cli;
use crate::clouds::onboard::{Leftover, leftovers, remove_leftover};
use std::io;
use std::process::ExitCode;

const QUESTION: &str = "End and remove all of it but what is left alone?";

/// Lists it, asks unless it was said before, and removes it. 1 where something was to go and stays.
pub fn run(yes: bool) -> ExitCode {
    let left = leftovers();
    match output::ended(list(&left)) {
        0 => {}
        code => return ExitCode::from(code),
    }
    let ours: Vec<_> = left.iter().filter(|one| one.owner.is_some()).collect();
    if ours.is_empty() {
        return ExitCode::SUCCESS;
    }
    match if yes { Ok(true) } else { cli::confirmed(QUESTION) } {
        Ok(true) => ExitCode::from(remove(&ours)),
        Ok(false) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(code),
    }
}

fn list(left: &[Leftover]) -> io::Result<()> {
    if left.is_empty() {
        return output::tell("nothing is left of an appliance whose state directory is gone");
    }
    for one in left {
        output::tell(escape(&heading(one)))?;
        for thing in &one.things {
            output::tell(format_args!("  {}", escape(thing)))?;
        }
    }
    Ok(())
}

fn heading(one: &Leftover) -> String {
    match &one.owner {
        Some(owner) => format!(
            "{} of {}: that directory is gone, and so is process {}, which managed it since {}",
            one.tag,
            owner.place.display(),
            owner.pid,
            owner.since
        ),
        None => format!(
            "{}: nothing here says which directory it is of, as where an appliance runs in a \
             container; it is left alone",
            one.tag
        ),
    }
}

/// What was removed is removed, also where nobody can be told.
fn remove(left: &[&Leftover]) -> u8 {
    let mut code = 0;
    for one in left {
        match remove_leftover(one) {
            Ok(()) => output::news(format_args!("{} is removed", one.tag)),
            Err(failure) => {
                code = 1;
                output::line(format_args!("grange: {}", escape(&failure.line())));
            }
        }
    }
    code
}
