//! `grange farm`.

use crate::base::FarmId;
use crate::cli::args::FarmVerb;
use crate::cli::table::{self, Cell, Tone};
use crate::cli::{Done, Io, name, server};
use crate::client::Client;
use crate::wire::api::{FarmRoleView, FarmView};
use crate::wire::input::ServerFilter;

/// Carries out a verb.
pub fn carry(verb: FarmVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        FarmVerb::List => list(client, io, json),
        FarmVerb::Show { farm } => show(&farm, client, io, json),
        FarmVerb::Launch { farm } => {
            let farm = client.farm_launch(name::farm(client, &farm)?.id)?;
            changed(&farm, "is wanted; its servers are launched now", io, json)
        }
        FarmVerb::Terminate(args) => {
            let farm = name::farm(client, &args.farm)?;
            if !agreed("Terminate", &farm, args.yes, io)? {
                return Ok(1);
            }
            let farm = client.farm_terminate(farm.id, false)?;
            changed(&farm, "is to have no server; they finish what they do and go", io, json)
        }
        FarmVerb::Remove(args) => {
            let farm = name::farm(client, &args.farm)?;
            if !agreed("Remove", &farm, args.yes, io)? {
                return Ok(1);
            }
            client.farm_remove(farm.id, Some(farm.grange.revision))?;
            changed(&farm, "is removed once its servers are gone", io, json)
        }
    }
}

fn agreed(verb: &str, farm: &FarmView, yes: bool, io: &mut Io<'_>) -> Result<bool, super::Stop> {
    if yes {
        return Ok(true);
    }
    let servers = farm.grange.servers;
    Ok(io.confirm(&format!("{verb} farm {}? {servers} servers would be stopped.", farm.name))?)
}

fn changed(farm: &FarmView, how: &str, io: &mut Io<'_>, json: bool) -> Done {
    if json {
        io.json(farm)?;
    } else {
        writeln!(io.stdout, "farm {} {how}", farm.name)?;
    }
    Ok(0)
}

fn list(client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farms = client.farms()?;
    if json {
        io.json(&farms)?;
        return Ok(0);
    }
    let row = |farm: &FarmView| {
        vec![
            Cell::from(&farm.name),
            Cell(farm.status.clone(), Tone::of_status(&farm.status)),
            Cell::from(farm.grange.running),
            Cell::from(farm.grange.target),
            Cell::from(farm.grange.farm_roles),
            Cell::from(waiting(farm)),
        ]
    };
    let rows = farms.iter().map(row).collect();
    table::write(io, &["FARM", "STATUS", "RUNNING", "TARGET", "FARM ROLES", "WAITING"], rows)?;
    Ok(0)
}

fn waiting(farm: &FarmView) -> String {
    let freeze = farm.grange.freeze.as_ref().map(|why| format!("frozen: {why}"));
    freeze.or_else(|| farm.grange.waiting.first().cloned()).unwrap_or_default()
}

fn show(farm_name: &str, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let farm = name::farm(client, farm_name)?;
    let farm_roles = client.farm_roles(farm.id)?;
    let of_farm = ServerFilter { farm: Some(FarmId(farm.id)), ..ServerFilter::default() };
    let servers = client.servers(&of_farm)?;
    if json {
        let whole = serde_json::json!({"farm": farm, "farmRoles": farm_roles, "servers": servers});
        io.json(&whole)?;
        return Ok(0);
    }
    let facts = [
        ("farm", farm.name.clone()),
        ("status", farm.status.clone()),
        ("description", farm.description.clone()),
        ("launch order", farm.launch_order.clone()),
        ("servers", format!("{} running of {}", farm.grange.running, farm.grange.target)),
        ("plan", format!("{}", farm.grange.plan)),
        ("frozen", farm.grange.freeze.clone().unwrap_or_default()),
    ];
    table::facts(io, &facts)?;
    table::lines(io, "waiting", &farm.grange.waiting)?;
    writeln!(io.stdout)?;
    let heading = ["FARM ROLE", "ROLE", "RUNNING", "TARGET", "RANGE", "RULES"];
    table::write(io, &heading, farm_roles.iter().map(farm_role).collect())?;
    if !servers.is_empty() {
        writeln!(io.stdout)?;
        server::table(&servers, io)?;
    }
    Ok(0)
}

fn farm_role(farm_role: &FarmRoleView) -> Vec<Cell> {
    let scaling = &farm_role.scaling;
    let mut rules = farm_role.grange.rules.clone();
    rules.extend(farm_role.grange.balances.as_ref().map(|alias| format!("balances {alias}")));
    vec![
        Cell::from(&farm_role.alias),
        Cell::from(&farm_role.role.name),
        Cell::from(farm_role.grange.running),
        Cell::from(farm_role.grange.target),
        Cell::from(format!("{} to {}", scaling.min_instances, scaling.max_instances)),
        Cell::from(rules.join("; ")),
    ]
}
