//! Worlds to look at: what an appliance would answer, at a moment that stands still.

use super::catalogue;
use super::notes::printed;
use grange::tui::catalogue::{Catalogue, Noun};
use grange::tui::{Action, Source};
use grange::wire::account::AccountView;
use grange::wire::api::*;
use grange::wire::rollout::{RevisionView, RolloutVerb, RolloutView};

/// 2026-11-21T14:03:27Z.
pub const NOW: i64 = 1_795_269_807_000;

/// An appliance made of values.
pub struct World {
    pub farms: Vec<FarmView>,
    pub roles: Vec<FarmRoleView>,
    pub servers: Vec<ServerView>,
    pub events: Vec<EventView>,
    pub alerts: Vec<String>,
    pub accounts: Vec<AccountView>,
    pub gone: bool,
}

fn minutes(n: i64) -> i64 {
    n * 60_000
}

impl World {
    /// By the name a `.screen` file gives.
    pub fn named(name: &str) -> World {
        let mut world = World::shop();
        match name {
            "shop" => {}
            "empty" => world = World::empty(),
            "lost" => world = World { gone: true, ..World::empty() },
            "frozen" => world.freeze(),
            "held" => world.hold(),
            "noted" => world.note(),
            "ailing" => catalogue::ail(&mut world),
            "rolling" => world.roll("rolling"),
            "paused" => world.roll("paused"),
            "failed" => world.roll("rolled back"),
            "stopped" => world.stop(),
            "breaker" => world.fail(),
            "hostile" => world.spoil(),
            "fleet" => world = World::fleet(10_000),
            other => panic!("there is no world {other:?}"),
        }
        world
    }

    /// `web` is rolled over from its fourth revision to its fifth; `web-2` is locked.
    fn roll(&mut self, state: &str) {
        let (ready, new, failed) = if state == "rolled back" { (4, 0, 2) } else { (1, 1, 0) };
        let rollout = RolloutView {
            about: "shop/web".into(),
            state: state.into(),
            from: 4,
            to: 5,
            ready,
            of: 4,
            failed,
            healthy: 4,
            healthy_min: 3,
            checkpoints: vec![25, 50],
            began_at: Some(NOW - minutes(14)),
            since: Some(NOW - minutes(12)),
            revisions: vec![
                revision(5, "medium", new, None),
                revision(4, "small", 4 - new, Some(NOW - minutes(14))),
                revision(3, "nano", 0, Some(NOW - minutes(3000))),
            ],
            ..catalogue::calm("shop/web")
        };
        let waits = match state {
            "paused" => "rollout paused by a person: 1 of 4 rolled over",
            "rolling" => "rollout: 1 of 4 rolled over, 1 starting, 0 leaving",
            _ => "rollout of revision 5 failed: 2 servers did not get ready",
        };
        self.farms[0].grange.waiting = vec![format!("web: {waits}")];
        self.roles[0].grange.waiting = vec![waits.into()];
        self.roles[0].grange.rollout = Some(Box::new(rollout));
        let locked = |why: &str| ConditionView { name: "locked".into(), why: why.into() };
        self.servers[1].grange.conditions = vec![locked("a backup runs until 18:00 (by admin)")];
        for (server, made_of) in self.servers.iter_mut().zip([4, 4, 4, 5, 1]) {
            server.grange.made_of = made_of;
        }
    }

    fn stop(&mut self) {
        self.farms[0].status = "suspended".into();
        self.farms[0].grange.running = 0;
        self.farms[0].grange.waiting.clear();
        self.farms[1].status = "pending_suspend".into();
        for server in &mut self.servers {
            server.status = "suspended".into();
            server.grange.agent_connected = false;
            server.grange.waiting.clear();
        }
    }

    fn fail(&mut self) {
        let well = AccountView {
            name: "onboard".into(),
            state: "well".into(),
            steps_per_minute: 600,
            steps_left: 590,
            ..AccountView::default()
        };
        let open = AccountView {
            name: "simulated".into(),
            state: "open".into(),
            failures: 5,
            reason: Some("not now: throttled".into()),
            open_until: Some(NOW + minutes(4)),
            ..well.clone()
        };
        self.alerts = vec![
            "cloud simulated is left alone for 4 m: 5 calls failed in a row, the last: not now: \
             throttled"
                .into(),
        ];
        self.accounts = vec![well, open];
    }

    fn empty() -> World {
        World {
            farms: Vec::new(),
            roles: Vec::new(),
            servers: Vec::new(),
            events: Vec::new(),
            alerts: Vec::new(),
            accounts: Vec::new(),
            gone: false,
        }
    }

    fn shop() -> World {
        let mut world = World::empty();
        world.farms = vec![
            farm(1, "shop", "running", (2, 4, 5), &["web-4: its agent, for 40 s of 300 s"]),
            farm(2, "mail", "running", (1, 2, 2), &[]),
            farm(3, "reports-nightly", "terminated", (1, 0, 0), &[]),
        ];
        world.roles = vec![
            role(1, 1, "web", (2, 6, 3, 4), &["CpuPercent: up above 60, down below 20, over 60 s"]),
            role(2, 1, "lb", (1, 1, 1, 1), &[]),
        ];
        world.roles[1].grange.balances = Some("web".into());
        world.servers = vec![
            server(1, "shop", "web", 1, "running", (61.0, 43.0), minutes(190)),
            server(1, "shop", "web", 2, "running", (74.0, 44.0), minutes(190)),
            server(1, "shop", "web", 3, "running", (58.0, 39.0), minutes(12)),
            server(1, "shop", "web", 4, "pending", (-1.0, -1.0), 40_000),
            server(1, "shop", "lb", 1, "running", (7.0, 21.0), minutes(2900)),
        ];
        world.servers[3].grange.agent_connected = false;
        world.servers[3].grange.agent_version = None;
        world.servers[3].grange.waiting = vec!["its agent, for 40 s of 300 s".into()];
        world.servers[3].grange.latest.clear();
        let said = [
            ("admin", "farm.launch", "shop", "admin launched farm shop"),
            ("job:plan", "plan.commit", "shop", "Plan 11: launch web-1, web-2, lb-1"),
            ("agent:shop/web-1", "server.ready", "shop/web-1", "web-1 is ready"),
            ("agent:shop/web-2", "server.ready", "shop/web-2", "web-2 is ready"),
            ("job:plan", "plan.commit", "shop", "Plan 13: launch web-3, CPU 72.1 above 60"),
            ("job:execute", "step.done", "shop/web-3", "Launched as p-8812 in 18 ms"),
            ("agent:shop/web-3", "server.ready", "shop/web-3", "web-3 is ready"),
            ("job:plan", "plan.commit", "shop", "Plan 14: launch web-4, CPU 64.3 above 60"),
            ("job:execute", "step.done", "shop/web-4", "Launched as p-8840 in 21 ms"),
            ("admin", "user.login", "", "admin came in over the socket"),
        ];
        world.events = said
            .iter()
            .enumerate()
            .map(|(n, (actor, verb, about, text))| EventView {
                seq: 801 + n as u64,
                at: NOW - minutes(10 - n as i64),
                actor: (*actor).into(),
                verb: (*verb).into(),
                about: (*about).into(),
                text: (*text).into(),
                tables: Vec::new(),
            })
            .collect();
        world
    }

    fn freeze(&mut self) {
        let why = "2 of 3 servers of web vanished within 40 s; nothing is replaced until a person \
                   says so";
        self.farms[0].grange.freeze = Some(why.into());
        self.alerts = vec![
            format!("farm shop is frozen: {why}"),
            "cloud onboard has not been listed for 95 s".into(),
        ];
        self.servers[0].grange.seen = "unknown".into();
        self.servers[0].grange.agent_connected = false;
        self.servers[1].status = "pending_terminate".into();
        self.servers[1].grange.terminate_reason = Some("lost for 92 s".into());
    }

    /// Names and sentences that try to break the screen.
    fn spoil(&mut self) {
        self.farms[0].name = "shop\u{1b}[2J\u{7}\nnew\u{1b}]52;c;eA==\u{7}".into();
        self.farms[1].name = "日本語の農場は名前がとても長い日本語の農場です".into();
        self.farms[2].grange.waiting = vec!["x".repeat(5000)];
        self.servers[0].hostname = "\u{202e}web\u{200b}\u{301}".repeat(40);
        self.servers[1].status = "no such status".into();
        self.servers[2].grange.latest[0].value = f64::NAN;
        self.servers[4].launched = "yesterday".into();
    }

    /// One farm with this many servers.
    pub fn fleet(count: u32) -> World {
        let mut world = World::empty();
        world.farms = vec![farm(1, "fleet", "running", (25, count, count), &[])];
        world.roles = (0..25)
            .map(|n| {
                let each = count / 25;
                role(n + 1, 1, &format!("tier-{:02}", n + 1), (each, 400, each, each), &[])
            })
            .collect();
        world.servers = (0..count)
            .map(|n| {
                let alias = format!("tier-{:02}", n % 25 + 1);
                let cpu = f64::from(n * 7919 % 1000) / 10.0;
                server(1, "fleet", &alias, n / 25 + 1, "running", (cpu, 40.0), minutes(100))
            })
            .collect();
        world
    }
}

pub fn revision(number: u64, size: &str, servers: u32, left_at: Option<i64>) -> RevisionView {
    RevisionView {
        number,
        role: "web-demo".into(),
        account: "onboard".into(),
        location: "here".into(),
        instance_type: size.into(),
        servers,
        left_at,
    }
}

fn farm(id: u64, name: &str, status: &str, counts: (u32, u32, u32), waits: &[&str]) -> FarmView {
    let waiting: Vec<String> = waits.iter().map(|text| (*text).to_owned()).collect();
    FarmView {
        id,
        name: name.into(),
        description: String::new(),
        launch_order: "sequential".into(),
        status: status.into(),
        grange: FarmExtra {
            revision: 3,
            plan: 14,
            farm_roles: counts.0,
            unhealthy: 0,
            running: counts.1,
            target: counts.2,
            servers: counts.2,
            freeze: None,
            waiting,
            holds: Vec::new(),
            notes: Vec::new(),
        },
    }
}

fn role(id: u64, farm: u64, alias: &str, n: (u32, u32, u32, u32), rules: &[&str]) -> FarmRoleView {
    FarmRoleView {
        id,
        alias: alias.into(),
        farm: Ref { id: farm },
        role: RoleRef { id, name: if alias == "lb" { "haproxy" } else { "web-demo" }.into() },
        cloud_platform: "onboard".into(),
        cloud_location: "here".into(),
        instance_type: NameRef { id: "small".into() },
        launch_index: u32::try_from(id).unwrap_or(0),
        scaling: ScalingView {
            enabled: true,
            min_instances: n.0,
            max_instances: n.1,
            rules: Vec::new(),
        },
        grange: FarmRoleExtra {
            running: n.2,
            target: n.3,
            servers: n.3,
            rules: rules.iter().map(|text| (*text).to_owned()).collect(),
            ..FarmRoleExtra::default()
        },
    }
}

fn server(
    farm: u64,
    farm_name: &str,
    alias: &str,
    index: u32,
    status: &str,
    (cpu, memory): (f64, f64),
    age: i64,
) -> ServerView {
    let reading = |series: &str, value| ReadingView { series: series.into(), at: NOW, value };
    let role = if alias == "lb" { 2 } else { 1 };
    ServerView {
        id: format!("7d44b1c0-0000-4000-8{role:03}-{index:012}"),
        hostname: format!("{alias}-{index}"),
        index,
        status: status.into(),
        farm: Ref { id: farm },
        farm_role: Ref { id: role },
        cloud_platform: "onboard".into(),
        cloud_location: "here".into(),
        cloud_server_id: Some(format!("p-88{index:02}")),
        instance_type: NameRef { id: "small".into() },
        private_ip: vec![format!("10.77.{}.{}", index / 250, index % 250 + 2)],
        public_ip: Vec::new(),
        launch_reason: "scaling: CPU 72.1 above 60 over 60 s".into(),
        launched: grange::base::Timestamp(NOW - age).to_string(),
        grange: ServerExtra {
            name: format!("{farm_name}/{alias}-{index}"),
            farm: farm_name.into(),
            alias: alias.into(),
            status_at: NOW - age + 4000,
            agent_connected: true,
            agent_version: Some("0.1.0".into()),
            seen: "running".into(),
            seen_age: Some(4000),
            latest: vec![reading("cpu_percent", cpu), reading("memory_percent", memory)],
            ..ServerExtra::default()
        },
    }
}

impl World {
    fn there<T>(&self, answer: T) -> Result<T, String> {
        if self.gone { Err("connection refused".into()) } else { Ok(answer) }
    }
}

impl Source for World {
    fn farms(&self) -> Result<Vec<FarmView>, String> {
        self.there(self.farms.clone())
    }

    fn farm_roles(&self, farm: u64) -> Result<Vec<FarmRoleView>, String> {
        self.there(self.roles.iter().filter(|role| role.farm.id == farm).cloned().collect())
    }

    fn servers(&self, farm: Option<u64>) -> Result<Vec<ServerView>, String> {
        let of = |server: &&ServerView| farm.is_none_or(|farm| server.farm.id == farm);
        self.there(self.servers.iter().filter(of).cloned().collect())
    }

    fn server(&self, id: &str) -> Result<ServerView, String> {
        let mut servers = self.servers.iter();
        let found = servers.find(|s| s.id == id || s.grange.name == id);
        found.cloned().ok_or_else(|| format!("There is no server {id:?}"))
    }

    fn series(
        &self,
        server: &str,
        names: &[&str],
        minutes: u32,
    ) -> Result<Vec<SeriesView>, String> {
        let server = self.server(server)?;
        if server.status != "running" {
            return self.there(Vec::new());
        }
        let points = i64::from(minutes) * 6;
        let wave = |name: &str, n: i64| {
            let share = ((n as f64 / 17.0).sin() + 1.0) / 2.0;
            match name {
                "cpu_percent" => 15.0 + 70.0 * share,
                "memory_percent" => 38.0 + 6.0 * share,
                "load_1m" => 0.2 + 2.0 * share,
                _ => 40_000.0 + 2_000_000.0 * share,
            }
        };
        self.there(
            names
                .iter()
                .map(|name| SeriesView {
                    series: (*name).into(),
                    at: (0..points).map(|n| NOW - (points - n) * 10_000).collect(),
                    value: (0..points).map(|n| wave(name, n)).collect(),
                })
                .collect(),
        )
    }

    fn events(&self, after: u64, at_most: usize, _: u64) -> Result<Vec<EventView>, String> {
        let events = self.events.iter().filter(|event| event.seq > after);
        self.there(events.take(at_most).cloned().collect())
    }

    fn explain(&self, what: &str) -> Result<ExplainView, String> {
        let because = self.events.iter().rev().filter(|event| event.about == what);
        let last = [
            (804, 11, "Plan 13 wanted one more web: CPU was 72.1 on average over 60 s, above 60"),
            (790, 200, "admin set web to 2..6 servers, scaled by CPU"),
        ];
        let link = |seq, at, text: &str| BecauseView {
            seq,
            at,
            text: text.into(),
            root: if seq < 800 { "person".into() } else { String::new() },
        };
        let mut because: Vec<_> = because.map(|e| link(e.seq, e.at, &e.text)).collect();
        because.extend(last.map(|(seq, ago, text)| link(seq, NOW - minutes(ago), text)));
        self.there(ExplainView {
            about: what.into(),
            now: "running for 12 m, its agent connected".into(),
            because,
            waiting: Vec::new(),
            notes: self.server(what).map(|view| view.grange.notes).unwrap_or_default(),
        })
    }

    fn log(&self, server: &str) -> Result<Vec<String>, String> {
        self.there(printed(server))
    }

    fn rollout(&self, role: u64) -> Result<RolloutView, String> {
        let view = self.roles.iter().find(|view| view.id == role);
        let view = view.ok_or_else(|| format!("There is no farm role {role}"))?;
        let rollout = view.grange.rollout.as_deref().cloned();
        self.there(rollout.unwrap_or_else(|| catalogue::calm(&format!("shop/{}", view.alias))))
    }

    fn accounts(&self) -> Result<Vec<AccountView>, String> {
        self.there(self.accounts.clone())
    }

    fn catalogue(&self, noun: Noun) -> Result<Catalogue, String> {
        self.there(catalogue::of(noun, &self.accounts, self.farms.is_empty()))
    }

    fn status(&self) -> Result<StatusView, String> {
        let job = |name: &str, failures, last: &str| JobView {
            name: name.into(),
            description: format!("what {name} is for"),
            runs: 1200,
            failures,
            last: last.into(),
        };
        self.there(StatusView {
            lost_log_lines: 0,
            published: Vec::new(),
            version: "0.1.0".into(),
            started_at: NOW - minutes(3000),
            now: NOW,
            epoch: 1,
            seq: 810,
            agents: 6,
            farms: u32::try_from(self.farms.len()).unwrap_or(0),
            servers: u32::try_from(self.servers.len()).unwrap_or(0),
            alerts: self.alerts.clone(),
            jobs: vec![
                job("plan", 0, "ok, 3 farms in 2 ms"),
                job("execute", 0, "ok, nothing to do"),
                job("observe", 2, "ok, 7 servers listed in 4 ms"),
            ],
        })
    }

    fn act(&self, action: Action) -> Result<String, String> {
        self.there(match action {
            Action::LaunchFarm(farm) => format!("Farm {farm} is desired; its servers come up"),
            Action::TerminateFarm(farm) => format!("Farm {farm} goes"),
            Action::StopFarm(farm) => format!("Farm {farm} stops"),
            Action::StartFarm(farm) => format!("Farm {farm} starts"),
            Action::Rollout(_, RolloutVerb::Pause) => "No further batch begins".into(),
            Action::Rollout(_, RolloutVerb::Resume) => "The rollout goes on".into(),
            Action::Rollout(_, RolloutVerb::Abort) => "The rollout goes back".into(),
            Action::Rollout(_, RolloutVerb::Rollback) => "It is as it was before".into(),
            Action::ResumeAccount(name) => format!("{name} may be asked again"),
            Action::TerminateServer(_) => "The server goes".into(),
            Action::RebootServer(_) => "The server reboots".into(),
            Action::Hold(hold) => format!("{} of {} is held", hold.kind, hold.what),
            Action::Release(what, kind) => format!("{kind} of {what} is free"),
            Action::LockServer(_) => "The server is locked".into(),
            Action::UnlockServer(_) => "The server is unlocked".into(),
        })
    }
}
