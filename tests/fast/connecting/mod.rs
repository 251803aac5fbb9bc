//! Every way a connection to the appliance can fail, over real sockets and handshakes: each has a
//! sentence of its own that says what to do, and the exit code of its kind.

use grange::base::{Clock, Timestamp, WallClock};
use grange::client::{Client, Error, https, socket};
use grange::net::tls::{Identity, Serving, accept, agents_port, api_port};
use grange::pki::{Authority, server_identity};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const DAY: u64 = 86_400_000;

/// A directory of this test's own, removed when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let name = format!("grange-connecting-{}", grange::base::random::fresh_seed());
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Who answers one connection.
enum Answers {
    /// The API's port, with a certificate made at that time, for these names.
    Api(Timestamp, &'static [&'static str]),
    /// The agents' port.
    Agents,
    /// These bytes after the first that come, and the end.
    Bytes(&'static [u8]),
    /// Nothing, for as long as somebody waits.
    Nothing,
}

fn now() -> Timestamp {
    WallClock::new().now()
}

/// What one question to whoever answers there comes to; `ca` is another authority's or their own.
fn ask(answers: Answers, own_authority: bool) -> Error {
    let (keys, other) = (Scratch::new(), Scratch::new());
    let authority = Authority::open(&keys.0, now()).unwrap();
    let another = Authority::open(&other.0, now()).unwrap();
    let pem = if own_authority { &authority } else { &another }.certificate_pem().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = match &answers {
        Answers::Api(made, names) => {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = server_identity(&authority, &keys.0, &names, *made).unwrap();
            let identity = Identity::from_pem(&made.chain_pem, &made.key_pem).unwrap();
            Some(api_port(Serving::new(identity)).unwrap())
        }
        Answers::Agents => {
            let names = ["127.0.0.1".to_owned()];
            let made = server_identity(&authority, &keys.0, &names, now()).unwrap();
            let identity = Identity::from_pem(&made.chain_pem, &made.key_pem).unwrap();
            let mut config = (*agents_port(Serving::new(identity), authority.certificate_pem())
                .unwrap())
            .clone();
            config.alpn_protocols.retain(|name| name != b"http/1.1");
            Some(Arc::new(config))
        }
        Answers::Bytes(_) | Answers::Nothing => None,
    };
    let silent = matches!(answers, Answers::Nothing);
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        match (config, answers) {
            (Some(config), _) => {
                stream.set_nonblocking(true).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
                    drop(accept(&config, stream).await);
                });
            }
            (None, Answers::Bytes(bytes)) => {
                let mut some = [0u8; 4096];
                assert!(stream.read(&mut some).unwrap() > 0);
                stream.write_all(bytes).unwrap();
            }
            (None, _) => {
                // Until whoever waits gives up.
                let mut all = Vec::new();
                drop(stream.read_to_end(&mut all));
            }
        }
    });
    let patience = Duration::from_secs(match silent {
        true => 2,
        false => 20,
    });
    let transport = https(&format!("https://127.0.0.1:{port}"), Some(&pem)).unwrap();
    let error = Client::new(Arc::new(transport)).with_deadline(patience).status().unwrap_err();
    serving.join().unwrap();
    error
}

#[track_caller]
fn check(error: &Error, says: &str, exit_code: u8) {
    let text = error.to_string();
    assert!(text.contains(says), "{text}\n{says}");
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(error.exit_code(), exit_code, "{text}");
}

#[test]
fn each_fault_of_a_certificate_has_its_sentence() {
    let here: &[&str] = &["127.0.0.1"];
    let old = ask(Answers::Api(now().before(800 * DAY), here), true);
    check(&old, ": its certificate expired at 20", 1);
    let early = ask(Answers::Api(now().after(20 * DAY), here), true);
    check(&early, ": its certificate is not valid before 20", 1);
    let named = ask(Answers::Api(now(), &["grange.test", "10.9.8.7"]), true);
    check(&named, ": its certificate has another name: it is for 10.9.8.7, grange.test", 1);
    let foreign = ask(Answers::Api(now(), here), false);
    check(&foreign, ": its certificate is not by the authority that was given", 1);
}

#[test]
fn who_is_not_the_api_is_told_apart() {
    let plain = ask(Answers::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), true);
    check(&plain, ": it does not speak TLS: plain HTTP or another service has that port", 1);
    check(&ask(Answers::Bytes(b"SSH-2.0-x\r\n"), true), ": it does not speak TLS", 1);
    check(&ask(Answers::Agents, true), ": it speaks TLS, and not HTTP", 1);
    let closed = ask(Answers::Bytes(b""), true);
    check(&closed, ": it closed the connection before TLS was agreed on", 6);
    check(&ask(Answers::Nothing, true), " did not answer within 2 s", 6);
}

#[test]
fn where_nobody_is_is_said() {
    let keys = Scratch::new();
    let pem = Authority::open(&keys.0, now()).unwrap().certificate_pem().to_owned();
    let ask = |url: &str| {
        let transport = https(url, Some(&pem)).unwrap();
        Client::new(Arc::new(transport)).with_deadline(Duration::from_secs(20)).status()
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = ask(&format!("https://127.0.0.1:{free}")).unwrap_err();
    check(&refused, ": nobody listens there (", 6);
    let unknown = ask("https://nobody.invalid:7443").unwrap_err();
    check(&unknown, ": no machine is known by the name nobody.invalid (", 6);
    let plain = https("http://127.0.0.1:7443", Some(&pem)).map(|_| ()).unwrap_err();
    check(&plain, "must begin with https://: nobody speaks plain HTTP with the API", 2);
    let nothing = Client::new(Arc::new(socket(keys.0.join("api.sock")))).status().unwrap_err();
    check(&nothing, ": no such socket, so no appliance listens there (", 6);
    let left = keys.0.join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let stale = Client::new(Arc::new(socket(left))).status().unwrap_err();
    check(&stale, ": nobody listens there (", 6);
}

/// One question over a unix socket to somebody who answers these bytes.
fn answered(bytes: &'static [u8]) -> Error {
    let dir = Scratch::new();
    std::fs::create_dir_all(&dir.0).unwrap();
    let path = dir.0.join("api.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut some = [0u8; 4096];
        assert!(stream.read(&mut some).unwrap() > 0);
        stream.write_all(bytes).unwrap();
    });
    let error = Client::new(Arc::new(socket(path))).status().unwrap_err();
    serving.join().unwrap();
    error
}

#[test]
fn answers_that_are_none_of_ours_are_said_by_kind() {
    let proxy = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    check(&answered(proxy), "it does not reach the appliance (HTTP status 502)", 6);
    let moved = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n";
    check(&answered(moved), "HTTP status 301, another address: say the appliance's own", 1);
    let page = b"HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\n<p>";
    check(&answered(page), "HTTP status 404 without an explanation: is this the Grange API?", 1);
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{";
    check(&answered(cut), ": it closed the connection before its answer was whole", 6);
    check(&answered(b"hello\r\n\r\n"), "not an answer of the Grange API: no HTTP status line", 1);
}
