//! `grange server run` and `grange server cancel`.
//!
//! What the command printed goes on byte for byte into a file or a pipe, standard output and
//! standard error each to its own; a terminal is shown what it would obey as an escape. Whoever
//! ends the waiting ends the command: it has nobody any more to print for.

use crate::base::limit::COMMAND_OUTPUT_BYTES_MAX;
use crate::base::text::{escape_bytes, escape_lines};
use crate::base::{Code, Millis, Problem};
use crate::cli::exit::{INTERRUPTED, NOT_WHOLE};
use crate::cli::wait::{self, Waited};
use crate::cli::{Done, Io, Stop};
use crate::client::Client;
use crate::model::Printed;
use crate::wire::api::{CommandRequest, OrderView, ServerView};
use std::io::{self, Write};

/// Beyond a command's own time: for the order to get there, for what it started to end, and for the
/// result to come back.
pub(super) const JOURNEY: Millis = 30_000;
/// How long a cancelled command is waited for: it has 5 s to end in its own way, and an agent that
/// has just lost its connection 15 to be back.
pub(super) const CANCEL_PATIENCE: Millis = 20_000;

/// Runs a command and ends as it did.
pub fn run(
    server: &ServerView,
    timeout_s: u64,
    command: Vec<String>,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let input = CommandRequest { command, timeout_ms: timeout_s * 1000 };
    // From here on a signal ends what is begun.
    if io.patience.interrupted() {
        return Ok(INTERRUPTED);
    }
    let name = &server.grange.name;
    let id = client.command_run(&server.id, &input)?.id;
    let client = &wait::looking(client);
    match wait::until(input.timeout_ms + JOURNEY, io, |_| ended(id, client))? {
        Waited::Found(order) => show(&order, name, io, json),
        Waited::Interrupted => interrupted(id, name, client, io, json),
        Waited::Late => {
            let message = format!(
                "{name} has not answered; order {id} stays open: grange server cancel {id}"
            );
            Err(Problem::new(Code::ServiceUnavailable, message).into())
        }
    }
}

/// Cancels an order and shows what came of it.
pub fn cancel(id: u64, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let order = client.order_cancel(id)?;
    let client = &wait::looking(client);
    let order = match wait::until(CANCEL_PATIENCE, io, |_| ended(id, client))? {
        Waited::Found(order) => order,
        Waited::Late | Waited::Interrupted => order,
    };
    if json {
        io.json(&order)?;
        return Ok(0);
    }
    match order.state.as_str() {
        "open" => {
            put_line!(io.stdout, "order {id} is to be cancelled; its agent has not answered")?
        }
        state => put_line!(io.stdout, "order {id} is {state}")?,
    }
    Ok(0)
}

/// An order once it is not open any more. An appliance that restarts comes back with it.
fn ended(id: u64, client: &Client) -> Result<Option<OrderView>, Stop> {
    match client.order(id) {
        Ok(order) => Ok((order.state != "open").then_some(order)),
        Err(error) if error.may_pass() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Ends a command that nobody waits for any more, and waits a while for its end.
fn interrupted(id: u64, name: &str, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    put_line!(io.stderr, "grange: ending it on {name}; another Ctrl-C leaves it to itself")?;
    if let Err(error) = client.order_cancel(id)
        && error.code() != Some(Code::UnacceptableState)
    {
        match error.may_pass() {
            true => put_line!(
                io.stderr,
                "grange: whether order {id} is cancelled is not known: {error}: grange server \
                 cancel {id} asks again"
            )?,
            false => put_line!(
                io.stderr,
                "grange: order {id} cannot be cancelled, and goes on: {error}"
            )?,
        }
        return Ok(INTERRUPTED);
    }
    match wait::until_even_so(CANCEL_PATIENCE, io, |_| ended(id, client))? {
        Some(order) => drop(show(&order, name, io, json)?),
        None => put_line!(
            io.stderr,
            "grange: {name} has not said that it ended: grange server cancel {id} asks again"
        )?,
    }
    Ok(INTERRUPTED)
}

/// Shows what a command printed and how it ended.
fn show(order: &OrderView, name: &str, io: &mut Io<'_>, json: bool) -> Done {
    if json {
        io.json(order)?;
        return Ok(exit_code(order));
    }
    match (&order.stdout, &order.stderr, order.exit_code) {
        (Some(stdout), Some(stderr), _) => {
            write(io.stdout, stdout, io.terminal)?;
            io.stdout.flush()?;
            write(io.stderr, stderr, io.error_terminal)?;
            tell_left_out("output", stdout, io.stderr)?;
            tell_left_out("error", stderr, io.stderr)?;
        }
        (_, _, Some(_)) => show_merged(order, name, io)?,
        _ => {
            let why = if order.output.is_empty() { &order.state } else { &order.output };
            let message = format!("{name} could not run it: {why}");
            return Err(Problem::new(Code::UnacceptableState, message).into());
        }
    }
    if let Some(why) = &order.why {
        put_line!(io.stderr, "grange: {name}: {why}")?;
    }
    Ok(exit_code(order))
}

/// What an agent sends that knows no two outputs.
fn show_merged(order: &OrderView, name: &str, io: &mut Io<'_>) -> Result<(), Stop> {
    let output = match io.terminal {
        true => escape_lines(&order.output),
        false => order.output.as_str().into(),
    };
    io.stdout.write_all(output.as_bytes())?;
    io.stdout.flush()?;
    put_line!(
        io.stderr,
        "grange: the agent of {name} is of an earlier version: both outputs are one text, without \
         control characters{}",
        if is_cut(order) { ", cut in the middle" } else { "" }
    )?;
    Ok(())
}

/// Whether a text of both outputs was cut, which an earlier agent says in the middle of it.
fn is_cut(order: &OrderView) -> bool {
    order.stdout.is_none() && order.output.len() > COMMAND_OUTPUT_BYTES_MAX - 16
}

/// Writes what a command printed to one of its outputs, byte for byte where it is no terminal.
pub(super) fn write(to: &mut dyn Write, printed: &Printed, terminal: bool) -> io::Result<()> {
    let (head, tail) = (&printed.head.0, &printed.tail.0);
    if !terminal {
        to.write_all(head)?;
        return to.write_all(tail);
    }
    let mut text = escape_bytes(head);
    if printed.left_out > 0 {
        text.push_str(&format!("\n[{} bytes left out]\n{}", printed.left_out, escape_bytes(tail)));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    to.write_all(text.as_bytes())
}

/// Says how much of an output was not kept.
pub(super) fn tell_left_out(which: &str, printed: &Printed, to: &mut dyn Write) -> io::Result<()> {
    let (left_out, head) = (printed.left_out, printed.head.0.len());
    if left_out > 0 {
        put_line!(to, "grange: {left_out} bytes of its standard {which} left out after {head}")?;
    }
    Ok(())
}

/// A command's exit code as ours; what does not fit is a failure, and what is not whole no success.
fn exit_code(order: &OrderView) -> u8 {
    let code = order.exit_code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    match code {
        0 if order.left_out > 0 || is_cut(order) => NOT_WHOLE,
        code => code,
    }
}
