//! Agents that answer the commands they are told, by the command's first word.

use super::world;
use crate::explain::site::Site;
use grange::base::Bytes;
use grange::model::{EndedBy, Grant, Order, OrderBody, OrderState, Printed, Ran};
use grange::service::lookup;
use grange::service::servers::commands;
use grange::wire::agent::MessageBody;

/// All of them answer what is open.
pub fn answer(site: &mut Site) {
    for server in site.servers() {
        let orders = site
            .service
            .read(&Grant::job("test"), |view| lookup::orders_of(view, server.id))
            .unwrap();
        for order in orders.into_iter().filter(|order| order.state == OrderState::Open) {
            if let OrderBody::Run { command, .. } = &order.body {
                let result = result(site, &order, &command[0]);
                site.say(server.id, result);
            }
        }
    }
}

fn result(site: &Site, order: &Order, program: &str) -> MessageBody {
    let done = |exit_code, ran: Ran| MessageBody::Result {
        order: order.id,
        error: None,
        exit_code,
        output: String::new(),
        ran: Some(ran),
    };
    match program {
        "false" => done(9, ran(EndedBy::Itself, printed(b"", 0, b""), b"it failed\n")),
        "flood" => done(0, ran(EndedBy::Itself, printed(b"begin\n", 300, b"end\n"), b"")),
        "slow" => done(143, ran(EndedBy::Timeout, printed(b"begun\n", 0, b""), b"")),
        "gone" => {
            commands::cancel(&site.service, &world::bob(), order.id).unwrap();
            done(143, ran(EndedBy::Cancel, printed(b"a\x1b[2Jb", 0, b""), b"c\0\xff"))
        }
        // An agent of an earlier version.
        "old" => MessageBody::Result {
            order: order.id,
            error: None,
            exit_code: 0,
            output: "both\n".into(),
            ran: None,
        },
        "no-such" => MessageBody::Result {
            order: order.id,
            error: Some("\"no-such\" cannot be run: not found".into()),
            exit_code: 0,
            output: String::new(),
            ran: None,
        },
        _ => done(0, ran(EndedBy::Itself, printed(b"up 3 days\n", 0, b""), b"")),
    }
}

fn ran(ended_by: EndedBy, stdout: Printed, stderr: &[u8]) -> Ran {
    Ran { ended_by, stdout, stderr: printed(stderr, 0, b"") }
}

fn printed(head: &[u8], left_out: u64, tail: &[u8]) -> Printed {
    Printed { head: Bytes(head.to_vec()), left_out, tail: Bytes(tail.to_vec()) }
}
