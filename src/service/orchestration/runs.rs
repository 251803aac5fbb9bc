//! Runs: a command on one server or many, a bounded number at once, the canaries first.
//!
//! On each server it is an order like any other ([`commands`]). Nothing here runs by itself: the
//! transaction that notes how an order ended gives the next servers theirs, so that a run goes on
//! after a restart where it was, and each server has one result. An order has a deadline, and so a
//! run has an end.
//!
//! A farm and a farm role mean their servers that run when the run begins; a server that is named
//! is asked whatever it is. What each printed is kept with the run, a share of it for each server.

use crate::base::limit::{
    COMMAND_ARGUMENTS_MAX, COMMAND_OUTPUT_BYTES_MAX, RUN_OUTPUT_BYTES_MAX, RUN_PARALLEL_MAX,
    RUN_SERVERS_MAX, RUN_TARGETS_MAX, RUNS_KEPT_MAX, RUNS_OPEN_MAX,
};
use crate::base::{Code, EnvironmentId, Millis, Problem, Result, RunId, ServerId, Timestamp};
use crate::model::{
    Actor, Cancel, Cause, EndedBy, Order, OrderState, Permission, Ran, Run, RunCount, RunServer,
    RunServerState, Server, ServerStatus,
};
use crate::service::agents::streams::StreamReader;
use crate::service::farms::notes;
use crate::service::servers::commands::{self, command_in_words};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::input::{Page, Slice};
use crate::wire::run::{RunInput, RunServerView, RunView};
use crate::wire::stream::Source;

/// Servers of a run at once where nobody says.
const PARALLEL: u32 = 10;

/// Begins a run.
pub fn start(service: &Service, actor: &Actor, input: &RunInput) -> Result<RunView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    let checked = check(input)?;
    let (env, by, now) = (actor.env, actor.name.clone(), service.now());
    let author = Author::new(&grant, "run.start", Cause::Request, Purpose::Growth);
    service.write(author, move |tx| {
        make_room(tx)?;
        let servers = servers_of(tx, env, &checked.targets)?;
        if checked.canary as usize > servers.len() {
            let count = servers.len();
            let text = format!("at most {count}, as many as there are servers");
            return Err(Problem::invalid("canary", text));
        }
        let Checked { targets, command, timeout_ms, parallel, canary } = checked;
        let (id, what) = (tx.next_id()?, targets.join(", "));
        let count = RunCount { servers: servers.len() as u32, ..RunCount::default() };
        let told = command_in_words(&command);
        let (at, ended_at, cancel) = (now, None, None);
        let mut run = Run {
            id,
            env,
            what,
            command,
            timeout_ms,
            parallel,
            canary,
            by,
            at,
            ended_at,
            cancel,
            count,
        };
        for server in &servers {
            let name = lookup::server_name(tx, server)?;
            let (state, server) = (RunServerState::Waiting, server.id);
            let id = tx.next_id()?;
            tx.put(&RunServer { id, env, run: run.id, server, name, order: None, state })?;
        }
        advance(tx, &mut run, now)?;
        let count = servers.len();
        let noun = if count == 1 { "server" } else { "servers" };
        tx.text(run.what.clone(), format!("run {id} begins on {count} {noun}: {told}"));
        tx.put(&run)?;
        Ok(view(run))
    })
}

/// Wants a run ended: servers whose turn has not come are passed over, and where the command runs
/// it is ended with all it started. To want it twice is to want it once.
pub fn cancel(service: &Service, actor: &Actor, id: RunId) -> Result<RunView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    let (env, by, now) = (actor.env, actor.name.clone(), service.now());
    let author = Author::new(&grant, "run.cancel", Cause::Request, Purpose::Ending);
    service.write(author, move |tx| {
        let mut run = found(tx, env, id)?;
        if run.ended_at.is_some() {
            let text = format!("run {id} has ended: nothing is left to cancel");
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        if run.cancel.is_some() {
            return Ok(view(run));
        }
        let cancel = Cancel { by: by.clone(), at: now };
        run.cancel = Some(cancel.clone());
        for part in lookup::servers_of_run(tx, id)? {
            let order = part.order.map(|order| lookup::order(tx, order)).transpose()?.flatten();
            if let Some(mut order) = order.filter(|order| order.state == OrderState::Open) {
                commands::ask_to_end(tx, &mut order, cancel.clone())?;
            }
        }
        advance(tx, &mut run, now)?;
        tx.text(run.what.clone(), format!("run {id} is cancelled by {by}"));
        tx.put(&run)?;
        Ok(view(run))
    })
}

/// A run.
pub fn get(service: &Service, actor: &Actor, id: RunId) -> Result<RunView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    service.read(&grant, |read| found(read, actor.env, id).map(view))
}

/// The runs that are kept, the latest first.
pub fn list(service: &Service, actor: &Actor, page: Page) -> Result<Slice<RunView>> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    service.read(&grant, |read| {
        let mut runs = lookup::all_runs(read)?;
        runs.retain(|run| run.env == actor.env);
        runs.reverse();
        let shown = Slice::cut(runs, page);
        Ok(Slice { items: shown.items.into_iter().map(view).collect(), total: shown.total })
    })
}

/// The servers of a run with what came of it there, in the order of their turns.
pub fn servers(
    service: &Service,
    actor: &Actor,
    id: RunId,
    page: Page,
) -> Result<Slice<RunServerView>> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    service.read(&grant, |read| {
        found(read, actor.env, id)?;
        let shown = Slice::cut(lookup::servers_of_run(read, id)?, page);
        let items = shown.items.into_iter().map(views::run_server).collect();
        Ok(Slice { items, total: shown.total })
    })
}

/// Opens what the command of a run prints on one of its servers, while it runs there.
pub fn output(
    service: &Service,
    actor: &Actor,
    id: RunId,
    server: ServerId,
) -> Result<StreamReader> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    let part = service.read(&grant, |read| {
        found(read, actor.env, id)?;
        let parts = lookup::servers_of_run(read, id)?;
        let part = parts.into_iter().find(|part| part.server == server);
        part.ok_or_else(|| Problem::not_found("server", format!("{server} of run {id}")))
    })?;
    match (&part.state, part.order) {
        (RunServerState::Open, Some(order)) => {
            let source = Source::Command { order };
            service.streams.open(server, actor.user, &part.name, source)
        }
        _ => {
            let text = format!("the command of run {id} does not run on {} now", part.name);
            Err(Problem::new(Code::UnacceptableState, text))
        }
    }
}

/// An order has ended: if it is of a run, that has a result and goes on. `how` is for people.
pub(in crate::service) fn on_end(tx: &mut Tx, order: &Order, how: &str) -> Result<()> {
    let Some(mut part) = lookup::run_server_of_order(tx, order.id)? else { return Ok(()) };
    let Some(mut run) = lookup::run(tx, part.run)? else { return Ok(()) };
    if part.state != RunServerState::Open {
        return Ok(());
    }
    run.count.open = run.count.open.saturating_sub(1);
    let share = share(run.count.servers);
    let (state, succeeded) = match &order.state {
        OrderState::Ran { exit_code, ran } => {
            let ran = Ran {
                ended_by: ran.ended_by,
                stdout: ran.stdout.clone().within(share),
                stderr: ran.stderr.clone().within(share),
            };
            let well = *exit_code == 0 && ran.ended_by == EndedBy::Itself;
            (RunServerState::Ended { exit_code: *exit_code, ran }, well)
        }
        OrderState::Done { exit_code, output } => {
            let stdout = crate::model::Printed {
                head: crate::base::Bytes(output.clone().into_bytes()),
                ..Default::default()
            };
            let (ended_by, stderr) = (EndedBy::Itself, Default::default());
            let ran = Ran { ended_by, stdout: stdout.within(share), stderr };
            (RunServerState::Ended { exit_code: *exit_code, ran }, *exit_code == 0)
        }
        OrderState::Failed(why) => (RunServerState::Failed(why.clone()), false),
        OrderState::Open | OrderState::Expired | OrderState::Superseded => {
            (RunServerState::Failed(how.to_owned()), false)
        }
    };
    match succeeded {
        true => run.count.succeeded += 1,
        false => run.count.failed += 1,
    }
    part.state = state;
    tx.put(&part)?;
    let now = tx.now();
    advance(tx, &mut run, now)?;
    tx.put(&run)?;
    Ok(())
}

/// Gives the next servers their order, passes over those that get none, and notes the end.
fn advance(tx: &mut Tx, run: &mut Run, now: Timestamp) -> Result<()> {
    for mut part in lookup::waiting_of_run(tx, run.id)? {
        let skipped = match (&run.cancel, run.room()) {
            (Some(cancel), _) => Some(format!("the run was cancelled by {}", cancel.by)),
            (None, None) => Some("the canary did not succeed".to_owned()),
            (None, Some(0)) => break,
            (None, Some(_)) => None,
        };
        match skipped {
            Some(why) => {
                run.count.skipped += 1;
                part.state = RunServerState::Skipped(why);
            }
            None => begin(tx, run, &mut part, now)?,
        }
        tx.put(&part)?;
    }
    if run.count.waiting() == 0 && run.count.open == 0 {
        run.ended_at = Some(now);
    }
    Ok(())
}

/// Orders the command from one server, where there is anybody to do it.
fn begin(tx: &mut Tx, run: &mut Run, part: &mut RunServer, now: Timestamp) -> Result<()> {
    let asked = match lookup::server(tx, part.server)? {
        Some(server) => commands::ask(tx, &server, run.command.clone(), run.timeout_ms, now),
        None => Err(Problem::new(Code::UnacceptableState, "it is gone")),
    };
    match asked {
        Ok(order) => {
            run.count.open += 1;
            (part.order, part.state) = (Some(order), RunServerState::Open);
        }
        Err(problem) if problem.code == Code::UnacceptableState => {
            run.count.failed += 1;
            part.state = RunServerState::Failed(problem.to_string());
        }
        Err(problem) => return Err(problem),
    }
    Ok(())
}

/// Bytes of each output that are kept of one server.
fn share(servers: u32) -> usize {
    (RUN_OUTPUT_BYTES_MAX / (servers.max(1) as usize)).min(COMMAND_OUTPUT_BYTES_MAX)
}

/// Removes the oldest runs that have ended, so that one more has room.
fn make_room(tx: &mut Tx) -> Result<()> {
    if lookup::open_runs(tx)?.len() >= RUNS_OPEN_MAX {
        let text = format!("{RUNS_OPEN_MAX} runs are under way: wait for one, or cancel it");
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    let runs = lookup::all_runs(tx)?;
    let surplus = (runs.len() + 1).saturating_sub(RUNS_KEPT_MAX);
    let ended = runs.iter().filter(|run| run.ended_at.is_some());
    for old in ended.take(surplus) {
        for part in lookup::servers_of_run(tx, old.id)? {
            tx.delete::<RunServer>(part.id)?;
        }
        tx.delete::<Run>(old.id)?;
    }
    Ok(())
}

fn found(read: &impl Reads, env: EnvironmentId, id: RunId) -> Result<Run> {
    let run = lookup::run(read, id)?.filter(|run| run.env == env);
    run.ok_or_else(|| Problem::not_found("run", id))
}

/// An input without faults.
struct Checked {
    targets: Vec<String>,
    command: Vec<String>,
    timeout_ms: Millis,
    parallel: u32,
    canary: u32,
}

/// Every fault of an input at once.
fn check(input: &RunInput) -> Result<Checked> {
    let mut faults = Vec::new();
    let targets: Vec<String> =
        input.targets.iter().map(|target| target.trim().to_owned()).collect();
    if targets.is_empty() || targets.len() > RUN_TARGETS_MAX {
        let text = format!("say 1 to {RUN_TARGETS_MAX} farms, farm roles or servers");
        faults.push(Problem::invalid("targets", text));
    }
    if targets.iter().any(String::is_empty) {
        faults.push(Problem::invalid("targets", "one of them is empty: say shop or shop/web"));
    }
    if input.command.is_empty() || input.command.len() > COMMAND_ARGUMENTS_MAX {
        let range = format!("must be a program and its arguments, at most {COMMAND_ARGUMENTS_MAX}");
        faults.push(Problem::invalid("command", range));
    }
    let timeout = commands::timeout(input.timeout_ms);
    let timeout_ms = timeout.unwrap_or_else(|fault| {
        faults.push(fault);
        0
    });
    let parallel = input.parallel.unwrap_or(PARALLEL);
    if !(1..=RUN_PARALLEL_MAX).contains(&parallel) {
        let text = format!("must be from 1 to {RUN_PARALLEL_MAX}, not {parallel}");
        faults.push(Problem::invalid("parallel", text));
    }
    if let Some(problem) = Problem::all(faults) {
        return Err(problem);
    }
    let (command, canary) = (input.command.clone(), input.canary.unwrap_or(0));
    Ok(Checked { targets, command, timeout_ms, parallel, canary })
}

/// The servers that are meant, each once, in the order in which they were named.
fn servers_of(read: &impl Reads, env: EnvironmentId, targets: &[String]) -> Result<Vec<Server>> {
    let mut servers: Vec<Server> = Vec::new();
    for target in targets {
        let meant = notes::servers_named(read, env, target)?;
        if meant.is_empty() {
            let text = format!("no server of {target} runs");
            return Err(Problem::new(Code::UnacceptableState, text));
        }
        let known: std::collections::BTreeSet<ServerId> = servers.iter().map(|s| s.id).collect();
        servers.extend(meant.into_iter().filter(|server| !known.contains(&server.id)));
    }
    if servers.len() > RUN_SERVERS_MAX {
        let text = format!("{} servers, at most {RUN_SERVERS_MAX} at a time", servers.len());
        return Err(Problem::invalid("targets", text));
    }
    Ok(servers)
}

/// Whether a server is meant where its farm or farm role is named.
pub(in crate::service) fn runs(server: &Server) -> bool {
    server.status == ServerStatus::Running
}

fn view(run: Run) -> RunView {
    views::run(run)
}
