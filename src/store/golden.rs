//! Golden bytes of every record: a shape that changes without its schema number fails here.
//!
//! When one does: if a store with the old shape can exist anywhere, raise the record's `SCHEMA`,
//! let its `decode` read both and keep the old bytes as a second golden. Until the first
//! release none can, and the new bytes are simply put here; the failure prints them.

mod cloud_accounts;
mod images;
mod orchestration;
mod roles;
mod variables;

use super::Record;
use crate::base::hash::hex;
use crate::base::{
    Bytes, EnvironmentId, FarmId, FarmRoleId, HoldId, Name, NoteId, OrderId, PlanId, ProposalId,
    ServerId, StepId, Timestamp, TokenId, UserId, VolumeId,
};
use crate::model::*;
use std::fmt::Debug;

/// The record encodes to these bytes, which decode to it.
fn check<R: Record + Debug>(record: &R, golden: &str) {
    let bytes = record.encode().unwrap();
    assert_eq!(hex(&bytes), golden.replace(char::is_whitespace, ""), "{}", R::TABLE.name());
    assert_eq!(&R::decode(R::SCHEMA, &bytes).unwrap(), record);
    assert!(R::decode(R::SCHEMA + 1, &bytes).is_err(), "a later schema was read");
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(R::decode(R::SCHEMA, &longer).is_err(), "bytes were left over");
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

const ENV: EnvironmentId = EnvironmentId(1);
const AT: Timestamp = Timestamp(1000);

#[test]
fn what_people_declare() {
    let farm = Farm {
        id: FarmId(1),
        env: ENV,
        name: name("shop"),
        description: "d".to_owned(),
        launch_order: LaunchOrder::Sequential,
        goal: FarmGoal::Launched,
        removed: true,
        created_at: AT,
        created_by: UserId(2),
    };
    check(&farm, "01010473686f700164010001fbd00702");
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn ends_before_setup_in_schema_2(server: &Server) {
    let bytes = server.encode().unwrap();
    let before = Server::decode(2, &bytes[..bytes.len() - 3]).unwrap();
    assert_eq!(before, Server { setup_failed: None, ..server.clone() });
}

#[test]
fn a_server() {
    let server = Server {
        id: ServerId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        env: ENV,
        farm: FarmId(1),
        farm_role: FarmRoleId(2),
        index: 3,
        hostname: "web-3".to_owned(),
        account: "onboard".to_owned(),
        location: "here".to_owned(),
        instance_type: "small".to_owned(),
        revision: 4,
        status: ServerStatus::Running,
        cloud_server_id: Some("c".to_owned()),
        private_ips: vec!["10.0.0.3".to_owned()],
        public_ips: Vec::new(),
        launch_reason: LaunchReason::Replacement(ServerId(1)),
        launched_by: UserId(0),
        created_at: AT,
        asked_at: Some(AT),
        running_at: Some(AT),
        status_at: AT,
        terminate_reason: Some(TerminateReason::Crashed),
        terminate_after: None,
        terminate_requested: false,
        reboot_requested: true,
        enrolment_digest: Some([7; 32]),
        agent_key_digest: None,
        agent_version: Some("0.1".to_owned()),
        boot_id: None,
        restarts: 1,
        agent: true,
        zone: Some("a".to_owned()),
        locked: true,
        lock_reason: "w".to_owned(),
        suspend_requested: false,
        parked: false,
        healthy_since: Some(AT),
        reboot_at: None,
        idle_at: None,
        setup_failed: Some("s".to_owned()),
    };
    check(
        &server,
        "0123456789abcdef0123456789abcdef01010203057765622d33076f6e626f617264046865726505
         736d616c6c0403010163010831302e302e302e3300020000000000000000000000000000000100fb
         d00701fbd00701fbd007fbd007010400000101070707070707070707070707070707070707070707
         0707070707070707070707000103302e31000101010161010177000001fbd0070000010173",
    );
    ends_before_setup_in_schema_2(&server);
}

#[test]
fn steps_of_servers() {
    let step = Step {
        id: StepId(9),
        env: ENV,
        plan: PlanId(8),
        farm: FarmId(1),
        farm_role: FarmRoleId(2),
        server: ServerId(1),
        kind: StepKind::Launch,
        status: StepStatus::Begun,
        not_before: AT,
        begun_at: Some(AT),
        deadline: Some(Timestamp(61_000)),
        ended_at: None,
        attempts: 1,
        message: "m".to_owned(),
    };
    check(
        &step,
        "0901080102000000000000000000000000000000010001fbd00701fbd00701fc90dc01000001016d",
    );
}

#[test]
fn plans() {
    let owed = vec![Replacement { index: 3, server: ServerId(1), rollout: true }];
    let plan = Plan {
        id: PlanId(8),
        env: ENV,
        farm: FarmId(1),
        parent: Some(PlanId(7)),
        at: AT,
        targets: vec![RoleTarget {
            owed,
            rollout: Some(Rollout {
                from: 4,
                to: 5,
                began_at: AT,
                state: RolloutState::Rolling,
                since: AT,
                failed: 0,
                checkpoint: 1,
                said: 2,
                starting: vec![ServerId(1)],
                maintenance: true,
            }),
            before_losses: Some(4),
            ..RoleTarget::new(FarmRoleId(2), 3)
        }],
        moves: vec![
            Move::Launch {
                server: ServerId(2),
                farm_role: FarmRoleId(2),
                index: 3,
                revision: 5,
                zone: Some("a".to_owned()),
                reason: LaunchReason::ScalingUp,
            },
            Move::Cancel { server: ServerId(1) },
        ],
        report: vec![Line {
            farm_role: None,
            about: "shop".to_owned(),
            server: None,
            decision: Decision::Wait(Wait::AtMax { max: 6 }),
        }],
        freeze: Some("f".to_owned()),
        cold_start: None,
    };
    check(
        &plan,
        "0801010107fbd007010203000000000001030000000000000000000000000000000101010405fbd0
         0700fbd0070001020100000000000000000000000000000001010104020000000000000000000000
         00000000000202030501016101030000000000000000000000000000000101000473686f70000501
         0601016600",
    );
    check(&super::CurrentPlan { farm: FarmId(1), plan: PlanId(300) }, "01fb2c01");
}

#[test]
fn orders_of_every_kind() {
    let order = |body| Order {
        id: OrderId(1),
        env: ENV,
        server: ServerId(1),
        body,
        at: AT,
        deadline: AT,
        state: OrderState::Done { exit_code: -1, output: "o".to_owned() },
        cancel: None,
    };
    check(
        &order(OrderBody::Ping),
        "0101000000000000000000000000000000010d7b22646f223a2270696e67227dfbd007fbd0070101
         016f00",
    );
    check(
        &order(OrderBody::Run { command: vec!["id".to_owned()], timeout_ms: 5, apart: true }),
        "010100000000000000000000000000000001387b22646f223a2272756e222c22636f6d6d616e6422
         3a5b226964225d2c2274696d656f75744d73223a352c226170617274223a747275657dfbd007fbd0
         070101016f00",
    );
    let printed = |head: &[u8], left_out, tail: &[u8]| Printed {
        head: Bytes(head.to_vec()),
        left_out,
        tail: Bytes(tail.to_vec()),
    };
    let ran = Ran {
        ended_by: EndedBy::Cancel,
        stdout: printed(&[0, 255], 300, b"t"),
        stderr: printed(b"", 0, b""),
    };
    let ended = Order {
        state: OrderState::Ran { exit_code: 143, ran },
        cancel: Some(Cancel { by: "admin".to_owned(), at: AT }),
        ..order(OrderBody::Cancel { order: OrderId(7) })
    };
    check(
        &ended,
        "010100000000000000000000000000000001197b22646f223a2263616e63656c222c226f72646572
         223a377dfbd007fbd00705fb1e01020200fffb2c010174000000010561646d696efbd007",
    );
    // As schema 1 has it, without who cancelled it; a command that was ordered then is not apart.
    let old = "0101000000000000000000000000000000012b7b22646f223a2272756e222c22636f6d6d616e6422
               3a5b226964225d2c2274696d656f75744d73223a357dfbd007fbd0070101016f";
    let run = OrderBody::Run { command: vec!["id".to_owned()], timeout_ms: 5, apart: false };
    assert_eq!(Order::decode(1, &unhex(old)).unwrap(), order(run));
    for body in [OrderBody::Reboot, OrderBody::Stop] {
        let record = order(body);
        assert_eq!(Order::decode(Order::SCHEMA, &record.encode().unwrap()).unwrap(), record);
    }
    let file = order(OrderBody::WriteFile {
        path: "/p".to_owned(),
        content: "c".to_owned(),
        check: Vec::new(),
        reload: Vec::new(),
        generation: 2,
    });
    assert_eq!(Order::decode(Order::SCHEMA, &file.encode().unwrap()).unwrap(), file);
    let told = Some("a:1".to_owned());
    let cursor = AgentCursor { server: ServerId(1), boot: "b".to_owned(), seq: 300, told };
    check(&cursor, "000000000000000000000000000000010162fb2c010103613a31");
    let old = unhex("000000000000000000000000000000010162fb2c01");
    assert_eq!(AgentCursor::decode(1, &old).unwrap(), AgentCursor { told: None, ..cursor });
}

#[test]
fn people_and_the_installation() {
    let user = User {
        id: UserId(1),
        name: name("admin"),
        permissions: vec![Permission::FarmsRead, Permission::Operate],
        unix_ids: vec![0, 1000],
        created_at: AT,
    };
    check(&user, "010561646d696e0200070200fbe803fbd007");
    let token = Token {
        id: TokenId(1),
        user: UserId(1),
        digest: [9; 32],
        description: "t".to_owned(),
        created_at: AT,
        expires_at: None,
    };
    check(
        &token,
        "010109090909090909090909090909090909090909090909090909090909090909090174fbd00700",
    );
    let install = Install {
        id: "i".to_owned(),
        epoch: 1,
        seed: u64::MAX,
        created_at: AT,
        authority: "f".to_owned(),
        sealing_key: Some(SealingKeyId([9; 8])),
    };
    check(&install, "016901fdfffffffffffffffffbd0070166010909090909090909");
    let applied = Some(Applied { at: AT, by: "b".to_owned() });
    let proposal = Proposal {
        id: ProposalId(7),
        env: ENV,
        farm: name("shop"),
        digest: [9; 32],
        made_by: "a".to_owned(),
        made_at: AT,
        expires_at: AT,
        applied,
    };
    check(
        &proposal,
        "07010473686f700909090909090909090909090909090909090909090909090909090909090909
         0161fbd007fbd00701fbd0070162",
    );
    check(&Alert { key: "k".to_owned(), text: "t".to_owned(), since: AT }, "016b0174fbd007");
}

#[test]
fn what_stops_automation() {
    let hold = Hold {
        id: HoldId(1),
        env: ENV,
        farm: FarmId(1),
        farm_role: Some(FarmRoleId(2)),
        kind: HoldKind::Scale,
        reason: "r".to_owned(),
        by: UserId(1),
        at: AT,
        until: Some(AT),
    };
    check(&hold, "010101010203017201fbd00701fbd007");
    let breaker = Breaker {
        account: "onboard".to_owned(),
        failures: 3,
        reason: "r".to_owned(),
        since: AT,
        open_until: Some(AT),
        trial: Some(StepId(9)),
        farm_roles: vec![FarmRoleId(2)],
        cause: BreakerCause::Credentials,
    };
    check(&breaker, "076f6e626f617264030172fbd00701fbd0070109010202");
    let old = unhex("076f6e626f617264030172fbd00701fbd00701090102");
    let failed = Breaker { cause: BreakerCause::Failures, ..breaker };
    assert_eq!(Breaker::decode(1, &old).unwrap(), failed);
}

#[test]
fn what_people_leave_on_things() {
    let note = Note {
        id: NoteId(1),
        env: ENV,
        farm: FarmId(1),
        farm_role: Some(FarmRoleId(2)),
        server: Some(ServerId(3)),
        text: "t".to_owned(),
        by: UserId(1),
        at: AT,
    };
    check(&note, "01010101020100000000000000000000000000000003017401fbd007");
}

#[test]
fn what_servers_leave_behind() {
    let owner = VolumeOwner {
        farm_role: FarmRoleId(2),
        farm: name("shop"),
        alias: name("db"),
        index: 3,
        mount_point: "/d".to_owned(),
    };
    let volume = Volume {
        id: VolumeId(1),
        env: ENV,
        owner: Some(owner),
        account: "onboard".to_owned(),
        location: "here".to_owned(),
        zone: Some("a".to_owned()),
        cloud_volume_id: "vol-1-3e8".to_owned(),
        size_bytes: 1 << 20,
        created_at: AT,
        seen_at: Some(AT),
        delete_requested: true,
    };
    check(
        &volume,
        "010101020473686f7002646203022f64076f6e626f617264046865726501016109766f6c2d312d33653\
         8fc00001000fbd00701fbd00701",
    );
}
