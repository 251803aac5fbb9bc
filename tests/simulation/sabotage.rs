//! Faults planted in the appliance on purpose, each of which one checker has to find: a checker
//! that finds nothing in a broken world proves nothing about a sound one.

use crate::branch::FIRST;
use crate::hidden::{self, Hidden};
use crate::sky::Sky;
use grange::base::random::Stream;
use grange::base::{Result, ServerId};
use grange::clouds::CloudStep;
use grange::model::{
    Cause, Freshness, Grant, Server, ServerStatus, Step, StepKind, StepStatus, TerminateReason,
};
use grange::service::{Service, lookup, plans};
use grange::store::{Author, Purpose, Reads, Tx};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Planner and admission see a higher maximum than the one declared.
    NoMaximum,
    /// The planner alone sees a higher maximum: no law may break, because admission does not.
    BlindPlanner,
    /// A restart finds the journal as it was some time before.
    JournalLost,
    /// A cloud is called without a step.
    CallWithoutStep,
    /// A healthy server is given up.
    HealthyGivenUp,
    /// The plan is not the one the engine made.
    PlanTampered,
    /// One index is given twice.
    IndexTwice,
    /// A server that exists is written off.
    WrittenOff,
    /// Servers forget the key that enrolled.
    KeyForgotten,
    /// Listings of some minutes ago are taken for what is now.
    OldNews,
    /// A cloud that is asked twice launches two.
    LaunchedTwice,
    /// A lost answer to a launch is taken for a no.
    LostIsNo,
    /// Automation does not stop itself when many servers vanish.
    NoFreeze,
    /// A second call about a server begins while one is under way.
    TwoCalls,
    /// A cloud whose listing hangs keeps the others waiting.
    OneHangsAll,
    /// No listing ever comes through, and nobody notices.
    NobodyLooks,
    /// Jobs do not see what people hold.
    HoldsOverlooked,
    /// Jobs do not see what people locked.
    LocksOverlooked,
    /// Jobs see servers that are to be replaced when they fail, whatever is declared.
    HealOverlooked,
    /// Jobs do not see that an account is to be left alone.
    BreakerOverlooked,
    /// Jobs see rollouts that may take everything at once.
    FloorOverlooked,
    /// What agents say of illness is acknowledged and lost.
    DeafToIllness,
    /// Alerts about what is ill are dropped.
    NobodyTold,
    /// Planning believes that nothing is to be done about those who are ill.
    IllLeftAlone,
}

impl Sabotage {
    /// All that a checker has to find: a seed that showed it lately and is tried first, the fault,
    /// and how the checker's finding begins.
    pub const ALL: &[(u64, Sabotage, &[&str])] = &[
        (5, Sabotage::NoMaximum, &["law 1: farm role"]),
        (1, Sabotage::JournalLost, &["law 2:", "law 1:"]),
        (1, Sabotage::CallWithoutStep, &["law 2: terminate"]),
        (1, Sabotage::HealthyGivenUp, &["law 3:"]),
        (1, Sabotage::PlanTampered, &["law 4:"]),
        (1, Sabotage::IndexTwice, &["web-", "db-", "lb-"]),
        (1, Sabotage::WrittenOff, &["law 1:"]),
        (7, Sabotage::KeyForgotten, &["admission:"]),
        (1, Sabotage::OldNews, &["law 3:"]),
        (1, Sabotage::LaunchedTwice, &["law 1:", "law 2:", "index "]),
        (2, Sabotage::LostIsNo, &["law 1:"]),
        (13, Sabotage::NoFreeze, &["law 3:"]),
        (1, Sabotage::TwoCalls, &["law 8:"]),
        (3, Sabotage::OneHangsAll, &["law 6: nobody lists"]),
        (1, Sabotage::NobodyLooks, &["never settled"]),
        (7, Sabotage::HoldsOverlooked, &["hold:"]),
        (10, Sabotage::LocksOverlooked, &["lock:"]),
        (6, Sabotage::HealOverlooked, &["heal:"]),
        (25, Sabotage::BreakerOverlooked, &["breaker:"]),
        (2, Sabotage::FloorOverlooked, &["floor:"]),
        (1, Sabotage::DeafToIllness, &["health:"]),
        (1, Sabotage::NobodyTold, &["health:"]),
        (7, Sabotage::IllLeftAlone, &["health:"]),
    ];

    /// Before a job runs: what it is not to see is hidden.
    pub fn before_job(self, job: &str, service: &Service, luck: &mut Stream) -> Option<Hidden> {
        if matches!(self, Sabotage::BlindPlanner | Sabotage::IllLeftAlone) && job != "plan" {
            return None;
        }
        let often = match self {
            Sabotage::NoMaximum => 25,
            // What is overlooked once in a while is done the next time.
            Sabotage::IllLeftAlone => 100,
            _ => 70,
        };
        match luck.chance(often) {
            true => hidden::hide(self, service),
            false => None,
        }
    }

    /// After a job ran.
    pub fn after(self, job: &str, service: &Service) {
        match (self, job) {
            (Sabotage::PlanTampered, "plan") => tamper(service),
            (Sabotage::NobodyTold, "plan") => {
                service.observed.clear_alerts("servers-unhealthy", |_| false);
            }
            (Sabotage::NoFreeze, "plan") => give_up_missing(service),
            (Sabotage::TwoCalls, "execute") => drop(write(service, begin_beside)),
            (Sabotage::LostIsNo, "execute") => drop(write(service, forget_unknown)),
            _ => {}
        }
    }

    /// Whenever people come by.
    pub fn now_and_then(self, service: &Service, sky: &Sky, luck: &mut Stream) {
        let Ok(mut all) = service.read(&Grant::job("test"), lookup::all_servers) else { return };
        all.retain(|server| server.status == ServerStatus::Running);
        if all.is_empty() {
            return;
        }
        let server = all.swap_remove(luck.below(all.len() as u64) as usize);
        let answer = match self {
            Sabotage::CallWithoutStep => {
                let answer = sky.apply(FIRST, &CloudStep::Terminate(server.id));
                return drop(answer);
            }
            Sabotage::HealthyGivenUp => write(service, move |tx| give_up(tx, server)),
            Sabotage::IndexTwice => write(service, move |tx| {
                let id = ServerId(server.id.0 ^ 1);
                put(tx, &Server { id, ..server })
            }),
            Sabotage::WrittenOff => write(service, move |tx| {
                put(tx, &Server { status: ServerStatus::Terminated, ..server })
            }),
            Sabotage::KeyForgotten => {
                write(service, move |tx| put(tx, &Server { agent_key_digest: None, ..server }))
            }
            Sabotage::NoMaximum
            | Sabotage::BlindPlanner
            | Sabotage::JournalLost
            | Sabotage::PlanTampered
            | Sabotage::OldNews
            | Sabotage::LaunchedTwice
            | Sabotage::LostIsNo
            | Sabotage::NoFreeze
            | Sabotage::TwoCalls
            | Sabotage::OneHangsAll
            | Sabotage::NobodyLooks
            | Sabotage::HoldsOverlooked
            | Sabotage::LocksOverlooked
            | Sabotage::HealOverlooked
            | Sabotage::BreakerOverlooked
            | Sabotage::FloorOverlooked
            | Sabotage::DeafToIllness
            | Sabotage::NobodyTold
            | Sabotage::IllLeftAlone => Ok(()),
        };
        // A store that is down is no place for sabotage; the next time will do.
        drop(answer);
    }
}

pub(crate) fn write(
    service: &Service,
    change: impl FnOnce(&mut Tx<'_>) -> Result<()> + Send + 'static,
) -> Result<()> {
    service.write(
        Author::new(&Grant::job("saboteur"), "sabotage", Cause::Clock, Purpose::Growth),
        change,
    )
}

/// Says of every plan that somebody froze it.
fn tamper(service: &Service) {
    for farm in plans::farms(service).unwrap_or_default() {
        let tamper = move |tx: &mut Tx<'_>| {
            if let Some(mut plan) = lookup::current_plan(tx, farm)? {
                plan.freeze = Some("somebody says so".into());
                tx.put(&plan)?;
            }
            Ok(())
        };
        drop(write(service, tamper));
    }
}

/// Gives up what listings lack, frozen or not.
fn give_up_missing(service: &Service) {
    let Ok(all) = service.read(&Grant::job("test"), lookup::all_servers) else { return };
    for server in all.into_iter().filter(|server| server.status == ServerStatus::Running) {
        let seen = service.observed.freshness(&*service.clock, &server.account, server.id);
        if matches!(seen, Freshness::Missing { listings: 2.., .. }) {
            drop(write(service, move |tx| give_up(tx, server)));
        }
    }
}

/// Takes every lost answer to a launch for a no.
fn forget_unknown(tx: &mut Tx<'_>) -> Result<()> {
    for mut step in lookup::open_steps(tx)? {
        let lost = step.kind == StepKind::Launch && step.status == StepStatus::Unknown;
        let Some(server) = lookup::server(tx, step.server)?.filter(|_| lost) else { continue };
        step.status = StepStatus::Failed;
        tx.put(&step)?;
        put(tx, &Server { status: ServerStatus::Terminated, ..server })?;
    }
    Ok(())
}

/// Begins whatever is planned beside a call that is under way.
fn begin_beside(tx: &mut Tx<'_>) -> Result<()> {
    let open = lookup::open_steps(tx)?;
    for mut step in open.iter().filter(|step| step.status == StepStatus::Planned).cloned() {
        let beside =
            |other: &&Step| other.server == step.server && other.status != StepStatus::Planned;
        if open.iter().any(|other| beside(&other)) {
            step.status = StepStatus::Begun;
            tx.put(&step)?;
        }
    }
    Ok(())
}

fn put(tx: &mut Tx<'_>, server: &Server) -> Result<()> {
    tx.put(server)?;
    Ok(())
}

fn give_up(tx: &mut Tx<'_>, mut server: Server) -> Result<()> {
    let now = server.status_at;
    server.status = ServerStatus::PendingTerminate;
    server.terminate_reason = Some(TerminateReason::Crashed);
    tx.put(&server)?;
    let (id, plan) = (tx.next_id()?, tx.current_plan(server.farm)?.unwrap_or_default());
    tx.put(&Step {
        id,
        env: server.env,
        plan,
        farm: server.farm,
        farm_role: server.farm_role,
        server: server.id,
        kind: StepKind::Terminate,
        status: StepStatus::Planned,
        not_before: now,
        begun_at: None,
        deadline: None,
        ended_at: None,
        attempts: 0,
        message: String::new(),
    })?;
    Ok(())
}
