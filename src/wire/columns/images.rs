//! The list of images.

use super::{Cell, Column, Get, List, minute};
use crate::wire::image::ImageView;

/// Images that servers are started from.
pub const IMAGES: List<ImageView> =
    List { of: "images", columns: COLUMNS, name: |image| image.name.clone() };

type This = Column<ImageView>;

const COLUMNS: &[This] = &[
    This::new("image", "Its name", Get::Text(|image| Some(image.name.clone()))),
    This::new("os", "Its system", Get::Text(|image| Some(image.os.id.clone()))),
    This::new(
        "architecture",
        "What it runs on",
        Get::Text(|image| Some(image.architecture.clone())),
    ),
    This::new("platform", "Where it is", Get::Text(|image| Some(image.cloud_platform.clone()))),
    This::new("bytes", "Bytes of all its files", Get::Count(|image| Some(image.grange.bytes))),
    This::new(
        "used",
        "How many roles and farm roles use it",
        Get::Count(|image| u64::try_from(image.grange.used_by.len()).ok()),
    ),
    This::new("added", "When it was imported", Get::Moment(|image| Some(image.grange.added_at)))
        .shown(|image| Cell::from(minute(image.grange.added_at))),
    This::new("id", "Its UUID", Get::Text(|image| Some(image.id.clone()))).wide(),
    This::new(
        "content",
        "The platform's own id of it",
        Get::Text(|image| Some(image.cloud_image_id.clone())),
    )
    .wide(),
];
