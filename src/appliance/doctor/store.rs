//! The store, read from end to end where nobody else has it.

use super::{Finding, fail, ok, warn};
use crate::appliance::Layout;
use crate::base::problem::chain;
use crate::store::{Inspected, OpenError, SealedValues, VerifyError, inspect};

/// Every record, every index and the whole journal; a line for each fault. With the fingerprint of
/// the authority that the store says agents trust.
pub(super) fn store(layout: &Layout) -> (Vec<Finding>, Option<String>) {
    if !layout.data_dir.join("store.redb").exists() {
        let lost = ["store.wal", "store.mark"];
        return match lost.iter().find(|name| layout.data_dir.join(name).exists()) {
            Some(other) => {
                let text = format!("store.redb is missing, and {other} is there");
                (vec![fail("store", text, RESTORE)], None)
            }
            None => (vec![warn("store", "there is none yet", "start the appliance")], None),
        };
    }
    match inspect(&layout.data_dir) {
        Ok(found) => {
            let authority = found.authority.clone();
            let sealing = sealing(&found.sealed);
            (findings(found).into_iter().chain(sealing).collect(), authority)
        }
        Err(OpenError::InUse { pid, .. }) => {
            let text = format!(
                "in use by process {pid}, which reads all of it a little at a time; stop it to \
                 have everything compared now"
            );
            (vec![ok("store", text)], None)
        }
        // Its message says what to do.
        Err(
            error @ (OpenError::Newer { .. }
            | OpenError::Log { .. }
            | OpenError::Lost { .. }
            | OpenError::NoStore { .. }
            | OpenError::Bereft { .. }
            | OpenError::Damaged { .. }),
        ) => (vec![fail("store", chain(&error), "")], None),
        Err(error) => (vec![fail("store", chain(&error), RESTORE)], None),
    }
}

fn findings(found: Inspected) -> Vec<Finding> {
    match found.verified {
        Ok(all) => {
            let earlier = match found.earlier {
                true => "; of an earlier version, the next start brings it up to date",
                false => "",
            };
            let logged = match found.logged {
                0 => String::new(),
                1 => "; one commit is in the log alone, the next start takes it over".to_owned(),
                n => format!("; {n} commits are in the log alone, the next start takes them over"),
            };
            let text = format!(
                "{} records, {} index rows and {} journal entries agree{logged}{earlier}",
                all.records, all.index_rows, all.entries
            );
            vec![ok("store", text)]
        }
        Err(VerifyError::Faults(faults)) => {
            let count = match faults.len() {
                1 => "one fault".to_owned(),
                many => format!("{many} faults or more"),
            };
            let mut lines = vec![fail("store", count, RESTORE)];
            lines.extend(faults.into_iter().map(|fault| fail("store", fault, "")));
            lines
        }
        Err(error @ VerifyError::Store(_)) => vec![fail("store", chain(&error), RESTORE)],
    }
}

/// Whether hidden values open; nothing to say where there are none.
fn sealing(sealed: &SealedValues) -> Vec<Finding> {
    let keys = "put keys/sealing.keys back from a copy of it";
    let closed = sealed.closed.iter().map(|line| fail("sealing", line, keys));
    let open = match sealed.open {
        0 => None,
        1 => Some(ok("sealing", "the one hidden value opens")),
        count => Some(ok("sealing", format!("{count} hidden values open"))),
    };
    closed.chain(open).collect()
}

/// What helps when the store is broken.
const RESTORE: &str = "restore it from a backup";
