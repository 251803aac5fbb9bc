//! A world of one seed: the appliance, its cloud, its agents, its people and its weather, on one
//! thread, one event after another.

use crate::calls::OnItsWay;
use crate::fleet::{self, Fleet};
use crate::house::{House, Parts, seed_secrets};
use crate::people::People;
use crate::sabotage::Sabotage;
use crate::sky::Sky;
use crate::tally::{Tally, add};
use crate::watch::Watch;
use crate::weather::{self, Blow, Weather};
use grange::base::hash::hex;
use grange::base::random::Stream;
use grange::base::{Clock, FarmRoleId, ManualClock, Millis, ServerId, Timestamp};
use grange::clouds::simulated::Faults;
use grange::model::{CloudState, ServerStatus};
use grange::series::MemoryDisk;
use grange::service::{Service, lookup};
use grange::store::Disk;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long things go wrong.
const STORM: Millis = 6 * 60_000;
/// How long the world has to be as declared once they no longer do: the last rung of the launch
/// ladder is an hour.
const PATIENCE: Millis = 80 * 60_000;
/// How often it is looked at then.
const LOOK_EVERY: Millis = 5_000;
/// When every world begins.
const EPOCH: Timestamp = Timestamp(1_795_230_600_000);

/// How a run ended.
pub struct Outcome {
    /// What it reached.
    pub tally: Tally,
    /// What broke; empty when nothing did.
    pub faults: Vec<String>,
    /// Its ticks, when they were asked for.
    pub log: Vec<String>,
}

/// Runs one seed.
pub fn run(seed: u64, logs: bool) -> Outcome {
    run_with(seed, logs, None)
}

/// Runs one seed with a fault planted in the appliance.
pub fn run_with(seed: u64, logs: bool, sabotage: Option<Sabotage>) -> Outcome {
    seed_secrets(seed);
    let mut world = World::new(seed, logs);
    world.sabotage = sabotage;
    world.live();
    world.sign();
    let World { mut tally, watch, log, clock, .. } = world;
    tally.seeds = 1;
    tally.simulated = clock.monotonic();
    Outcome { tally, faults: watch.faults, log }
}

struct World {
    clock: Arc<ManualClock>,
    luck: Stream,
    parts: Parts,
    house: Option<House>,
    back_at: Millis,
    late: Vec<OnItsWay>,
    fleet: Fleet,
    people: People,
    weather: Weather,
    watch: Watch,
    tally: Tally,
    logs: bool,
    log: Vec<String>,
    due: Dues,
    remember_at: Millis,
    storm: bool,
    settled: bool,
    sabotage: Option<Sabotage>,
    /// The disk of some time ago.
    earlier: Disk,
}

#[derive(Default)]
struct Dues {
    fleet: Millis,
    people: Millis,
    weather: Millis,
}

impl World {
    fn new(seed: u64, logs: bool) -> World {
        let clock = Arc::new(ManualClock::at(EPOCH));
        let sky = Arc::new(Sky::new(clock.clone(), seed));
        let (disk, readings) = (Disk::new(), MemoryDisk::new());
        let (fleet, people) = (Fleet::new(clock.clone(), seed), People::new(seed));
        World {
            luck: Stream::new(seed, "world"),
            parts: Parts { clock: clock.clone(), sky, disk, readings, seed, life: 0 },
            clock,
            house: None,
            back_at: 0,
            late: Vec::new(),
            fleet,
            people,
            weather: Weather::new(seed),
            watch: Watch::default(),
            tally: Tally::default(),
            logs,
            log: Vec::new(),
            due: Dues { fleet: 500, people: 100, weather: 5_000 },
            remember_at: Millis::MAX,
            storm: true,
            settled: false,
            sabotage: None,
            earlier: Disk::new(),
        }
    }

    fn live(&mut self) {
        self.start();
        if let Some(house) = &self.house {
            self.people.begin(house.service());
        }
        while self.watch.faults.is_empty() && !self.settled {
            if self.storm && self.clock.monotonic() >= STORM {
                self.calm();
            }
            if self.clock.monotonic() >= STORM + PATIENCE {
                let why = self.watch.unsettled(&self.parts.sky, self.house.as_ref());
                self.watch.faults.push(format!("never settled: {}", why.join("; ")));
                break;
            }
            self.tick();
            self.tally.ticks += 1;
        }
        if self.watch.faults.is_empty() {
            self.watch.end(self.house.as_ref());
        }
    }

    /// The last line says what history came of it: the journal's end and its hash.
    fn sign(&mut self) {
        let head = self.house.as_ref().map(|house| house.service().store.head());
        self.say(|| match head {
            Some(Ok((seq, hash))) => format!("the journal ends with {seq}, {}", hex(&hash)),
            Some(Err(error)) => format!("the journal cannot be read: {error}"),
            None => "the appliance is down".to_owned(),
        });
    }

    /// The next event, whoever has it.
    fn tick(&mut self) {
        let now = self.clock.monotonic();
        let job = match &mut self.house {
            Some(house) => house.next_job(&mut self.luck, now),
            None => self.back_at,
        };
        let calls = self.house.as_ref().and_then(|house| house.calls.next()).unwrap_or(Millis::MAX);
        let late = self.late.iter().map(|call| call.due).min().unwrap_or(Millis::MAX);
        let dues =
            [job, calls, late, self.due.fleet, self.due.people, self.due.weather, self.remember_at];
        let soonest = dues.into_iter().min().unwrap_or(Millis::MAX);
        self.clock.advance(soonest.saturating_sub(now));
        let now = self.clock.monotonic();
        match dues.iter().position(|due| *due == soonest) {
            Some(0) if self.house.is_some() => self.run_job(),
            Some(0) => self.start(),
            Some(1) => self.run_call(now),
            Some(2) => self.run_late(now),
            Some(3) => {
                let line = self.house.as_ref().map(House::line);
                self.fleet.tick(&self.parts.sky, line.as_ref());
                self.due.fleet = now + fleet::PERIOD;
            }
            Some(4) => self.visit(now),
            Some(5) => {
                let blow = self.weather.blow();
                self.strike(&blow, now);
                self.due.weather = now + self.weather.pause();
            }
            Some(_) | None => {
                self.parts.sky.remember_all();
                self.remember_at = Millis::MAX;
            }
        }
        self.after();
    }

    /// What is looked at after every event.
    fn after(&mut self) {
        let (faults, counts) = self.parts.sky.take();
        self.watch.faults.extend(faults);
        for (what, count) in counts {
            *self.tally.faults.entry(what).or_default() += count;
        }
        for (what, count) in std::mem::take(&mut self.fleet.counts) {
            *self.tally.faults.entry(what.to_owned()).or_default() += count;
        }
        self.watch.faults.append(&mut self.fleet.faults);
        self.watch.faults.append(&mut self.people.faults);
        if let Some(house) = &self.house {
            self.watch.look(&self.parts.sky, house.service(), &mut self.tally);
        }
        if let Some(left) = self.house.as_ref().and_then(House::fell) {
            add(&mut self.tally.faults, "crash at a commit");
            self.fall(left);
        }
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        if self.logs {
            let (now, wall) = (self.clock.monotonic(), self.clock.now());
            self.log.push(format!("{now:>9} {wall} {}", text()));
        }
    }

    fn run_job(&mut self) {
        let Some(house) = &mut self.house else { return };
        let sabotage = self.sabotage;
        let before = house.service().store.last_seq();
        let hidden = sabotage.filter(|it| it.before_job(house.service(), &mut self.luck));
        let Some((name, note, failed)) = house.run_job(&self.clock) else { return };
        if let (Some(sabotage), "plan") = (sabotage, name) {
            sabotage.after_plan(house.service());
        }
        if name == "plan" && !failed {
            let changed = house.service().store.last_seq() != before;
            self.watch.planned(house.service(), changed, &mut self.tally);
        }
        if let Some(sabotage) = hidden {
            sabotage.after_job(house.service());
        }
        if failed {
            house.idle();
            add(&mut self.tally.deeds, format!("job {name} failed"));
        }
        self.say(|| format!("{name}: {note}"));
    }

    fn run_call(&mut self, now: Millis) {
        let Some(call) = self.house.as_ref().and_then(|house| house.calls.take(now)) else {
            return;
        };
        (call.call)();
        self.say(|| "a call ended".to_owned());
    }

    fn run_late(&mut self, now: Millis) {
        let Some(place) = self.late.iter().position(|call| call.due <= now) else { return };
        let call = self.late.remove(place);
        (call.call)();
        add(&mut self.tally.faults, "call outlived the appliance");
        self.say(|| "a call of a former life arrived".to_owned());
    }

    fn visit(&mut self, now: Millis) {
        if let Some(house) = &self.house {
            if self.storm {
                self.people.act(house.service());
                if let Some(sabotage) = self.sabotage {
                    sabotage.now_and_then(house.service(), &*self.parts.sky, &mut self.luck);
                    self.earlier = self.parts.disk.crash();
                }
            } else {
                self.people.clear_up(house.service());
                let why = self.watch.unsettled(&self.parts.sky, Some(house));
                self.settled = why.is_empty();
                self.say(|| format!("unsettled: {}", why.join("; ")));
            }
        }
        for deed in std::mem::take(&mut self.people.did) {
            let words: Vec<&str> = deed.split([' ', ':']).collect();
            let ended = if deed.ends_with("done") { "done" } else { "refused" };
            add(&mut self.tally.deeds, format!("{} {ended}", words[0]));
            self.say(|| format!("people: {deed}"));
        }
        self.due.people = now + if self.storm { self.people.pause() } else { LOOK_EVERY };
    }

    /// The appliance opens its store and starts.
    fn start(&mut self) {
        self.parts.life += 1;
        match House::start(&self.parts) {
            Ok(house) => {
                self.watch.restarted(house.service());
                self.house = Some(house);
                self.say(|| "the appliance started".to_owned());
            }
            Err(why) if self.storm => {
                // As whatever supervises it would: again a little later.
                add(&mut self.tally.deeds, "start failed");
                self.back_at = self.clock.monotonic() + 5_000;
                self.say(|| why);
            }
            Err(why) => self.watch.faults.push(format!("the appliance does not start: {why}")),
        }
    }

    /// The appliance is gone, with everything it had in memory.
    fn fall(&mut self, left: Disk) {
        let Some(house) = self.house.take() else { return };
        house.service().store.close();
        house.service().series.close();
        for call in house.calls.take_all() {
            if self.weather.arrives() {
                self.late.push(call);
            }
        }
        self.parts.disk = match self.sabotage {
            Some(Sabotage::JournalLost) => self.earlier.crash(),
            Some(_) | None => left,
        };
        self.parts.readings.heal();
        self.parts.readings.cut_power(self.luck.below(64) as usize);
        self.fleet.hang_up();
        self.back_at = self.clock.monotonic() + self.weather.downtime();
        self.say(|| "the appliance fell".to_owned());
    }

    fn kill(&mut self) {
        let left = self.parts.disk.crash();
        self.fall(left);
    }

    fn strike(&mut self, blow: &Blow, now: Millis) {
        add(&mut self.tally.faults, weather::name(blow));
        self.say(|| format!("weather: {blow:?}"));
        let sky = self.parts.sky.clone();
        let real = sky.real();
        let one = (!real.is_empty()).then(|| real[self.weather.pick(real.len())].server);
        match blow {
            Blow::Cloud(faults) => sky.cloud.set_faults((**faults).clone()),
            Blow::Crash => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.crash(id);
                }
            }
            Blow::Vanish => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.vanish(id);
                }
            }
            Blow::Overlook => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.forget(id);
                    let longest = if self.luck.chance(50) { 90_000 } else { 240_000 };
                    self.remember_at = self.remember_at.min(now + longest);
                }
            }
            Blow::Blind => self.blind(now),
            Blow::PowerCut => {
                real.iter().for_each(|real| sky.excuse(real.server));
                sky.cloud.cut_power();
                self.kill();
            }
            Blow::Fuse(commits, moment) => {
                if let Some(house) = &self.house {
                    house.light_fuse(*commits, *moment);
                }
            }
            Blow::Kill => self.kill(),
            Blow::ClockJump(by) => {
                self.clock.jump_to(Timestamp(self.clock.now().0.saturating_add(*by)));
            }
            Blow::DiskFull => self.parts.disk.set_capacity(Some(self.parts.disk.used() + 1024)),
            Blow::DiskFails(count) => self.parts.disk.fail_after(*count),
            Blow::ReadingsFail(count) => self.parts.readings.fail_after(*count, 7),
            Blow::Heal => self.heal(),
            Blow::Load(load) => self.fleet.load = *load,
            Blow::Silence(percent) => self.fleet.silence_percent = *percent,
        }
    }

    fn heal(&mut self) {
        self.parts.sky.cloud.set_faults(Faults::default());
        self.parts.disk.heal();
        self.parts.disk.set_capacity(None);
        self.parts.readings.heal();
        self.fleet.speak_up();
    }

    /// Listings leave out every server of one farm role at once, for long.
    fn blind(&mut self, now: Millis) {
        let Some(house) = &self.house else { return };
        let running = running(&self.parts.sky, house.service());
        let many: Vec<&Vec<ServerId>> = running.values().filter(|all| all.len() > 2).collect();
        if many.is_empty() {
            return;
        }
        let chosen = many[self.weather.pick(many.len())].clone();
        self.parts.sky.forget_together(&chosen);
        self.remember_at = now + 180_000;
        add(&mut self.tally.faults, "farm role really left out of listings");
    }

    /// Everything that goes wrong ends, and the world has time to become as declared.
    fn calm(&mut self) {
        self.storm = false;
        self.heal();
        self.parts.sky.calm();
        self.parts.sky.remember_all();
        self.fleet.load = 40.0;
        self.due.weather = Millis::MAX;
        self.remember_at = Millis::MAX;
        self.due.people = self.clock.monotonic() + LOOK_EVERY;
        self.say(|| "the storm is over".to_owned());
    }
}

/// Servers that run, in the cloud and on record, by farm role.
fn running(sky: &Sky, service: &Service) -> BTreeMap<FarmRoleId, Vec<ServerId>> {
    let mut all: BTreeMap<FarmRoleId, Vec<ServerId>> = BTreeMap::new();
    for real in sky.real().iter().filter(|real| real.state == CloudState::Running) {
        let record = service.read(|view| lookup::server(view, real.server)).ok().flatten();
        if record.is_some_and(|server| server.status == ServerStatus::Running) {
            all.entry(real.farm_role).or_default().push(real.server);
        }
    }
    all
}
