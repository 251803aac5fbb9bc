//! Waiting for what goes on in the appliance, as `grange apply --wait` does: until a farm is as it
//! is declared.
//!
//! It is, when every farm role has at least the servers that are wanted and at most those that are
//! allowed, all of them run, serve and are of the declared revision, no service of theirs keeps
//! ending, and every port it publishes leads to them. What is waited for goes on in
//! the appliance whether or not anybody waits, so a time that is over and Ctrl-C end the waiting
//! and nothing else.

use crate::base::Millis;
use crate::base::time::say;
use crate::cli::exit::{INTERRUPTED, LATE, NOT_WHAT_RUNS};
use crate::cli::{Done, Io, Stop};
use crate::client::{Client, Error};
use crate::wire::api::{FarmRoleView, ManifestResult};
use crate::wire::rollout::RolloutView;
use std::time::Duration;

/// First and longest pause between two looks: what is there at once is found at once, and a longer
/// wait costs little.
const PAUSES: [Millis; 2] = [25, 500];

/// How long one look may take: what is waited for goes on whether it is seen or not, and a signal
/// is obeyed between two looks, also where an appliance hangs.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

/// A client for looks of those that wait.
pub fn looking(client: &Client) -> Client {
    client.clone().with_deadline(LOOK_DEADLINE)
}

/// How waiting ended.
pub enum Waited<T> {
    /// With what was waited for.
    Found(T),
    /// It took too long.
    Late,
    /// A signal came.
    Interrupted,
}

/// Looks until there is what is waited for, for at most so long; looks that take long count.
pub fn until<T>(
    at_most: Millis,
    io: &mut Io<'_>,
    mut look: impl FnMut(&mut Io<'_>) -> Result<Option<T>, Stop>,
) -> Result<Waited<T>, Stop> {
    wait(at_most, io, &mut look, false)
}

/// The same for what a signal has asked for already: only another one, which ends the process, and
/// the time end it. `None` when it took too long.
pub fn until_even_so<T>(
    at_most: Millis,
    io: &mut Io<'_>,
    mut look: impl FnMut(&mut Io<'_>) -> Result<Option<T>, Stop>,
) -> Result<Option<T>, Stop> {
    match wait(at_most, io, &mut look, true)? {
        Waited::Found(found) => Ok(Some(found)),
        Waited::Late | Waited::Interrupted => Ok(None),
    }
}

fn wait<T>(
    at_most: Millis,
    io: &mut Io<'_>,
    look: &mut dyn FnMut(&mut Io<'_>) -> Result<Option<T>, Stop>,
    even_so: bool,
) -> Result<Waited<T>, Stop> {
    let end = io.patience.now().saturating_add(at_most);
    let [mut pause, longest] = PAUSES;
    while even_so || !io.patience.interrupted() {
        if let Some(found) = look(io)? {
            return Ok(Waited::Found(found));
        }
        let left = end.saturating_sub(io.patience.now());
        if left == 0 {
            return Ok(Waited::Late);
        }
        io.patience.pause(pause.min(left));
        pause = (pause * 2).min(longest);
    }
    Ok(Waited::Interrupted)
}

/// How far a farm is.
enum Progress {
    /// It is as declared.
    There,
    /// It is not yet; what is missing, one line a farm role.
    Missing(Vec<String>),
    /// It will not be by itself; why, and what to do.
    Over(String),
}

/// Waits until the farm that was declared is so, telling what is missing whenever that changes.
pub fn until_declared(
    declared: &ManifestResult,
    at_most: Millis,
    client: &Client,
    io: &mut Io<'_>,
) -> Done {
    let (farm, client) = (&declared.farm, &looking(client));
    let mut missing: Vec<String> = Vec::new();
    let waited = until(at_most, io, |io| {
        let lines = match look(declared.id, client) {
            Ok(Progress::There) => {
                put_line!(io.stderr, "farm {farm} is as declared")?;
                return Ok(Some(0));
            }
            Ok(Progress::Over(why)) => {
                put_line!(io.stderr, "grange: {why}")?;
                return Ok(Some(NOT_WHAT_RUNS));
            }
            Ok(Progress::Missing(lines)) => lines,
            // An appliance that is upgraded meanwhile comes back.
            Err(error) if error.may_pass() => vec![format!("{error}; waiting for it to come back")],
            Err(error) => return Err(error.into()),
        };
        let told: Vec<String> = missing.iter().map(|line| without_numbers(line)).collect();
        for line in lines.iter().filter(|line| !told.contains(&without_numbers(line))) {
            put_line!(io.stderr, "{line}")?;
        }
        missing = lines;
        Ok(None)
    })?;
    let on = format!("it stays declared and goes on by itself: grange farm show {farm}");
    match waited {
        Waited::Found(code) => Ok(code),
        Waited::Late => {
            let (length, missing) = (say(at_most), missing.join("; "));
            put_line!(
                io.stderr,
                "grange: farm {farm} is not as declared after {length}: {missing}"
            )?;
            put_line!(io.stderr, "grange: {on}")?;
            Ok(LATE)
        }
        Waited::Interrupted => {
            put_line!(io.stderr, "grange: no longer waiting for farm {farm}; {on}")?;
            Ok(INTERRUPTED)
        }
    }
}

/// A line without the times in it: what only counts down, or up, is no news.
fn without_numbers(line: &str) -> String {
    const UNITS: [&str; 5] = ["ms", "s", "m", "h", "d"];
    const ENDS: [char; 5] = [',', ';', '.', ')', ':'];
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut shown: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches(ENDS));
        match shown.last() {
            // A time may have several units, and more of them than a moment ago.
            Some(last) if is_unit && is_number(last.trim_start_matches('(')) => {
                shown.pop();
                if shown.last() != Some(&"N") {
                    shown.push("N");
                }
            }
            _ => shown.push(word),
        }
    }
    shown.join(" ")
}

fn look(id: u64, client: &Client) -> Result<Progress, Error> {
    let farm = client.farm(id)?;
    if !matches!(farm.status.as_str(), "running" | "pending_launch") {
        let (name, status) = (&farm.name, &farm.status);
        return Ok(Progress::Over(format!("farm {name} is {status}: somebody wants it otherwise")));
    }
    let mut missing: Vec<String> =
        farm.grange.freeze.iter().map(|why| format!("{} is frozen: {why}", farm.name)).collect();
    for role in client.farm_roles(id)? {
        let rollout = client.rollout(role.id)?;
        if let Some(why) = rollout_is_over(&rollout) {
            return Ok(Progress::Over(why));
        }
        missing.extend(missing_of(&role, &rollout));
    }
    match missing.is_empty() {
        true => Ok(Progress::There),
        false => Ok(Progress::Missing(missing)),
    }
}

/// Says of a rollout to the declared revision that it ended without it.
fn rollout_is_over(rollout: &RolloutView) -> Option<String> {
    let declared = rollout.revisions.first().map_or(rollout.to, |revision| revision.number);
    let over = matches!(rollout.state.as_str(), "failed" | "rolling back" | "rolled back");
    let RolloutView { about, state, failed, .. } = rollout;
    (over && rollout.to == declared).then(|| {
        format!(
            "{about}: revision {declared} is declared and does not run: its rollout is {state}, \
             {failed} did not get ready; grange explain {about} says why"
        )
    })
}

/// What a farm role still lacks, in one line.
fn missing_of(role: &FarmRoleView, rollout: &RolloutView) -> Option<String> {
    let (scaling, counts) = (&role.scaling, &role.grange);
    let wanted = counts.target.max(scaling.min_instances).min(scaling.max_instances);
    let earlier: u32 = rollout.revisions.iter().skip(1).map(|revision| revision.servers).sum();
    let under_way = matches!(rollout.state.as_str(), "rolling" | "checkpoint" | "paused");
    let mut lacks = Vec::new();
    if counts.running < wanted || counts.running > scaling.max_instances {
        lacks.push(format!("{} of {wanted} running", counts.running));
    }
    if counts.unhealthy > 0 {
        lacks.push(format!("{} unhealthy", counts.unhealthy));
    }
    if earlier > 0 || under_way {
        let state = if under_way { rollout.state.as_str() } else { "about to begin" };
        lacks.push(format!("{earlier} of an earlier revision, rollout {state}"));
    }
    let all_serve = lacks.is_empty() && wanted > 0;
    for port in &counts.published {
        if port.wrong.is_some() {
            lacks.push(format!("cannot be published: {}", port.line()));
        } else if all_serve && port.open.is_empty() {
            lacks.push(port.line());
        }
    }
    if lacks.is_empty() {
        return None;
    }
    let why = counts.waiting.first().map(|why| format!("; {why}")).unwrap_or_default();
    Some(format!("{}: {}{why}", rollout.about, lacks.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::cli::{NoFiles, Patience};
    use crate::wire::api::farms::PublishedView;
    use crate::wire::api::{FarmRoleExtra, ScalingView};
    use crate::wire::rollout::RevisionView;
    use std::cell::Cell;

    /// A farm role of two to four servers with so many running and wanted, and a rollout whose
    /// earlier revision has servers.
    fn role(running: u32, target: u32, unhealthy: u32) -> FarmRoleView {
        let grange = FarmRoleExtra { running, target, unhealthy, ..FarmRoleExtra::default() };
        let scaling = ScalingView { min_instances: 2, max_instances: 4, ..ScalingView::default() };
        FarmRoleView { scaling, grange, ..FarmRoleView::default() }
    }

    fn rollout(state: &str, to: u64, declared: u64, earlier: u32) -> RolloutView {
        let of = |number, servers| RevisionView { number, servers, ..RevisionView::default() };
        RolloutView {
            about: "shop/web".into(),
            state: state.into(),
            to,
            failed: 2,
            revisions: vec![of(declared, 2), of(declared - 1, earlier)],
            ..RolloutView::default()
        }
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_else_is() {
        let check = |role: &FarmRoleView, rollout: &RolloutView, expected: Option<&str>| {
            assert_eq!(missing_of(role, rollout).as_deref(), expected);
        };
        let still = rollout("none", 3, 3, 0);
        check(&role(2, 2, 0), &still, None);
        check(&role(3, 3, 0), &still, None);
        // More than scaling wants is no lack, more than is allowed is not as declared.
        check(&role(4, 2, 0), &still, None);
        check(&role(5, 2, 0), &still, Some("shop/web: 5 of 2 running"));
        // The target of before a range was raised, and of before it was lowered.
        check(&role(1, 1, 0), &still, Some("shop/web: 1 of 2 running"));
        check(&role(4, 9, 0), &still, None);
        check(&role(2, 3, 1), &still, Some("shop/web: 2 of 3 running, 1 unhealthy"));
        let due = "shop/web: 2 of an earlier revision, rollout about to begin";
        check(&role(2, 2, 0), &rollout("none", 2, 3, 2), Some(due));
        let paused = "shop/web: 0 of an earlier revision, rollout paused";
        check(&role(2, 2, 0), &rollout("paused", 3, 3, 0), Some(paused));
    }

    #[test]
    fn a_port_that_leads_nowhere_is_a_lack() {
        let still = rollout("none", 3, 3, 0);
        let port = |open: &[&str], wrong: Option<&str>| PublishedView {
            port: 80,
            to: "http".into(),
            servers: 2,
            open: open.iter().map(|at| (*at).to_owned()).collect(),
            wrong: wrong.map(str::to_owned),
            ..PublishedView::default()
        };
        let check = |running, published: PublishedView, expected: Option<&str>| {
            let mut role = role(running, 2, 0);
            role.grange.published.push(published);
            assert_eq!(missing_of(&role, &still).as_deref(), expected);
        };
        check(2, port(&["192.0.2.1:80"], None), None);
        check(2, port(&[], None), Some("shop/web: port 80 to http, 2 servers, not open yet"));
        // That is known before all of them run, and what follows from it is not.
        check(1, port(&[], None), Some("shop/web: 1 of 2 running"));
        let taken = "shop/web: cannot be published: port 80 to http, 2 servers: in use";
        check(2, port(&[], Some("in use")), Some(taken));
        let partly = "shop/web: cannot be published: port 80 to http, 2 servers, at \
                      192.0.2.1:80: 192.0.2.2 is in use";
        check(2, port(&["192.0.2.1:80"], Some("192.0.2.2 is in use")), Some(partly));
    }

    #[test]
    fn what_counts_down_is_no_news() {
        let same = |a: &str, b: &str| assert_eq!(without_numbers(a), without_numbers(b));
        same("shop/web: 0 of 1 running; in 12 s", "shop/web: 0 of 1 running; in 3 s");
        same("getting ready for 1 m 3 s of 5 m", "getting ready for 2 m 1 s of 5 m");
        same("getting ready for 900 ms of 5 m", "getting ready for 1 m 1 s of 5 m");
        same("waits (4 s ago), then", "waits (5 s ago), then");
        let other = |a: &str, b: &str| assert_ne!(without_numbers(a), without_numbers(b));
        other("shop/web: 0 of 2 running; in 12 s", "shop/web: 1 of 2 running; in 12 s");
        other("3 launches failed; in 5 s", "4 launches failed; in 5 s");
        other("in 5 s", "in 5 seats");
    }

    #[test]
    fn only_the_rollout_to_what_is_declared_can_be_over() {
        for state in ["failed", "rolling back", "rolled back"] {
            assert!(rollout_is_over(&rollout(state, 3, 3, 1)).is_some(), "{state}");
            // Another revision was declared since; its rollout begins in a moment.
            assert_eq!(rollout_is_over(&rollout(state, 2, 3, 1)), None, "{state}");
        }
        for state in ["none", "rolling", "checkpoint", "paused"] {
            assert_eq!(rollout_is_over(&rollout(state, 3, 3, 1)), None, "{state}");
        }
    }

    /// A clock that looks and pauses move, and a signal that comes at a time.
    struct Slow {
        now: Cell<Millis>,
        signal: Millis,
    }

    impl Patience for Slow {
        fn wall(&self) -> Timestamp {
            Timestamp(0)
        }

        fn now(&self) -> Millis {
            self.now.get()
        }

        fn pause(&self, length: Millis) {
            self.now.set(self.now.get() + length);
        }

        fn interrupted(&self) -> bool {
            self.now.get() >= self.signal
        }
    }

    /// Waits for at most 10 s for the look that finds it; how it ended, and when.
    fn waited(look_takes: Millis, found_at: Millis, signal: Millis) -> (&'static str, Millis) {
        let slow = Slow { now: Cell::new(0), signal };
        let mut io = Io {
            stdin: &mut &b""[..],
            stdout: &mut Vec::new(),
            stderr: &mut Vec::new(),
            files: &NoFiles,
            env: &|_| None,
            patience: &slow,
            interactive: false,
            terminal: false,
            error_terminal: false,
            demo: None,
        };
        let waited = until(10_000, &mut io, |_| {
            slow.pause(look_takes);
            Ok((slow.now() >= found_at).then_some(()))
        });
        let how = match waited {
            Ok(Waited::Found(())) => "found",
            Ok(Waited::Late) => "late",
            Ok(Waited::Interrupted) => "interrupted",
            Err(_) => "failed",
        };
        (how, slow.now())
    }

    #[test]
    fn waiting_ends_when_it_is_there_when_it_is_late_and_when_a_signal_comes() {
        const NEVER: Millis = Millis::MAX;
        assert_eq!(waited(0, 0, NEVER), ("found", 0));
        assert_eq!(waited(0, 1, NEVER), ("found", 25));
        // It is there at the last moment, and a moment too late.
        assert_eq!(waited(0, 10_000, NEVER), ("found", 10_000));
        assert_eq!(waited(0, 10_001, NEVER), ("late", 10_000));
        // Looks that take long count: the third begins before the end, and no fourth does.
        assert_eq!(waited(4_000, NEVER, NEVER), ("late", 12_075));
        assert_eq!(waited(0, NEVER, 0), ("interrupted", 0));
        // 25, 50, 100, 200, 400 ms.
        assert_eq!(waited(0, NEVER, 700), ("interrupted", 775));
        assert_eq!(waited(0, 700, 700), ("interrupted", 775));
    }
}
