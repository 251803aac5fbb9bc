//! The appliance: what it is, what is wrong, what its jobs do.

use super::absent;
use super::explain::hang;
use super::pen::Line;
use crate::tui::state::{Link, State};
use crate::tui::text::{age_of, count, fit, width};
use crate::tui::theme::Tone;

/// The page.
pub fn lines(state: &State, columns: usize) -> Vec<Line> {
    let Some(status) = &state.data.status else {
        return vec![Vec::new(), [vec![("  ".into(), Tone::Plain)], absent(state)].concat()];
    };
    let room = columns.saturating_sub(16);
    let mut lines = Vec::new();
    let mut fact = |name: &str, value: String| {
        hang(&mut lines, &format!("  {name}"), &value, Tone::Plain, room);
    };
    fact("version", status.version.clone());
    fact("up for", age_of(state.now(), status.started_at));
    fact("journal", format!("entry {}, epoch {}", status.seq, status.epoch));
    fact(
        "holds",
        format!(
            "{}, {}, {}",
            count(u64::from(status.farms), "farm"),
            count(u64::from(status.servers), "server"),
            count(u64::from(status.agents), "connected agent")
        ),
    );
    lines.push(Vec::new());
    lines.push(vec![("  Alerts".to_owned(), Tone::Head)]);
    if let Link::Lost { why, .. } = &state.link {
        let label = format!("  {}", state.signs.bad);
        hang(&mut lines, &label, &format!("no answer: {why}"), Tone::Bad, room);
    }
    for alert in &status.alerts {
        hang(&mut lines, &format!("  {}", state.signs.bad), alert, Tone::Bad, room);
    }
    if status.alerts.is_empty() {
        lines.push(vec![("  None.".into(), Tone::Dim)]);
    }
    lines.push(Vec::new());
    lines.extend(jobs(state, columns));
    lines
}

fn jobs(state: &State, columns: usize) -> Vec<Line> {
    let jobs = state.data.status.as_ref().map_or(&[][..], |status| &status.jobs);
    let names = jobs.iter().map(|job| width(&job.name)).max().unwrap_or(3).clamp(4, 16);
    let head = format!("  {:names$}  {:>7} {:>7}  Last run", "Job", "Runs", "Failed");
    let mut lines = vec![vec![(head, Tone::Head)]];
    for job in jobs {
        let tone = if job.failures > 0 { Tone::Warn } else { Tone::Plain };
        let mut line = vec![
            (format!("  {:names$}  {:>7} ", fit(&job.name, names), job.runs), Tone::Plain),
            (format!("{:>7}", job.failures), tone),
            (format!("  {}", job.last), Tone::Plain),
        ];
        if columns >= 100 {
            line.push((format!("   {}", job.description), Tone::Dim));
        }
        lines.push(line);
    }
    if jobs.is_empty() {
        lines.push(vec![("  None.".into(), Tone::Dim)]);
    }
    lines
}
