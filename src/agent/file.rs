//! Writing a file a service reads: check it, keep the last good one, reload, or go back.
//!
//! The new content stands beside the file until a check has passed; then it takes the file's
//! place in one rename and the service reloads; a balancer whose members alone changed takes
//! them over without that. If it cannot, the last good content comes back
//! and the service reloads that, so that one bad file never takes a balancer down. Which
//! generation is in place, and whether its reload went well, is remembered: an older generation
//! is not written, and the same content is not reloaded for nothing.

use super::balancer::{BalancerPaths, Config, Look, read};
use super::command;
use super::orders::Outcome;
use super::state::{self, sync_dir};
use crate::base::hash::{hex, sha256};
use crate::base::mask::Mask;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// How long a check or a reload may take.
const COMMAND_TIMEOUT_MS: u64 = 30_000;

/// Ends the name of the content to go back to.
const LAST_GOOD: &str = ".grange-last-good";

/// What is to be written.
#[derive(Clone, Debug)]
pub struct FileOrder {
    /// Where, an absolute path.
    pub path: String,
    /// The whole content.
    pub content: String,
    /// Must succeed before it is put in place; `{}` is the new file's path. Empty: no check.
    pub check: Vec<String>,
    /// Makes the service read it. Empty: nothing to reload.
    pub reload: Vec<String>,
    /// Which topology it was rendered from.
    pub generation: u64,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Placed {
    generation: u64,
    digest: String,
    reloaded: bool,
    /// Why the last file that was ordered is not in place: the last good one is.
    #[serde(default)]
    refused: Option<String>,
}

/// Writes files, one at a time.
pub struct Files {
    memory: PathBuf,
    /// What the server calls `/`.
    home: PathBuf,
    placed: BTreeMap<String, Placed>,
    /// Where a balancer runs, should a file be one's.
    balancer: Option<BalancerPaths>,
}

impl Files {
    /// What was written before, as remembered in the file `memory`. Paths of orders are below
    /// `home`.
    pub fn open(memory: PathBuf, home: PathBuf) -> io::Result<Files> {
        let placed = state::read(&memory)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Ok(Files { memory, home, placed, balancer: None })
    }

    /// The same, with a balancer that takes its members over without a reload.
    #[must_use]
    pub fn with_balancer(mut self, place: BalancerPaths) -> Files {
        self.balancer = Some(place);
        self
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// What is seen of the balancer whose file is here.
    pub fn look_at_balancer(&self) -> Option<Look> {
        let place = self.balancer.as_ref()?;
        let mut looks = self.placed.iter().filter_map(|(path, placed)| {
            let config = read(&self.home.join(path.trim_start_matches('/')));
            if config.is_none() && placed.refused.is_none() {
                return None;
            }
            // A first file that was refused leaves none behind.
            let mut look = config.map(|config| place.look(&config)).unwrap_or_default();
            if placed.refused.is_some() {
                look.problem.clone_from(&placed.refused);
            }
            Some(look)
        });
        looks.next()
    }

    /// Carries out one order.
    pub fn write(&mut self, order: &FileOrder, halt: &AtomicBool) -> Outcome {
        let path = Path::new(&order.path);
        if !path.is_absolute() || path.file_name().is_none() {
            return Outcome::failed(format!("{:?} is not an absolute path of a file", order.path));
        }
        let path = &self.home.join(path.strip_prefix("/").unwrap_or(path));
        let digest = hex(&sha256(order.content.as_bytes()));
        let before = self.placed.get(&order.path).cloned().unwrap_or_default();
        if before.generation > order.generation {
            let newer = before.generation;
            return Outcome::done(format!("generation {newer} is in place already"));
        }
        let same = fs::read(path).is_ok_and(|bytes| bytes == order.content.as_bytes());
        if same && before.reloaded && before.digest == digest {
            self.remember(order, &digest, true);
            return Outcome::done("unchanged");
        }
        let outcome = match self.place(path, order, &before, &digest, halt) {
            Ok(output) => Outcome::done(output),
            Err(Fault::Io(doing, error)) => Outcome::failed(format!("{doing}: {error}")),
            Err(Fault::Command { what, exit_code, output }) => {
                Outcome { error: Some(what), exit_code, output, ran: None }
            }
        };
        if let Some(why) = &outcome.error {
            self.note_refusal(order, why);
        }
        outcome
    }

    /// Remembers that a file was refused, until one is in place.
    fn note_refusal(&mut self, order: &FileOrder, why: &str) {
        let placed = self.placed.entry(order.path.clone()).or_default();
        placed.refused = Some(why.to_owned());
        self.save();
    }

    /// Makes the service take over what is in place.
    fn load(&self, order: &FileOrder, path: &Path, halt: &AtomicBool) -> Result<String, Fault> {
        const FAILING: &str = "the reload failed";
        let balancer = self.balancer.as_ref();
        let Some((place, config)) = balancer.zip(Config::parse(&order.content)) else {
            return run(&order.reload, path, FAILING, halt);
        };
        let why = match place.change(&config) {
            Ok(done) => return Ok(done),
            Err(why) => why,
        };
        let before = place.worker(&config);
        let is_first = !suffixed(path, LAST_GOOD).exists();
        let done = match before {
            Some(_) => format!("reloaded: {why}"),
            None if is_first => "started".to_owned(),
            None => format!("started anew: {why}"),
        };
        match run(&order.reload, path, FAILING, halt) {
            Ok(output) => {
                tracing::info!("the balancer is {done}");
                place.await_handover(&config, before);
                Ok(format!("{done}\n{output}"))
            }
            Err(Fault::Command { what, exit_code, output }) => {
                // What runs has its port; it is in nobody's way where it listens already.
                let listens =
                    read(&suffixed(path, LAST_GOOD)).is_some_and(|old| old.port == config.port);
                let blame = if listens { None } else { place.blame(&config) };
                let what = blame.map_or(what.clone(), |blame| format!("{what}: {blame}"));
                Err(Fault::Command { what, exit_code, output })
            }
            Err(fault) => Err(fault),
        }
    }

    fn place(
        &mut self,
        path: &Path,
        order: &FileOrder,
        before: &Placed,
        digest: &str,
        halt: &AtomicBool,
    ) -> Result<String, Fault> {
        let beside = suffixed(path, ".grange-new");
        let last_good = suffixed(path, LAST_GOOD);
        write_beside(&beside, path, order.content.as_bytes())
            .map_err(|error| Fault::Io("writing the new file beside the old one", error))?;
        if let Err(fault) = run(&order.check, &beside, "the check refuses it", halt) {
            // It is of no more use, and a leftover would only confuse.
            fs::remove_file(&beside)
                .map_err(|error| Fault::Io("removing a refused file", error))?;
            return Err(fault);
        }
        let existed = path.exists();
        // What is in place is good unless its own reload is still owed.
        if existed && (before.reloaded || !last_good.exists()) {
            keep(path, &last_good)
                .map_err(|error| Fault::Io("keeping the last good file", error))?;
        }
        put(&beside, path).map_err(|error| Fault::Io("putting the file in place", error))?;
        // Until the reload went well, a crash must lead to another one.
        self.remember(order, digest, false);
        match self.load(order, path, halt) {
            Ok(output) => {
                self.remember(order, digest, true);
                Ok(output)
            }
            Err(fault) => {
                let last_good = existed.then_some(last_good);
                Err(self.go_back(path, last_good, (order, before), fault, halt))
            }
        }
    }

    /// Brings the last good content back after a reload that failed.
    fn go_back(
        &mut self,
        path: &Path,
        last_good: Option<PathBuf>,
        (order, before): (&FileOrder, &Placed),
        fault: Fault,
        halt: &AtomicBool,
    ) -> Fault {
        let Fault::Command { what, exit_code, output } = fault else { return fault };
        let also = |more: &str| Fault::Command {
            what: format!("{what}; {more}"),
            exit_code,
            output: output.clone(),
        };
        let Some(last_good) = last_good else {
            self.placed.remove(&order.path);
            self.save();
            return match fs::remove_file(path) {
                Ok(()) => also("there was no file before and there is none now"),
                Err(error) => Fault::Io("removing a file that cannot be loaded", error),
            };
        };
        let beside = suffixed(path, ".grange-new");
        if let Err(error) = keep(&last_good, &beside).and_then(|()| put(&beside, path)) {
            return Fault::Io("bringing the last good file back", error);
        }
        let again = run(&order.reload, path, "", halt);
        let placed = Placed { reloaded: again.is_ok(), ..before.clone() };
        self.placed.insert(order.path.clone(), placed);
        self.save();
        match again {
            Ok(_) => also("the last good file is back"),
            Err(_) => also("the last good file is back, but its reload failed too"),
        }
    }

    fn remember(&mut self, order: &FileOrder, digest: &str, reloaded: bool) {
        let (generation, digest) = (order.generation, digest.to_owned());
        let placed = Placed { generation, digest, reloaded, refused: None };
        self.placed.insert(order.path.clone(), placed);
        self.save();
    }

    fn save(&self) {
        let bytes = serde_json::to_vec(&self.placed).unwrap_or_default();
        if let Err(error) = state::replace(&self.memory, &bytes) {
            // The worst that follows is a reload too many after a restart.
            tracing::warn!(%error, "what was written cannot be remembered");
        }
    }
}

enum Fault {
    Io(&'static str, io::Error),
    Command { what: String, exit_code: i32, output: String },
}

/// Runs a check or reload, with `{}` replaced, and gives its output.
fn run(command: &[String], file: &Path, failing: &str, halt: &AtomicBool) -> Result<String, Fault> {
    if command.is_empty() {
        return Ok(String::new());
    }
    let file = file.to_string_lossy();
    let command: Vec<String> = command.iter().map(|word| word.replace("{}", &file)).collect();
    let ran =
        command::run(&command, COMMAND_TIMEOUT_MS, halt, &Mask::default()).map_err(|error| {
            let what = format!("{failing}: {} cannot be run: {error}", command[0]);
            Fault::Command { what, exit_code: -1, output: String::new() }
        })?;
    if ran.succeeded() {
        return Ok(ran.output);
    }
    let what = match ran.status {
        Some(_) => failing.to_owned(),
        None => format!("{failing}: not done within {COMMAND_TIMEOUT_MS} ms"),
    };
    Err(Fault::Command { what, exit_code: ran.exit_code(), output: ran.output })
}

/// Writes the new content beside the old, with the old one's mode, and flushes it.
fn write_beside(beside: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(beside)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o777))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

/// Copies a file so that the copy is whole or not there.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    let beside = suffixed(to, ".part");
    fs::copy(from, &beside)?;
    File::open(&beside)?.sync_all()?;
    fs::rename(&beside, to)
}

fn put(beside: &Path, path: &Path) -> io::Result<()> {
    fs::rename(beside, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;

    /// A service whose reload notes what it read and fails on the word `broken`; its check
    /// refuses the word `wrong`.
    struct Service {
        dir: PathBuf,
        files: Files,
    }

    fn service() -> Service {
        let dir = scratch("file");
        let files = Files::open(dir.join("memory"), "/".into()).unwrap();
        Service { dir, files }
    }

    impl Service {
        fn write(&mut self, generation: u64, content: &str) -> Outcome {
            let path = self.dir.join("etc/service.cfg").to_string_lossy().into_owned();
            let log = self.dir.join("log").to_string_lossy().into_owned();
            let sh = |script: String| vec!["sh".to_owned(), "-c".to_owned(), script];
            let order = FileOrder {
                check: sh("echo checked; ! grep wrong {}".into()),
                reload: sh(format!("cat {path} >> {log}; ! grep broken {path}")),
                path,
                content: content.to_owned(),
                generation,
            };
            self.files.write(&order, &AtomicBool::new(false))
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.dir.join(name)).unwrap_or_default()
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(self.dir.join("etc"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn good_files_are_put_in_place_and_reloaded_once() {
        let mut service = service();
        assert_eq!(service.write(1, "a\n").error, None);
        assert_eq!(service.write(1, "a\n"), Outcome::done("unchanged"));
        assert_eq!(service.write(2, "b\n").error, None);
        assert_eq!(service.write(1, "a\n"), Outcome::done("generation 2 is in place already"));
        assert_eq!(
            (service.read("etc/service.cfg"), service.read("log")),
            ("b\n".into(), "a\nb\n".into())
        );
        assert_eq!(service.names(), ["service.cfg", "service.cfg.grange-last-good"]);
        // The memory survives a restart of the agent.
        service.files = Files::open(service.dir.join("memory"), "/".into()).unwrap();
        assert_eq!(service.write(3, "b\n"), Outcome::done("unchanged"));
    }

    #[test]
    fn what_the_check_refuses_is_never_in_place() {
        let mut service = service();
        service.write(1, "a\n");
        let refused = service.write(2, "wrong\n");
        assert_eq!(refused.error.as_deref(), Some("the check refuses it"));
        assert_eq!((refused.exit_code, refused.output.as_str()), (1, "checked\nwrong\n"));
        assert_eq!(service.read("etc/service.cfg"), "a\n");
        assert_eq!((service.read("log"), service.names().len()), ("a\n".into(), 1));
        assert_eq!(service.write(3, "b\n").error, None);
    }

    #[test]
    fn a_failed_reload_brings_the_last_good_file_back() {
        let mut service = service();
        service.write(1, "a\n");
        let failed = service.write(2, "broken\n");
        let expected = "the reload failed; the last good file is back";
        assert_eq!(failed.error.as_deref(), Some(expected));
        assert_eq!(service.read("etc/service.cfg"), "a\n");
        assert_eq!(service.read("log"), "a\nbroken\na\n");
        // The same bad order again is tried again, and the last good file is still the good one.
        assert!(service.write(2, "broken\n").error.is_some());
        assert_eq!(service.read("etc/service.cfg.grange-last-good"), "a\n");
        assert_eq!(service.write(3, "c\n").error, None);
        assert_eq!(service.read("etc/service.cfg"), "c\n");
    }

    #[test]
    fn a_first_file_that_cannot_be_loaded_goes() {
        let mut service = service();
        let failed = service.write(1, "broken\n").error.unwrap();
        assert!(failed.contains("there was no file before"), "{failed}");
        assert!(service.names().is_empty());
        // Nothing is in place, so that whatever comes is newer, and is loaded.
        assert!(service.write(7, "broken\n").error.is_some());
        assert_eq!(service.write(2, "a\n").error, None);
        assert_eq!(service.read("etc/service.cfg"), "a\n");
    }

    #[test]
    fn a_reload_that_a_crash_cut_off_is_made_up_for() {
        let mut service = service();
        service.write(1, "a\n");
        service.write(2, "b\n");
        // As if the agent had died after the rename.
        let path = service.dir.join("etc/service.cfg").to_string_lossy().into_owned();
        service.files.placed.get_mut(&path).unwrap().reloaded = false;
        assert_eq!(service.write(2, "b\n").error, None);
        assert_eq!(service.read("log"), "a\nb\nb\n");
        assert_eq!(service.read("etc/service.cfg.grange-last-good"), "a\n");
    }

    #[test]
    fn bad_paths_and_commands_are_answers() {
        let mut service = service();
        let order = |path: &str, reload: &str| FileOrder {
            path: path.into(),
            content: "x".into(),
            check: vec![],
            reload: vec![reload.into()],
            generation: 1,
        };
        let halt = AtomicBool::new(false);
        for path in ["relative", "/", "/proc/no/such"] {
            assert!(service.files.write(&order(path, "true"), &halt).error.is_some(), "{path}");
        }
        let path = service.dir.join("x").to_string_lossy().into_owned();
        let error = service.files.write(&order(&path, "no-such-program"), &halt).error.unwrap();
        assert!(error.contains("no-such-program cannot be run"), "{error}");
    }
}
