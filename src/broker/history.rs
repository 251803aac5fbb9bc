//! Which processes a server's identity was shown by, and whether two of them live at one time.
//!
//! A server has one agent, and its certificate one copy. A disk that was cloned, or a key that was
//! taken, shows the same certificate from a second machine. Neither is told from the other by what
//! it knows, but two that live at one time give themselves away:
//!
//! - **One comes while the other speaks.** Whoever holds the seat keeps it while it is heard. The
//!   newcomer is asked to come again; has the holder been heard well after it came, the newcomer is
//!   a copy. Has it not been heard for as long as it promised to be, it is gone (a power cut, a
//!   network that dropped the connection), and the newcomer takes over. One that was found to be a
//!   copy stays one, whoever starts it again at its address: also when the holder falls silent, for
//!   as long as it has the seat and a while after.
//! - **One comes back.** Every agent makes up a name for its *process* when it starts and says it
//!   with each connection. A process that was followed by another one and comes back proves that
//!   both live: the one that was there first stays.
//!
//! So an agent that is started again, a server that is rebooted or loses power, and a connection
//! that comes anew from the same process are let in: at once, or after the silence their former
//! connection is allowed. All of this is in memory: after a start of the appliance the first to
//! come is the first there was.

use crate::base::limit::{
    AGENT_COPY_MEMORY, AGENT_HOLDER_HEARD_AFTER, AGENT_HOLDER_QUIET_MAX, AGENT_PROCESSES_MAX,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a newcomer says of itself, and where it comes from.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// The process; `None` from agents that do not say.
    pub process: Option<String>,
    /// Its address.
    pub from: SocketAddr,
    /// It will be heard at least this often.
    pub quiet_max: Duration,
}

/// Whoever holds the seat.
pub struct Holder<'a> {
    /// What it said when it came.
    pub claim: &'a Newcomer,
    /// When it was last heard.
    pub heard: Instant,
    /// Since when a newcomer waits for it to be heard, or not to be.
    pub challenged: &'a mut Option<Instant>,
}

/// What is to be done with a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the seat; whoever has it is told to end.
    Enters,
    /// It takes the seat, and proves that the other one, which came later, is a copy.
    Returns(SocketAddr),
    /// The holder may live: it is to come again.
    Waits,
    /// The other one lives: this is a copy.
    IsCopy(SocketAddr),
}

/// The processes that showed one server's identity, in the order they first came.
#[derive(Default)]
pub struct History {
    known: VecDeque<SeenProcess>,
}

struct SeenProcess {
    process: String,
    from: SocketAddr,
    /// When it last held the seat, or was let into it.
    seen: Instant,
    is_copy: bool,
}

impl History {
    /// Decides about a newcomer.
    pub fn judge(&mut self, claim: &Newcomer, holder: Option<Holder<'_>>, now: Instant) -> Verdict {
        let place = claim.process.as_deref().and_then(|process| self.place(process));
        let copy = place.or_else(|| self.copy_at(claim, holder.as_ref(), now));
        if let Some(original) = copy.and_then(|at| self.original_of(at, holder.as_ref(), now)) {
            self.remember_copy(claim, now);
            return Verdict::IsCopy(original);
        }
        if let Some(place) = place {
            self.known[place].is_copy = false;
            if let Some(copy) = self.followed_by(place, now) {
                self.admit(claim, now);
                return Verdict::Returns(copy);
            }
        }
        let verdict = match holder {
            Some(holder) if !is_same(claim, holder.claim) => challenge(holder, now),
            Some(_) | None => Verdict::Enters,
        };
        match verdict {
            Verdict::Enters => self.admit(claim, now),
            // At one address it may be the next agent of one machine, which waits for the last.
            Verdict::IsCopy(original) if !is_one_machine(original, claim.from) => {
                self.remember_copy(claim, now);
            }
            Verdict::Returns(_) | Verdict::Waits | Verdict::IsCopy(_) => {}
        }
        verdict
    }

    /// A process gave the seat back.
    pub fn leave(&mut self, claim: &Newcomer, now: Instant) {
        if let Some(place) = claim.process.as_deref().and_then(|process| self.place(process)) {
            self.known[place].seen = now;
        }
    }

    /// Whether nothing in it matters any more.
    pub fn is_over(&self, now: Instant) -> bool {
        self.known.iter().all(|known| !known.is_recent(now))
    }

    fn place(&self, process: &str) -> Option<usize> {
        self.known.iter().position(|known| known.process == process)
    }

    /// For one that was found to be a copy: where the one it is a copy of is or was lately.
    fn original_of(
        &self,
        place: usize,
        holder: Option<&Holder<'_>>,
        now: Instant,
    ) -> Option<SocketAddr> {
        let known = self.known.get(place).filter(|known| known.is_copy)?;
        let is_copy = |process: &str| self.place(process).is_some_and(|at| self.known[at].is_copy);
        // Whoever has held the seat for long need not be remembered.
        let holds = holder.filter(|holder| !holder.claim.process.as_deref().is_some_and(is_copy));
        if let Some(holder) = holds {
            return Some(holder.claim.from);
        }
        let lives = |other: &&SeenProcess| other.process != known.process && other.is_recent(now);
        self.known.iter().filter(|other| !other.is_copy).find(lives).map(|other| other.from)
    }

    /// A copy that was refused at this address lately, where the original never was.
    fn copy_at(
        &self,
        claim: &Newcomer,
        holder: Option<&Holder<'_>>,
        now: Instant,
    ) -> Option<usize> {
        let here = |known: &SeenProcess| is_one_machine(known.from, claim.from);
        let with_the_holder = holder.is_some_and(|h| is_one_machine(h.claim.from, claim.from));
        if with_the_holder || self.known.iter().any(|known| !known.is_copy && here(known)) {
            return None;
        }
        self.known.iter().position(|known| known.is_copy && here(known) && known.is_recent(now))
    }

    /// Keeps in mind that it was refused as a copy, so that it is let in by nobody's silence.
    fn remember_copy(&mut self, claim: &Newcomer, now: Instant) {
        let process = claim.process.clone().unwrap_or_default();
        if let Some(place) = self.place(&process) {
            if self.known[place].is_copy {
                (self.known[place].seen, self.known[place].from) = (now, claim.from);
            }
            return;
        }
        if self.known.len() >= AGENT_PROCESSES_MAX {
            let oldest = self.known.iter().position(|known| known.is_copy).unwrap_or(1);
            self.known.remove(oldest);
        }
        self.known.push_back(SeenProcess { process, from: claim.from, seen: now, is_copy: true });
    }

    /// Marks those that came after one that comes back, and says where the last of them was.
    fn followed_by(&mut self, place: usize, now: Instant) -> Option<SocketAddr> {
        let later = self.known.iter_mut().skip(place + 1);
        let later = later.filter(|known| !known.is_copy && known.is_recent(now));
        later
            .map(|known| {
                known.is_copy = true;
                known.from
            })
            .last()
    }

    fn admit(&mut self, claim: &Newcomer, now: Instant) {
        let Some(process) = &claim.process else { return };
        if let Some(place) = self.place(process) {
            (self.known[place].seen, self.known[place].from) = (now, claim.from);
            return;
        }
        self.known.retain(|known| known.is_recent(now));
        if self.known.len() >= AGENT_PROCESSES_MAX {
            // Not the first, which is the original for all that anybody knows.
            self.known.remove(1);
        }
        let (process, from) = (process.clone(), claim.from);
        self.known.push_back(SeenProcess { process, from, seen: now, is_copy: false });
    }
}

impl SeenProcess {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.seen) < Duration::from_millis(AGENT_COPY_MEMORY)
    }
}

/// The same process on the same machine: its former connection is over, whatever we know of it.
fn is_same(claim: &Newcomer, holder: &Newcomer) -> bool {
    claim.process.is_some()
        && claim.process == holder.process
        && is_one_machine(claim.from, holder.from)
}

fn is_one_machine(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical()
}

/// Whether the holder of a seat lives shows in time.
fn challenge(holder: Holder<'_>, now: Instant) -> Verdict {
    let patience = holder.claim.quiet_max.min(Duration::from_millis(AGENT_HOLDER_QUIET_MAX));
    // What was on its way when the newcomer came says nothing.
    let on_its_way = Duration::from_millis(AGENT_HOLDER_HEARD_AFTER);
    // A challenge from long ago says nothing about now.
    let waits = holder.challenged.filter(|since| now < *since + 2 * patience + on_its_way);
    let Some(since) = waits else {
        *holder.challenged = Some(now);
        return Verdict::Waits;
    };
    if holder.heard > since + on_its_way {
        *holder.challenged = Some(now);
        return Verdict::IsCopy(holder.claim.from);
    }
    match now >= since + patience {
        true => Verdict::Enters,
        false => Verdict::Waits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(process: &str, from: &str) -> Newcomer {
        let process = (!process.is_empty()).then(|| process.to_owned());
        let quiet_max = Duration::from_secs(30);
        Newcomer { process, from: format!("{from}:1").parse().unwrap(), quiet_max }
    }

    /// One server, whose seat is held or free.
    struct Door {
        history: History,
        holder: Option<(Newcomer, Instant, Option<Instant>)>,
        start: Instant,
    }

    impl Door {
        fn new() -> Door {
            Door { history: History::default(), holder: None, start: Instant::now() }
        }

        fn comes(&mut self, at: u64, who: &Newcomer) -> Verdict {
            let now = self.start + Duration::from_secs(at);
            let holder = self.holder.as_mut().map(|(claim, heard, challenged)| Holder {
                claim,
                heard: *heard,
                challenged,
            });
            let verdict = self.history.judge(who, holder, now);
            if matches!(verdict, Verdict::Enters | Verdict::Returns(_)) {
                self.leaves(at);
                self.holder = Some((who.clone(), now, None));
            }
            verdict
        }

        fn speaks(&mut self, at: u64) {
            if let Some((_, heard, _)) = &mut self.holder {
                *heard = self.start + Duration::from_secs(at);
            }
        }

        fn leaves(&mut self, at: u64) {
            if let Some((claim, ..)) = self.holder.take() {
                self.history.leave(&claim, self.start + Duration::from_secs(at));
            }
        }
    }

    #[test]
    fn one_machine_is_never_locked_out() {
        let (a, b) = (claim("a", "10.0.0.1"), claim("b", "10.0.0.1"));
        let mut door = Door::new();
        assert_eq!(door.comes(0, &a), Verdict::Enters);
        // The same process dials again before its old connection is known to be over.
        assert_eq!(door.comes(1, &a), Verdict::Enters);
        // Its agent is started again: the kernel closed what the old process had.
        door.leaves(10);
        assert_eq!(door.comes(11, &b), Verdict::Enters);
        for restart in 0..50 {
            door.leaves(20 + restart);
            let next = claim(&format!("r{restart}"), "10.0.0.1");
            assert_eq!(door.comes(20 + restart, &next), Verdict::Enters);
        }
        // Power is cut: the old connection is there and silent.
        let c = claim("c", "10.0.0.2");
        door.speaks(99);
        assert_eq!(door.comes(100, &c), Verdict::Waits);
        assert_eq!(door.comes(115, &c), Verdict::Waits);
        assert_eq!(door.comes(131, &c), Verdict::Enters);
        // It moves to another address; its old connection is silent.
        let moved = claim("c", "10.9.9.9");
        assert_eq!(door.comes(200, &moved), Verdict::Waits);
        assert_eq!(door.comes(230, &moved), Verdict::Enters);
        // An agent of before processes had names.
        let old = claim("", "10.0.0.1");
        door.leaves(300);
        assert_eq!(door.comes(301, &old), Verdict::Enters);
        assert_eq!(door.comes(302, &old), Verdict::Waits);
        assert_eq!(door.comes(333, &old), Verdict::Enters);
    }

    #[test]
    fn a_copy_beside_one_that_speaks_never_gets_in() {
        for (original, copy) in [("a", "b"), ("a", ""), ("", "b"), ("", "")] {
            let (a, b) = (claim(original, "10.0.0.1"), claim(copy, "10.0.0.2"));
            let mut door = Door::new();
            assert_eq!(door.comes(0, &a), Verdict::Enters);
            let mut found = 0;
            for second in 1..600 {
                if second % 10 == 0 {
                    door.speaks(second);
                }
                if second % 7 == 0 {
                    let verdict = door.comes(second, &b);
                    found += usize::from(verdict == Verdict::IsCopy(a.from));
                    assert!(matches!(verdict, Verdict::Waits | Verdict::IsCopy(_)), "{second}");
                }
            }
            assert!(found > 10, "{found}");
        }
    }

    #[test]
    fn a_copy_that_was_refused_gets_in_by_nobodys_silence() {
        let memory = AGENT_COPY_MEMORY / 1000;
        for (copy, again) in [("b", "c"), ("", "")] {
            let (a, b) = (claim("a", "10.0.0.1"), claim(copy, "10.0.0.2"));
            let (c, rebooted) = (claim(again, "10.0.0.2"), claim("d", "10.0.0.1"));
            let mut door = Door::new();
            assert_eq!(door.comes(0, &a), Verdict::Enters);
            let begun = 2 * memory;
            assert_eq!(door.comes(begun, &b), Verdict::Waits);
            door.speaks(begun + 10);
            assert_eq!(door.comes(begun + 20, &b), Verdict::IsCopy(a.from));
            // The holder stands still, and the copy is started again and again.
            for second in (begun + 20..begun + 600).step_by(20) {
                assert_eq!(door.comes(second, &b), Verdict::IsCopy(a.from), "{second}");
                assert_eq!(door.comes(second + 7, &c), Verdict::IsCopy(a.from), "{second}");
            }
            // Its own machine gets it back, after a power cut, and at once after a restart.
            assert_eq!(door.comes(begun + 600, &rebooted), Verdict::Waits);
            assert_eq!(door.comes(begun + 631, &rebooted), Verdict::Enters);
            assert_eq!(door.comes(begun + 640, &c), Verdict::IsCopy(rebooted.from));
            door.leaves(begun + 650);
            assert_eq!(door.comes(begun + 660, &c), Verdict::IsCopy(rebooted.from));
            assert_eq!(door.comes(begun + 670, &rebooted), Verdict::Enters);
            // It is destroyed: some time later there is but one.
            door.leaves(begun + 700);
            assert_eq!(door.comes(begun + 700 + memory, &c), Verdict::Enters);
        }
    }

    #[test]
    fn one_that_comes_in_while_the_other_is_away_is_shown_out_when_it_returns() {
        let (a, b) = (claim("a", "10.0.0.1"), claim("b", "10.0.0.2"));
        let mut door = Door::new();
        assert_eq!(door.comes(0, &a), Verdict::Enters);
        door.leaves(50);
        assert_eq!(door.comes(51, &b), Verdict::Enters, "as a restart would");
        door.speaks(60);
        assert_eq!(door.comes(65, &a), Verdict::Returns(b.from));
        assert_eq!(door.comes(70, &b), Verdict::IsCopy(a.from));
        door.leaves(80);
        assert_eq!(door.comes(81, &b), Verdict::IsCopy(a.from), "the first is away for a moment");
        assert_eq!(door.comes(90, &a), Verdict::Enters);
        // The original is destroyed: some time later there is but one.
        door.leaves(100);
        assert_eq!(door.comes(100 + AGENT_COPY_MEMORY / 1000, &b), Verdict::Enters);
    }

    #[test]
    fn a_stray_visit_long_ago_is_not_held_against_a_server_that_loses_power() {
        let (a, stray) = (claim("a", "10.0.0.1"), claim("s", "10.0.0.9"));
        let mut door = Door::new();
        assert_eq!(door.comes(0, &a), Verdict::Enters);
        assert_eq!(door.comes(10, &stray), Verdict::Waits);
        door.speaks(5000);
        let rebooted = claim("b", "10.0.0.1");
        assert_eq!(door.comes(5010, &rebooted), Verdict::Waits);
        assert_eq!(door.comes(5041, &rebooted), Verdict::Enters);
    }

    #[test]
    fn a_challenge_is_decided_at_its_moment_and_not_before() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let quick = Newcomer { quiet_max: Duration::from_millis(4000), ..claim("a", "10.0.0.1") };
        let slow = Newcomer { quiet_max: Duration::from_secs(300), ..claim("a", "10.0.0.1") };
        // When it was last heard, since when it is challenged, when the other one comes again; and
        // since when it is challenged from then on.
        let check =
            |who: &Newcomer, heard: u64, since: Option<u64>, now: u64, expected, then: u64| {
                let mut challenged = since.map(at);
                let holder = Holder { claim: who, heard: at(heard), challenged: &mut challenged };
                let verdict = challenge(holder, at(now));
                assert_eq!(
                    (verdict, challenged),
                    (expected, Some(at(then))),
                    "{heard} {since:?} {now}"
                );
            };
        let copy = Verdict::IsCopy(quick.from);
        check(&quick, 0, None, 9000, Verdict::Waits, 9000);
        check(&quick, 0, Some(1000), 4999, Verdict::Waits, 1000);
        check(&quick, 0, Some(1000), 5000, Verdict::Enters, 1000);
        // What was on its way says nothing.
        check(&quick, 3000, Some(1000), 4999, Verdict::Waits, 1000);
        check(&quick, 3001, Some(1000), 4999, copy, 4999);
        // Two patiences and what was on its way later, the challenge is over.
        check(&quick, 3001, Some(1000), 10_999, copy, 10_999);
        check(&quick, 0, Some(1000), 10_999, Verdict::Enters, 1000);
        check(&quick, 0, Some(1000), 11_000, Verdict::Waits, 11_000);
        // However seldom it wants to be heard, half a minute is enough.
        let most = AGENT_HOLDER_QUIET_MAX;
        check(&slow, 0, Some(1000), 999 + most, Verdict::Waits, 1000);
        check(&slow, 0, Some(1000), 1000 + most, Verdict::Enters, 1000);
    }

    #[test]
    fn a_process_is_the_same_on_its_machine_alone() {
        let one = |process, from| claim(process, from);
        assert!(is_same(&one("a", "10.0.0.1"), &one("a", "10.0.0.1")));
        assert!(is_same(&one("a", "10.0.0.1"), &one("a", "[::ffff:10.0.0.1]")));
        assert!(!is_same(&one("a", "10.0.0.1"), &one("a", "10.0.0.2")));
        assert!(!is_same(&one("a", "10.0.0.1"), &one("b", "10.0.0.1")));
        assert!(!is_same(&one("", "10.0.0.1"), &one("", "10.0.0.1")), "nobody says who it is");
    }

    #[test]
    fn of_many_processes_the_first_and_the_last_are_remembered() {
        let mut door = Door::new();
        let process = |i: usize| claim(&i.to_string(), &format!("10.0.0.{}", i + 1));
        let comes = |door: &mut Door, i: usize| {
            door.leaves(1);
            door.comes(1, &process(i))
        };
        for i in 0..AGENT_PROCESSES_MAX + 3 {
            assert_eq!(comes(&mut door, i), Verdict::Enters);
        }
        let known: Vec<&str> = door.history.known.iter().map(|k| k.process.as_str()).collect();
        assert_eq!(known, ["0", "4", "5", "6", "7", "8", "9", "10"]);
        assert_eq!(comes(&mut door, 0), Verdict::Returns(process(10).from));
        for i in 4..AGENT_PROCESSES_MAX + 3 {
            assert_eq!(comes(&mut door, i), Verdict::IsCopy(process(0).from), "{i}");
        }
    }

    #[test]
    fn where_a_process_was_last_is_where_it_is() {
        let mut door = Door::new();
        let (a, b) = (claim("a", "10.0.0.1"), claim("b", "10.0.0.2"));
        assert_eq!(door.comes(0, &a), Verdict::Enters);
        door.leaves(1);
        assert_eq!(door.comes(2, &b), Verdict::Enters);
        door.leaves(3);
        let moved = claim("b", "10.0.0.3");
        assert_eq!(door.comes(4, &moved), Verdict::Enters);
        assert_eq!(door.comes(5, &a), Verdict::Returns(moved.from));
        assert_eq!(door.comes(6, &moved), Verdict::IsCopy(a.from));
        // What no longer is remembered is no copy; who comes long after is the first there is.
        door.leaves(7);
        let gone = 7 + AGENT_COPY_MEMORY / 1000;
        assert!(!door.history.is_over(door.start + Duration::from_secs(gone - 1)));
        assert!(door.history.is_over(door.start + Duration::from_secs(gone)));
        assert_eq!(door.comes(gone, &claim("c", "10.0.0.4")), Verdict::Enters);
        assert_eq!(door.history.known.len(), 1);
    }

    #[test]
    fn little_is_remembered_and_not_for_ever() {
        let mut door = Door::new();
        for i in 0..10_000 {
            door.leaves(i);
            door.comes(i, &claim(&i.to_string(), "10.0.0.1"));
            assert!(door.history.known.len() <= AGENT_PROCESSES_MAX);
        }
        let long_after = door.start + Duration::from_secs(10_000 + AGENT_COPY_MEMORY);
        assert!(door.history.is_over(long_after));
    }
}
