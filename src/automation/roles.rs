//! The roles every appliance has, read from the file that is embedded.

use crate::base::{EnvironmentId, Name, RoleId, Timestamp, UserId};
use crate::model::{Automation, Role, RoleImage};
use serde::Deserialize;

const BUILT_IN: &str = include_str!("../../assets/roles/builtin.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    role: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Name,
    description: String,
    automation: Vec<Automation>,
    image: Vec<RoleImage>,
}

/// The built-in roles, in environment 1 and without a number: that is given where they are put.
pub fn builtin_roles() -> Vec<Role> {
    let file: File = toml::from_str(BUILT_IN).expect("the embedded file is read by a test");
    let role = |entry: Entry| Role {
        id: RoleId(0),
        env: EnvironmentId(1),
        name: entry.name,
        description: entry.description,
        automation: entry.automation,
        images: entry.image,
        built_in: true,
        revision: 1,
        created_by: UserId(0),
        created_at: Timestamp(0),
    };
    file.role.into_iter().map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roles_are_whole() {
        let roles = builtin_roles();
        let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["base", "web-demo", "haproxy"]);
        for role in &roles {
            assert!(role.built_in);
            for platform in ["onboard", "simulated"] {
                let image = role.image(platform).unwrap();
                assert_eq!(image.cloud_image_id, format!("builtin:{}", role.name));
            }
        }
        let command = &roles[1].image("onboard").unwrap().command;
        assert_eq!(command.join(" "), "{grange} demo-web --port 8080");
        assert_eq!(roles[2].automation, [Automation::Haproxy]);
    }
}
