//! Images over the API: by Scalr's fields, and the import of those that `onboard` keeps itself.

use super::api::route::{Created, NoBody, Nothing, Object, Parameters, Query, Route, Rows, Shaped};
use serde::{Deserialize, Serialize};

/// Lists images by name.
pub const IMAGES: Route<ImageFilter, Rows<ImageView>> =
    Route::list("/{envId}/images/", "Lists images, by name.");

/// Shows one image whole.
pub const IMAGE: Route<NoBody, Object<ImageView>> =
    Route::show("/{envId}/images/{imageId}/", "Shows an image.");

/// Deletes an unused image.
pub const IMAGE_REMOVE: Route<NoBody, Nothing> =
    Route::remove("/{envId}/images/{imageId}/", "Deletes an image that nothing uses.");

/// Imports an image of `onboard`.
pub const IMAGE_IMPORT: Route<ImageImport, Created<ImageView>> = Route::upload(
    "/{envId}/grange/images/",
    "Imports an image for onboard: the body is a root file system as a tar archive, or a container \
     archive, as it is or packed with gzip.",
);

/// Which images are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// Of this name.
    pub name: Option<String>,
    /// On this platform.
    pub cloud_platform: Option<String>,
}

/// How an image is imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageImport {
    /// Its name; required.
    pub name: Option<String>,
}

/// An image, by Scalr's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageView {
    /// Its UUID, as text.
    pub id: String,
    /// What roles call it.
    pub name: String,
    /// The system in it.
    pub os: OsKey,
    /// What it runs on: `x86_64`, `aarch64`.
    pub architecture: String,
    /// The platform it is on.
    pub cloud_platform: String,
    /// The location there.
    pub cloud_location: String,
    /// The platform's own id of it.
    pub cloud_image_id: String,
    /// `environment`: there is no other scope yet.
    pub scope: String,
    /// `Manual`: none is made of a server yet.
    pub source: String,
    /// `active`: one that fails is not there.
    pub status: String,
    /// What Scalr has no word for.
    pub grange: ImageExtra,
}

/// Names a system, as `debian-12`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OsKey {
    /// Empty where the image does not say.
    pub id: String,
}

/// More of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageExtra {
    /// The record's, for `If-Match`.
    pub revision: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Files, directories and links of it.
    pub entries: u64,
    /// The program in it, with its arguments.
    pub command: Vec<String>,
    /// Who that runs as; empty for root.
    pub user: String,
    /// Its environment, as `NAME=value`.
    pub environment: Vec<String>,
    /// Where it starts; empty for `/`.
    pub directory: String,
    /// Ports it serves, as `80/tcp`.
    pub ports: Vec<String>,
    /// When it was imported, ms UTC.
    pub added_at: i64,
    /// The name of who imported it.
    pub added_by: String,
    /// What uses it: roles, and farm roles by what their servers are made of or could go back to.
    pub used_by: Vec<String>,
    /// What of the archive was left out, a line each; only in the answer to an import.
    pub notes: Vec<String>,
}

impl Shaped for ImageView {
    const SHAPE: &'static str = "Image";

    fn revision(&self) -> Option<u64> {
        Some(self.grange.revision)
    }
}

impl Query for ImageFilter {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("name", &mut self.name);
        visit.text("cloudPlatform", &mut self.cloud_platform);
    }
}

impl Query for ImageImport {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("name", &mut self.name);
    }
}
