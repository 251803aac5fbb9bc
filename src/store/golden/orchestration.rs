//! Of what people run on many servers.

use super::{AT, ENV, check};
use crate::base::{Bytes, OrderId, RunId, RunServerId, ServerId};
use crate::model::*;

/// The bytes of server 3 in run 2 up to its order.
fn part_bytes(rest: &str) -> String {
    format!("01010200000000000000000000000000000003016e{rest}")
}

#[test]
fn what_people_run_on_many() {
    let run = Run {
        id: RunId(1),
        env: ENV,
        what: "a".to_owned(),
        command: vec!["b".to_owned()],
        timeout_ms: 2,
        parallel: 3,
        canary: 4,
        by: "c".to_owned(),
        at: AT,
        ended_at: Some(AT),
        cancel: Some(Cancel { by: "d".to_owned(), at: AT }),
        count: RunCount { servers: 5, open: 6, succeeded: 7, failed: 8, skipped: 9 },
    };
    check(&run, "010101610101620203040163fbd00701fbd007010164fbd0070506070809");
    let ran = Ran {
        ended_by: EndedBy::Cancel,
        stdout: Printed { head: Bytes(vec![1]), left_out: 2, tail: Bytes(vec![3]) },
        stderr: Printed::default(),
    };
    let part = |order: Option<OrderId>, state: RunServerState| RunServer {
        id: RunServerId(1),
        env: ENV,
        run: RunId(2),
        server: ServerId(3),
        name: "n".to_owned(),
        order,
        state,
    };
    check(&part(None, RunServerState::Waiting), &part_bytes("0000"));
    check(&part(Some(OrderId(4)), RunServerState::Open), &part_bytes("010401"));
    let ended = RunServerState::Ended { exit_code: -1, ran };
    check(&part(Some(OrderId(4)), ended), &part_bytes("01040201020101020103000000"));
    check(&part(None, RunServerState::Failed("w".to_owned())), &part_bytes("00030177"));
    check(&part(None, RunServerState::Skipped("w".to_owned())), &part_bytes("00040177"));
}
