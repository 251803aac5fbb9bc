//! What a command started and what became of it: its process group, and whatever came to its
//! keeper because the parent between them ended.

use super::process::known_gone;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;

/// One line of `/proc/<pid>/stat`, as far as it says who belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kin {
    pid: i32,
    parent: i32,
    group: i32,
    is_dead: bool,
}

/// Every living process of a command whose group has this number; `keeper` is who adopts.
pub fn living(group: Option<i32>, keeper: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let kin = pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &stat)
    });
    select(&kin.collect::<Vec<Kin>>(), group, keeper)
}

/// Sends all of them a signal; those that may not be told are said.
pub fn signal(pids: &[i32], signal: Signal) -> Vec<String> {
    let told = pids.iter().map(|pid| (pid, known_gone(kill(Pid::from_raw(*pid), signal))));
    told.filter_map(|(pid, told)| told.err().map(|error| format!("process {pid}: {error}")))
        .collect()
}

fn select(all: &[Kin], group: Option<i32>, keeper: i32) -> Vec<i32> {
    let mut family: BTreeSet<i32> = BTreeSet::from([keeper]);
    loop {
        let before = family.len();
        for kin in all {
            if Some(kin.group) == group || family.contains(&kin.parent) {
                family.insert(kin.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    let lives = |kin: &&Kin| kin.pid != keeper && !kin.is_dead && family.contains(&kin.pid);
    all.iter().filter(lives).map(|kin| kin.pid).collect()
}

/// The name in parentheses may hold anything: fields count from the last one (proc_pid_stat(5)).
fn parse(pid: i32, stat: &str) -> Option<Kin> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Kin { pid, parent, group, is_dead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_group_and_what_was_adopted() {
        let stats = [
            (1, "1 (init) S 0 1 1"),
            (50, "50 (keeper) S 1 50 1"),
            (51, "51 (sh) S 50 51 1"),
            (52, "52 (a) b)) S 51 51 1"),
            (53, "53 (daemon) S 50 53 53"),
            (54, "54 (its child) S 53 54 53"),
            (55, "55 (dead) Z 50 51 1"),
            (60, "60 (other) S 1 60 60"),
        ];
        let all: Vec<Kin> = stats.iter().filter_map(|(pid, stat)| parse(*pid, stat)).collect();
        assert_eq!(all.len(), stats.len());
        assert_eq!(select(&all, Some(51), 50), [51, 52, 53, 54]);
        assert_eq!(select(&all, None, 60), [0; 0]);
        assert_eq!(parse(1, "1 (x"), None);
    }
}
