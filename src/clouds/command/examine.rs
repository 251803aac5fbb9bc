//! Asking an account which programs it has, and trying the one that changes nothing.

use super::CommandCloud;
use crate::clouds::platform::{AccountOpening, Examination, Fact, FieldFault, endpoint_fault};

/// Runs an account's list program, where there is one, and says what follows from those that are
/// missing.
///
/// # Errors
/// What is wrong with the file, or came of the program.
pub fn examine(opening: &AccountOpening) -> Result<Examination, FieldFault> {
    let account = CommandCloud::open(opening)?;
    let items = account.items().map_err(|error| endpoint_fault(&error))?;
    let all = &account.programs;
    let others = [
        ("terminate", all.terminate.is_some()),
        ("suspend", all.suspend.is_some()),
        ("resume", all.resume.is_some()),
        ("reboot", all.reboot.is_some()),
        ("start", all.start.is_some()),
        ("stop", all.stop.is_some()),
    ];
    let mut names = vec!["launch"];
    names.extend(all.list.as_ref().map(|_| "list"));
    names.extend(others.iter().filter(|(_, there)| *there).map(|(name, _)| *name));
    let mut facts = vec![Fact { name: "programs", value: names.join(", ") }];
    if let Some(items) = &items {
        facts.push(Fact { name: "servers", value: items.len().to_string() });
    }
    let mut lacks = vec!["the platform carries no lease: run no copy of this appliance".to_owned()];
    if items.is_none() {
        let text = "without list, what was launched is taken to run, and a call whose answer is \
                    lost counts until a person says: grange server terminate SERVER --gone";
        lacks.push(text.to_owned());
    } else if !all.finds_unanswered() {
        let text = "list does not say our id of a server (server = PATH): a launch whose answer \
                    is lost counts until a person ends it";
        lacks.push(text.to_owned());
    }
    let missing: Vec<&str> =
        others.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        lacks.push(format!("there is no program for: {}", missing.join(", ")));
    }
    Ok(Examination { facts, lacks })
}
