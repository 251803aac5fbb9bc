//! How the appliance is: counts, alerts, and how each background job last went.

pub mod install;
pub mod sealing;
pub mod upkeep;

use crate::base::{Result, output};
use crate::model::{Actor, Permission};
use crate::service::clouds::accounts;
use crate::service::farms::published;
use crate::service::{Service, authorise, lookup};
use crate::wire::api::{JobView, StatusView};

/// The status; `jobs` comes from whoever drives them.
pub fn get(service: &Service, actor: &Actor, jobs: Vec<JobView>) -> Result<StatusView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let servers = service.observed.fleet.len(service, actor.env)?;
    let farms = service.read(&grant, |view| Ok(lookup::all_farms(view)?.len()))?;
    Ok(StatusView {
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: service.observed.started_at().0,
        now: service.now().0,
        epoch: service.settings.epoch,
        seq: service.store.last_seq().0,
        agents: u32::try_from(service.observed.agents_connected()).unwrap_or(u32::MAX),
        farms: u32::try_from(farms).unwrap_or(u32::MAX),
        servers: u32::try_from(servers).unwrap_or(u32::MAX),
        lost_log_lines: output::lost(),
        alerts: alerts(service)?,
        published: published::lines(service, &grant)?,
        jobs,
    })
}

/// What people have to see; first that nothing can be written, because all else follows from it.
fn alerts(service: &Service) -> Result<Vec<String>> {
    let outage = service.store.outage().map(|why| format!("nothing can be written: {why}"));
    let accounts = accounts::alerts(service)?;
    let log = match output::lost() {
        0 => None,
        1 => Some("one line of the log could not be written".to_owned()),
        lines => Some(format!("{lines} lines of the log could not be written")),
    };
    let seen = service.observed.alerts();
    Ok(outage.into_iter().chain(accounts).chain(seen).chain(log).collect())
}
