//! Of images.

use super::{AT, ENV, check, name};
use crate::base::{ImageId, UserId};
use crate::model::{Image, ImageDefaults};
use std::collections::BTreeMap;

/// The bytes of an image, with what it says of the program in it.
fn image_bytes(defaults: &str) -> String {
    format!("000000000000000000000000000000030101640170016c0163016f01610102{defaults}fbd00704")
}

#[test]
fn what_servers_are_started_from() {
    let bare = Image {
        id: ImageId(3),
        env: ENV,
        name: name("d"),
        platform: "p".to_owned(),
        location: "l".to_owned(),
        cloud_image_id: "c".to_owned(),
        os: "o".to_owned(),
        architecture: "a".to_owned(),
        bytes: 1,
        entries: 2,
        defaults: ImageDefaults::default(),
        added_at: AT,
        added_by: UserId(4),
    };
    check(&bare, &image_bytes("0000000000"));
    let defaults = ImageDefaults {
        command: vec!["s".to_owned()],
        user: Some("u".to_owned()),
        environment: BTreeMap::from([("n".to_owned(), "v".to_owned())]),
        directory: Some("w".to_owned()),
        ports: vec!["x".to_owned()],
    };
    let said = "01017301017501016e0176010177010178";
    check(&Image { defaults, ..bare }, &image_bytes(said));
}
