//! What is in a tree, line by line: its name is the digest of that, and a later look at the tree is
//! compared with it.
//!
//! A line is a path and what is there: kind and mode, owner, size, when it was changed, and the
//! digest of its content or what it links to. A look before a boot leaves the contents out, and so
//! takes milliseconds for a whole Debian.

use super::failure::{ImageFailure, ImportResult, refuse};
use crate::base::hash::Sha256;
use crate::base::text;
use crate::clouds::onboard::failure::{Doing, Failure};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// Writes what is in `tree` to a file, and says the digest of that.
pub fn write_listing(tree: &Path, to: &Path) -> ImportResult<String> {
    let file = File::create_new(to).doing("creating", to.display())?;
    let mut out = BufWriter::new(file);
    let mut digest = Sha256::default();
    walk(tree, true, &mut |head, tail| {
        let line = format!("{head}\t{tail}\n");
        digest.update(line.as_bytes());
        out.write_all(line.as_bytes()).doing("writing", to.display())?;
        Ok(())
    })?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all()).doing("writing", to.display())?;
    Ok(digest.finish())
}

/// Compares a tree with its listing, all but the contents of its files; what is not as it was is a
/// refusal that names it.
pub fn compare_listing(tree: &Path, listing: &Path) -> ImportResult<()> {
    let file = File::open(listing).doing("opening", listing.display())?;
    let mut lines = BufReader::new(file).lines();
    walk(tree, false, &mut |head, _| {
        let said = lines.next().transpose().doing("reading", listing.display())?;
        let said = said.unwrap_or_default();
        let was = said.rsplit_once('\t').map_or("", |(head, _)| head);
        if was == head {
            return Ok(());
        }
        let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        let (was, is) = (name(was), name(head));
        match was == is {
            true => refuse(format!("{is} is not as it was imported")),
            // Lines are in order: the smaller name is the one that is there on one side only.
            false if was.is_empty() || is < was => refuse(format!("{is} was not imported")),
            false => refuse(format!("{was} is gone")),
        }
    })?;
    match lines.next().transpose().doing("reading", listing.display())? {
        None => Ok(()),
        Some(line) => refuse(format!("{} is gone", line.split('\t').next().unwrap_or_default())),
    }
}

/// Called with what a line says before its content or link, and with that.
type Line<'a> = &'a mut dyn FnMut(&str, &str) -> ImportResult<()>;

fn walk(tree: &Path, with_content: bool, line: Line<'_>) -> ImportResult<()> {
    let root = File::open(tree).map(OwnedFd::from).doing("opening", tree.display())?;
    walk_directory(&root, "", with_content, line)
}

fn walk_directory(
    directory: &OwnedFd,
    path: &str,
    with_content: bool,
    line: Line<'_>,
) -> ImportResult<()> {
    let looking = || format!("looking at {path}/");
    let failed = |source: io::Error| Failure { doing: looking(), source };
    let mut names = Vec::new();
    let listed = fs::read_dir(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    for entry in listed.map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().into_vec());
    }
    names.sort();
    for name in names {
        let path = format!("{path}/{}", written(&name));
        let looked =
            |errno: Errno| Failure { doing: format!("looking at {path}"), source: errno.into() };
        let name = name.as_slice();
        let found = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(looked)?;
        let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
        let open = |flags: OFlag| {
            let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            openat(directory, name, flags, Mode::empty()).map_err(looked)
        };
        let tail = match kind {
            SFlag::S_IFLNK => {
                let to = readlinkat(directory, name).map_err(looked)?;
                written(&to.into_vec())
            }
            SFlag::S_IFREG if with_content => digest_of(open(OFlag::empty())?, &path)?,
            _ => String::new(),
        };
        line(&head(&path, kind, &found), &tail)?;
        if kind == SFlag::S_IFDIR {
            walk_directory(&open(OFlag::O_DIRECTORY)?, &path, with_content, line)?;
        }
    }
    Ok(())
}

fn head(path: &str, kind: SFlag, found: &FileStat) -> String {
    let (mode, uid, gid) = (found.st_mode, found.st_uid, found.st_gid);
    // A directory's size and time are the file system's own affair, and links keep no time.
    let (size, changed) = match kind {
        SFlag::S_IFREG => (found.st_size, found.st_mtime),
        _ => (0, 0),
    };
    format!("{path}\t{mode:o}\t{uid}:{gid}\t{size}\t{changed}")
}

fn digest_of(file: OwnedFd, path: &str) -> Result<String, ImageFailure> {
    let mut file = File::from(file);
    let mut digest = Sha256::default();
    let mut part = vec![0u8; 64 * 1024];
    loop {
        let read = file.read(&mut part).doing("reading", path)?;
        if read == 0 {
            return Ok(digest.finish());
        }
        digest.update(&part[..read]);
    }
}

/// A name or a link's text in a line: no two are written alike.
fn written(name: &[u8]) -> String {
    text::escape_bytes(name).replace('\t', "\\t").replace('\n', "\\n")
}
