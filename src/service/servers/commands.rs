//! Commands that people run on servers: ordered, looked at, cancelled.
//!
//! A command is an order like any other; what is here is what people may ask. The journal says who
//! ran what and where, how it ended, and who cancelled it.

use crate::base::{Code, Millis, OrderId, Problem, Result, ServerId, Timestamp};
use crate::model::{
    Actor, Cancel, Cause, EndedBy, Grant, Order, OrderBody, OrderState, Permission, Ran, Server,
};
use crate::service::agents::orders;
use crate::service::orchestration::runs;
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Tx};
use crate::wire::api::{CommandRequest, OrderView};

/// Longest a command may run: Scalr's default script timeout, 20 minutes.
const COMMAND_TIMEOUT_MAX: Millis = 1_200_000;
/// A command's default deadline.
const COMMAND_TIMEOUT: Millis = 60_000;
/// Beyond a command's own time: the order has to get there, what it started has some seconds to end
/// in its own way, and the result has to come back.
const JOURNEY: Millis = 30_000;

/// Orders a command run by the server's agent; the answer is the open order.
pub fn run(
    service: &Service,
    actor: &Actor,
    id: ServerId,
    input: &CommandRequest,
) -> Result<OrderView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    if input.command.is_empty() {
        return Err(Problem::invalid("command", "a command needs at least a program"));
    }
    let timeout = timeout(input.timeout_ms)?;
    let (told, command) = (command_in_words(&input.command), input.command.clone());
    let now = service.now();
    let author = Author::new(&grant, "server.run", Cause::Request, Purpose::Growth);
    let order = service.write(author, move |tx| {
        let found = lookup::server(tx, id)?;
        let server = found.ok_or_else(|| Problem::not_found("server", id))?;
        let order = ask(tx, &server, command, timeout, now)?;
        let about = lookup::server_name(tx, &server)?;
        tx.text(about, format!("is asked to run: {told} (order {order})"));
        Ok(order)
    })?;
    shown(service, &grant, order)
}

/// How long a command may take: what was asked for, 0 for what is usual.
pub(in crate::service) fn timeout(asked: Millis) -> Result<Millis> {
    let timeout = if asked == 0 { COMMAND_TIMEOUT } else { asked };
    if timeout > COMMAND_TIMEOUT_MAX {
        let text = format!("at most {COMMAND_TIMEOUT_MAX} ms, not {timeout}");
        return Err(Problem::invalid("timeoutMs", text));
    }
    Ok(timeout)
}

/// Orders a command from a server's agent.
///
/// # Errors
/// `UnacceptableState` where nobody is there to run it.
pub(in crate::service) fn ask(
    tx: &mut Tx,
    server: &Server,
    command: Vec<String>,
    timeout: Millis,
    now: Timestamp,
) -> Result<OrderId> {
    let (name, status) = (&server.hostname, server.status.as_str());
    if !server.status.counts() {
        return Err(unacceptable(format!("{name} is {status}: nothing runs there any more")));
    }
    if !server.agent {
        let why = "no agent of ours runs there to do it";
        return Err(unacceptable(format!("{name} is {status}: {why}")));
    }
    let body = OrderBody::Run { command, timeout_ms: timeout, apart: true };
    orders::give(tx, server, body, now, now.after(timeout.saturating_add(JOURNEY)))
}

/// Wants a command ended that was ordered; the answer is its order, which is open until the agent
/// says how it ended. To want it twice is to want it once.
pub fn cancel(service: &Service, actor: &Actor, id: OrderId) -> Result<OrderView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    let (now, by) = (service.now(), actor.name.clone());
    let author = Author::new(&grant, "server.cancel", Cause::Request, Purpose::Ending);
    service.write(author, move |tx| {
        let found = lookup::order(tx, id)?;
        let mut order = found.ok_or_else(|| Problem::not_found("order", id))?;
        let OrderBody::Run { command, .. } = &order.body else {
            return Err(unacceptable(format!("order {id} runs no command")));
        };
        let told = command_in_words(command);
        if order.state != OrderState::Open {
            let state = views::order(order).state;
            return Err(unacceptable(format!("order {id} is {state}: nothing is left to cancel")));
        }
        if let Some(server) = ask_to_end(tx, &mut order, Cancel { by, at: now })? {
            let about = lookup::server_name(tx, &server)?;
            tx.text(about, format!("is asked to end: {told} (order {id})"));
        }
        Ok(())
    })?;
    shown(service, &grant, id)
}

/// Orders a command ended that an open order runs; its server, unless that was wanted before.
pub(in crate::service) fn ask_to_end(
    tx: &mut Tx,
    order: &mut Order,
    cancel: Cancel,
) -> Result<Option<Server>> {
    if order.cancel.is_some() {
        return Ok(None);
    }
    let server = lookup::server(tx, order.server)?;
    let server = server.ok_or_else(|| Problem::not_found("server", order.server))?;
    let now = cancel.at;
    order.cancel = Some(cancel);
    tx.put(order)?;
    let deadline = order.deadline.max(now.after(JOURNEY));
    orders::give(tx, &server, OrderBody::Cancel { order: order.id }, now, deadline)?;
    Ok(Some(server))
}

/// An order and what came of it. What a command printed is for those who may run one: it may be a
/// password.
pub fn get(service: &Service, actor: &Actor, id: OrderId) -> Result<OrderView> {
    let grant = authorise(actor, Permission::CommandsRun)?;
    shown(service, &grant, id)
}

fn shown(service: &Service, grant: &Grant, id: OrderId) -> Result<OrderView> {
    let order: Option<Order> = service.read(grant, |view| lookup::order(view, id))?;
    Ok(views::order(order.ok_or_else(|| Problem::not_found("order", id))?))
}

fn unacceptable(text: String) -> Problem {
    Problem::new(Code::UnacceptableState, text)
}

/// Says in the journal how an order ended that ran a command.
pub(in crate::service) fn tell_end(tx: &mut Tx, order: &Order) -> Result<()> {
    let OrderBody::Run { command, .. } = &order.body else { return Ok(()) };
    let (id, told) = (order.id, command_in_words(command));
    let server = lookup::server(tx, order.server)?;
    let is_there = server.as_ref().is_some_and(|server| server.status.counts());
    let how = match &order.state {
        OrderState::Open => return Ok(()),
        OrderState::Done { exit_code, .. } => format!("ended with exit code {exit_code}"),
        OrderState::Ran { exit_code, ran } => {
            let left_out = left_out(ran);
            format!("{} with exit code {exit_code}{left_out}", ended(ran.ended_by))
        }
        OrderState::Failed(why) => format!("was not run: {why}"),
        OrderState::Expired if !is_there => "has no answer: its server is gone".to_owned(),
        OrderState::Expired => "has no answer before its deadline".to_owned(),
        OrderState::Superseded => "is superseded".to_owned(),
    };
    let about = server.map(|server| lookup::server_name(tx, &server)).transpose()?;
    tx.text(about.unwrap_or_default(), format!("{told} (order {id}) {how}"));
    runs::on_end(tx, order, &how)
}

fn ended(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Itself => "ended",
        EndedBy::Timeout => "was ended when its time was over,",
        EndedBy::Cancel => "was cancelled and ended",
        EndedBy::Stop => "was ended when the agent stopped,",
    }
}

fn left_out(ran: &Ran) -> String {
    match ran.stdout.left_out.saturating_add(ran.stderr.left_out) {
        0 => String::new(),
        bytes => format!("; {bytes} bytes of its output were not kept"),
    }
}

/// Letters of a command in the journal; the order itself has the whole.
const COMMAND_LETTERS_MAX: usize = 200;

/// A command as the journal tells it: as it was typed, on one line, and cut. Everybody who may read
/// the journal reads it, so a secret does not belong into a command's words.
pub(in crate::service) fn command_in_words(command: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=,@%+".contains(c))
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    let whole = command.iter().map(quoted).collect::<Vec<String>>().join(" ");
    let line = crate::base::text::escape(&whole);
    match line.char_indices().nth(COMMAND_LETTERS_MAX) {
        Some((at, _)) => format!("{}... ({} words)", &line[..at], command.len()),
        None => line.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::command_in_words;

    #[test]
    fn the_journal_says_what_was_run_on_one_line() {
        let check = |words: &[&str], told: &str| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(command_in_words(&words), told);
        };
        check(&["systemctl", "restart", "nginx"], "systemctl restart nginx");
        check(&["sh", "-c", "echo 'a b'; ls"], r"sh -c 'echo '\''a b'\''; ls'");
        check(&["echo", "", "a\nb"], r"echo '' 'a\nb'");
        let long = command_in_words(&vec!["word".to_owned(); 100]);
        assert!(long.ends_with("... (100 words)") && long.len() < 230, "{long}");
    }
}
