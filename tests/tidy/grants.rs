//! Where grants come from: what the compiler cannot say of `model::grant`.
//!
//! It sees to it that nothing is read or written without a grant. That the grant is the asker's is
//! seen to here: the appliance's own grant is for what nobody asked for.

use crate::source::{Fault, Source, check};

/// What runs by itself, where the appliance may grant itself what it does.
const BY_ITSELF: &[&str] = &["model", "service", "jobs", "boot"];

/// The appliance's own grant is made where the appliance acts by itself: never at a door, and in
/// no function that somebody asks.
pub fn grants(source: &Source) -> Vec<Fault> {
    let Some(room) = source.room() else { return Vec::new() };
    let mut faults = Vec::new();
    let (mut signature, mut open, mut is_asked) = (String::new(), false, false);
    for (index, line) in source.production() {
        if line.contains("fn ") {
            (signature, open) = (String::new(), true);
        }
        if open {
            signature.push_str(line);
            open = !line.trim_end().ends_with(['{', ';', '}']);
            is_asked = signature.contains(": &Actor") || signature.contains(": &Grant");
        }
        if line.contains("Grant::agent(") && !matches!(room, "model") {
            let gate = source.path == "src/service/agents.rs";
            if !gate {
                faults.push(source.fault(index, "an agent's grant is made by the gate alone"));
            }
        }
        if !line.contains("Grant::job(") {
            continue;
        }
        if !BY_ITSELF.contains(&room) {
            let message = format!("{room} grants itself nothing: call a verb of service");
            faults.push(source.fault(index, message));
        } else if is_asked {
            let message = "somebody asks here: authorise them, or take their grant";
            faults.push(source.fault(index, message));
        }
    }
    faults
}

#[test]
fn a_grant_that_nobody_was_asked_for_is_told() {
    let asked = "pub fn list(\n    service: &Service,\n    actor: &Actor,\n) -> Result<()> {\n    \
                 service.read(&Grant::job(\"x\"), f)\n}\nfn own(service: &Service) {\n    \
                 service.read(&Grant::job(\"x\"), f)\n}\n";
    let told = "5: somebody asks here: authorise them, or take their grant";
    check(grants, "src/service/farms.rs", asked, &[told]);
    check(
        grants,
        "src/api/routes/farms.rs",
        "fn f() { Grant::job(\"x\"); Grant::agent(s, n) }\n",
        &[
            "1: an agent's grant is made by the gate alone",
            "1: api grants itself nothing: call a verb of service",
        ],
    );
    check(grants, "src/service/agents.rs", "fn f() { Grant::agent(s, n) }\n", &[]);
    check(grants, "src/jobs/index.rs", "fn f() { Grant::job(\"index\") }\n", &[]);
}
