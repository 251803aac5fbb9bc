//! Global variables.

use super::super::journal::Subject;
use super::super::tables::{Index, Record, key};
use crate::base::{EnvironmentId, VariableId};
use crate::model::{GlobalVariable, Sealed, VariableScope, VariableValue};

impl Record for GlobalVariable {
    type Key = VariableId;
    const SCHEMA: u8 = 1;
    const SEALS: bool = true;

    fn key(&self) -> VariableId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        self.env
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![
            (Index::VariablesByScope, key::variable_scope(&self.scope)),
            (Index::VariablesByName, key::variable_name(&self.name)),
        ]
    }

    fn subjects(&self) -> Vec<Subject> {
        match self.scope {
            VariableScope::Farm(farm) => vec![Subject::Farm(farm)],
            VariableScope::FarmRole(farm_role) => vec![Subject::FarmRole(farm_role)],
            VariableScope::Server(server) => vec![Subject::Server(server)],
            VariableScope::Installation | VariableScope::Environment(_) => Vec::new(),
        }
    }

    fn sealed(&mut self) -> Vec<(&'static str, &mut Sealed)> {
        match &mut self.value {
            Some(VariableValue::Hidden(sealed)) => vec![("value", sealed)],
            Some(VariableValue::Plain(_)) | None => Vec::new(),
        }
    }
}
