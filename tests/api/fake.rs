//! A house behind the API that answers from memory: two farms, four servers, a short journal.

use super::declare::{self, check_revision};
use super::world::{
    account, chosen, event, farm, farm_role, hold, manifest_of, plan, plan_of, rollout, server,
    status, tokens, volumes,
};
use super::{orders, past};
use grange::api::Verbs;
use grange::base::{
    Code, EnvironmentId, FarmId, FarmRoleId, HoldId, OrderId, PlanId, Problem, Result, Secret,
    ServerId, Timestamp, TokenId, UserId, VolumeId,
};
use grange::model::{Actor, Door, Permission};
use grange::wire::account::AccountView;
use grange::wire::api::*;
use grange::wire::hold::{HoldInput, HoldView};
use grange::wire::input::*;
use grange::wire::rollout::{RolloutVerb, RolloutView};
use grange::wire::simulation::{SimulationRequest, SimulationView};
use grange::wire::volume::VolumeView;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// The moment it is: 2026-11-21T03:10:00Z.
pub const NOW: i64 = 1_795_230_600_000;

/// The house.
pub struct Fake {
    /// Whether people of this machine are known on the socket.
    pub knows_unix: bool,
    /// Times somebody looked at the journal.
    pub looks_at_events: AtomicU32,
    state: Mutex<State>,
}

struct State {
    farms: Vec<FarmView>,
    servers: Vec<ServerView>,
    events: Vec<EventView>,
    looks_at_orders: u32,
    moves: u32,
}

impl Fake {
    /// A house as it is at the start of a scenario.
    pub fn new(knows_unix: bool) -> Fake {
        let mut waking = server(3, (1, "shop"), 3, 9000);
        waking.status = "pending".into();
        waking.grange.agent_connected = false;
        waking.grange.waiting = vec!["its agent: 9 s of 300 s".into()];
        let (shop, blog) = ((1, "shop"), (2, "blog"));
        let state = State {
            farms: vec![farm(1, "shop", 2), farm(2, "blog", 1)],
            servers: vec![
                server(1, shop, 1, 192_000),
                server(2, shop, 2, 7_500_000),
                waking,
                server(4, blog, 1, 1000),
            ],
            events: vec![
                event(1, "farm.create", "shop", "declared farm shop"),
                event(2, "farm.launch", "shop", "launched farm shop"),
                event(3, "server.launch", "shop/web-1", "launched web-1: farm launched"),
                event(4, "farm.create", "blog", "declared farm blog"),
            ],
            looks_at_orders: 0,
            moves: 0,
        };
        Fake { knows_unix, looks_at_events: AtomicU32::new(0), state: Mutex::new(state) }
    }

    /// Something happens.
    pub fn happen(&self, about: &str, text: &str) {
        let mut state = self.state.lock().unwrap();
        let seq = state.events.len() as u64 + 1;
        let (about, text) = (about.to_owned(), text.to_owned());
        state.events.push(EventView { seq, at: NOW, about, text, ..EventView::default() });
    }

    fn change_server(&self, id: ServerId, status: &str) -> Result<ServerView> {
        let mut state = self.state.lock().unwrap();
        let wanted = id.to_string();
        let server = state.servers.iter_mut().find(|server| server.id == wanted);
        let server = server.ok_or_else(|| Problem::not_found("server", id))?;
        server.status = status.into();
        Ok(server.clone())
    }
}

fn may(actor: &Actor, permission: Permission) -> Result<()> {
    if actor.may(permission) {
        return Ok(());
    }
    Err(Problem::new(Code::PermissionViolation, format!("{} may not do that", actor.name)))
}

fn actor(name: &str, permissions: Vec<Permission>) -> Actor {
    Actor {
        user: UserId(name.len() as u64),
        name: name.into(),
        env: EnvironmentId(1),
        door: Door::Appliance,
        address: String::new(),
        request: String::new(),
        permissions,
    }
}

impl Verbs for Fake {
    fn authenticate_token(&self, token: &str) -> Option<Actor> {
        match token {
            "good" => Some(actor("ops", Permission::for_admin())),
            "reader" => Some(actor("viewer", vec![Permission::FarmsRead])),
            _ => None,
        }
    }

    fn actor_of_unix(&self, _: u32, _: Option<i32>) -> Option<Actor> {
        self.knows_unix.then(|| actor("admin", Permission::for_admin()))
    }

    fn farms(&self, actor: &Actor, filter: &FarmFilter, page: Page) -> Result<Slice<FarmView>> {
        may(actor, Permission::FarmsRead)?;
        let taken = |farm: &FarmView| {
            filter.id.is_none_or(|id| id.0 == farm.id)
                && filter.name.as_ref().is_none_or(|name| *name == farm.name)
                && filter.status.as_ref().is_none_or(|status| *status == farm.status)
        };
        let farms = self.state.lock().unwrap().farms.clone();
        Ok(Slice::cut(farms.into_iter().filter(taken), page))
    }

    fn farm(&self, _: &Actor, id: FarmId) -> Result<FarmView> {
        let state = self.state.lock().unwrap();
        let farm = state.farms.iter().find(|farm| farm.id == id.0);
        farm.cloned().ok_or_else(|| Problem::not_found("farm", id))
    }

    fn farm_create(&self, actor: &Actor, input: &FarmInput) -> Result<FarmView> {
        may(actor, Permission::FarmsManage)?;
        let name = input.name.clone().unwrap_or_default();
        let mut faults = Vec::new();
        if name.is_empty() {
            faults.push(Problem::invalid("name", "a farm needs a name"));
        }
        if input.launch_order.as_deref().is_some_and(|order| order != "sequential") {
            let message = "must be simultaneous or sequential";
            faults.push(Problem::invalid("launchOrder", message));
        }
        Problem::all(faults).map_or(Ok(()), Err)?;
        let mut state = self.state.lock().unwrap();
        if state.farms.iter().any(|farm| farm.name == name) {
            let message = format!("there is a farm {name} already");
            return Err(Problem::new(Code::UnicityViolation, message));
        }
        let made = farm(state.farms.len() as u64 + 1, &name, 0);
        state.farms.push(made.clone());
        Ok(made)
    }

    fn farm_update(
        &self,
        actor: &Actor,
        id: FarmId,
        input: &FarmInput,
        revision: Option<u64>,
    ) -> Result<FarmView> {
        check_revision(revision, self.farm(actor, id)?.grange.revision)?;
        let mut state = self.state.lock().unwrap();
        let farm = state.farms.iter_mut().find(|farm| farm.id == id.0);
        let farm = farm.ok_or_else(|| Problem::not_found("farm", id))?;
        farm.description = input.description.clone().unwrap_or_default();
        farm.grange.revision += 1;
        Ok(farm.clone())
    }

    fn farm_remove(&self, actor: &Actor, id: FarmId, revision: Option<u64>) -> Result<()> {
        check_revision(revision, self.farm(actor, id)?.grange.revision)?;
        self.state.lock().unwrap().farms.retain(|farm| farm.id != id.0);
        Ok(())
    }

    fn farm_launch(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        may(actor, Permission::FarmsLaunch)?;
        self.farm(actor, id)
    }

    fn farm_suspend(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        may(actor, Permission::FarmsLaunch)?;
        Ok(FarmView { status: "pending_suspend".into(), ..self.farm(actor, id)? })
    }

    fn farm_resume(&self, actor: &Actor, id: FarmId) -> Result<FarmView> {
        may(actor, Permission::FarmsLaunch)?;
        self.farm(actor, id)
    }

    fn farm_terminate(&self, actor: &Actor, id: FarmId, _: TerminateInput) -> Result<FarmView> {
        may(actor, Permission::FarmsLaunch)?;
        Ok(FarmView { status: "pending_terminate".into(), ..self.farm(actor, id)? })
    }

    fn farm_roles(
        &self,
        actor: &Actor,
        farm: FarmId,
        _: &FarmRoleFilter,
        page: Page,
    ) -> Result<Slice<FarmRoleView>> {
        let farm = self.farm(actor, farm)?;
        Ok(Slice::cut([self.farm_role(actor, FarmRoleId(farm.id))?], page))
    }

    fn farm_role(&self, actor: &Actor, id: FarmRoleId) -> Result<FarmRoleView> {
        let farm =
            self.farm(actor, FarmId(id.0)).map_err(|_| Problem::not_found("farm role", id))?;
        Ok(farm_role(&farm, id))
    }

    fn scaling_update(
        &self,
        actor: &Actor,
        id: FarmRoleId,
        input: &ScalingInput,
        revision: Option<u64>,
    ) -> Result<FarmRoleView> {
        let mut farm_role = self.farm_role(actor, id)?;
        check_revision(revision, farm_role.grange.revision)?;
        let scaling = &mut farm_role.scaling;
        scaling.min_instances = input.min_instances.unwrap_or(scaling.min_instances);
        scaling.max_instances = input.max_instances.unwrap_or(scaling.max_instances);
        if scaling.min_instances > scaling.max_instances {
            return Err(Problem::invalid("minInstances", "must not be above maxInstances"));
        }
        Ok(farm_role)
    }

    fn servers(&self, _: &Actor, filter: &ServerFilter, page: Page) -> Result<Slice<ServerView>> {
        let taken = |server: &ServerView| {
            filter.farm.is_none_or(|id| id.0 == server.farm.id)
                && filter.farm_role.is_none_or(|id| id.0 == server.farm_role.id)
                && filter.hostname.as_ref().is_none_or(|name| *name == server.hostname)
                && filter.status.is_none_or(|status| status.as_str() == server.status)
        };
        let servers = self.state.lock().unwrap().servers.clone();
        Ok(Slice::cut(servers.into_iter().filter(taken), page))
    }

    fn server(&self, _: &Actor, id: ServerId) -> Result<ServerView> {
        let state = self.state.lock().unwrap();
        let wanted = id.to_string();
        let server = state.servers.iter().find(|server| server.id == wanted);
        server.cloned().ok_or_else(|| Problem::not_found("server", id))
    }

    fn server_terminate(
        &self,
        actor: &Actor,
        id: ServerId,
        _: TerminateInput,
    ) -> Result<ServerView> {
        may(actor, Permission::ServersManage)?;
        self.change_server(id, "pending_terminate")
    }

    fn server_reboot(&self, _: &Actor, id: ServerId, _: RebootInput) -> Result<ServerView> {
        self.change_server(id, "running")
    }

    fn server_suspend(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        if self.server(actor, id)?.status != "running" {
            let message = "only a running server can be put to sleep";
            return Err(Problem::new(Code::UnacceptableState, message));
        }
        self.change_server(id, "pending_suspend")
    }

    fn server_resume(&self, _: &Actor, id: ServerId) -> Result<ServerView> {
        self.change_server(id, "resuming")
    }

    fn server_lock(&self, actor: &Actor, id: ServerId, input: &LockInput) -> Result<ServerView> {
        may(actor, Permission::ServersManage)?;
        let mut server = self.server(actor, id)?;
        let why = input.reason.clone();
        server.grange.conditions.push(ConditionView { name: "locked".into(), why });
        Ok(server)
    }

    fn server_unlock(&self, actor: &Actor, id: ServerId) -> Result<ServerView> {
        may(actor, Permission::ServersManage)?;
        if self.server(actor, id)?.status != "running" {
            return Err(Problem::new(Code::UnacceptableState, "not locked"));
        }
        self.server(actor, id)
    }

    fn readings(
        &self,
        actor: &Actor,
        id: ServerId,
        series: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SeriesView>> {
        self.server(actor, id)?;
        let view = |name: &String| SeriesView {
            series: name.clone(),
            at: vec![from.0, to.0],
            value: vec![1.0, 2.5],
        };
        Ok(series.iter().map(view).collect())
    }

    fn command_run(
        &self,
        actor: &Actor,
        id: ServerId,
        input: &CommandRequest,
    ) -> Result<OrderView> {
        may(actor, Permission::CommandsRun)?;
        self.server(actor, id)?;
        let id = orders::of(&input.command[0]);
        Ok(OrderView { id, state: "open".into(), ..OrderView::default() })
    }

    fn order(&self, _: &Actor, id: OrderId) -> Result<OrderView> {
        let mut state = self.state.lock().unwrap();
        state.looks_at_orders += 1;
        orders::order(id, state.looks_at_orders)
    }

    fn order_cancel(&self, actor: &Actor, id: OrderId) -> Result<OrderView> {
        may(actor, Permission::CommandsRun).and_then(|()| orders::cancelled(id))
    }

    fn roles(&self, _: &Actor, _: &RoleFilter, page: Page) -> Result<Slice<RoleView>> {
        let role = |id, name: &str, automation: &[&str]| RoleView {
            id,
            name: name.into(),
            description: format!("the {name} role"),
            builtin_automation: automation.iter().map(ToString::to_string).collect(),
            grange: RoleExtra { built_in: true, platforms: vec!["onboard".into()] },
        };
        Ok(Slice::cut([role(2, "haproxy", &["haproxy"]), role(1, "web-demo", &[])], page))
    }

    fn simulate(&self, actor: &Actor, input: &SimulationRequest) -> Result<SimulationView> {
        may(actor, Permission::FarmsRead)?;
        past::simulate(input)
    }

    fn apply(&self, actor: &Actor, input: &ManifestRequest) -> Result<ManifestResult> {
        may(actor, Permission::FarmsManage)?;
        declare::apply(input, &mut self.state.lock().unwrap().moves)
    }

    fn proposal_make(&self, actor: &Actor, input: &ProposalRequest) -> Result<ProposalView> {
        may(actor, Permission::FarmsRead)?;
        declare::make(input)
    }

    fn proposal_check(&self, actor: &Actor, input: &ProposalText) -> Result<ProposalView> {
        may(actor, Permission::FarmsRead)?;
        declare::check(input)
    }

    fn proposal_apply(&self, actor: &Actor, input: &ProposalText) -> Result<ManifestResult> {
        may(actor, Permission::FarmsManage)?;
        declare::apply_proposal(input)
    }

    fn events(&self, actor: &Actor, query: &EventsQuery) -> Result<EventsSlice> {
        may(actor, Permission::EventsRead)?;
        let events = self.state.lock().unwrap().events.clone();
        self.looks_at_events.fetch_add(1, Ordering::SeqCst);
        chosen(events, query)
    }

    fn explain(&self, _: &Actor, what: &str) -> Result<ExplainView> {
        match what {
            "shop/web-3" => Ok(ExplainView {
                about: what.into(),
                now: "pending for 9 s".into(),
                because: vec![BecauseView {
                    seq: 2,
                    at: NOW - 9000,
                    text: "launched".into(),
                    root: String::new(),
                }],
                waiting: vec!["its agent: 9 s of 300 s".into()],
            }),
            // A verb that breaks must cost its own request only.
            "panic" => panic!("the fake was asked to"),
            "broken" => Err(Problem::internal("reading the journal", "a secret path")),
            _ => Err(Problem::not_found("thing", format!("{what:?}"))),
        }
    }

    fn accounts(&self, _: &Actor, page: Page) -> Result<Slice<AccountView>> {
        let well = account("simulated", "well");
        let open = AccountView {
            failures: 6,
            reason: Some("not now: throttled".into()),
            since: Some(NOW - 40_000),
            open_until: Some(NOW + 28_000),
            left: Some(28_000),
            ..account("onboard", "open")
        };
        Ok(Slice::cut([open, well], page))
    }

    fn account_resume(&self, actor: &Actor, name: &str) -> Result<AccountView> {
        may(actor, Permission::FarmsManage)?;
        match name {
            "onboard" => Ok(account(name, "well")),
            _ => Err(Problem::not_found("cloud account", name)),
        }
    }

    fn rollout(&self, actor: &Actor, id: FarmRoleId) -> Result<RolloutView> {
        Ok(rollout(&self.farm_role(actor, id)?.alias))
    }

    fn rollout_say(&self, actor: &Actor, id: FarmRoleId, verb: RolloutVerb) -> Result<RolloutView> {
        may(actor, Permission::FarmsManage)?;
        let mut view = self.rollout(actor, id)?;
        view.wish = verb.as_str().into();
        Ok(view)
    }

    fn holds(&self, _: &Actor, page: Page) -> Result<Slice<HoldView>> {
        Ok(Slice::cut([hold("shop/web", "scale", "black friday")], page))
    }

    fn hold_place(&self, actor: &Actor, input: &HoldInput) -> Result<HoldView> {
        may(actor, Permission::FarmsManage)?;
        if input.length.is_none() && !input.no_end {
            return Err(Problem::invalid("for", "say how long"));
        }
        let mut held = hold(&input.what, &input.kind, &input.reason);
        (held.left, held.until) = (input.length, input.length.map(|left| NOW + left as i64));
        Ok(held)
    }

    fn hold_release(&self, actor: &Actor, id: HoldId) -> Result<()> {
        may(actor, Permission::FarmsManage)?;
        if id == HoldId(3) { Ok(()) } else { Err(Problem::not_found("hold", id)) }
    }

    fn farm_manifest(&self, actor: &Actor, farm: FarmId) -> Result<FarmManifestView> {
        Ok(manifest_of(self.farm(actor, farm)?.name))
    }

    fn plan_of_farm(&self, actor: &Actor, farm: FarmId) -> Result<PlanView> {
        Ok(plan_of(self.farm(actor, farm)?))
    }

    fn plan(&self, _: &Actor, id: PlanId) -> Result<PlanView> {
        Ok(plan(id))
    }

    fn status(&self, _: &Actor) -> Result<StatusView> {
        let state = self.state.lock().unwrap();
        Ok(status(&state.events, &state.farms, &state.servers))
    }

    fn token_create(&self, actor: &Actor, input: &TokenInput) -> Result<TokenView> {
        may(actor, Permission::UsersManage)?;
        let expires_at = input.expires_in_ms.map(|length| NOW + length as i64);
        let description = input.description.clone();
        Ok(TokenView { id: 5, token: Secret::new("grange-5-secret"), description, expires_at })
    }

    fn tokens(&self, _: &Actor, page: Page) -> Result<Slice<TokenInfo>> {
        Ok(Slice::cut(tokens(), page))
    }

    fn volumes(&self, _: &Actor, of: &VolumeFilter, page: Page) -> Result<Slice<VolumeView>> {
        Ok(Slice::cut(volumes(of), page))
    }

    fn volume(&self, _: &Actor, id: VolumeId) -> Result<VolumeView> {
        let found = volumes(&VolumeFilter { id: Some(id), ..VolumeFilter::default() }).pop();
        found.ok_or_else(|| Problem::not_found("volume", id))
    }

    fn volume_delete(&self, actor: &Actor, id: VolumeId) -> Result<()> {
        may(actor, Permission::FarmsManage).and_then(|()| self.volume(actor, id).map(drop))
    }

    fn token_revoke(&self, actor: &Actor, id: TokenId) -> Result<()> {
        may(actor, Permission::UsersManage)?;
        if id == TokenId(5) { Ok(()) } else { Err(Problem::not_found("token", id)) }
    }
}
