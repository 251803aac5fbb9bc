//! What the work of servers came to when it was last rendered: rendering 2,000 of them anew at
//! each look costs most of a second, and nearly always comes to the same.
//!
//! What is remembered of a server stands as long as all that it was rendered from is the same: the
//! recipe with what its image says, the server itself, its variables, and what its templates looked
//! at of the farm. Each of these is compared by what it comes to and not by who may have changed
//! it, so nothing has to be told of a change. Of the work itself only digests are kept; hidden
//! values go into one with a key. As much is kept as there are servers with work.

use crate::automation::recipe::{Scene, SceneUse, Stage, Unrendered};
use crate::base::hash::{hex, sha256};
use crate::base::{FarmId, Millis, Problem, Result, ServerId};
use crate::model::{ImageDefaults, OnChange, Recipe, RoleFile, Workload};
use crate::store::Keyring;
use std::collections::{BTreeMap, BTreeSet};

/// What is remembered of all farms, by whoever looks at them again and again.
#[derive(Debug, Default)]
pub struct RenderedWork {
    farms: BTreeMap<FarmId, FarmMemory>,
    /// How often something was rendered because it was not remembered.
    pub rendered: u64,
}

/// Of the servers of one farm.
pub(super) type FarmMemory = BTreeMap<ServerId, Remembered>;

/// What is remembered of one server.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    inputs: [u8; 32],
    used: SceneUse,
    seen: [u8; 32],
    /// What it came to.
    pub found: std::result::Result<Outline, Unrendered>,
}

impl RenderedWork {
    /// Forgets farms that are looked at no more.
    pub fn keep(&mut self, farms: &BTreeSet<FarmId>) {
        self.farms.retain(|farm, _| farms.contains(farm));
    }

    /// What is remembered of a farm's servers, which the look at it hands back with
    /// [`RenderedWork::put`]: who is not looked at any more is forgotten.
    pub(super) fn take(&mut self, farm: FarmId) -> FarmMemory {
        self.farms.remove(&farm).unwrap_or_default()
    }

    pub(super) fn put(&mut self, farm: FarmId, memory: FarmMemory) {
        if !memory.is_empty() {
            self.farms.insert(farm, memory);
        }
    }
}

impl Remembered {
    pub(super) fn new(
        inputs: [u8; 32],
        used: SceneUse,
        scene: &Scene,
        found: std::result::Result<Outline, Unrendered>,
    ) -> Remembered {
        let seen = scene.digest_of(&used);
        Remembered { inputs, used, seen, found }
    }

    /// Whether it would come to that now.
    pub(super) fn stands(&self, inputs: &[u8; 32], scene: &Scene) -> bool {
        self.inputs == *inputs && scene.digest_of(&self.used) == self.seen
    }
}

/// What a recipe comes to, with what is taken over from its image.
pub(super) fn recipe_digest(recipe: &Recipe, defaults: Option<&ImageDefaults>) -> Result<[u8; 32]> {
    let text = serde_json::to_vec(&(recipe, defaults));
    let text = text.map_err(|cause| Problem::internal("reading a recipe", cause))?;
    Ok(sha256(&text))
}

/// All that a server's work is rendered from, beside what its templates ask of the farm.
pub(super) fn inputs(keyring: &Keyring, recipe: &[u8; 32], stage: &Stage) -> Result<[u8; 32]> {
    let text = serde_json::to_vec(&(recipe, stage));
    let text = text.map_err(|cause| Problem::internal("comparing a server's work", cause))?;
    if stage.hidden.is_empty() { Ok(sha256(&text)) } else { Ok(keyring.digest(&text)?) }
}

/// What names a server's work, and what in it restarts a service when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    pub all: String,
    /// Of services, their environment, and files that say so.
    pub restarts: String,
    /// What all parts of its setup may take together.
    pub setup_ms: Millis,
}

impl Outline {
    /// Hidden values are short and few: a digest of them has a key, so that nobody can try them.
    pub(super) fn of(keyring: &Keyring, workload: &Workload) -> Result<Outline> {
        let is_plain = workload.hidden.is_empty();
        let digest = |text: serde_json::Result<Vec<u8>>| -> Result<String> {
            let text = text.map_err(|cause| Problem::internal("writing a server's work", cause))?;
            let whole = if is_plain { sha256(&text) } else { keyring.digest(&text)? };
            Ok(hex(&whole[..16]))
        };
        let restarts = |file: &&RoleFile| matches!(file.on_change, Some(OnChange::Restart(_)));
        let files: Vec<_> = workload.files.iter().filter(restarts).collect();
        let of_services = (&workload.services, &workload.environment, files);
        Ok(Outline {
            all: digest(serde_json::to_vec(workload))?,
            restarts: digest(serde_json::to_vec(&of_services))?,
            setup_ms: workload
                .setup
                .iter()
                .map(|part| part.timeout_ms)
                .fold(0, Millis::saturating_add),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::automation::recipe::SceneServer;

    fn recipe(port: &str) -> Recipe {
        Recipe { ports: BTreeMap::from([(port.to_owned(), 80)]), ..Recipe::default() }
    }

    #[test]
    fn each_thing_that_work_is_rendered_from_is_one_of_its_inputs() {
        let ring = Keyring::in_memory();
        let of = |recipe: &Recipe, defaults: Option<&ImageDefaults>, stage: &Stage| {
            inputs(&ring, &recipe_digest(recipe, defaults).unwrap(), stage).unwrap()
        };
        let text = |text: &str| text.to_owned();
        let stage = Stage {
            server: SceneServer { hostname: text("web-1"), index: 1, ..SceneServer::default() },
            vars: BTreeMap::from([(text("A"), text("1")), (text("B"), text("2"))]),
            ..Stage::default()
        };
        let plain = of(&recipe("app"), None, &stage);
        assert_eq!(plain, of(&recipe("app"), None, &stage.clone()));
        let changed = |change: &dyn Fn(&mut Stage)| {
            let mut other = stage.clone();
            change(&mut other);
            of(&recipe("app"), None, &other)
        };
        let user = ImageDefaults { user: Some(text("app")), ..ImageDefaults::default() };
        let others = [
            ("the recipe", of(&recipe("other"), None, &stage)),
            ("its image", of(&recipe("app"), Some(&ImageDefaults::default()), &stage)),
            ("what that says", of(&recipe("app"), Some(&user), &stage)),
            ("its name", changed(&|it| it.server.hostname = "web-2".into())),
            ("its address", changed(&|it| it.server.address = "10.0.0.9".into())),
            ("a value", changed(&|it| drop(it.vars.insert("A".into(), "9".into())))),
            ("a variable", changed(&|it| drop(it.vars.remove("A")))),
            (
                "what is hidden",
                changed(&|it| {
                    it.hidden.insert("A".into());
                }),
            ),
            (
                "what else is",
                changed(&|it| {
                    it.hidden.insert("B".into());
                }),
            ),
            (
                "what is of setup",
                changed(&|it| {
                    it.of_setup.insert("A".into());
                }),
            ),
        ];
        let mut seen = BTreeMap::from([(plain, "nothing")]);
        for (what, digest) in others {
            assert_eq!(seen.insert(digest, what), None, "{what} is forgotten");
        }
    }
}
