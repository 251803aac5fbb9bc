//! What people do: declare, change, launch, terminate, and ask things of single servers.

use grange::base::random::Stream;
use grange::base::{Code, FarmId, FarmRoleId, Millis, Problem, ServerId};
use grange::model::{
    Actor, Decision, Door, FarmGoal, Freshness, HoldKind, Permission, ServerStatus, Wait,
};
use grange::service::{Service, farms, holds, lookup, manifests, plans, servers};
use grange::wire::api::{CommandRequest, ManifestRequest};
use grange::wire::hold::HoldInput;
use grange::wire::input::{LockInput, RebootInput, ScalingInput, TerminateInput};
use std::fmt::Write;

/// The people of a site.
pub struct People {
    luck: Stream,
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
    pub fn new(seed: u64) -> People {
        let luck = Stream::new(seed, "people");
        People { luck, did: Vec::new(), faults: Vec::new() }
    }

    /// When somebody does something again.
    pub fn pause(&mut self) -> Millis {
        3_000 + self.luck.below(45_000)
    }

    /// The first farm.
    pub fn begin(&mut self, service: &Service) {
        self.declare(service, true);
    }

    /// One thing, whatever comes to mind.
    pub fn act(&mut self, service: &Service) {
        match self.luck.below(100) {
            0..35 => {
                let launch = self.luck.chance(70);
                self.declare(service, launch);
            }
            35..45 => self.with_farm(service, "launch", |service, who, farm| {
                farms::launch(service, who, farm).map(drop)
            }),
            45..48 => self.stop_or_start(service),
            48..51 => self.with_farm(service, "terminate", |service, who, farm| {
                farms::terminate(service, who, farm, TerminateInput::default()).map(drop)
            }),
            51..53 => self.with_farm(service, "remove", |service, who, farm| {
                farms::remove(service, who, farm, None)
            }),
            53..63 => self.scale(service),
            63..73 => self.with_server(service, "terminate", |service, who, id| {
                servers::terminate(service, who, id, TerminateInput::default()).map(drop)
            }),
            73..82 => self.with_server(service, "reboot", |service, who, id| {
                servers::reboot(service, who, id, RebootInput::default()).map(drop)
            }),
            82..88 => self.with_server(service, "suspend", |service, who, id| {
                servers::suspend(service, who, id).map(drop)
            }),
            88..91 => self.wake(service),
            91..93 => self.with_server(service, "lock", |service, who, id| {
                servers::lock(service, who, id, &LockInput::default()).map(drop)
            }),
            93..94 => self.unlock(service),
            94..97 => self.hold(service),
            _ => self.with_server(service, "run", |service, who, id| {
                let command = vec!["true".into()];
                let input = CommandRequest { command, timeout_ms: 1000 };
                servers::run(service, who, id, &input).map(drop)
            }),
        }
    }

    /// Stops a farm, or starts one that is stopped.
    fn stop_or_start(&mut self, service: &Service) {
        self.with_farm(service, "stop or start", |service, who, farm| {
            let found = service.read(|view| lookup::farm(view, farm))?;
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
        let who = admin();
        for hold in service.read(lookup::all_holds).unwrap_or_default() {
            let answer = holds::release(service, &who, hold.id);
            self.note(format!("release {}", hold.kind.as_str()), answer);
        }
        let farms: Vec<FarmId> = plans::farms(service).unwrap_or_default();
        for farm in farms {
            let stopped = service.read(|view| lookup::farm(view, farm)).ok().flatten();
            if stopped.is_some_and(|farm| farm.goal == FarmGoal::Suspended) {
                let answer = farms::resume(service, &who, farm);
                self.note(format!("start {farm}"), answer.map(drop));
            }
            let found = service.read(|view| {
                let plan = lookup::current_plan(view, farm)?;
                Ok((plan, lookup::servers_of_farm(view, farm)?))
            });
            let Ok((Some(plan), all)) = found else { continue };
            let report = service.observed.report(farm);
            for server in all.iter().filter(|server| server.status.counts()) {
                let seen = service.observed.freshness(&*service.clock, &server.platform, server.id);
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
        let farms = service.read(lookup::all_farms).unwrap_or_default();
        let Some(farm) = farms.first() else { return };
        let roles = service.read(|view| lookup::farm_roles_of(view, farm.id)).unwrap_or_default();
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
        let text = self.manifest();
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

    /// One of two farms, each time a little different.
    fn manifest(&mut self) -> String {
        let farm = if self.luck.chance(65) { "shop" } else { "blog" };
        let order = if self.luck.chance(50) { "sequential" } else { "simultaneous" };
        let mut text = format!("farm: {farm}\nlaunchOrder: {order}\nfarmRoles:\n");
        let db = self.luck.chance(60);
        let lb = self.luck.chance(40);
        self.farm_role(&mut text, "web", "web-demo", 2);
        if db {
            self.farm_role(&mut text, "db", "base", 1);
        }
        if lb {
            self.farm_role(&mut text, "lb", "haproxy", 3);
        }
        text
    }

    fn farm_role(&mut self, text: &mut String, alias: &str, role: &str, index: u32) {
        let (min, max) = self.range();
        let enabled = self.luck.chance(60);
        let size = if self.luck.chance(80) { "small" } else { "medium" };
        let drain = self.luck.below(4) * 10;
        let timeout = 60 + self.luck.below(3) * 30;
        let storage = self.luck.chance(if alias == "db" { 80 } else { 15 });
        let lines = format!(
            "  - alias: {alias}
    role: {role}
    cloudPlatform: simulated
    instanceType: {size}
    launchIndex: {index}
    scaling:
      enabled: {enabled}
      minInstances: {min}
      maxInstances: {max}
      rules: [{{ruleType: CpuPercent, scaleUp: 60, scaleDown: 20, window: 60s}}]
"
        );
        text.push_str(&lines);
        if alias == "db" && self.luck.chance(40) {
            text.push_str("    useScalrAgent: false\n");
        }
        if storage {
            text.push_str(
                "    storage: [{type: PersistentStorageConfiguration, mountPoint: /data, \
                 size: 1GiB}]\n",
            );
        }
        let mut extra = format!(
            "    grange: {{drain: {drain}s, launchTimeout: {timeout}s, cooldownUp: 20s, \
             cooldownDown: 30s"
        );
        if role == "haproxy" {
            extra
                .push_str(", balance: {farmRole: web, port: 8080, listenPort: 80, checkPath: /up}");
            if self.luck.chance(50) {
                extra.push_str(", dependsOn: [web]");
            }
        }
        // Mostly the default, and each of the others often enough.
        for (field, words) in [
            ("heal", ["replace", "restart", "alert", "none"]),
            ("missingServers", ["terminate", "terminate", "flag", "ignore"]),
        ] {
            if self.luck.chance(40) {
                let word = words[self.luck.below(4) as usize];
                write!(extra, ", {field}: {word}").expect("text takes text");
            }
        }
        if self.luck.chance(30) {
            let ready = 5 + self.luck.below(4) * 5;
            write!(extra, ", readyFor: {ready}s").expect("text takes text");
        }
        if alias == "db" && self.luck.chance(40) {
            extra.push_str(", check: {port: 5432}");
        }
        let reboot = 30 + self.luck.below(3) * 30;
        write!(extra, ", rebootTimeout: {reboot}s").expect("text takes text");
        writeln!(text, "{extra}}}").expect("text takes text");
    }

    fn range(&mut self) -> (u32, u32) {
        let min = self.luck.below(4) as u32;
        (min, (min + self.luck.below(4) as u32).max(1))
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
        let Ok(mut all) = service.read(lookup::all_servers) else { return };
        all.retain(|server| server.status.counts());
        if all.is_empty() {
            return;
        }
        let server = &all[self.luck.below(all.len() as u64) as usize];
        let answer = verb(service, &admin(), server.id);
        self.note(format!("{what} {}", server.hostname), answer);
    }

    fn scale(&mut self, service: &Service) {
        let (min, max) = self.range();
        let roles = plans::farms(service)
            .and_then(|farms| {
                service.read(|view| {
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
        let Ok(all) = service.read(lookup::all_servers) else { return };
        for server in all.iter().filter(|server| server.locked && server.status.counts()) {
            let answer = servers::unlock(service, &admin(), server.id);
            self.note(format!("unlock {}", server.hostname), answer.map(drop));
        }
    }

    /// Wakes everything that sleeps.
    fn wake(&mut self, service: &Service) {
        let Ok(all) = service.read(lookup::all_servers) else { return };
        for server in all.iter().filter(|server| server.status == ServerStatus::Suspended) {
            let answer = servers::resume(service, &admin(), server.id);
            self.note(format!("resume {}", server.hostname), answer.map(drop));
        }
    }
}
