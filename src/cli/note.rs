//! `grange note`.

use crate::cli::args::{Listing, said};
use crate::cli::table;
use crate::cli::{Done, Io, list};
use crate::client::Client;
use crate::wire::columns::{self, minute};
use crate::wire::note::{NOTE_ADD, NOTE_REMOVE, NOTES, NoteFilter, NoteInput, NoteView};
use clap::Subcommand;
use std::io;

/// Verbs of a note.
#[derive(Debug, Subcommand)]
pub enum NoteVerb {
    /// Leave a note: one line, for whoever comes next
    #[command(after_help = "Example: grange note add shop/web \"ask Ann before you touch it\"")]
    Add {
        /// On what: a farm, a farm role as shop/web, a server as shop/web-3 or its UUID
        #[arg(value_parser = said::thing)]
        thing: String,
        /// The note
        #[arg(value_parser = said::something)]
        text: String,
    },
    /// List notes, the oldest first
    List {
        /// Only those on this and on what is under it, as shop, shop/web, shop/web-3
        #[arg(value_parser = said::thing)]
        thing: Option<String>,
        #[command(flatten)]
        listing: Box<Listing>,
    },
    /// Remove a note; the journal keeps what it said
    Remove {
        /// Its number, as grange note list has it
        note: u64,
    },
}

/// Carries out a verb.
pub fn carry(verb: NoteVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        NoteVerb::Add { thing, text } => {
            let note = client.ask(&NOTE_ADD, &[], &NoteInput { what: thing, text })?;
            match json {
                true => io.json(&note)?,
                false => put_line!(io.stdout, "note {} is on {}", note.id, note.about)?,
            }
        }
        NoteVerb::List { thing, listing } => {
            let filter = NoteFilter { about: thing };
            return list::list(&columns::notes::NOTES, &listing, io, json, |asked| {
                Ok(client.rows_kept(&NOTES, &[], &filter, &|note| asked.takes(note))?)
            });
        }
        NoteVerb::Remove { note } => {
            client.remove(&NOTE_REMOVE, &[&note])?;
            match json {
                true => io.json(&serde_json::json!({"id": note}))?,
                false => put_line!(io.stdout, "note {note} is removed; the journal keeps it")?,
            }
        }
    }
    Ok(0)
}

/// Writes the notes on a thing below what else is shown of it.
pub fn lines<'a>(notes: impl IntoIterator<Item = &'a NoteView>, io: &mut Io<'_>) -> io::Result<()> {
    let line = |note: &NoteView| {
        let NoteView { id, about, text, by, at } = note;
        format!("{}  {by}, note {id} on {about}: {text}", minute(*at))
    };
    let lines: Vec<String> = notes.into_iter().map(line).collect();
    table::lines(io, "notes", &lines)
}
