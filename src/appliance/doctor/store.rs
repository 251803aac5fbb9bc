//! The store, read from end to end where nobody else has it.

use super::{Finding, fail, ok, warn};
use crate::appliance::Layout;
use crate::base::problem::chain;
use crate::store::{OpenError, VerifyError, inspect};

/// Every record, every index and the whole journal; a line for each fault.
pub(super) fn store(layout: &Layout, running: bool) -> Vec<Finding> {
    if running {
        return vec![ok("store", "in use; stop the appliance to have all of it read")];
    }
    if !layout.data_dir.join("store.redb").exists() {
        return vec![warn("store", "there is none yet", "start the appliance")];
    }
    let found = match inspect(&layout.data_dir) {
        Ok(found) => found,
        // Its message says what to do.
        Err(
            error @ (OpenError::Newer { .. } | OpenError::InUse { .. } | OpenError::Log { .. }),
        ) => {
            return vec![fail("store", chain(&error), "")];
        }
        Err(error) => return vec![fail("store", chain(&error), RESTORE)],
    };
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

/// What helps when the store is broken.
const RESTORE: &str = "restore it from a backup";
