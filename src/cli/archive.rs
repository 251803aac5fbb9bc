//! A directory as a tar archive, made while it is read: nothing of it is written anywhere.
//!
//! Names are those in the directory, links stay links, and owners are kept as numbers. A file with
//! several names is sent under each of them.

use super::io::OpenFile;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::thread::JoinHandle;

/// The archive of what is in a directory.
pub fn of_directory(path: &Path) -> io::Result<OpenFile> {
    let (archive, into) = io::pipe()?;
    let root = path.to_owned();
    let packing = std::thread::Builder::new().name("archive".to_owned()).spawn(move || {
        let mut builder = tar::Builder::new(io::BufWriter::with_capacity(1 << 16, into));
        builder.follow_symlinks(false);
        builder.sparse(false);
        builder.append_dir(".", &root)?;
        append(&mut builder, &root, Path::new(""))?;
        builder.into_inner()?.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
    })?;
    Ok(OpenFile { length: None, bytes: Box::new(Packed { archive, packing: Some(packing) }) })
}

/// Appends what is in a directory; sockets are left out, since nobody listens at a copy.
fn append<W: io::Write>(
    builder: &mut tar::Builder<W>,
    root: &Path,
    below: &Path,
) -> io::Result<()> {
    let directory = root.join(below);
    let named = |error: io::Error, path: &Path| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(&directory)
        .and_then(Iterator::collect)
        .map_err(|error| named(error, &directory))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| named(error, &path))?;
        if kind.is_socket() {
            continue;
        }
        let appended = if kind.is_file() || kind.is_dir() || kind.is_symlink() {
            builder.append_path_with_name(&path, &name)
        } else {
            append_special(builder, &entry, &name)
        };
        appended.map_err(|error| named(error, &path))?;
        if kind.is_dir() {
            append(builder, root, &name)?;
        }
    }
    Ok(())
}

/// Appends a named pipe or a device: what the library does itself has another name.
fn append_special<W: io::Write>(
    builder: &mut tar::Builder<W>,
    entry: &fs::DirEntry,
    name: &Path,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&entry.metadata()?);
    header.set_size(0);
    builder.append_data(&mut header, name, io::empty())
}

/// The archive as it is read: its end is its end only when the packing went well.
struct Packed {
    archive: PipeReader,
    packing: Option<JoinHandle<io::Result<()>>>,
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.archive.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        match self.packing.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(0),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(_)) => Err(io::Error::other("packing the directory ended early")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_directory_is_read_as_its_archive() {
        let name = format!("grange-archive-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(directory.join("etc")).unwrap();
        fs::write(directory.join("etc/name"), "grange").unwrap();
        symlink("/etc", directory.join("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(directory.join("socket")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(directory.join("etc/pipe")).status();
        assert!(pipe.unwrap().success());
        let mut bytes = Vec::new();
        of_directory(&directory).unwrap().bytes.read_to_end(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entry = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let link = entry.link_name().unwrap().map(|to| to.display().to_string());
            (entry.path().unwrap().display().to_string(), link.unwrap_or(text))
        };
        let found: Vec<(String, String)> = archive.entries().unwrap().map(entry).collect();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(
            found,
            [(".", ""), ("etc", ""), ("etc/name", "grange"), ("etc/pipe", ""), ("link", "/etc")],
        );
        drop(socket);
        fs::remove_dir_all(&directory).unwrap();
        let mut gone = of_directory(&directory).unwrap().bytes;
        assert!(gone.read_to_end(&mut Vec::new()).is_err());
    }
}
