//! Replacing the sealing key over the API.

use crate::wire::api::route::{Body, Object, Route, Shaped};
use serde::{Deserialize, Serialize};

/// Replaces the key that seals hidden values.
pub const KEY_ROTATE: Route<RotateKeyInput, Object<RotatedView>> = Route::act(
    "/{envId}/grange/actions/rotate-key/",
    "Replaces the key that seals what is hidden, and seals all of it anew.",
);

/// Body of `POST .../grange/actions/rotate-key/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RotateKeyInput {
    /// The key is missing and will not be found: begin with a new one, and leave what the old one
    /// sealed closed.
    pub lost: bool,
}

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RotatedView {
    /// The number of the key that seals from now on.
    pub key: String,
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Values that do not open and have to be set anew.
    pub closed: u64,
}

impl Shaped for RotatedView {
    const SHAPE: &'static str = "RotatedKey";
}

impl Body for RotateKeyInput {
    const NAMED: Option<(&'static str, &'static str)> = Some(("rotation", "RotateKeyRequest"));
}
