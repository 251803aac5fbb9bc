//! Floor 6: the agent, which runs on every server: it collects, obeys and reports.
//!
//! One process, one thread, one outbound TLS connection. It eats only `base`, `model`, `wire` and
//! `net`, so that `grange-agent` stays small: it may use 8 MiB and half a percent of a core.
//!
//! - [`core`]: the loop. One function waits for the next event, one decides what it means, one
//!   sends what there is room for.
//! - [`session`] and [`link`]: enrolment, dialling, backoff; one MQTT connection. They run beside
//!   the loop as a task and speak to it in [`Event`]s.
//! - [`outbox`]: messages, numbered per boot and on disk until acknowledged. [`spool`]: readings
//!   that wait on disk while the appliance is away. [`flight`]: what is sent and not acknowledged.
//! - [`orders`]: which orders were seen and what came of them, so that each is done once;
//!   [`work`] carries them out with [`command`] and [`file`], on threads that may block;
//!   [`leftover`] ends the commands of an agent that was killed.
//! - [`workload`]: a role's work, done by a thread of its own: setup, files, services; [`keeper`]:
//!   the processes that keep what runs, whatever becomes of the agent.
//! - [`balancer`]: the members of an HAProxy here, changed while it runs, and what it sees of them.
//! - [`retiring`]: whether the server is to go, and the word of those who work on it that nothing
//!   is left to finish: `grange-agent retiring` and `grange-agent idle`.
//! - [`collect`]: readings from `/proc`, control groups and file systems; [`check`]: readiness.
//! - [`appliances`]: where the appliance is, also when it has moved.
//! - [`streams`]: what the server prints, sent while somebody reads it.
//! - [`settings`], [`state`], [`identity`], [`transport`]: what it is told, what it keeps, who it
//!   is, how bytes leave.
//!
//! What may be lost: fresh readings of the last seconds when the agent is killed. What may not: a
//! message, an order's result, the epoch. What may come twice: everything that was sent and whose
//! acknowledgement was lost, messages with the same number, readings with the same time.
//!
//! Not here: decisions. The agent never cleans a disk or scales by itself; it says what it sees and
//! does what it is ordered, and a role's services are kept running because that is the order.
//!
//! To add an order: a variant of `model::OrderBody`, its arm in [`work`], its word on being done
//! twice in [`orders`], and a row in `tests/`.

mod appliances;
mod balancer;
mod check;
mod collect;
mod command;
mod core;
mod file;
mod flight;
mod identity;
mod keeper;
mod leftover;
mod link;
mod live;
mod orders;
mod outbox;
mod retiring;
mod session;
mod settings;
mod spool;
mod state;
mod streams;
#[cfg(test)]
mod tests;
mod transport;
mod work;
mod workload;

pub use balancer::{BalancerPaths, Look};
pub use file::{FileOrder, Files};
pub use keeper::stage_main;
pub use orders::Outcome;
pub use retiring::{Question, ask};
pub use settings::{AgentOptions, STATE_DIR, state_dir};
pub use workload::{RoleWork, Trouble, WorkPlaces};

use crate::base::limit::{AGENT_ORDERS_OPEN_MAX, AGENT_SPOOL_BYTES_MAX};
use crate::base::problem::chain;
use crate::base::random::{Stream, fresh_seed, secret_text};
use crate::base::{Clock, OrderId, WallClock};
use crate::model::MemberDown;
use crate::net::mqtt::Packet;
use crate::wire::agent::{CRASHING, UserData};
use nix::unistd::{Pid, getpid, getsid};
use std::io;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use transport::Transport;

/// Where tasks report to the loop.
type Events = mpsc::Sender<Event>;

/// What happens to the agent.
enum Event {
    /// A connection is up; bytes for it go here.
    Up(mpsc::Sender<Vec<u8>>),
    /// It ended.
    Down,
    /// A packet came.
    Packet(Packet),
    /// The ready check passes now, or does not any more; with what it saw.
    Ready(bool, String),
    /// The balancer here sees so many members, and does not reach these of them.
    Members(u32, Vec<MemberDown>),
    /// An order is done; whether the agent is to stop, and what came of it.
    Done(OrderId, bool, orders::Outcome),
    /// The system wants the agent to end.
    Stop,
}

/// Events that wait: every order under way and some packets.
const EVENTS_MAX: usize = AGENT_ORDERS_OPEN_MAX + 32;
/// Commands that run at once; more wait.
const COMMANDS_MAX: usize = 8;
/// Threads for what may block: a place for each command, two for a role's work and the one that
/// follows it, and some for files, certificates and the rest, which no command may keep waiting.
const WORKERS_MAX: usize = COMMANDS_MAX + 6;
/// Stack of a worker: it reads files and waits for processes.
const WORKER_STACK_BYTES: usize = 256 * 1024;

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
enum AgentError {
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    #[error(transparent)]
    State(#[from] state::StateError),
    #[error("{doing}")]
    Io { doing: &'static str, source: io::Error },
}

/// Runs the agent until it is told to stop, by a signal or by an order. Exit codes: 0 when it was
/// told to, 2 when its user data cannot be used, 1 for everything else.
pub fn run(options: AgentOptions) -> ExitCode {
    match try_run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            match error {
                AgentError::Settings(_) => ExitCode::from(2),
                AgentError::State(_) | AgentError::Io { .. } => ExitCode::FAILURE,
            }
        }
    }
}

fn try_run(options: &AgentOptions) -> Result<(), AgentError> {
    let data = settings::user_data(&options.config)?;
    // Checked a moment ago.
    let authority = settings::fingerprint(&data.ca_fingerprint).unwrap_or_default();
    let runtime = runtime().map_err(|source| AgentError::Io { doing: "starting", source })?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let result = runtime.block_on(async {
        tokio::spawn(signals(sender.clone()));
        let transport = Arc::new(transport::Tls { authority });
        let agent = assemble(options, &data, transport, clock, (sender, receiver))?;
        agent.run().await;
        Ok(())
    });
    // A worker that does not end when its command is killed is left behind.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WORKERS_MAX)
        .thread_stack_size(WORKER_STACK_BYTES)
        .build()
}

/// Puts the agent together and starts the tasks beside it.
fn assemble(
    options: &AgentOptions,
    data: &UserData,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    (sender, events): (Events, mpsc::Receiver<Event>),
) -> Result<core::Agent, AgentError> {
    let io = |doing| move |source| AgentError::Io { doing, source };
    let state = Arc::new(state::State::open(&options.state, data.server, &data.ca_fingerprint)?);
    let limits = collect::limits(&options.run_dir).map_err(io("reading the server's limits"))?;
    let (seed, machine) = (fresh_seed(), limits.is_none());
    let session_id = getsid(None).ok().filter(|&id| id != getpid()).map(Pid::as_raw);
    let source = collect::Source::new("/proc".as_ref(), &options.run_dir, limits, session_id);
    let collector = collect::Collector::new(source, &data.mounts, clock.monotonic());
    let appliances = recall_appliances(&state, data)?;
    let workshop = Arc::new(work::Workshop {
        appliances: appliances.clone(),
        groups: leftover::Groups::open(&state).map_err(io("ending commands left running"))?,
        live: live::LiveOutputs::default(),
        files: Mutex::new(open_files(options, &state).map_err(io("recalling written files"))?),
        halt: AtomicBool::new(false),
        work: RoleWork::open(places(options, data), data.works)
            .map_err(io("recalling the role's work"))?,
        machine,
        deny_run: options.home.join("etc/grange/agent.deny-run"),
    });
    let workshop_is_ready = workshop.work.status().is_ok();
    let identity = identity::Identity::new(state.clone(), data.server, data.token.clone());
    let session = session::Session {
        process: secret_text(),
        appliances,
        server: data.server,
        identity: Arc::new(identity),
        transport,
        clock: clock.clone(),
        events: sender.clone(),
        random: Stream::new(seed, "session"),
    };
    let mut tasks = vec![tokio::spawn(session.run())];
    let check = check::Check {
        work: workshop.work.clone(),
        ready: data.check.clone().map(|check| (check, options.address)),
        crashing: options.run_dir.join(CRASHING),
        balancer: balancer::Sight::default(),
    };
    let sight = check.balancer.clone();
    tasks.push(tokio::spawn(balancer::watch(workshop.clone(), sight, sender.clone())));
    tasks.push(tokio::spawn(check::watch(check, sender.clone())));
    let agent = core::Agent {
        server: data.server,
        interval: Duration::from_millis(data.interval_ms),
        clock,
        outbox: outbox::Outbox::open(&state, &collector.boot())
            .map_err(io("opening the outbox"))?,
        spool: spool::Spool::open(&state, AGENT_SPOOL_BYTES_MAX)
            .map_err(io("opening the spool"))?,
        orders: orders::Orders::open(&state).map_err(io("recalling orders"))?,
        retiring: retiring::Retiring::open(&state).map_err(io("recalling the retirement"))?,
        streams: streams::Streams::below(state.dir(), &options.home, workshop.live.clone()),
        workshop,
        collector,
        ready: data.check.is_none() && workshop_is_ready,
        members: None,
        random: Stream::new(seed, "backlog"),
        events,
        sender,
        tasks,
    };
    Ok(agent)
}

/// Files that are ordered one by one, and the balancer that may be among their readers.
fn open_files(options: &AgentOptions, state: &state::State) -> io::Result<file::Files> {
    let (run_dir, address) = (options.service_run_dir.clone(), options.address);
    let memory = state.room("files")?.join("placed.json");
    let files = file::Files::open(memory, options.home.clone())?;
    Ok(files.with_balancer(balancer::BalancerPaths { run_dir, address }))
}

fn places(options: &AgentOptions, data: &UserData) -> WorkPlaces {
    WorkPlaces {
        state: options.state.clone(),
        home: options.home.clone(),
        mounts: data.mounts.clone(),
        program: "/proc/self/exe".into(),
    }
}

fn recall_appliances(
    state: &Arc<state::State>,
    data: &UserData,
) -> Result<Arc<appliances::Appliances>, AgentError> {
    let opened = appliances::Appliances::open(state.clone(), data.appliances.clone());
    let doing = "recalling where the appliance is";
    opened.map(Arc::new).map_err(|source| AgentError::Io { doing, source })
}

/// Reports the first signal that asks to end; the goodbye that follows has a deadline of its own.
async fn signals(events: Events) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be heard; the agent ends without a goodbye");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    if events.send(Event::Stop).await.is_err() {
        tracing::debug!("told to stop when stopped already");
    }
}
