//! Streams by hand: logs that are written meanwhile, turns, grants.

use super::*;
use crate::agent::live::WrittenTo;
use crate::agent::tests::scratch;
use std::fs;
use std::path::PathBuf;

struct Hand {
    streams: Streams,
    dir: PathBuf,
    now: Instant,
}

impl Hand {
    fn new(name: &str) -> Hand {
        let dir = scratch(name);
        fs::create_dir(dir.join("logs")).unwrap();
        let now = Instant::now();
        Hand { streams: Streams::new(Logs::new(&dir, &dir), now), dir, now }
    }

    /// None, over what commands print.
    fn of_commands(name: &str, commands: LiveOutputs) -> Hand {
        let mut hand = Hand::new(name);
        hand.streams.commands = commands;
        hand
    }

    fn write(&self, log: &str, text: &str) {
        let path = self.dir.join("logs").join(log);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + text).unwrap();
    }

    fn open(&mut self, stream: u64, of: Option<&str>, lines: u32, follow: bool) {
        let source = Source::Log { of: of.map(str::to_owned), lines, follow };
        self.say(stream, Verb::Open { source, credit: 64 * 1024 });
    }

    fn say(&mut self, stream: u64, verb: Verb) {
        self.streams.obey(Control { v: 1, stream, verb }, self.now);
    }

    fn turn(&mut self) -> Vec<(u64, Body)> {
        if let Some(next) = self.streams.next() {
            self.now = self.now.max(next);
        }
        let frames = self.streams.turn(self.now);
        frames.into_iter().map(|frame| (frame.stream, frame.body)).collect()
    }

    /// All that comes until there is nothing more for now.
    fn all(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..1000 {
            let frames = self.turn();
            if frames.is_empty() {
                return text;
            }
            for (_, body) in frames {
                match body {
                    Body::Data(bytes) => text.push_str(&String::from_utf8(bytes).unwrap()),
                    other => text.push_str(&format!("[{other:?}]")),
                }
            }
        }
        panic!("it does not end: {text}");
    }
}

#[test]
fn logs_are_found_by_what_they_are_of() {
    let mut hand = Hand::new("streams-list");
    hand.open(1, None, 9, true);
    let nothing = "no log: this server has printed nothing yet that is kept";
    assert_eq!(hand.turn(), [(1, Body::Refused(nothing.to_owned()))]);
    for file in ["setup-2.log", "setup-10.log", "service-api.log", "service-api.log.1"] {
        hand.write(file, "line\n");
    }
    for file in ["other.log", "setup-x.log", "service-.log", "setup-1.txt"] {
        hand.write(file, "no log of ours\n");
    }
    fs::create_dir_all(hand.dir.join("var/log/grange")).unwrap();
    fs::write(hand.dir.join("var/log/grange/service.log"), "agent\n").unwrap();
    hand.say(2, Verb::Open { source: Source::Logs, credit: 64 * 1024 });
    let frames = hand.turn();
    let [(2, Body::Open), (2, Body::Data(json)), (2, Body::End)] = &frames[..] else {
        panic!("{frames:?}")
    };
    let logs: Vec<crate::wire::stream::LogFile> = serde_json::from_slice(json).unwrap();
    let named = logs.iter().map(|log| (log.name.as_str(), log.kind.as_str(), log.bytes));
    let expected = [
        ("setup-2", "setup", 5),
        ("setup-10", "setup", 5),
        ("api", "service", 10),
        ("agent", "agent", 6),
    ];
    assert!(named.eq(expected), "{logs:?}");
    assert!(logs.iter().all(|log| log.written_at > 1_600_000_000_000));
    for (of, expected) in [
        (Some("api"), "[Open]line\nline\n[End]"),
        (Some("setup-10"), "[Open]line\n[End]"),
        (Some("agent"), "[Open]agent\n[End]"),
        (Some("setup"), "[Open]==> setup-2 <==\nline\n\n==> setup-10 <==\nline\n[End]"),
        (Some("../x"), "[Refused(\"no log ../x: there are setup-2, setup-10, api, agent\")]"),
    ] {
        hand.open(3, of, 9, false);
        assert_eq!(hand.all(), expected, "{of:?}");
    }
}

#[test]
fn what_is_written_later_follows_also_in_logs_that_begin_later() {
    let mut hand = Hand::new("streams-follow");
    hand.write("setup-1.log", "old\none\n");
    hand.open(1, None, 1, true);
    assert_eq!(hand.all(), "[Open]one\n");
    hand.write("setup-1.log", "two\n");
    assert_eq!(hand.all(), "two\n");
    hand.write("service-api.log", "begins\nhere");
    assert_eq!(hand.all(), "", "it is found at the look after");
    assert_eq!(hand.all(), "\n==> api <==\nbegins\nhere");
    hand.write("setup-1.log", "three\n");
    hand.write("service-api.log", "!\n");
    assert_eq!(hand.all(), "!\n\n==> setup-1 <==\nthree\n");
    hand.say(1, Verb::Close);
    assert_eq!((hand.turn(), hand.streams.next()), (Vec::new(), None));
}

#[test]
fn no_more_is_sent_than_was_granted_nor_than_a_turn_has() {
    let mut hand = Hand::new("streams-credit");
    hand.write("service-api.log", &"x".repeat(200_000));
    hand.open(1, Some("api"), 1, true);
    let (mut turns, mut sent) = (0, 0);
    while let frames @ [_, ..] = &hand.turn()[..] {
        let cost: usize = frames.iter().map(|(_, body)| body.cost()).sum();
        assert!(cost <= STREAM_TURN_BYTES + STREAM_CHUNK_BYTES_MAX, "{cost}");
        assert!(frames.len() <= TURN_FRAMES);
        (turns, sent) = (turns + 1, sent + cost);
    }
    assert!(turns >= 3 && sent <= 64 * 1024 && sent > 60 * 1024, "{turns}: {sent}");
    hand.say(1, Verb::Grant { credit: 1000 });
    let more: usize = hand.turn().iter().map(|(_, body)| body.cost()).sum();
    assert!((900..=1064).contains(&more), "{more}");
    // The next one is served all the same.
    hand.write("service-db.log", "db\n");
    hand.open(2, Some("db"), 1, false);
    assert_eq!(hand.turn(), [(2, Body::Open), (2, Body::Data(b"db\n".to_vec())), (2, Body::End)]);
    // One that nobody reads is given up.
    hand.now += Duration::from_millis(STREAM_UNREAD_MAX - 1000);
    assert_eq!(hand.turn(), []);
    hand.now += Duration::from_millis(1000);
    let given_up = Body::Broken("nobody has read it for 120 s".to_owned());
    assert_eq!(hand.turn(), [(1, given_up)]);
    assert_eq!(hand.streams.next(), None);
}

#[test]
fn streams_share_a_turn_and_are_bounded_in_number() {
    let mut hand = Hand::new("streams-share");
    hand.write("service-api.log", &"x".repeat(200_000));
    for stream in 0..STREAMS_OF_SERVER_MAX as u64 {
        hand.open(stream, Some("api"), 1, true);
    }
    hand.open(99, Some("api"), 1, true);
    let mut heard = std::collections::BTreeMap::new();
    let mut refused = false;
    for _ in 0..12 {
        for (stream, body) in hand.turn() {
            refused |= stream == 99 && matches!(body, Body::Refused(_));
            *heard.entry(stream).or_insert(0) += body.cost();
        }
    }
    assert!(refused);
    let (least, most) = (heard.values().nth(1).unwrap(), heard.values().max().unwrap());
    assert!(most - least <= 2 * STREAM_CHUNK_BYTES_MAX, "{heard:?}");
}

#[test]
fn a_command_is_read_along_with_while_it_runs() {
    let commands = LiveOutputs::default();
    let mut hand = Hand::of_commands("stream-command", commands.clone());
    let source = Source::Command { order: crate::base::OrderId(7) };
    hand.say(1, Verb::Open { source: source.clone(), credit: 64 * 1024 });
    assert_eq!(hand.all(), "[Refused(\"order 7 runs no command here now\")]");
    let running = commands.begin(crate::base::OrderId(7));
    running.output.add(WrittenTo::Standard, b"begun");
    hand.say(2, Verb::Open { source, credit: 64 * 1024 });
    assert_eq!(hand.all(), "[Open]begun");
    running.output.add(WrittenTo::Error, b"x");
    assert_eq!(hand.all(), "[ErrorData([120])]");
    drop(running);
    assert_eq!(hand.all(), "[End]");
}
