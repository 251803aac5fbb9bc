//! The API from outside, over a real socket: scenarios as text, and what text cannot say.
//!
//! A scenario file is a list of exchanges with one house, in order, separated by empty lines:
//! the request line (a path that does not begin with `/api` or is not `/` is below the user
//! service of environment 1), headers, body lines after `| `, the expected status, and then what
//! the answer (head and body) must contain (`has`) and must not (`lacks`). A line that begins with
//! `- ` is something that happens first ([`deeds`]); `{shop/web-1}` is the id of that server. What
//! an answer has in a text field is kept by `keep`, for a later exchange to say as `{field}`.

mod agents;
mod deeds;
pub mod house;
mod past;
pub mod world;

use grange::api::Limits;
use grange::base::{FarmId, Seq};
use grange::service::farms;
use grange::wire::input::FarmInput;
use house::{House, PATIENCE};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Exchange {
    deeds: Vec<String>,
    request: String,
    headers: Vec<String>,
    body: String,
    status: String,
    has: Vec<String>,
    lacks: Vec<String>,
    keep: Option<String>,
}

fn parse(block: &str) -> Exchange {
    let mut exchange = Exchange::default();
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        if let Some(deed) = line.strip_prefix("- ") {
            exchange.deeds.push(deed.to_owned());
        } else if exchange.request.is_empty() {
            exchange.request = line.to_owned();
        } else if let Some(text) = line.strip_prefix("| ") {
            exchange.body.push_str(text);
            exchange.body.push('\n');
        } else if let Some(text) = line.strip_prefix("has ") {
            exchange.has.push(text.to_owned());
        } else if let Some(text) = line.strip_prefix("lacks ") {
            exchange.lacks.push(text.to_owned());
        } else if let Some(field) = line.strip_prefix("keep ") {
            exchange.keep = Some(field.to_owned());
        } else if line.contains(": ") {
            exchange.headers.push(line.to_owned());
        } else {
            exchange.status = line.to_owned();
        }
    }
    exchange
}

/// Has every exchange of a scenario; those that go wrong are told together.
fn check(house: &House, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/scenarios");
    let scenario = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let blocks = scenario.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    let mut kept = BTreeMap::new();
    let had = blocks.map(|block| exchange(house, block, &mut kept));
    let wrong: Vec<String> = had.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} are wrong in {name}\n\n{}", wrong.len(), wrong.join("\n\n\n"));
}

/// Has one exchange; what is wrong with its answer.
fn exchange(house: &House, block: &str, kept: &mut BTreeMap<String, String>) -> Result<(), String> {
    let filled = kept.iter().fold(block.to_owned(), |text, (field, value)| {
        text.replace(&format!("{{{field}}}"), value)
    });
    let exchange = parse(&house.named(&filled));
    exchange.deeds.iter().for_each(|deed| house.act(deed));
    let Some((method, path)) = exchange.request.split_once(' ') else { return Ok(()) };
    let whole = path == "/" || path.starts_with("/api");
    let path = if whole { path.to_owned() } else { format!("/api/v1beta0/user/1{path}") };
    let answer = house.ask(method, &path, &exchange.headers, &exchange.body);
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let mut faults = Vec::new();
    if status != exchange.status {
        faults.push(format!("status {status}"));
    }
    let missing = exchange.has.iter().filter(|text| !answer.contains(*text));
    faults.extend(missing.map(|text| format!("no {text}")));
    let there = exchange.lacks.iter().filter(|text| answer.contains(*text));
    faults.extend(there.map(|text| format!("there is {text}")));
    if let Some(field) = exchange.keep {
        let begin = format!("\"{field}\":\"");
        // As it stands in the answer, so that it can stand in a body.
        let value = answer.split_once(&begin).and_then(|(_, rest)| rest.split_once("\",\""));
        let value = value.map(|(value, _)| value.to_owned());
        kept.insert(field, value.unwrap_or_default());
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\n\n{block}\n\n{answer}", faults.join("\n"))),
    }
}

#[test]
fn farms() {
    check(&House::open(true, Limits::default()), "farms");
}

#[test]
fn servers() {
    check(&House::open(true, Limits::default()), "servers");
}

#[test]
fn the_house() {
    check(&House::searching(), "house");
}

#[test]
fn a_journal_that_cannot_be_searched() {
    check(&House::open(true, Limits::default()), "unsearched");
}

#[test]
fn cloud_accounts() {
    check(&House::open(true, Limits::default()), "accounts");
}

#[test]
fn volumes() {
    check(&House::open(true, Limits::default()), "volumes");
}

#[test]
fn variables() {
    check(&House::open(true, Limits::default()), "variables");
}

#[test]
fn notes() {
    check(&House::open(true, Limits::default()), "notes");
}

#[test]
fn holds() {
    check(&House::open(true, Limits::default()), "holds");
}

#[test]
fn rollouts() {
    check(&House::open(true, Limits::default()), "rollouts");
}

#[test]
fn who_is_asking() {
    check(&House::open(false, Limits::default()), "nobody");
}

#[test]
fn who_may_only_look() {
    check(&House::open(true, Limits::default()), "rights");
}

#[test]
fn what_is_not_there() {
    check(&House::open(true, Limits::default()), "nothing");
}

#[test]
fn bad_input() {
    let limits = Limits { body_bytes: 4096, ..Limits::default() };
    check(&House::open(true, limits), "bad_input");
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let house = House::open(true, Limits { body_bytes: 1000, ..Limits::default() });
    let path = "/api/v1beta0/user/1/grange/manifests/";
    let answer = house.ask("POST", path, &[], &"x".repeat(100_000));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("the body has more than 1000 bytes"), "{answer}");
    let mut chunked = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    chunked.push_str("Transfer-Encoding: chunked\r\n\r\n");
    (0..8).for_each(|_| chunked.push_str(&format!("100\r\n{}\r\n", "x".repeat(256))));
    let answer = house.raw(chunked.as_bytes());
    assert!(answer.contains("the body has more than 1000 bytes"), "{answer}");
}

#[test]
fn half_a_request_is_dropped_at_the_deadline() {
    let house = House::open(true, Limits { handshake: 200, ..Limits::default() });
    for half in ["", "GET /api/v1beta0/user/1/farms/ HT", "GET / HTTP/1.1\r\nHost: x\r\nX-A: "] {
        let answer = house.raw(half.as_bytes());
        assert!(!answer.contains(" 200 "), "{half}: {answer}");
    }
    let half =
        "POST /api/v1beta0/user/1/farms/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"na";
    let answer = house.raw(half.as_bytes());
    assert!(answer.contains("the body did not arrive in time"), "{answer}");
}

#[test]
fn in_a_full_house_the_idle_one_gives_way() {
    let house = House::open(true, Limits { connections_each: 1, ..Limits::default() });
    let mut first = UnixStream::connect(house.socket()).unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut head = [0u8; 15];
    first.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let mut second = UnixStream::connect(house.socket()).unwrap();
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    second.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    // The first one is gone, with whatever of its answer was not read yet.
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).unwrap();
    assert_eq!(first.read(&mut [0; 1]).unwrap(), 0);
}

/// Sends a request and leaves it open.
fn begin(house: &House, request: &str) -> UnixStream {
    let mut stream = UnixStream::connect(house.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn one_user_waits_for_events_only_so_often() {
    let limits = Limits { event_waits_each: 2, ..Limits::default() };
    let house = House::open(true, limits);
    let last = house.service().store.last_seq();
    let path = format!("/api/v1beta0/user/1/grange/events/?after={last}&waitMs=25000");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _waiting = [begin(&house, &request), begin(&house, &request)];
    until_they_wait(&house, 2);
    let answer = house.raw(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("2 requests of this user wait for events already"), "{answer}");
    // Asking without waiting goes on.
    let now = request.replace("&waitMs=25000", "");
    assert!(house.raw(now.as_bytes()).starts_with("HTTP/1.1 200 "));
}

/// What one body may cost: each is refused in a few words, whatever it is made of.
#[test]
fn a_body_costs_no_more_than_its_bytes_and_is_refused_in_a_few_words() {
    let house = House::open(true, Limits::default());
    let path = "/api/v1beta0/user/1/farms/";
    let check = |body: &str, expected: &str| {
        let answer = house.ask("POST", path, &[], body);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{}", &answer[..200.min(answer.len())]);
        assert!(answer.contains(expected), "no {expected}: {}", &answer[..400.min(answer.len())]);
        assert!(answer.len() < 64 * 1024, "{expected}: {} bytes", answer.len());
    };
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("\"field{n}\": {n}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    check(&fields(90_000), "more than 4096 values");
    check(&fields(2_000), "more faults that are not listed");
    check(&format!("[{}]", vec!["0"; 900_000].join(",")), "more than 4096 values");
    check(&"[".repeat(4_000), "not JSON");
    check(&format!("{{\"name\": \"{}\"}}", "x".repeat(1_500_000)), "name");
    check(&format!("{{\"{}\": 1}}", "x".repeat(1_500_000)), "unknown field");
    let many: Vec<String> = (0..1_000).map(|n| format!("p{n}=1")).collect();
    let answer = house.ask("GET", &format!("{path}?{}", many.join("&")), &[], "");
    assert!(answer.contains("more than 64 parameters"), "{answer}");
    let headers: Vec<String> = (0..500).map(|n| format!("X-{n}: y")).collect();
    let answer = house.ask("GET", path, &headers, "");
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn bodies_share_one_room_and_who_finds_none_is_told_to_come_back() {
    let limits = Limits { bodies_bytes: 100 * 1024, ..Limits::default() };
    let house = House::open(true, limits);
    let path = "/api/v1beta0/user/1/farms/";
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 102400\r\n\r\n");
    // It has sent nearly all, and goes on holding that much.
    let _slow = begin(&house, &format!("{head}{}", "x".repeat(100 * 1024 - 1)));
    let until = Instant::now() + PATIENCE;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(50 * 1024));
    loop {
        let answer = house.ask("POST", path, &[], &body);
        if answer.contains("too much is being sent at once") {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            break;
        }
        assert!(Instant::now() < until, "{answer}");
    }
}

#[test]
fn who_waits_for_events_is_woken_by_the_bell_and_by_the_end() {
    let mut house = House::open(true, Limits::default());
    let service = house.service();
    let wait = |after: Seq| {
        let path = format!("/api/v1beta0/user/1/grange/events/?after={after}&waitMs=25000");
        let head = "HTTP/1.1\r\nHost: x\r\nConnection: close";
        begin(&house, &format!("GET {path}&about=shop {head}\r\n\r\n"))
    };
    let read = |mut stream: UnixStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let describe = |farm: u64, description: &str| {
        let description = Some(description.to_owned());
        let input = FarmInput { description, ..FarmInput::default() };
        farms::update(&service, &world::admin(), FarmId(farm), &input, None).unwrap();
    };
    let before = service.store.last_seq();
    let waiting = wait(before);
    until_they_wait(&house, 1);
    describe(2, "not for them");
    describe(1, "it happened");
    let answer = read(waiting);
    assert!(answer.contains("\"about\":\"shop\""), "{answer}");
    assert!(!answer.contains("\"about\":\"blog\""), "{answer}");
    assert!(answer.contains(&format!("\"seq\":{}", before.0 + 2)), "{answer}");
    let waiting = wait(service.store.last_seq());
    until_they_wait(&house, 1);
    house.close();
    let answer = read(waiting);
    assert!(answer.contains("\"data\":[]"), "{answer}");
}

/// Waits until so many requests wait for events.
fn until_they_wait(house: &House, count: usize) {
    let until = Instant::now() + PATIENCE;
    while house.bell.listeners() < count {
        assert!(Instant::now() < until, "nobody waits for events");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn https_asks_for_a_token_and_plain_http_points_there() {
    use grange::api::Listener;
    use grange::base::{Secret, Timestamp};
    use grange::net::tls::{Identity, Serving, api_port};
    let now = Timestamp(world::NOW);
    let (mut tls_port, mut plain_port, mut authority_pem) = (0, 0, String::new());
    let house = House::with(false, Limits::default(), |directory| {
        let authority = grange::pki::Authority::open(directory, now).unwrap();
        let names = ["127.0.0.1".to_owned()];
        let identity = grange::pki::server_identity(&authority, directory, &names, now).unwrap();
        let identity = Identity::from_pem(&identity.chain_pem, &identity.key_pem).unwrap();
        let config = api_port(Serving::new(identity)).unwrap();
        authority_pem = authority.certificate_pem().to_owned();
        let listen = |port: &mut u16| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            *port = listener.local_addr().unwrap().port();
            tokio::net::TcpListener::from_std(listener).unwrap()
        };
        let tls = listen(&mut tls_port);
        vec![Listener::Tls(tls, config), Listener::Redirect(listen(&mut plain_port), tls_port)]
    });
    let url = format!("https://127.0.0.1:{tls_port}");
    let open = |token: Option<&str>| {
        let transport = grange::client::https(&url, Some(&authority_pem)).unwrap();
        let client = grange::client::Client::new(std::sync::Arc::new(transport));
        client.with_token(token.map(Secret::new)).with_deadline(PATIENCE)
    };
    let refused = open(None).whoami().unwrap_err();
    assert_eq!((refused.to_string().as_str(), refused.exit_code()), ("send a bearer token", 4));
    let known = open(Some("good"));
    assert_eq!(known.farms().unwrap().len(), 2);
    let who = known.whoami().unwrap();
    assert_eq!((who.name.as_str(), who.door.as_str()), ("ops", "https"));
    let mut plain = TcpStream::connect(("127.0.0.1", plain_port)).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: close\r\n\r\n";
    plain.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(answer.contains(&format!("location: {url}/a?b=c\r\n")), "{answer}");
    drop(house);
}
