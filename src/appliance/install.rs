//! `appliance install`: from the binary alone to a ready API.

use crate::appliance::command::{directory, write};
use crate::appliance::{Failure, Layout, start, user};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

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
    let mut updated = place_binary(layout, &mut say)?;
    user::place(layout, &mut say)?;
    for (path, mode) in [(&layout.config_dir, 0o755), (&layout.data_dir, 0o700)] {
        if directory(path, mode)? {
            say(format!("made {}", path.display()));
        }
    }
    directory(&layout.run_dir, 0o755)?;
    if layout.config.exists() {
        say(format!("kept {}", layout.config.display()));
    } else {
        write(&layout.config, CONFIG.as_bytes(), 0o644)?;
        say(format!("wrote {}", layout.config.display()));
    }
    let systemd = Path::new("/run/systemd/system").is_dir();
    if let Some(dir) = layout.unit.parent().filter(|dir| dir.is_dir())
        && write(&layout.unit, UNIT.as_bytes(), 0o644)?
    {
        say(format!("wrote {}", dir.join("grange.service").display()));
        updated = true;
    }
    if options.no_start {
        say(format!("not started; start it with: {}", start::by_hand(layout, systemd)));
        return Ok(());
    }
    start::start(layout, systemd, updated, &mut say)?;
    start::greet(layout, systemd, &mut say)
}

/// Copies the running binary into place. Says whether it differs from what was there.
fn place_binary(layout: &Layout, say: &mut dyn FnMut(String)) -> Result<bool, Failure> {
    let own = std::env::current_exe()
        .map_err(|cause| Failure::file("finding", "the running binary", cause))?;
    let bytes = std::fs::read(&own).map_err(|cause| Failure::file("reading", &own, cause))?;
    if let Some(dir) = layout.binary.parent().filter(|dir| !dir.is_dir()) {
        directory(dir, 0o755)?;
    }
    let changed = own != layout.binary && write(&layout.binary, &bytes, 0o755)?;
    if changed {
        say(format!("installed {}", layout.binary.display()));
    }
    let slim = own.with_file_name("grange-agent");
    if slim != layout.agent
        && let Ok(bytes) = std::fs::read(&slim)
        && write(&layout.agent, &bytes, 0o755)?
    {
        say(format!("installed {}", layout.agent.display()));
    }
    for link in &layout.links {
        let right = std::fs::read_link(link).is_ok_and(|target| target == layout.binary);
        if right {
            continue;
        }
        if link.symlink_metadata().is_ok() {
            let text = format!("{} is there and is not ours: move it away first", link.display());
            return Err(Failure::InTheWay(text));
        }
        symlink(&layout.binary, link).map_err(|cause| Failure::file("linking", link, cause))?;
    }
    Ok(changed)
}
