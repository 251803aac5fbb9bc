//! The appliance: what it is, what is wrong, what its jobs do.

use super::absent;
use super::explain::hang;
use super::pen::Line;
use crate::tui::state::{Link, State};
use crate::tui::text::{age, age_of, count, fit, width};
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
    lines.extend(accounts(state, room));
    lines.extend(jobs(state, columns));
    lines
}

/// Cloud accounts: which of them are left alone, why, and for how long.
fn accounts(state: &State, room: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for account in &state.data.accounts {
        let left = account.open_until.map_or(0, |until| until.saturating_sub(state.now()).max(0));
        let reason = account.reason.as_deref().unwrap_or_default();
        let failures = count(u64::from(account.failures), "call");
        let (text, tone) = match account.state.as_str() {
            "well" => {
                let (now, all) = (account.steps_left, account.steps_per_minute);
                (format!("well; {now} of {all} steps a minute may begin"), Tone::Plain)
            }
            "failing" if account.failures == 0 => (reason.to_owned(), Tone::Warn),
            "failing" => (format!("{failures} failed, the last: {reason}"), Tone::Warn),
            "open" => {
                let left = age(left.unsigned_abs());
                let text = format!(
                    "left alone for {left} more: {failures} failed, the last: {reason}; R asks it \
                     again at once"
                );
                (text, Tone::Bad)
            }
            "elsewhere" => {
                let holder = account.lease.holder.as_deref().unwrap_or_default();
                (format!("managed by {holder}: nothing is begun in it from here"), Tone::Bad)
            }
            "awaited" => ("its lease is not held: nothing is begun in it".to_owned(), Tone::Warn),
            _ => {
                (format!("tried with one call: {failures} failed, the last: {reason}"), Tone::Warn)
            }
        };
        hang(&mut lines, &format!("  {}", fit(&account.name, 11)), &text, tone, room);
    }
    if !lines.is_empty() {
        lines.insert(0, vec![("  Clouds".to_owned(), Tone::Head)]);
        lines.push(Vec::new());
    }
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
