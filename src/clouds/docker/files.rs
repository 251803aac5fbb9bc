//! What is put into a container before it starts: the agent, its user data, and what it may use.

use crate::base::Secret;
use crate::clouds::{CloudError, InstanceType};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// Where the agent is in a container.
pub const AGENT: &str = "/usr/local/lib/grange/grange-agent";
/// Where its user data are.
pub const CONFIG: &str = "/etc/grange/agent.json";
/// Archives are made of blocks.
const BLOCK: u64 = 512;

/// An archive that is read while it is sent: the agent is many megabytes.
pub struct Archive {
    /// How many bytes it has.
    pub length: u64,
    /// All of them, from the beginning.
    pub bytes: Box<dyn Read>,
}

/// The archive of everything that a server with an agent is given.
pub fn archive(
    agent: &Path,
    user_data: &Secret,
    size: &InstanceType,
    cgroup: &str,
) -> Result<Archive, CloudError> {
    let failed = |error: std::io::Error| {
        CloudError::Busy(format!("reading the agent in {}: {error}", agent.display()))
    };
    let file = File::open(agent).map_err(failed)?;
    let agent_bytes = file.metadata().map_err(failed)?.len();
    let limits = serde_json::json!({
        "cpuMillis": size.cpu_millis,
        "memoryBytes": size.memory_bytes,
        "cgroup": cgroup,
    });
    let mut head = Vec::new();
    entry(&mut head, CONFIG, 0o600, user_data.reveal().as_bytes()).map_err(failed)?;
    let limits = limits.to_string();
    entry(&mut head, "/run/grange/limits.json", 0o644, limits.as_bytes()).map_err(failed)?;
    link(&mut head, "/run/grange/cgroup", "/sys/fs/cgroup").map_err(failed)?;
    header(&mut head, AGENT, 0o755, agent_bytes).map_err(failed)?;
    let padding = (BLOCK - agent_bytes % BLOCK) % BLOCK;
    // Two empty blocks end an archive.
    let tail = vec![0; usize::try_from(padding + 2 * BLOCK).unwrap_or_default()];
    let length = head.len() as u64 + agent_bytes + tail.len() as u64;
    let bytes = Cursor::new(head).chain(file.take(agent_bytes)).chain(Cursor::new(tail));
    Ok(Archive { length, bytes: Box::new(bytes) })
}

fn entry(into: &mut Vec<u8>, path: &str, mode: u32, content: &[u8]) -> std::io::Result<()> {
    header(into, path, mode, content.len() as u64)?;
    into.extend_from_slice(content);
    let filled = into.len().next_multiple_of(BLOCK as usize);
    into.resize(filled, 0);
    Ok(())
}

fn header(into: &mut Vec<u8>, path: &str, mode: u32, bytes: u64) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path.trim_start_matches('/'))?;
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    into.extend_from_slice(header.as_bytes());
    Ok(())
}

fn link(into: &mut Vec<u8>, path: &str, target: &str) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path.trim_start_matches('/'))?;
    header.set_link_name(target)?;
    header.set_mode(0o777);
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_cksum();
    into.extend_from_slice(header.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_what_it_says_it_is() {
        let agent = std::env::current_exe().unwrap();
        let size = InstanceType { name: "small".into(), cpu_millis: 250, memory_bytes: 1 << 27 };
        let mut made = archive(&agent, &Secret::new("{\"v\":1}"), &size, "v1").unwrap();
        let mut bytes = Vec::new();
        made.bytes.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, made.length);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap(), entry.size())
            })
            .collect();
        let agent_bytes = std::fs::metadata(&agent).unwrap().len();
        assert_eq!(found[0], ("etc/grange/agent.json".to_owned(), 0o600, 7));
        assert_eq!(found[2], ("run/grange/cgroup".to_owned(), 0o777, 0));
        assert_eq!(found[3], (AGENT.trim_start_matches('/').to_owned(), 0o755, agent_bytes));
        assert_eq!(found.len(), 4);
    }
}
