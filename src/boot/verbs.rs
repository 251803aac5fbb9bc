//! The API's verbs over the service: one line each.

use crate::api::verbs::Verbs;
use crate::base::{
    FarmId, FarmRoleId, HoldId, OrderId, PlanId, Result, ServerId, Timestamp, TokenId, VolumeId,
};
use crate::boot::driver::Stats;
use crate::model::{Actor, Permission};
use crate::service::{
    Service, accounts, authorise, commands, events, explain, farms, holds, lookup, manifests,
    proposals, rollouts, servers, status, users, views, volumes, whatif,
};
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
use std::sync::Arc;

/// The house, as the API asks for it.
pub struct House {
    /// The verbs.
    pub service: Arc<Service>,
    /// How the jobs are.
    pub jobs: Arc<Stats>,
    /// Users of this machine who are administrators on the unix socket, root aside.
    pub administrators: Vec<u32>,
}

impl Verbs for House {
    fn authenticate_token(&self, token: &str) -> Option<Actor> {
        users::of_token(&self.service, token)
    }

    fn actor_of_unix(&self, uid: u32, pid: Option<i32>) -> Option<Actor> {
        let mut actor = users::of_unix(&self.service, uid, &self.administrators)?;
        actor.address = pid.map(|pid| format!("pid {pid}")).unwrap_or_default();
        Some(actor)
    }

    fn farms(&self, actor: &Actor, filter: &FarmFilter, page: Page) -> Result<Slice<FarmView>> {
        farms::list(&self.service, actor, filter, page)
    }

    fn farm(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        farms::get(&self.service, actor, id)
    }

    fn farm_create(&self, actor: &Actor, input: &FarmInput) -> Result<FarmView> {
        farms::create(&self.service, actor, input)
    }

    fn farm_update(
        &self,
        actor: &Actor,
        id: FarmId,
        input: &FarmInput,
        revision: Option<u64>,
    ) -> Result<FarmView> {
        farms::update(&self.service, actor, id, input, revision)
    }

    fn farm_remove(&self, actor: &Actor, id: FarmId, revision: Option<u64>) -> Result<()> {
        farms::remove(&self.service, actor, id, revision)
    }

    fn farm_launch(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        farms::launch(&self.service, actor, id)
    }

    fn farm_suspend(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        farms::suspend(&self.service, actor, id)
    }

    fn farm_resume(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        farms::resume(&self.service, actor, id)
    }

    fn farm_terminate(&self, actor: &Actor, id: FarmId, input: TerminateInput) -> Result<FarmView> {
        farms::terminate(&self.service, actor, id, input)
    }

    fn farm_roles(
        &self,
        actor: &Actor,
        farm: FarmId,
        filter: &FarmRoleFilter,
        page: Page,
    ) -> Result<Slice<FarmRoleView>> {
        farms::roles(&self.service, actor, farm, filter, page)
    }

    fn farm_role(&self, actor: &Actor, id: FarmRoleId) -> Result<FarmRoleView> {
        farms::role(&self.service, actor, id)
    }

    fn scaling_update(
        &self,
        actor: &Actor,
        id: FarmRoleId,
        input: &ScalingInput,
        revision: Option<u64>,
    ) -> Result<FarmRoleView> {
        farms::scale(&self.service, actor, id, input, revision)
    }

    fn servers(
        &self,
        actor: &Actor,
        filter: &ServerFilter,
        page: Page,
    ) -> Result<Slice<ServerView>> {
        servers::list(&self.service, actor, filter, page)
    }

    fn server(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        servers::get(&self.service, actor, id)
    }

    fn server_terminate(
        &self,
        actor: &Actor,
        id: ServerId,
        input: TerminateInput,
    ) -> Result<ServerView> {
        servers::terminate(&self.service, actor, id, input)
    }

    fn server_reboot(&self, actor: &Actor, id: ServerId, input: RebootInput) -> Result<ServerView> {
        servers::reboot(&self.service, actor, id, input)
    }

    fn server_suspend(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        servers::suspend(&self.service, actor, id)
    }

    fn server_resume(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        servers::resume(&self.service, actor, id)
    }

    fn server_lock(&self, actor: &Actor, id: ServerId, input: &LockInput) -> Result<ServerView> {
        servers::lock(&self.service, actor, id, input)
    }

    fn server_unlock(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        servers::unlock(&self.service, actor, id)
    }

    fn readings(
        &self,
        actor: &Actor,
        id: ServerId,
        series: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SeriesView>> {
        servers::readings(&self.service, actor, id, series, from, to)
    }

    fn command_run(
        &self,
        actor: &Actor,
        id: ServerId,
        input: &CommandRequest,
    ) -> Result<OrderView> {
        commands::run(&self.service, actor, id, input)
    }

    fn order(&self, actor: &Actor, id: OrderId) -> Result<OrderView> {
        commands::get(&self.service, actor, id)
    }

    fn order_cancel(&self, actor: &Actor, id: OrderId) -> Result<OrderView> {
        commands::cancel(&self.service, actor, id)
    }

    fn volumes(
        &self,
        actor: &Actor,
        filter: &VolumeFilter,
        page: Page,
    ) -> Result<Slice<VolumeView>> {
        volumes::list(&self.service, actor, filter, page)
    }

    fn volume(&self, actor: &Actor, id: VolumeId) -> Result<VolumeView> {
        volumes::get(&self.service, actor, id)
    }

    fn volume_delete(&self, actor: &Actor, id: VolumeId) -> Result<()> {
        volumes::delete(&self.service, actor, id)
    }

    fn roles(&self, actor: &Actor, filter: &RoleFilter, page: Page) -> Result<Slice<RoleView>> {
        authorise(actor, Permission::FarmsRead)?;
        let mut roles = self.service.read(lookup::all_roles)?;
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = roles.into_iter().filter(|role| {
            filter.id.is_none_or(|id| id == role.id.0)
                && filter.name.as_ref().is_none_or(|name| name == role.name.as_str())
        });
        Ok(Slice::cut(wanted, page).map(views::role))
    }

    fn apply(&self, actor: &Actor, input: &ManifestRequest) -> Result<ManifestResult> {
        manifests::apply(&self.service, actor, input)
    }

    fn farm_manifest(&self, actor: &Actor, farm: FarmId) -> Result<FarmManifestView> {
        manifests::export(&self.service, actor, farm)
    }

    fn simulate(&self, actor: &Actor, input: &SimulationRequest) -> Result<SimulationView> {
        whatif::simulate(&self.service, actor, input)
    }

    fn proposal_make(&self, actor: &Actor, input: &ProposalRequest) -> Result<ProposalView> {
        proposals::make(&self.service, actor, input)
    }

    fn proposal_check(&self, actor: &Actor, input: &ProposalText) -> Result<ProposalView> {
        proposals::check(&self.service, actor, input)
    }

    fn proposal_apply(&self, actor: &Actor, input: &ProposalText) -> Result<ManifestResult> {
        proposals::apply(&self.service, actor, input)
    }

    fn events(&self, actor: &Actor, query: &EventsQuery) -> Result<EventsSlice> {
        events::list(&self.service, actor, query)
    }

    fn explain(&self, actor: &Actor, what: &str) -> Result<ExplainView> {
        explain::explain(&self.service, actor, what)
    }

    fn plan_of_farm(&self, actor: &Actor, farm: FarmId) -> Result<PlanView> {
        explain::plan_of_farm(&self.service, actor, farm)
    }

    fn plan(&self, actor: &Actor, id: PlanId) -> Result<PlanView> {
        explain::plan(&self.service, actor, id)
    }

    fn accounts(&self, actor: &Actor, page: Page) -> Result<Slice<AccountView>> {
        accounts::list(&self.service, actor, page)
    }

    fn account_resume(&self, actor: &Actor, name: &str) -> Result<AccountView> {
        accounts::resume(&self.service, actor, name)
    }

    fn rollout(&self, actor: &Actor, id: FarmRoleId) -> Result<RolloutView> {
        rollouts::get(&self.service, actor, id)
    }

    fn rollout_say(&self, actor: &Actor, id: FarmRoleId, verb: RolloutVerb) -> Result<RolloutView> {
        rollouts::say(&self.service, actor, id, verb)
    }

    fn holds(&self, actor: &Actor, page: Page) -> Result<Slice<HoldView>> {
        holds::list(&self.service, actor, page)
    }

    fn hold_place(&self, actor: &Actor, input: &HoldInput) -> Result<HoldView> {
        holds::place(&self.service, actor, input)
    }

    fn hold_release(&self, actor: &Actor, id: HoldId) -> Result<()> {
        holds::release(&self.service, actor, id)
    }

    fn status(&self, actor: &Actor) -> Result<StatusView> {
        status::get(&self.service, actor, self.jobs.views())
    }

    fn token_create(&self, actor: &Actor, input: &TokenInput) -> Result<TokenView> {
        users::create_token(&self.service, actor, input)
    }

    fn tokens(&self, actor: &Actor, page: Page) -> Result<Slice<TokenInfo>> {
        users::tokens(&self.service, actor, page)
    }

    fn token_revoke(&self, actor: &Actor, id: TokenId) -> Result<()> {
        users::revoke_token(&self.service, actor, id)
    }
}
