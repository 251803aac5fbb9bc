//! One farm role: how it is, what is rolled over, and the revisions it could go back to.

use super::absent;
use super::explain::hang;
use super::pen::{Line, bar};
use crate::tui::state::State;
use crate::tui::text::{age_of, fit, moment, width};
use crate::tui::theme::{Tone, rollout_badge};
use crate::wire::api::FarmRoleView;
use crate::wire::rollout::RolloutView;

/// Cells of the bar of a rollout.
const BAR: usize = 20;

/// The page.
pub fn lines(state: &State, farm: u64, role: u64, columns: usize) -> Vec<Line> {
    let Some(view) = state.role(farm, role) else {
        let line = match state.data.roles.get(&farm) {
            None => absent(state),
            Some(_) => vec![("This farm role is gone.".to_owned(), Tone::Dim)],
        };
        return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], line].concat()];
    };
    let room = columns.saturating_sub(16);
    let mut lines = facts(state, view, room);
    lines.push(Vec::new());
    lines.push(vec![("  Rollout".to_owned(), Tone::Head)]);
    match state.rollout(farm, role) {
        Some(rollout) if rollout.state != "none" => {
            lines.extend(progress(state, rollout, room));
        }
        Some(_) => lines
            .push(vec![("  None: its servers are of the declared revision.".into(), Tone::Dim)]),
        None => lines.push([vec![("  ".into(), Tone::Plain)], absent(state)].concat()),
    }
    if let Some(rollout) = state.rollout(farm, role) {
        lines.push(Vec::new());
        lines.extend(revisions(state, rollout, columns));
    }
    lines
}

fn facts(state: &State, role: &FarmRoleView, room: usize) -> Vec<Line> {
    let extra = &role.grange;
    let (min, max) = (role.scaling.min_instances, role.scaling.max_instances);
    let short = extra.running != extra.target;
    let ill = match extra.unhealthy {
        0 => String::new(),
        ill => format!(", {ill} unhealthy"),
    };
    let mut lines = vec![vec![
        (
            format!("  {} of {} running", extra.running, extra.target),
            if short { Tone::Busy } else { Tone::Plain },
        ),
        (ill, Tone::Bad),
        (format!("   {min} to {max} wanted"), Tone::Plain),
        (format!("   {}", role.role.name), Tone::Dim),
        (format!(" on {} {}", role.cloud_platform, role.cloud_location), Tone::Dim),
        (format!(", {}", role.instance_type.id), Tone::Dim),
    ]];
    for rule in &extra.rules {
        hang(&mut lines, "  scales by", rule, Tone::Plain, room);
    }
    if let Some(balances) = &extra.balances {
        hang(&mut lines, "  balances", balances, Tone::Plain, room);
    }
    for published in &extra.published {
        let tone = if published.wrong.is_some() { Tone::Bad } else { Tone::Plain };
        hang(&mut lines, "  published", &published.line(), tone, room);
    }
    for held in &extra.holds {
        hang(&mut lines, &format!("  {} held", state.signs.item), held, Tone::Busy, room);
    }
    for note in &extra.notes {
        let said = format!("{} ({}, {})", note.text, note.by, moment(state.now(), note.at));
        hang(&mut lines, "  note", &said, Tone::Plain, room);
    }
    for waiting in &extra.waiting {
        let calm = waiting.starts_with("at the minimum");
        let tone = if calm { Tone::Dim } else { Tone::Plain };
        hang(&mut lines, "  waits for", waiting, tone, room);
    }
    lines
}

fn progress(state: &State, rollout: &RolloutView, room: usize) -> Vec<Line> {
    let badge = rollout_badge(&state.signs, &rollout.state);
    let now = state.now();
    let age = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), |at| age_of(now, at));
    let RolloutView { from, to, ready, of, failed, failures_max, healthy, .. } = rollout;
    let mut lines = vec![vec![
        (format!("  {} {}", badge.sign, badge.word), badge.tone),
        (format!(" for {}", age(rollout.since)), Tone::Dim),
        (format!("   revision {from} to {to}"), Tone::Plain),
        (format!("   begun {} ago", age(rollout.began_at)), Tone::Dim),
    ]];
    let share = f64::from(*ready) / f64::from((*of).max(1)) * 100.0;
    let pad = |label: &str| (format!("  {label:<12}"), Tone::Dim);
    lines.push(vec![
        pad("servers"),
        (bar(&state.signs, share, BAR), Tone::Accent),
        (format!("  {ready} of {of} at revision {}", rollout.wanted()), Tone::Plain),
    ]);
    let floor = rollout.healthy_min;
    let low = if *healthy < floor { Tone::Bad } else { Tone::Plain };
    let stays = match floor {
        0 => format!("{healthy} of {of}; all may go at once"),
        floor => format!("{healthy} of {of}; at least {floor} stay so"),
    };
    hang(&mut lines, "  healthy", &stays, low, room);
    let lost = if *failed > 0 { Tone::Bad } else { Tone::Plain };
    let failures = format!("{failed} did not get ready; {failures_max} end it");
    hang(&mut lines, "  failed", &failures, lost, room);
    hang(&mut lines, "  batches", &batches(rollout), Tone::Plain, room);
    if rollout.maintenance {
        let text = "balancers show the maintenance page";
        hang(&mut lines, &format!("  {}", state.signs.bad), text, Tone::Warn, room);
    }
    let hint = match rollout.state.as_str() {
        "paused" | "checkpoint" => "R goes on, A ends it and goes back",
        "failed" | "rolled back" => "R tries again; declare another revision, or B the one before",
        _ => return lines,
    };
    hang(&mut lines, "  now", hint, Tone::Dim, room);
    lines
}

fn batches(rollout: &RolloutView) -> String {
    let mut text = match rollout.strategy.as_str() {
        "full" => "all at once, behind a maintenance page".to_owned(),
        _ => format!("{} at a time", rollout.batch),
    };
    if !rollout.checkpoints.is_empty() {
        let at: Vec<String> = rollout.checkpoints.iter().map(|at| format!("{at} %")).collect();
        text.push_str(&format!("; checkpoints at {}", at.join(", ")));
    }
    text
}

fn revisions(state: &State, rollout: &RolloutView, columns: usize) -> Vec<Line> {
    let roles = rollout.revisions.iter().map(|revision| width(&revision.role));
    let roles = roles.max().unwrap_or(4).clamp(4, 24);
    let head = format!(
        "  {:>8}  {:>7}  {:roles$}  {:<12}  {:<10}  Until",
        "Revision", "Servers", "Role", "Cloud", "Size"
    );
    let mut lines = vec![vec![(fit(&head, columns), Tone::Head)]];
    for revision in &rollout.revisions {
        let until = match revision.left_at {
            Some(at) => moment(state.now(), at),
            None => "declared".to_owned(),
        };
        let line = format!(
            "  {:>8}  {:>7}  {:roles$}  {:<12}  {:<10}  {until}",
            revision.number,
            revision.servers,
            fit(&revision.role, roles),
            fit(&revision.account, 12),
            fit(&revision.instance_type, 10),
        );
        let tone = if revision.servers > 0 { Tone::Plain } else { Tone::Dim };
        lines.push(vec![(line, tone)]);
    }
    lines
}

/// A rollout in one line, for where its farm role is one of several.
pub fn line(state: &State, alias: &str, rollout: &RolloutView) -> Line {
    let badge = rollout_badge(&state.signs, &rollout.state);
    let since =
        rollout.since.map_or_else(String::new, |at| format!(" for {}", age_of(state.now(), at)));
    let RolloutView { from, to, ready, of, healthy, healthy_min, .. } = rollout;
    let floor = match healthy_min {
        0 => String::new(),
        floor => format!(" (floor {floor})"),
    };
    vec![
        (format!("  {} {alias} {}{since}", badge.sign, badge.word), badge.tone),
        (
            format!(": revision {from} to {to}, {ready} of {of} at {}", rollout.wanted()),
            Tone::Plain,
        ),
        (format!(", {healthy} healthy{floor}"), Tone::Dim),
    ]
}
