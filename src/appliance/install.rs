//! `appliance install`: from the binary alone to a ready API.

use crate::appliance::command::{directory, write};
use crate::appliance::made::Made;
use crate::appliance::{Failure, Layout, start, user};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What the person asked for.
#[derive(Clone, Debug, Default)]
pub struct InstallOptions {
    /// Put everything in place but start nothing.
    pub no_start: bool,
}

const UNIT: &str = include_str!("../../packaging/grange.service");
const CONFIG: &str = include_str!("../../packaging/grange.toml");

/// Installs on this machine; twice is harmless. Says each thing it did, and what is next.
pub fn install(
    layout: &Layout,
    options: &InstallOptions,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::NotRoot("appliance install"));
    }
    let mut say = |text: String| {
        // A closed terminal does not stop an install.
        drop(writeln!(out, "{text}"));
    };
    let own = own_binary()?;
    let mut made = Made::load(layout)?;
    nothing_in_the_way(layout, &made, &own)?;
    made.note_directory(layout, &layout.config_dir)?;
    place_directory(&layout.config_dir, 0o755, &made, &mut say)?;
    made.save(layout)?;
    let mut updated = place_binary(layout, &mut made, &own, &mut say)?;
    user::place(layout, &mut made, &mut say)?;
    for (path, mode) in [(&layout.data_dir, 0o700), (&layout.run_dir, 0o755)] {
        made.note_directory(layout, path)?;
        place_directory(path, mode, &made, &mut say)?;
    }
    if layout.config.exists() {
        say(format!("kept {}", layout.config.display()));
    } else {
        made.note_file(layout, &layout.config, None)?;
        write(&layout.config, CONFIG.as_bytes(), 0o644)?;
        say(format!("wrote {}", layout.config.display()));
    }
    let systemd = Path::new("/run/systemd/system").is_dir();
    if layout.unit.parent().is_some_and(Path::is_dir) {
        made.note_file(layout, &layout.unit, Some(UNIT.as_bytes()))?;
        if write(&layout.unit, UNIT.as_bytes(), 0o644)? {
            say(format!("wrote {}", layout.unit.display()));
            updated = true;
        }
    }
    if options.no_start {
        say(format!("not started; start it with: {}", start::by_hand(layout, systemd)));
        return Ok(());
    }
    if !systemd {
        made.note_file(layout, &layout.log, None)?;
    }
    made.note_file(layout, &layout.token, None)?;
    start::start(layout, systemd, updated, &mut say)?;
    start::greet(layout, systemd, &mut say)
}

/// The running binary and the slim agent beside it, each with its content.
struct OwnBinary {
    path: PathBuf,
    bytes: Vec<u8>,
    agent: Option<(PathBuf, Vec<u8>)>,
}

fn own_binary() -> Result<OwnBinary, Failure> {
    let path = std::env::current_exe()
        .map_err(|cause| Failure::file("finding", "the running binary", cause))?;
    let bytes = std::fs::read(&path).map_err(|cause| Failure::file("reading", &path, cause))?;
    let slim = path.with_file_name("grange-agent");
    let agent = std::fs::read(&slim).ok().map(|bytes| (slim, bytes));
    Ok(OwnBinary { path, bytes, agent })
}

/// Looks at every place before anything is changed.
fn nothing_in_the_way(layout: &Layout, made: &Made, own: &OwnBinary) -> Result<(), Failure> {
    user::is_free(layout, made)?;
    if own.path != layout.binary {
        made.is_free(&layout.binary, &own.bytes)?;
    }
    if let Some((_, bytes)) = own.agent.as_ref().filter(|(path, _)| *path != layout.agent) {
        made.is_free(&layout.agent, bytes)?;
    }
    for link in &layout.links {
        let right = std::fs::read_link(link).is_ok_and(|target| target == layout.binary);
        if !right && link.symlink_metadata().is_ok() {
            let text = format!("{} is there and is not ours: move it away first", link.display());
            return Err(Failure::InTheWay(text));
        }
    }
    made.is_free(&layout.unit, UNIT.as_bytes())
}

/// Makes a directory. One that was there before install keeps its mode.
fn place_directory(
    path: &Path,
    mode: u32,
    made: &Made,
    say: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    if path.is_dir() && !made.has(path) {
        return Ok(());
    }
    if directory(path, mode)? {
        say(format!("made {}", path.display()));
    }
    Ok(())
}

/// Copies the running binary into place. Says whether it differs from what was there.
fn place_binary(
    layout: &Layout,
    made: &mut Made,
    own: &OwnBinary,
    say: &mut dyn FnMut(String),
) -> Result<bool, Failure> {
    if let Some(dir) = layout.binary.parent().filter(|dir| !dir.is_dir()) {
        made.note_directory(layout, dir)?;
        directory(dir, 0o755)?;
    }
    let mut changed = false;
    if own.path != layout.binary {
        made.note_file(layout, &layout.binary, Some(&own.bytes))?;
        changed = write(&layout.binary, &own.bytes, 0o755)?;
    }
    if changed {
        say(format!("installed {}", layout.binary.display()));
    }
    if let Some((_, bytes)) = own.agent.as_ref().filter(|(path, _)| *path != layout.agent) {
        made.note_file(layout, &layout.agent, Some(bytes))?;
        if write(&layout.agent, bytes, 0o755)? {
            say(format!("installed {}", layout.agent.display()));
        }
    }
    for link in layout.links.iter().filter(|link| link.symlink_metadata().is_err()) {
        made.note_file(layout, link, None)?;
        symlink(&layout.binary, link).map_err(|cause| Failure::file("linking", link, cause))?;
    }
    Ok(changed)
}
