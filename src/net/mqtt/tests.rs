//! The codec's tests: round trips, every cut, the standard's violations, arbitrary bytes.

use super::*;
use proptest::prelude::*;

const MAX: usize = 1 << 20;

fn bytes_of(packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, &mut out).unwrap();
    out
}

/// What a fuzzer calls: whatever decodes must encode to something that decodes to the same, and
/// nothing may panic.
fn check_any(bytes: &[u8]) {
    if let Ok(Some((packet, used))) = decode(bytes, MAX) {
        assert!(used <= bytes.len());
        let again = bytes_of(&packet);
        assert_eq!(decode(&again, MAX), Ok(Some((packet, again.len()))));
    }
}

fn samples() -> Vec<Packet> {
    let connect = Connect {
        client_id: "6f1c2a9e".into(),
        keep_alive_s: 30,
        clean_session: true,
        will: None,
        user_name: None,
        password: None,
    };
    let will = Will {
        topic: "g/x/m".into(),
        message: b"gone".to_vec(),
        qos: Qos::AtLeastOnce,
        retain: true,
    };
    let publish = Publish {
        topic: "g/x/r".into(),
        id: Some(7),
        dup: true,
        retain: false,
        payload: vec![0; 200],
    };
    vec![
        Packet::Connect(connect.clone()),
        Packet::Connect(Connect {
            will: Some(will),
            user_name: Some("u".into()),
            password: Some(vec![0, 255]),
            clean_session: false,
            ..connect
        }),
        Packet::ConnAck { session_present: true, code: ConnectCode::Accepted },
        Packet::ConnAck { session_present: false, code: ConnectCode::NotAuthorised },
        Packet::Publish(publish.clone()),
        Packet::Publish(Publish { id: None, dup: false, retain: true, payload: vec![], ..publish }),
        Packet::PubAck(65535),
        Packet::Subscribe {
            id: 1,
            filters: vec![("g/x/o".into(), Qos::AtLeastOnce), ("+/a/#".into(), Qos::AtMostOnce)],
        },
        Packet::SubAck { id: 1, granted: vec![Some(Qos::AtLeastOnce), None] },
        Packet::Unsubscribe { id: 2, filters: vec!["#".into()] },
        Packet::UnsubAck(2),
        Packet::PingReq,
        Packet::PingResp,
        Packet::Disconnect,
    ]
}

#[test]
fn packets_round_trip_and_every_cut_waits_for_more() {
    for packet in samples() {
        let bytes = bytes_of(&packet);
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length], MAX), Ok(None), "{packet:?} cut at {length}");
        }
        let two = [bytes.as_slice(), &bytes].concat();
        assert_eq!(decode(&two, MAX), Ok(Some((packet, bytes.len()))));
    }
}

#[test]
fn a_body_that_is_cut_short_or_too_long_is_refused() {
    for packet in samples() {
        let bytes = bytes_of(&packet);
        let header = if bytes.len() > 129 { 3 } else { 2 };
        let body = &bytes[header..];
        // A payload may have any length, so only what stands before it can be cut.
        let fixed =
            if let Packet::Publish(p) = &packet { 7 + p.id.map_or(0, |_| 2) } else { body.len() };
        for length in 0..fixed {
            let shorter = [&[bytes[0], length as u8], &body[..length]].concat();
            let cut = decode(&shorter, MAX);
            let still_whole = matches!(
                (&packet, &cut),
                (Packet::Subscribe { .. } | Packet::SubAck { .. }, Ok(Some(_)))
            );
            assert!(cut.is_err() || still_whole, "{packet:?} cut to {length}: {cut:?}");
        }
        let open_ended = matches!(packet, Packet::Publish(_) | Packet::SubAck { .. });
        if !open_ended {
            let longer = [&[bytes[0], body.len() as u8 + 1], body, &[0]].concat();
            assert!(decode(&longer, MAX).is_err(), "{packet:?} with one byte more");
        }
    }
}

#[test]
fn violations_are_refused() {
    let check = |bytes: &[u8], expected: BadPacket| {
        assert_eq!(decode(bytes, MAX), Err(expected), "{bytes:02x?}");
    };
    let malformed = BadPacket::Malformed;
    // Reserved types and flags, known from the first byte alone.
    for first in [0x00, 0x11, 0x2f, 0x41, 0x80, 0x83, 0x98, 0xa0, 0xb1, 0xc8, 0xd1, 0xe1, 0xf0] {
        check(&[first], BadPacket::Header(first));
    }
    check(&[0x38, 0], BadPacket::Header(0x38));
    check(&[0x36, 0], BadPacket::Header(0x36));
    for first in [0x34, 0x50, 0x62, 0x70] {
        check(&[first, 2, 0, 1], BadPacket::Unsupported);
    }
    check(&[0xc0, 0x80, 0x80, 0x80, 0x80], BadPacket::RemainingLength);
    check(&[0xc0, 1, 0], malformed("bytes left over"));
    check(&[0x40, 2, 0, 0], malformed("packet identifier 0"));
    check(&[0x82, 2, 0, 1], malformed("subscription without a filter"));
    check(&[0xa2, 2, 0, 1], malformed("unsubscription without a filter"));
    check(&[0x90, 2, 0, 1], malformed("subscription answer without a code"));
    check(&[0x90, 3, 0, 1, 0x81], malformed("QoS above 2"));
    check(&[0x82, 6, 0, 1, 0, 1, b'a', 2], BadPacket::Unsupported);
    check(&[0x82, 6, 0, 1, 0, 1, b'a', 4], malformed("QoS above 2"));
    check(&[0x20, 2, 2, 0], malformed("connect acknowledge flags"));
    check(&[0x20, 2, 1, 5], malformed("connect acknowledge flags"));
    check(&[0x20, 2, 0, 6], malformed("connect return code is reserved"));
    check(&[0x30, 2, 0, 0], malformed("topic name"));
    check(&[0x30, 3, 0, 1, b'#'], malformed("topic name"));
    check(&[0x30, 3, 0, 1, 0], malformed("text has U+0000"));
    check(&[0x30, 3, 0, 1, 0xff], malformed("text is not UTF-8"));
    // A surrogate, which UTF-8 does not have [MQTT-1.5.3-1].
    check(&[0x30, 5, 0, 3, 0xed, 0xa0, 0x80], malformed("text is not UTF-8"));
    for filter in ["a+", "a#", "#/a", "a/#/b", "+a/b", ""] {
        let mut bytes = vec![0xa2, 4 + filter.len() as u8, 0, 1, 0, filter.len() as u8];
        bytes.extend_from_slice(filter.as_bytes());
        check(&bytes, malformed("topic filter"));
    }
}

#[test]
fn connects_are_checked() {
    let connect = |level: u8, flags: u8, rest: &[u8]| {
        let mut bytes = vec![0x10, 10 + rest.len() as u8, 0, 4, b'M', b'Q', b'T', b'T'];
        bytes.extend_from_slice(&[level, flags, 0, 30]);
        bytes.extend_from_slice(rest);
        decode(&bytes, MAX).map(|found| found.unwrap().0)
    };
    let check = |level, flags, rest: &[u8], expected: BadPacket| {
        assert_eq!(connect(level, flags, rest), Err(expected), "{level} {flags:#x} {rest:?}");
    };
    let malformed = BadPacket::Malformed;
    assert!(connect(4, 2, &[0, 0]).is_ok());
    check(3, 2, &[0, 0], BadPacket::ProtocolLevel(3));
    check(5, 2, &[0, 0], BadPacket::ProtocolLevel(5));
    check(4, 3, &[0, 0], malformed("reserved connect flag is set"));
    check(4, 0, &[0, 0], malformed("empty client id without a clean session"));
    check(4, 0x0a, &[0, 0], malformed("will flags without a will"));
    check(4, 0x22, &[0, 0], malformed("will flags without a will"));
    check(4, 0x16, &[0, 0], BadPacket::Unsupported);
    check(4, 0x1e, &[0, 0], malformed("QoS above 2"));
    check(4, 0x42, &[0, 0], malformed("password without a user name"));
    check(4, 0x06, &[0, 0, 0, 1, b'+', 0, 0], malformed("topic name"));
    let other = [0x10, 4, 0, 2, b'M', b'Q'];
    assert_eq!(decode(&other, MAX), Err(malformed("protocol name is not MQTT")));
}

#[test]
fn too_large_is_known_from_the_header() {
    let header = [0x32, 0xff, 0xff, 0x03];
    let expected = Err(BadPacket::TooLarge { length: 65535, max: 65534 });
    assert_eq!(decode(&header, 65534), expected);
    assert_eq!(decode(&header, 65535), Ok(None));
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let publish = |topic: usize| {
        Packet::Publish(Publish {
            topic: "t".repeat(topic),
            id: None,
            dup: false,
            retain: false,
            payload: vec![],
        })
    };
    let mut out = vec![1];
    assert_eq!(encode(&publish(65536), &mut out), Err(TooLong));
    assert_eq!(out, [1]);
    assert_eq!(encode(&publish(65535), &mut out), Ok(()));
    let filters = vec![("f".repeat(65536), Qos::AtMostOnce)];
    assert_eq!(encode(&Packet::Subscribe { id: 1, filters }, &mut out), Err(TooLong));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_any(&bytes);
    }

    #[test]
    fn packets_with_a_changed_byte_never_panic(
        which in 0usize..14, at in any::<prop::sample::Index>(), to in any::<u8>()
    ) {
        let mut bytes = bytes_of(&samples()[which]);
        let at = at.index(bytes.len());
        bytes[at] = to;
        check_any(&bytes);
    }

    #[test]
    fn publishes_of_any_length_round_trip(
        payload in proptest::collection::vec(any::<u8>(), 0..40_000), id in 1u16..
    ) {
        let publish = Publish {
            topic: "g/x/r".into(), id: Some(id), dup: false, retain: false, payload
        };
        let packet = Packet::Publish(publish);
        let bytes = bytes_of(&packet);
        prop_assert_eq!(decode(&bytes, MAX), Ok(Some((packet, bytes.len()))));
    }
}
