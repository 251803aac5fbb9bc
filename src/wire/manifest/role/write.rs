//! A role as text, which [`read`](super::read) reads again as the same, without any file beside it.
//! Each record is taken apart whole, so that a field that is added to it and forgotten here does
//! not compile.

use super::super::write::{Lines, length, list, scalar, word};
use super::RoleManifest;
use super::file::USUAL_MODE;
use super::service::RESTART;
use super::setup::first_line;
use crate::base::limit::SETUP_TIMEOUT;
use crate::model::{
    OnChange, Overrides, ReadyCheck, Recipe, Restart, RoleFile, RoleImage, RoleService, SetupPart,
    StopBy,
};
use std::collections::BTreeMap;

/// The YAML of a role, with lines of comment before it.
pub fn write(manifest: &RoleManifest, comments: &[String]) -> String {
    let RoleManifest { role, description, automation, images, recipe } = manifest;
    let Recipe { setup, files, services, ports, check } = recipe;
    let mut lines = Lines::default();
    for comment in comments {
        lines.line(format!("# {comment}"));
    }
    lines.field("role", scalar(role.as_str()));
    if !description.is_empty() {
        lines.field("description", scalar(description));
    }
    if !automation.is_empty() {
        let words: Vec<&str> = automation.iter().map(|one| one.as_str()).collect();
        lines.field("builtinAutomation", list(&words));
    }
    lines.items("images", images, write_image);
    lines.items("setup", setup, write_part);
    lines.items("files", files, write_file);
    lines.items("services", services, write_service);
    if !ports.is_empty() {
        lines.section("ports", |lines| {
            ports.iter().for_each(|(name, port)| lines.field(name, port));
        });
    }
    if let Some(check) = check {
        lines.section("check", |lines| write_check(lines, check, ports));
    }
    lines.text
}

/// What a farm role lays over its role, as a section of it.
pub(in crate::wire::manifest) fn write_overrides(lines: &mut Lines, overrides: &Overrides) {
    let Overrides { environment, files, setup } = overrides;
    if !environment.is_empty() {
        lines.section("environment", |lines| {
            for (service, variables) in environment {
                write_variables(lines, &scalar(service), variables);
            }
        });
    }
    lines.items("files", files, write_file);
    lines.items("setup", setup, write_part);
}

fn write_variables(lines: &mut Lines, name: &str, variables: &BTreeMap<String, String>) {
    if variables.is_empty() {
        return lines.field(name, "{}");
    }
    lines.section(name, |lines| {
        variables.iter().for_each(|(name, value)| lines.field(&scalar(name), scalar(value)));
    });
}

fn texts(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item)).collect();
    list(&items)
}

fn write_image(lines: &mut Lines, image: &RoleImage) {
    let RoleImage { platform, cloud_image_id, command } = image;
    lines.field("cloudPlatform", scalar(platform));
    lines.field("image", scalar(cloud_image_id));
    if !command.is_empty() {
        lines.field("command", texts(command));
    }
}

fn write_part(lines: &mut Lines, part: &SetupPart) {
    let SetupPart { name, script, run_as, timeout_ms, rerun } = part;
    lines.content("run", script);
    lines.unless("name", &name.as_str(), &first_line(script), scalar(name));
    if let Some(user) = run_as {
        lines.field("runAs", scalar(user));
    }
    lines.unless("timeout", timeout_ms, &SETUP_TIMEOUT, length(*timeout_ms));
    lines.unless("rerun", rerun, &false, rerun);
}

fn write_file(lines: &mut Lines, file: &RoleFile) {
    let RoleFile { path, content, template, mode, owner, check, on_change } = file;
    lines.field("path", scalar(path));
    lines.content(if *template { "template" } else { "content" }, content);
    lines.unless("mode", mode, &USUAL_MODE, format!("\"{mode:04o}\""));
    if let Some(owner) = owner {
        lines.field("owner", scalar(owner));
    }
    if !check.is_empty() {
        lines.field("check", texts(check));
    }
    match on_change {
        Some(OnChange::Reload(service)) => lines.field("reload", scalar(service)),
        Some(OnChange::Restart(service)) => lines.field("restart", scalar(service)),
        None => {}
    }
}

fn write_service(lines: &mut Lines, service: &RoleService) {
    let RoleService { name, command, run_as, directory, environment, restart, stop, open_files } =
        service;
    lines.field("name", scalar(name));
    if !command.is_empty() {
        lines.field("command", texts(command));
    }
    if let Some(user) = run_as {
        lines.field("runAs", scalar(user));
    }
    if let Some(directory) = directory {
        lines.field("directory", scalar(directory));
    }
    if !environment.is_empty() {
        write_variables(lines, "environment", environment);
    }
    lines.unless("restart", restart, &Restart::default(), word(&RESTART, restart));
    if *stop != StopBy::default() {
        let StopBy { signal, within_ms } = stop;
        lines.field("stop", format!("{{signal: {signal}, within: {}}}", length(*within_ms)));
    }
    if let Some(open) = open_files {
        lines.field("limits", format!("{{openFiles: {open}}}"));
    }
}

/// A port that has a name is said by it.
fn write_check(lines: &mut Lines, check: &ReadyCheck, ports: &BTreeMap<String, u16>) {
    let ReadyCheck { port, path } = check;
    match ports.iter().find(|(_, number)| *number == port) {
        Some((name, _)) => lines.field("port", name),
        None => lines.field("port", port),
    }
    if let Some(path) = path {
        lines.field("path", scalar(path));
    }
}
