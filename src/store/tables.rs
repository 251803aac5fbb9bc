//! Every table there is, by name, and what a record has to say to be kept in one.
//!
//! Keys are fixed-width and big-endian, so that the order of bytes is the order of ids and a
//! prefix of an index key is a question. An index row is the index's bytes followed by the
//! record's key, and its value is that key again.

use super::codec::{self, CodecError};
use super::journal::Subject;
use super::records::CurrentPlan;
use crate::base::{
    CloudAccountId, EnvironmentId, FarmId, FarmRoleId, HoldId, ImageId, Name, NoteId, OrderId,
    PlanId, ProposalId, RoleId, RunId, RunServerId,
};
use crate::base::{ServerId, StepId, TokenId, UserId, VariableId, VolumeId};
use crate::model::{
    AgentCursor, Alert, Breaker, CloudAccount, Farm, FarmRole, GlobalVariable, Hold, Image,
    Install, Note, Order, Plan, Proposal, Role, RoleRevision, Run, RunServer, Sealed, Server, Step,
    Token, User, Volume,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

macro_rules! named_tables {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All there are.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Its name in the file, and in the events people see.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

/// Something to do for the record of a table, whichever it is.
pub trait Visit {
    /// What comes of it.
    type Out;
    /// Does it.
    fn visit<R: Record>(&mut self) -> Self::Out;
}

/// What the store keeps, one record a line: its table, the table's name in the file and in the
/// events people see, the record, and the type of its key where keys are counted. Whatever has to
/// do something for every record goes through here ([`Table::visit`]); nothing else lists them.
macro_rules! records {
    ($($(#[$doc:meta])* $table:ident = $name:literal: $record:ty $(, counted $key:ident)?;)*) => {
        named_tables! {
            /// A table of records. New ones go at the end: the journal stores the position.
            Table { $($(#[$doc])* $table = $name,)* }
        }

        impl Table {
            /// Does something for the record this table keeps.
            pub fn visit<V: Visit>(self, visit: &mut V) -> V::Out {
                match self { $(Table::$table => visit.visit::<$record>(),)* }
            }
        }

        $(impl Kept for $record { const TABLE: Table = Table::$table; })*
        $($(
            impl Key for $key {
                fn bytes(&self) -> Vec<u8> {
                    self.0.to_be_bytes().to_vec()
                }

                fn counted(&self) -> Option<(Table, u64)> {
                    Some((Table::$table, self.0))
                }
            }

            impl Counter for $key {
                const TABLE: Table = Table::$table;
                fn number(number: u64) -> Self {
                    $key(number)
                }
            }
        )?)*
    };
}

records! {
    /// Farms.
    Farms = "farms": Farm, counted FarmId;
    /// Farm roles.
    FarmRoles = "farm_roles": FarmRole, counted FarmRoleId;
    /// Roles.
    Roles = "roles": Role, counted RoleId;
    /// Servers.
    Servers = "servers": Server;
    /// Steps.
    Steps = "steps": Step, counted StepId;
    /// Plans.
    Plans = "plans": Plan, counted PlanId;
    /// Each farm's current plan.
    CurrentPlans = "current_plans": CurrentPlan;
    /// Orders to agents.
    Orders = "orders": Order, counted OrderId;
    /// How far each agent's results are committed.
    AgentCursors = "agent_cursors": AgentCursor;
    /// People.
    Users = "users": User, counted UserId;
    /// Their tokens.
    Tokens = "tokens": Token, counted TokenId;
    /// This installation; one row.
    Install = "install": Install;
    /// What people have to see.
    Alerts = "alerts": Alert;
    /// Automation that people switched off.
    Holds = "holds": Hold, counted HoldId;
    /// Cloud accounts that fail.
    Breakers = "breakers": Breaker;
    /// Signed proposals.
    Proposals = "proposals": Proposal, counted ProposalId;
    /// Data volumes.
    Volumes = "volumes": Volume, counted VolumeId;
    /// What people left on things.
    Notes = "notes": Note, counted NoteId;
    /// Commands on many servers.
    Runs = "runs": Run, counted RunId;
    /// What each of their servers has to do with them.
    RunServers = "run_servers": RunServer, counted RunServerId;
    /// What roles say, revision by revision.
    RoleRevisions = "role_revisions": RoleRevision;
    /// Global variables, one row for each scope with a value.
    Variables = "variables": GlobalVariable, counted VariableId;
    /// What servers are started from.
    Images = "images": Image;
    /// Cloud accounts that people added.
    CloudAccounts = "cloud_accounts": CloudAccount, counted CloudAccountId;
}

impl Table {
    /// Whether a change of its records is a change of state, and so an entry of the journal. How
    /// far an agent was heard is none: each of its messages moves that, and nobody outside may
    /// push the journal out by talking.
    pub(super) fn is_journaled(self) -> bool {
        self != Table::AgentCursors
    }

    /// Whether all of its records belong to environments, by themselves or by what they are kept
    /// beside. A variable of the whole installation belongs to none.
    pub(super) fn has_environment(self) -> bool {
        !matches!(
            self,
            Table::Users
                | Table::Tokens
                | Table::Install
                | Table::Alerts
                | Table::Breakers
                | Table::CloudAccounts
                | Table::Variables
        )
    }
}

named_tables! {
    /// An index over a table.
    Index {
        /// Farms by environment and name: [`key::env_name`].
        FarmsByName = "farms_by_name",
        /// Farm roles by farm and alias: the farm's id, or [`key::farm_alias`].
        FarmRolesByAlias = "farm_roles_by_alias",
        /// Farm roles by the role they use.
        FarmRolesByRole = "farm_roles_by_role",
        /// Roles by environment and name: [`key::env_name`].
        RolesByName = "roles_by_name",
        /// Every server record of a farm, also of servers long gone.
        ServersByFarm = "servers_by_farm",
        /// Every server record of a farm role, also of servers long gone.
        ServersByFarmRole = "servers_by_farm_role",
        /// Servers not confirmed gone, by farm.
        LiveServersByFarm = "live_servers_by_farm",
        /// Servers not confirmed gone, by farm role: what max counts.
        LiveServersByFarmRole = "live_servers_by_farm_role",
        /// Steps something may still come of, by farm.
        OpenStepsByFarm = "open_steps_by_farm",
        /// Steps something may still come of, by server.
        OpenStepsByServer = "open_steps_by_server",
        /// Every step of a server.
        StepsByServer = "steps_by_server",
        /// Steps that failed, by farm and the moment they ended: [`key::farm_moment`].
        FailedStepsByFarm = "failed_steps_by_farm",
        /// Every order of a server.
        OrdersByServer = "orders_by_server",
        /// Orders not answered yet, by server.
        OpenOrdersByServer = "open_orders_by_server",
        /// Users by name: [`key::name`].
        UsersByName = "users_by_name",
        /// Tokens by the digest of their text.
        TokensByDigest = "tokens_by_digest",
        /// Tokens by user.
        TokensByUser = "tokens_by_user",
        /// Holds by farm.
        HoldsByFarm = "holds_by_farm",
        /// Data volumes by their place: [`key::volume_place`], or [`key::env_name`] of the farm.
        VolumesByPlace = "volumes_by_place",
        /// Data volumes that a person wants gone.
        VolumesToDelete = "volumes_to_delete",
        /// Notes by farm, also those on its farm roles and servers.
        NotesByFarm = "notes_by_farm",
        /// Runs that have something left to do.
        OpenRuns = "open_runs",
        /// Every server of a run.
        RunServersByRun = "run_servers_by_run",
        /// Servers of a run whose turn has not come.
        WaitingRunServers = "waiting_run_servers",
        /// Servers of a run by the order their agent has or had.
        RunServersByOrder = "run_servers_by_order",
        /// Revisions of roles by role.
        RoleRevisionsByRole = "role_revisions_by_role",
        /// Variables by their scope: [`key::variable_scope`].
        VariablesByScope = "variables_by_scope",
        /// Variables by name, in small letters: [`key::variable_name`].
        VariablesByName = "variables_by_name",
        /// Images by environment and name: [`key::env_name`].
        ImagesByName = "images_by_name",
        /// Cloud accounts by name: [`key::name`].
        CloudAccountsByName = "cloud_accounts_by_name",
    }
}

/// A record's key: fixed-width bytes whose order is the order of the keys.
pub trait Key: Clone + Ord + Send {
    /// The bytes.
    fn bytes(&self) -> Vec<u8>;

    /// For keys that are counted: whose records they number, and this one's number.
    fn counted(&self) -> Option<(Table, u64)> {
        None
    }
}

/// A key that is counted: [`super::Tx::next_id`] draws the next.
pub trait Counter: Key {
    /// Whose records it numbers.
    const TABLE: Table;
    /// The key of a number.
    fn number(number: u64) -> Self;
}

impl Key for ServerId {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

impl Key for ImageId {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

/// A revision of a role: those of one role are beside each other, the first first.
impl Key for (RoleId, u64) {
    fn bytes(&self) -> Vec<u8> {
        [self.0.0.to_be_bytes(), self.1.to_be_bytes()].concat()
    }
}

/// The key of a table with one row.
impl Key for () {
    fn bytes(&self) -> Vec<u8> {
        vec![0]
    }
}

/// Alerts are named by a text; nothing follows it in any key.
impl Key for String {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// What has a line in the list of records.
pub trait Kept {
    /// Where it is kept.
    const TABLE: Table;
}

/// Something the store keeps.
///
/// Two versions of a record's shape differ in `SCHEMA`; `decode` then reads the older one too.
pub trait Record:
    Kept + Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + 'static
{
    /// What it is found by.
    type Key: Key;
    /// The number of its shape, counted from 1.
    const SCHEMA: u8;

    /// What it is found by.
    fn key(&self) -> Self::Key;

    /// Whose it is; `None` for what is of no environment: people, their tokens, cloud accounts,
    /// this installation, and what is kept beside a record that has one.
    fn env(&self) -> Option<EnvironmentId>;

    /// What else it is found by.
    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        Vec::new()
    }

    /// Whose story a change of it belongs to.
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    /// Whether it may have anything sealed.
    const SEALS: bool = false;

    /// What of it is sealed: each field's name with its value. A field that is not here is not
    /// sealed anew when the key is replaced, and can never be read again.
    fn sealed(&mut self) -> Vec<(&'static str, &mut Sealed)> {
        Vec::new()
    }

    /// Its bytes, without the header.
    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut out = Vec::new();
        codec::append(self, &mut out)?;
        Ok(out)
    }

    /// Itself from bytes written with some schema.
    fn decode(schema: u8, bytes: &[u8]) -> Result<Self, CodecError> {
        if schema != Self::SCHEMA {
            return Err(CodecError::Schema { found: schema, known: Self::SCHEMA });
        }
        codec::read(bytes)
    }
}

/// The bytes of index keys and of their prefixes.
pub mod key {
    use super::{Key, Name};
    use crate::base::limit::VARIABLE_WORD_BYTES_MAX;
    use crate::base::{EnvironmentId, FarmId, Timestamp};
    use crate::model::VariableScope;

    /// Bytes of a name in a key: the longest name has 63, so every name ends in a zero.
    const NAME_BYTES: usize = 64;

    /// A moment in a farm; later moments come after earlier ones.
    pub fn farm_moment(farm: FarmId, at: Timestamp) -> Vec<u8> {
        let mut out = farm.bytes();
        out.extend_from_slice(&at.0.max(0).to_be_bytes());
        out
    }

    /// A name on its own.
    pub fn name(name: &Name) -> Vec<u8> {
        let mut out = name.as_str().as_bytes().to_vec();
        out.resize(NAME_BYTES, 0);
        out
    }

    /// A name in its environment.
    pub fn env_name(env: EnvironmentId, text: &Name) -> Vec<u8> {
        let mut out = env.0.to_be_bytes().to_vec();
        out.append(&mut name(text));
        out
    }

    /// An index of a farm role, by names: what stays when their records are gone.
    pub fn volume_place(env: EnvironmentId, farm: &Name, alias: &Name, index: u32) -> Vec<u8> {
        let mut out = env_name(env, farm);
        out.append(&mut name(alias));
        out.extend_from_slice(&index.to_be_bytes());
        out
    }

    /// A variable's scope: its kind, and the number of what it is.
    pub fn variable_scope(scope: &VariableScope) -> Vec<u8> {
        let (kind, number) = match scope {
            VariableScope::Installation => (0, 0),
            VariableScope::Environment(env) => (1, u128::from(env.0)),
            VariableScope::Farm(farm) => (2, u128::from(farm.0)),
            VariableScope::FarmRole(farm_role) => (3, u128::from(farm_role.0)),
            VariableScope::Server(server) => (4, server.0),
        };
        let mut out = vec![kind];
        out.extend_from_slice(&number.to_be_bytes());
        out
    }

    /// A variable's name, in small letters: names that differ in nothing else are one.
    pub fn variable_name(name: &str) -> Vec<u8> {
        let mut out = name.to_ascii_lowercase().into_bytes();
        out.resize(VARIABLE_WORD_BYTES_MAX + 1, 0);
        out
    }

    /// An alias in its farm.
    pub fn farm_alias(farm: FarmId, alias: &Name) -> Vec<u8> {
        let mut out = farm.bytes();
        out.append(&mut name(alias));
        out
    }
}
