//! `grange simulate`.

use crate::base::Timestamp;
use crate::base::time::say;
use crate::cli::args::Simulate;
use crate::cli::table::{self, Cell, Tone};
use crate::cli::{Done, Io, Stop};
use crate::client::Client;
use crate::wire::simulation::{
    SimulatedBucketView, SimulatedDecisionView, SimulatedFarmRoleView, SimulatedTotalView,
    SimulationRequest, SimulationView,
};

/// Plays a farm's past again under the rules of a manifest.
pub fn carry(args: &Simulate, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let request = SimulationRequest {
        manifest: io.text(&args.file)?,
        from: args.from.clone(),
        to: args.to.clone(),
        bucket: args.bucket.clone(),
    };
    let view = client.simulate(&request)?;
    if json {
        io.json(&view)?;
        return Ok(0);
    }
    show(&view, io)?;
    Ok(0)
}

fn show(view: &SimulationView, io: &mut Io<'_>) -> Result<(), Stop> {
    let (from, to, row) =
        (Timestamp(view.from).minute(), Timestamp(view.to).minute(), say(view.bucket_ms));
    put_line!(io.stdout, "farm {}, {from} to {to} UTC, rows of {row}", view.farm)?;
    for farm_role in &view.farm_roles {
        put_line!(io.stdout)?;
        table::lines(io, &farm_role.name, &farm_role.tried)?;
        put_line!(io.stdout)?;
        over_time(farm_role, io)?;
        put_line!(io.stdout)?;
        decisions(&farm_role.decisions, io)?;
        put_line!(io.stdout)?;
        totals(&farm_role.really, &farm_role.what_if, io)?;
        if !farm_role.notes.is_empty() {
            put_line!(io.stdout)?;
        }
        table::lines(io, "notes", &farm_role.notes)?;
    }
    if !view.notes.is_empty() {
        put_line!(io.stdout)?;
    }
    for note in &view.notes {
        put_line!(io.stdout, "{note}")?;
    }
    Ok(())
}

/// Servers and metrics, row by row, as they were and as they would have been.
fn over_time(farm_role: &SimulatedFarmRoleView, io: &mut Io<'_>) -> Result<(), Stop> {
    let mut heading = vec!["TIME", "SERVERS", "WHAT-IF"];
    let first = farm_role.buckets.first();
    for metric in first.into_iter().flat_map(|bucket| &bucket.metrics) {
        heading.extend([metric.rule_type.as_str(), "WHAT-IF"]);
    }
    let row = |bucket: &SimulatedBucketView| {
        let mut cells = vec![Cell::from(Timestamp(bucket.at).minute()), number(bucket.really)];
        cells.push(compared(bucket.really, bucket.what_if));
        for metric in &bucket.metrics {
            cells.extend([number(metric.really), number(metric.what_if)]);
        }
        cells
    };
    table::write(io, &heading, farm_role.buckets.iter().map(row).collect())?;
    Ok(())
}

fn decisions(decisions: &[SimulatedDecisionView], io: &mut Io<'_>) -> Result<(), Stop> {
    if decisions.is_empty() {
        put_line!(io.stdout, "decisions: none")?;
        return Ok(());
    }
    let line = |decision: &SimulatedDecisionView| {
        let (at, from, to) = (Timestamp(decision.at).minute(), decision.from, decision.to);
        format!("{at}  {from} -> {to}  {}", decision.why)
    };
    table::lines(io, "decisions", &decisions.iter().map(line).collect::<Vec<_>>())?;
    Ok(())
}

fn totals(
    really: &SimulatedTotalView,
    what_if: &SimulatedTotalView,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    let range = |total: &SimulatedTotalView| format!("{} to {}", total.fewest, total.most);
    let hours = |total: &SimulatedTotalView| match total.server_hours {
        hours if hours < 10.0 => format!("{hours:.2}"),
        hours => format!("{hours:.1}"),
    };
    let rows = vec![
        vec![Cell::from("server-hours"), Cell::from(hours(really)), Cell::from(hours(what_if))],
        vec![Cell::from("servers"), Cell::from(range(really)), Cell::from(range(what_if))],
        vec![
            Cell::from("changes of the target"),
            Cell::from(really.changes),
            Cell::from(what_if.changes),
        ],
        vec![
            Cell::from("minutes with the CPU saturated"),
            Cell::from(really.saturated_minutes),
            Cell::from(what_if.saturated_minutes),
        ],
    ];
    table::write(io, &["ALTOGETHER", "REALLY", "WHAT-IF"], rows)?;
    Ok(())
}

fn number(value: Option<f64>) -> Cell {
    Cell::from(value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}")))
}

/// Fewer servers than there were are good, more are busy.
fn compared(really: Option<f64>, what_if: Option<f64>) -> Cell {
    let tone = match really.zip(what_if) {
        Some((really, what_if)) if what_if < really => Tone::Good,
        Some((really, what_if)) if what_if > really => Tone::Busy,
        Some(_) | None => Tone::Plain,
    };
    Cell(number(what_if).0, tone)
}
