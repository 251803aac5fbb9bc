//! `files`: what is put in place on a server, and what a change of it does.

use super::super::fault::suggest;
use super::super::section::Section;
use super::super::value::name;
use super::Reader;
use super::word::{absolute, argument, beside, content, mode, user};
use crate::base::limit::{COMMAND_ARGUMENTS_MAX, ROLE_PARTS_MAX};
use crate::model::{OnChange, RoleFile};

/// Where the text of a file may be; whether it is a template, and whether it is in a file beside
/// the manifest.
const WAYS: [(&str, bool, bool); 4] = [
    ("content", false, false),
    ("template", true, false),
    ("source", false, true),
    ("templateSource", true, true),
];
/// A file's mode where none is said.
pub const USUAL_MODE: u32 = 0o644;

/// Reads every file that is whole; what a change does is for one of these services, `None` when not
/// all of their names can be read.
pub fn read(
    fields: &mut Section<'_>,
    services: &Option<Vec<String>>,
    reader: &mut Reader<'_>,
) -> Vec<RoleFile> {
    let items = fields.count("files");
    if items > ROLE_PARTS_MAX {
        fields.missing("files", reader.sink, format!("{items} files: at most {ROLE_PARTS_MAX}"));
    }
    let mut files: Vec<RoleFile> = Vec::new();
    for one in fields.list("files", reader.sink).into_iter().take(ROLE_PARTS_MAX) {
        let at = one.at("path");
        let Some(file) = file(one, services, reader) else { continue };
        if files.iter().any(|other| other.path == file.path) {
            reader.sink.fault_at(&at, format!("{} is there twice", file.path));
        }
        files.push(file);
    }
    files
}

fn file(
    mut fields: Section<'_>,
    services: &Option<Vec<String>>,
    reader: &mut Reader<'_>,
) -> Option<RoleFile> {
    let path = fields.required("path", reader.sink, absolute);
    let said = text(&mut fields, reader);
    let mode = fields.optional("mode", reader.sink, mode);
    let owner = fields.optional("owner", reader.sink, user);
    let check = fields.words("check", COMMAND_ARGUMENTS_MAX, reader.sink, argument);
    if check.first().is_some_and(|(_, word)| word.trim().is_empty()) {
        reader.sink.fault_at(&fields.at("check"), "the first word is the program: it is empty");
    }
    let reload = named(&mut fields, "reload", services, reader);
    let restart = named(&mut fields, "restart", services, reader);
    if reload.is_some() && restart.is_some() {
        let text = "a change reloads a service or restarts one, not both";
        reader.sink.fault_at(&fields.at("restart"), text);
    }
    fields.finish(reader.sink);
    let (content, template) = said?;
    Some(RoleFile {
        path: path?,
        content,
        template,
        mode: mode.unwrap_or(USUAL_MODE),
        owner,
        check: check.into_iter().map(|(_, word)| word).collect(),
        on_change: reload.map(OnChange::Reload).or(restart.map(OnChange::Restart)),
    })
}

/// The text of a file, and whether it is a template.
fn text(fields: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<(String, bool)> {
    let mut found = None;
    let mut ways = 0;
    for (way, template, is_beside) in WAYS {
        let read = if is_beside { beside } else { content };
        let text = fields.optional(way, reader.sink, read);
        let at = fields.at(way);
        let text = if is_beside { reader.source(&at, text) } else { text };
        // An empty file is one, so that the field being there counts.
        if !fields.has(way) {
            continue;
        }
        ways += 1;
        if ways == 2 {
            let ways = WAYS.map(|(way, _, _)| way).join(", ");
            reader.sink.fault_at(&at, format!("only one of {ways}"));
        }
        if let Some(text) = &text
            && template
        {
            reader.template(at, text);
        }
        found = text.map(|text| (text, template)).or(found);
    }
    if ways == 0 {
        let text = "say what is in it: content, template, or a file under source or templateSource";
        fields.missing("content", reader.sink, text);
    }
    found
}

/// A service of the role.
fn named(
    fields: &mut Section<'_>,
    field: &'static str,
    services: &Option<Vec<String>>,
    reader: &mut Reader<'_>,
) -> Option<String> {
    let found = fields.optional(field, reader.sink, name)?.to_string();
    if let Some(known) = services.as_ref().filter(|known| !known.contains(&found)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = match known.is_empty() {
            true => "the role has no services".to_owned(),
            false => suggest(&found, &known),
        };
        let text = format!("no service {found} in this role: {hint}");
        reader.sink.fault_at(&fields.at(field), text);
    }
    Some(found)
}
