//! `grange apply` and `grange plan`.

use crate::base::Timestamp;
use crate::base::time::say;
use crate::cli::args::{Apply, Plan};
use crate::cli::{Done, Io, Stop, name, table};
use crate::client::Client;
use crate::wire::api::{ManifestRequest, ManifestResult, PlanView};

/// Declares what a manifest says; asks first when servers would be stopped.
pub fn apply(args: &Apply, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let request = ManifestRequest {
        manifest: io.text(&args.file)?,
        prune: args.prune,
        dry_run: false,
        launch: !args.no_launch,
    };
    if !args.yes && !agreed(&request, client, io)? {
        return Ok(1);
    }
    let result = client.apply(&request)?;
    if json {
        io.json(&result)?;
        return Ok(0);
    }
    tell(&result, "declared", io)?;
    Ok(0)
}

/// A dry run tells what would be stopped. Between it and the change somebody may change the farm;
/// what is asked about is then what was true a moment ago, as with every question.
fn agreed(request: &ManifestRequest, client: &Client, io: &mut Io<'_>) -> Result<bool, Stop> {
    let proposal = client.apply(&ManifestRequest { dry_run: true, ..request.clone() })?;
    if proposal.stops == 0 {
        return Ok(true);
    }
    for line in proposal.changes.iter().chain(&proposal.steps) {
        writeln!(io.stderr, "  {line}")?;
    }
    let (farm, stops) = (&proposal.farm, proposal.stops);
    Ok(io.confirm(&format!("Change farm {farm}? {stops} servers would be stopped."))?)
}

fn tell(result: &ManifestResult, done: &str, io: &mut Io<'_>) -> Result<(), Stop> {
    match result.changes.is_empty() {
        true => writeln!(io.stdout, "farm {}: nothing changes", result.farm)?,
        false => table::lines(io, &format!("farm {}: {done}", result.farm), &result.changes)?,
    }
    table::lines(io, "next", &result.steps)?;
    Ok(())
}

/// Shows what a manifest would change, or a farm's current plan.
pub fn plan(args: &Plan, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    if let Some(file) = &args.file {
        let manifest = io.text(file)?;
        let request = ManifestRequest { manifest, prune: args.prune, dry_run: true, launch: true };
        let result = client.apply(&request)?;
        if json {
            io.json(&result)?;
            return Ok(0);
        }
        tell(&result, "would change", io)?;
        if result.stops > 0 {
            writeln!(io.stdout, "{} servers would be stopped", result.stops)?;
        }
        return Ok(0);
    }
    let farm = name::farm(client, args.farm.as_deref().unwrap_or_default())?;
    let plan = client.plan_of_farm(farm.id)?;
    if json {
        io.json(&plan)?;
        return Ok(0);
    }
    let now = Timestamp(client.status()?.now);
    show(&plan, now, io)?;
    Ok(0)
}

fn show(plan: &PlanView, now: Timestamp, io: &mut Io<'_>) -> Result<(), Stop> {
    let age = say(now.since(Timestamp(plan.at)));
    let parent = plan.parent.map(|parent| format!(", after plan {parent}")).unwrap_or_default();
    writeln!(io.stdout, "plan {} of farm {}, {age} ago{parent}", plan.id, plan.farm)?;
    table::lines(io, "changes", &plan.moves)?;
    table::lines(io, "why", &plan.report)?;
    Ok(())
}
