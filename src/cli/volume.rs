//! `grange volume`.

use crate::base::{Code, Problem};
use crate::cli::args::{Listing, Showing, said};
use crate::cli::{Done, Io, Stop, list, table};
use crate::client::Client;
use crate::wire::api::servers;
use crate::wire::columns::bytes;
use crate::wire::columns::volumes::VOLUMES;
use crate::wire::deed::Deed;
use crate::wire::input::VolumeFilter;
use crate::wire::volume::{STATUSES, VolumeView};
use clap::{Args as Group, Subcommand};
use std::io;

/// Verbs of a volume.
#[derive(Debug, Subcommand)]
pub enum VolumeVerb {
    /// List data volumes: of servers, and what farms left behind that are gone
    #[command(after_help = "Example: grange volume list --status left")]
    List(Box<VolumeList>),
    /// Show a data volume
    Show {
        /// Its number, as the list has it
        id: u64,
        #[command(flatten)]
        showing: Showing,
    },
    /// Delete data volumes with everything on them; those that a server has stay
    Delete {
        /// Their numbers, as the list has them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u64>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What `volume list` is given.
#[derive(Debug, Group)]
pub struct VolumeList {
    /// Only those of a farm of this name, also when it is gone
    #[arg(long, value_parser = said::farm)]
    pub farm: Option<String>,
    /// Only those that are attached, kept, left, unknown, missing or deleting
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(STATUSES),
          hide_possible_values = true)]
    pub status: Option<String>,
    #[command(flatten)]
    pub listing: Listing,
}

/// Carries out a verb.
pub fn carry(verb: VolumeVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        VolumeVerb::List(which) => list(*which, client, io, json),
        VolumeVerb::Show { id, showing } => show(id, showing, client, io, json),
        VolumeVerb::Delete { ids, yes } => delete(&ids, yes, client, io, json),
    }
}

fn list(which: VolumeList, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    list::list(&VOLUMES, &which.listing, io, json, |asked| {
        let said = |column| asked.exactly(column).map(str::to_owned);
        let filter = VolumeFilter {
            farm: which.farm.or_else(|| said("farm")),
            status: which.status.or_else(|| said("status")),
            ..VolumeFilter::default()
        };
        Ok(client.rows_kept(&servers::VOLUMES, &[], &filter, &|volume| asked.takes(volume))?)
    })
}

fn size(size: u64) -> String {
    match size {
        0 => "unknown".to_owned(),
        size => bytes(size),
    }
}

fn show(id: u64, showing: Showing, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let volume = client.volume(id)?;
    let name = volume.id.to_string();
    list::show(&volume, &name, showing, io, json, |io| facts(&volume, io))
}

fn facts(volume: &VolumeView, io: &mut Io<'_>) -> io::Result<()> {
    let told = match volume.status.as_str() {
        "left" => "left: its farm role was removed, and finds it when it is declared again",
        "kept" => "kept: its farm role is declared, and no server of that index is there",
        "unknown" => "unknown: it lies on its cloud, and nothing says whose it is",
        "missing" => "missing: its cloud does not have it any more; its server does not start",
        other => other,
    };
    let facts = [
        ("volume", volume.id.to_string()),
        ("of", volume.name.clone()),
        ("status", told.to_owned()),
        ("server", volume.server.clone().unwrap_or_default()),
        ("size", size(volume.size)),
        ("cloud", format!("{} {}", volume.cloud_platform, volume.cloud_location)),
        ("named there", volume.cloud_volume_id.clone()),
        ("created", volume.created.clone()),
    ];
    table::facts(io, &facts)
}

/// All of them are looked at before anybody is asked, and asked about before one is deleted.
fn delete(ids: &[u64], yes: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let mut volumes = Vec::new();
    for id in ids {
        volumes.push(client.volume(*id)?);
    }
    if let Some(user) = volumes.iter().find(|volume| volume.status == "attached") {
        let text = format!("a server has volume {} ({}): it stays", user.id, user.name);
        return Err(Stop::from(Problem::new(Code::UnacceptableState, text)));
    }
    let names = volumes.iter().map(|volume| format!("{} ({})", volume.id, volume.name));
    let names = names.collect::<Vec<_>>().join(", ");
    if !io.agreed(Deed::DeleteVolume, &names, 0, yes)? {
        return Ok(1);
    }
    for volume in &volumes {
        client.volume_delete(volume.id)?;
    }
    if json {
        io.json(&volumes)?;
        return Ok(0);
    }
    for volume in &volumes {
        put_line!(io.stdout, "volume {} ({}) is being deleted", volume.id, volume.name)?;
    }
    Ok(0)
}

/// What stays of a farm that is being removed, in one line for whoever removes it.
pub fn tell_what_stays(farm: &str, client: &Client, io: &mut Io<'_>) -> Result<(), Stop> {
    let filter = VolumeFilter { farm: Some(farm.to_owned()), ..Default::default() };
    let what = match client.volumes(&filter)?.len() {
        0 => return Ok(()),
        1 => "1 data volume stays".to_owned(),
        many => format!("{many} data volumes stay"),
    };
    put_line!(io.stdout, "{what}, for a farm {farm} declared again: grange volume list, delete")?;
    Ok(())
}
