//! `grange farm`.

use crate::base::text::escape_lines;
use crate::base::{Code, FarmId, Millis, Problem};
use crate::cli::args::{FarmVerb, Several, Showing};
use crate::cli::table;
use crate::cli::wait::{self, Waited};
use crate::cli::{Done, Io, exit, list, name, note, volume};
use crate::client::Client;
use crate::wire::api::{FarmExtra, FarmRoleView, FarmView, ServerView, farms};
use crate::wire::columns::farm_roles::FARM_ROLES;
use crate::wire::columns::farms::FARMS;
use crate::wire::columns::servers::SERVERS;
use crate::wire::deed::Deed;
use crate::wire::input::{FarmFilter, ServerFilter};
use std::io;
use std::path::Path;

/// Carries out a verb.
pub fn carry(verb: FarmVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        FarmVerb::List(listing) => list::list(&FARMS, &listing, io, json, |asked| {
            let text = |column| asked.exactly(column).map(str::to_owned);
            let (name, status) = (text("farm"), text("status"));
            let filter = FarmFilter { name, status, ..FarmFilter::default() };
            Ok(client.rows_kept(&farms::FARMS, &[], &filter, &|farm| asked.takes(farm))?)
        }),
        FarmVerb::Show { farm, showing } => show(&farm, showing, client, io, json),
        FarmVerb::Launch { farm } => {
            let farm = client.farm_launch(name::farm(client, &farm)?.id)?;
            changed(&farm, "is wanted; its servers are launched now", io, json)
        }
        FarmVerb::Stop(args) => stop(&args, client, io, json),
        FarmVerb::Start(args) => start(&args, client, io, json),
        FarmVerb::Terminate(args) => {
            let farm = name::farm(client, &args.farm)?;
            if !agreed(Deed::TerminateFarm, &farm, args.yes, io)? {
                return Ok(1);
            }
            let farm = client.farm_terminate(farm.id, false)?;
            changed(&farm, "is to have no server; they finish what they do and go", io, json)
        }
        FarmVerb::Remove(args) => {
            let farm = name::farm(client, &args.farm)?;
            if !agreed(Deed::RemoveFarm, &farm, args.yes, io)? {
                return Ok(1);
            }
            client.farm_remove(farm.id, Some(farm.grange.revision))?;
            let done = changed(&farm, "is removed once its servers are gone", io, json)?;
            if !json {
                volume::tell_what_stays(&farm.name, client, io)?;
            }
            Ok(done)
        }
        FarmVerb::Export { farm, out } => {
            export(&farm, out.as_deref().unwrap_or(Path::new("-")), client, io, json)
        }
    }
}

/// The farms a verb is about: the one that is named, or all that are in one of these states.
fn chosen(args: &Several, client: &Client, states: &[&str]) -> Result<Vec<FarmView>, super::Stop> {
    match &args.farm {
        Some(farm) => Ok(vec![name::farm(client, farm)?]),
        None if !args.all => Err(unnamed(&client.farms()?, states)),
        None => {
            let mut farms = client.farms()?;
            farms.retain(|farm| states.contains(&farm.status.as_str()));
            Ok(farms)
        }
    }
}

/// Nobody guesses which farm is meant: the choice is said instead.
fn unnamed(farms: &[FarmView], states: &[&str]) -> super::Stop {
    let fits = farms.iter().filter(|farm| states.contains(&farm.status.as_str()));
    let names: Vec<&str> = fits.map(|farm| farm.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => "which farm? None is in a state for it: grange farm list".to_owned(),
        names => format!("which farm? {}, or --all of them", names.join(", ")),
    };
    Problem::new(Code::BadRequest, text).into()
}

/// Shuts farms down, as the script of a power supply does before the power ends.
fn stop(args: &Several, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farms = chosen(args, client, &["running", "pending_launch", "pending_suspend"])?;
    let agreed = match farms.as_slice() {
        [] => true,
        [farm] => agreed(Deed::StopFarm, farm, args.yes, io)?,
        _ if args.yes => true,
        farms => {
            let names: Vec<&str> = farms.iter().map(|farm| farm.name.as_str()).collect();
            let servers: u32 = farms.iter().map(|farm| farm.grange.servers).sum();
            let names = names.join(", ");
            io.confirm(&format!("Stop {names}: shut their {servers} servers down and keep them?"))?
        }
    };
    if !agreed {
        return Ok(1);
    }
    let ask = |farm: &FarmView| client.farm_suspend(farm.id);
    carry_all(args, &farms, &ask, "is to be stopped; its servers are kept", client, io, json)
}

/// Brings farms up again that were stopped.
fn start(args: &Several, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farms = chosen(args, client, &["suspended", "pending_suspend"])?;
    let ask = |farm: &FarmView| client.farm_resume(farm.id);
    carry_all(args, &farms, &ask, "is to be started again", client, io, json)
}

/// Asks for each farm, then waits for all of them if that is wanted. One that refuses does not
/// keep the others from being asked.
fn carry_all(
    args: &Several,
    farms: &[FarmView],
    ask: &dyn Fn(&FarmView) -> Result<FarmView, crate::client::Error>,
    how: &str,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    if farms.is_empty() {
        put_line!(io.stderr, "no farm is in a state for it")?;
        return Ok(0);
    }
    let (mut asked, mut refused) = (Vec::new(), None);
    for farm in farms {
        match ask(farm) {
            Ok(farm) => asked.push(farm),
            Err(error) if farms.len() == 1 => return Err(error.into()),
            Err(error) => {
                put_line!(io.stderr, "{}: {error}", farm.name)?;
                refused = Some(error);
            }
        }
    }
    if json {
        io.json(&asked)?;
    } else {
        for farm in &asked {
            put_line!(io.stdout, "farm {} {how}", farm.name)?;
        }
    }
    let ended = match args.wait {
        Some(length) => {
            io.stdout.flush()?;
            wait(&asked, length, client, io)?
        }
        None => 0,
    };
    refused.map_or(Ok(ended), |error| Err(error.into()))
}

/// Waits until every farm has come to rest, and says of those that have not that they go on; the
/// exit code.
fn wait(farms: &[FarmView], length: Millis, client: &Client, io: &mut Io<'_>) -> Done {
    let mut moving: Vec<String> = Vec::new();
    let waited = wait::until(length, io, |_| {
        let now = client.farms()?;
        let rests = |farm: &&FarmView| match farm.status.as_str() {
            "suspended" => true,
            "running" => farm.grange.running >= farm.grange.target,
            _ => false,
        };
        let asked = now.iter().filter(|farm| farms.iter().any(|asked| asked.id == farm.id));
        moving = asked.filter(|farm| !rests(farm)).map(|farm| farm.name.clone()).collect();
        Ok(moving.is_empty().then_some(()))
    })?;
    let (how, code) = match waited {
        Waited::Found(()) => return Ok(0),
        Waited::Late => ("is not there yet", exit::LATE),
        Waited::Interrupted => ("is no longer waited for and goes on", exit::INTERRUPTED),
    };
    for farm in &moving {
        put_line!(io.stderr, "farm {farm} {how}")?;
    }
    Ok(code)
}

/// Writes a farm as a manifest.
fn export(farm: &str, out: &Path, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let exported = client.farm_manifest(name::farm(client, farm)?.id)?;
    if json {
        io.json(&exported)?;
        return Ok(0);
    }
    // What was declared before there was a check of texts may have what a terminal obeys.
    let text = match io.terminal {
        true => escape_lines(&exported.manifest),
        false => exported.manifest.as_str().into(),
    };
    io.put(out, &text)?;
    Ok(0)
}

fn agreed(deed: Deed, farm: &FarmView, yes: bool, io: &mut Io<'_>) -> Result<bool, super::Stop> {
    Ok(io.agreed(deed, &farm.name, farm.grange.servers, yes)?)
}

fn changed(farm: &FarmView, how: &str, io: &mut Io<'_>, json: bool) -> Done {
    if json {
        io.json(farm)?;
    } else {
        put_line!(io.stdout, "farm {} {how}", farm.name)?;
    }
    Ok(0)
}

fn servers_of(farm: &FarmExtra) -> String {
    let of = format!("{} running of {}", farm.running, farm.target);
    match farm.unhealthy {
        0 => of,
        unhealthy => format!("{of}, {unhealthy} unhealthy"),
    }
}

fn show(farm_name: &str, showing: Showing, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farm = name::farm(client, farm_name)?;
    let farm_roles = client.farm_roles(farm.id)?;
    let of_farm = ServerFilter { farm: Some(FarmId(farm.id)), ..ServerFilter::default() };
    let servers = client.servers(&of_farm)?;
    let whole = serde_json::json!({"farm": farm, "farmRoles": farm_roles, "servers": servers});
    list::show(&whole, &farm.name, showing, io, json, |io| facts(&farm, &farm_roles, &servers, io))
}

fn facts(
    farm: &FarmView,
    farm_roles: &[FarmRoleView],
    servers: &[ServerView],
    io: &mut Io<'_>,
) -> io::Result<()> {
    let plan = match farm.grange.plan {
        0 => "none yet".to_owned(),
        plan => plan.to_string(),
    };
    let facts = [
        ("farm", farm.name.clone()),
        ("status", farm.status.clone()),
        ("description", farm.description.clone()),
        ("launch order", farm.launch_order.clone()),
        ("servers", servers_of(&farm.grange)),
        ("plan", plan),
        ("frozen", farm.grange.freeze.clone().unwrap_or_default()),
    ];
    table::facts(io, &facts)?;
    table::lines(io, "held", &farm.grange.holds)?;
    table::lines(io, "waiting", &farm.grange.waiting)?;
    let of_role = |role: &FarmRoleView| -> Vec<String> {
        let lines = role.grange.published.iter().map(|published| published.line());
        lines.map(|line| format!("{}: {line}", role.alias)).collect()
    };
    let published: Vec<String> = farm_roles.iter().flat_map(of_role).collect();
    table::lines(io, "published", &published)?;
    let own = farm_roles.iter().flat_map(|role| {
        role.grange.overrides.iter().map(|line| format!("{}: {line}", role.alias))
    });
    table::lines(io, "overrides", &own.collect::<Vec<_>>())?;
    let let_out = farm_roles.iter().filter(|role| role.grange.outbound);
    let let_out: Vec<String> = let_out.map(|role| role.alias.clone()).collect();
    table::lines(io, "outbound", &let_out)?;
    let of_roles = farm_roles.iter().flat_map(|role| &role.grange.notes);
    note::lines(farm.grange.notes.iter().chain(of_roles), io)?;
    put_line!(io.stdout)?;
    list::usual(&FARM_ROLES, farm_roles, io)?;
    if !servers.is_empty() {
        put_line!(io.stdout)?;
        list::usual(&SERVERS, servers, io)?;
    }
    Ok(())
}
