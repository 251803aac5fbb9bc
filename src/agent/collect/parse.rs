//! The kernel's text files, read as numbers. Formats: proc(5), the kernel's
//! Documentation/admin-guide/cgroup-v1/{cpuacct,memory}.rst and cgroup-v2.rst.
//!
//! A line that is not as expected is skipped or gives `None`: a collector that misses one series
//! is better than one that stops.

/// Nanoseconds of one tick of the kernel's user-visible clock. USER_HZ is 100 on every
/// architecture we build for (proc(5), `/proc/[pid]/stat`, utime).
pub const TICK_NS: u64 = 10_000_000;

/// One process or thread, from `/proc/<id>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// `R`, `S`, `D`, `Z`, ...
    pub state: char,
    /// Its session's id.
    pub session: i32,
    /// CPU time of its own and of its children that it has waited for, in ticks. What a child
    /// has used moves to its parent when it is waited for, so the sum over a session goes on.
    pub ticks: u64,
    /// How many threads it has.
    pub threads: u64,
    /// When it began, in ticks since the machine did.
    pub start_ticks: u64,
    /// Pages of memory resident.
    pub resident_pages: u64,
}

impl ProcessStat {
    /// Whether it wants a CPU or waits for a disk: what the kernel counts as load.
    pub fn loads(&self) -> bool {
        matches!(self.state, 'R' | 'D')
    }
}

/// `/proc/<id>/stat`. The command's name may contain anything, so the last `)` ends it.
pub fn process_stat(text: &str) -> Option<ProcessStat> {
    let rest = text.get(text.rfind(')')? + 1..)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first field here is the third of the manual page.
    let number = |manual: usize| -> Option<u64> { fields.get(manual - 3)?.parse().ok() };
    let ticks = (14..=17).map(number).try_fold(0u64, |sum, ticks| Some(sum + ticks?))?;
    Some(ProcessStat {
        state: fields.first()?.chars().next()?,
        session: fields.get(3)?.parse().ok()?,
        ticks,
        threads: number(20)?,
        start_ticks: number(22)?,
        resident_pages: number(24)?,
    })
}

/// Busy nanoseconds of all CPUs, and how many there are, from `/proc/stat`. Time stolen by a
/// hypervisor counts as busy: it is not to be had.
pub fn machine_cpu(text: &str) -> Option<(u64, u32)> {
    let mut lines = text.lines();
    let all: Vec<u64> = lines
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map(|number| number.parse().unwrap_or(0))
        .collect();
    // user, nice, system, irq, softirq, steal; not idle and iowait. The last two repeat user, nice.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&field| all.get(field)).sum();
    let cpus = lines.take_while(|line| line.starts_with("cpu")).count();
    Some((busy * TICK_NS, u32::try_from(cpus).unwrap_or(1).max(1)))
}

/// A line's number in a file of `name number` or `Name:  number kB` lines.
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let found = words.next()?.trim_end_matches(':') == name;
        if found { words.next()?.parse().ok() } else { None }
    })
}

/// A file of one number.
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Total and available bytes, from `/proc/meminfo`.
pub fn machine_memory(text: &str) -> Option<(u64, u64)> {
    Some((field(text, "MemTotal")? * 1024, field(text, "MemAvailable")? * 1024))
}

/// The first of the three averages of `/proc/loadavg`.
pub fn load_1m(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes in and out over all interfaces but the loopback, from `/proc/net/dev`.
pub fn network_bytes(text: &str) -> (u64, u64) {
    let mut sum = (0, 0);
    for line in text.lines() {
        let Some((name, numbers)) = line.split_once(':') else { continue };
        let numbers: Vec<u64> =
            numbers.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect();
        if name.trim() != "lo" && numbers.len() >= 9 {
            sum.0 += numbers[0];
            sum.1 += numbers[8];
        }
    }
    sum
}

/// Bytes of a memory page, from `/proc/self/auxv` (getauxval(3), AT_PAGESZ is 6).
pub fn page_bytes(auxv: &[u8]) -> Option<u64> {
    let words: Vec<u64> =
        auxv.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    words.chunks_exact(2).find(|pair| pair[0] == 6).map(|pair| pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_stats_survive_any_name() {
        let text = "42 (a) R 1 (b)) D 1 42 40 0 -1 4194560 9 0 0 0 100 20 3 4 20 0 7 0 5550 \
                    2707456 256 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0";
        let expected = ProcessStat {
            state: 'D',
            session: 40,
            ticks: 127,
            threads: 7,
            start_ticks: 5550,
            resident_pages: 256,
        };
        assert_eq!(process_stat(text), Some(expected));
        assert!(expected.loads());
        for bad in ["", "42 (x", "42 (x) R 1 2", "42 (x) R 1 42 40 0 -1 1 9 0 0 0 a b c d"] {
            assert_eq!(process_stat(bad), None, "{bad}");
        }
    }

    #[test]
    fn machines_are_read() {
        let stat = "cpu  100 5 50 1000 7 1 2 3 0 0\ncpu0 50 5 25 500 0 0 0 0 0 0\n\
                    cpu1 50 0 25 500 0 0 0 0 0 0\nintr 5\n";
        assert_eq!(machine_cpu(stat), Some((161 * TICK_NS, 2)));
        let memory = "MemTotal:  4028544 kB\nMemFree: 100 kB\nMemAvailable:    2000000 kB\n";
        assert_eq!(machine_memory(memory), Some((4_028_544 * 1024, 2_000_000 * 1024)));
        assert_eq!(load_1m("0.52 0.58 0.59 1/389 12345\n"), Some(0.52));
        assert_eq!((machine_cpu(""), machine_memory(""), load_1m("")), (None, None, None));
    }

    #[test]
    fn networks_are_summed_without_the_loopback() {
        let text = "Inter-|   Receive                    |  Transmit\n\
                     face |bytes    packets errs drop fifo frame compressed multicast|bytes\n\
                       lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n\
                     eth0:1500 10 0 0 0 0 0 0 700 5 0 0 0 0 0 0\n\
                     eth1: 500 10 0 0 0 0 0 0 300 5 0 0 0 0 0 0\n";
        assert_eq!(network_bytes(text), (2000, 1000));
        assert_eq!(network_bytes("eth0: 1 2"), (0, 0));
        assert_eq!(network_bytes("eth0: 1 2 3 4 5 6 7 8"), (0, 0));
        assert_eq!(network_bytes("eth0: 1 2 3 4 5 6 7 8 9"), (1, 9));
    }

    #[test]
    fn control_group_files_are_read() {
        let v2 = "usage_usec 250000\nuser_usec 200000\nsystem_usec 50000\nnr_periods 0\n";
        assert_eq!(field(v2, "usage_usec"), Some(250_000));
        let v1 = "cache 4096\nrss 8192\ninactive_file 1024\ntotal_inactive_file 2048\n";
        assert_eq!(field(v1, "total_inactive_file"), Some(2048));
        assert_eq!(
            (field(v1, "inactive"), number("1048576\n"), number("max\n")),
            (None, Some(1_048_576), None)
        );
    }

    #[test]
    fn the_page_size_is_found() {
        let words = [33u64, 140_000, 6, 16384, 17, 100, 0, 0];
        let auxv: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(page_bytes(&auxv), Some(16384));
        assert_eq!(page_bytes(&[6]), None);
    }
}
