//! `grange explain`, `events`, `status`, `role`.

use crate::base::limit::{API_PAGE_MAX, EVENTS_WAIT_MAX};
use crate::base::time::say;
use crate::base::{Millis, Timestamp};
use crate::cli::args::Events;
use crate::cli::table;
use crate::cli::{Done, Io, list, note};
use crate::client::Client;
use crate::wire::api::EventView;
use crate::wire::columns::jobs::JOBS;
use std::io;

/// Between two tries of `events --follow` to reach an appliance that went away.
const FOLLOW_PAUSE: Millis = 1_000;
/// How long it tries: longer than an upgrade or a restart of the machine takes.
const FOLLOW_PATIENCE: Millis = 600_000;

/// Tells how a thing is and why.
pub fn explain(what: &str, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let told = client.explain(what)?;
    if json {
        io.json(&told)?;
        return Ok(0);
    }
    let now = Timestamp(client.status()?.now);
    put_line!(io.stdout, "{}: {}", told.about, told.now)?;
    let because: Vec<String> = told
        .because
        .iter()
        .map(|link| {
            let end = match link.root.as_str() {
                "" => String::new(),
                root => format!("[{root}] "),
            };
            format!("{}  {:>9} ago  {end}{}", clock(link.at), age(now, link.at), link.text)
        })
        .collect();
    table::lines(io, "because (latest first, times in UTC, [where the chain ends])", &because)?;
    table::lines(io, "next", &told.waiting)?;
    note::lines(&told.notes, io)?;
    Ok(0)
}

/// The date and the time, to the second.
fn clock(at: i64) -> String {
    let time = Timestamp(at).to_string();
    time.get(..19).unwrap_or(&time).replace('T', " ")
}

fn age(now: Timestamp, at: i64) -> String {
    say(now.since(Timestamp(at)))
}

/// Shows journal entries, and with `--follow` goes on.
pub fn events(args: &Events, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let about = args.about.as_deref();
    if let Some(words) = &args.search {
        write(&client.search(words, args.after, about)?.events, io, json)?;
        return Ok(0);
    }
    let mut after = args.after;
    let mut wait: Millis = 0;
    let mut away: Millis = 0;
    loop {
        let listing = match client.events(after, API_PAGE_MAX, wait, about) {
            // Where it was once, it may come back: an upgrade is a restart.
            Err(error) if args.follow && after.is_some() && error.may_pass() => {
                if away == 0 {
                    put_line!(io.stderr, "grange: {error}; waiting for it to come back")?;
                }
                away += FOLLOW_PAUSE;
                if away > FOLLOW_PATIENCE {
                    return Err(error.into());
                }
                io.patience.pause(FOLLOW_PAUSE);
                wait = 0;
                continue;
            }
            answer => answer?,
        };
        if away > 0 {
            put_line!(io.stderr, "grange: it is back")?;
            away = 0;
        }
        if let Some(first) = listing.start_over {
            put_line!(io.stderr, "grange: entries before {first} are no longer kept")?;
        }
        write(&listing.events, io, json)?;
        io.stdout.flush()?;
        let whole = listing.events.len() < API_PAGE_MAX || after.is_none();
        after = Some(listing.seq);
        if whole {
            if !args.follow {
                return Ok(0);
            }
            wait = EVENTS_WAIT_MAX;
        }
    }
}

/// One line an entry, so that `grep` and a pipe of JSON lines work while it follows.
fn write(events: &[EventView], io: &mut Io<'_>, json: bool) -> io::Result<()> {
    for event in events {
        if json {
            io.json_line(event)?;
            continue;
        }
        let time = clock(event.at);
        let about = if event.about.is_empty() { "-" } else { event.about.as_str() };
        // An agent speaks of its own server, which has its name in the column before.
        let own = event.actor.strip_prefix("agent:").is_some_and(|of| of == event.about);
        let actor = if own { "agent" } else { event.actor.as_str() };
        let (seq, text) = (event.seq, &event.text);
        put_line!(io.stdout, "{seq:>6}  {time}  {about:<14}  {actor:<13}  {text}")?;
    }
    Ok(())
}

/// Shows how the appliance is.
pub fn status(client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let status = client.status()?;
    if json {
        io.json(&status)?;
        return Ok(0);
    }
    let facts = [
        ("version", status.version.clone()),
        ("up for", age(Timestamp(status.now), status.started_at)),
        ("farms", status.farms.to_string()),
        ("servers", status.servers.to_string()),
        ("agents", format!("{} connected", status.agents)),
        ("journal", format!("entry {}, epoch {}", status.seq, status.epoch)),
    ];
    table::facts(io, &facts)?;
    table::lines(io, "alerts", &status.alerts)?;
    table::lines(io, "published", &status.published)?;
    if !status.jobs.is_empty() {
        put_line!(io.stdout)?;
        list::usual(&JOBS, &status.jobs, io)?;
    }
    Ok(0)
}
