//! `grange image`.

use super::io::OpenFile;
use crate::base::limit::IMAGE_IMPORT_DEADLINE;
use crate::base::time::say;
use crate::base::{Problem, Timestamp};
use crate::cli::args::{Listing, Showing, said};
use crate::cli::{Done, Io, list, name, table};
use crate::client::{Client, Upload};
use crate::wire::columns::images::IMAGES as COLUMNS;
use crate::wire::deed::Deed;
use crate::wire::image::{
    IMAGE_IMPORT, IMAGE_REMOVE, IMAGES, ImageExtra, ImageFilter, ImageImport, ImageView,
};
use clap::Subcommand;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Endings of archives' names that are no part of what they hold.
const ENDINGS: [&str; 8] =
    [".tar.gz", ".tgz", ".tar", ".oci.tar", ".oci", ".docker", ".rootfs", ".gz"];
/// Bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 4 << 20;

/// Verbs of an image.
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Import a root file system or a container archive, for servers of onboard
    #[command(after_long_help = "What it may be, as it is or packed with gzip:
  a tar archive of a root file system, or the directory of one (debootstrap)
  what docker save writes
  an OCI layout, as a directory or a tar archive

Examples:
  grange image import debian-12.tar.gz
  docker save shop/api | grange image import - --name api-7")]
    Import {
        /// The archive or directory; - reads an archive from standard input
        file: PathBuf,
        /// Its name; without it that of the file
        #[arg(long, value_parser = said::image)]
        name: Option<String>,
    },
    /// List images, with how many things use each
    List(Listing),
    /// Show an image: its system, what is run in it, who uses it
    Show {
        /// Its name, as it is listed
        #[arg(value_parser = said::image)]
        image: String,
        #[command(flatten)]
        showing: Showing,
    },
    /// Delete an image that nothing uses, with its files
    Delete {
        /// Its name, as it is listed
        #[arg(value_parser = said::image)]
        image: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Carries out a verb.
pub fn carry(verb: ImageVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        ImageVerb::Import { file, name } => import(&file, name, client, io, json),
        ImageVerb::List(listing) => list::list(&COLUMNS, &listing, io, json, |asked| {
            let name = asked.exactly("image").map(str::to_owned);
            let filter = ImageFilter { name, ..ImageFilter::default() };
            Ok(client.rows_kept(&IMAGES, &[], &filter, &|image| asked.takes(image))?)
        }),
        ImageVerb::Show { image, showing } => {
            let found = name::image(client, &image)?;
            let now = Timestamp(client.status()?.now);
            list::show(&found, &image, showing, io, json, |io| facts(&found, now, io))
        }
        ImageVerb::Delete { image, yes } => {
            let found = name::image(client, &image)?;
            if !io.agreed(Deed::DeleteImage, &image, 0, yes)? {
                return Ok(1);
            }
            client.remove(&IMAGE_REMOVE, &[&found.id])?;
            match json {
                true => io.json(&serde_json::json!({"id": found.id}))?,
                false => put_line!(io.stdout, "image {image} is deleted, with its files")?,
            }
            Ok(0)
        }
    }
}

fn import(file: &Path, said: Option<String>, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let name = match said {
        Some(name) => name,
        None => name_of(file)?,
    };
    let path = file.display().to_string();
    let cannot = |e: io::Error| Problem::invalid(&path, format!("cannot be read: {e}"));
    let is_input = file == Path::new("-");
    let opened = (!is_input).then(|| io.files.open(file)).transpose().map_err(cannot)?;
    let (length, mut opened) = match opened {
        Some(OpenFile { length, bytes }) => (length, Some(bytes)),
        None => (None, None),
    };
    let progress = io.error_terminal.then_some(&mut *io.stderr);
    let bytes: &mut (dyn Read + '_) = match &mut opened {
        Some(bytes) => bytes,
        None => &mut *io.stdin,
    };
    let mut sent = Sent { bytes, progress, length, sent: 0, shown: 0, failed: None };
    let query = ImageImport { name: Some(name) };
    let upload = Upload { length, bytes: &mut sent };
    let deadline = Duration::from_millis(IMAGE_IMPORT_DEADLINE);
    let made = client.upload(&IMAGE_IMPORT, &query, upload, deadline);
    sent.clear();
    // What could not be read is no fault of the appliance's.
    if let Some(error) = sent.failed {
        return Err(cannot(error).into());
    }
    let made = made?;
    if json {
        io.json(&made)?;
        return Ok(0);
    }
    let ImageExtra { bytes, entries, notes, .. } = &made.grange;
    let (size, os) = (megabytes(*bytes), &made.os.id);
    let system = if os.is_empty() { String::new() } else { format!(", {os}") };
    put_line!(io.stdout, "image {}: {size}, {entries} entries{system}", made.name)?;
    notes.iter().try_for_each(|note| put_line!(io.stdout, "  {note}"))?;
    Ok(0)
}

/// What an image is called where nobody says: as its file, without what says how it is packed.
fn name_of(file: &Path) -> Result<String, Problem> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut stem = name.unwrap_or_default();
    while let Some(short) = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)) {
        stem = short.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = stem.chars().map(plain).collect();
    said::image(name.trim_matches('-'))
        .map_err(|_| Problem::invalid("--name", "say what the image is to be called"))
}

/// What is sent, with how far it is on a terminal.
struct Sent<'a, 'w> {
    bytes: &'a mut (dyn Read + 'w),
    progress: Option<&'a mut (dyn Write + 'w)>,
    length: Option<u64>,
    sent: u64,
    shown: u64,
    /// What went wrong when it was read.
    failed: Option<io::Error>,
}

impl Sent<'_, '_> {
    /// Takes the line away again. One that cannot be written is missed by nobody.
    fn clear(&mut self) {
        if let Some(to) = self.progress.as_mut().filter(|_| self.shown > 0) {
            drop(write!(to, "\r\u{1b}[K").and_then(|()| to.flush()));
        }
    }

    fn show(&mut self, end: bool) {
        let Some(to) = &mut self.progress else { return };
        let sent = megabytes(self.sent);
        let line = match self.length {
            _ if end => format!("{sent} sent; it is unpacked"),
            Some(length) => format!("{sent} of {} sent", megabytes(length)),
            None => format!("{sent} sent"),
        };
        drop(write!(to, "\r\u{1b}[K{line}").and_then(|()| to.flush()));
        self.shown = self.sent.max(1);
    }
}

impl Read for Sent<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.bytes.read(into) {
            Ok(0) if self.length.is_some_and(|length| length != self.sent) => {
                Err(io::Error::other("it became shorter while it was sent"))
            }
            other => other,
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.failed = Some(io::Error::new(error.kind(), error.to_string()));
                return Err(error);
            }
        };
        self.sent += read as u64;
        if read == 0 || self.sent - self.shown >= PROGRESS_BYTES {
            self.show(read == 0);
        }
        Ok(read)
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

fn facts(image: &ImageView, now: Timestamp, io: &mut Io<'_>) -> io::Result<()> {
    let extra = &image.grange;
    let age = say(now.since(Timestamp(extra.added_at)));
    let facts = [
        ("image", image.name.clone()),
        ("system", image.os.id.clone()),
        ("architecture", image.architecture.clone()),
        ("platform", image.cloud_platform.clone()),
        ("content", image.cloud_image_id.clone()),
        ("size", format!("{}, {} entries", megabytes(extra.bytes), extra.entries)),
        ("imported", format!("by {}, {age} ago", extra.added_by)),
        ("command", extra.command.join(" ")),
        ("user", extra.user.clone()),
        ("directory", extra.directory.clone()),
        ("ports", extra.ports.join(", ")),
    ];
    let facts: Vec<(&str, String)> =
        facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect();
    table::facts(io, &facts)?;
    table::lines(io, "environment", &extra.environment)?;
    table::lines(io, "used by", &extra.used_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_as_its_file() {
        let check = |file: &str, name: Option<&str>| {
            assert_eq!(name_of(Path::new(file)).ok().as_deref(), name, "{file}");
        };
        check("debian-12.tar.gz", Some("debian-12"));
        check("x/shop_api:7.oci.tar", Some("shop-api-7"));
        check("rootfs/", Some("rootfs"));
        check("-", None);
        check("..", None);
        check(".tar", None);
    }
}
