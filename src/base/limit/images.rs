//! What an imported image may hold, and what importing one may cost.

use crate::base::time::Millis;

/// Bytes of an archive that is imported, and of the same unpacked: the largest images people run
/// without a graphics card have a quarter of it.
pub const IMAGE_BYTES_MAX: u64 = 16 << 30;
/// Files, directories and links of an image: a whole Debian with a desktop has 300,000.
pub const IMAGE_ENTRIES_MAX: u64 = 1_000_000;
/// Directories within each other in an image: each costs one open file while a tree is walked, of
/// the 1,024 that a process has at the least.
pub const IMAGE_DEPTH_MAX: usize = 100;
/// Layers of a container archive: container engines make at most 127.
pub const IMAGE_LAYERS_MAX: usize = 256;
/// Bytes of one document in a container archive, and of what an archive says of one entry.
pub const IMAGE_DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// Documents and layers of a container archive, with those of other images in it.
pub const IMAGE_MEMBERS_MAX: usize = 20_000;
/// Bytes that stay free on the disk when an image is imported: what the records need to go on.
pub const IMAGE_SPARED_BYTES: u64 = 512 << 20;
/// Most images of an environment.
pub const IMAGES_MAX: usize = 500;
/// Imports under way at once, of which one is unpacked: each has an archive on the disk.
pub const IMAGE_IMPORTS_MAX: usize = 4;
/// Who sends an archive and sends nothing for so long is let go.
pub const IMAGE_SILENCE: Millis = 60_000;
/// How long an import may take, from its last byte on: 16 GiB at 20 MB/s.
pub const IMAGE_IMPORT_DEADLINE: Millis = 15 * 60_000;
/// Words of an image's command, variables of its environment, and ports of it.
pub const IMAGE_WORDS_MAX: usize = 200;
