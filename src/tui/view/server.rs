//! One server: facts, readings over time, its last events.

use super::absent;
use super::pen::{Line, spark};
use super::servers::{address, agent, badge, launched_age};
use crate::tui::state::State;
use crate::tui::text::{age, age_of, moment, width, wrap};
use crate::tui::theme::Tone;
use crate::wire::api::{SeriesView, ServerView};
use crate::wire::service::ServiceView;

/// Minutes of readings the page shows, and asks for.
pub const MINUTES: u32 = 30;
/// What is drawn: series, title, unit, the top of its scale when it has one.
const GRAPHS: [(&str, &str, &str, Option<f64>); 5] = [
    ("cpu_percent", "CPU", "%", Some(100.0)),
    ("memory_percent", "Memory", "%", Some(100.0)),
    ("load_1m", "Load", "", None),
    ("net_in_bytes", "Net in", "B/s", None),
    ("net_out_bytes", "Net out", "B/s", None),
];
/// Events of it that the page shows; `e` has them all.
const EVENTS_SHOWN: usize = 5;

/// The series the page asks for.
pub fn series_names() -> [&'static str; 5] {
    GRAPHS.map(|(series, ..)| series)
}

/// The page.
pub fn lines(state: &State, id: &str, columns: usize) -> Vec<Line> {
    let Some(server) = state.shown_server(id) else {
        return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], absent(state)].concat()];
    };
    let mut lines = facts(state, server, columns);
    lines.push(Vec::new());
    lines.extend(graphs(state, columns));
    lines.push(Vec::new());
    lines.extend(events(state, server));
    lines
}

fn fact(lines: &mut Vec<Line>, name: &str, value: impl Into<String>, tone: Tone) {
    lines.push(vec![(format!("  {name:<10}"), Tone::Dim), (value.into(), tone)]);
}

fn facts(state: &State, server: &ServerView, columns: usize) -> Vec<Line> {
    let extra = &server.grange;
    let now = state.now();
    let badge = badge(state, server);
    let mut lines = Vec::new();
    let since = age_of(now, extra.status_at);
    lines.push(vec![
        (format!("  {} {}", badge.sign, badge.word), badge.tone),
        (format!(" for {since}   "), Tone::Dim),
        (extra.name.clone(), Tone::Title),
        (format!("   agent {}", agent(server).0), agent(server).1),
        (
            extra.agent_version.as_ref().map_or_else(String::new, |version| format!(" {version}")),
            Tone::Dim,
        ),
    ]);
    for condition in &extra.conditions {
        fact(&mut lines, &condition.name, condition.why.clone(), condition_tone(&condition.name));
    }
    if let Some(why) = &extra.terminate_reason {
        fact(&mut lines, "goes", why.clone(), Tone::Warn);
    }
    for (nth, service) in extra.services.iter().enumerate() {
        let said = format!("{} {}, {}", service.name, service.state, service.story());
        for (part, text) in wrap(&said, columns.saturating_sub(14)).into_iter().enumerate() {
            let name = if nth + part == 0 { "services" } else { "" };
            fact(&mut lines, name, text, service_tone(service));
        }
    }
    for waiting in &extra.waiting {
        fact(&mut lines, "waits for", waiting.clone(), Tone::Busy);
    }
    for note in &extra.notes {
        let said = format!("{} ({}, {})", note.text, note.by, moment(now, note.at));
        fact(&mut lines, "note", said, Tone::Plain);
    }
    let launched = format!("{} ago, {}", launched_age(now, server), server.launch_reason);
    fact(&mut lines, "launched", launched, Tone::Plain);
    let public = server.public_ip.join(" ");
    let both = match public.is_empty() {
        true => address(server).to_owned(),
        false => format!("{}   public {public}", address(server)),
    };
    fact(&mut lines, "address", both, Tone::Plain);
    let mut place = format!("{} {}", server.cloud_platform, server.cloud_location);
    if !server.instance_type.id.is_empty() {
        place.push_str(&format!(", {}", server.instance_type.id));
    }
    if extra.made_of > 0 {
        place.push_str(&format!("   revision {}", extra.made_of));
    }
    if let Some(id) = server.cloud_server_id.as_ref().filter(|_| columns >= 60) {
        place.push_str(&format!("   {id}"));
    }
    fact(&mut lines, "where", place, Tone::Plain);
    let seen = match extra.seen_age {
        Some(ms) => format!("{}, {} ago", extra.seen, age(ms)),
        None => "not since the appliance started".into(),
    };
    fact(&mut lines, "seen", seen, Tone::Plain);
    fact(&mut lines, "id", server.id.clone(), Tone::Dim);
    lines
}

/// How much a service is worth a look.
fn service_tone(service: &ServiceView) -> Tone {
    match service.state.as_str() {
        "running" => Tone::Good,
        "starting" => Tone::Busy,
        "backingOff" | "failed" => Tone::Bad,
        _ => Tone::Dim,
    }
}

/// How much a condition is worth a look.
pub fn condition_tone(name: &str) -> Tone {
    match name {
        "failed" | "unhealthy" | "crashLoop" | "serviceDown" | "reachesNone" | "volumeMissing"
        | "silent" | "missing" => Tone::Bad,
        "rebooting" => Tone::Busy,
        _ => Tone::Dim,
    }
}

fn graphs(state: &State, columns: usize) -> Vec<Line> {
    let graph_columns = columns.saturating_sub(34).clamp(8, 90);
    let mut lines = Vec::new();
    for (name, title, unit, top) in GRAPHS {
        let Some(series) = state.data.series.iter().find(|series| series.series == name) else {
            continue;
        };
        let Some(last) = series.value.last() else { continue };
        let values = buckets(state.now(), series, graph_columns);
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let line = spark(&state.signs, &values, 0.0, top.unwrap_or(most));
        lines.push(vec![
            (format!("  {title:<8}"), Tone::Dim),
            (format!("{:>10} ", number(*last, unit)), Tone::Plain),
            (line, Tone::Accent),
            (format!(" top {}", number(most, unit)), Tone::Dim),
        ]);
    }
    if lines.is_empty() {
        return vec![vec![("  No readings yet.".into(), Tone::Dim)]];
    }
    let head = format!("  Last {MINUTES} minutes");
    lines.insert(0, vec![(head, Tone::Head)]);
    lines
}

/// The means over equal spans of the time shown. Spans start at multiples of their length, so
/// that the graph stands still until the next span begins.
fn buckets(now: i64, series: &SeriesView, columns: usize) -> Vec<Option<f64>> {
    let columns = columns.max(1);
    let span = i64::from(MINUTES) * 60_000 / i64::try_from(columns).unwrap_or(1).max(1);
    let span = span.max(1);
    let first = now.div_euclid(span) - i64::try_from(columns).unwrap_or(1) + 1;
    let mut sums = vec![(0.0, 0u32); columns];
    for (at, value) in series.at.iter().zip(&series.value) {
        let slot = usize::try_from(at.div_euclid(span) - first).ok();
        if let Some((sum, count)) = slot.and_then(|slot| sums.get_mut(slot)) {
            *sum += value;
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, u32)| (count > 0).then(|| sum / f64::from(count));
    sums.into_iter().map(mean).collect()
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{value:.0}%"),
        "B/s" if value >= 1e6 => format!("{:.1} MB/s", value / 1e6),
        "B/s" if value >= 1e3 => format!("{:.0} kB/s", value / 1e3),
        "B/s" => format!("{value:.0} B/s"),
        _ => format!("{value:.2}"),
    }
}

fn events(state: &State, server: &ServerView) -> Vec<Line> {
    let about = |event: &&crate::wire::api::EventView| event.about == server.grange.name;
    let recent: Vec<_> = state.data.events.iter().rev().filter(about).take(EVENTS_SHOWN).collect();
    let mut lines = vec![vec![("  Last events".to_owned(), Tone::Head)]];
    for event in &recent {
        let when = moment(state.now(), event.at);
        let pad = " ".repeat(12usize.saturating_sub(width(&when)));
        lines.push(vec![(format!("  {when}{pad}"), Tone::Dim), (event.text.clone(), Tone::Plain)]);
    }
    if recent.is_empty() {
        lines.push(vec![("  None lately; e has the journal, w says why.".into(), Tone::Dim)]);
    }
    lines
}
