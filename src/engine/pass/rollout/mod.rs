//! Rollout: servers of another revision than the wanted one give their places to new ones, one
//! batch at a time.
//!
//! `judge` says how the rollout stands; here is what that moves. A batch is launched first where
//! more than the target may be wanted and the declared maximum has room; otherwise so many go first
//! as leaves enough healthy, and `count` launches those that follow. Data volumes belong to an
//! index, so a farm role that has them lets the old server go first and gives its index to the
//! new one. The next batch waits until every new server runs. What does not serve anyway goes
//! first, because that costs nothing.
//!
//! A new server that was launched first is *extra* while the one whose place it takes is still
//! there: neither `surplus` nor `count` counts it. Locked and sleeping servers keep their revision.

mod judge;

use crate::base::ServerId;
use crate::engine::draft::Draft;
use crate::engine::pass::launch;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{
    Decision, HoldKind, LaunchReason, Move, Rollout, RolloutState, ServerStatus, TerminateReason,
    Wait,
};
use judge::{checkpoint_size, is_full, judge, needs_page, ready};
use std::collections::{BTreeMap, BTreeSet};

/// Rolls over what is of another revision than the wanted one.
pub fn rollout(world: &World, draft: &mut Draft) {
    for view in &world.roles {
        if world.is_wanted() && !view.role.removed {
            if let Some(rollout) = judge(world.input.watch(), draft, view) {
                Batch::new(world, draft, view, &rollout).roll(draft);
            }
        } else if let Some(target) = draft.targets.get_mut(&view.role.id)
            && let Some(rollout) = &mut target.rollout
        {
            // All of it is to go, so nothing that goes tells of the revision.
            rollout.starting.clear();
            rollout.maintenance = false;
        }
    }
}

/// Remembers the new servers that this plan launches, whoever wanted them, and ends what is over.
pub fn remember(world: &World, draft: &mut Draft) {
    for view in world.wanted_roles() {
        let role = view.role.id;
        let revision = draft.revision(view);
        let is_here = |step: &&Move| step.launches().is_some_and(|(there, _)| there == role);
        let launched: Vec<_> = draft.moves.iter().filter(is_here).map(Move::server).collect();
        let leave = |s: &&ServerView| !draft.is_wanted(s);
        let leaving: Vec<_> = view.servers.iter().filter(leave).map(|s| s.server.id).collect();
        let rollout = draft.targets.get_mut(&role).and_then(|target| target.rollout.as_mut());
        if let Some(rollout) = rollout {
            // What the rollout itself let go is no failure.
            rollout.starting.retain(|id| !leaving.contains(id));
            let tells = rollout.state.is_under_way() && rollout.wanted() == revision;
            rollout.starting.extend(launched.into_iter().filter(|_| tells));
        }
        if view.servers.iter().any(|server| draft.is_woken(server)) {
            judge::join(world.input.watch(), draft, view);
        }
        judge::end(world.input.now, draft, view);
    }
}

/// Servers beyond the target that are there for a moment: the one whose place each takes is still
/// wanted, and may go. A rollout that is over leaves none: whoever is there then counts.
pub fn is_extra(draft: &Draft, view: &RoleView, server: &ServerView) -> bool {
    partner(draft, view, server).is_some()
}

/// How many extra servers there are.
pub fn extra(draft: &Draft, view: &RoleView) -> usize {
    view.servers.iter().filter(|s| draft.is_wanted(s) && is_extra(draft, view, s)).count()
}

/// Each server whose place extra ones are to take, with those behind it: one place of the target.
pub fn chains<'v, 'w>(draft: &Draft, view: &'v RoleView<'w>) -> Vec<Vec<&'v ServerView<'w>>> {
    let mut behind: BTreeMap<ServerId, Vec<&ServerView>> = BTreeMap::new();
    for extra in view.servers.iter().filter(|s| draft.is_wanted(s)) {
        if let Some(old) = partner(draft, view, extra) {
            behind.entry(old.server.id).or_default().push(extra);
        }
    }
    let heads = view.servers.iter().filter(|s| !is_extra(draft, view, s));
    let mut chains = Vec::new();
    for head in heads {
        let Some(first) = behind.get(&head.server.id) else { continue };
        let mut chain = vec![head];
        chain.extend(first);
        let mut next = 1;
        while let Some(server) = chain.get(next) {
            chain.extend(behind.get(&server.server.id).into_iter().flatten());
            next += 1;
        }
        chains.push(chain);
    }
    chains
}

fn partner<'v, 'w>(
    draft: &Draft,
    view: &'v RoleView<'w>,
    server: &ServerView,
) -> Option<&'v ServerView<'w>> {
    let rollout = draft.targets.get(&view.role.id)?.rollout.as_ref();
    // One that is over at this moment is so for the next plan: some passes came before the verdict.
    if !rollout.is_some_and(|r| r.state.is_under_way() || r.since == draft.now) {
        return None;
    }
    let old = server.server.launch_reason.rolls_over()?;
    view.server(old).filter(|old| {
        old.server.revision != server.server.revision && draft.is_wanted(old) && !old.server.locked
    })
}

/// Serves and goes on serving, as far as decided.
fn is_healthy(draft: &Draft, server: &ServerView) -> bool {
    server.is_healthy() && !server.is_restarting() && !draft.is_moved(server)
}

struct Batch<'a, 'w> {
    world: &'a World<'w>,
    view: &'a RoleView<'w>,
    rollout: &'a Rollout,
    /// Of the wanted servers, those of another revision that may go now.
    old: Vec<&'a ServerView<'w>>,
    /// Those that may not, because they are locked or asleep.
    kept: u32,
    target: u32,
    healthy: u32,
    healthy_min: u32,
    /// How many may be let go in a plan, and how many are in this one.
    batch: u32,
    let_go: u32,
}

impl<'a, 'w> Batch<'a, 'w> {
    fn new(
        world: &'a World<'w>,
        draft: &Draft,
        view: &'a RoleView<'w>,
        rollout: &'a Rollout,
    ) -> Batch<'a, 'w> {
        let target = draft.targets.get(&view.role.id).map_or(0, |target| target.target);
        let wanted: Vec<&ServerView> = view.servers.iter().filter(|s| draft.is_wanted(s)).collect();
        let others = || wanted.iter().filter(|s| s.server.revision != rollout.wanted());
        let stays = |s: &ServerView| s.server.locked || s.is_asleep();
        let may_go = |s: &ServerView| {
            let seen = matches!(s.sight, Sight::Seen { .. }) || s.is_only_planned();
            !stays(s) && draft.is_free(s) && !s.is_restarting() && seen
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let full = is_full(view.role);
        let policy = &view.role.policy.rollout;
        Batch {
            world,
            view,
            rollout,
            old: others().filter(|s| may_go(s)).copied().collect(),
            kept: number(others().filter(|s| stays(s)).count()),
            target,
            healthy: number(wanted.iter().filter(|s| is_healthy(draft, s)).count()),
            healthy_min: if full { 0 } else { policy.healthy_min(target) },
            batch: if full { u32::MAX } else { policy.batch },
            let_go: 0,
        }
    }

    fn roll(mut self, draft: &mut Draft) {
        let over = matches!(self.rollout.state, RolloutState::Failed | RolloutState::RolledBack);
        if over {
            let (revision, failed) = (self.rollout.to, self.rollout.failed);
            return self.wait(draft, Wait::RolloutOver { revision, failed });
        }
        let stopped = draft.freeze.clone().map(Wait::Frozen).or_else(|| self.held());
        if let Some(wait) = stopped {
            return self.wait(draft, wait);
        }
        let near = self.world.wanted_neighbours();
        let servers = near.map(|near| draft.facts(near.role.id).running_missing).sum();
        if servers > 0 {
            // Taking one away would hide how many vanished.
            return self.wait(draft, Wait::RolloutMissing { servers });
        }
        if draft.cold_start.is_some() {
            // They were all stopped: first they are brought back up.
            let (healthy, needed) = (self.healthy, self.healthy_min);
            return self.wait(draft, Wait::RolloutHealthy { healthy, needed });
        }
        self.finish(draft);
        if let Some(wait) = self.pause(draft) {
            return self.wait(draft, wait);
        }
        if is_full(self.view.role) {
            return self.all(draft);
        }
        if let Some(wait) = self.gate(draft) {
            return self.wait(draft, wait);
        }
        if self.old.is_empty() {
            if self.kept > 0 {
                self.wait(draft, Wait::RolloutKept { servers: self.kept });
            }
            return;
        }
        self.next(draft);
    }

    fn wait(&self, draft: &mut Draft, wait: Wait) {
        draft.say(self.view, Decision::Wait(wait));
    }

    fn held(&self) -> Option<Wait> {
        let input = self.world.input;
        let role = self.view.role.id;
        let breaker = input.breakers.get(&self.view.role.account);
        let left = breaker.and_then(|b| b.open_until).map_or(0, |until| until.since(input.now));
        if left > 0 {
            return Some(Wait::RolloutAccount { account: self.view.role.account.clone(), left });
        }
        let terminate = || self.world.held(role, HoldKind::Terminate);
        self.world.held(role, HoldKind::Rollout).or_else(terminate)
    }

    fn ready(&self, draft: &Draft) -> u32 {
        ready(draft, self.view, self.rollout.wanted())
    }

    /// Lets go what has a successor that runs, or is extra itself.
    fn finish(&mut self, draft: &mut Draft) {
        let wanted = self.rollout.wanted();
        let serves = |new: &&ServerView| {
            new.server.revision == wanted && draft.is_wanted(new) && is_healthy(draft, new)
        };
        let new = self.view.servers.iter().filter(serves);
        let followed: BTreeSet<ServerId> =
            new.filter_map(|new| new.server.launch_reason.rolls_over()).collect();
        for old in std::mem::take(&mut self.old) {
            let followed = followed.contains(&old.server.id);
            let extra = is_extra(draft, self.view, old);
            if !followed && !extra {
                self.old.push(old);
                continue;
            }
            let why = match extra {
                true => format!("not of revision {wanted}, and the one before it is still there"),
                false => format!("revision {wanted} has taken its place"),
            };
            if !self.retire(draft, old, &why) {
                let (healthy, needed) = (self.healthy, self.healthy_min);
                self.wait(draft, Wait::RolloutHealthy { healthy, needed });
            }
        }
    }

    /// Lets one go if enough stay.
    fn retire(&mut self, draft: &mut Draft, old: &ServerView, why: &str) -> bool {
        let serves = u32::from(is_healthy(draft, old));
        // What the cloud never heard of is gone with the plan, and nothing waits for it.
        let lasts = u32::from(!old.is_only_planned());
        if self.let_go.saturating_add(lasts) > self.batch
            || self.healthy.saturating_sub(serves) < self.healthy_min * serves
        {
            return false;
        }
        self.healthy -= serves;
        self.let_go += lasts;
        draft.retire(self.view, old, TerminateReason::Rollout, why);
        true
    }

    /// A person, or a checkpoint, wants no further batch yet.
    fn pause(&self, draft: &Draft) -> Option<Wait> {
        let (ready, of) = (self.ready(draft), self.target);
        match self.rollout.state {
            RolloutState::Paused => Some(Wait::RolloutPaused { ready, of }),
            RolloutState::Checkpoint => {
                let wait = self.view.role.policy.rollout.checkpoint_wait_ms;
                let watch = self.world.input.watch();
                let waited = watch.now.since(watch.known(self.rollout.since));
                let left = wait.map(|wait| wait.saturating_sub(waited));
                let percent = (ready * 100).checked_div(of).unwrap_or(100).min(100);
                Some(Wait::RolloutCheckpoint { percent, left })
            }
            RolloutState::Rolling
            | RolloutState::RollingBack
            | RolloutState::Failed
            | RolloutState::RolledBack => None,
        }
    }

    /// The batch before is not through yet: what is new starts, what is old is not gone. Or servers
    /// are missing for another reason.
    fn gate(&self, draft: &Draft) -> Option<Wait> {
        let wanted = self.rollout.wanted();
        let forward = wanted == self.rollout.to;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let count = |of: &dyn Fn(&ServerView) -> bool| {
            number(self.view.servers.iter().filter(|s| of(s)).count())
        };
        // One that is woken will serve, whatever its revision.
        let starts = |s: &ServerView| {
            let woken = s.server.status == ServerStatus::Resuming && s.is_restarting();
            // One whose check fails already shows what another batch would be like.
            let ill = forward && s.is_unhealthy();
            woken || s.server.revision == wanted && (s.is_starting() || ill)
        };
        let starting = count(&|s| draft.is_wanted(s) && starts(s));
        let extra = number(extra(draft, self.view));
        let have = count(&|s| draft.is_wanted(s)).saturating_sub(extra);
        let leaving = count(&|s| {
            s.server.status == ServerStatus::PendingTerminate
                && s.server.terminate_reason == Some(TerminateReason::Rollout)
        });
        let starting = starting.saturating_add(self.target.saturating_sub(have));
        // What is too many and cannot go yet is no place for another batch, and those whose
        // successors do not start any more are to go as soon as they may.
        let over = have.saturating_sub(self.target);
        let followed =
            count(&|s| draft.is_wanted(s) && !starts(s) && is_extra(draft, self.view, s));
        let leaving = leaving.saturating_add(self.let_go).saturating_add(over + followed);
        (starting > 0 || leaving > 0 || extra > 0).then_some(Wait::RolloutGate {
            starting,
            leaving,
            ready: self.ready(draft),
            of: self.target,
        })
    }

    /// Everything at once, behind a maintenance page.
    fn all(mut self, draft: &mut Draft) {
        let wanted = self.rollout.wanted();
        let old = std::mem::take(&mut self.old);
        if !old.is_empty() {
            let page = needs_page(draft, self.view, self.rollout, self.target);
            let rollout = draft.targets.get_mut(&self.view.role.id);
            if let Some(rollout) = rollout.and_then(|target| target.rollout.as_mut()) {
                rollout.maintenance = page;
            }
            for server in old {
                if self.retire(draft, server, &format!("revision {wanted} takes its place")) {
                    draft.owe(self.view, server);
                }
            }
        }
        if let Some(wait) = self.gate(draft) {
            return self.wait(draft, wait);
        }
        if self.kept > 0 {
            self.wait(draft, Wait::RolloutKept { servers: self.kept });
        }
    }

    /// The next batch.
    fn next(mut self, draft: &mut Draft) {
        let size = self.size(draft);
        let idle: Vec<&ServerView> =
            self.old.iter().filter(|s| !is_healthy(draft, s)).take(size).copied().collect();
        if !idle.is_empty() {
            return self.replace(draft, &idle);
        }
        let role = self.view.role;
        let storage = !role.storage.is_empty()
            || role.make_of(self.rollout.wanted()).is_some_and(|make| !make.storage.is_empty())
            || self.old.iter().any(|s| {
                role.make_of(s.server.revision).is_some_and(|make| !make.storage.is_empty())
            });
        let above = role.scaling.max.saturating_sub(self.target);
        let extra = role.policy.rollout.extra_max(self.target).min(above);
        if extra > 0 && !storage {
            return self.launch_first(draft, size, extra);
        }
        let spare = self.healthy.saturating_sub(self.healthy_min);
        let size = size.min(usize::try_from(spare).unwrap_or(usize::MAX));
        if size == 0 {
            let (healthy, needed) = (self.healthy, self.healthy_min);
            return self.wait(draft, Wait::RolloutHealthy { healthy, needed });
        }
        let batch: Vec<&ServerView> = self.old.iter().take(size).copied().collect();
        self.replace(draft, &batch);
    }

    /// How many at most, a checkpoint not to be overrun.
    fn size(&self, draft: &Draft) -> usize {
        let batch = self.batch;
        let forward = self.rollout.state == RolloutState::Rolling;
        let next = checkpoint_size(self.view.role, self.rollout, self.target);
        let before =
            next.filter(|_| forward).map(|next| next.saturating_sub(self.ready(draft)).max(1));
        usize::try_from(batch.min(before.unwrap_or(batch))).unwrap_or(usize::MAX)
    }

    /// Lets a batch go; `count` launches what follows, as soon as there is room.
    fn replace(&mut self, draft: &mut Draft, batch: &[&ServerView]) {
        let why = format!("revision {} takes its place", self.rollout.wanted());
        for server in batch {
            if self.retire(draft, server, &why) {
                draft.owe(self.view, server);
            }
        }
    }

    /// Launches those that will take the places of a batch.
    fn launch_first(&self, draft: &mut Draft, size: usize, extra: u32) {
        if let Some(wait) = launch::reason_to_wait(self.world, draft, self.view) {
            return self.wait(draft, wait);
        }
        let max = self.view.role.scaling.max;
        let counted = self.view.servers.iter().filter(|s| draft.counts(s)).count();
        let counted = u32::try_from(counted).unwrap_or(u32::MAX);
        let room = max.saturating_sub(counted);
        if room == 0 {
            let leaving = counted.saturating_sub(self.target);
            return self.wait(draft, Wait::MaxUnconfirmed { max, counted, leaving });
        }
        let size = size.min(usize::try_from(extra.min(room)).unwrap_or(usize::MAX));
        for old in self.old.iter().take(size) {
            let index = launch::smallest_free(&draft.taken(self.view));
            let reason = LaunchReason::Rollout(old.server.id);
            let revision = self.rollout.wanted();
            let why = format!("revision {revision} instead of {}", old.server.hostname);
            draft.launch(self.view, index, reason, &why);
        }
    }
}
