//! What the store knows of each record: its key, its indexes, whose story it belongs to.

mod cloud_accounts;
mod images;
mod orchestration;
mod variables;

use super::codec::{self, CodecError};
use super::journal::Subject;
use super::old;
use super::old::v1::{
    AgentCursorV1, BreakerV1, FarmRoleV1, FarmV1, InstallV1, OrderV1, PlanV1, RoleV1, ServerV1,
};
use super::old::v2::{FarmRoleV2, InstallV2, ServerV2};
use super::old::v3::FarmRoleV3;
use super::old::v4::FarmRoleV4;
use super::old::v5::FarmRoleV5;
use super::stored_order::{StoredOrder, order_body};
use super::tables::{Index, Key, Record, key};
use crate::base::{
    EnvironmentId, FarmId, FarmRoleId, HoldId, NoteId, OrderId, PlanId, ProposalId, RoleId,
    ServerId, StepId, TokenId, UserId, VolumeId,
};
use crate::model::{
    AgentCursor, Alert, Breaker, Farm, FarmRole, Hold, Install, Note, Order, OrderState, Plan,
    Proposal, Role, RoleRevision, Server, Step, StepStatus, Token, User, Volume,
};
use serde::{Deserialize, Serialize};

impl Record for Farm {
    type Key = FarmId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> FarmId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::FarmsByName, key::env_name(self.env, &self.name))]
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Farm(self.id)]
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Farm, CodecError> {
        old::decode::<Farm, FarmV1>(schema, bytes)
    }
}

impl Record for FarmRole {
    type Key = FarmRoleId;
    const SCHEMA: u8 = 6;

    fn key(&self) -> FarmRoleId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![
            (Index::FarmRolesByAlias, key::farm_alias(self.farm, &self.alias)),
            (Index::FarmRolesByRole, self.role.bytes()),
        ]
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::FarmRole(self.id), Subject::Farm(self.farm)]
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<FarmRole, CodecError> {
        old::decode_five::<_, FarmRoleV1, FarmRoleV2, FarmRoleV3, FarmRoleV4, FarmRoleV5>(
            schema, bytes,
        )
    }
}

impl Record for Role {
    type Key = RoleId;
    const SCHEMA: u8 = 2;

    fn key(&self) -> RoleId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::RolesByName, key::env_name(self.env, &self.name))]
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Role, CodecError> {
        old::decode::<Role, RoleV1>(schema, bytes)
    }
}

impl Record for RoleRevision {
    type Key = (RoleId, u64);
    const SCHEMA: u8 = 1;

    fn key(&self) -> (RoleId, u64) {
        (self.role, self.number)
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::RoleRevisionsByRole, self.role.bytes())]
    }
}

impl Record for Server {
    type Key = ServerId;
    const SCHEMA: u8 = 3;

    fn key(&self) -> ServerId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        let mut rows = vec![
            (Index::ServersByFarm, self.farm.bytes()),
            (Index::ServersByFarmRole, self.farm_role.bytes()),
        ];
        if self.status.counts() {
            rows.push((Index::LiveServersByFarm, self.farm.bytes()));
            rows.push((Index::LiveServersByFarmRole, self.farm_role.bytes()));
        }
        rows
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Server(self.id), Subject::FarmRole(self.farm_role), Subject::Farm(self.farm)]
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Server, CodecError> {
        old::decode_two::<Server, ServerV1, ServerV2>(schema, bytes)
    }
}

impl Record for Step {
    type Key = StepId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> StepId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        let mut rows = vec![(Index::StepsByServer, self.server.bytes())];
        if self.status.is_open() {
            rows.push((Index::OpenStepsByFarm, self.farm.bytes()));
            rows.push((Index::OpenStepsByServer, self.server.bytes()));
        }
        if let (StepStatus::Failed, Some(at)) = (self.status, self.ended_at) {
            rows.push((Index::FailedStepsByFarm, key::farm_moment(self.farm, at)));
        }
        rows
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![
            Subject::Step(self.id),
            Subject::Server(self.server),
            Subject::FarmRole(self.farm_role),
            Subject::Farm(self.farm),
        ]
    }
}

impl Record for Plan {
    type Key = PlanId;
    const SCHEMA: u8 = 2;

    fn key(&self) -> PlanId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Plan(self.id), Subject::Farm(self.farm)]
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Plan, CodecError> {
        old::decode::<Plan, PlanV1>(schema, bytes)
    }
}

/// Which of a farm's plans is the current one. Kept apart from the farm, so that a plan does
/// not count as a change of what people declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentPlan {
    /// The farm.
    pub farm: FarmId,
    /// Its current plan.
    pub plan: PlanId,
}

impl Record for CurrentPlan {
    type Key = FarmId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> FarmId {
        self.farm
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }
}

impl Record for Order {
    type Key = OrderId;
    const SCHEMA: u8 = 2;

    fn key(&self) -> OrderId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        let mut rows = vec![(Index::OrdersByServer, self.server.bytes())];
        if self.state == OrderState::Open {
            rows.push((Index::OpenOrdersByServer, self.server.bytes()));
        }
        rows
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Server(self.server)]
    }

    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let body = serde_json::to_string(&self.body).map_err(|e| CodecError::Encode(e.into()))?;
        let stored = StoredOrder {
            id: self.id,
            env: self.env,
            server: self.server,
            body,
            at: self.at,
            deadline: self.deadline,
            state: self.state.clone(),
            cancel: self.cancel.clone(),
        };
        let mut out = Vec::new();
        codec::append(&stored, &mut out)?;
        Ok(out)
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Order, CodecError> {
        let stored: StoredOrder = match schema {
            1 => codec::read::<OrderV1>(bytes)?.into(),
            Self::SCHEMA => codec::read(bytes)?,
            found => return Err(CodecError::Schema { found, known: Self::SCHEMA }),
        };
        Ok(Order {
            id: stored.id,
            env: stored.env,
            server: stored.server,
            body: order_body(&stored.body)?,
            at: stored.at,
            deadline: stored.deadline,
            state: stored.state,
            cancel: stored.cancel,
        })
    }
}

impl Record for AgentCursor {
    type Key = ServerId;
    const SCHEMA: u8 = 2;

    fn key(&self) -> ServerId {
        self.server
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<AgentCursor, CodecError> {
        old::decode::<AgentCursor, AgentCursorV1>(schema, bytes)
    }
}

impl Record for User {
    type Key = UserId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> UserId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::UsersByName, key::name(&self.name))]
    }
}

impl Record for Token {
    type Key = TokenId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> TokenId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![
            (Index::TokensByDigest, self.digest.to_vec()),
            (Index::TokensByUser, self.user.bytes()),
        ]
    }
}

impl Record for Install {
    type Key = ();
    const SCHEMA: u8 = 3;

    fn key(&self) {}

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Install, CodecError> {
        old::decode_two::<Install, InstallV1, InstallV2>(schema, bytes)
    }
}

impl Record for Alert {
    type Key = String;
    const SCHEMA: u8 = 1;

    fn key(&self) -> String {
        self.key.clone()
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }
}

impl Record for Hold {
    type Key = HoldId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> HoldId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::HoldsByFarm, self.farm.bytes())]
    }

    fn subjects(&self) -> Vec<Subject> {
        let farm_role = self.farm_role.map(Subject::FarmRole);
        farm_role.into_iter().chain([Subject::Farm(self.farm)]).collect()
    }
}

impl Record for Breaker {
    type Key = String;
    const SCHEMA: u8 = 2;

    fn key(&self) -> String {
        self.account.clone()
    }

    fn env(&self) -> Option<EnvironmentId> {
        None
    }

    fn decode(schema: u8, bytes: &[u8]) -> Result<Breaker, CodecError> {
        old::decode::<Breaker, BreakerV1>(schema, bytes)
    }
}

impl Record for Proposal {
    type Key = ProposalId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> ProposalId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }
}

impl Record for Volume {
    type Key = VolumeId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> VolumeId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        let mut rows = Vec::new();
        if let Some(owner) = &self.owner {
            let place = key::volume_place(self.env, &owner.farm, &owner.alias, owner.index);
            rows.push((Index::VolumesByPlace, place));
        }
        if self.delete_requested {
            rows.push((Index::VolumesToDelete, self.id.bytes()));
        }
        rows
    }

    fn subjects(&self) -> Vec<Subject> {
        let farm_role = self.owner.as_ref().map(|owner| Subject::FarmRole(owner.farm_role));
        std::iter::once(Subject::Volume(self.id)).chain(farm_role).collect()
    }
}

impl Record for Note {
    type Key = NoteId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> NoteId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        vec![(Index::NotesByFarm, self.farm.bytes())]
    }

    fn subjects(&self) -> Vec<Subject> {
        let server = self.server.map(Subject::Server);
        let farm_role = self.farm_role.map(Subject::FarmRole);
        server.into_iter().chain(farm_role).chain([Subject::Farm(self.farm)]).collect()
    }
}
