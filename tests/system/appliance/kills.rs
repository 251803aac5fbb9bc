//! `kill -9` of the appliance at random moments while a farm of twenty servers is launched,
//! scaled, crashed, stopped, started and terminated: never a server over a maximum, none leaked,
//! none lost, and the journal chain whole.
//!
//! Beside [`super::kill`], which has a balancer and changes the maximum: here the maxima stay, so
//! that whoever watches the platform's own directories can hold every moment against them.
//! `GRANGE_SEED` repeats the choices of a run; the machine's timing is its own.

use super::count;
use super::rig::{Listing, Rig, brief};
use super::wait::until;
use grange::base::WallClock;
use grange::base::random::{Stream, fresh_seed};
use grange::store::{Mode, Store};
use grange::wire::api::ServerView;
use grange::wire::input::ScalingInput;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The farm roles and their maxima, twenty servers altogether; the first has data volumes.
const TIERS: [(&str, u32); 3] = [("data", 9), ("app", 8), ("edge", 3)];

/// Nothing but counts moves these farm roles, and servers leave at once or almost.
const FARM: &str = "
farm: twenty
farmRoles:
  - alias: data
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 9, maxInstances: 9}
    storage:
      - {type: PersistentStorageConfiguration, mountPoint: /data, size: 64MiB}
    grange: {check: {port: 8080, path: /healthz}, drain: 0s, cooldownUp: 0s, cooldownDown: 0s}
  - alias: app
    role: web-demo
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 8, maxInstances: 8}
    grange: {check: {port: 8080, path: /healthz}, drain: 1s, cooldownUp: 0s, cooldownDown: 0s}
  - alias: edge
    role: base
    cloudPlatform: onboard
    instanceType: small
    scaling: {minInstances: 3, maxInstances: 3}
    grange: {drain: 0s, cooldownUp: 0s, cooldownDown: 0s}
";

/// What the last acknowledged requests declared: what has to be there after every kill.
struct Declared {
    launched: bool,
    stopped: bool,
    fewest: BTreeMap<&'static str, u32>,
    seq: u64,
}

#[test]
fn a_farm_of_twenty_survives_kills_at_random_moments() {
    let seed = std::env::var("GRANGE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(fresh_seed);
    println!("kills: seed {seed}");
    let mut random = Stream::new(seed, "kills");
    let mut rig = Rig::new("kills");
    rig.start();
    rig.apply(FARM);
    for (alias, max) in TIERS {
        rig.settled(alias, max as usize, 180);
    }
    let notes = write_notes(&rig);
    rig.learn();
    let fewest = BTreeMap::from(TIERS);
    let mut declared = Declared { launched: true, stopped: false, fewest, seq: 0 };
    let mut done: BTreeMap<&str, u32> = BTreeMap::new();
    let watch = Watch::default();
    let listing = rig.listing();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| watch.run(&listing));
        let _ended = Ended(&watch.stop);
        for round in 1..=count(10, 200) {
            let what = disturb(&rig, &mut random, &mut declared);
            *done.entry(what).or_default() += 1;
            let moment = random.below(1500);
            std::thread::sleep(Duration::from_millis(moment));
            declared.seq = rig.client.status().unwrap().seq;
            rig.kill();
            let there = listing.names().len();
            println!("kills {round}: {what}, killed after {moment} ms with {there} servers");
            if random.chance(20) {
                // Once more while it starts, and what it finds is half done.
                rig.start_only();
                std::thread::sleep(Duration::from_millis(random.below(500)));
                rig.kill();
                *done.entry("killed while starting").or_default() += 1;
            }
            if round.is_multiple_of(20) {
                println!("kills {round}: {}", verified(&rig));
            }
            rig.start();
            compare(&rig, &declared);
            watch.check();
        }
    });
    println!("kills: {} s, {done:?}", begun.elapsed().as_secs());
    println!("kills: {}", watch.figures());
    watch.check();

    converge(&rig);
    for (path, text) in &notes {
        assert_eq!(&fs::read_to_string(path).unwrap(), text, "{path}: data of a volume");
    }
    let farm = rig.client.farms().unwrap()[0].id;
    rig.learn();
    rig.client.farm_terminate(farm, true).unwrap();
    until("every server to be gone", 150, || {
        let (known, there) = (rig.servers(), listing.all());
        if known.is_empty() && there.is_empty() { Ok(()) } else { Err((brief(&known), there)) }
    });
    rig.stop();
    println!("kills: {}", verified(&rig));
}

/// One thing that makes the appliance act; what was acknowledged is remembered.
fn disturb(rig: &Rig, random: &mut Stream, declared: &mut Declared) -> &'static str {
    let farm = rig.client.farms().unwrap()[0].id;
    if !declared.launched && random.chance(70) {
        rig.client.farm_launch(farm).unwrap();
        declared.launched = true;
        return "launch";
    }
    if declared.stopped && random.chance(60) {
        rig.client.farm_resume(farm).unwrap();
        declared.stopped = false;
        return "start the farm";
    }
    let (alias, max) = TIERS[random.below(TIERS.len() as u64) as usize];
    match random.below(11) {
        10 if declared.launched && !declared.stopped => {
            rig.client.farm_suspend(farm).unwrap();
            declared.stopped = true;
            "stop the farm"
        }
        0 if !declared.stopped => {
            rig.client.farm_terminate(farm, random.chance(50)).unwrap();
            declared.launched = false;
            "terminate"
        }
        1..=2 => crash(rig, random),
        3 => {
            let servers = rig.of_role(alias);
            if let Some(victim) = servers.first() {
                // One that is going already is refused, and that is fine too.
                drop(rig.client.server_terminate(&victim.id, random.chance(50)));
            }
            "terminate a server"
        }
        4..=6 => {
            scale(rig, alias, random.below(u64::from(max)) as u32, declared);
            "scale in"
        }
        _ => {
            scale(rig, alias, max, declared);
            "scale out"
        }
    }
}

fn scale(rig: &Rig, alias: &'static str, min: u32, declared: &mut Declared) {
    let input = ScalingInput { min_instances: Some(min), ..ScalingInput::default() };
    rig.client.scaling_update(rig.role(alias).id, &input, None).unwrap();
    declared.fewest.insert(alias, min);
}

/// Kills one to four servers.
fn crash(rig: &Rig, random: &mut Stream) -> &'static str {
    for _ in 0..=random.below(4) {
        let running: Vec<ServerView> =
            rig.servers().into_iter().filter(|server| server.status == "running").collect();
        if let Some(victim) = running.get(random.below(running.len().max(1) as u64) as usize)
            && rig.pid_1(&victim.id).is_some()
        {
            rig.crash(&victim.id);
        }
    }
    "crash servers"
}

/// After a kill: what was acknowledged is there, and no farm role counts too many.
fn compare(rig: &Rig, declared: &Declared) {
    let seq = rig.client.status().unwrap().seq;
    assert!(seq >= declared.seq, "the journal was at {} and is at {seq}", declared.seq);
    let farm = &rig.client.farms().unwrap()[0];
    let going = farm.status == "terminated" || farm.status == "pending_terminate";
    assert_eq!(!going, declared.launched, "{farm:#?}");
    for (alias, max) in TIERS {
        let role = rig.role(alias);
        assert_eq!(role.scaling.min_instances, declared.fewest[alias], "{role:#?}");
        let counted = rig.of_role(alias);
        assert!(counted.len() <= max as usize, "{:#?}", brief(&counted));
    }
}

/// In the end all twenty run, known to the platform and to the appliance alike.
fn converge(rig: &Rig) {
    let begun = Instant::now();
    let mut declared = Declared { launched: true, stopped: false, fewest: BTreeMap::new(), seq: 0 };
    for (alias, max) in TIERS {
        scale(rig, alias, max, &mut declared);
    }
    let farm = &rig.client.farms().unwrap()[0];
    if farm.status.contains("suspend") {
        rig.client.farm_resume(farm.id).unwrap();
    }
    rig.client.farm_launch(farm.id).unwrap();
    for (alias, max) in TIERS {
        // A call whose answer was lost is given up after its deadline of 60 s, and only then
        // tried again after a pause.
        rig.settled(alias, max as usize, 300);
    }
    println!("kills: converged after {:.1} s", begun.elapsed().as_secs_f64());
    let known: BTreeSet<String> = rig.servers().into_iter().map(|server| server.id).collect();
    let there: BTreeSet<String> = rig.listing().all().into_iter().collect();
    assert_eq!(there, known, "leaked on the platform, or lost");
    let names: BTreeSet<String> = rig.listing().names().into_values().collect();
    assert_eq!(names.len(), known.len(), "doubled: {names:?}");
    let volumes = fs::read_dir(rig.onboard().join("volumes")).unwrap().flatten();
    let volumes = volumes.filter(|entry| entry.path().is_dir()).count();
    assert_eq!(volumes, TIERS[0].1 as usize, "one volume for each place");
}

/// A note in each data volume, to be found again in the end.
fn write_notes(rig: &Rig) -> BTreeMap<String, String> {
    let volumes = rig.of_role("data").into_iter().map(|server| {
        let path = rig.volume(&server).join("note");
        fs::write(&path, &server.hostname).unwrap();
        (path.display().to_string(), server.hostname)
    });
    volumes.collect()
}

/// The store of the appliance that does not run, verified whole.
fn verified(rig: &Rig) -> String {
    let data = rig.directory.join("data");
    let store = Store::open(&data, Arc::new(WallClock::new()), Mode::Thread).unwrap();
    let found = store.verify().unwrap();
    assert!(store.close());
    format!("{found:?}")
}

/// What somebody who watches the platform's directories saw.
#[derive(Default)]
struct Watch {
    stop: AtomicBool,
    looks: AtomicU64,
    seen: std::sync::Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: BTreeSet<String>,
    most: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Watch {
    /// Looks until told to stop.
    fn run(&self, listing: &Listing) {
        while !self.stop.load(Ordering::SeqCst) {
            let first = listing.names();
            let again: BTreeSet<String> = listing.all().into_iter().collect();
            // Ids are never used twice: what both listings have was there together between them.
            let together: BTreeMap<&String, &String> =
                first.iter().filter(|(id, _)| again.contains(*id)).collect();
            self.judge(&together);
            self.looks.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn judge(&self, together: &BTreeMap<&String, &String>) {
        let mut seen = self.seen.lock().unwrap();
        seen.ids.extend(together.keys().map(|id| (*id).clone()));
        for (alias, max) in TIERS {
            let start = format!("{alias}-");
            let names: Vec<&&String> =
                together.values().filter(|name| name.starts_with(&start)).collect();
            let most = seen.most.entry(alias).or_default();
            *most = names.len().max(*most);
            if names.len() > max as usize {
                seen.wrong.push(format!("{} of {alias}, at most {max}: {names:?}", names.len()));
            }
            let different: BTreeSet<&&&String> = names.iter().collect();
            if different.len() != names.len() {
                seen.wrong.push(format!("doubled: {names:?}"));
            }
        }
    }

    /// Nothing wrong was seen.
    fn check(&self) {
        let seen = self.seen.lock().unwrap();
        let first = &seen.wrong[..seen.wrong.len().min(5)];
        assert!(seen.wrong.is_empty(), "{} times, first {first:#?}", seen.wrong.len());
    }

    fn figures(&self) -> String {
        let seen = self.seen.lock().unwrap();
        let looks = self.looks.load(Ordering::SeqCst);
        format!("{looks} looks, {} servers seen, at most {:?}", seen.ids.len(), seen.most)
    }
}

/// Stops the watching thread even when the test fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
