//! `setup`: what is done before a server counts as ready.

use super::super::section::Section;
use super::super::value::{duration, text, yes_or_no};
use super::Reader;
use super::word::{beside, script, user};
use crate::base::Millis;
use crate::base::limit::{ROLE_PARTS_MAX, SETUP_NAME_BYTES_MAX, SETUP_TIMEOUT, SETUP_TIMEOUT_MAX};
use crate::base::text::{Kind, cut};
use crate::model::SetupPart;

const SECOND: Millis = 1000;

/// Reads every part that is whole.
pub fn read(fields: &mut Section<'_>, reader: &mut Reader<'_>) -> Vec<SetupPart> {
    let items = fields.count("setup");
    if items > ROLE_PARTS_MAX {
        let text = format!("{items} parts: at most {ROLE_PARTS_MAX}");
        fields.missing("setup", reader.sink, text);
    }
    let sections = fields.list("setup", reader.sink);
    sections.into_iter().take(ROLE_PARTS_MAX).filter_map(|one| part(one, reader)).collect()
}

fn part(mut fields: Section<'_>, reader: &mut Reader<'_>) -> Option<SetupPart> {
    let run = fields.optional("run", reader.sink, script);
    let file = fields.optional("script", reader.sink, beside);
    let named = fields.optional("name", reader.sink, |t| text(t, Kind::Line, SETUP_NAME_BYTES_MAX));
    let run_as = fields.optional("runAs", reader.sink, user);
    let timeout =
        fields.optional("timeout", reader.sink, |t| duration(t, SECOND..=SETUP_TIMEOUT_MAX));
    let rerun = fields.optional("rerun", reader.sink, yes_or_no);
    let said = fields.has("run") || fields.has("script");
    if fields.has("run") && fields.has("script") {
        let text = "a part is a command under run or a file under script, not both";
        reader.sink.fault_at(&fields.at("script"), text);
    } else if !said {
        let text = "say what is done: a command under run, or a file under script";
        fields.missing("run", reader.sink, text);
    }
    let at = fields.at("script");
    let usual = file.as_deref().map(file_name).or(run.as_deref().map(first_line));
    let name = named.or(usual.map(str::to_owned));
    let sent = reader.source(&at, file);
    fields.finish(reader.sink);
    Some(SetupPart {
        name: name?,
        script: run.or(sent)?,
        run_as,
        timeout_ms: timeout.unwrap_or(SETUP_TIMEOUT),
        rerun: rerun.unwrap_or(false),
    })
}

/// What a part is called that nobody named: the first line of it that says something.
pub fn first_line(script: &str) -> &str {
    let line = script.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("setup");
    // A tab is none of what a name has.
    let line = line.split('\t').next().unwrap_or(line);
    cut(line, SETUP_NAME_BYTES_MAX)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
