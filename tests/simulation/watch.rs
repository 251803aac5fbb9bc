//! Looks at the world after every event, and says at the end whether it became as declared.

use crate::branch::{FIRST, SECOND};
use crate::causes;
use crate::health::Told;
use crate::house::House;
use crate::laws::{self, Facts};
use crate::names;
use crate::restraint;
use crate::sky::Sky;
use crate::tally::{Tally, add};
use grange::base::{FarmId, FarmRoleId, Millis, PlanId, Seq, ServerId, StepId};
use grange::engine;
use grange::model::{
    Breaker, CloudState, Decision, Farm, FarmGoal, FarmRole, Grant, Hold, Line, Move, Plan, Server,
    ServerStatus, Step, StepKind, StepStatus,
};
use grange::service::servers::fleet::Counts;
use grange::service::{Service, lookup, plans};
use grange::store::{Reads, View};
use std::collections::{BTreeMap, BTreeSet};

/// What one look has to remember for the next.
#[derive(Default)]
pub struct Watch {
    /// What broke.
    pub faults: Vec<String>,
    counts: BTreeMap<FarmRoleId, usize>,
    steps: BTreeMap<StepId, StepStatus>,
    servers: BTreeMap<ServerId, ServerStatus>,
    waits: BTreeSet<(FarmId, String, &'static str)>,
    last: Option<(Seq, usize)>,
    /// Since when servers run, as far as was looked.
    running: BTreeMap<ServerId, Millis>,
    /// Servers, breakers and the farms' plans as they were at the last look.
    before: BTreeMap<ServerId, Server>,
    breakers: BTreeMap<String, Breaker>,
    plans: BTreeMap<FarmId, PlanId>,
    /// The last entry whose cause was looked at.
    judged: Seq,
}

/// What people declared and the accounts that fail.
struct Declared {
    farms: BTreeMap<FarmId, Farm>,
    roles: BTreeMap<FarmRoleId, FarmRole>,
    holds: Vec<Hold>,
    breakers: BTreeMap<String, Breaker>,
}

impl Declared {
    fn read(view: &View) -> grange::base::Result<Declared> {
        let farms: BTreeMap<_, _> =
            lookup::all_farms(view)?.into_iter().map(|farm| (farm.id, farm)).collect();
        let mut roles = BTreeMap::new();
        for farm in farms.keys() {
            let of_farm = lookup::farm_roles_of(view, *farm)?;
            roles.extend(of_farm.into_iter().map(|role| (role.id, role)));
        }
        let breakers = lookup::breakers(view)?.into_iter();
        let breakers = breakers.map(|breaker| (breaker.account.clone(), breaker)).collect();
        Ok(Declared { farms, roles, holds: lookup::all_holds(view)?, breakers })
    }
}

impl Watch {
    /// One look at everything, when there may be something to see.
    pub fn look(&mut self, sky: &Sky, service: &Service, tally: &mut Tally) {
        let real = sky.real();
        let mark = Some((service.store.last_seq(), real.len()));
        if mark == self.last {
            return;
        }
        let found = service.read(&Grant::job("test"), |view| {
            let open = lookup::open_steps(view)?;
            let ended = self.ended(view, &open)?;
            let mut records = live(view)?;
            for seen in &real {
                if !records.iter().any(|server| server.id == seen.server) {
                    records.extend(lookup::server(view, seen.server)?);
                }
            }
            let declared = Declared::read(view)?;
            let plans = self.new_plans(view, &declared)?;
            let max = declared.roles.values().map(|role| (role.id, role.scaling.max)).collect();
            let asked = open.iter().filter(|step| may_launch(step));
            let asked = asked.map(|step| (step.server, step.farm_role)).collect();
            Ok((Facts { max, records, real, asked }, open, ended, declared, plans))
        });
        // A store that does not answer is looked at when it does.
        let Ok((facts, open, ended, declared, plans)) = found else { return };
        self.last = mark;
        self.faults.extend(recount(service, &declared.roles, &facts.records));
        let fails = |id: &ServerId| service.observed.failure(*id).is_some();
        let ill = self.before.keys().copied().filter(fails).collect();
        self.restraint(&facts, &open, declared, &plans, &ill);
        let (counts, faults) = laws::max_is_hard(&facts, &self.counts);
        self.counts = counts;
        self.faults.extend(faults);
        self.faults.extend(laws::nothing_is_forgotten(&facts));
        self.faults.extend(laws::one_index_each(&facts));
        self.faults.extend(laws::one_call_each(&open));
        for step in open.iter().chain(&ended) {
            if self.steps.insert(step.id, step.status) != Some(step.status) {
                add(&mut tally.steps, format!("{} {}", step.kind.as_str(), step.status.as_str()));
            }
        }
        for step in ended {
            self.steps.remove(&step.id);
        }
        for server in &facts.records {
            if self.servers.insert(server.id, server.status) != Some(server.status) {
                add(&mut tally.servers, server.status.as_str());
            }
        }
        let live: BTreeSet<ServerId> = facts.records.iter().map(|server| server.id).collect();
        let before = self.servers.len();
        self.servers.retain(|id, status| live.contains(id) && status.counts());
        for _ in self.servers.len()..before {
            add(&mut tally.servers, ServerStatus::Terminated.as_str());
        }
        self.before = facts.records.into_iter().map(|server| (server.id, server)).collect();
    }

    /// What each new entry of the journal says it came of.
    pub fn causes(&mut self, service: &Service) {
        let (faults, last) = causes::faults(service, self.judged);
        self.faults.extend(faults);
        self.judged = last;
    }

    /// What plans and steps that are new did although it was to be left alone.
    fn restraint(
        &mut self,
        facts: &Facts,
        open: &[Step],
        declared: Declared,
        plans: &[Plan],
        ill: &BTreeSet<ServerId>,
    ) {
        for plan in plans {
            let Some(farm) = declared.farms.get(&plan.farm) else { continue };
            let (roles, holds) = (&declared.roles, &declared.holds);
            let (before, after) = (&self.before, &facts.records);
            let scene = restraint::Scene { plan, farm, roles, before, after, holds, ill };
            self.faults.extend(restraint::faults(&scene));
            self.plans.insert(plan.farm, plan.id);
        }
        let breakers = [std::mem::take(&mut self.breakers), declared.breakers];
        let is_known = |id: &StepId| self.steps.get(id).is_some_and(|s| *s == StepStatus::Begun);
        let begun =
            open.iter().filter(|step| step.status == StepStatus::Begun && !is_known(&step.id));
        self.faults.extend(restraint::begun_while_open(begun, &self.before, &breakers));
        [_, self.breakers] = breakers;
    }

    /// Plans that were committed since the last look, the oldest of each farm first.
    fn new_plans(&self, view: &View, declared: &Declared) -> grange::base::Result<Vec<Plan>> {
        let mut plans = Vec::new();
        for farm in declared.farms.keys() {
            let known = self.plans.get(farm).copied();
            let mut next = view.current_plan(*farm)?.filter(|id| Some(*id) != known);
            let first = plans.len();
            while let Some(id) = next {
                let Some(plan) = lookup::plan(view, id)? else { break };
                next = plan.parent.filter(|id| Some(*id) != known);
                plans.push(plan);
            }
            plans[first..].reverse();
        }
        Ok(plans)
    }

    /// Steps that were open at the last look and no longer are.
    fn ended(&self, view: &View, open: &[Step]) -> grange::base::Result<Vec<Step>> {
        let still: BTreeSet<StepId> = open.iter().map(|step| step.id).collect();
        let gone = self.steps.keys().filter(|id| !still.contains(id));
        let found: grange::base::Result<Vec<Option<Step>>> =
            gone.map(|id| lookup::step(view, *id)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// The journal of the life before is whole, and what was not committed is forgotten.
    pub fn restarted(&mut self, service: &Service) {
        self.last = None;
        // What was lost with the crash has no causes, and its numbers come again.
        self.judged = service.store.last_seq();
        for farm in plans::farms(service).unwrap_or_default() {
            // What was lost with the crash is not the parent of what comes.
            if let Ok(Some(id)) =
                service.read(&Grant::job("test"), |view| Ok(view.current_plan(farm)?))
            {
                self.plans.insert(farm, id);
            }
        }
        self.verify(service);
    }

    fn verify(&mut self, service: &Service) {
        if let Err(error) = service.store.verify() {
            self.faults.push(format!("the store is broken: {error}"));
        }
    }

    /// After a pass of the planning job: counts the reasons to wait, and makes a second plan when
    /// the first one changed anything. When it did not, a second is the same by definition.
    pub fn planned(&mut self, service: &Service, changed: bool, tally: &mut Tally) {
        for farm in plans::farms(service).unwrap_or_default() {
            for line in service.observed.report(farm) {
                self.wait(farm, &line, tally);
            }
        }
        if changed {
            self.second_plan(service);
        }
        for alert in service.observed.alerts() {
            if alert.contains("a plan was refused") {
                self.faults.push(alert);
            }
        }
    }

    /// After a pass of the planning job: who is ill is seen, told and acted upon.
    pub fn health(&mut self, service: &Service, told: &Told, now: Millis) {
        let faults = told.faults(&mut self.running, service, now);
        self.faults.extend(faults);
    }

    /// Law 4: a plan right after a plan changes nothing of what that one was about. The job decides
    /// about the farm roles that something happened to, and says something of each of those.
    fn second_plan(&mut self, service: &Service) {
        for farm in plans::farms(service).unwrap_or_default() {
            let Ok(Some(mut input)) = plans::assemble(service, &Grant::job("test"), farm) else {
                continue;
            };
            let Ok(Some(parent)) =
                service.read(&Grant::job("test"), |view| lookup::current_plan(view, farm))
            else {
                continue;
            };
            if parent.at != input.now {
                continue;
            }
            // Whom it retired no longer counts among those that should send readings: that is
            // another world for scaling, and for nothing else.
            input.readings.clear();
            let mut plan = engine::plan(&input);
            // A farm role whose record went since is no unchanged world.
            let is_there = |id| input.farm_roles.iter().any(|role| role.id == id);
            if !parent.targets.iter().all(|target| is_there(target.farm_role)) {
                continue;
            }
            let about: BTreeSet<FarmRoleId> =
                parent.report.iter().filter_map(|line| line.farm_role).collect();
            let role_of = |change: &Move| match change {
                Move::Launch { farm_role, .. } => Some(*farm_role),
                _ => {
                    let mut servers = input.servers.iter();
                    servers.find(|found| found.id == change.server()).map(|found| found.farm_role)
                }
            };
            plan.moves.retain(|change| role_of(change).is_none_or(|role| about.contains(&role)));
            for target in &mut plan.targets {
                if let Some(before) = parent.target(target.farm_role)
                    && !about.contains(&target.farm_role)
                {
                    target.clone_from(before);
                }
            }
            // With fewer left, those that are missing may be all there are: it freezes, which is
            // more careful and moves nothing.
            if plan.moves.is_empty() && parent.freeze.is_none() {
                plan.freeze = None;
            }
            if plan.changes(Some(&parent)) {
                self.faults.push(format!(
                    "law 4: a second plan of farm {} differs: {}",
                    input.farm.name,
                    difference(&parent, &plan)
                ));
            }
        }
    }

    fn wait(&mut self, farm: FarmId, line: &Line, tally: &mut Tally) {
        let Decision::Wait(wait) = &line.decision else { return };
        let name = names::wait(wait);
        let is_new = self.waits.insert((farm, line.about.clone(), name));
        if is_new {
            add(&mut tally.waits, name);
        }
    }

    /// What is not yet as declared.
    pub fn unsettled(&self, sky: &Sky, house: Option<&House>) -> Vec<String> {
        let Some(house) = house else { return vec!["the appliance is down".into()] };
        match judge(sky, house.service()) {
            Ok(why) => why,
            Err(problem) => vec![format!("the store does not answer: {problem}")],
        }
    }

    /// What must hold once everything is as declared.
    pub fn end(&mut self, house: Option<&House>) {
        let Some(house) = house else { return };
        self.verify(house.service());
    }
}

/// What is kept of the fleet in memory is what the records say.
fn recount(
    service: &Service,
    roles: &BTreeMap<FarmRoleId, FarmRole>,
    records: &[Server],
) -> Option<String> {
    roles.values().find_map(|role| {
        let mut counts = Counts::default();
        let mine = records.iter().filter(|s| s.farm_role == role.id && s.status.counts());
        let fails = |server: &Server| service.observed.failure(server.id).is_some();
        mine.for_each(|server| counts.add(server.status, fails(server)));
        let kept = service.observed.fleet.of_farm_role(service, role).ok()?;
        let alias = &role.alias;
        (kept != counts).then(|| format!("fleet: {alias} has {counts:?}, kept is {kept:?}"))
    })
}

/// The cloud may have made a server of it.
fn may_launch(step: &Step) -> bool {
    step.kind == StepKind::Launch && matches!(step.status, StepStatus::Begun | StepStatus::Unknown)
}

fn difference(parent: &Plan, plan: &Plan) -> String {
    if !plan.moves.is_empty() {
        let say = |plan: &Plan| {
            let lines = plan.report.iter().map(|line| format!("{}: {}", line.about, line.decision));
            lines.collect::<Vec<String>>().join("; ")
        };
        return format!("{:?}: first {}, then {}", plan.moves, say(parent), say(plan));
    }
    format!(
        "{:?} {:?} {:?} -> {:?} {:?} {:?}",
        parent.targets,
        parent.freeze,
        parent.cold_start,
        plan.targets,
        plan.freeze,
        plan.cold_start
    )
}

fn live(view: &View) -> grange::base::Result<Vec<Server>> {
    let mut all = lookup::live_servers_on(view, FIRST)?;
    all.extend(lookup::live_servers_on(view, SECOND)?);
    Ok(all)
}

/// Scaling keeps it for later.
fn is_put_to_sleep(server: &Server) -> bool {
    server.parked && server.status == ServerStatus::Suspended
}

fn judge(sky: &Sky, service: &Service) -> grange::base::Result<Vec<String>> {
    let mut why = Vec::new();
    let (farms, records, open) = service.read(&Grant::job("test"), |view| {
        Ok((lookup::all_farms(view)?, live(view)?, lookup::open_steps(view)?))
    })?;
    for farm in &farms {
        let (roles, plan) = service.read(&Grant::job("test"), |view| {
            Ok((lookup::farm_roles_of(view, farm.id)?, lookup::current_plan(view, farm.id)?))
        })?;
        if farm.removed {
            why.push(format!("{} is still there", farm.name));
        }
        let Some(plan) = plan else {
            why.push(format!("{} has no plan", farm.name));
            continue;
        };
        if let Some(freeze) = &plan.freeze {
            why.push(format!("{} is frozen: {freeze}", farm.name));
        }
        for role in roles {
            let about = format!("{}/{}", farm.name, role.alias);
            if role.removed {
                why.push(format!("{about} is still there"));
            }
            let mine = || records.iter().filter(|s| s.farm_role == role.id && !is_put_to_sleep(s));
            let running = mine().filter(|s| s.status == ServerStatus::Running).count() as u32;
            let target = plan.target(role.id).map_or(0, |target| target.target);
            let (min, max) = match farm.goal {
                FarmGoal::Launched => role.bounds(),
                FarmGoal::Terminated => (0, 0),
                // Whoever puts a farm to sleep says what is right then.
                FarmGoal::Suspended => role.bounds(),
            };
            if !(min..=max).contains(&target) {
                why.push(format!("{about} wants {target}, declared are {min} to {max}"));
            }
            if running != target || mine().count() != running as usize {
                let all: Vec<String> =
                    mine().map(|s| format!("{} {}", s.hostname, s.status.as_str())).collect();
                why.push(format!("{about} wants {target}, has {}", all.join(", ")));
            }
        }
    }
    // What became of one that scaling put to sleep shows when it is woken.
    let sleeps = |id: &ServerId| records.iter().any(|s| s.id == *id && is_put_to_sleep(s));
    let real = sky.real();
    let there: BTreeSet<ServerId> = real.iter().map(|real| real.server).collect();
    let known: BTreeSet<ServerId> = records.iter().map(|server| server.id).collect();
    if !there.is_subset(&known) || known.difference(&there).any(|id| !sleeps(id)) {
        why.push(format!("{} exist and {} are on record", there.len(), known.len()));
    }
    for idle in real.iter().filter(|it| it.state != CloudState::Running && !sleeps(&it.server)) {
        why.push(format!("{} is {:?}", idle.server, idle.state));
    }
    for awake in real.iter().filter(|it| it.state == CloudState::Running && sleeps(&it.server)) {
        why.push(format!("{} runs and is to sleep", awake.server));
    }
    for step in open {
        why.push(format!("{} is {}", step.kind.as_str(), step.status.as_str()));
    }
    let alerts = service.observed.alerts().into_iter();
    // A person decides what becomes of a rollout that failed, as of a file that was refused.
    let persons = |alert: &String| {
        alert.contains("new file was refused") || alert.contains("a rollout failed")
    };
    why.extend(alerts.filter(|alert| !persons(alert)));
    Ok(why)
}
