//! What is asked of servers, and run on them.

use super::Case;
use super::Do::{Act, Call, Told};
use super::calls::{
    ASK_TO_REBOOT, CANCEL, EXPIRE_ORDERS, FORCE, LIST_SERVERS, LOCK, REBOOT, RESUME_SERVER,
    SUSPEND, TERMINATE, each, named,
};
use crate::entrance::rights::said;
use grange::base::OrderId;
use grange::service::servers::{self, commands};
use grange::wire::api::CommandRequest;
use grange::wire::input::TerminateInput;

/// Every case.
pub const SERVERS: &[Case] = &[
    (
        "a server that sleeps",
        &[
            RESUME_SERVER,
            SUSPEND,
            SUSPEND,
            Told("tick"),
            Act("settle"),
            SUSPEND,
            LIST_SERVERS,
            RESUME_SERVER,
            Told("tick"),
            Act("settle"),
            LIST_SERVERS,
            SUSPEND,
            RESUME_SERVER,
            Told("tick"),
        ],
    ),
    (
        "a server that reboots",
        &[ASK_TO_REBOOT, Told("answer web-1"), REBOOT, REBOOT, Told("tick"), REBOOT, LIST_SERVERS],
    ),
    (
        "a server that goes",
        &[
            TERMINATE,
            TERMINATE,
            Told("tick"),
            LIST_SERVERS,
            LOCK,
            SUSPEND,
            REBOOT,
            FORCE,
            Told("tick"),
            Act("settle"),
            Call(|t, a| said(servers::get(t.service, a, t.server))),
            Call(|t, a| {
                said(servers::terminate(t.service, a, t.server, TerminateInput::default()))
            }),
        ],
    ),
    (
        "commands",
        &[
            Call(|t, a| {
                let run = |command: &[&str], timeout_ms| {
                    let command = command.iter().map(|word| (*word).to_owned()).collect();
                    commands::run(t.service, a, t.server, &CommandRequest { command, timeout_ms })
                };
                let most = 1_200_000;
                each([run(&[], 0), run(&["a", "b c"], 0), run(&["a"], most), run(&["a"], most + 1)])
            }),
            Call(|t, a| said(commands::get(t.service, a, OrderId(1)))),
            EXPIRE_ORDERS,
            Told("answer web-1"),
            Call(|t, a| said(commands::get(t.service, a, OrderId(1)))),
            Call(|t, a| said(commands::get(t.service, a, OrderId(9)))),
        ],
    ),
    (
        "a command up to its deadline and after it",
        &[
            Call(|t, a| {
                let input = CommandRequest { command: vec!["a".into()], timeout_ms: 60_000 };
                said(commands::run(t.service, a, t.server, &input))
            }),
            Act("later 90s"),
            EXPIRE_ORDERS,
            Act("later 5s"),
            EXPIRE_ORDERS,
            EXPIRE_ORDERS,
        ],
    ),
    (
        "commands that are cancelled",
        &[
            Call(|t, a| {
                let input = CommandRequest { command: vec!["a".into()], timeout_ms: 60_000 };
                said(commands::run(t.service, a, t.server, &input))
            }),
            CANCEL,
            CANCEL,
            Told("answer web-1"),
            CANCEL,
            Call(|t, a| said(commands::cancel(t.service, a, OrderId(2)))),
        ],
    ),
    (
        "commands of servers that go, and that are gone",
        &[
            Call(|t, a| {
                let (command, server) = (vec!["a".into()], named(t, "web-1"));
                let input = CommandRequest { command, timeout_ms: 1_200_000 };
                said(commands::run(t.service, a, server, &input))
            }),
            FORCE,
            Act("tick"),
            EXPIRE_ORDERS,
            Call(|t, a| said(commands::get(t.service, a, OrderId(1)))),
        ],
    ),
];
