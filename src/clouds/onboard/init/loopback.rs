//! unsafe here: the ioctls of loop devices (loop(4)) have no safe wrapper in any crate we use; each
//! takes a number or one structure of our own, which outlives the call.
//!
//! A file as a block device. The kernel lets go of it by itself when its last user goes (a mount,
//! or the file we hold), so that nothing is left of a server that ended, however it ended.
#![allow(unsafe_code)]

use super::super::failure::{Doing, Failure};
use super::super::process::wait_until;
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Numbers from linux/loop.h.
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const MAJOR: u64 = 7;
const CONTROL: &str = "/dev/loop-control";
/// Others take free devices between our asking and our taking.
const TRIES: u32 = 64;
/// Longest a device of the boot before may still hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// `struct loop_config` with its `struct loop_info64` in place (linux/loop.h).
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    device: [u64; 5],
    number: [u32; 3],
    flags: u32,
    names: [u8; 160],
    init: [u64; 2],
    reserved: [u64; 8],
}

/// Attaches a file to a free device. The device lives for as long as the answer or a mount of it.
///
/// # Errors
/// When the machine lends no loop devices, or the file is still attached elsewhere.
pub fn attach(image: &Path) -> Result<(File, PathBuf), Failure> {
    let free = wait_until(BUSY, || !is_attached(image));
    if !free {
        return Err(Failure::new(format!("attaching {}", image.display()), "it is in use"));
    }
    let file = open(image)?;
    for _ in 0..TRIES {
        let (device, path) = open_free()?;
        let config = LoopConfig {
            fd: u32::try_from(file.as_raw_fd()).unwrap_or_default(),
            block_size: 0,
            device: [0; 5],
            number: [0; 3],
            flags: LO_FLAGS_AUTOCLEAR,
            names: [0; 160],
            init: [0; 2],
            reserved: [0; 8],
        };
        // SAFETY: the structure has the kernel's layout and outlives the call, which only reads it.
        let taken = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &config) };
        match Errno::result(taken) {
            Ok(_) => return Ok((device, path)),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(errno).doing("attaching", image.display()),
        }
    }
    Err(Failure::new(format!("attaching {}", image.display()), "others take every loop device"))
}

/// Whether there are devices to be had, as far as that shows without taking one.
///
/// # Errors
/// With what is missing.
pub fn look_for_devices() -> Result<(), Failure> {
    if nix::unistd::geteuid().is_root() {
        return open_free().map(drop);
    }
    fs::metadata(CONTROL).doing("finding", CONTROL).map(drop)
}

fn open(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().read(true).write(true).open(path).doing("opening", path.display())
}

/// A device that nobody had just now.
fn open_free() -> Result<(File, PathBuf), Failure> {
    let control = open(Path::new(CONTROL))?;
    // SAFETY: takes no argument and touches no memory of ours.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) };
    let number = Errno::result(number).doing("finding", "a free loop device: see losetup -l")?;
    let path = PathBuf::from(format!("/dev/loop{number}"));
    // In a container nobody may make the file of a device that the kernel has just made.
    if !path.exists() {
        let number = makedev(MAJOR, number.unsigned_abs().into());
        match mknod(&path, SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, number) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).doing("making", path.display()),
        }
    }
    Ok((open(&path)?, path))
}

/// Whether some device has the file.
fn is_attached(image: &Path) -> bool {
    attached_files().iter().any(|file| file == image)
}

/// The files that devices have, where they lie by now: the kernel follows one that was moved, and
/// says `(deleted)` behind one that was deleted.
pub fn attached_files() -> Vec<PathBuf> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let files = devices.filter_map(|device| {
        let name = device.file_name();
        name.to_str().filter(|name| name.starts_with("loop"))?;
        fs::read_to_string(device.path().join("loop/backing_file")).ok()
    });
    files.map(|file| PathBuf::from(file.trim_end_matches('\n'))).collect()
}
