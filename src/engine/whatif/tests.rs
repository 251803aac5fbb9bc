//! Replays as tables: what each server carries, when rules move the target, what is left unknown.

use super::*;
use crate::base::FarmRoleId;
use crate::model::{MinuteReading, ScalingRule};

/// 2026-11-21T12:00:00Z.
const NOON: Timestamp = Timestamp(1_795_262_400_000);

fn at(minute: u64) -> Timestamp {
    NOON.after(minute * MINUTE)
}

fn cpu(minute: u64, servers: u32, mean: f32) -> RoleMinute {
    let reading = MinuteReading { metric: Metric::CpuPercent, have: servers, mean, highest: mean };
    RoleMinute {
        farm_role: FarmRoleId(1),
        at: at(minute),
        running: servers,
        starting: 0,
        target: servers,
        readings: vec![reading],
    }
}

fn policy(min: u32, max: u32) -> ScalingPolicy {
    let (scale_up, scale_down, window_ms) = (60.0, 20.0, MINUTE);
    let metric = Metric::CpuPercent;
    ScalingPolicy {
        enabled: true,
        min,
        max,
        rules: vec![ScalingRule { metric, scale_up, scale_down, window_ms }],
        cooldown_up_ms: MINUTE,
        cooldown_down_ms: 2 * MINUTE,
    }
}

fn replay(policy: &ScalingPolicy, minutes: &[RoleMinute], length: u64) -> WhatIf {
    let (bucket_ms, launch_ms) = (5 * MINUTE, 30_000);
    what_if(&Past { policy, minutes, from: NOON, to: at(length), bucket_ms, launch_ms })
}

/// Decisions as `minute from>to`.
fn told(turns: &[Turn]) -> Vec<String> {
    let minute = |turn: &Turn| turn.at.since(NOON) / MINUTE;
    turns.iter().map(|turn| format!("{} {}>{}", minute(turn), turn.from, turn.to)).collect()
}

#[track_caller]
fn check(policy: &ScalingPolicy, minutes: &[RoleMinute], expected: &[&str]) {
    let length = minutes.last().map_or(1, |minute| minute.at.since(NOON) / MINUTE + 1);
    assert_eq!(told(&replay(policy, minutes, length).decisions), expected);
}

fn minutes(servers: u32, means: &[f32]) -> Vec<RoleMinute> {
    (0..).zip(means).map(|(minute, mean)| cpu(minute, servers, *mean)).collect()
}

#[test]
fn the_load_is_shared_by_the_servers_there_would_be() {
    // Two servers at 70 are 140: three carry 47 each.
    check(&policy(2, 6), &minutes(2, &[70.0; 6]), &["1 2>3"]);
    // Raised bounds leave it alone; a lower one adds until it holds, a minute apart.
    let mut lower = policy(2, 6);
    lower.rules[0].scale_up = 30.0;
    check(&lower, &minutes(2, &[70.0; 6]), &["1 2>3", "2 3>4", "3 4>5"]);
    lower.cooldown_up_ms = 3 * MINUTE;
    check(&lower, &minutes(2, &[70.0; 8]), &["1 2>3", "4 3>4", "7 4>5"]);
    // Four at 15 are 60, which two carry at 30.
    check(&policy(2, 6), &minutes(4, &[15.0; 8]), &["1 4>3"]);
    check(&policy(2, 6), &minutes(4, &[9.0; 8]), &["1 4>3", "3 3>2"]);
    // Without rules it stays.
    let still = ScalingPolicy { enabled: false, ..policy(2, 6) };
    check(&still, &minutes(2, &[70.0; 6]), &[]);
}

#[test]
fn servers_that_start_share_nothing_and_are_waited_for() {
    let (policy, minutes) = (policy(2, 6), minutes(2, &[95.0; 10]));
    let (bucket_ms, launch_ms) = (MINUTE, 150_000);
    let (from, to) = (NOON, at(10));
    let past = Past { policy: &policy, minutes: &minutes, from, to, bucket_ms, launch_ms };
    let answer = what_if(&past);
    // Launched at 1, there at 3.5, so in the minute that ends at 4; then 63 each is too much still.
    assert_eq!(told(&answer.decisions), ["1 2>3", "4 3>4"]);
    let servers: Vec<u64> = answer.buckets.iter().map(|b| b.what_if.server_minutes).collect();
    assert_eq!(servers, [2, 3, 3, 3, 4, 4, 4, 4, 4, 4]);
    let average = |minute: usize| answer.buckets[minute].what_if.average(Metric::CpuPercent);
    assert_eq!(average(2), Some(95.0));
    assert!(average(4).is_some_and(|value| (value - 190.0 / 3.0).abs() < 1e-4));
    assert!(average(7).is_some_and(|value| (value - 47.5).abs() < 1e-4));
}

#[test]
fn a_window_looks_back_over_each_server() {
    let mut slow = policy(1, 6);
    slow.rules[0].window_ms = 3 * MINUTE;
    // The averages of three minutes: 60 of the first three, then 59.7 or 60.3.
    check(&slow, &minutes(1, &[40.0, 60.0, 80.0, 39.0]), &[]);
    check(&slow, &minutes(1, &[40.0, 60.0, 80.0, 41.0]), &["4 1>2"]);
    // The second server's own window has only the minutes since it came: 52.5 and 35 are 43.75,
    // although the minutes' average is 52.5.
    slow.rules[0].scale_up = 50.0;
    check(&slow, &minutes(1, &[70.0, 70.0]), &["1 1>2"]);
}

#[test]
fn the_range_is_hard() {
    check(&policy(3, 6), &minutes(2, &[50.0; 4]), &[]);
    let raised = replay(&policy(3, 6), &minutes(2, &[50.0; 4]), 4);
    assert_eq!(raised.what_if.range, Some((3, 3)));
    assert_eq!(raised.really.range, Some((2, 2)));
    let capped = replay(&policy(1, 2), &minutes(4, &[80.0; 4]), 4);
    // 320 on two servers: both are full, and 120 is not served in each of four minutes.
    assert_eq!((capped.what_if.range, capped.at_max), (Some((2, 2)), 4));
    assert_eq!((capped.what_if.saturated, capped.really.saturated), (4, 0));
    assert!((capped.unmet - 4.8).abs() < 1e-4, "{}", capped.unmet);
    assert_eq!(capped.what_if.average(Metric::CpuPercent), Some(100.0));
}

#[test]
fn load_averages_add_up_and_have_no_ceiling() {
    let mut policy = policy(1, 6);
    policy.rules[0] = ScalingRule { metric: Metric::LoadAverages, ..policy.rules[0].clone() };
    let mut minutes = minutes(2, &[0.0; 2]);
    for minute in &mut minutes {
        let (metric, have, mean) = (Metric::LoadAverages, 2, 150.0);
        minute.readings.push(MinuteReading { metric, have, mean, highest: mean });
    }
    let answer = replay(&policy, &minutes, 2);
    assert_eq!(told(&answer.decisions), ["1 2>3", "2 3>4"]);
    assert_eq!(answer.what_if.average(Metric::LoadAverages), Some(125.0));
    assert_eq!((answer.what_if.saturated, answer.unmet), (0, 0.0));
    assert_eq!(answer.what_if.average(Metric::CpuPercent), None);
}

#[test]
fn what_is_not_known_is_told_and_moves_nothing() {
    let mut past = minutes(3, &[10.0; 12]);
    // Nothing was recorded from 2 to 5; in 7 no server sent readings; in 9 two of three did.
    past[7].readings.clear();
    past[9].readings[0].have = 2;
    past.drain(2..5);
    let answer = replay(&policy(1, 6), &past, 14);
    let gap = |from, to| Gap { from: at(from), to: at(to) };
    assert_eq!(answer.gaps, [gap(2, 5), gap(7, 8), gap(12, 14)]);
    assert_eq!(answer.partial, 1);
    assert_eq!((answer.really.minutes, answer.really.server_minutes), (9, 27));
    // The second step down is due at 3, in the gap; in 7 and 9 nothing is scaled in either.
    assert_eq!(told(&answer.decisions), ["1 3>2", "6 2>1"]);
    let unknown = &answer.buckets[0].what_if;
    assert_eq!(unknown.minutes, 2);
    let nothing = replay(&policy(1, 6), &[], 3);
    assert_eq!(nothing.gaps, [gap(0, 3)]);
    assert_eq!(nothing.what_if, Sum::default());
}

#[test]
fn some_readings_are_not_enough_to_scale_in() {
    let mut past = minutes(3, &[10.0; 4]);
    past.iter_mut().for_each(|minute| minute.readings[0].have = 2);
    check(&policy(1, 6), &past, &[]);
    // But enough to scale out.
    let mut past = minutes(3, &[70.0; 2]);
    past.iter_mut().for_each(|minute| minute.readings[0].have = 1);
    check(&policy(1, 6), &past, &["1 3>4"]);
}

#[test]
fn what_came_before_the_period_fills_windows_and_cool_downs() {
    let mut slow = policy(1, 6);
    slow.cooldown_up_ms = 5 * MINUTE;
    let mut past = minutes(2, &[70.0; 8]);
    past[0].target = 1;
    let replay_from = |from: u64| {
        let (bucket_ms, launch_ms, to) = (MINUTE, 30_000, at(8));
        let (policy, minutes) = (&slow, &past[..]);
        what_if(&Past { policy, minutes, from: at(from), to, bucket_ms, launch_ms })
    };
    // It grew at the end of minute 1, so it grows again at 7.
    let answer = replay_from(3);
    assert_eq!(told(&answer.decisions), ["7 2>3"]);
    assert_eq!((answer.really.minutes, answer.really_decided.len()), (5, 0));
}

#[test]
fn what_really_happened_is_beside_it() {
    let mut past = minutes(2, &[70.0; 4]);
    past[2].target = 3;
    past[2].starting = 1;
    let answer = replay(&policy(1, 6), &past, 4);
    assert_eq!(told(&answer.really_decided), ["3 2>3", "4 3>2"]);
    assert_eq!(answer.really.server_minutes, 9);
    assert_eq!(answer.really.range, Some((2, 3)));
    assert_eq!(answer.decisions[0].why, "CpuPercent 70.0 > 60 (over 1 m of 2 of 2 servers)");
    assert_eq!(answer, replay(&policy(1, 6), &past, 4));
}

#[test]
fn a_server_shares_the_minute_that_ends_as_it_gets_ready() {
    let (policy, minutes) = (policy(2, 6), minutes(2, &[95.0; 3]));
    let second = |launch_ms| {
        let (bucket_ms, from, to) = (MINUTE, NOON, at(3));
        let past = Past { policy: &policy, minutes: &minutes, from, to, bucket_ms, launch_ms };
        what_if(&past).buckets[1].what_if.average(Metric::CpuPercent)
    };
    assert!(second(MINUTE).is_some_and(|each| (each - 190.0 / 3.0).abs() < 1e-4));
    assert_eq!(second(MINUTE + 1), Some(95.0));
}

#[test]
fn a_server_is_saturated_from_its_bound_on() {
    let still = ScalingPolicy { enabled: false, ..policy(2, 2) };
    let saturated = |mean| {
        let answer = replay(&still, &minutes(2, &[mean; 3]), 3);
        (answer.really.saturated, answer.what_if.saturated)
    };
    assert_eq!(saturated(95.0), (3, 3));
    assert_eq!(saturated(94.75), (0, 0));
    assert!(!is_saturated(Metric::LoadAverages, 1000.0));
    assert_eq!(
        (capped(Metric::CpuPercent, 100.5), capped(Metric::LoadAverages, 100.5)),
        (100.0, 100.5)
    );
    assert_eq!([0, 1, MINUTE, MINUTE + 1].map(whole_minutes), [0, MINUTE, MINUTE, 2 * MINUTE]);
}

#[test]
fn a_period_is_played_from_its_first_minute_to_its_last() {
    let still = ScalingPolicy { enabled: false, ..policy(1, 1) };
    let past = minutes(1, &[10.0; 6]);
    let (bucket_ms, launch_ms) = (2 * MINUTE, 30_000);
    let play = |from, to| {
        let (policy, minutes) = (&still, &past[..]);
        what_if(&Past { policy, minutes, from, to, bucket_ms, launch_ms })
    };
    let middle = play(at(2), at(5));
    assert_eq!(middle.really.minutes, 3);
    let buckets: Vec<u32> = middle.buckets.iter().map(|bucket| bucket.really.minutes).collect();
    assert_eq!(buckets, [2, 1]);
    assert!(middle.gaps.is_empty());
    assert_eq!(play(at(2), at(2)).buckets, []);
    assert_eq!(play(at(6), at(8)).gaps, [Gap { from: at(6), to: at(8) }]);
}
