//! What agents say, in every state of their server.

use super::Case;
use super::Do::{Act, Outside, Told};
use crate::explain::site::Site;
use grange::base::OrderId;
use grange::model::{Grant, Server};
use grange::service::lookup;
use grange::wire::agent::MessageBody;

/// The one that goes or is gone, else the one that came last.
fn last(site: &Site) -> Server {
    let mut all = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    all.sort_by_key(|server| (server.terminate_reason.is_some(), server.index));
    all.pop().expect("a server")
}

fn hello(site: &mut Site, version: &str, ready: bool) {
    let (version, capabilities) = (version.to_owned(), vec!["leave".to_owned()]);
    let body = MessageBody::Hello { version, capabilities, ready, epoch: 1 };
    site.say(last(site).id, body);
}

const HELLO: super::Do = Outside(|site| hello(site, "0.2.0", true));
const HELLO_UNREADY: super::Do = Outside(|site| hello(site, "0.2.0", false));
const READY: super::Do = Outside(|site| {
    let detail = "port 80 answers".into();
    site.say(last(site).id, MessageBody::Ready { ready: true, detail });
});
const UNREADY: super::Do = Outside(|site| {
    let detail = "port 80: connection refused".into();
    site.say(last(site).id, MessageBody::Ready { ready: false, detail });
});
const NO_ORDER: super::Do = Outside(|site| {
    let (order, error, output) = (OrderId(99), None, "x".into());
    site.say(last(site).id, MessageBody::Result { order, error, exit_code: 0, output, ran: None });
});
const BYE: super::Do = Outside(|site| site.say(last(site).id, MessageBody::Bye));

/// Every case.
pub const AGENTS: &[Case] = &[
    (
        "of one that runs",
        &[HELLO, HELLO, HELLO_UNREADY, HELLO, UNREADY, UNREADY, READY, NO_ORDER, BYE],
    ),
    (
        "of one that is launched",
        &[
            Act("mute"),
            Act("apply 3 4"),
            Act("fail launch unheard"),
            Act("tick"),
            UNREADY,
            HELLO_UNREADY,
            READY,
            UNREADY,
        ],
    ),
    (
        "of one that was launched",
        &[Act("mute"), Act("apply 3 4"), Act("tick"), HELLO_UNREADY, Act("later 5s"), HELLO],
    ),
    (
        "of one that falls asleep",
        &[Act("suspend web-2"), Act("tick"), HELLO_UNREADY, HELLO, UNREADY, READY, Act("later 5s")],
    ),
    (
        "of one that falls asleep before it ever ran",
        &[
            Act("mute"),
            Act("apply 3 4"),
            Act("tick"),
            Act("suspend farm"),
            HELLO_UNREADY,
            UNREADY,
            READY,
            Told("tick"),
        ],
    ),
    (
        "of one that falls asleep, and ran by its word alone",
        &[
            Act("mute"),
            Act("apply 3 4"),
            Act("tick"),
            Act("suspend farm"),
            Act("fail suspend lost"),
            Act("tick"),
            HELLO_UNREADY,
            HELLO,
            UNREADY,
        ],
    ),
    (
        "of one that wakes",
        &[
            Act("suspend web-2"),
            Act("settle"),
            Act("mute"),
            Act("resume web-2"),
            Act("tick"),
            HELLO_UNREADY,
            UNREADY,
            READY,
        ],
    ),
    (
        "of one that reboots",
        &[Act("reboot web-2"), Act("tick"), UNREADY, HELLO_UNREADY, HELLO, READY],
    ),
    (
        "of one that is to go",
        &[Act("terminate web-2"), Act("tick"), Told("idle web-2"), HELLO, UNREADY, BYE],
    ),
    ("of one that is done", &[Act("terminate web-2"), Act("settle"), READY]),
];
