//! Marks of a lease: empty volumes, whose name is the number and whose labels are the mark.
//!
//! The engine makes a volume of a name once: whoever asks for it again is given the one that is
//! there, with the labels of the first. A volume in use by nothing goes with `docker volume prune
//! --all`, which does no harm: the holder writes its next mark all the same.

use super::Docker;
use super::engine::Content;
use super::volume::ShownVolume;
use crate::clouds::CloudError;
use crate::clouds::lease::{LeaseMark, LeaseMarks};
use serde_json::json;

/// The label with whose appliance's mark it is.
const TAG: &str = "grange.lease";
/// The label with the mark.
const MARK: &str = "grange.lease.mark";

impl Docker {
    fn mark_name(&self, number: u64) -> String {
        format!("grange-lease-{}-{number}", self.appliance.tag)
    }

    /// The marks there are, by the names of their volumes.
    fn marks(&self) -> Result<Vec<(String, LeaseMark)>, CloudError> {
        self.volumes_labelled(TAG)?.into_iter().map(read).collect()
    }
}

fn read(shown: ShownVolume) -> Result<(String, LeaseMark), CloudError> {
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
            if let Err(error) = self.remove_named(&name) {
                tracing::debug!(name, %error, "an old mark stays");
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), CloudError> {
        self.marks()?.iter().try_for_each(|(name, _)| self.remove_named(name))
    }
}
