//! Every way in × every reason to refuse: a certificate, an enrolment, a bearer token, a process of
//! this machine.

use crate::explain::site::{Site, now};
use grange::base::hash::sha256;
use grange::base::{Name, Problem, ServerId, UserId};
use grange::broker::{Admission, Refusal};
use grange::model::{Cause, Door, Grant, Permission, Server, ServerStatus, User};
use grange::net::tls::DeviceKey;
use grange::pki::request_key_digest;
use grange::service::agents::Doorway;
use grange::service::{access, lookup};
use grange::store::{Author, Purpose, Tx};
use grange::wire::input::TokenInput;

/// A farm with two servers, whose enrolment tokens are `token of 1` and `token of 2`.
struct Gate {
    site: Site,
    doorway: Doorway,
    first: ServerId,
    second: ServerId,
}

struct Request {
    csr: String,
    digest: [u8; 32],
}

fn request() -> Request {
    let csr = DeviceKey::generate().unwrap().request_pem().unwrap();
    Request { digest: request_key_digest(&csr).unwrap(), csr }
}

fn write(site: &Site, change: impl FnOnce(&mut Tx<'_>) -> Result<(), Problem> + Send + 'static) {
    let author = Author::new(&Grant::job("test"), "test", Cause::Clock, Purpose::Growth);
    site.service.write(author, change).unwrap();
}

impl Gate {
    fn new() -> Gate {
        let mut site = Site::new();
        site.act("mute");
        site.act("apply 2 2");
        site.act("settle");
        let servers = site.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
        let (first, second) = (servers[0].id, servers[1].id);
        let doorway = Doorway::new(site.service.clone());
        let gate = Gate { site, doorway, first, second };
        for (id, token) in [(first, "token of 1"), (second, "token of 2")] {
            let digest = Some(sha256(token.as_bytes()));
            gate.change(id, move |server| server.enrolment_digest = digest);
        }
        gate
    }

    fn change(&self, id: ServerId, edit: impl FnOnce(&mut Server) + Send + 'static) {
        write(&self.site, move |tx| {
            let mut server = lookup::server(tx, id)?.expect("it is there");
            edit(&mut server);
            tx.put(&server)?;
            Ok(())
        });
    }

    fn enrol(&self, server: ServerId, token: &str, csr: &str) -> Result<String, String> {
        said(now(self.doorway.enrol(server, token.into(), csr.into())))
    }

    fn admit(&self, server: ServerId, digest: [u8; 32]) -> Result<(), String> {
        said(now(self.doorway.admit(server, digest)))
    }
}

/// The reason of a refusal for good; one for now is none that these tests mean.
fn said<T>(answer: Result<T, Refusal>) -> Result<T, String> {
    answer.map_err(|refusal| match refusal {
        Refusal::Never(why) => why,
        Refusal::Later(why) => panic!("refused for now: {why}"),
    })
}

fn refused<T: std::fmt::Debug>(case: &str, answer: Result<T, String>, expected: &str) {
    let why = answer.expect_err(case);
    assert!(why.contains(expected), "{case}: {why}");
}

#[test]
fn enrolment_takes_the_servers_own_token_once_for_one_key() {
    let gate = Gate::new();
    let (key, other) = (request(), request());
    let stranger = ServerId(1);
    let cases = [
        ("no such server", stranger, "token of 1", &key.csr[..], "no such server"),
        ("any token", gate.first, "anything", &key.csr, "not this server's"),
        ("no token", gate.first, "", &key.csr, "not this server's"),
        ("another server's token", gate.first, "token of 2", &key.csr, "not this server's"),
        ("a token cut short", gate.first, "token of ", &key.csr, "not this server's"),
        ("no request", gate.first, "token of 1", "nonsense", ""),
    ];
    for (case, server, token, csr, expected) in cases {
        refused(case, gate.enrol(server, token, csr), expected);
        refused(case, gate.admit(gate.first, key.digest), "not the one it enrolled");
    }
    let chain = gate.enrol(gate.first, "token of 1", &key.csr).unwrap();
    assert!(chain.contains("BEGIN CERTIFICATE"), "{chain}");
    gate.enrol(gate.first, "token of 1", &key.csr).expect("a lost answer locks nobody out");
    let used = gate.enrol(gate.first, "token of 1", &other.csr);
    refused("the token with another key", used, "used with another key");

    gate.change(gate.second, |server| server.enrolment_digest = None);
    let none = gate.enrol(gate.second, "token of 2", &other.csr);
    refused("a server without a token", none, "not this server's");
    gate.change(gate.first, |server| server.status = ServerStatus::Terminated);
    let ended = gate.enrol(gate.first, "token of 1", &key.csr);
    refused("a terminated server", ended, "terminated");
}

#[test]
fn a_certificate_lets_in_the_server_that_enrolled_with_it_until_it_is_terminated() {
    let gate = Gate::new();
    let (key, other) = (request(), request());
    refused("never enrolled", gate.admit(gate.first, key.digest), "not the one it enrolled");
    gate.enrol(gate.first, "token of 1", &key.csr).unwrap();
    gate.enrol(gate.second, "token of 2", &other.csr).unwrap();
    refused("no such server", gate.admit(ServerId(1), key.digest), "no such server");
    refused("another's", gate.admit(gate.first, other.digest), "not the one it enrolled");
    let mut last = key.digest;
    last[31] ^= 1;
    refused("one bit beside", gate.admit(gate.first, last), "not the one it enrolled");

    for status in ServerStatus::ALL {
        gate.change(gate.first, move |server| server.status = status);
        let answer = gate.admit(gate.first, key.digest);
        match status {
            ServerStatus::Terminated => refused("terminated", answer, "terminated"),
            _ => assert_eq!(answer, Ok(()), "{status:?}"),
        }
    }
    assert_eq!(gate.admit(gate.second, other.digest), Ok(()), "the other is not touched");
}

#[test]
fn a_token_is_its_users_until_the_moment_it_ends() {
    let site = Site::new();
    let service = &site.service;
    let admin = access::of_unix(service, 0, &[]).expect("root is its administrator");
    let make = |expires_in_ms| {
        let input = TokenInput { description: "for a test".into(), expires_in_ms };
        let made = access::create_token(service, &admin, &input).unwrap();
        made.token.reveal().to_owned()
    };
    let (short, long) = (make(Some(60_000)), make(Some(120_000)));
    let of = |text: &str| access::of_token(service, text);
    let came = of(&short).expect("it has not ended");
    assert_eq!((came.user, came.door), (admin.user, Door::Https));
    assert_eq!(came.permissions, admin.permissions);
    assert!(!came.may(Permission::Operate), "no person does what only jobs may");
    for text in ["", "nonsense", &short[1..], &short.to_uppercase()] {
        assert_eq!(of(text), None, "{text:?}");
    }
    site.clock.advance(59_999);
    assert!(of(&short).is_some(), "one moment before its end");
    site.clock.advance(1);
    assert_eq!(of(&short), None, "at its end");
    assert!(of(&long).is_some());
    site.clock.advance(86_400_000);
    assert_eq!((of(&short), of(&long)), (None, None));
}

#[test]
fn a_process_is_who_a_user_record_says_or_root_or_nobody() {
    let site = Site::new();
    let reader = vec![Permission::FarmsRead];
    let permissions = reader.clone();
    write(&site, move |tx| {
        let name = Name::new("reader").expect("a name");
        let (id, unix_ids) = (tx.next_id()?, vec![1000, 1001]);
        tx.put(&User { id, name, permissions, unix_ids, created_at: Default::default() })?;
        Ok(())
    });
    let of = |uid, administrators: &[u32]| access::of_unix(&site.service, uid, administrators);
    for (uid, administrators) in [(0, &[][..]), (0, &[33]), (33, &[33]), (34, &[33, 34])] {
        let came = of(uid, administrators).expect("an administrator");
        assert_eq!((came.user, came.door), (UserId(1), Door::Socket), "{uid}");
        assert_eq!(came.permissions, Permission::for_admin(), "{uid}");
    }
    for uid in [1000, 1001] {
        let came = of(uid, &[]).expect("a user");
        assert_eq!((came.name.as_str(), &came.permissions), ("reader", &reader));
        let listed = of(uid, &[uid]).expect("a user");
        assert_eq!(listed.permissions, reader, "a record says more than a list");
    }
    for (uid, administrators) in [(33, &[][..]), (34, &[33]), (1002, &[]), (65_534, &[])] {
        assert_eq!(of(uid, administrators), None, "{uid} of {administrators:?}");
    }
}
