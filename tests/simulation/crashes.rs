//! A life in fair weather, and the same life again with a crash of the appliance at every store
//! write and every cloud call of it in turn: before, in the middle of and after each.
//!
//! The storms of other seeds crash wherever luck has it; here no place is left out.

use crate::fuse::{Crash, Point};
use crate::tally::{Tally, add};
use crate::world::{Outcome, Run, run_with};

/// Runs one seed with so many crashes at each kind of point, evenly over its life, or one at each
/// where there are fewer; what broke says at which. Calls are rarer than writes, and no less likely
/// to be wrong: a stride over all points would hardly ever meet one.
pub fn everywhere(seed: u64, of_each_kind: u64) -> Outcome {
    let fair = Run { seed, fair: true, ..Run::default() };
    let first = run_with(fair);
    let mut out = Outcome { tally: Tally::default(), ..first };
    tell(&mut out.faults, "none");
    for point in Point::ALL {
        let count = out.passed.get(&point).copied().unwrap_or(0);
        let stride = count.div_ceil(of_each_kind).max(1);
        for after in (0..count).step_by(usize::try_from(stride).unwrap_or(usize::MAX)) {
            let crash = Crash { point, after };
            let run = run_with(Run { crash: Some(crash), ..fair });
            out.tally.ticks += run.tally.ticks;
            out.tally.simulated += run.tally.simulated;
            let mut faults = run.faults;
            if !run.tally.faults.contains_key(&format!("crash {}", point.name())) {
                faults.push("the crash never struck".to_owned());
            }
            tell(&mut faults, &crash.to_string());
            out.faults.append(&mut faults);
            add(&mut out.tally.faults, format!("crash at each point in turn, {}", point.name()));
        }
    }
    out
}

/// Which run of them broke.
fn tell(faults: &mut [String], crash: &str) {
    for fault in faults {
        *fault = format!("CRASH={crash}: {fault}");
    }
}
