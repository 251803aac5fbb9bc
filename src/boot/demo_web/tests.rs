//! The demo server over real sockets on loopback: pages, kept connections, a graceful end.

use super::*;
use crate::boot::demo_load::{Failure, Load, run};
use std::io::Read;

fn start() -> DemoWeb {
    DemoWeb::start("127.0.0.1:0".parse().unwrap(), "web-1").unwrap()
}

fn connect(server: &DemoWeb) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends bytes and reads until the server closes.
fn exchange(server: &DemoWeb, request: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn pages_answer() {
    let server = start();
    let check = |request: &str, status: &str, text: &str| {
        let answer = exchange(&server, &format!("{request}\r\nconnection: close\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{text}")), "{request}: {answer}");
    };
    check("GET / HTTP/1.1", "200 OK", "web-1: hello from a Grange demo server\n");
    check("HEAD / HTTP/1.1", "200 OK", "");
    check("GET /healthz HTTP/1.1", "200 OK", "well\n");
    check("GET /x HTTP/1.1", "404 Not Found", "web-1: no such page\n");
    check("DELETE / HTTP/1.1", "405 Method Not Allowed", "DELETE is not for here\n");
    check("GET / HTTP/2", "400 Bad Request", "not a request that is understood here\n");
    let how = "say how long: /burn?ms=50, at most 10000\n";
    check("GET /burn HTTP/1.1", "400 Bad Request", how);
    check("GET /burn?ms=10001 HTTP/1.1", "400 Bad Request", how);
    let burnt = exchange(&server, "GET /burn?ms=20 HTTP/1.0\r\n\r\n");
    assert!(burnt.contains("web-1: burnt "), "{burnt}");
    server.stop();
}

#[test]
fn requests_behind_each_other_on_one_connection_are_all_answered() {
    let server = start();
    let kept = "GET / HTTP/1.1\r\n\r\n".repeat(3);
    let answers = exchange(&server, &format!("{kept}GET / HTTP/1.0\r\n\r\n"));
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4);
    assert_eq!(answers.matches("connection: keep-alive").count(), 3);
    assert_eq!(server.answered(), 4);
    server.stop();
}

#[test]
fn stopping_finishes_what_was_begun_and_what_an_idle_client_still_asks() {
    let server = start();
    let address = server.address();
    let (mut busy, mut idle) = (connect(&server), connect(&server));
    idle.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut some = [0; 64];
    assert!(idle.read(&mut some).unwrap() > 0);
    busy.write_all(b"GET /burn?ms=300 HTTP/1.1\r\n\r\n").unwrap();
    while server.answered() < 2 {
        std::thread::yield_now();
    }
    let shared = Arc::clone(&server.shared);
    let stopping = std::thread::spawn(move || server.stop());
    while !shared.stopping.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    idle.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    for mut stream in [busy, idle] {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("connection: close"), "{answer}");
    }
    stopping.join().unwrap();
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn connections_past_the_bound_are_turned_away() {
    let server = start();
    let mut held: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| connect(&server)).collect();
    // The last of them has its thread once it is answered.
    for stream in &mut held {
        stream.write_all(b"HEAD / HTTP/1.1\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 256]).unwrap() > 0);
    }
    let mut answer = String::new();
    connect(&server).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    drop(held);
    server.stop();
}

fn load(target: SocketAddr) -> Load {
    Load {
        targets: vec![target],
        path: "/".into(),
        requests_per_second: 400,
        length: Duration::from_millis(500),
        connections: 8,
        timeout: Duration::from_secs(5),
    }
}

#[test]
fn load_is_counted() {
    let server = start();
    let report = run(&load(server.address()));
    assert_eq!((report.sent, report.ok, report.failed()), (200, 200, 0), "{report}");
    assert_eq!(server.answered(), 200);
    assert!(report.p50 <= report.p99);
    let missing = run(&Load { path: "/x".into(), ..load(server.address()) });
    assert_eq!(missing.failures.get(&Failure::Status(404)), Some(&200), "{missing}");
    server.stop();
}

#[test]
fn failures_are_told_by_kind_and_connection() {
    let server = start();
    let gone = server.address();
    server.stop();
    let report = run(&load(gone));
    assert_eq!(report.failures.get(&Failure::Connect), Some(&200), "{report}");
    assert_eq!(report.by_connection.iter().sum::<u64>(), 200);

    // A server that accepts, reads and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let rude = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 256]).unwrap() > 0);
    });
    let one = Load { requests_per_second: 2, connections: 1, ..load(address) };
    let report = run(&one);
    assert_eq!(report.failures.get(&Failure::Closed), Some(&1), "{report}");
    rude.join().unwrap();
}

#[test]
fn a_server_that_stops_under_load_answers_every_request_it_read() {
    let server = start();
    let slow = Load { path: "/burn?ms=5".into(), connections: 4, ..load(server.address()) };
    let loading = std::thread::spawn(move || run(&slow));
    while server.answered() < 20 {
        std::thread::yield_now();
    }
    let shared = Arc::clone(&server.shared);
    server.stop();
    let report = loading.join().unwrap();
    let read = shared.answered.load(Ordering::SeqCst) as u64;
    assert_eq!(report.ok, read, "{report}");
    assert!(report.failures.contains_key(&Failure::Connect), "{report}");
}
