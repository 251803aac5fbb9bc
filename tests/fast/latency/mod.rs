//! Latency is a property: what a change makes of a decision is decided with the next wake.
//!
//! Planning remembers, and looks at everything only every now and then; what it missed is made up
//! for then, and nobody notices. So here it never looks at everything, and after each change of
//! anything that it reads, what it decides and says is held against what somebody decides who
//! remembers nothing. It looks when its job would: when it is woken, or when it asked to be.

mod deeds;
pub mod world;

use crate::explain::site::Site;
use deeds::{ALL_IS_WELL, CHAINS, DEEDS, Deed};
use grange::base::{FarmId, Millis, PlanId, Timestamp, Waker};
use grange::engine;
use grange::jobs::table::ROWS;
use grange::model::{Actor, Grant, Line, Move, RoleTarget};
use grange::service::plans::pace::Pace;
use grange::service::plans::{self, Memory};
use grange::service::{Service, lookup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use world::World;

/// Histories of a run, and changes in each.
const HISTORIES: u64 = 40;
const CHANGES: usize = 80;

/// It looks at everything so rarely.
const HARDLY_EVER: Millis = 10 * 365 * 86_400_000;

/// Longer than planning lets numbers and readings wait.
const A_WHILE: Millis = 5_000;

/// Looks in a row before something has to come to rest.
const LOOKS_MAX: usize = 12;

/// The planning job, as far as when it looks.
struct Planner {
    memory: Memory,
    waker: Waker,
    next: Timestamp,
    /// It has looked before.
    begun: bool,
}

/// What is decided about a farm.
#[derive(Clone, Debug, PartialEq)]
struct Decision {
    /// The reasons, farm role after farm role.
    report: Vec<Line>,
    /// What it moves.
    moves: Vec<Move>,
    /// What it is to remember, and what is remembered now, where that is not the same.
    targets: Option<[Vec<RoleTarget>; 2]>,
    /// It is another plan than the current one.
    changes: bool,
}

fn job() -> Actor {
    Actor::job("plan")
}

/// What is decided by whoever remembers nothing.
fn afresh(service: &Service) -> BTreeMap<FarmId, Decision> {
    let mut all = BTreeMap::new();
    for farm in plans::farms(service).unwrap() {
        let input =
            plans::assemble(service, &Grant::job("test"), farm).unwrap().expect("it is there");
        let plan = engine::plan(&input);
        let changes = plan.changes(input.parent.as_ref());
        let before = input.parent.map(|parent| parent.targets).unwrap_or_default();
        let targets = (plan.targets != before).then_some([before, plan.targets]);
        let mut report = plan.report;
        report.sort_by_key(|line| line.farm_role);
        all.insert(farm, Decision { report, moves: plan.moves, targets, changes });
    }
    all
}

/// The reasons people see now.
fn told(service: &Service) -> BTreeMap<FarmId, Vec<Line>> {
    let farms = plans::farms(service).unwrap().into_iter();
    farms.map(|farm| (farm, service.observed.report(farm))).collect()
}

fn current(service: &Service, farm: FarmId) -> Option<(PlanId, Vec<Move>)> {
    let plan = service.read(&Grant::job("test"), |view| lookup::current_plan(view, farm)).unwrap();
    plan.map(|plan| (plan.id, plan.moves))
}

impl Planner {
    fn new(world: &World) -> Planner {
        let row = ROWS.iter().find(|row| row.name == "plan").expect("there is such a job");
        let waker = row.also.waker(&world.ports);
        world.site.service.store.wake_on(row.tables, waker.clone());
        let memory = Memory::that_looks_at_everything(HARDLY_EVER);
        Planner { memory, waker, next: Timestamp(0), begun: false }
    }

    /// Looks as long as the job would at this moment. Says whether anything came of it; the error
    /// is what it decides otherwise than somebody who remembers nothing.
    fn look(&mut self, service: &Service, words: fn(&Line) -> String) -> Result<bool, String> {
        let (before, mut committed) = (told(service), 0);
        for _ in 0..LOOKS_MAX {
            let woken = self.waker.take();
            let is_due = service.now() >= self.next;
            if !woken && !is_due {
                compare("nobody woke planning", &afresh(service), service, timeless)?;
                return Ok(committed > 0 || before != told(service));
            }
            let expected = afresh(service);
            let plans: BTreeMap<_, _> =
                expected.keys().map(|farm| (*farm, current(service, *farm))).collect();
            let round = self.memory.round(service, &job()).unwrap();
            let is_first = !std::mem::replace(&mut self.begun, true);
            if !round.failures.is_empty() || round.whole != is_first {
                return Err(format!("{round:?}"));
            }
            committed += round.committed;
            self.next = round.next.expect("it looks again");
            for (farm, decision) in &expected {
                let again = self.next <= service.now();
                same_moves(service, *farm, decision, plans[farm].as_ref(), again)?;
            }
            let still: BTreeSet<FarmId> = plans::farms(service).unwrap().into_iter().collect();
            let expected = expected.into_iter().filter(|(farm, _)| still.contains(farm));
            let expected = expected.map(|(farm, it)| (farm, Decision { changes: false, ..it }));
            let expected = expected.collect();
            compare("planning overlooked something", &expected, service, words)?;
        }
        Err("planning does not come to rest".into())
    }
}

/// A plan is committed if and only if somebody who remembers nothing makes one, and it begins with
/// the same moves: what follows of those is decided with it. Where there was something to remove
/// first, it looks `again` at once.
fn same_moves(
    service: &Service,
    farm: FarmId,
    expected: &Decision,
    before: Option<&(PlanId, Vec<Move>)>,
    again: bool,
) -> Result<(), String> {
    let after = current(service, farm);
    let is_new = after.as_ref().map(|(id, _)| id) != before.map(|(id, _)| id);
    let moves = after.filter(|_| is_new).map(|(_, moves)| moves).unwrap_or_default();
    let is_there = plans::farms(service).unwrap().contains(&farm);
    let missed = is_there && !again && expected.changes && !is_new;
    let odd = is_new && !(expected.changes && moves.starts_with(&expected.moves));
    if missed || odd {
        return Err(format!("afresh: {expected:#?}\nremembered: {is_new} {moves:#?}"));
    }
    Ok(())
}

fn compare(
    what: &str,
    expected: &BTreeMap<FarmId, Decision>,
    service: &Service,
    words: fn(&Line) -> String,
) -> Result<(), String> {
    let told = told(service);
    for (farm, decision) in expected {
        let said = |lines: &[Line]| -> Vec<String> { lines.iter().map(words).collect() };
        let (fresh, told) = (said(&decision.report), said(&told[farm]));
        if decision.changes || fresh != told {
            let targets = &decision.targets;
            return Err(format!("{what}: afresh {fresh:#?}\n{targets:#?}\ntold: {told:#?}"));
        }
    }
    Ok(())
}

/// A line as people read it.
fn in_words(line: &Line) -> String {
    format!("{}: {}", line.about, line.decision)
}

/// The same without lengths of time: where something waits, planning looks every two seconds, and
/// a listing that shows what the last one showed makes what was seen younger and is no news.
fn timeless(line: &Line) -> String {
    without_lengths(&in_words(line))
}

fn without_lengths(text: &str) -> String {
    let (mut kept, mut words) = (Vec::new(), text.split(' ').peekable());
    while let Some(word) = words.next() {
        let unit = words.peek().map(|next| next.trim_matches([',', ':', ';', '(', ')']));
        let is_length = word.trim_start_matches('(').parse::<f64>().is_ok()
            && unit.is_some_and(|unit| ["ms", "s", "m", "h", "d"].contains(&unit));
        match is_length {
            true => drop(words.next()),
            false => kept.push(word),
        }
    }
    kept.join(" ")
}

/// Somebody who remembers nothing looks in earnest: nothing is left to do, and the alerts are the
/// same.
fn nothing_is_left(service: &Service) -> Result<(), String> {
    let alerts = || -> Vec<String> {
        service.observed.alerts().iter().map(|alert| without_lengths(alert)).collect()
    };
    let before = alerts();
    let round = Memory::default().round(service, &job()).unwrap();
    let after = alerts();
    if round.committed > 0 || before != after {
        return Err(format!("{} new plans; alerts {before:#?} are {after:#?}", round.committed));
    }
    Ok(())
}

/// One history. Says which kinds of change made a difference; the error is the first one that
/// planning did not take in.
fn live(seed: u64) -> Result<BTreeSet<&'static str>, String> {
    let slow = seed.is_multiple_of(4);
    let site = if slow { Site::paced(Arc::new(Pace::new(6))) } else { Site::new() };
    let mut world = World::new(site, seed);
    let mut planner = Planner::new(&world);
    let (mut mattered, mut happened) = (BTreeSet::new(), Vec::new());
    let mut ahead: Vec<Deed> = vec![DEEDS[0]];
    for count in 0..CHANGES {
        if ahead.is_empty() {
            ahead = match world.luck.below(100) {
                _ if count < 21 => ALL_IS_WELL.to_vec(),
                _ if deeds::is_empty(&world) => vec![DEEDS[0]],
                0..12 => ALL_IS_WELL.to_vec(),
                12..25 => {
                    let chain = world.one(CHAINS).expect("there are some");
                    chain.iter().map(|name| deeds::named(name)).collect()
                }
                _ => vec![world.one(DEEDS).expect("there are some")],
            };
        }
        let (name, deed) = ahead.remove(0);
        happened.push(name);
        deed(&mut world);
        let words = if deeds::LISTS.contains(&name) { timeless } else { in_words };
        let looked = planner.look(&world.site.service, words);
        let looked = looked.and_then(|mattered| {
            nothing_is_left(&world.site.service)?;
            Ok(mattered)
        });
        let failed = |why| format!("seed {seed}, change {count}, after {happened:?}:\n{why}");
        if looked.map_err(failed)? {
            mattered.insert(name);
        }
        if world.luck.chance(40) {
            let most = if world.luck.chance(50) { 5_000 } else { 60_000 };
            let length = A_WHILE + world.luck.below(most);
            world.pass(length);
            happened.push("time passes");
            let looked = planner.look(&world.site.service, in_words);
            let failed = |why| format!("seed {seed}, {length} ms after {happened:?}:\n{why}");
            if looked.map_err(failed)? {
                mattered.insert(name);
            }
        }
    }
    Ok(mattered)
}

/// The histories of a run: `HISTORIES=1000` for many more, `HISTORY=7` for one of them.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let one: Option<u64> = number("HISTORY");
    one.map_or(1..=number("HISTORIES").unwrap_or(HISTORIES), |one| one..=one)
}

#[test]
fn every_change_reaches_a_decision_with_the_next_wake() {
    let (mut mattered, mut broken) = (BTreeSet::from(deeds::UNREAD), Vec::new());
    let seeds = seeds();
    let all = seeds.end() > seeds.start();
    for seed in seeds {
        match live(seed) {
            Ok(these) => mattered.extend(these),
            Err(why) => broken.push(why),
        }
    }
    assert!(broken.is_empty(), "{} histories: {}", broken.len(), broken.join("\n\n"));
    let never = DEEDS.iter().map(|(name, _)| *name).filter(|name| !mattered.contains(name));
    let never: Vec<&str> = never.filter(|_| all).collect();
    assert!(never.is_empty(), "these never made a difference: {never:?}");
}
