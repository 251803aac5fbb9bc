//! Marks of a lease: empty volumes, whose name is the number and whose labels are the mark.
//!
//! The engine makes a volume of a name once: whoever asks for it again is given the one that is
//! there, with the labels of the first. A volume in use by nothing goes with `docker volume prune
//! --all`, which does no harm: the holder writes its next mark all the same.

use super::engine::Content;
use super::{Docker, filter};
use crate::clouds::CloudError;
use crate::clouds::lease::{LeaseMark, LeaseMarks};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The label with whose appliance's mark it is.
const TAG: &str = "grange.lease";
/// The label with the mark.
const MARK: &str = "grange.lease.mark";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Shown {
    name: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    volumes: Option<Vec<Shown>>,
}

impl Docker {
    fn mark_name(&self, number: u64) -> String {
        format!("grange-lease-{}-{number}", self.appliance.tag)
    }

    /// The marks there are, by the names of their volumes.
    fn marks(&self) -> Result<Vec<(String, LeaseMark)>, CloudError> {
        let label = format!("{TAG}={}", self.appliance.tag);
        let path = format!("/volumes?filters={}", filter(&[label]));
        let listed = self.engine.get::<Listed>(&path)?;
        let missing = || CloudError::Unknown("the engine lists no volumes".to_owned());
        let shown = listed.ok_or_else(missing)?.volumes.unwrap_or_default();
        shown.into_iter().map(read).collect()
    }

    fn remove_mark(&self, name: &str) -> Result<(), CloudError> {
        let answer = self.engine.call("DELETE", &format!("/volumes/{name}"), Content::Nothing)?;
        if matches!(answer.status, 204 | 404) { Ok(()) } else { Err(answer.error()) }
    }
}

fn read(shown: Shown) -> Result<(String, LeaseMark), CloudError> {
    let text = shown.labels.unwrap_or_default().remove(MARK).unwrap_or_default();
    match serde_json::from_str(&text) {
        Ok(mark) => Ok((shown.name, mark)),
        Err(error) => Err(CloudError::Refused(format!(
            "volume {} is to say who manages the account and does not ({error}): remove it with \
             docker volume rm when nobody does",
            shown.name
        ))),
    }
}

impl LeaseMarks for Docker {
    fn newest(&self) -> Result<Option<LeaseMark>, CloudError> {
        let marks = self.marks()?.into_iter().map(|(_, mark)| mark);
        Ok(marks.max_by_key(|mark| mark.number))
    }

    fn write(&self, mark: &LeaseMark) -> Result<(), CloudError> {
        let text = serde_json::to_string(mark);
        let text = text.map_err(|error| CloudError::Refused(error.to_string()))?;
        let labels = json!({TAG: self.appliance.tag, MARK: text});
        let body = json!({"Name": self.mark_name(mark.number), "Labels": labels});
        self.post("/volumes/create", Content::Json(&body), &[201])?;
        let old = self.marks()?.into_iter().filter(|(_, old)| old.number + 1 < mark.number);
        for (name, _) in old {
            // One that stays is removed with the next mark.
            if let Err(error) = self.remove_mark(&name) {
                tracing::debug!(name, %error, "an old mark stays");
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), CloudError> {
        self.marks()?.iter().try_for_each(|(name, _)| self.remove_mark(name))
    }
}
