//! A plan in the making: what the passes so far decided.

use crate::base::random::Stream;
use crate::base::{FarmRoleId, ServerId, Timestamp};
use crate::engine::RoleSummary;
use crate::engine::world::{RoleView, ServerView, Sight, World};
use crate::model::{
    Decision, LaunchReason, Line, Move, Replacement, RoleTarget, Rollout, ServerStatus, StepKind,
    TerminateReason, Wait,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the passes so far decided.
pub struct Draft {
    /// The moves, in order.
    pub moves: Vec<Move>,
    /// The reasons, in the order of the passes.
    pub report: Vec<Line>,
    /// The target and memory of every farm role.
    pub targets: BTreeMap<FarmRoleId, RoleTarget>,
    /// Automation is stopped by ourselves.
    pub freeze: Option<String>,
    /// Since when the farm is brought back up.
    pub cold_start: Option<Timestamp>,
    /// Servers that did not get ready in time, as failed launches: when each was asked for.
    pub timed_out: BTreeMap<FarmRoleId, Vec<Timestamp>>,
    /// The moment the decision is made for.
    pub now: Timestamp,
    farm: String,
    moved: BTreeSet<ServerId>,
    leaving: BTreeSet<ServerId>,
    gone: BTreeSet<ServerId>,
    held_back: BTreeSet<ServerId>,
    given_up: BTreeSet<ServerId>,
    mentioned: BTreeSet<FarmRoleId>,
    known: BTreeSet<ServerId>,
    streams: BTreeMap<FarmRoleId, Stream>,
    facts: BTreeMap<FarmRoleId, RoleSummary>,
    /// Zones of the servers this plan launches.
    placed: BTreeMap<FarmRoleId, Vec<String>>,
}

impl Draft {
    /// Nothing decided yet; the memory is the parent's.
    pub fn new(world: &World) -> Draft {
        let input = world.input;
        let parent = input.parent.as_ref().map(|plan| plan.id).unwrap_or_default();
        let (mut targets, mut streams) = (BTreeMap::new(), BTreeMap::new());
        // What is not decided about keeps what was.
        let carried = |id| input.parent.as_ref().and_then(|plan| plan.target(id)).cloned();
        for id in input.other_roles.keys() {
            targets.extend(carried(*id).map(|target| (*id, target)));
        }
        for view in &world.roles {
            let id = view.role.id;
            let fresh = || RoleTarget::new(id, view.role.scaling.min);
            targets.insert(id, view.before.cloned().unwrap_or_else(fresh));
            // A stream for each farm role, so that one more launch here shifts no ids there; the
            // parent is part of it, so that the next plan under one seed draws other ids.
            streams.insert(id, Stream::new(input.seed, &format!("server/{id}/{parent}")));
        }
        Draft {
            moves: Vec::new(),
            report: Vec::new(),
            targets,
            freeze: None,
            cold_start: None,
            timed_out: BTreeMap::new(),
            now: input.now,
            farm: input.farm.name.to_string(),
            moved: BTreeSet::new(),
            leaving: BTreeSet::new(),
            gone: BTreeSet::new(),
            held_back: BTreeSet::new(),
            given_up: BTreeSet::new(),
            mentioned: BTreeSet::new(),
            known: input.servers.iter().map(|server| server.id).collect(),
            streams,
            facts: world.neighbours.iter().map(|near| (near.role.id, near.facts)).collect(),
            placed: BTreeMap::new(),
        }
    }

    /// Launches a server with an index.
    pub fn launch(&mut self, view: &RoleView, index: u32, reason: LaunchReason, why: &str) {
        let farm_role = view.role.id;
        let Some(stream) = self.streams.get_mut(&farm_role) else { return };
        let mut server = ServerId::draw(stream);
        while !self.known.insert(server) {
            server = ServerId::draw(stream);
        }
        self.moved.insert(server);
        let (revision, zone) = (self.revision(view), self.zone(view, index));
        self.moves.push(Move::Launch { server, farm_role, index, revision, zone, reason });
        let about = format!("{}/{}-{index}", self.farm, view.role.alias);
        self.line(Some(farm_role), about, Some(server), Decision::Launch(why.to_owned()));
    }

    /// Where a server of an index goes: the zone with the fewest of the farm role's servers, the
    /// first of them in the declared order. A volume cannot leave its zone, so where there are
    /// volumes an index always has the same one.
    fn zone(&mut self, view: &RoleView, index: u32) -> Option<String> {
        let zones = &view.role.policy.zones;
        if !view.role.storage.is_empty() && !zones.is_empty() {
            let place = usize::try_from(index.saturating_sub(1)).unwrap_or(0) % zones.len();
            return zones.get(place).cloned();
        }
        let placed = self.placed.entry(view.role.id).or_default();
        let used = |zone: &String| {
            let there = view.servers.iter().filter(|s| s.server.zone.as_ref() == Some(zone));
            let stays =
                there.filter(|s| !self.leaving.contains(&s.server.id) && s.server.is_wanted());
            stays.count() + placed.iter().filter(|other| *other == zone).count()
        };
        let zone = zones.iter().min_by_key(|zone| used(zone)).cloned()?;
        placed.push(zone.clone());
        Some(zone)
    }

    /// Lets a server go: after a drain where its kind of end has one, or at once when the cloud
    /// never heard of it.
    pub fn retire(
        &mut self,
        view: &RoleView,
        server: &ServerView,
        reason: TerminateReason,
        why: &str,
    ) {
        let id = server.server.id;
        self.moved.insert(id);
        self.leaving.insert(id);
        if let Some(facts) = self.facts.get_mut(&view.role.id) {
            facts.leave(server);
        }
        if is_replaced(reason)
            && let Some(target) = self.targets.get_mut(&view.role.id)
            && target.target > 0
        {
            let index = server.server.index;
            target.owed.push(Replacement { index, server: id, rollout: false });
        }
        if server.is_only_planned() {
            self.gone.insert(id);
            self.moves.push(Move::Cancel { server: id });
            let why = format!("{why}; the cloud never heard of it");
            return self.say_of(view, server, Decision::Retire(why));
        }
        let not_before = self.now.after(drain(view, server, reason, self.now));
        self.moves.push(Move::Retire { server: id, reason, not_before });
        self.say_of(view, server, Decision::Retire(why.to_owned()));
    }

    /// Puts a server to sleep that the target does not ask for, after its drain.
    pub fn park(&mut self, view: &RoleView, server: &ServerView, why: &str) {
        let id = server.server.id;
        self.moved.insert(id);
        self.leaving.insert(id);
        let not_before =
            self.now.after(drain(view, server, TerminateReason::ScalingDown, self.now));
        self.moves.push(Move::Park { server: id, not_before });
        self.say_of(view, server, Decision::Act(format!("suspend: {why}")));
    }

    /// Lets the planned step of a server that goes begin now.
    pub fn hasten(&mut self, view: &RoleView, server: &ServerView, why: String) {
        self.moved.insert(server.server.id);
        self.moves.push(Move::Hasten { server: server.server.id, not_before: self.now });
        self.say_of(view, server, Decision::Act(why));
    }

    /// Takes another step with a server.
    pub fn act(
        &mut self,
        view: &RoleView,
        server: &ServerView,
        kind: StepKind,
        not_before: Timestamp,
        why: String,
    ) {
        self.moved.insert(server.server.id);
        self.moves.push(Move::Act { server: server.server.id, kind, not_before });
        self.say_of(view, server, Decision::Act(why));
    }

    /// A reason about a server.
    pub fn say_of(&mut self, view: &RoleView, server: &ServerView, decision: Decision) {
        let about = format!("{}/{}", self.farm, server.server.hostname);
        self.line(Some(view.role.id), about, Some(server.server.id), decision);
    }

    /// A reason to wait with a server; passes after this one leave it alone.
    pub fn hold_back(&mut self, view: &RoleView, server: &ServerView, wait: Wait) {
        self.held_back.insert(server.server.id);
        self.say_of(view, server, Decision::Wait(wait));
    }

    /// What was begun with a server comes to its end first, which `outlook` tells; passes after
    /// this one leave it alone.
    pub fn leave(&mut self, server: &ServerView) {
        self.held_back.insert(server.server.id);
    }

    /// A server that failed and keeps its place: nothing is expected of it until a person acts.
    pub fn give_up(&mut self, view: &RoleView, server: &ServerView, wait: Wait) {
        self.given_up.insert(server.server.id);
        self.hold_back(view, server, wait);
    }

    /// A reason about a farm role.
    pub fn say(&mut self, view: &RoleView, decision: Decision) {
        let about = format!("{}/{}", self.farm, view.role.alias);
        self.line(Some(view.role.id), about, None, decision);
    }

    /// A reason about the farm.
    pub fn say_farm(&mut self, decision: Decision) {
        self.line(None, self.farm.clone(), None, decision);
    }

    fn line(
        &mut self,
        farm_role: Option<FarmRoleId>,
        about: String,
        server: Option<ServerId>,
        decision: Decision,
    ) {
        self.mentioned.extend(farm_role);
        self.report.push(Line { farm_role, about, server, decision });
    }

    /// A server that goes is owed one of the wanted revision, if the target still wants that many.
    pub fn owe(&mut self, view: &RoleView, server: &ServerView) {
        if let Some(target) = self.targets.get_mut(&view.role.id) {
            let (index, server) = (server.server.index, server.server.id);
            target.owed.push(Replacement { index, server, rollout: true });
        }
    }

    /// How many servers of a farm role this plan launches so far.
    pub fn launched(&self, view: &RoleView) -> usize {
        self.launches(view).count()
    }

    /// The indexes of a farm role that servers have, or will have.
    pub fn taken(&self, view: &RoleView) -> BTreeSet<u32> {
        let there = view.servers.iter().filter(|s| self.counts(s)).map(|s| s.server.index);
        there.chain(self.launches(view)).collect()
    }

    fn launches(&self, view: &RoleView) -> impl Iterator<Item = u32> {
        let role = view.role.id;
        let launches = self.moves.iter().filter_map(Move::launches);
        launches.filter(move |(farm_role, _)| *farm_role == role).map(|(_, index)| index)
    }

    /// The revision servers of a farm role are to be of, as far as its rollout has come.
    pub fn revision(&self, view: &RoleView) -> u64 {
        let rollout = self.targets.get(&view.role.id).and_then(|target| target.rollout.as_ref());
        rollout.map_or(view.role.revision, Rollout::wanted)
    }

    /// No pass before this one decided anything about it.
    pub fn is_free(&self, server: &ServerView) -> bool {
        !self.moved.contains(&server.server.id) && !self.held_back.contains(&server.server.id)
    }

    /// It failed and keeps its place, and nothing is expected of it.
    pub fn is_given_up(&self, server: &ServerView) -> bool {
        self.given_up.contains(&server.server.id)
    }

    /// A move of this plan is about it.
    pub fn is_moved(&self, server: &ServerView) -> bool {
        self.moved.contains(&server.server.id)
    }

    /// This plan takes it out of service.
    pub fn is_leaving(&self, server: &ServerView) -> bool {
        self.leaving.contains(&server.server.id)
    }

    /// It counts against max until it is confirmed gone; what the cloud never heard of is gone
    /// as soon as the plan is committed.
    pub fn counts(&self, server: &ServerView) -> bool {
        !self.gone.contains(&server.server.id)
    }

    /// It serves or will, as far as decided.
    pub fn is_wanted(&self, server: &ServerView) -> bool {
        server.server.is_wanted() && !self.leaving.contains(&server.server.id)
    }

    /// Scaling had put it to sleep, and this plan wakes it: it is wanted again.
    pub fn is_woken(&self, server: &ServerView) -> bool {
        let (record, id) = (server.server, server.server.id);
        let slept = record.parked && record.status == ServerStatus::Suspended;
        slept && self.moved.contains(&id) && !self.leaving.contains(&id)
    }

    /// What farm roles may ask of one another, with what is decided so far: servers that are to go
    /// do not run any more. Only of these, never of another farm role's servers, which need not
    /// be here.
    pub fn facts(&self, farm_role: FarmRoleId) -> RoleSummary {
        self.facts.get(&farm_role).copied().unwrap_or_default()
    }

    /// Whether anything was said about a farm role or one of its servers.
    pub fn mentions(&self, view: &RoleView) -> bool {
        self.mentioned.contains(&view.role.id)
    }
}

/// Whether another server is to take its place, if the target still wants that many.
fn is_replaced(reason: TerminateReason) -> bool {
    match reason {
        TerminateReason::Crashed
        | TerminateReason::Manual
        | TerminateReason::LaunchTimeout
        | TerminateReason::SetupFailed
        | TerminateReason::LaunchFailed
        | TerminateReason::Unhealthy => true,
        TerminateReason::ScalingDown
        | TerminateReason::FarmTerminated
        | TerminateReason::RoleRemoved
        | TerminateReason::Rollout => false,
    }
}

/// How long a server is left to finish what it does. What a balancer sends work to is taken out
/// first, and who has an agent is told, and may say when nothing is left; a person may have any
/// reason to name a server; what crashed has nothing to finish.
fn drain(view: &RoleView, server: &ServerView, reason: TerminateReason, now: Timestamp) -> u64 {
    let drained = match reason {
        TerminateReason::Manual => true,
        TerminateReason::ScalingDown
        | TerminateReason::RoleRemoved
        | TerminateReason::Rollout
        | TerminateReason::Unhealthy => view.balanced || server.server.agent,
        TerminateReason::FarmTerminated
        | TerminateReason::Crashed
        | TerminateReason::LaunchTimeout
        | TerminateReason::SetupFailed
        | TerminateReason::LaunchFailed => false,
    };
    // A person who is in a hurry set its end before it went.
    if !drained || server.server.terminate_after.is_some() {
        return 0;
    }
    if let Some(step) = server.draining_step(now) {
        // It was to be put to sleep, and has what is left of that.
        return if server.server.idle_at.is_some() { 0 } else { step.not_before.since(now) };
    }
    let missing = matches!(server.sight, Sight::Missing { .. });
    if server.is_running() && !missing { view.role.drain_ms } else { 0 }
}
