//! What differs between two revisions of a role, part by part, and what one has in short. Neither
//! says what is in a script or a file.

use crate::model::{Recipe, RoleRevision};
use std::collections::BTreeMap;

/// One line for each part that differs: `files[/etc/my-api.conf]: changed`.
pub fn lines(old: &RoleRevision, new: &RoleRevision) -> Vec<String> {
    let (before, after) = (parts(old), parts(new));
    let value = |parts: &Parts, path: &str| {
        parts.iter().find(|(at, _)| at == path).map(|(_, value)| value.clone())
    };
    let mut lines = Vec::new();
    for (path, now) in &after {
        match value(&before, path) {
            None => lines.push(format!("{path}: new")),
            Some(was) if was != *now => lines.push(format!("{path}: changed")),
            Some(_) => {}
        }
    }
    for (path, _) in before.iter().filter(|(path, _)| value(&after, path).is_none()) {
        lines.push(format!("{path}: removed"));
    }
    if lines.is_empty() && !old.is_like(new) {
        lines.push("the order of its parts: changed".to_owned());
    }
    lines
}

/// Each part by its path, in the order of a manifest, with all it says.
type Parts = Vec<(String, String)>;

fn parts(revision: &RoleRevision) -> Parts {
    let RoleRevision { automation, images, recipe, .. } = revision;
    let Recipe { setup, files, services, ports, check } = recipe;
    let mut all = Parts::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |path: String, value: String| {
        // Two parts of a setup may have one name.
        let times = seen.entry(path.clone()).or_default();
        *times += 1;
        let path = if *times == 1 { path } else { format!("{path}#{times}") };
        all.push((path, value));
    };
    if !automation.is_empty() {
        add("builtinAutomation".to_owned(), format!("{automation:?}"));
    }
    for image in images {
        add(format!("images[{}]", image.platform), format!("{image:?}"));
    }
    for part in setup {
        add(format!("setup[{}]", part.name), format!("{part:?}"));
    }
    for file in files {
        add(format!("files[{}]", file.path), format!("{file:?}"));
    }
    for service in services {
        add(format!("services[{}]", service.name), format!("{service:?}"));
    }
    for (name, port) in ports {
        add(format!("ports.{name}"), port.to_string());
    }
    if let Some(check) = check {
        add("check".to_owned(), format!("{check:?}"));
    }
    all
}

/// What a recipe has: `2 parts of setup, 1 file, 1 service`.
pub fn summary(recipe: &Recipe) -> String {
    let Recipe { setup, files, services, ports: _, check: _ } = recipe;
    let count = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        more => Some(format!("{more} {many}")),
    };
    let all = [
        count(setup.len(), "part of setup", "parts of setup"),
        count(files.len(), "file", "files"),
        count(services.len(), "service", "services"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { "nothing but its image".to_owned() } else { all.join(", ") }
}
