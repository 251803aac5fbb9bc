//! Orders of the fake: what came of a command, by its first word.

use grange::base::{Bytes, Code, OrderId, Problem, Result};
use grange::model::Printed;
use grange::wire::api::OrderView;

/// The order that runs a command.
pub fn of(program: &str) -> u64 {
    match program {
        "false" => 8,
        "old" => 10,
        "flood" => 11,
        "slow" => 12,
        "gone" => 13,
        "no-such" => 14,
        _ => 7,
    }
}

fn printed(head: &[u8], left_out: u64, tail: &[u8]) -> Option<Printed> {
    Some(Printed { head: Bytes(head.to_vec()), left_out, tail: Bytes(tail.to_vec()) })
}

fn open(id: OrderId) -> OrderView {
    OrderView { id: id.0, state: "open".into(), ..OrderView::default() }
}

fn done(id: OrderId, exit_code: i32, stdout: &[u8], stderr: &[u8]) -> OrderView {
    OrderView {
        state: "done".into(),
        exit_code: Some(exit_code),
        output: String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned(),
        stdout: printed(stdout, 0, b""),
        stderr: printed(stderr, 0, b""),
        ..open(id)
    }
}

/// An order, when somebody looks for the so-manieth time.
pub fn order(id: OrderId, looks: u32) -> Result<OrderView> {
    let why = |why: &str| Some(why.to_owned());
    Ok(match (id.0, looks) {
        (7, 1) => open(id),
        (7, _) => done(id, 0, b"up 3 days\n", b""),
        (8, _) => done(id, 9, b"", b"it failed\n"),
        (10, _) => OrderView {
            output: "both\n".into(),
            stdout: None,
            stderr: None,
            ..done(id, 0, b"", b"")
        },
        (11, _) => {
            let stdout = printed(b"begin\n", 300, b"end\n");
            OrderView { stdout, left_out: 300, ..done(id, 0, b"", b"") }
        }
        (12, _) => {
            let why = why("it was ended when its time was over");
            OrderView { state: "failed".into(), why, ..done(id, 143, b"begun\n", b"") }
        }
        (13, _) => {
            let (why, cancelled_by) = (why("it was cancelled by bob"), Some("bob".into()));
            let state = "cancelled".into();
            OrderView { state, why, cancelled_by, ..done(id, 143, b"a\x1b[2Jb", b"c\0\xff") }
        }
        (14, _) => {
            let output = "\"no-such\" cannot be run: not found".to_owned();
            OrderView { state: "failed".into(), why: Some(output.clone()), output, ..open(id) }
        }
        _ => return Err(Problem::not_found("order", id)),
    })
}

/// What is said when one is cancelled.
pub fn cancelled(id: OrderId) -> Result<OrderView> {
    match order(id, 1)?.state.as_str() {
        "open" => Ok(OrderView { cancelled_by: Some("admin".into()), ..open(id) }),
        state => {
            let text = format!("order {id} is {state}: nothing is left to cancel");
            Err(Problem::new(Code::UnacceptableState, text))
        }
    }
}
