//! `grange apply` and `grange plan`.

use crate::base::time::say;
use crate::base::{Code, Millis, Problem, Timestamp};
use crate::cli::args::{Apply, Plan};
use crate::cli::exit::NOT_WHAT_RUNS;
use crate::cli::{Done, Io, Stop, name, proposal, table, wait};
use crate::client::{Client, Error};
use crate::wire::api::{ManifestRequest, ManifestResult, PlanView};
use crate::wire::proposal::is_meant;
use std::io::{self, Write};
use std::path::Path;

/// How often a person is asked about a farm that changes while they read.
const QUESTIONS_MAX: usize = 5;

/// Declares what a manifest says, or applies a proposal; asks first when servers would be stopped.
pub fn apply(args: &Apply, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let path = args.file.as_deref().or(args.proposal.as_deref()).unwrap_or(Path::new("-"));
    let text = io.text(path)?;
    if is_meant(&text) {
        if args.prune || args.launch || args.no_launch {
            return Err(proposal::has_its_own(path).into());
        }
        let result = proposal::apply(text, args.yes, client, io, json)?;
        return ended(result, args.wait, client, io);
    }
    let request = ManifestRequest {
        manifest: text,
        prune: args.prune,
        launch: !args.no_launch,
        ..ManifestRequest::default()
    };
    if args.yes {
        let result = client.apply(&request)?;
        done(&result, false, io, json)?;
        return ended(Some(result), args.wait, client, io);
    }
    let ask = |dry_run: bool, fingerprint: Option<String>| {
        client.apply(&ManifestRequest { dry_run, fingerprint, ..request.clone() })
    };
    let result = ask_and_carry(ask, io, json)?;
    ended(result, args.wait, client, io)
}

/// The exit code of what was declared, after waiting for it where that is wanted; 1 when a person
/// said no.
fn ended(
    result: Option<ManifestResult>,
    wait: Option<Millis>,
    client: &Client,
    io: &mut Io<'_>,
) -> Done {
    let Some(result) = result else { return Ok(1) };
    match wait {
        // It was behind before, and nothing that changes that was declared.
        Some(at_most) if result.behind.is_empty() => {
            io.stdout.flush()?;
            wait::until_declared(&result, at_most, client, io)
        }
        _ => Ok(ending(&result)),
    }
}

/// Shows what a request would change of a farm and carries out just that; `None` when a person said
/// no. The request is told whether it is a dry run, and else the fingerprint of what was shown.
/// Between the two somebody may change the farm; then it is another change, and the person is asked
/// again.
pub fn ask_and_carry(
    request: impl Fn(bool, Option<String>) -> Result<ManifestResult, Error>,
    io: &mut Io<'_>,
    json: bool,
) -> Result<Option<ManifestResult>, Stop> {
    let mut asked = false;
    for _ in 0..QUESTIONS_MAX {
        let shown = request(true, None)?;
        if asked || shown.stops > 0 {
            asked = true;
            tell(&shown, "would change", if json { io.stderr } else { io.stdout })?;
            let question = format!("Change farm {}? {}.", shown.farm, stops(shown.stops));
            if !io.confirm(&question)? {
                return Ok(None);
            }
        }
        match request(false, Some(shown.fingerprint)) {
            Ok(result) => {
                done(&result, asked, io, json)?;
                return Ok(Some(result));
            }
            Err(error) if error.code() == Some(Code::RevisionConflict) && io.interactive => {
                put_line!(io.stderr, "The farm changed meanwhile, nothing was done.")?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let message = "the farm changes faster than you can agree to it; nothing was done";
    Err(Problem::new(Code::RevisionConflict, message).into())
}

/// `3 servers would be stopped`.
pub fn stops(count: u32) -> String {
    match count {
        0 => "No server would be stopped".to_owned(),
        1 => "1 server would be stopped".to_owned(),
        count => format!("{count} servers would be stopped"),
    }
}

/// Says that it is done; what was shown for the question is not shown again.
pub fn done(result: &ManifestResult, shown: bool, io: &mut Io<'_>, json: bool) -> Result<(), Stop> {
    if json {
        io.json(result)?;
    } else if shown {
        put_line!(io.stdout, "farm {}: declared", result.farm)?;
        section(io.stdout, "declared, and not what runs", &result.behind)?;
        section(io.stdout, "not well", &result.unwell)?;
    } else {
        tell(result, "declared", io.stdout)?;
    }
    Ok(())
}

/// The exit code: what is declared is not what runs, and nothing goes on by itself.
fn ending(result: &ManifestResult) -> u8 {
    if result.behind.is_empty() { 0 } else { NOT_WHAT_RUNS }
}

fn tell(result: &ManifestResult, how: &str, to: &mut dyn Write) -> io::Result<()> {
    match result.changes.is_empty() {
        true => put_line!(to, "farm {}: nothing changes", result.farm)?,
        false => section(to, &format!("farm {}: {how}", result.farm), &result.changes)?,
    }
    section(to, "next", &result.steps)?;
    section(to, "stopped, now or later", &result.stopped)?;
    section(to, "declared, and not what runs", &result.behind)?;
    section(to, "not well", &result.unwell)
}

/// Lines under a title; nothing when there are none.
pub fn section(to: &mut dyn Write, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    put_line!(to, "{title}")?;
    lines.iter().try_for_each(|line| put_line!(to, "  {line}"))
}

/// Shows what a manifest would change, a proposal, or a farm's current plan.
pub fn plan(args: &Plan, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let what = args.what.as_deref().unwrap_or_default();
    // No farm's name has one of these.
    let named = Some(Path::new(what)).filter(|_| what.contains(['.', '/']) || what == "-");
    let Some(path) = args.file.as_deref().or(named) else {
        return plan_of_farm(what, client, io, json);
    };
    let text = io.text(path)?;
    if is_meant(&text) {
        if args.prune || args.no_launch || args.out.is_some() {
            return Err(proposal::has_its_own(path).into());
        }
        return proposal::show(text, client, io, json);
    }
    let request = ManifestRequest {
        manifest: text,
        prune: args.prune,
        dry_run: true,
        launch: !args.no_launch,
        fingerprint: None,
    };
    if let Some(out) = &args.out {
        return proposal::make(request, out, args.expires, client, io, json);
    }
    let result = client.apply(&request)?;
    if json {
        io.json(&result)?;
        return Ok(ending(&result));
    }
    tell(&result, "would change", io.stdout)?;
    if result.stops > 0 {
        put_line!(io.stdout, "{}", stops(result.stops))?;
    }
    Ok(ending(&result))
}

fn plan_of_farm(farm: &str, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farm = name::farm(client, farm)?;
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
    let (number, farm) = (plan.id, &plan.farm);
    if number == 0 {
        put_line!(io.stdout, "farm {farm} has no plan yet: there was nothing to do so far")?;
    } else {
        let age = say(now.since(Timestamp(plan.at)));
        let parent = plan.parent.map(|parent| format!(", after plan {parent}")).unwrap_or_default();
        put_line!(io.stdout, "plan {number} of farm {farm}, {age} ago{parent}")?;
    }
    table::lines(io, "changes", &plan.moves)?;
    table::lines(io, "why", &plan.report)?;
    Ok(())
}
