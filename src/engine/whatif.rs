//! What if the rules had been others: recorded minutes judged again, minute by minute.
//!
//! The load of a farm role is what its servers carried together: the average of a metric times the
//! servers that ran. With another number of servers the average is that load shared by them, and
//! the rules are asked about it by the very functions the [scale pass](super::pass::scale) asks:
//! windows, cool-downs, starting servers, minimum and maximum hold here as they do there.
//!
//! # What is left out
//! CPU percent and runnable tasks add up over servers; the overhead of each server, caches that
//! warm up and clients that give up do not, and are not here. CPU does not exceed 100: what is
//! above is unmet demand, counted and not carried into the next minute. Where the recorded servers
//! were saturated themselves, the demand was at least what they did, and how much more nobody
//! knows: those minutes are counted. Losses, power cuts, freezes and holds are not played again,
//! and nobody is put to sleep.
//!
//! The engine is asked when something changes and every half minute; here at the end of each
//! recorded minute. So a decision may be a minute off from what the engine would have done, and a
//! window is rounded up to whole minutes.

#[cfg(test)]
mod tests;

use crate::base::{Millis, Timestamp, Watch};
use crate::engine::WindowReading;
use crate::engine::pass::scale::{Situation, Verdict, judge, remember, within};
use crate::model::{MINUTE, Metric, RoleMinute, RoleTarget, ScalingPolicy, Wait};
use std::collections::VecDeque;

/// CPU percent from which a server counts as saturated: above it queues grow, not the reading.
pub const SATURATED_PERCENT: f64 = 95.0;

/// What is replayed: one farm role, its past, and the rules to try on it.
pub struct Past<'a> {
    /// The rules and the range to try.
    pub policy: &'a ScalingPolicy,
    /// What was recorded of the farm role, oldest first; each minute once. Those before the period
    /// are not played: they fill the windows and say since when cool-downs run.
    pub minutes: &'a [RoleMinute],
    /// The first moment of the period; a whole minute.
    pub from: Timestamp,
    /// The moment after its last; a whole minute.
    pub to: Timestamp,
    /// How long a row of the answer is; whole minutes.
    pub bucket_ms: Millis,
    /// How long a server takes from its launch until it shares the load.
    pub launch_ms: Millis,
}

/// What would have happened, beside what did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WhatIf {
    /// One for each part of the period, in order; those without a recorded minute too.
    pub buckets: Vec<Bucket>,
    /// Every change of the target that the tried rules make.
    pub decisions: Vec<Turn>,
    /// Every change of the target that was recorded; nobody recorded why.
    pub really_decided: Vec<Turn>,
    /// When nothing was recorded, or servers ran and no reading of a rule's metric came.
    pub gaps: Vec<Gap>,
    /// The whole period, as it was.
    pub really: Sum,
    /// The whole period, as it would have been.
    pub what_if: Sum,
    /// CPU that was asked for and that nobody had, in minutes of one whole server.
    pub unmet: f64,
    /// Minutes in which a rule wanted more than the maximum.
    pub at_max: u32,
    /// Minutes in which only some of the running servers sent readings.
    pub partial: u32,
}

/// A part of the period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// When it begins.
    pub at: Timestamp,
    /// As it was.
    pub really: Sum,
    /// As it would have been.
    pub what_if: Sum,
}

/// Minutes added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// Recorded minutes in it.
    pub minutes: u32,
    /// Servers, running or starting, over those minutes.
    pub server_minutes: u64,
    /// Minutes in which the CPU was saturated.
    pub saturated: u32,
    /// The fewest and the most servers in a minute.
    pub range: Option<(u32, u32)>,
    /// Each metric of the rules, added up over the minutes it is known of.
    pub metrics: Vec<KnownRole>,
}

/// A metric over minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownRole {
    /// Which.
    pub metric: Metric,
    /// Its averages, added up.
    pub sum: f64,
    /// Over so many minutes.
    pub minutes: u32,
}

/// A change of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// From how many.
    pub from: u32,
    /// To how many.
    pub to: u32,
    /// Which rule with which values; empty for what was recorded.
    pub why: String,
}

/// A stretch without readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// The moment after it.
    pub to: Timestamp,
}

impl Sum {
    /// The average of a metric over the minutes it is known of.
    pub fn average(&self, metric: Metric) -> Option<f64> {
        let known = self.metrics.iter().find(|known| known.metric == metric)?;
        (known.minutes > 0).then(|| known.sum / f64::from(known.minutes))
    }

    fn add(&mut self, servers: u32, values: &[(Metric, Option<f64>)]) {
        self.minutes += 1;
        self.server_minutes += u64::from(servers);
        let (low, high) = self.range.unwrap_or((servers, servers));
        self.range = Some((low.min(servers), high.max(servers)));
        for (metric, value) in values {
            let Some(value) = *value else { continue };
            self.saturated += u32::from(is_saturated(*metric, value));
            let place = self.metrics.iter().position(|known| known.metric == *metric);
            let place = place.unwrap_or_else(|| {
                self.metrics.push(KnownRole { metric: *metric, sum: 0.0, minutes: 0 });
                self.metrics.len() - 1
            });
            let known = &mut self.metrics[place];
            known.sum += value;
            known.minutes += 1;
        }
    }
}

/// Plays a past again under other rules.
pub fn what_if(past: &Past) -> WhatIf {
    let mut answer = WhatIf { buckets: buckets(past), ..WhatIf::default() };
    let first = past.minutes.partition_point(|minute| minute.at < past.from);
    let end = past.minutes.partition_point(|minute| minute.at < past.to).max(first);
    let (before, minutes) = (&past.minutes[..first], &past.minutes[first..end]);
    let Some(first) = minutes.first() else {
        answer.gaps.push(Gap { from: past.from, to: past.to });
        return answer;
    };
    let mut farm = Farm::new(past, before, first);
    let mut end = past.from;
    for minute in minutes {
        answer.gap(end, minute.at);
        end = minute.at.after(MINUTE);
        farm.live(minute, &mut answer);
    }
    answer.gap(end, past.to);
    answer.really_decided = turns(minutes).collect();
    answer
}

/// Changes of the recorded target.
fn turns(minutes: &[RoleMinute]) -> impl Iterator<Item = Turn> {
    minutes.windows(2).filter(|pair| pair[0].target != pair[1].target).map(|pair| Turn {
        at: pair[1].at.after(MINUTE),
        from: pair[0].target,
        to: pair[1].target,
        why: String::new(),
    })
}

fn buckets(past: &Past) -> Vec<Bucket> {
    let (mut buckets, mut at) = (Vec::new(), past.from);
    while at < past.to {
        buckets.push(Bucket { at, ..Bucket::default() });
        at = at.after(past.bucket_ms.max(MINUTE));
    }
    buckets
}

impl WhatIf {
    /// Notes that nothing is known of a stretch; stretches that touch are one.
    fn gap(&mut self, from: Timestamp, to: Timestamp) {
        if from >= to {
            return;
        }
        match self.gaps.last_mut().filter(|last| last.to == from) {
            Some(last) => last.to = to,
            None => self.gaps.push(Gap { from, to }),
        }
    }
}

/// The farm role as it would have been.
struct Farm<'a> {
    past: &'a Past<'a>,
    metrics: Vec<Metric>,
    target: RoleTarget,
    running: u32,
    /// When each server that starts will share the load, soonest first.
    ready_at: VecDeque<Timestamp>,
    /// The last minutes, as far back as any rule looks.
    window: VecDeque<Shared>,
}

/// A minute's load, shared by the servers that would have run.
struct Shared {
    at: Timestamp,
    running: u32,
    values: Vec<(Metric, Option<f64>)>,
    /// Servers with readings, for each metric.
    have: Vec<u32>,
}

impl<'a> Farm<'a> {
    /// As it was at the end of the minute before the period, or else in its first, within the
    /// range to try.
    fn new(past: &'a Past<'a>, before: &[RoleMinute], first: &RoleMinute) -> Farm<'a> {
        let eldest = before.first().unwrap_or(first);
        let mut target = RoleTarget::new(eldest.farm_role, eldest.target);
        for turn in turns(before) {
            remember(&mut target, turn.to, turn.at);
        }
        let first = before.last().unwrap_or(first);
        target.target = within(past.policy, first.target);
        let mut metrics: Vec<Metric> = past.policy.rules.iter().map(|rule| rule.metric).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let running = first.running.min(target.target);
        let ready = first.at.after(past.launch_ms);
        let starting = target.target.saturating_sub(running);
        let mut farm = Farm {
            past,
            metrics,
            target,
            running,
            ready_at: (0..starting).map(|_| ready).collect(),
            window: VecDeque::new(),
        };
        for minute in before {
            let values = farm.recorded(minute);
            let reading = |(metric, _): &(Metric, Option<f64>)| minute.reading(*metric);
            let have = values.iter().map(|value| reading(value).map_or(0, |r| r.have)).collect();
            let (at, running) = (minute.at, minute.running);
            farm.remember_minute(Shared { at, running, values, have });
        }
        farm
    }

    /// What was recorded of the metrics.
    fn recorded(&self, minute: &RoleMinute) -> Vec<(Metric, Option<f64>)> {
        let value = |metric| minute.reading(metric).map(|reading| f64::from(reading.mean));
        self.metrics.iter().map(|metric| (*metric, value(*metric))).collect()
    }

    /// One minute: servers get ready, the load is shared, and at its end the rules are asked.
    fn live(&mut self, minute: &RoleMinute, answer: &mut WhatIf) {
        let end = minute.at.after(MINUTE);
        while self.ready_at.front().is_some_and(|ready| *ready <= end) {
            self.ready_at.pop_front();
            self.running += 1;
        }
        let shared = self.share(minute, answer);
        let servers = self.running + self.starting();
        let recorded = self.recorded(minute);
        let really = minute.running.saturating_add(minute.starting);
        answer.really.add(really, &recorded);
        answer.what_if.add(servers, &shared.values);
        let place = minute.at.since(self.past.from) / self.past.bucket_ms.max(MINUTE);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(bucket) = answer.buckets.get_mut(place) {
            bucket.really.add(really, &recorded);
            bucket.what_if.add(servers, &shared.values);
        }
        if minute.running > 0 && recorded.iter().all(|(_, value)| value.is_none()) {
            answer.gap(minute.at, end);
        }
        self.remember_minute(shared);
        self.decide(end, answer);
    }

    /// What each server would have carried.
    fn share(&self, minute: &RoleMinute, answer: &mut WhatIf) -> Shared {
        let (mut values, mut have) = (Vec::new(), Vec::new());
        let mut is_partial = false;
        for metric in &self.metrics {
            let Some(reading) = minute.reading(*metric).filter(|_| self.running > 0) else {
                values.push((*metric, None));
                have.push(0);
                continue;
            };
            let load = f64::from(reading.mean) * f64::from(minute.running);
            let each = load / f64::from(self.running);
            let carried = capped(*metric, each);
            answer.unmet += (each - carried) * f64::from(self.running) / 100.0;
            values.push((*metric, Some(carried)));
            is_partial |= reading.have < minute.running;
            have.push(self.heard(reading.have, minute.running));
        }
        answer.partial += u32::from(is_partial);
        Shared { at: minute.at, running: self.running, values, have }
    }

    /// As large a part of the servers sends readings as did.
    fn heard(&self, have: u32, of: u32) -> u32 {
        if have >= of {
            return self.running;
        }
        let part = u64::from(self.running) * u64::from(have) / u64::from(of.max(1));
        u32::try_from(part).unwrap_or(u32::MAX)
    }

    fn remember_minute(&mut self, shared: Shared) {
        let longest = self.past.policy.rules.iter().map(|rule| rule.window_ms).max().unwrap_or(0);
        let oldest = shared.at.after(MINUTE).before(whole_minutes(longest));
        self.window.push_back(shared);
        while self.window.front().is_some_and(|first| first.at < oldest) {
            self.window.pop_front();
        }
    }

    fn decide(&mut self, now: Timestamp, answer: &mut WhatIf) {
        let policy = self.past.policy;
        if !policy.enabled || policy.rules.is_empty() {
            return;
        }
        let readings: Vec<WindowReading> = policy
            .rules
            .iter()
            .map(|rule| self.reading(rule.metric, rule.window_ms, now))
            .collect();
        let readings: Vec<Option<&WindowReading>> = readings.iter().map(Some).collect();
        let watch = Watch { since: self.past.from, now };
        let situation = Situation { running: self.running, starting: self.starting(), watch };
        match judge(policy, &self.target, &readings, &situation) {
            Verdict::Nothing => {}
            Verdict::Wait(wait) => answer.at_max += u32::from(matches!(wait, Wait::AtMax { .. })),
            Verdict::To(to, why) => {
                let from = self.target.target;
                remember(&mut self.target, to, now);
                self.settle(now);
                answer.decisions.push(Turn { at: now, from, to, why });
            }
        }
    }

    /// The average over the servers of each one's average over a window: of the minutes since it
    /// began to share the load, the newest server being the first to go.
    fn reading(&self, metric: Metric, window_ms: Millis, now: Timestamp) -> WindowReading {
        let from = now.before(whole_minutes(window_ms));
        let place = self.metrics.iter().position(|known| *known == metric).unwrap_or(0);
        let (mut sum, mut count, mut have) = (0.0, 0u32, 0);
        let (mut total, mut servers, mut level) = (0.0, 0u32, self.running);
        for shared in self.window.iter().rev().take_while(|shared| shared.at >= from) {
            if shared.running < level && count > 0 {
                total += f64::from(level - shared.running) * sum / f64::from(count);
                servers += level - shared.running;
            }
            level = level.min(shared.running);
            let Some((_, Some(value))) = shared.values.get(place) else { continue };
            sum += value;
            count += 1;
            have = have.max(shared.have.get(place).copied().unwrap_or(0));
        }
        if level > 0 && count > 0 {
            total += f64::from(level) * sum / f64::from(count);
            servers += level;
        }
        let average = (servers > 0).then(|| total / f64::from(servers));
        let (have, want) = (have.min(self.running), self.running);
        // Minutes do not remember when in them the last reading came.
        WindowReading { average, have, want, newest_at: None }
    }

    /// Servers start or go until there are as many as the target says; those that start go first.
    fn settle(&mut self, now: Timestamp) {
        while self.running + self.starting() < self.target.target {
            self.ready_at.push_back(now.after(self.past.launch_ms));
        }
        while self.running + self.starting() > self.target.target {
            if self.ready_at.pop_back().is_none() {
                self.running -= 1;
            }
        }
    }

    fn starting(&self) -> u32 {
        u32::try_from(self.ready_at.len()).unwrap_or(u32::MAX)
    }
}

fn whole_minutes(length: Millis) -> Millis {
    length.div_ceil(MINUTE).saturating_mul(MINUTE)
}

/// What a server reads when so much is asked of it.
fn capped(metric: Metric, asked: f64) -> f64 {
    match metric {
        Metric::CpuPercent => asked.min(100.0),
        Metric::LoadAverages => asked,
    }
}

fn is_saturated(metric: Metric, value: f64) -> bool {
    match metric {
        Metric::CpuPercent => value >= SATURATED_PERCENT,
        Metric::LoadAverages => false,
    }
}
