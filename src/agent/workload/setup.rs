//! A role's setup: its parts in order, each once in the server's life.
//!
//! A part is known by what it does: its script and its user. What its keeper noted under that name
//! is all the memory there is, so that a part cannot be done and not remembered, or the other way
//! round. One that failed, or was cut off, is not tried again by itself: nobody knows how far it
//! came. A changed part is another one.

use super::services::{Places, log_of};
use super::{Shared, WorkFault};
use crate::agent::keeper::{KeeperReport, Keepers, KeptFor, Phase, Spec, find_user, last_lines};
use crate::agent::state::remove_file;
use crate::base::hash::{hex, sha256};
use crate::base::limit::AGENT_DETAIL_BYTES_MAX;
use crate::base::text::tidy;
use crate::model::{SetupPart, StopBy};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Begins the name of a part among what is kept.
const PREFIX: &str = "setup-";
/// How long a part and what it started may take to end in their own way when their time is over.
const STOP_WITHIN_MS: u64 = 5_000;
/// How often it is looked how far a part is.
const LOOK: Duration = Duration::from_millis(100);

/// One part in its place.
pub struct SetupStep<'a> {
    /// What its keeper calls it.
    pub kept_as: String,
    /// Counts from 1, also in the name of its log.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// What is to be done.
    pub part: &'a SetupPart,
}

/// The parts of a setup, in order.
pub fn steps(parts: &[SetupPart]) -> Vec<SetupStep<'_>> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for part in parts {
        let user = part.run_as.as_deref().unwrap_or_default();
        let digest = hex(&sha256(format!("{user}\n{}", part.script).as_bytes())[..16]);
        // The same part twice is to be done twice.
        let times = seen.entry(digest.clone()).or_default();
        *times += 1;
        let kept_as = format!("{PREFIX}{digest}-{times}");
        steps.push(SetupStep { kept_as, number: steps.len() + 1, count: parts.len(), part });
    }
    steps
}

impl SetupStep<'_> {
    /// In words: "setup 2 of 3: apt-get install -y python3".
    pub fn words(&self) -> String {
        format!("setup {} of {}: {}", self.number, self.count, tidy(&self.part.name, 80))
    }
}

/// Does what is to be done of a setup. On a server that is set up already only parts that are
/// marked for it are.
pub fn bring_about(
    shared: &Shared,
    keepers: &mut Keepers,
    steps: &[SetupStep<'_>],
    is_set_up: bool,
    places: &SetupPlaces,
) -> Result<(), WorkFault> {
    for step in steps {
        if is_set_up && !step.part.rerun {
            continue;
        }
        if !is_to_begin(keepers, step, places)? {
            remove_file(&places.script(step))?;
            keepers.forget_spec(&step.kept_as)?;
            continue;
        }
        shared.is_at(&step.words());
        let done = do_step(shared, keepers, step, places);
        // What it does may be a secret's business.
        remove_file(&places.script(step))?;
        done?;
        keepers.forget_spec(&step.kept_as)?;
    }
    Ok(())
}

/// Forgets parts that the work does not have any more.
pub fn forget_others(keepers: &Keepers, steps: &[SetupStep<'_>]) -> io::Result<()> {
    let others = keepers
        .names()
        .into_iter()
        .filter(|name| name.starts_with(PREFIX) && !steps.iter().any(|step| step.kept_as == *name));
    for name in others {
        if !keepers.is_kept(&name) {
            keepers.forget(&name)?;
        }
    }
    Ok(())
}

/// Where setup has its files.
pub struct SetupPlaces {
    /// The server's own.
    pub places: Places,
    /// Scripts, while they run: their users have to reach them.
    pub scripts: PathBuf,
}

impl SetupPlaces {
    fn script(&self, step: &SetupStep<'_>) -> PathBuf {
        self.scripts.join(&step.kept_as)
    }

    fn log(&self, step: &SetupStep<'_>) -> PathBuf {
        log_of(&self.places.logs, &format!("{PREFIX}{}", step.number))
    }
}

/// Whether a part is to be begun, or is under way; not one that is done.
fn is_to_begin(
    keepers: &Keepers,
    step: &SetupStep<'_>,
    places: &SetupPlaces,
) -> Result<bool, WorkFault> {
    let Some(report) = keepers.report(&step.kept_as).filter(|report| report.starts > 0) else {
        return Ok(true);
    };
    if report.phase != Phase::Over {
        return Ok(true);
    }
    if report.last.as_ref().is_some_and(|(end, _)| end.is_good()) {
        return Ok(false);
    }
    let kind = keepers.spec(&step.kept_as).map(|spec| spec.kind);
    if kind.is_some_and(|kind| kind != kind_of(step.part)) {
        // Somebody gave it more time.
        keepers.forget_report(&step.kept_as)?;
        return Ok(true);
    }
    Err(failure(step, &report, places))
}

fn do_step(
    shared: &Shared,
    keepers: &mut Keepers,
    step: &SetupStep<'_>,
    places: &SetupPlaces,
) -> Result<(), WorkFault> {
    let in_step = |fault: WorkFault| fault.of(&step.words());
    let name = &step.kept_as;
    loop {
        if !keepers.is_kept(name) && !is_over(keepers, name) {
            begin(keepers, step, places).map_err(in_step)?;
        }
        if let Some(report) = keepers.report(name).filter(|report| report.phase == Phase::Over) {
            keepers.wait(name)?;
            return match report.last.as_ref().is_some_and(|(end, _)| end.is_good()) {
                true => Ok(()),
                false => Err(failure(step, &report, places)),
            };
        }
        if shared.is_superseded(|newer| !steps(&newer.setup).iter().any(|s| s.kept_as == *name)) {
            keepers.stop(name)?;
            keepers.wait(name)?;
            return Err(WorkFault::superseded());
        }
        shared.pause(LOOK)?;
    }
}

fn is_over(keepers: &Keepers, name: &str) -> bool {
    keepers.report(name).is_some_and(|report| report.phase == Phase::Over)
}

fn begin(
    keepers: &mut Keepers,
    step: &SetupStep<'_>,
    places: &SetupPlaces,
) -> Result<(), WorkFault> {
    let script = places.script(step);
    let has_begun = keepers.report(&step.kept_as).is_some_and(|report| report.starts > 0);
    if !has_begun {
        write_script(&script, step.part)?;
        for log in [places.log(step), places.log(step).with_extension("log.1")] {
            remove_file(&log)?;
        }
    }
    let path = script.to_string_lossy().into_owned();
    let command = match step.part.script.starts_with("#!") {
        true => vec![path],
        false => ["/bin/sh", "-e", &path].map(str::to_owned).to_vec(),
    };
    let mut environment = places.places.environment.clone();
    environment.extend(places.places.setup_environment.clone());
    let spec = Spec {
        command,
        environment,
        hidden: places.places.hidden.clone(),
        user: step.part.run_as.clone(),
        directory: places.places.home.clone(),
        open_files: None,
        stop: StopBy { within_ms: STOP_WITHIN_MS, ..StopBy::default() },
        log: places.log(step),
        kind: kind_of(step.part),
    };
    let begun = keepers.begin(&step.kept_as, &spec);
    begun.map_err(|error| WorkFault::again(error.to_string()))
}

fn kind_of(part: &SetupPart) -> KeptFor {
    KeptFor::Once { timeout_ms: part.timeout_ms }
}

/// Writes a script so that its user, and nobody else, can read and run it. One that is there is
/// left alone: an agent that was killed may have begun it a moment ago.
fn write_script(path: &Path, part: &SetupPart) -> Result<(), WorkFault> {
    let user = part.run_as.as_deref().map(find_user).transpose().map_err(WorkFault::final_)?;
    if fs::read(path).is_ok_and(|script| script == part.script.as_bytes()) {
        return Ok(());
    }
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o711).create(dir)?;
    }
    let beside = path.with_extension("new");
    remove_file(&beside)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o500).open(&beside)?;
    file.write_all(part.script.as_bytes())?;
    drop(file);
    if let Some(user) = user {
        chown(&beside, Some(user.uid), Some(user.gid))?;
    }
    Ok(fs::rename(&beside, path)?)
}

fn failure(step: &SetupStep<'_>, report: &KeeperReport, places: &SetupPlaces) -> WorkFault {
    let words = report.last.as_ref().map_or("did not end".to_owned(), |(end, _)| end.words());
    let lines = last_lines(&places.log(step));
    let lines = if lines.is_empty() { lines } else { format!(": {lines}") };
    let what = format!("{} {words}{lines}", step.words());
    WorkFault::final_(tidy(&what, AGENT_DETAIL_BYTES_MAX))
}
