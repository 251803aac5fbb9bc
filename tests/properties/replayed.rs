//! A farm under a load that rises and falls, planned by the engine on a cloud that does as it is
//! told; what a replay of its recorded minutes says beside what it did.

use crate::stories::yard::{BEGIN, Yard};
use grange::base::random::Stream;
use grange::base::{Millis, ServerId, Timestamp};
use grange::engine::whatif::{Past, Turn, WhatIf};
use grange::engine::{WindowReading, plan, what_if};
use grange::model::{
    CloudState, Decision, MINUTE, Metric, MinuteReading, RoleMinute, ScalingPolicy, ScalingRule,
    ServerStatus, StepKind,
};
use std::collections::BTreeMap;

/// How often agents read.
const PERIOD: Millis = 15_000;
/// How long a launch takes.
const LAUNCH: Millis = 40_000;
/// How long each farm is watched.
const LENGTH: Millis = 12 * 3_600_000;

pub struct House {
    yard: Yard,
    readings: BTreeMap<ServerId, Vec<(Timestamp, f64)>>,
    /// Servers' worth of CPU: the middle, and waves of height, length and phase.
    middle: f64,
    waves: Vec<(f64, f64, f64)>,
    /// Every change of the target, when it happened.
    pub decisions: Vec<Turn>,
    /// What was recorded.
    pub minutes: Vec<RoleMinute>,
}

impl House {
    pub fn new(seed: u64) -> House {
        let mut luck = Stream::new(seed, "load");
        let mut yard = Yard::new("shop", seed);
        let min = 1 + luck.below(3) as u32;
        let max = min + 2 + luck.below(8) as u32;
        let window_ms = MINUTE * (1 + luck.below(5));
        let role = yard.add_role("web", min, max);
        role.drain_ms = 0;
        role.scaling.cooldown_up_ms = MINUTE * (1 + luck.below(3));
        role.scaling.cooldown_down_ms = MINUTE * (2 + luck.below(5));
        let (scale_up, scale_down) = (60.0 + luck.below(15) as f64, 15.0 + luck.below(15) as f64);
        let metric = Metric::CpuPercent;
        role.scaling.rules.push(ScalingRule { metric, scale_up, scale_down, window_ms });
        let mut wave = || {
            let (height, hours) = (luck.below(100) as f64 / 100.0, 3 + luck.below(9));
            (height, (hours * 3_600_000) as f64, luck.below(100) as f64 / 16.0)
        };
        let waves = vec![wave(), wave()];
        // As many servers as there may be can carry it, and it is never nothing.
        let middle = f64::from(max) * 0.3;
        let (readings, decisions, minutes) = (BTreeMap::new(), Vec::new(), Vec::new());
        House { yard, readings, middle, waves, decisions, minutes }
    }

    pub fn policy(&self) -> &ScalingPolicy {
        &self.yard.input.farm_roles[0].scaling
    }

    /// Half a day passes.
    pub fn live(&mut self) {
        let end = BEGIN.after(LENGTH);
        while self.yard.input.now < end {
            self.yard.input.now = self.yard.input.now.after(PERIOD);
            self.carry_out();
            self.read();
            self.decide();
            if self.yard.input.now.0 % 60_000 == 0 {
                self.record();
            }
        }
    }

    /// From when on it is replayed: what came before fills windows and cool-downs.
    pub fn from() -> Timestamp {
        BEGIN.after(3_600_000)
    }

    pub fn replay(&self, policy: &ScalingPolicy) -> WhatIf {
        what_if(&Past {
            policy,
            minutes: &self.minutes,
            from: House::from(),
            to: BEGIN.after(LENGTH),
            bucket_ms: 3_600_000,
            launch_ms: LAUNCH,
        })
    }

    fn running(&self) -> Vec<ServerId> {
        let servers = self.yard.input.servers.iter();
        servers.filter(|s| s.status == ServerStatus::Running).map(|s| s.id).collect()
    }

    fn carry_out(&mut self) {
        let now = self.yard.input.now;
        for step in std::mem::take(&mut self.yard.input.steps) {
            match step.kind {
                StepKind::Launch if now.since(step.not_before) >= LAUNCH => {
                    self.yard.turn(step.server, ServerStatus::Running);
                }
                StepKind::Terminate => {
                    self.yard.forget(step.server);
                    self.readings.remove(&step.server);
                }
                StepKind::Launch
                | StepKind::Suspend
                | StepKind::Resume
                | StepKind::Reboot
                | StepKind::Start
                | StepKind::Stop => self.yard.input.steps.push(step),
            }
        }
        for server in self.running() {
            self.yard.see(server, CloudState::Running, now);
            self.yard.hear(server, true, BEGIN);
        }
    }

    fn load(&self) -> f64 {
        let passed = self.yard.input.now.since(BEGIN) as f64;
        let wave = |(height, length, phase): &(f64, f64, f64)| {
            height * (std::f64::consts::TAU * (passed / length + phase)).sin()
        };
        let swing: f64 = self.waves.iter().map(wave).sum();
        self.middle * (1.0 + swing / 2.0)
    }

    fn read(&mut self) {
        let running = self.running();
        let each = 100.0 * self.load() / running.len().max(1) as f64;
        let now = self.yard.input.now;
        for server in running {
            let readings = self.readings.entry(server).or_default();
            readings.push((now.before(1), each.min(100.0)));
            readings.retain(|(at, _)| now.since(*at) <= 3_600_000);
        }
    }

    fn average(&self, window_ms: Millis) -> (Option<f64>, u32) {
        let from = self.yard.input.now.before(window_ms);
        let own = |server: &ServerId| {
            let readings = self.readings.get(server)?.iter().filter(|(at, _)| *at >= from);
            let values: Vec<f64> = readings.map(|(_, value)| *value).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let values: Vec<f64> = self.running().iter().filter_map(own).collect();
        let have = u32::try_from(values.len()).unwrap();
        ((have > 0).then(|| values.iter().sum::<f64>() / f64::from(have)), have)
    }

    fn decide(&mut self) {
        let input = &self.yard.input;
        let (role, window) =
            (input.farm_roles[0].id, input.farm_roles[0].scaling.rules[0].window_ms);
        let want = u32::try_from(self.running().len()).unwrap();
        let (average, have) = self.average(window);
        let reading = WindowReading { average, have, want, newest_at: Some(input.now) };
        self.yard.input.readings.insert((role, 0), reading);
        let decided = plan(&self.yard.input);
        if !decided.changes(self.yard.input.parent.as_ref()) {
            return;
        }
        let target = |plan: &grange::model::Plan| plan.targets[0].target;
        let before = self.yard.input.parent.as_ref().map_or(self.policy().min, target);
        let (from, to, at) = (before, target(&decided), self.yard.input.now);
        if from != to {
            let why = decided.report.iter().find_map(|line| match &line.decision {
                Decision::Target { why, .. } => Some(why.clone()),
                _ => None,
            });
            self.decisions.push(Turn { at, from, to, why: why.unwrap_or_default() });
        }
        self.yard.commit(decided);
    }

    fn record(&mut self) {
        let input = &self.yard.input;
        let count = |running: bool| {
            let of = |status: ServerStatus| {
                status.is_wanted() && (status == ServerStatus::Running) == running
            };
            u32::try_from(input.servers.iter().filter(|s| of(s.status)).count()).unwrap()
        };
        let (average, have) = self.average(MINUTE);
        let reading = average.map(|mean| {
            let (metric, mean) = (Metric::CpuPercent, mean as f32);
            MinuteReading { metric, have, mean, highest: mean }
        });
        self.minutes.push(RoleMinute {
            farm_role: input.farm_roles[0].id,
            at: input.now.before(MINUTE),
            running: count(true),
            starting: count(false),
            target: input.parent.as_ref().map_or(0, |plan| plan.targets[0].target),
            readings: reading.into_iter().collect(),
        });
    }
}

/// Where a replay first decides otherwise than the farm did: the decision that only one of them
/// made, or made more than two minutes before the other.
pub fn parting<'a>(really: &'a [Turn], replayed: &'a [Turn]) -> Option<&'a Turn> {
    let mut pairs = (really.iter(), replayed.iter());
    loop {
        let (was, is) = match (pairs.0.next(), pairs.1.next()) {
            (None, None) => return None,
            (Some(one), None) | (None, Some(one)) => return Some(one),
            (Some(was), Some(is)) => (was, is),
        };
        let apart = was.at.since(is.at).max(is.at.since(was.at));
        if (was.from, was.to) != (is.from, is.to) || apart > 2 * MINUTE {
            return Some(if was.at <= is.at { was } else { is });
        }
    }
}

/// How far the reading that a turn was decided on is from its threshold:
/// `CpuPercent 71.5 > 71 (over ...)` is half a point.
pub fn margin(turn: &Turn) -> f64 {
    let mut words = turn.why.split(' ').skip(1).step_by(2).map(|word| word.parse::<f64>());
    match (words.next(), words.next()) {
        (Some(Ok(reading)), Some(Ok(threshold))) => (reading - threshold).abs(),
        _ => f64::INFINITY,
    }
}
