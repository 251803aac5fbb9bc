//! Data volumes: what servers leave behind, and its end.

use super::{Output, Row, Run};
use crate::api::Context;
use crate::api::answer::{Reply, value};
use crate::api::call::Call;
use crate::base::{Problem, Result, VolumeId};
use crate::service::servers::volumes;
use crate::wire::input::VolumeFilter;
use crate::wire::volume::STATUSES;

/// Rows of this noun.
pub const ROWS: &[Row] = &[
    Row {
        method: "GET",
        path: "/{envId}/grange/volumes/",
        about: "Lists the data volumes of this environment, also those of farms that are gone.",
        query: &["id", "farm", "farmRole", "index", "cloudPlatform", "status"],
        input: None,
        output: Output::Page("Volume"),
        run: Run::Verb(list),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/volumes/{volumeId}/",
        about: "Shows a data volume.",
        query: &[],
        input: None,
        output: Output::One("Volume"),
        run: Run::Verb(|on, call| {
            Ok(Reply::One(value(&volumes::get(&on.service, &call.actor, id(call)?)?)?, None))
        }),
    },
    Row {
        method: "DELETE",
        path: "/{envId}/grange/volumes/{volumeId}/",
        about: "Wants a data volume gone with its data; one that a server has is refused.",
        query: &[],
        input: None,
        output: Output::Nothing,
        run: Run::Verb(|on, call| {
            volumes::delete(&on.service, &call.actor, id(call)?)?;
            Ok(Reply::Nothing)
        }),
    },
];

fn id(call: &Call) -> Result<VolumeId> {
    call.param("volumeId", "volume")
}

fn list(on: &Context, call: &Call) -> Result<Reply> {
    let status = call.text("status");
    if let Some(status) = status.as_deref().filter(|status| !STATUSES.contains(status)) {
        let text = format!("{status:?} is none of: {}", STATUSES.join(", "));
        return Err(Problem::invalid("status", text));
    }
    let filter = VolumeFilter {
        id: call.query("id", "a volume's number")?,
        farm: call.text("farm"),
        alias: call.text("farmRole"),
        index: call.query("index", "a number")?,
        cloud_platform: call.text("cloudPlatform"),
        status,
    };
    call.page(|page| volumes::list(&on.service, &call.actor, &filter, page))
}
