//! Finding records: every read the verbs do, over one snapshot or inside one transaction.
//!
//! The bytes of index keys are known here and in `store::tables` alone.

use crate::base::{
    EnvironmentId, FarmId, FarmRoleId, HoldId, ImageId, Name, NoteId, OrderId, PlanId, Problem,
    Result, RoleId, RunId, ServerId, StepId, Timestamp, TokenId, UserId, VolumeId,
};
use crate::model::{
    AgentCursor, Breaker, CloudAccount, Farm, FarmRole, GlobalVariable, Hold, Image, Note, Order,
    Plan, Recipe, Revision, Role, RoleRevision, Run, RunServer, Server, Step, Token, User,
    VariableScope, Volume,
};
use crate::store::{Index, Key, Reads, Record, key};

fn one<R: Record>(read: &impl Reads, key: R::Key) -> Result<Option<R>> {
    Ok(read.get::<R>(key)?.map(|found| found.record))
}

fn many<R: Record>(read: &impl Reads, index: Index, prefix: &[u8]) -> Result<Vec<R>> {
    Ok(read.by_index::<R>(index, prefix)?.into_iter().map(|found| found.record).collect())
}

fn all<R: Record>(read: &impl Reads) -> Result<Vec<R>> {
    Ok(read.all::<R>()?.into_iter().map(|found| found.record).collect())
}

/// The revision of a record, 0 when there is none.
pub fn revision_of<R: Record>(read: &impl Reads, key: R::Key) -> Result<u64> {
    Ok(read.get::<R>(key)?.map_or(0, |found| found.revision))
}

/// A farm.
pub fn farm(read: &impl Reads, id: FarmId) -> Result<Option<Farm>> {
    one(read, id)
}

/// Every farm there is.
pub fn all_farms(read: &impl Reads) -> Result<Vec<Farm>> {
    all(read)
}

/// The farm of a name.
pub fn farm_by_name(read: &impl Reads, env: EnvironmentId, name: &Name) -> Result<Option<Farm>> {
    Ok(many(read, Index::FarmsByName, &key::env_name(env, name))?.pop())
}

/// A farm role.
pub fn farm_role(read: &impl Reads, id: FarmRoleId) -> Result<Option<FarmRole>> {
    one(read, id)
}

/// The farm roles of a farm, by launch index.
pub fn farm_roles_of(read: &impl Reads, farm: FarmId) -> Result<Vec<FarmRole>> {
    let mut roles: Vec<FarmRole> = many(read, Index::FarmRolesByAlias, &farm.bytes())?;
    roles.sort_by_key(|role| (role.launch_index, role.id));
    Ok(roles)
}

/// An image by its UUID.
pub fn image(read: &impl Reads, id: ImageId) -> Result<Option<Image>> {
    one(read, id)
}

/// The image of a name.
pub fn image_by_name(read: &impl Reads, env: EnvironmentId, name: &Name) -> Result<Option<Image>> {
    Ok(many(read, Index::ImagesByName, &key::env_name(env, name))?.pop())
}

/// Every image there is.
pub fn all_images(read: &impl Reads) -> Result<Vec<Image>> {
    all(read)
}

/// The cloud account of a name; `None` of one without a record, as `onboard` is.
pub fn cloud_account(read: &impl Reads, name: &str) -> Result<Option<CloudAccount>> {
    match Name::new(name) {
        Ok(name) => Ok(many(read, Index::CloudAccountsByName, &key::name(&name))?.pop()),
        Err(_) => Ok(None),
    }
}

/// Every cloud account that has a record, by name.
pub fn cloud_accounts(read: &impl Reads) -> Result<Vec<CloudAccount>> {
    let mut accounts: Vec<CloudAccount> = all(read)?;
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(accounts)
}

/// A role.
pub fn role(read: &impl Reads, id: RoleId) -> Result<Option<Role>> {
    one(read, id)
}

/// The role of a name.
pub fn role_by_name(read: &impl Reads, env: EnvironmentId, name: &Name) -> Result<Option<Role>> {
    Ok(many(read, Index::RolesByName, &key::env_name(env, name))?.pop())
}

/// A revision of a role.
pub fn role_revision(read: &impl Reads, role: RoleId, number: u64) -> Result<Option<RoleRevision>> {
    one(read, (role, number))
}

/// The revisions of a role that are kept, the first first.
pub fn role_revisions(read: &impl Reads, role: RoleId) -> Result<Vec<RoleRevision>> {
    many(read, Index::RoleRevisionsByRole, &role.bytes())
}

/// What a revision of a role does on a server.
///
/// # Errors
/// `ObjectNotFound` when it is not kept; one that a farm role or a server is made of is.
pub fn recipe_of(read: &impl Reads, role: RoleId, number: u64) -> Result<Recipe> {
    let found = role_revision(read, role, number)?;
    let what = format!("{number} of role {role}");
    Ok(found.ok_or_else(|| Problem::not_found("revision", what))?.recipe)
}

/// What servers of one make of a farm role do: what its role says, with what is laid over that.
pub fn recipe_of_make(read: &impl Reads, make: &Revision) -> Result<Recipe> {
    Ok(recipe_of(read, make.role, make.role_revision)?.with(&make.overrides))
}

/// The farm roles that use a role now, in every farm.
pub fn farm_roles_with(read: &impl Reads, role: RoleId) -> Result<Vec<FarmRole>> {
    many(read, Index::FarmRolesByRole, &role.bytes())
}

/// Every farm role there is.
pub fn all_farm_roles(read: &impl Reads) -> Result<Vec<FarmRole>> {
    all(read)
}

/// Every role there is.
pub fn all_roles(read: &impl Reads) -> Result<Vec<Role>> {
    all(read)
}

/// Every hold of a farm and of its farm roles.
pub fn holds_of_farm(read: &impl Reads, farm: FarmId) -> Result<Vec<Hold>> {
    many(read, Index::HoldsByFarm, &farm.bytes())
}

/// A hold.
pub fn hold(read: &impl Reads, id: HoldId) -> Result<Option<Hold>> {
    one(read, id)
}

/// Every hold there is.
pub fn all_holds(read: &impl Reads) -> Result<Vec<Hold>> {
    all(read)
}

/// A note.
pub fn note(read: &impl Reads, id: NoteId) -> Result<Option<Note>> {
    one(read, id)
}

/// Every note there is, the oldest first.
pub fn all_notes(read: &impl Reads) -> Result<Vec<Note>> {
    all(read)
}

/// The notes on a farm, its farm roles and servers, the oldest first.
pub fn notes_of_farm(read: &impl Reads, farm: FarmId) -> Result<Vec<Note>> {
    many(read, Index::NotesByFarm, &farm.bytes())
}

/// What variables are given in one scope.
pub fn variables_in(read: &impl Reads, scope: &VariableScope) -> Result<Vec<GlobalVariable>> {
    many(read, Index::VariablesByScope, &key::variable_scope(scope))
}

/// A variable in every scope that has it, whichever way its name is written.
pub fn variables_named(read: &impl Reads, name: &str) -> Result<Vec<GlobalVariable>> {
    many(read, Index::VariablesByName, &key::variable_name(name))
}

/// Every cloud account that fails.
pub fn breakers(read: &impl Reads) -> Result<Vec<Breaker>> {
    all(read)
}

/// How a cloud account fails; `None` when it is well.
pub fn breaker(read: &impl Reads, account: &str) -> Result<Option<Breaker>> {
    one(read, account.to_owned())
}

/// A server.
pub fn server(read: &impl Reads, id: ServerId) -> Result<Option<Server>> {
    one(read, id)
}

/// Every server record there is, also of servers that are gone.
pub fn all_servers(read: &impl Reads) -> Result<Vec<Server>> {
    all(read)
}

/// The servers of a farm, also those that are gone.
pub fn servers_of_farm(read: &impl Reads, farm: FarmId) -> Result<Vec<Server>> {
    many(read, Index::ServersByFarm, &farm.bytes())
}

/// The servers of a farm role, also those that are gone.
pub fn servers_of_farm_role(read: &impl Reads, id: FarmRoleId) -> Result<Vec<Server>> {
    many(read, Index::ServersByFarmRole, &id.bytes())
}

/// The servers of a farm role that are not confirmed gone: what max counts.
pub fn live_servers_of_farm_role(read: &impl Reads, id: FarmRoleId) -> Result<Vec<Server>> {
    many(read, Index::LiveServersByFarmRole, &id.bytes())
}

/// Every server that is not confirmed gone.
pub fn live_servers(read: &impl Reads) -> Result<Vec<Server>> {
    many(read, Index::LiveServersByFarm, &[])
}

/// The servers of a farm that are not confirmed gone.
pub fn live_servers_of_farm(read: &impl Reads, farm: FarmId) -> Result<Vec<Server>> {
    many(read, Index::LiveServersByFarm, &farm.bytes())
}

/// Servers on a platform that are not confirmed gone.
pub fn live_servers_on(read: &impl Reads, platform: &str) -> Result<Vec<Server>> {
    let mut live = live_servers(read)?;
    live.retain(|server| server.account == platform);
    Ok(live)
}

/// `shop/web-3`, as people say it.
pub fn server_name(read: &impl Reads, server: &Server) -> Result<String> {
    let farm = farm(read, server.farm)?;
    let farm = farm.map(|farm| farm.name.to_string()).unwrap_or_default();
    Ok(name_in(&farm, &server.hostname))
}

/// What a server of a farm is called: `shop/web-3`, and `web-3` once the farm is gone.
pub fn name_in(farm: &str, hostname: &str) -> String {
    if farm.is_empty() { hostname.to_owned() } else { format!("{farm}/{hostname}") }
}

/// A step.
pub fn step(read: &impl Reads, id: StepId) -> Result<Option<Step>> {
    one(read, id)
}

/// Every step something may still come of.
pub fn open_steps(read: &impl Reads) -> Result<Vec<Step>> {
    many(read, Index::OpenStepsByFarm, &[])
}

/// A farm's steps something may still come of.
pub fn open_steps_of(read: &impl Reads, farm: FarmId) -> Result<Vec<Step>> {
    many(read, Index::OpenStepsByFarm, &farm.bytes())
}

/// A farm's steps that failed after a moment, in the order of their end.
pub fn failed_steps_of(read: &impl Reads, farm: FarmId, after: Timestamp) -> Result<Vec<Step>> {
    let (index, after) = (Index::FailedStepsByFarm, key::farm_moment(farm, after));
    let found = read.by_index_after::<Step>(index, &farm.bytes(), &after, usize::MAX)?;
    Ok(found.into_iter().map(|found| found.record).collect())
}

/// Every step of a server.
pub fn steps_of_server(read: &impl Reads, server: ServerId) -> Result<Vec<Step>> {
    many(read, Index::StepsByServer, &server.bytes())
}

/// A plan.
pub fn plan(read: &impl Reads, id: PlanId) -> Result<Option<Plan>> {
    one(read, id)
}

/// A farm's current plan.
pub fn current_plan(read: &impl Reads, farm: FarmId) -> Result<Option<Plan>> {
    match read.current_plan(farm)? {
        Some(id) => plan(read, id),
        None => Ok(None),
    }
}

/// An order.
pub fn order(read: &impl Reads, id: OrderId) -> Result<Option<Order>> {
    one(read, id)
}

/// A run.
pub fn run(read: &impl Reads, id: RunId) -> Result<Option<Run>> {
    one(read, id)
}

/// Every run that is kept, the oldest first.
pub fn all_runs(read: &impl Reads) -> Result<Vec<Run>> {
    all(read)
}

/// Every run that has something left to do.
pub fn open_runs(read: &impl Reads) -> Result<Vec<Run>> {
    many(read, Index::OpenRuns, &[])
}

/// The servers of a run, in the order of their turns.
pub fn servers_of_run(read: &impl Reads, run: RunId) -> Result<Vec<RunServer>> {
    many(read, Index::RunServersByRun, &run.bytes())
}

/// Those of them whose turn has not come.
pub fn waiting_of_run(read: &impl Reads, run: RunId) -> Result<Vec<RunServer>> {
    many(read, Index::WaitingRunServers, &run.bytes())
}

/// What an order has to do with a run; `None` where it belongs to none.
pub fn run_server_of_order(read: &impl Reads, order: OrderId) -> Result<Option<RunServer>> {
    Ok(many(read, Index::RunServersByOrder, &order.bytes())?.pop())
}

/// The orders of a server, ended ones too.
pub fn orders_of(read: &impl Reads, server: ServerId) -> Result<Vec<Order>> {
    many(read, Index::OrdersByServer, &server.bytes())
}

/// Every order that is not answered yet.
pub fn open_orders(read: &impl Reads) -> Result<Vec<Order>> {
    many(read, Index::OpenOrdersByServer, &[])
}

/// How far an agent's messages are committed.
pub fn agent_cursor(read: &impl Reads, server: ServerId) -> Result<Option<AgentCursor>> {
    one(read, server)
}

/// A person.
pub fn user(read: &impl Reads, id: UserId) -> Result<Option<User>> {
    one(read, id)
}

/// Everybody.
pub fn all_users(read: &impl Reads) -> Result<Vec<User>> {
    all(read)
}

/// The token of a digest.
pub fn token_by_digest(read: &impl Reads, digest: [u8; 32]) -> Result<Option<Token>> {
    Ok(many(read, Index::TokensByDigest, &digest)?.pop())
}

/// A token.
pub fn token(read: &impl Reads, id: TokenId) -> Result<Option<Token>> {
    one(read, id)
}

/// The tokens of a user.
pub fn tokens_of(read: &impl Reads, user: UserId) -> Result<Vec<Token>> {
    many(read, Index::TokensByUser, &user.bytes())
}

/// Every token there is.
pub fn all_tokens(read: &impl Reads) -> Result<Vec<Token>> {
    all(read)
}

/// A data volume.
pub fn volume(read: &impl Reads, id: VolumeId) -> Result<Option<Volume>> {
    one(read, id)
}

/// Every data volume there is.
pub fn all_volumes(read: &impl Reads) -> Result<Vec<Volume>> {
    all(read)
}

/// The data volumes of the farm roles of a farm's name, also of farms that are gone.
pub fn volumes_of_farm(read: &impl Reads, env: EnvironmentId, farm: &Name) -> Result<Vec<Volume>> {
    many(read, Index::VolumesByPlace, &key::env_name(env, farm))
}

/// The data volumes of an index of a farm role, by names.
pub fn volumes_of_place(
    read: &impl Reads,
    env: EnvironmentId,
    farm: &Name,
    alias: &Name,
    index: u32,
) -> Result<Vec<Volume>> {
    many(read, Index::VolumesByPlace, &key::volume_place(env, farm, alias, index))
}

/// The data volumes that a person wants gone.
pub fn doomed_volumes(read: &impl Reads) -> Result<Vec<Volume>> {
    many(read, Index::VolumesToDelete, &[])
}
