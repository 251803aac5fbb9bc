//! Images: what servers are started from.

use super::Row;
use crate::api::call::Call;
use crate::base::{ImageId, Result};
use crate::service::farms::images;
use crate::wire::image::{IMAGE, IMAGE_IMPORT, IMAGE_REMOVE, IMAGES};
use std::sync::LazyLock;

/// Rows of this noun.
pub static ROWS: LazyLock<[Row; 4]> = LazyLock::new(|| {
    [
        Row::rows(&IMAGES, |on, call, filter, page| {
            images::list(&on.service, &call.actor, &filter, page)
        }),
        Row::show(&IMAGE, |on, call, _| images::get(&on.service, &call.actor, image(call)?)),
        Row::nothing(&IMAGE_REMOVE, |on, call| {
            images::remove(&on.service, &call.actor, image(call)?, call.revision)
        }),
        Row::uploaded(&IMAGE_IMPORT, |on, call, asked, arriving| {
            images::import(&on.service, &call.actor, &asked, arriving)
        }),
    ]
});

fn image(call: &Call) -> Result<ImageId> {
    call.param("imageId", "image")
}
