//! Streams without agents: frames by hand, and what agents would have been told.

use super::*;
use crate::wire::stream::{Frame, encode};
use std::task::Waker;

const WEB: ServerId = ServerId(1);
const DB: ServerId = ServerId(2);
const ANN: UserId = UserId(900);

/// What agents were told.
#[derive(Default)]
struct Told {
    said: Mutex<Vec<(ServerId, Control)>>,
    deaf: std::sync::atomic::AtomicBool,
}

impl StreamCourier for Told {
    fn tell(&self, server: ServerId, control: Vec<u8>) -> bool {
        let control = serde_json::from_slice(&control).unwrap();
        self.said.lock().unwrap().push((server, control));
        !self.deaf.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Told {
    fn take(&self) -> Vec<Verb> {
        let said = std::mem::take(&mut *self.said.lock().unwrap());
        said.into_iter().map(|(_, control)| control.verb).collect()
    }
}

fn streams() -> (Streams, Arc<Told>) {
    let (streams, told) = (Streams::default(), Arc::new(Told::default()));
    streams.connect(told.clone());
    streams.hello(WEB, true);
    streams.hello(DB, true);
    (streams, told)
}

fn send(
    streams: &Streams,
    from: ServerId,
    stream: u64,
    body: Body,
) -> std::result::Result<(), String> {
    streams.frame(from, &encode(&Frame { stream, body }))
}

/// The next frame if there is one by now.
fn next(reader: &mut StreamReader) -> Poll<Option<Body>> {
    reader.poll_next(&mut Context::from_waker(Waker::noop()))
}

fn data(bytes: usize) -> Body {
    Body::Data(vec![7; bytes])
}

#[test]
fn what_an_agent_sends_comes_out_in_order_until_its_end() {
    let (streams, told) = streams();
    let mut reader = streams.open(WEB, ANN, "web-1", Source::Logs).unwrap();
    let credit = limit::STREAM_WINDOW_BYTES as u32;
    assert_eq!(told.take(), [Verb::Open { source: Source::Logs, credit }]);
    assert_eq!(next(&mut reader), Poll::Pending);
    for body in [Body::Open, data(3), Body::Lost(9), Body::End] {
        send(&streams, WEB, 1, body.clone()).unwrap();
        assert_eq!(next(&mut reader), Poll::Ready(Some(body)));
    }
    assert_eq!(next(&mut reader), Poll::Ready(None));
    assert_eq!(streams.count(), 0);
    drop(reader);
    assert_eq!(told.take(), [], "what has ended is not closed");
}

#[test]
fn an_agent_is_granted_what_was_read_and_no_more() {
    let (streams, told) = streams();
    let mut reader = streams.open(WEB, ANN, "web-1", Source::Logs).unwrap();
    let chunk = limit::STREAM_WINDOW_BYTES / 8 - limit::STREAM_FRAME_BYTES;
    for _ in 0..8 {
        send(&streams, WEB, 1, data(chunk)).unwrap();
    }
    told.take();
    for taken in 1..=5 {
        assert_eq!(next(&mut reader), Poll::Ready(Some(data(chunk))));
        let granted = (taken == 5).then_some(Verb::Grant { credit: credit_of(4 * (chunk + 64)) });
        assert_eq!(told.take(), granted.into_iter().collect::<Vec<Verb>>(), "{taken}");
    }
    for _ in 0..4 {
        send(&streams, WEB, 1, data(chunk)).unwrap();
    }
    // One that does not keep to it loses the stream and nothing else.
    let mut other = streams.open(WEB, ANN, "web-1", Source::Logs).unwrap();
    assert!(send(&streams, WEB, 1, Body::Lost(1)).unwrap_err().contains("granted"));
    let mut last = None;
    while let Poll::Ready(Some(body)) = next(&mut reader) {
        last = Some(body);
    }
    assert_eq!(last, Some(Body::Broken("its agent sent more than it was granted".into())));
    send(&streams, WEB, 2, Body::Open).unwrap();
    assert_eq!(next(&mut other), Poll::Ready(Some(Body::Open)));
}

fn credit_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap()
}

#[test]
fn an_agent_speaks_on_its_own_streams_alone() {
    let (streams, _) = streams();
    let mut reader = streams.open(WEB, ANN, "web-1", Source::Logs).unwrap();
    assert!(send(&streams, DB, 1, data(1)).unwrap_err().contains("another's"));
    assert!(streams.frame(WEB, b"x").is_err());
    assert_eq!(next(&mut reader), Poll::Pending);
    // What was on its way to one that is closed is dropped.
    assert_eq!(send(&streams, DB, 77, data(1)), Ok(()));
}

#[test]
fn a_reader_that_goes_closes_and_a_connection_that_ends_breaks() {
    let (streams, told) = streams();
    let gone = streams.open(WEB, ANN, "web-1", Source::Logs).unwrap();
    let mut stays = streams.open(DB, ANN, "db-1", Source::Logs).unwrap();
    told.take();
    drop(gone);
    assert_eq!((told.take(), streams.count()), (vec![Verb::Close], 1));
    streams.end_of(WEB);
    assert_eq!(next(&mut stays), Poll::Pending, "that of another server");
    streams.end_of(DB);
    let broken = Body::Broken("its agent's connection ended".into());
    assert_eq!(next(&mut stays), Poll::Ready(Some(broken)));
    assert_eq!(next(&mut stays), Poll::Ready(None));
}

#[test]
fn there_is_a_bound_for_each_server_and_for_all() {
    let (streams, told) = streams();
    let open = |server: u128| {
        streams.hello(ServerId(server), true);
        streams.open(ServerId(server), UserId((server / 4) as u64), "x", Source::Logs)
    };
    let mut readers: Vec<StreamReader> = Vec::new();
    for _ in 0..limit::STREAMS_OF_SERVER_MAX {
        readers.push(open(1).unwrap());
    }
    assert_eq!(open(1).err().map(|problem| problem.code), Some(Code::LimitExceeded));
    for server in 2.. {
        match open(server) {
            Ok(reader) => readers.push(reader),
            Err(problem) => {
                assert_eq!(problem.code, Code::LimitExceeded);
                break;
            }
        }
    }
    assert_eq!((readers.len(), streams.count()), (limit::STREAMS_MAX, limit::STREAMS_MAX));
    readers.clear();
    assert_eq!(streams.count(), 0);
    let mut of_one = (100..).map(|server| {
        streams.hello(ServerId(server), true);
        streams.open(ServerId(server), ANN, "x", Source::Logs)
    });
    readers.extend(of_one.by_ref().map_while(Result::ok));
    assert_eq!(readers.len(), limit::STREAMS_OF_USER_MAX);
    readers.clear();
    // One of an earlier version, and one that is not there.
    streams.hello(WEB, false);
    assert_eq!(open_code(&streams, WEB), Some(Code::UnacceptableState));
    told.deaf.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(open_code(&streams, DB), Some(Code::ServiceUnavailable));
    assert_eq!(streams.count(), 0);
}

fn open_code(streams: &Streams, server: ServerId) -> Option<Code> {
    streams.open(server, ANN, "x", Source::Logs).err().map(|problem| problem.code)
}
