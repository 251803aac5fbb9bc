//! What the API asks of the house: one method for each thing a person can do through it.
//!
//! Declared here and implemented over `service` by `boot`, so that routes can be tested against
//! a fake and the rights stay where they belong: each verb takes the actor and decides itself.
//! Verbs may block (they commit); the API calls them off its own threads, a bounded number at
//! once. None waits for the world: "launch" commits what is desired and returns.

use crate::base::{
    FarmId, FarmRoleId, HoldId, OrderId, PlanId, Result, ServerId, Timestamp, TokenId, VolumeId,
};
use crate::model::Actor;
use crate::wire::account::AccountView;
use crate::wire::api::{
    CommandRequest, ExplainView, FarmManifestView, FarmRoleView, FarmView, ManifestRequest,
    ManifestResult, OrderView, PlanView, ProposalRequest, ProposalText, ProposalView, SeriesView,
    ServerView, StatusView,
};
use crate::wire::hold::{HoldInput, HoldView};
use crate::wire::input::{
    EventsQuery, EventsSlice, FarmFilter, FarmInput, FarmRoleFilter, LockInput, Page, RebootInput,
    RoleFilter, RoleView, ScalingInput, ServerFilter, Slice, TerminateInput, TokenInfo, TokenInput,
    TokenView, VolumeFilter,
};
use crate::wire::rollout::{RolloutVerb, RolloutView};
use crate::wire::simulation::{SimulationRequest, SimulationView};
use crate::wire::volume::VolumeView;

/// The verbs the API serves. `revision` is the caller's `If-Match`: when it is there and is not
/// the record's, the answer is [`crate::base::Code::RevisionConflict`].
pub trait Verbs: Send + Sync + 'static {
    /// Whose bearer token this is; `None` for an unknown or expired one. The API fills in the
    /// door, the address and the request's id afterwards.
    fn authenticate_token(&self, token: &str) -> Option<Actor>;
    /// Who a process of this machine is, by its user id; `None` for a user who is nobody here.
    fn actor_of_unix(&self, uid: u32, pid: Option<i32>) -> Option<Actor>;

    /// Farms of the actor's environment, by name.
    fn farms(&self, actor: &Actor, filter: &FarmFilter, page: Page) -> Result<Slice<FarmView>>;
    /// One farm.
    fn farm(&self, actor: &Actor, id: FarmId) -> Result<FarmView>;
    /// Declares an empty farm.
    fn farm_create(&self, actor: &Actor, input: &FarmInput) -> Result<FarmView>;
    /// Changes a farm's own fields.
    fn farm_update(
        &self,
        actor: &Actor,
        id: FarmId,
        input: &FarmInput,
        revision: Option<u64>,
    ) -> Result<FarmView>;
    /// Removes a farm; its servers go first.
    fn farm_remove(&self, actor: &Actor, id: FarmId, revision: Option<u64>) -> Result<()>;
    /// Wants every farm role to have its servers.
    fn farm_launch(&self, actor: &Actor, id: FarmId) -> Result<FarmView>;
    /// Wants every server shut down and kept, in reverse launch order.
    fn farm_suspend(&self, actor: &Actor, id: FarmId) -> Result<FarmView>;
    /// Wants a farm that was stopped up again, in launch order.
    fn farm_resume(&self, actor: &Actor, id: FarmId) -> Result<FarmView>;
    /// Wants no server left.
    fn farm_terminate(&self, actor: &Actor, id: FarmId, input: TerminateInput) -> Result<FarmView>;

    /// Farm roles of a farm, by launch index and alias.
    fn farm_roles(
        &self,
        actor: &Actor,
        farm: FarmId,
        filter: &FarmRoleFilter,
        page: Page,
    ) -> Result<Slice<FarmRoleView>>;
    /// One farm role.
    fn farm_role(&self, actor: &Actor, id: FarmRoleId) -> Result<FarmRoleView>;
    /// Changes a farm role's range.
    fn scaling_update(
        &self,
        actor: &Actor,
        id: FarmRoleId,
        input: &ScalingInput,
        revision: Option<u64>,
    ) -> Result<FarmRoleView>;

    /// Servers of the actor's environment, by farm, farm role and index.
    fn servers(
        &self,
        actor: &Actor,
        filter: &ServerFilter,
        page: Page,
    ) -> Result<Slice<ServerView>>;
    /// One server.
    fn server(&self, actor: &Actor, id: ServerId) -> Result<ServerView>;
    /// Asks for a server to go; the engine replaces it if it is still wanted.
    fn server_terminate(
        &self,
        actor: &Actor,
        id: ServerId,
        input: TerminateInput,
    ) -> Result<ServerView>;
    /// Asks for a reboot.
    fn server_reboot(&self, actor: &Actor, id: ServerId, input: RebootInput) -> Result<ServerView>;
    /// Puts a server to sleep.
    fn server_suspend(&self, actor: &Actor, id: ServerId) -> Result<ServerView>;
    /// Wakes a server that sleeps.
    fn server_resume(&self, actor: &Actor, id: ServerId) -> Result<ServerView>;
    /// Locks a server against removal.
    fn server_lock(&self, actor: &Actor, id: ServerId, input: &LockInput) -> Result<ServerView>;
    /// Takes its lock off.
    fn server_unlock(&self, actor: &Actor, id: ServerId) -> Result<ServerView>;
    /// Readings of a server, one view for each series that has any. Without names: all of them.
    fn readings(
        &self,
        actor: &Actor,
        id: ServerId,
        series: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SeriesView>>;
    /// Orders a command run by the server's agent; the answer is the open order.
    fn command_run(&self, actor: &Actor, id: ServerId, input: &CommandRequest)
    -> Result<OrderView>;
    /// An order and what came of it.
    fn order(&self, actor: &Actor, id: OrderId) -> Result<OrderView>;
    /// Wants the command ended that an order runs.
    fn order_cancel(&self, actor: &Actor, id: OrderId) -> Result<OrderView>;

    /// Data volumes of the actor's environment, by place.
    fn volumes(
        &self,
        actor: &Actor,
        filter: &VolumeFilter,
        page: Page,
    ) -> Result<Slice<VolumeView>>;
    /// One data volume.
    fn volume(&self, actor: &Actor, id: VolumeId) -> Result<VolumeView>;
    /// Wants a data volume gone.
    fn volume_delete(&self, actor: &Actor, id: VolumeId) -> Result<()>;

    /// Roles the actor's environment can use, by name.
    fn roles(&self, actor: &Actor, filter: &RoleFilter, page: Page) -> Result<Slice<RoleView>>;
    /// Declares what a manifest says, or with `dry_run` says what that would change.
    fn apply(&self, actor: &Actor, input: &ManifestRequest) -> Result<ManifestResult>;
    /// A farm as a manifest.
    fn farm_manifest(&self, actor: &Actor, farm: FarmId) -> Result<FarmManifestView>;
    /// Makes a signed proposal of what a manifest would change.
    fn proposal_make(&self, actor: &Actor, input: &ProposalRequest) -> Result<ProposalView>;
    /// What a signed proposal says, and whether it could still be applied.
    fn proposal_check(&self, actor: &Actor, input: &ProposalText) -> Result<ProposalView>;
    /// Applies a signed proposal: exactly what it says, or nothing.
    fn proposal_apply(&self, actor: &Actor, input: &ProposalText) -> Result<ManifestResult>;

    /// Plays a farm's past again under the scaling rules of a manifest; it changes nothing.
    fn simulate(&self, actor: &Actor, input: &SimulationRequest) -> Result<SimulationView>;

    /// Journal entries; answers at once. The API waits, and asks again when its bell rings.
    fn events(&self, actor: &Actor, query: &EventsQuery) -> Result<EventsSlice>;
    /// How a thing is and the chain of causes that led there. `what` is as people say it:
    /// `shop`, `shop/web`, `shop/web-3` or a server's UUID.
    fn explain(&self, actor: &Actor, what: &str) -> Result<ExplainView>;
    /// A farm's current plan.
    fn plan_of_farm(&self, actor: &Actor, farm: FarmId) -> Result<PlanView>;
    /// A plan by number.
    fn plan(&self, actor: &Actor, id: PlanId) -> Result<PlanView>;
    /// How the rollout of a farm role stands, and its revisions.
    fn rollout(&self, actor: &Actor, id: FarmRoleId) -> Result<RolloutView>;
    /// Says something of it.
    fn rollout_say(&self, actor: &Actor, id: FarmRoleId, verb: RolloutVerb) -> Result<RolloutView>;
    /// What is held, by farm, farm role and kind.
    fn holds(&self, actor: &Actor, page: Page) -> Result<Slice<HoldView>>;
    /// Holds one kind of automation; replaces a hold of that kind on the same thing.
    fn hold_place(&self, actor: &Actor, input: &HoldInput) -> Result<HoldView>;
    /// Releases a hold.
    fn hold_release(&self, actor: &Actor, id: HoldId) -> Result<()>;
    /// Cloud accounts: how each answers, and how fast it is asked.
    fn accounts(&self, actor: &Actor, page: Page) -> Result<Slice<AccountView>>;
    /// Forgets the failures of a cloud account.
    fn account_resume(&self, actor: &Actor, name: &str) -> Result<AccountView>;
    /// How the appliance is.
    fn status(&self, actor: &Actor) -> Result<StatusView>;
    /// Creates a bearer token of the actor's own user.
    fn token_create(&self, actor: &Actor, input: &TokenInput) -> Result<TokenView>;
    /// Tokens of the actor's own user, and everybody's for who manages users.
    fn tokens(&self, actor: &Actor, page: Page) -> Result<Slice<TokenInfo>>;
    /// Revokes a token.
    fn token_revoke(&self, actor: &Actor, id: TokenId) -> Result<()>;
}
