//! A world of one seed: the appliance, its cloud, its agents, its people and its weather, on one
//! thread, one event after another.

use crate::branch::{FIRST, SECOND};
use crate::calls::OnItsWay;
use crate::fleet::{self, Fleet};
use crate::fuse::{Crash, Fuse, Point};
use crate::hidden::Hidden;
use crate::house::{House, Parts, seed_secrets};
use crate::people::People;
use crate::sabotage::Sabotage;
use crate::sky::Sky;
use crate::tally::{Tally, add};
use crate::watch::Watch;
use crate::weather::Weather;
use grange::base::hash::hex;
use grange::base::random::Stream;
use grange::base::{Clock, ManualClock, Millis, Seq, ServerId, Timestamp};
use grange::model::{Actor, Grant};
use grange::series::MemoryDisk;
use grange::service::plans::steps;
use grange::store::Disk;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long things go wrong.
const STORM: Millis = 6 * 60_000;
/// How long people do things in fair weather.
const FAIR: Millis = 150_000;
/// How long the world has to be as declared once they no longer do: the last rung of the launch
/// ladder is an hour.
const PATIENCE: Millis = 80 * 60_000;
/// How often it is looked at then.
pub const LOOK_EVERY: Millis = 5_000;
/// When every world begins.
const EPOCH: Timestamp = Timestamp(1_795_230_600_000);

/// How a run ended.
#[derive(Default)]
pub struct Outcome {
    /// What it reached.
    pub tally: Tally,
    /// What broke; empty when nothing did.
    pub faults: Vec<String>,
    /// Its ticks, when they were asked for.
    pub log: Vec<String>,
    /// The points at which the appliance might have crashed.
    pub passed: BTreeMap<Point, u64>,
}

/// What is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// Everything that is left to luck comes of it.
    pub seed: u64,
    /// Its ticks are wanted.
    pub logs: bool,
    /// The fault planted in the appliance.
    pub sabotage: Option<Sabotage>,
    /// A short life in fair weather with people and one crash, instead of a storm.
    pub fair: bool,
    /// That crash.
    pub crash: Option<Crash>,
}

/// Runs one seed.
pub fn run(seed: u64, logs: bool) -> Outcome {
    run_with(Run { seed, logs, ..Run::default() })
}

/// Runs whatever is asked for.
pub fn run_with(run: Run) -> Outcome {
    seed_secrets(run.seed);
    let mut world = World::new(run);
    world.live();
    world.sign();
    let World { mut tally, watch, log, clock, parts, .. } = world;
    tally.seeds = 1;
    tally.simulated = clock.monotonic();
    Outcome { tally, faults: watch.faults, log, passed: parts.fuse.passed() }
}

/// All of it.
pub struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) luck: Stream,
    pub(crate) parts: Parts,
    pub(crate) house: Option<House>,
    pub(crate) back_at: Millis,
    pub(crate) late: Vec<OnItsWay>,
    pub(crate) fleet: Fleet,
    pub(crate) people: People,
    pub(crate) weather: Weather,
    pub(crate) watch: Watch,
    pub(crate) tally: Tally,
    pub(crate) run: Run,
    pub(crate) log: Vec<String>,
    pub(crate) due: Dues,
    pub(crate) remember_at: Millis,
    /// Listings leave another one out then.
    pub(crate) follows: Option<(Millis, ServerId)>,
    pub(crate) storm: bool,
    pub(crate) settled: bool,
    pub(crate) storm_ends: Millis,
    /// The last journal entry in the log.
    pub(crate) quoted: Seq,
    /// The disk of some time ago.
    pub(crate) earlier: Disk,
    /// What a planted fault could not put back yet.
    pub(crate) hidden: Option<Hidden>,
}

#[derive(Default)]
pub(crate) struct Dues {
    pub(crate) fleet: Millis,
    pub(crate) people: Millis,
    pub(crate) weather: Millis,
}

impl World {
    fn new(run: Run) -> World {
        let seed = run.seed;
        let clock = Arc::new(ManualClock::at(EPOCH));
        // Planted faults are looked for in the simpler world.
        let second = match run.sabotage {
            None => seed % 8 == 3,
            Some(sabotage) => sabotage == Sabotage::OneHangsAll,
        };
        let platforms: &[&str] = if second { &[FIRST, SECOND] } else { &[FIRST] };
        let sky = Arc::new(Sky::new(clock.clone(), platforms, seed));
        let (disk, readings) = (Disk::new(), MemoryDisk::new());
        let (mut fleet, people) = (Fleet::new(clock.clone(), seed), People::new(seed, second));
        let fuse = Arc::new(Fuse::new(seed));
        if let Some(crash) = run.crash {
            fuse.light(crash);
        }
        sky.watch_for(&fuse);
        if let Some(sabotage) = run.sabotage {
            sky.break_it(sabotage);
            fleet.deaf = sabotage == Sabotage::DeafToIllness;
            fleet.sickly = matches!(sabotage, Sabotage::NobodyTold | Sabotage::IllLeftAlone);
            if sabotage == Sabotage::OldNews {
                // A connected agent outweighs what listings lack, so the news would do no harm.
                fleet.cut_off(Millis::MAX);
            }
        }
        if run.fair {
            sky.calm();
        }
        World {
            luck: Stream::new(seed, "world"),
            parts: Parts { clock: clock.clone(), sky, disk, readings, fuse, seed, life: 0 },
            clock,
            house: None,
            back_at: 0,
            late: Vec::new(),
            fleet,
            people,
            weather: Weather::new(seed),
            watch: Watch::default(),
            tally: Tally::default(),
            run,
            log: Vec::new(),
            due: Dues {
                fleet: 500,
                people: 100,
                weather: if run.fair { Millis::MAX } else { 5_000 },
            },
            remember_at: Millis::MAX,
            follows: None,
            storm: true,
            settled: false,
            storm_ends: if run.fair { FAIR } else { STORM },
            quoted: Seq(0),
            earlier: Disk::new(),
            hidden: None,
        }
    }

    fn live(&mut self) {
        self.start();
        if let Some(house) = &self.house {
            self.people.begin(house.service());
        }
        while self.watch.faults.is_empty() && !self.settled {
            if self.storm && self.clock.monotonic() >= self.storm_ends {
                self.calm();
            }
            if self.clock.monotonic() >= self.storm_ends + PATIENCE {
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
        let calls = self.house.as_ref().and_then(House::next_call).unwrap_or(Millis::MAX);
        let late = self.late.iter().map(|call| call.due).min().unwrap_or(Millis::MAX);
        let follows = self.follows.map_or(Millis::MAX, |(at, _)| at);
        let due = &self.due;
        let dues =
            [job, calls, late, due.fleet, due.people, due.weather, self.remember_at, follows];
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
            Some(6) => {
                self.parts.sky.remember_all();
                self.remember_at = Millis::MAX;
            }
            Some(_) | None => self.follow(now),
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
            let (now, started) = (self.clock.monotonic(), house.started);
            self.watch.faults.extend(self.parts.sky.unlisted(started, now));
            self.watch.causes(house.service());
        }
        self.quote();
        if let Some((point, left)) = self.house.as_ref().and_then(|_| self.parts.fuse.struck()) {
            add(&mut self.tally.faults, format!("crash {}", point.name()));
            self.fall(left);
        }
    }

    /// The journal's new entries, when the ticks are wanted.
    fn quote(&mut self) {
        let Some(house) = self.house.as_ref().filter(|_| self.run.logs) else { return };
        let entries = house
            .service()
            .store
            .entries(&Grant::job("test"), self.quoted, 1000)
            .unwrap_or_default();
        for entry in entries {
            self.quoted = entry.seq;
            let (seq, about, text) = (entry.seq, entry.about, entry.text);
            self.say(|| format!("  {seq} {}: {about} {text}", entry.verb));
        }
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if self.run.logs {
            let (now, wall) = (self.clock.monotonic(), self.clock.now());
            self.log.push(format!("{now:>9} {wall} {}", text()));
        }
    }

    fn run_job(&mut self) {
        let Some(house) = &mut self.house else { return };
        let sabotage = self.run.sabotage;
        let before = house.service().store.last_seq();
        let job = house.due_job(&self.clock).unwrap_or_default();
        if let Some(hidden) = self.hidden.take() {
            self.hidden = hidden.put_back(house.service());
        }
        let sabotages = sabotage.filter(|_| self.hidden.is_none());
        let hidden = sabotages.and_then(|it| it.before_job(job, house.service(), &mut self.luck));
        let Some((name, note, failed)) = house.run_job(&self.clock) else { return };
        if let Some(sabotage) = sabotage {
            sabotage.after(name, house.service());
        }
        if name == "plan" && !failed {
            let changed = house.service().store.last_seq() != before;
            self.watch.planned(house.service(), changed, &mut self.tally);
        }
        if let Some(hidden) = hidden {
            self.hidden = hidden.put_back(house.service());
        }
        let hides = matches!(sabotage, Some(Sabotage::IllLeftAlone | Sabotage::BlindPlanner));
        if hides && name == "plan" {
            house.rest(name, self.clock.monotonic());
        }
        if name == "plan" && !failed {
            let now = self.clock.monotonic();
            self.watch.health(house.service(), &self.fleet.told, now);
        }
        if failed {
            house.idle();
            add(&mut self.tally.deeds, format!("job {name} failed"));
        }
        self.say(|| format!("{name}: {note}"));
    }

    fn run_call(&mut self, now: Millis) {
        if !self.house.as_ref().is_some_and(|house| house.run_call(now)) {
            return;
        }
        self.say(|| "a call ended".to_owned());
        self.answer_again();
    }

    /// Some answers arrive twice.
    fn answer_again(&mut self) {
        let Some(house) = &self.house else { return };
        for (step, answer) in self.parts.sky.answers() {
            // It was settled by the first; a store that is down has nothing to settle.
            drop(steps::finish(house.service(), &Actor::job("execute"), step, answer));
            add(&mut self.tally.faults, "answer doubled");
        }
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
                if let Some(sabotage) = self.run.sabotage {
                    sabotage.now_and_then(house.service(), &self.parts.sky, &mut self.luck);
                    self.earlier = self.parts.disk.crash();
                }
            } else {
                self.people.clear_up(house.service());
                let mut why = self.watch.unsettled(&self.parts.sky, Some(house));
                why.extend(self.fleet.told.to_heal(house.service()));
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
                self.fleet.told.steady_since = self.clock.monotonic();
                self.house = Some(house);
                self.say(|| "the appliance started".to_owned());
            }
            Err(why) if self.parts.fuse.is_struck() => {
                self.say(|| why);
                if let Some((point, left)) = self.parts.fuse.struck() {
                    add(&mut self.tally.faults, format!("crash {}", point.name()));
                    self.parts.disk = left;
                }
                self.parts.fuse.put_out();
                self.back_at = self.clock.monotonic() + 1_000;
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
        self.parts.fuse.put_out();
        house.service().store.close();
        house.service().series.close();
        // Whoever listed or checked is gone with what it found.
        for call in house.calls[0].take_all() {
            if self.weather.arrives() {
                self.late.push(call);
            }
        }
        self.parts.disk = match self.run.sabotage {
            Some(Sabotage::JournalLost) => self.earlier.crash(),
            Some(_) | None => left,
        };
        self.parts.readings.heal();
        self.parts.readings.cut_power(self.luck.below(64) as usize);
        self.fleet.hang_up();
        self.back_at = self.clock.monotonic() + self.weather.downtime();
        self.say(|| "the appliance fell".to_owned());
    }

    /// The appliance is killed now.
    pub(crate) fn kill(&mut self) {
        let left = self.parts.fuse.remains(&self.parts.disk);
        self.fall(left);
    }
}
