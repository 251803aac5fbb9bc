//! The list of data volumes.

use super::{Cell, Column, Get, List, Tone, day};
use crate::base::Timestamp;
use crate::wire::volume::{STATUSES, VolumeView};

/// Data volumes.
pub const VOLUMES: List<VolumeView> =
    List { of: "volumes", columns: COLUMNS, name: |volume| volume.id.to_string() };

type This = Column<VolumeView>;

const COLUMNS: &[This] = &[
    This::new("volume", "Its number", Get::Count(|volume| Some(volume.id))),
    This::new(
        "of",
        "The server and mount point it belongs to, as shop/web-2:/data",
        Get::Text(|volume| Some(volume.name.clone())),
    ),
    This::new(
        "status",
        "attached, kept, left, unknown, missing or deleting",
        Get::Text(|volume| Some(volume.status.clone())),
    )
    .shown(|volume| Cell(volume.status.clone(), tone(&volume.status)))
    .one_of(|| STATUSES.to_vec()),
    This::new(
        "size",
        "As it was declared last",
        Get::Bytes(|volume| Some(volume.size).filter(|size| *size > 0)),
    )
    .shown(|volume| match volume.size {
        0 => Cell::from("unknown"),
        size => Cell::from(super::bytes(size)),
    }),
    This::new("cloud", "The platform", Get::Text(|v| Some(v.cloud_platform.clone()))),
    This::new("created", "When it was first asked for", Get::Day(created))
        .shown(|volume| Cell::from(created(volume).map_or_else(String::new, day))),
    This::new("farm", "The farm, which may be gone", Get::Text(|v| v.farm.clone())).wide(),
    This::new("role", "The farm role, which may be gone", Get::Text(|v| v.alias.clone())).wide(),
    This::new("server", "The UUID of the server that has it", Get::Text(|v| v.server.clone()))
        .wide(),
    This::new(
        "mount point",
        "Where the server sees it",
        Get::Text(|volume| volume.mount_point.clone()),
    )
    .wide(),
    This::new("location", "Where on the platform", Get::Text(|v| Some(v.cloud_location.clone())))
        .wide(),
    This::new(
        "cloud id",
        "What the platform calls it",
        Get::Text(|volume| Some(volume.cloud_volume_id.clone())),
    )
    .wide(),
];

fn tone(status: &str) -> Tone {
    match status {
        "attached" => Tone::Good,
        "deleting" => Tone::Busy,
        "missing" | "unknown" => Tone::Bad,
        _ => Tone::Plain,
    }
}

fn created(volume: &VolumeView) -> Option<i64> {
    let day = volume.created.get(..10)?;
    crate::wire::moment::parse(day, Timestamp(0)).ok().map(|at| at.0)
}
