//! What people do: declare, change, launch, terminate, and ask things of single servers.

use crate::declarations;
use grange::base::random::Stream;
use grange::base::{Code, FarmId, FarmRoleId, Millis, Problem, ServerId};
use grange::model::{
    Actor, Decision, Door, FarmGoal, Freshness, Grant, HoldKind, Permission, RolloutState,
    ServerStatus, Wait,
};
use grange::service::farms::{self, manifests};
use grange::service::plans::{self, holds, rollouts};
use grange::service::servers::{self, commands};
use grange::service::{Service, lookup};
use grange::wire::api::{CommandRequest, ManifestRequest};
use grange::wire::hold::HoldInput;
use grange::wire::input::{LockInput, RebootInput, ScalingInput, TerminateInput};
use grange::wire::rollout::RolloutVerb;

/// The people of a site.
pub struct People {
    luck: Stream,
    /// Databases are on a platform of their own.
    second: bool,
    /// What was declared last.
    declared: String,
    /// What was done, for the log.
    pub did: Vec<String>,
    /// Answers no person should get.
    pub faults: Vec<String>,
}

fn admin() -> Actor {
    let name = "admin".into();
    let permissions = Permission::for_admin();
    Actor { name, door: Door::Socket, permissions, ..Actor::job("admin") }
}

impl People {
    /// Nobody has done anything yet.
    pub fn new(seed: u64, second: bool) -> People {
        let luck = Stream::new(seed, "people");
        People { luck, second, declared: String::new(), did: Vec::new(), faults: Vec::new() }
    }

    /// When somebody does something again.
    pub fn pause(&mut self) -> Millis {
        3_000 + self.luck.below(38_000)
    }

    /// The first farm.
    pub fn begin(&mut self, service: &Service) {
        self.declare(service, true);
    }

    /// One thing, whatever comes to mind.
    pub fn act(&mut self, service: &Service) {
        if self.luck.chance(30) && self.steer(service) {
            return;
        }
        match self.luck.below(100) {
            0..26 => {
                let launch = self.luck.chance(70);
                self.declare(service, launch);
            }
            26..35 => self.remake(service),
            35..43 => self.with_farm(service, "launch", |service, who, farm| {
                farms::launch(service, who, farm).map(drop)
            }),
            43..46 => self.stop_or_start(service),
            46..48 => self.with_farm(service, "terminate", |service, who, farm| {
                farms::terminate(service, who, farm, TerminateInput::default()).map(drop)
            }),
            48..50 => self.with_farm(service, "remove", |service, who, farm| {
                farms::remove(service, who, farm, None)
            }),
            50..59 => self.scale(service),
            59..67 => self.with_server(service, "terminate", |service, who, id| {
                servers::terminate(service, who, id, TerminateInput::default()).map(drop)
            }),
            67..75 => self.with_server(service, "reboot", |service, who, id| {
                servers::reboot(service, who, id, RebootInput::default()).map(drop)
            }),
            75..82 => self.with_server(service, "suspend", |service, who, id| {
                servers::suspend(service, who, id).map(drop)
            }),
            82..86 => self.wake(service),
            86..91 => self.with_server(service, "lock", |service, who, id| {
                servers::lock(service, who, id, &LockInput::default()).map(drop)
            }),
            91..92 => self.unlock(service),
            92..98 => self.hold(service),
            _ => self.with_server(service, "run", |service, who, id| {
                let command = vec!["true".into()];
                let input = CommandRequest { command, timeout_ms: 1000 };
                commands::run(service, who, id, &input).map(drop)
            }),
        }
    }

    /// Says something of a rollout that is under way, or came to an end that somebody has to know
    /// of; false if there is none.
    fn steer(&mut self, service: &Service) -> bool {
        let found = rollouts_of(service);
        if found.is_empty() {
            return false;
        }
        let (role, _) = found[self.luck.below(found.len() as u64) as usize];
        let verb = match self.luck.below(100) {
            0..35 => RolloutVerb::Pause,
            35..65 => RolloutVerb::Resume,
            65..88 => RolloutVerb::Abort,
            _ => RolloutVerb::Rollback,
        };
        let answer = rollouts::say(service, &admin(), role, verb);
        self.note(format!("rollout of {role} {verb:?}"), answer.map(drop));
        true
    }

    /// Lets rollouts go on that wait for a person.
    fn let_go_on(&mut self, service: &Service) {
        for (role, state) in rollouts_of(service) {
            if matches!(state, RolloutState::Paused | RolloutState::Checkpoint) {
                let answer = rollouts::say(service, &admin(), role, RolloutVerb::Resume);
                self.note(format!("rollout of {role} goes on"), answer.map(drop));
            }
        }
    }

    /// Stops a farm, or starts one that is stopped.
    fn stop_or_start(&mut self, service: &Service) {
        self.with_farm(service, "stop or start", |service, who, farm| {
            let found = service.read(&Grant::job("test"), |view| lookup::farm(view, farm))?;
            match found.is_some_and(|farm| farm.goal == FarmGoal::Suspended) {
                true => farms::resume(service, who, farm).map(drop),
                false => farms::suspend(service, who, farm).map(drop),
            }
        });
    }

    /// After the storm: whoever sleeps is woken, everything wanted is launched, and what a freeze
    /// asks a person about is answered.
    pub fn clear_up(&mut self, service: &Service) {
        self.wake(service);
        self.unlock(service);
        self.let_go_on(service);
        let who = admin();
        for hold in service.read(&Grant::job("test"), lookup::all_holds).unwrap_or_default() {
            let answer = holds::release(service, &who, hold.id);
            self.note(format!("release {}", hold.kind.as_str()), answer);
        }
        let farms: Vec<FarmId> = plans::farms(service).unwrap_or_default();
        for farm in farms {
            let stopped =
                service.read(&Grant::job("test"), |view| lookup::farm(view, farm)).ok().flatten();
            if stopped.is_some_and(|farm| farm.goal == FarmGoal::Suspended) {
                let answer = farms::resume(service, &who, farm);
                self.note(format!("start {farm}"), answer.map(drop));
            }
            let found = service.read(&Grant::job("test"), |view| {
                let plan = lookup::current_plan(view, farm)?;
                Ok((plan, lookup::live_servers_of_farm(view, farm)?))
            });
            let Ok((Some(plan), all)) = found else { continue };
            let report = service.observed.report(farm);
            for server in all.iter().filter(|server| server.status.counts()) {
                let seen = service.observed.freshness(&*service.clock, &server.account, server.id);
                let frozen = plan.freeze.is_some() && matches!(seen, Freshness::Missing { .. });
                let kept = report.iter().any(|line| {
                    line.server == Some(server.id)
                        && matches!(
                            line.decision,
                            Decision::Wait(Wait::Unhealed { .. } | Wait::MissingKept { .. })
                        )
                });
                if (frozen || kept) && !server.terminate_requested {
                    let input = TerminateInput::default();
                    let answer = servers::terminate(service, &who, server.id, input);
                    self.note(format!("give up {}", server.hostname), answer.map(drop));
                }
            }
        }
    }

    /// Switches something off for a while, or for good; sometimes what makes no sense.
    fn hold(&mut self, service: &Service) {
        let farms = service.read(&Grant::job("test"), lookup::all_farms).unwrap_or_default();
        let Some(farm) = farms.first() else { return };
        let roles = service
            .read(&Grant::job("test"), |view| lookup::farm_roles_of(view, farm.id))
            .unwrap_or_default();
        let place = usize::try_from(self.luck.below(roles.len() as u64 + 1)).unwrap_or(0);
        let what = match roles.get(place) {
            Some(role) => format!("{}/{}", farm.name, role.alias),
            None => farm.name.to_string(),
        };
        let kinds = HoldKind::ALL.map(HoldKind::as_str);
        let kind = kinds[usize::try_from(self.luck.below(6)).unwrap_or(0)].to_owned();
        let no_end = self.luck.chance(20);
        let length = (!no_end).then(|| self.luck.below(180_000));
        let reason = "somebody is at it".to_owned();
        let input = HoldInput { what, kind, reason, length, until: None, no_end };
        let answer = holds::place(service, &admin(), &input);
        self.note(format!("hold {} of {}", input.kind, input.what), answer.map(drop));
    }

    fn note(&mut self, what: String, answer: Result<(), Problem>) {
        let said = match &answer {
            Ok(()) => "done".to_owned(),
            Err(problem) => format!("{:?}: {problem}", problem.code),
        };
        if answer.is_err_and(|problem| problem.code == Code::InternalServerError) {
            self.faults.push(format!("a person met an internal error: {what}: {said}"));
        }
        self.did.push(format!("{what}: {said}"));
    }

    fn declare(&mut self, service: &Service, launch: bool) {
        let text = declarations::manifest(&mut self.luck, self.second);
        self.apply(service, text, launch);
    }

    /// What was declared last, of another size: a rollout, where anything runs.
    fn remake(&mut self, service: &Service) {
        let text = declarations::other_size(&mut self.luck, &self.declared);
        self.apply(service, text, true);
    }

    fn apply(&mut self, service: &Service, text: String, launch: bool) {
        self.declared.clone_from(&text);
        let prune = self.luck.chance(50);
        let input = |dry_run| ManifestRequest {
            manifest: text.clone(),
            prune,
            dry_run,
            launch: launch && !dry_run,
            fingerprint: None,
        };
        let who = admin();
        if self.luck.chance(20) {
            let answer = manifests::apply(service, &who, &input(true));
            self.note("ask what would change".into(), answer.map(drop));
        }
        let answer = manifests::apply(service, &who, &input(false));
        let what = match &answer {
            Ok(result) => format!("declare {}: {}", result.farm, result.changes.join("; ")),
            Err(_) => format!("declare {text}"),
        };
        self.note(what, answer.map(drop));
    }

    fn with_farm(
        &mut self,
        service: &Service,
        what: &str,
        verb: impl FnOnce(&Service, &Actor, FarmId) -> Result<(), Problem>,
    ) {
        let farms = plans::farms(service).unwrap_or_default();
        if farms.is_empty() {
            return;
        }
        let farm = farms[self.luck.below(farms.len() as u64) as usize];
        let answer = verb(service, &admin(), farm);
        self.note(format!("{what} farm {farm}"), answer);
    }

    fn with_server(
        &mut self,
        service: &Service,
        what: &str,
        verb: impl FnOnce(&Service, &Actor, ServerId) -> Result<(), Problem>,
    ) {
        let Ok(mut all) = service.read(&Grant::job("test"), lookup::all_servers) else { return };
        all.retain(|server| server.status.counts());
        if all.is_empty() {
            return;
        }
        let server = &all[self.luck.below(all.len() as u64) as usize];
        let answer = verb(service, &admin(), server.id);
        self.note(format!("{what} {}", server.hostname), answer);
    }

    fn scale(&mut self, service: &Service) {
        let (min, max) = declarations::range(&mut self.luck);
        let roles = plans::farms(service)
            .and_then(|farms| {
                service.read(&Grant::job("test"), |view| {
                    let mut all = Vec::new();
                    for farm in farms {
                        all.extend(lookup::farm_roles_of(view, farm)?);
                    }
                    Ok(all.iter().map(|role| role.id).collect::<Vec<FarmRoleId>>())
                })
            })
            .unwrap_or_default();
        if roles.is_empty() {
            return;
        }
        let role = roles[self.luck.below(roles.len() as u64) as usize];
        let input = ScalingInput {
            min_instances: Some(min),
            max_instances: Some(max),
            ..ScalingInput::default()
        };
        let answer = farms::scale(service, &admin(), role, &input, None);
        self.note(format!("scale farm role {role} to {min}..{max}"), answer.map(drop));
    }

    /// Takes every lock off.
    fn unlock(&mut self, service: &Service) {
        let Ok(all) = service.read(&Grant::job("test"), lookup::all_servers) else { return };
        for server in all.iter().filter(|server| server.locked && server.status.counts()) {
            let answer = servers::unlock(service, &admin(), server.id);
            self.note(format!("unlock {}", server.hostname), answer.map(drop));
        }
    }

    /// Wakes everything that sleeps.
    fn wake(&mut self, service: &Service) {
        let Ok(all) = service.read(&Grant::job("test"), lookup::all_servers) else { return };
        for server in all.iter().filter(|server| server.status == ServerStatus::Suspended) {
            let answer = servers::resume(service, &admin(), server.id);
            self.note(format!("resume {}", server.hostname), answer.map(drop));
        }
    }
}

/// Every rollout that the plans remember, with how it stands.
fn rollouts_of(service: &Service) -> Vec<(FarmRoleId, RolloutState)> {
    let mut found = Vec::new();
    for farm in plans::farms(service).unwrap_or_default() {
        let plan = service
            .read(&Grant::job("test"), |view| lookup::current_plan(view, farm))
            .ok()
            .flatten();
        for target in plan.iter().flat_map(|plan| &plan.targets) {
            found.extend(target.rollout.as_ref().map(|r| (target.farm_role, r.state)));
        }
    }
    found
}
