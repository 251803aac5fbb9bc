//! `kill -9` of the appliance at random moments: never a server too many, and it converges.

use super::count;
use super::manifests::Shop;
use super::rig::{Rig, brief};
use super::wait::until;
use grange::base::WallClock;
use grange::base::random::{Stream, fresh_seed};
use grange::store::{Mode, Store};
use grange::wire::input::ScalingInput;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The largest maximum that is ever declared here.
const MAX: u32 = 5;

#[test]
fn killed_at_any_moment_it_never_has_too_many_and_converges() {
    let mut rig = Rig::new("kill");
    rig.start();
    rig.apply(&Shop { min: 2, max: 4, rule: None, size: "small" }.manifest());
    let seed = fresh_seed();
    let mut random = Stream::new(seed, "kill");
    println!("kill: seed {seed}");
    let stop = AtomicBool::new(false);
    let listing = rig.listing();
    let most = std::thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let mut most = 0;
            while !stop.load(Ordering::SeqCst) {
                most = most.max(listing.named("web-").len());
                std::thread::sleep(Duration::from_millis(10));
            }
            most
        });
        let _ended = Ended(&stop);
        for round in 1..=count(8, 50) {
            let what = disturb(&rig, &mut random);
            // A server is launched in some 50 ms and stopped after 3 s of draining: both early
            // and late moments are wanted.
            let moment = if random.chance(60) { 80 } else { 4000 };
            std::thread::sleep(Duration::from_millis(random.below(moment)));
            rig.kill();
            let web = listing.named("web-");
            println!("kill {round}: after {what}; {} web servers on the machine", web.len());
            let names: BTreeSet<&String> = web.iter().collect();
            assert_eq!(names.len(), web.len(), "doubled: {web:?}");
            rig.start();
            let counted = rig.of_role("web");
            assert!(counted.len() <= MAX as usize, "{:#?}", brief(&counted));
        }
        stop.store(true, Ordering::SeqCst);
        watched.join().unwrap()
    });
    println!("kill: at most {most} web servers at once");
    assert!(most <= MAX as usize);

    let begun = Instant::now();
    scale(&rig, 3, 4);
    let farm = rig.client.farms().unwrap()[0].id;
    rig.client.farm_launch(farm).unwrap();
    // A call whose answer was lost is given up after its deadline of 60 s, and only then tried
    // again after a pause.
    rig.settled_between("web", 3, 4, 200);
    rig.settled("lb", 1, 200);
    rig.answers("web", 30);
    println!("kill: converged after {:.1} s", begun.elapsed().as_secs_f64());
    rig.learn();
    rig.client.farm_terminate(farm, true).unwrap();
    until("every server to be gone", 100, || {
        let (known, there) = (rig.servers(), listing.all());
        if known.is_empty() && there.is_empty() { Ok(()) } else { Err((brief(&known), there)) }
    });
    rig.stop();
    let data = rig.directory.join("data");
    let store = Store::open(&data, Arc::new(WallClock::new()), Mode::Thread).unwrap();
    println!("kill: {:?}", store.verify().unwrap());
    assert!(store.close());
}

/// Stops the watching thread even when the test fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Something that makes the appliance act: launch, scale or terminate.
fn disturb(rig: &Rig, random: &mut Stream) -> String {
    let web = rig.of_role("web");
    let farm = rig.client.farms().unwrap()[0].id;
    match random.below(4) {
        0 if !web.is_empty() => {
            let victim = &web[random.below(web.len() as u64) as usize];
            // One that is going already is refused, and that is fine too.
            let answer = rig.client.server_terminate(&victim.id, random.below(2) == 0);
            format!("terminate {} ({})", victim.hostname, answer.is_ok())
        }
        1 if random.below(3) == 0 => {
            let answer = rig.client.farm_terminate(farm, true);
            std::thread::sleep(Duration::from_millis(random.below(200)));
            let again = rig.client.farm_launch(farm);
            format!("terminate the farm ({}) and launch it ({})", answer.is_ok(), again.is_ok())
        }
        _ => {
            let (one, other) = (1 + random.below(5) as u32, 1 + random.below(5) as u32);
            let (min, max) = (one.min(other), one.max(other));
            scale(rig, min, max);
            format!("scale to {min} to {max}")
        }
    }
}

fn scale(rig: &Rig, min: u32, max: u32) {
    let (min_instances, max_instances) = (Some(min), Some(max));
    let input = ScalingInput { min_instances, max_instances, ..ScalingInput::default() };
    rig.client.scaling_update(rig.role("web").id, &input, None).unwrap();
}
