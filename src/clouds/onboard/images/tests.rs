//! Archives of every kind, made here: each is the right tree or one refusal, and nothing of what
//! lies beside the images is ever touched.

mod containers;
mod hostile;
mod kept;
mod made;
mod trees;

use super::{ImageFailure, ImageShelf, ImportedImage, TreeBounds};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Small enough to be reached by a test.
const BOUNDS: TreeBounds = TreeBounds { bytes: 1 << 20, entries: 300, depth: 20, spared_bytes: 0 };

/// What lies beside the images and is to stay as it is.
const SECRET: &str = "of the machine";

/// A state directory with something beside it that archives try to reach.
struct World {
    directory: PathBuf,
    shelf: ImageShelf,
}

impl World {
    fn new() -> World {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("grange-images-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(directory.join("outside")).unwrap();
        fs::write(directory.join("outside/secret"), SECRET).unwrap();
        fs::create_dir_all(directory.join("state/images")).unwrap();
        let shelf = ImageShelf::open(&directory.join("state")).unwrap();
        World { directory, shelf }
    }

    fn import(&self, archive: &[u8]) -> Result<ImportedImage, ImageFailure> {
        let incoming = self.shelf.begin().unwrap();
        fs::write(incoming.archive(), archive).unwrap();
        let imported = self.shelf.turn().import(&incoming, BOUNDS, &|_| false);
        drop(incoming);
        self.is_as_it_was();
        imported
    }

    /// Nothing outside was written, and nothing but whole images is inside.
    fn is_as_it_was(&self) {
        let names = |path: &str| {
            let mut names: Vec<String> = fs::read_dir(self.directory.join(path))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(""), ["outside", "state"]);
        assert_eq!(names("outside"), ["secret"]);
        assert_eq!(names("state"), ["images"]);
        let secret = self.directory.join("outside/secret");
        assert_eq!(fs::read_to_string(&secret).unwrap(), SECRET);
        assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1);
        for name in names("state/images") {
            assert_eq!(name.len(), 64, "{name}");
            assert_eq!(names(&format!("state/images/{name}")), ["listing", "tree"]);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// An archive that is a tree, which is told by [`told`].
fn is_tree(what: &str, archive: &[u8], expected: &[&str]) {
    let world = World::new();
    let imported = world.import(archive).unwrap_or_else(|why| panic!("{what}: {why}"));
    let tree = told(&world.shelf.tree(&imported.digest));
    assert_eq!(tree, expected, "{what}");
    world.shelf.check(&imported.digest).unwrap_or_else(|why| panic!("{what}: {why}"));
}

/// An archive that is refused, in these words and as its own fault.
fn is_refused(what: &str, archive: &[u8], words: &str) {
    let world = World::new();
    match world.import(archive) {
        Err(ImageFailure::Refused(why)) => assert!(why.contains(words), "{what}: {why}"),
        Err(ImageFailure::Failed(failure)) => panic!("{what}: {}", failure.line()),
        Ok(imported) => {
            panic!("{what}: taken, as {:?}", told(&world.shelf.tree(&imported.digest)))
        }
    }
    assert_eq!(world.shelf.digests().unwrap(), Vec::<String>::new(), "{what}");
}

/// A tree in lines: `etc/`, `etc/x = text`, `bin -> usr/bin`, and modes that are not the usual.
fn told(tree: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    tell(tree, "", &mut lines);
    lines
}

fn tell(directory: &Path, above: &str, lines: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|one| one.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777;
        let mode = |usual: u32| if mode == usual { String::new() } else { format!(" {mode:o}") };
        if kind.is_symlink() {
            lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
        } else if kind.is_dir() {
            lines.push(format!("{name}/{}", mode(0o755)));
            tell(&path, &format!("{name}/"), lines);
        } else if kind.is_fifo() {
            lines.push(format!("{name} |{}", mode(0o644)));
        } else {
            let content = fs::read(&path).unwrap();
            let content = match content.len() {
                0..200 => String::from_utf8_lossy(&content).replace('\0', "."),
                many => format!("{many} bytes"),
            };
            lines.push(format!("{name} = {content}{}", mode(0o644)));
        }
    }
}
