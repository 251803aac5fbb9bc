//! Which servers the kernel took processes from, because they wanted more memory than they may
//! have.

use super::cgroup::Cgroups;
use crate::base::ServerId;
use crate::clouds::InstanceType;
use crate::model::{Notice, NoticeKind};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long after the last time people still see it.
const SHOWN_FOR: Duration = Duration::from_secs(3600);

/// The counts as they were last seen.
#[derive(Default)]
pub struct MemoryWatch {
    seen: Mutex<BTreeMap<ServerId, (u64, Instant)>>,
}

impl MemoryWatch {
    /// Looks at every server; gives those that ran out of memory within the last hour. A count that
    /// is there at the first look happened while nobody looked.
    pub fn look(&self, cgroups: &Cgroups, servers: &[(ServerId, InstanceType)]) -> Vec<Notice> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut notices = Vec::new();
        for (id, size) in servers {
            let Some(count) = cgroups.memory_kills(*id).filter(|count| *count > 0) else {
                continue;
            };
            let known = before.get(id).copied().filter(|(known, _)| *known == count);
            let (_, at) = known.unwrap_or((count, now));
            seen.insert(*id, (count, at));
            if now.duration_since(at) > SHOWN_FOR {
                continue;
            }
            let processes = if count == 1 { "a process" } else { "processes" };
            let text = format!(
                "out of memory: the kernel ended {processes} of it ({count} since it was started), \
                 because it wanted more than the {} MiB of its size {}",
                size.memory_bytes >> 20,
                size.name
            );
            let kind = NoticeKind::OutOfMemory;
            notices.push(Notice { server: Some(*id), kind, text, count });
        }
        notices
    }
}
