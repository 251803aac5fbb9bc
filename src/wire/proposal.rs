//! Proposals as text: a change of one farm that fits into a change ticket.
//!
//! People read it, so it is YAML with a head in words and the manifest in full; the appliance
//! reads it again, so what it needs for that stands in one line of JSON, `record`. The last line
//! is the signature over everything before it. A ticket may turn line ends into CRLF and drop or
//! add empty lines at the end; every other change breaks the signature.
//!
//! ```text
//! proposal: 7
//! farm: "shop"
//! madeBy: "alice"
//! madeAt: "2026-11-21T06:40:00.000Z"
//! expiresAt: "2026-11-28T06:40:00.000Z"
//! differences:
//! - "farmRoles[web].scaling.maxInstances: 6 -> 8"
//! steps: []
//! stopped: []
//! manifest: |2
//!   farm: shop
//! record: {"environment":1,"base":{"farm":{"id":1,"revision":3},...},...}
//! signature: {"by":"04...","value":"30..."}
//! ```
//!
//! Signing and judging it is for `service` and `pki`; here are only its bytes. To add something
//! to it: a field of [`ProposalRecord`] with a default when the appliance needs it again, a line in
//! [`Document::write`] when people do.

use crate::base::Timestamp;
use serde::{Deserialize, Serialize};

/// What a proposal was made on: a change since then makes it another proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Base {
    /// The farm; `None` when there was none of that name.
    pub farm: Option<BaseRecord>,
    /// Its farm roles, also those the manifest does not name.
    pub farm_roles: Vec<BaseFarmRole>,
}

/// A record as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaseRecord {
    /// Its number.
    pub id: u64,
    /// How often it had been written.
    pub revision: u64,
}

/// A farm role as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaseFarmRole {
    /// Its name in the farm.
    pub alias: String,
    /// Its number.
    pub id: u64,
    /// How often it had been written.
    pub revision: u64,
}

/// What the appliance needs again of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProposalRecord {
    /// Its number.
    pub number: u64,
    /// The environment's number.
    pub environment: u64,
    /// The farm's name.
    pub farm: String,
    /// Who made it.
    pub made_by: String,
    /// When, ms UTC.
    pub made_at: i64,
    /// Until when it can be applied, ms UTC.
    pub expires_at: i64,
    /// Whether farm roles that are absent from the manifest go.
    pub prune: bool,
    /// Whether the farm is launched as well.
    pub launch: bool,
    /// What it was made on.
    pub base: Base,
}

/// A proposal without its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What the appliance needs again.
    pub record: ProposalRecord,
    /// What differs, field by field.
    pub differences: Vec<String>,
    /// What would be done first, one line each.
    pub steps: Vec<String>,
    /// The servers that would be stopped, one line each: `shop/web-3: scaling down`.
    pub stopped: Vec<String>,
    /// The manifest, as [`plain`] has it.
    pub manifest: String,
}

/// A signature as the last line has it, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The public key.
    pub by: String,
    /// The signature.
    pub value: String,
}

const SIGNATURE: &str = "signature: ";
const NUMBER: &str = "proposal: ";
const MANIFEST: &str = "manifest: |2";
const RECORD: &str = "record: ";

/// Whether a text is meant as a proposal, however damaged. No manifest has such a line, and one
/// changed character leaves one of the two.
pub fn is_meant(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(SIGNATURE) || line.starts_with(NUMBER))
}

/// A text with one kind of line end, and one of them at its end.
pub fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    format!("{}\n", text.trim_start_matches('\u{feff}').trim_end_matches('\n'))
}

/// A text and its signature, as a file.
pub fn seal(body: &str, signature: &Signature) -> String {
    // A structure of two texts is always JSON.
    let signature = serde_json::to_string(signature).unwrap_or_default();
    format!("{body}{SIGNATURE}{signature}\n")
}

/// A file as the text that was signed, and the signature. `None` when it has none.
pub fn unseal(text: &str) -> Option<(String, Signature)> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim_end_matches('\n');
    let start = text.rfind('\n')? + 1;
    let signature = text[start..].strip_prefix(SIGNATURE)?;
    Some((text[..start].to_owned(), serde_json::from_str(signature).ok()?))
}

impl Document {
    /// The text to be signed.
    pub fn write(&self) -> String {
        let record = &self.record;
        let time = |at: i64| quoted(&Timestamp(at).to_string());
        let mut text = format!(
            "# A change of farm {} on a Grange appliance, proposed and signed. It can be applied\n\
             # once, until it expires, while the farm is as it was: grange apply <this file>.\n\
             # Whether it still can: grange plan <this file>. To edit it is to break it.\n",
            record.farm
        );
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name}{value}\n"));
        line(NUMBER, &record.number.to_string());
        line("farm: ", &quoted(&record.farm));
        line("madeBy: ", &quoted(&record.made_by));
        line("madeAt: ", &time(record.made_at));
        line("expiresAt: ", &time(record.expires_at));
        line("prune: ", &record.prune.to_string());
        line("launch: ", &record.launch.to_string());
        for (name, items) in [
            ("differences:", &self.differences),
            ("steps:", &self.steps),
            ("stopped:", &self.stopped),
        ] {
            line(name, if items.is_empty() { " []" } else { "" });
            items.iter().for_each(|item| line(ITEM, &quoted(item)));
        }
        line(MANIFEST, "");
        for of_manifest in self.manifest.lines() {
            line(if of_manifest.is_empty() { "" } else { INDENT }, of_manifest);
        }
        line(RECORD, &serde_json::to_string(record).unwrap_or_default());
        text
    }

    /// A text that was signed. `None` when it is of a shape we do not know, as a later version
    /// may have.
    pub fn read(text: &str) -> Option<Document> {
        let (head, rest) = text.split_once(&format!("\n{MANIFEST}\n"))?;
        let (manifest, record) = rest.rsplit_once(&format!("\n{RECORD}"))?;
        let list = |name: &str| {
            let lines = head.lines().skip_while(|line| !line.starts_with(name)).skip(1);
            let items = lines.map_while(|line| line.strip_prefix(ITEM));
            items.map(|item| serde_json::from_str(item).ok()).collect::<Option<Vec<String>>>()
        };
        let unindented = |line: &str| match line.is_empty() {
            true => Some(String::new()),
            false => line.strip_prefix(INDENT).map(str::to_owned),
        };
        let manifest: Vec<String> = manifest.lines().map(unindented).collect::<Option<_>>()?;
        Some(Document {
            record: serde_json::from_str(record).ok()?,
            differences: list("differences:")?,
            steps: list("steps:")?,
            stopped: list("stopped:")?,
            manifest: plain(&manifest.join("\n")),
        })
    }
}

const ITEM: &str = "- ";
const INDENT: &str = "  ";

/// A text as JSON has it, which is YAML too: on one line, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::manifest;

    fn document() -> Document {
        Document {
            record: ProposalRecord {
                number: 7,
                environment: 1,
                farm: "shop".into(),
                made_by: "alice".into(),
                made_at: 1_795_230_600_000,
                expires_at: 1_795_230_600_000 + 86_400_000,
                prune: true,
                launch: false,
                base: Base {
                    farm: Some(BaseRecord { id: 1, revision: 3 }),
                    farm_roles: vec![BaseFarmRole { alias: "web".into(), id: 2, revision: 5 }],
                },
            },
            differences: vec![
                "farmRoles[web].scaling.maxInstances: 6 -> 8".into(),
                "\"\n: #".into(),
            ],
            steps: vec![],
            stopped: vec!["shop/web-3: scaling down".into()],
            manifest: plain("farm: shop\r\ndescription: |\r\n\r\n   a\r\n\trecord: {}\r\n\r\n"),
        }
    }

    fn signature() -> Signature {
        Signature { by: "04".into(), value: "30".into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let whole = document();
        let text = seal(&whole.write(), &signature());
        let (body, signature) = unseal(&text).unwrap();
        assert_eq!((Document::read(&body), signature), (Some(whole.clone()), self::signature()));
        let bare = Document { stopped: vec![], differences: vec![], ..whole };
        assert_eq!(Document::read(&bare.write()), Some(bare));
    }

    #[test]
    fn tickets_may_change_line_ends_and_nothing_else() {
        let text = seal(&document().write(), &signature());
        let sealed = unseal(&text);
        for kept in [text.replace('\n', "\r\n"), format!("{text}\r\n\n"), text.trim_end().into()] {
            assert_eq!(unseal(&kept), sealed, "{kept}");
        }
        for changed in [format!(" {text}"), text.replace("6 -> 8", "6 -> 9")] {
            assert_ne!(unseal(&changed), sealed, "{changed}");
        }
        for broken in [format!("{text}."), text.replace("signature: ", ""), String::new()] {
            assert_eq!(unseal(&broken), None, "{broken}");
        }
    }

    #[test]
    fn it_is_yaml_for_whoever_else_reads_it() {
        let faults = manifest::parse(&seal(&document().write(), &signature())).unwrap_err();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let unknown = |fault: &String| fault.contains("unknown field");
        assert!(faults.iter().all(unknown), "{faults:?}");
        // Everything but `farm`.
        assert_eq!(faults.len(), 12, "{faults:?}");
    }

    #[test]
    fn one_changed_character_still_leaves_it_meant_as_one() {
        let text = seal(&document().write(), &signature());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(is_meant(&String::from_utf8_lossy(&bytes)), "{at}");
        }
        assert!(!is_meant(include_str!("../../assets/examples/shop.yaml")));
    }
}
