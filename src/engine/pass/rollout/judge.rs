//! How a rollout stands: when one begins, where it goes, and when it stops, goes back or ends.
//!
//! All it remembers is in [`Rollout`]. What became of each new server is counted once, by its id:
//! one that runs is a success, one that leaves or is gone without having run is a failure, unless
//! people or the target took it away.

use crate::base::{Timestamp, Watch};
use crate::engine::draft::Draft;
use crate::engine::world::{RoleView, ServerView};
use crate::model::{
    Decision, FarmRole, Move, Rollout, RolloutState, RolloutStrategy, RolloutWish, TerminateReason,
};
use std::collections::BTreeMap;

/// Brings the memory of a farm role's rollout up to now, and says what changed about it.
pub fn judge(watch: Watch, draft: &mut Draft, view: &RoleView) -> Option<Rollout> {
    let now = watch.now;
    let target = draft.targets.get_mut(&view.role.id)?;
    let size = target.target;
    let before = target.rollout.take();
    let mut said = Vec::new();
    let rollout = begin(now, draft, view, before, &mut said).map(|mut rollout| {
        if view.role.make_of(rollout.from).is_none() {
            // Too long ago to go back to.
            rollout.from = rollout.to;
        }
        listen(now, view.role, &mut rollout, &mut said);
        count(now, draft, view, &mut rollout, &mut said);
        checkpoints(watch, draft, view, &mut rollout, size, &mut said);
        rollout.maintenance &= needs_page(draft, view, &rollout, size);
        resume_back(now, draft, view, &mut rollout);
        rollout
    });
    for what in said {
        draft.say(view, Decision::Act(what));
    }
    if let Some(target) = draft.targets.get_mut(&view.role.id) {
        target.rollout.clone_from(&rollout);
    }
    rollout
}

/// Begins a rollout for those that scaling wakes just now and that slept through one, or goes on
/// with the way back for them.
pub fn join(watch: Watch, draft: &mut Draft, view: &RoleView) {
    let role = view.role.id;
    let Some(mut rollout) = draft.targets.get_mut(&role).and_then(|t| t.rollout.take()) else {
        judge(watch, draft, view);
        return;
    };
    resume_back(watch.now, draft, view, &mut rollout);
    if let Some(target) = draft.targets.get_mut(&role) {
        target.rollout = Some(rollout);
    }
}

/// Whether all are rolled over at once.
pub fn is_full(role: &FarmRole) -> bool {
    role.policy.rollout.strategy == RolloutStrategy::Full
}

/// Whether too few new servers run to send people to them.
pub fn needs_page(draft: &Draft, view: &RoleView, rollout: &Rollout, target: u32) -> bool {
    let enough = view.role.policy.rollout.healthy_min(target).max(1);
    is_full(view.role) && ready(draft, view, rollout.wanted()) < enough
}

/// Servers of a revision that run.
pub fn ready(draft: &Draft, view: &RoleView, revision: u64) -> u32 {
    let ready = |s: &&ServerView| s.server.revision == revision && serves(s) && draft.is_wanted(s);
    u32::try_from(view.servers.iter().filter(ready).count()).unwrap_or(u32::MAX)
}

/// Goes on with the one there is, turns it to another revision, or begins one.
fn begin(
    now: Timestamp,
    draft: &Draft,
    view: &RoleView,
    before: Option<Rollout>,
    said: &mut Vec<String>,
) -> Option<Rollout> {
    let to = view.role.revision;
    let fresh = |from| Rollout {
        from,
        to,
        began_at: now,
        state: RolloutState::Rolling,
        since: now,
        failed: 0,
        checkpoint: 0,
        said: view.role.rollout_said,
        starting: Vec::new(),
        maintenance: false,
    };
    match before {
        Some(before) if before.to == to => Some(before),
        Some(before) => {
            said.push(format!("rollout turns from revision {} to {to}", before.to));
            Some(Rollout { maintenance: before.maintenance, ..fresh(before.from) })
        }
        None => {
            let mut tally: BTreeMap<u64, usize> = BTreeMap::new();
            let others = view.servers.iter().filter(|s| serves_on(draft, s));
            for other in others.filter(|s| s.server.revision != to) {
                *tally.entry(other.server.revision).or_default() += 1;
            }
            let (from, _) =
                tally.into_iter().max_by_key(|(revision, servers)| (*servers, *revision))?;
            said.push(format!("rollout from revision {from} to {to}"));
            Some(fresh(from))
        }
    }
}

fn turn(now: Timestamp, rollout: &mut Rollout, state: RolloutState) {
    (rollout.state, rollout.since) = (state, now);
}

/// What people said since it came into its state.
fn listen(now: Timestamp, role: &FarmRole, rollout: &mut Rollout, said: &mut Vec<String>) {
    let news = role.rollout_said > rollout.said;
    rollout.said = role.rollout_said;
    let (from, to) = (rollout.from, rollout.to);
    match (role.rollout_wish, rollout.state) {
        (RolloutWish::Abort, RolloutState::RollingBack | RolloutState::RolledBack) => {}
        // What was said before it failed is not said of the failure.
        (RolloutWish::Abort, RolloutState::Failed) if !news => {}
        (RolloutWish::Abort, _) => {
            turn(now, rollout, RolloutState::RollingBack);
            said.push(format!("rollout to revision {to} is aborted: back to {from}"));
        }
        (RolloutWish::Pause, RolloutState::Rolling | RolloutState::Checkpoint) => {
            turn(now, rollout, RolloutState::Paused);
            said.push(format!("rollout to revision {to} is paused"));
        }
        (RolloutWish::Pause, _) => {}
        (RolloutWish::Go, RolloutState::Paused) => {
            turn(now, rollout, RolloutState::Rolling);
            said.push(format!("rollout to revision {to} goes on"));
        }
        (RolloutWish::Go, RolloutState::Checkpoint) if news => {
            rollout.checkpoint += 1;
            turn(now, rollout, RolloutState::Rolling);
            said.push(format!("rollout to revision {to} goes on past its checkpoint"));
        }
        (
            RolloutWish::Go,
            RolloutState::Failed | RolloutState::RolledBack | RolloutState::RollingBack,
        ) if news => {
            (rollout.failed, rollout.checkpoint, rollout.began_at) = (0, 0, now);
            turn(now, rollout, RolloutState::Rolling);
            said.push(format!("rollout to revision {to} is tried again"));
        }
        (RolloutWish::Go, _) => {}
    }
}

/// What became of the new servers that were not ready yet.
fn count(
    now: Timestamp,
    draft: &Draft,
    view: &RoleView,
    rollout: &mut Rollout,
    said: &mut Vec<String>,
) {
    let forward = rollout.wanted() == rollout.to;
    let mut failed = 0;
    rollout.starting.retain(|id| match view.server(*id) {
        // A launch that was refused leaves nothing but its step.
        None => {
            failed += 1;
            false
        }
        Some(server) if draft.is_wanted(server) => !server.is_running(),
        Some(server) => {
            failed += u32::from(is_failure(draft, server));
            false
        }
    });
    failed += fell_ill(draft, view, rollout.to);
    if !forward || failed == 0 {
        return;
    }
    rollout.failed = rollout.failed.saturating_add(failed);
    let policy = &view.role.policy.rollout;
    let (from, to, all) = (rollout.from, rollout.to, rollout.failed);
    if all < policy.failures_max {
        return;
    }
    let text = format!("rollout to revision {to} failed: {all} new servers did not get ready");
    if policy.rollback && from != to {
        turn(now, rollout, RolloutState::RollingBack);
        said.push(format!("{text}; back to revision {from}"));
    } else {
        turn(now, rollout, RolloutState::Failed);
        said.push(text);
    }
}

/// New servers that ran and that this plan gives up because their check fails.
fn fell_ill(draft: &Draft, view: &RoleView, revision: u64) -> u32 {
    let ill = |step: &&Move| {
        let server = view.server(step.server());
        step.retires() == Some(TerminateReason::Unhealthy)
            && server.is_some_and(|server| server.server.revision == revision)
    };
    u32::try_from(draft.moves.iter().filter(ill).count()).unwrap_or(u32::MAX)
}

/// It runs, and nothing says that its check fails.
fn serves(server: &ServerView) -> bool {
    server.is_running() && !server.is_unhealthy()
}

/// Whether a server that goes without having run goes for its own fault.
fn is_failure(draft: &Draft, server: &ServerView) -> bool {
    let mut about = draft.moves.iter().filter(|step| step.server() == server.server.id);
    let decided = about.find_map(Move::retires);
    match decided.or(server.server.terminate_reason) {
        Some(
            TerminateReason::Crashed
            | TerminateReason::LaunchTimeout
            | TerminateReason::SetupFailed
            | TerminateReason::LaunchFailed,
        ) => server.server.running_at.is_none(),
        Some(
            TerminateReason::ScalingDown
            | TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::RoleRemoved
            | TerminateReason::Rollout
            | TerminateReason::Unhealthy,
        )
        | None => false,
    }
}

fn checkpoints(
    watch: Watch,
    draft: &Draft,
    view: &RoleView,
    rollout: &mut Rollout,
    target: u32,
    said: &mut Vec<String>,
) {
    let (policy, now) = (&view.role.policy.rollout, watch.now);
    if is_full(view.role) {
        // All at once has none; it was declared while a rollout in batches waited at one.
        if rollout.state == RolloutState::Checkpoint {
            turn(now, rollout, RolloutState::Rolling);
        }
        return;
    }
    let age = now.since(watch.known(rollout.since));
    let waited = policy.checkpoint_wait_ms.is_some_and(|wait| age >= wait);
    if rollout.state == RolloutState::Checkpoint && waited {
        rollout.checkpoint += 1;
        turn(now, rollout, RolloutState::Rolling);
        said.push(format!("rollout to revision {} goes on after its checkpoint", rollout.to));
    }
    let Some(share) = checkpoint_size(view.role, rollout, target) else { return };
    let ready = ready(draft, view, rollout.to);
    if rollout.state == RolloutState::Rolling && ready >= share && ready < target {
        turn(now, rollout, RolloutState::Checkpoint);
        said.push(format!(
            "rollout to revision {} is at a checkpoint: {ready} of {target} servers",
            rollout.to
        ));
    }
}

/// So many new servers reach the next checkpoint.
pub fn checkpoint_size(role: &FarmRole, rollout: &Rollout, target: u32) -> Option<u32> {
    let place = usize::try_from(rollout.checkpoint).ok()?;
    let percent = role.policy.rollout.checkpoints.get(place)?;
    let share = u64::from(*percent).saturating_mul(u64::from(target)).div_ceil(100);
    u32::try_from(share).ok()
}

/// What went back stays back: a server that could not go before, goes now.
fn resume_back(now: Timestamp, draft: &Draft, view: &RoleView, rollout: &mut Rollout) {
    if rollout.state == RolloutState::RolledBack && has_others(draft, view, rollout.wanted()) {
        turn(now, rollout, RolloutState::RollingBack);
    }
}

/// It is wanted once this plan is committed.
fn serves_on(draft: &Draft, server: &ServerView) -> bool {
    draft.is_wanted(server) || draft.is_woken(server)
}

fn has_others(draft: &Draft, view: &RoleView, wanted: u64) -> bool {
    view.servers.iter().any(|s| serves_on(draft, s) && s.server.revision != wanted)
}

/// Ends a rollout when every server is of its revision and none is to come: asked after everything
/// else is decided, because the last to go is enough.
pub fn end(now: Timestamp, draft: &mut Draft, view: &RoleView) {
    let Some(target) = draft.targets.get(&view.role.id) else { return };
    let Some(rollout) = &target.rollout else { return };
    let wanted = rollout.wanted();
    let owed = target.owed.iter().any(|owed| owed.rollout);
    if owed || !rollout.starting.is_empty() || has_others(draft, view, wanted) {
        return;
    }
    let (said, ended) = match rollout.state {
        RolloutState::Rolling | RolloutState::Checkpoint | RolloutState::Paused => {
            (format!("rollout to revision {wanted} is done"), None)
        }
        RolloutState::RollingBack => {
            let mut back = rollout.clone();
            turn(now, &mut back, RolloutState::RolledBack);
            (format!("rolled back to revision {wanted}"), Some(back))
        }
        RolloutState::Failed | RolloutState::RolledBack => return,
    };
    draft.say(view, Decision::Act(said));
    if let Some(target) = draft.targets.get_mut(&view.role.id) {
        target.rollout = ended;
    }
}
