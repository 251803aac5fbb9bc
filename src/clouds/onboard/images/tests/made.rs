//! Making archives: by hand, byte by byte where it matters, and by the programs people use.

use crate::base::hash::{hex, sha256};
use std::io::Write;
use std::process::{Command, Stdio};
use tar::{EntryType, Header};

/// An archive that is being made.
#[derive(Clone, Default)]
pub struct Pack(pub Vec<u8>);

impl Pack {
    /// One with a file, so that it is a root file system.
    pub fn root() -> Pack {
        Pack::default().directory("etc").file("etc/name", "grange")
    }

    pub fn file(self, name: &str, content: &str) -> Pack {
        self.entry(EntryType::Regular, name, "", content.as_bytes())
    }

    pub fn directory(self, name: &str) -> Pack {
        self.moded(EntryType::Directory, name, 0o755)
    }

    pub fn link(self, name: &str, to: &str) -> Pack {
        self.entry(EntryType::Symlink, name, to, b"")
    }

    pub fn hard_link(self, name: &str, to: &str) -> Pack {
        self.entry(EntryType::Link, name, to, b"")
    }

    pub fn moded(self, kind: EntryType, name: &str, mode: u32) -> Pack {
        let mut header = header(kind, name, "", 0);
        header.set_mode(mode);
        self.raw(header, b"")
    }

    pub fn entry(self, kind: EntryType, name: &str, to: &str, content: &[u8]) -> Pack {
        self.raw(header(kind, name, to, content.len() as u64), content)
    }

    /// A header as it is but for its sum, and content filled up to a block.
    pub fn raw(mut self, mut header: Header, content: &[u8]) -> Pack {
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// What says something of the next entry in PAX records.
    pub fn records(self, records: &[(&str, &[u8])]) -> Pack {
        let mut all = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let digits = |length: usize| length.to_string().len();
            let mut length = rest + digits(rest);
            length = rest + digits(length);
            all.extend(format!("{length} {key}=").into_bytes());
            all.extend_from_slice(value);
            all.push(b'\n');
        }
        self.entry(EntryType::XHeader, "records", "", &all)
    }

    /// The archive, with its end mark.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

/// A header whose name is written as it is, whatever it says.
pub fn header(kind: EntryType, name: &str, to: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..to.len()].copy_from_slice(to.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    header
}

/// The same packed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// What a shell script writes to its standard output, run in a directory that it has for itself.
pub fn shell(script: &str) -> Vec<u8> {
    let script = format!(
        "set -e; umask 022; d=$(mktemp -d); trap 'rm -rf $d' EXIT; cd $d; mkdir root; cd root; \
         {script}"
    );
    let made = Command::new("sh").args(["-c", &script]).stderr(Stdio::inherit()).output().unwrap();
    assert!(made.status.success(), "{script}");
    made.stdout
}

/// `sha256:` and the digest.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}
