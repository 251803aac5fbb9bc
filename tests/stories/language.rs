//! The language of stories: one line, one fact or one thing that happens.
//!
//! ```text
//! farm shop sequential              also: terminated, removed; again later to change it
//! role web min 2 max 6 cpu 60 20    rules: cpu UP DOWN, load UP DOWN; up 1m, down 2m: cool-downs
//!                                   also: index 2, drain 20s, timeout 5m, storage, balances ALIAS,
//!                                   disabled, removed, depends ALIAS, heal MODE, missing POLICY,
//!                                   reboot 2m (its timeout), ready 30s, agentless,
//!                                   unhealthy 5m, with-volumes;
//!                                   again later to change it
//! seen web-1 running age 4s         a sighting; the server is running and heard unless said before
//! server web-2 pending age 1m       a record; also: restarts 3, rebooted 1m, healthy 10s
//! missing web-2 for 40s listings 4  complete listings lack it
//! failing web-1 for 6m              its check fails; or, with unreached, no balancer reaches it
//! passing web-1                     its agent says that it passes again
//! unsaid web-1                      its agent has said nothing of it yet
//! nobody                            no agent of the whole site is connected
//! unseen web-2                      nothing was seen of it since the start
//! silent web-1 for 40s              its agent is not connected
//! heard web-1                       its agent is connected
//! step web-2 launch begun age 5s    planned | begun | unknown | failed; `in 30s` for planned
//! reading web cpu 72.5 have 2 of 3  a rule's window; without `have`, all servers sent readings
//! hold web scale for 2h why it is   also: the farm's name; without `for` until it is released
//! breaker 5 failed 28s left         the cloud account is left alone; `0s` is being tried
//! paced 600 to the next 3s          its next step waits for the pace
//! elsewhere by h:/srv/g             the account's lease is another's; without `by`, nobody knows
//! late web-1 2                      balancers do not know that it goes; `answers`: all are over
//! release web scale                 it is switched on again
//! ask web-1 terminate               a person's wish; also: reboot, lock, unlock, hurry
//! unset web-1 setup 1 exited with 3 its role's work cannot be done on it
//! idle web-1                        it is to go, and said that nothing is left to finish
//! role web size large               another revision; also: healthy 50, above 150, batch 2, full,
//!                                   checkpoint 50, pausing 10m, failures 1, stay (no rollback)
//! rollout web pause                 a person's wish; also: go, abort
//! started 5s                        the appliance began to look this long ago
//! later 30s                         time passes
//! look                              a complete listing shows everything as before
//! begins web-3                      its planned step begins
//! done web-3                        its begun step is done
//! turns web-3 running               a status changes; its open steps are done
//! fails web-3                       its open step fails; a failed launch is gone
//! gone web-2                        it is confirmed gone
//! plan                              the engine plans; the plan is committed
//! ```

use crate::stories::words::{heal, hold_kind, kind, metric, missing, state, status};
use crate::stories::yard::Yard;
use grange::base::{FarmRoleId, HoldId, Millis, Name, ServerId, Timestamp, UserId};
use grange::engine::WindowReading;
use grange::model::{
    Balance, Breaker, CloudState, FarmGoal, FarmRole, Freshness, Hold, LaunchOrder, RemovalPolicy,
    RolloutStrategy, RolloutWish, ScalingBehavior, ScalingRule, Server, ServerStatus, StepKind,
    StepStatus, VolumeSpec,
};

/// The platform of every server, and its account.
pub const PLATFORM: &str = "simulated";

/// The words of one line, taken one after the other.
pub struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    pub fn new(line: &'a str) -> Words<'a> {
        Words(line.split_whitespace())
    }

    pub fn word(&mut self) -> &'a str {
        self.0.next().expect("another word")
    }

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn number<T: std::str::FromStr>(&mut self) -> T {
        let word = self.word();
        word.parse().unwrap_or_else(|_| panic!("{word:?} is not a number"))
    }

    fn length(&mut self) -> Millis {
        let word = self.word();
        let (number, unit) = word.split_at(word.trim_end_matches(char::is_alphabetic).len());
        let number: Millis = number.parse().unwrap_or_else(|_| panic!("{word:?} is no length"));
        match unit {
            "ms" => number,
            "s" => number * 1000,
            "m" => number * 60_000,
            "h" => number * 3_600_000,
            other => panic!("{other:?} is not ms, s, m or h"),
        }
    }

    /// The value after these words, which must come next.
    fn after_all(&mut self, names: &[&str]) -> Millis {
        names.iter().for_each(|name| assert_eq!(self.word(), *name));
        self.length()
    }

    /// The value after the word `name`, which must come next.
    fn after(&mut self, name: &str) -> Millis {
        self.after_all(&[name])
    }
}

/// Tells one line to the yard.
pub fn tell(yard: &mut Yard, line: &str) {
    let mut words = Words::new(line);
    let now = yard.input.now;
    match words.word() {
        "farm" => farm(yard, words),
        "role" => role(yard, words),
        "seen" => {
            let id = running(yard, words.word());
            let state = state(words.word());
            let at = now.before(words.after("age"));
            yard.see(id, state, at);
        }
        "server" => server(yard, words),
        "missing" => {
            let id = running(yard, words.word());
            let since = now.before(words.after("for"));
            assert_eq!(words.word(), "listings");
            let listings = words.number();
            let missing = Freshness::Missing { since, at: now, listings };
            yard.input.sightings.insert(id, missing);
            yard.hear(id, false, since);
        }
        "unseen" => {
            let id = running(yard, words.word());
            yard.input.sightings.remove(&id);
        }
        "failing" | "unreached" => {
            let unreached = line.starts_with("unreached");
            let id = running(yard, words.word());
            yard.fail(id, now.before(words.after("for")), unreached);
        }
        "passing" | "unsaid" => {
            let passes = line.starts_with("passing");
            let id = running(yard, words.word());
            yard.pass(id, passes);
        }
        "nobody" => yard.input.any_agent_connected = false,
        "silent" => {
            let id = running(yard, words.word());
            yard.hear(id, false, now.before(words.after("for")));
        }
        "heard" => {
            let id = running(yard, words.word());
            yard.hear(id, true, now);
        }
        "step" => step(yard, words),
        "reading" => reading(yard, words),
        "ask" => ask(yard, words),
        "hold" => hold(yard, words),
        "breaker" => breaker(yard, words),
        "elsewhere" => yard.elsewhere(words.next().map(|_by| words.word().to_owned())),
        "paced" => {
            let per_minute = words.number();
            yard.paced(per_minute, words.after_all(&["to", "the", "next"]));
        }
        "late" => {
            let id = running(yard, words.word());
            yard.input.late.insert(id, words.number());
        }
        "answers" => yard.answers(),
        "release" => {
            let (role, kind) = (held(yard, words.word()), hold_kind(words.word()));
            yard.input.holds.retain(|hold| hold.farm_role != role || hold.kind != kind);
        }
        "started" => yard.input.started_at = now.before(words.length()),
        "later" => yard.input.now = now.after(words.length()),
        "look" => look(yard),
        other => happens(yard, other, words),
    }
}

/// What happens to one server.
fn happens(yard: &mut Yard, what: &str, mut words: Words) {
    let now = yard.input.now;
    match what {
        "turns" => {
            let id = named(yard, words.word()).expect("a server there is");
            let status = status(words.word());
            yard.turn(id, status);
            yard.input.steps.retain(|step| step.server != id || !step.status.is_open());
            let state = match status {
                ServerStatus::Suspended => CloudState::Suspended,
                _ => CloudState::Running,
            };
            yard.see(id, state, now);
            yard.hear(id, true, now);
        }
        "begins" => {
            let id = named(yard, words.word()).expect("a server there is");
            yard.begin(id);
        }
        "done" => {
            let id = named(yard, words.word()).expect("a server there is");
            yard.input.steps.retain(|s| s.server != id || s.status != StepStatus::Begun);
        }
        "idle" => known(yard, words.word()).idle_at = Some(now),
        "unset" => {
            let server = known(yard, words.word());
            server.setup_failed = Some(words.0.collect::<Vec<_>>().join(" "));
        }
        "fails" => fails(yard, words.word()),
        "rollout" => rollout(yard, words),
        "gone" => {
            let id = named(yard, words.word()).expect("a server there is");
            yard.forget(id);
        }
        other => panic!("a line begins with {other:?}"),
    }
}

fn farm(yard: &mut Yard, mut words: Words) {
    let name = words.word();
    yard.input.farm.name = Name::new(name).unwrap();
    while let Some(word) = words.next() {
        match word {
            "sequential" => yard.input.farm.launch_order = LaunchOrder::Sequential,
            "terminated" => yard.input.farm.goal = FarmGoal::Terminated,
            "launched" => yard.input.farm.goal = FarmGoal::Launched,
            "stopped" => yard.input.farm.goal = FarmGoal::Suspended,
            "removed" => yard.input.farm.removed = true,
            other => panic!("a farm is not {other:?}"),
        }
    }
}

fn rollout(yard: &mut Yard, mut words: Words) {
    let alias = words.word();
    let found = yard.input.farm_roles.iter_mut().find(|role| role.alias.as_str() == alias);
    let role = found.expect("a farm role there is");
    role.rollout_wish = match words.word() {
        "go" => RolloutWish::Go,
        "pause" => RolloutWish::Pause,
        "abort" => RolloutWish::Abort,
        other => panic!("nobody wants a rollout to {other:?}"),
    };
    role.rollout_said += 1;
}

fn resize(role: &mut FarmRole, size: &str, now: Timestamp) {
    let before = role.clone();
    role.instance_type = size.to_owned();
    if role.follow(&before, now) {
        role.rollout_wish = RolloutWish::Go;
        role.rollout_said += 1;
    }
}

fn role(yard: &mut Yard, mut words: Words) {
    let now = yard.input.now;
    let alias = words.word();
    let there = yard.input.farm_roles.iter().position(|role| role.alias.as_str() == alias);
    let role: &mut FarmRole = match there {
        Some(place) => &mut yard.input.farm_roles[place],
        None => yard.add_role(alias, 1, 1),
    };
    while let Some(word) = words.next() {
        match word {
            "min" => role.scaling.min = words.number(),
            "max" => role.scaling.max = words.number(),
            "index" => role.launch_index = words.number(),
            "drain" => role.drain_ms = words.length(),
            "timeout" => role.launch_timeout_ms = words.length(),
            "setup" => role.setup_ms = words.length(),
            "up" => role.scaling.cooldown_up_ms = words.length(),
            "down" => role.scaling.cooldown_down_ms = words.length(),
            "disabled" => role.scaling.enabled = false,
            "size" => resize(role, words.word(), now),
            "healthy" => role.policy.rollout.min_healthy_percent = words.number(),
            "above" => role.policy.rollout.max_percent = words.number(),
            "batch" => role.policy.rollout.batch = words.number(),
            "full" => role.policy.rollout.strategy = RolloutStrategy::Full,
            "checkpoint" => role.policy.rollout.checkpoints.push(words.number()),
            "pausing" => role.policy.rollout.checkpoint_wait_ms = Some(words.length()),
            "failures" => role.policy.rollout.failures_max = words.number(),
            "stay" => role.policy.rollout.rollback = false,
            "removed" => role.removed = true,
            "depends" => role.policy.depends_on.push(Name::new(words.word()).unwrap()),
            "heal" => role.policy.heal = heal(words.word()),
            "missing" => role.policy.missing = missing(words.word()),
            "reboot" => role.policy.reboot_timeout_ms = words.length(),
            "parks" => role.policy.behavior = ScalingBehavior::SuspendResume,
            "zone" => role.policy.zones.push(words.word().to_owned()),
            "oldest" => role.policy.removal = RemovalPolicy::Oldest,
            "newest" => role.policy.removal = RemovalPolicy::Newest,
            "least-busy" => role.policy.removal = RemovalPolicy::LeastBusy,
            "previous-revision" => role.policy.removal = RemovalPolicy::PreviousRevision,
            "revision" => role.revision = words.number::<u64>(),
            "ready" => role.policy.ready_for_ms = words.length(),
            "agentless" => role.policy.agent = false,
            "unhealthy" => role.policy.unhealthy_for_ms = words.length(),
            "with-volumes" => role.policy.replace_with_volumes = true,
            "storage" => role.storage.push(VolumeSpec {
                kind: "PersistentStorageConfiguration".into(),
                mount_point: "/data".into(),
                size_bytes: 1 << 30,
            }),
            "balances" => {
                role.balance = Some(Balance {
                    farm_role: Name::new(words.word()).unwrap(),
                    port: 80,
                    listen_port: 80,
                    check_path: "/".into(),
                });
            }
            "cpu" | "load" => role.scaling.rules.push(ScalingRule {
                metric: metric(word),
                scale_up: words.number(),
                scale_down: words.number(),
                window_ms: 60_000,
            }),
            other => panic!("a farm role has no {other:?}"),
        }
    }
}

fn hold(yard: &mut Yard, mut words: Words) {
    let (farm_role, kind) = (held(yard, words.word()), hold_kind(words.word()));
    let (mut until, mut reason) = (None, words.word().to_owned());
    if reason == "for" {
        until = Some(yard.input.now.after(words.length()));
        reason = words.word().to_owned();
    }
    while let Some(word) = words.next() {
        reason = format!("{reason} {word}");
    }
    let (farm, env, at) = (yard.input.farm.id, yard.input.farm.env, yard.input.now);
    let id = HoldId(u64::try_from(yard.input.holds.len()).unwrap() + 1);
    let by = UserId(1);
    yard.input.holds.push(Hold { id, env, farm, farm_role, kind, reason, by, at, until });
}

/// The farm role of an alias; none for the farm's own name.
fn held(yard: &Yard, name: &str) -> Option<FarmRoleId> {
    let found = yard.input.farm_roles.iter().find(|role| role.alias.as_str() == name);
    assert!(found.is_some() || yard.input.farm.name.as_str() == name, "nothing is named {name:?}");
    found.map(|role| role.id)
}

fn server(yard: &mut Yard, mut words: Words) {
    let name = words.word();
    let status = status(words.word());
    let age = words.after("age");
    let id = add(yard, name, status, age);
    let now = yard.input.now;
    while let Some(word) = words.next() {
        match word {
            "restarts" => yard.server(id).restarts = words.number(),
            "healthy" => yard.server(id).healthy_since = Some(now.before(words.length())),
            "rebooted" => yard.server(id).reboot_at = Some(now.before(words.length())),
            "parked" => yard.park(id),
            "zone" => yard.server(id).zone = Some(words.word().to_owned()),
            "revision" => yard.server(id).revision = words.number::<u64>(),
            "busy" => drop(yard.input.loads.insert(id, words.number())),
            other => panic!("a server has no {other:?}"),
        }
    }
}

fn breaker(yard: &mut Yard, mut words: Words) {
    let now = yard.input.now;
    let failures = words.number();
    let open_until = Some(now.after(words.after("failed")));
    let breaker = Breaker { failures, open_until, ..Breaker::closed(PLATFORM, now) };
    yard.input.breakers.insert(PLATFORM.to_owned(), breaker);
    assert_eq!(words.word(), "left");
}

fn step(yard: &mut Yard, mut words: Words) {
    let now = yard.input.now;
    let id = named(yard, words.word()).expect("a server there is");
    let kind = kind(words.word());
    let status = match words.word() {
        "planned" => StepStatus::Planned,
        "begun" => StepStatus::Begun,
        "unknown" => StepStatus::Unknown,
        "failed" => StepStatus::Failed,
        other => panic!("a step is not {other:?}"),
    };
    let at = match words.word() {
        "age" => now.before(words.length()),
        "in" => now.after(words.length()),
        other => panic!("a step has no {other:?}"),
    };
    let step = yard.add_step(id, kind, status, at);
    if status != StepStatus::Planned {
        (step.begun_at, step.attempts) = (Some(at), 1);
    }
    if status == StepStatus::Failed {
        step.ended_at = Some(at);
    } else if status != StepStatus::Planned && kind == StepKind::Launch {
        yard.server(id).asked_at = Some(at);
    }
}

fn reading(yard: &mut Yard, mut words: Words) {
    let alias = words.word();
    let found = yard.input.farm_roles.iter().find(|role| role.alias.as_str() == alias);
    let role = found.expect("a farm role there is");
    let wanted = metric(words.word());
    let rule = role.scaling.rules.iter().position(|rule| rule.metric == wanted);
    let key = (role.id, rule.expect("a rule there is"));
    let running = yard
        .input
        .servers
        .iter()
        .filter(|server| server.farm_role == key.0 && server.status == ServerStatus::Running);
    let want = u32::try_from(running.count()).unwrap();
    let average = match words.word() {
        "none" => None,
        number => Some(number.parse().expect("an average")),
    };
    let mut have = want;
    if words.next().is_some() {
        have = words.number();
    }
    let newest_at = Some(yard.input.now);
    yard.input.readings.insert(key, WindowReading { average, have, want, newest_at });
}

/// Everything is seen again as it was last seen; what was missing still is.
fn look(yard: &mut Yard) {
    let now = yard.input.now;
    for freshness in yard.input.sightings.values_mut() {
        match freshness {
            Freshness::Seen { at, .. } => *at = now,
            Freshness::Missing { at, listings, .. } => {
                *at = now;
                *listings += 1;
            }
            Freshness::Unknown => {}
        }
    }
}

/// Its planned step is begun, with what that does to its record.
fn ask(yard: &mut Yard, mut words: Words) {
    let id = named(yard, words.word()).expect("a server there is");
    match words.word() {
        "terminate" => yard.server(id).terminate_requested = true,
        "reboot" => yard.server(id).reboot_requested = true,
        "sleep" => yard.server(id).suspend_requested = true,
        "wake" => yard.server(id).suspend_requested = false,
        "lock" => yard.server(id).locked = true,
        "unlock" => yard.server(id).locked = false,
        // With `--force`: no time to finish, also when it goes already.
        "hurry" => hurry(yard, id),
        other => panic!("nobody can ask for {other:?}"),
    }
}

fn hurry(yard: &mut Yard, id: ServerId) {
    let now = yard.input.now;
    let record = yard.server(id);
    record.terminate_requested = true;
    record.terminate_after = Some(record.terminate_after.map_or(now, |at| at.min(now)));
    let mut steps = yard.input.steps.iter_mut();
    if let Some(step) = steps.find(|s| s.server == id && s.kind == StepKind::Terminate) {
        step.not_before = step.not_before.min(now);
    }
}

fn known<'a>(yard: &'a mut Yard, word: &str) -> &'a mut Server {
    yard.server(named(yard, word).expect("a server there is"))
}

fn fails(yard: &mut Yard, name: &str) {
    let (now, id) = (yard.input.now, named(yard, name).expect("a server there is"));
    let mut steps = yard.input.steps.iter_mut();
    let step = steps.find(|step| step.server == id && step.status.is_open()).expect("an open step");
    (step.status, step.ended_at, step.begun_at) = (StepStatus::Failed, Some(now), Some(now));
    if step.kind == StepKind::Launch {
        yard.forget(id);
    }
}

/// The server of a name, made running and heard if there is none.
fn running(yard: &mut Yard, name: &str) -> ServerId {
    named(yard, name).unwrap_or_else(|| add(yard, name, ServerStatus::Running, 600_000))
}

fn named(yard: &Yard, name: &str) -> Option<ServerId> {
    yard.input.servers.iter().find(|server| server.hostname == name).map(|server| server.id)
}

fn add(yard: &mut Yard, name: &str, status: ServerStatus, age: Millis) -> ServerId {
    let (alias, index) = name.rsplit_once('-').expect("alias-index");
    let index: u32 = index.parse().expect("an index");
    let mut roles = yard.input.farm_roles.iter();
    let role = roles.find(|role| role.alias.as_str() == alias).expect("a farm role there is").id;
    let id = ServerId(u128::from(role.0) * 1000 + u128::from(index));
    yard.add_server(id, role, index, status, age);
    yard.hear(id, true, yard.input.now.before(age));
    id
}
