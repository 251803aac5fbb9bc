//! Count: fewer servers than the target wants are launched, several at once.
//!
//! Max is hard (law 1): every server not confirmed gone counts against it, those on their way out
//! and those of unknown fate included. A replacement of a farm role with data volumes has the
//! index of the one it replaces, so it waits until that one is confirmed gone. What scaling put to
//! sleep is woken before anything is launched. After a failed
//! launch, only one at a time is tried until one of them runs.

use crate::engine::draft::Draft;
use crate::engine::pass::launch::{reason_to_wait, smallest_free};
use crate::engine::pass::{rollout, sleep};
use crate::engine::world::{RoleView, ServerView, World};
use crate::model::{Decision, HoldKind, LaunchReason, Replacement, ServerStatus, Wait};
use std::collections::BTreeSet;

/// Launches what is missing.
pub fn count(world: &World, draft: &mut Draft) {
    for view in world.wanted_roles() {
        let Some(target) = draft.targets.get_mut(&view.role.id) else { continue };
        let mut owed = std::mem::take(&mut target.owed);
        let wanted = target.target;
        let have = view.servers.iter().filter(|s| draft.is_wanted(s)).count();
        let have = have.saturating_sub(rollout::extra(draft, view));
        let need = usize::try_from(wanted).unwrap_or(usize::MAX).saturating_sub(have);
        let healing = world.held(view.role.id, HoldKind::Heal);
        let lost = lost(view, draft, have, owed.len(), healing.is_some());
        owed.sort();
        owed.dedup();
        owed.truncate(need);
        if need > 0 {
            match reason_to_wait(world, draft, view) {
                Some(wait) => draft.say(view, Decision::Wait(wait)),
                None => {
                    let spare = need.saturating_sub(room(view, draft).min(owed.len()));
                    let spare = spare.saturating_sub(lost);
                    let woken = wake(world, view, draft, spare);
                    let need = need - woken;
                    owed.truncate(need);
                    let launched = launch(view, draft, need, lost, &mut owed);
                    let more = launched.saturating_add(u32::try_from(woken).unwrap_or(u32::MAX));
                    if let Some(target) = draft.targets.get_mut(&view.role.id) {
                        target.before_losses =
                            target.before_losses.map(|before| before.saturating_add(more));
                    }
                    if let (true, Some(held)) = (lost > 0, healing) {
                        draft.say(view, Decision::Wait(held));
                    }
                }
            }
        }
        if let Some(target) = draft.targets.get_mut(&view.role.id) {
            target.owed = owed;
        }
    }
}

/// How many servers were lost since healing is held, and are not to be replaced meanwhile; notes
/// what later losses are counted from. A platform that says that a server is gone leaves nothing
/// else to tell a loss from a farm role that grows.
fn lost(view: &RoleView, draft: &mut Draft, have: usize, owed: usize, held: bool) -> usize {
    let leave = |s: &&ServerView| s.server.status.is_wanted() && !draft.is_wanted(s);
    let leaving = view.servers.iter().filter(leave).count();
    let Some(target) = draft.targets.get_mut(&view.role.id) else { return 0 };
    if !held {
        target.before_losses = None;
        return 0;
    }
    let before = match target.before_losses {
        Some(before) => usize::try_from(before).unwrap_or(usize::MAX).saturating_sub(leaving),
        None => have + owed.saturating_sub(leaving),
    };
    let before = before.min(usize::try_from(target.target).unwrap_or(usize::MAX));
    let before = before.max(have);
    target.before_losses = Some(u32::try_from(before).unwrap_or(u32::MAX));
    before.saturating_sub(have)
}

/// How many may be launched once all that leave are gone. Those that sleep stay and fill the
/// maximum, so where they leave no room for what is owed, they are woken instead.
fn room(view: &RoleView, draft: &Draft) -> usize {
    let stays = |s: &&ServerView| {
        let sleeps = s.server.parked && s.server.status == ServerStatus::Suspended;
        draft.is_wanted(s) || sleeps && draft.is_free(s)
    };
    let there = view.servers.iter().filter(stays).count() + draft.launched(view);
    usize::try_from(view.role.scaling.max).unwrap_or(usize::MAX).saturating_sub(there)
}

/// Wakes servers that scaling put to sleep, lowest index first; says how many.
fn wake(world: &World, view: &RoleView, draft: &mut Draft, need: usize) -> usize {
    for server in &view.servers {
        let sleeps = server.server.parked && server.server.status == ServerStatus::Suspended;
        if woken(view, draft) < need && sleeps && server.open.is_empty() && draft.is_free(server) {
            sleep::rouse(world, view, server, draft, "scaling up");
        }
    }
    woken(view, draft)
}

/// How many places of the target those fill that this plan wakes: one that was to take another's
/// place when both were put to sleep has none of its own while that one is awake, too.
fn woken(view: &RoleView, draft: &Draft) -> usize {
    let follows = |s: &ServerView| {
        let old = s.server.launch_reason.rolls_over().and_then(|old| view.server(old));
        old.is_some_and(|old| {
            draft.is_woken(old) && !old.server.locked && old.server.revision != s.server.revision
        })
    };
    view.servers.iter().filter(|s| draft.is_woken(s) && !follows(s)).count()
}

/// Launches what is needed but for those whose loss is not made good; says how many.
fn launch(
    view: &RoleView,
    draft: &mut Draft,
    need: usize,
    lost: usize,
    owed: &mut Vec<Replacement>,
) -> u32 {
    let counted = view.servers.iter().filter(|s| draft.counts(s)).count();
    let have = view.servers.iter().filter(|s| draft.is_wanted(s)).count();
    let max = view.role.scaling.max;
    let taken_up = counted.saturating_add(draft.launched(view));
    let mut room = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(taken_up);
    let mut indexes = Indexes::new(view, draft, owed);
    let plain = need.saturating_sub(owed.len());
    let mut blocked = false;

    let failing = draft.targets.get(&view.role.id).is_some_and(|t| t.failed_launches > 0);
    let starts = |s: &&ServerView| s.is_starting() && draft.is_wanted(s) && !draft.is_given_up(s);
    let starting = view.servers.iter().filter(starts).count();
    if failing && starting > 0 {
        let servers = u32::try_from(starting).unwrap_or(u32::MAX);
        draft.say(view, Decision::Wait(Wait::Starting { servers }));
        return 0;
    }
    let may = need.saturating_sub(lost);
    let mut tries = if failing { may.min(1) } else { may };
    let mut launched = 0;

    owed.retain(|owed| {
        if indexes.held.contains(&owed.index) {
            draft.say(view, Decision::Wait(Wait::VolumeHeld { index: owed.index }));
            return true;
        }
        if room == 0 || tries == 0 {
            blocked |= room == 0;
            return true;
        }
        let index = indexes.take_for(owed);
        (room, tries, launched) = (room - 1, tries - 1, launched + 1);
        let (reason, why) = instead_of(view, draft, owed);
        draft.launch(view, index, reason, &why);
        false
    });
    // An index that is owed to a replacement is not given to another server meanwhile.
    indexes.taken.extend(owed.iter().map(|owed| owed.index));
    let (reason, why) = reason(view, draft);
    for _ in 0..plain.min(tries) {
        if room == 0 {
            blocked = true;
            break;
        }
        let index = indexes.take();
        (room, launched) = (room - 1, launched + 1);
        draft.launch(view, index, reason, &why);
    }
    if failing && launched > 0 && may > 1 {
        draft.say(view, Decision::Wait(Wait::Starting { servers: launched }));
    }
    if blocked {
        let leaving = u32::try_from(counted.saturating_sub(have)).unwrap_or(u32::MAX);
        let counted = u32::try_from(taken_up).unwrap_or(u32::MAX).saturating_add(launched);
        draft.say(view, Decision::Wait(Wait::MaxUnconfirmed { max, counted, leaving }));
    }
    launched
}

/// Which indexes servers to be launched get.
struct Indexes {
    /// Replacements have the index, and so the volumes, of what they replace.
    keeps: bool,
    taken: BTreeSet<u32>,
    /// Whose volumes become free when the servers that go are gone.
    held: BTreeSet<u32>,
    /// Those of all that are to be replaced.
    promised: BTreeSet<u32>,
}

impl Indexes {
    fn new(view: &RoleView, draft: &Draft, owed: &[Replacement]) -> Indexes {
        let keeps = !view.role.storage.is_empty();
        let goes = |s: &&ServerView| !s.server.status.is_wanted() || draft.is_leaving(s);
        let leaving = view.servers.iter().filter(|s| keeps && draft.counts(s)).filter(goes);
        Indexes {
            keeps,
            taken: draft.taken(view),
            held: leaving.map(|s| s.server.index).collect(),
            promised: owed.iter().map(|owed| owed.index).collect(),
        }
    }

    fn take(&mut self) -> u32 {
        let index = smallest_free(&self.taken);
        self.taken.insert(index);
        index
    }

    fn take_for(&mut self, owed: &Replacement) -> u32 {
        if !self.keeps {
            return self.take();
        }
        // Before there were volumes, another may have taken the index, and it stays.
        let index = match self.taken.contains(&owed.index) {
            false => owed.index,
            true => smallest_free(self.taken.union(&self.promised)),
        };
        self.taken.insert(index);
        index
    }
}

/// Why another server takes the place of one that goes.
fn instead_of(view: &RoleView, draft: &Draft, owed: &Replacement) -> (LaunchReason, String) {
    if owed.rollout {
        let revision = draft.revision(view);
        let why = format!("revision {revision} instead of {}-{}", view.role.alias, owed.index);
        return (LaunchReason::Rollout(owed.server), why);
    }
    let why = format!("replaces {}-{}", view.role.alias, owed.index);
    (LaunchReason::Replacement(owed.server), why)
}

fn reason(view: &RoleView, draft: &Draft) -> (LaunchReason, String) {
    let target = draft.targets.get(&view.role.id).map_or(0, |target| target.target);
    let reason = if target > view.role.scaling.min {
        LaunchReason::ScalingUp
    } else {
        LaunchReason::FarmLaunched
    };
    (reason, format!("{}, target {target}", reason.say()))
}
