//! What a farm role does otherwise than its role says.
//!
//! The role is described once and used in every farm; what differs in one of them is said there and
//! laid over the role's revision, whichever that is. It is part of what servers are made of, so a
//! change of it is rolled out as any other. The check is a field of the farm role itself, because
//! planning looks at it.

use crate::model::{Recipe, RoleFile, SetupPart};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is laid over a role's recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Environment by the name of the service: over what the role says by the same names.
    pub environment: BTreeMap<String, BTreeMap<String, String>>,
    /// In place of the role's files of the same paths, else after them.
    pub files: Vec<RoleFile>,
    /// In place of the role's parts of the same names, else after them.
    pub setup: Vec<SetupPart>,
}

impl Overrides {
    /// Whether everything is as the role says.
    pub fn is_empty(&self) -> bool {
        self.environment.is_empty() && self.files.is_empty() && self.setup.is_empty()
    }

    /// Bytes of all its texts.
    pub fn text_bytes(&self) -> usize {
        let Overrides { environment, files, setup } = self;
        let recipe = Recipe { files: files.clone(), setup: setup.clone(), ..Recipe::default() };
        let values = environment.values().flatten();
        let values: usize = values.map(|(name, value)| name.len() + value.len()).sum();
        recipe.text_bytes() + values
    }
}

impl Recipe {
    /// What a farm role makes of it.
    #[must_use]
    pub fn with(mut self, overrides: &Overrides) -> Recipe {
        let Overrides { environment, files, setup } = overrides;
        for service in &mut self.services {
            let over = environment.get(&service.name).into_iter().flatten();
            service.environment.extend(over.map(|(name, value)| (name.clone(), value.clone())));
        }
        for file in files {
            match self.files.iter_mut().find(|of_role| of_role.path == file.path) {
                Some(of_role) => of_role.clone_from(file),
                None => self.files.push(file.clone()),
            }
        }
        for part in setup {
            match self.setup.iter_mut().find(|of_role| of_role.name == part.name) {
                Some(of_role) => of_role.clone_from(part),
                None => self.setup.push(part.clone()),
            }
        }
        self
    }
}
