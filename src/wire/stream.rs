//! Byte streams from agents: what a server prints, while it prints it.
//!
//! The appliance opens a stream and grants bytes; an agent sends no more than it was granted, so
//! that a reader who is slow costs nothing but their own stream. A stream lives in memory and on
//! one connection: what ends that ends it, and whoever still wants it opens another.
//!
//! Frames are binary, because what programs print is: a version byte, a kind, the stream's number
//! (8 bytes, big endian), and what belongs to the kind.

use crate::base::text::{cut, tidy};
use crate::base::{OrderId, limit};
use serde::{Deserialize, Serialize};

/// The capability of an agent that sends streams.
pub const CAN_STREAM: &str = "streams";
/// The version of a frame.
const VERSION: u8 = 1;
/// Version, kind and number.
const HEAD_BYTES: usize = 10;

/// Appliance to agent, on `g/<id>/c`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Message version.
    pub v: u32,
    /// Which stream, by a number that is used once in the appliance's life.
    pub stream: u64,
    /// What is to be done with it.
    #[serde(flatten)]
    pub verb: Verb,
}

/// What an agent is told of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verb")]
pub enum Verb {
    /// Begins it.
    #[serde(rename_all = "camelCase")]
    Open {
        /// What is to be read.
        source: Source,
        /// Bytes it may send before it is granted more.
        credit: u32,
    },
    /// It may send so many bytes more.
    #[serde(rename_all = "camelCase")]
    Grant {
        /// Bytes.
        credit: u32,
    },
    /// Nobody reads it any more.
    Close,
}

/// What a stream is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "source")]
pub enum Source {
    /// Which logs there are: a list of [`LogFile`] as JSON.
    Logs,
    /// What logs say.
    #[serde(rename_all = "camelCase")]
    Log {
        /// `setup`, `agent`, the name of a service, or one of [`LogFile::name`]; all of a server's
        /// work when it is `None`.
        of: Option<String>,
        /// How many of the last lines of each come first.
        lines: u32,
        /// Whether it goes on with what is written later.
        follow: bool,
    },
    /// What the command of an order prints, from its beginning as far as that is kept, to its end.
    #[serde(rename_all = "camelCase")]
    Command {
        /// Which order.
        order: OrderId,
    },
}

/// A log that an agent keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFile {
    /// What it is asked for by: `setup-1`, `agent`, a service's name.
    pub name: String,
    /// `setup`, `service` or `agent`.
    pub kind: String,
    /// How long it is, with the one that was rotated away before it.
    pub bytes: u64,
    /// When it was written last, in milliseconds since 1970; 0 when that is not known.
    pub written_at: i64,
}

impl LogFile {
    /// The same, with its texts bounded and harmless.
    #[must_use]
    pub fn tidied(self) -> LogFile {
        let word = |text: &str| tidy(text, limit::LOG_NAME_BYTES_MAX);
        LogFile { name: word(&self.name), kind: word(&self.kind), ..self }
    }
}

/// Agent to appliance, on `g/<id>/s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which stream.
    pub stream: u64,
    /// What of it.
    pub body: Body,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The stream is open: what was asked for is there.
    Open,
    /// Bytes, at most [`limit::STREAM_CHUNK_BYTES_MAX`].
    Data(Vec<u8>),
    /// So many bytes are missing here; 0 where nobody knows how many.
    Lost(u64),
    /// Bytes of a command's standard error, where the others are of its standard output.
    ErrorData(Vec<u8>),
    /// So many of those are missing here.
    ErrorLost(u64),
    /// It has come to its end.
    End,
    /// It was not opened, and why: what was asked for is not there, with what is.
    Refused(String),
    /// It ends before its end, and why.
    Broken(String),
}

impl Body {
    /// What it takes from the bytes that were granted: both ends count alike. A frame costs more
    /// than its bytes, so that empty ones cannot be sent for ever.
    pub fn cost(&self) -> usize {
        match self {
            Body::Data(bytes) | Body::ErrorData(bytes) => bytes.len() + limit::STREAM_FRAME_BYTES,
            Body::Lost(_) | Body::ErrorLost(_) => limit::STREAM_FRAME_BYTES,
            Body::Open | Body::End | Body::Refused(_) | Body::Broken(_) => 0,
        }
    }

    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(self, Body::End | Body::Refused(_) | Body::Broken(_))
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no stream frame: {0}")]
pub struct BadFrame(&'static str);

/// Writes a frame.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let lost;
    let (kind, payload): (u8, &[u8]) = match &frame.body {
        Body::Open => (0, &[]),
        Body::Data(bytes) => (1, bytes),
        Body::Lost(bytes) => {
            lost = bytes.to_be_bytes();
            (2, &lost)
        }
        Body::ErrorData(bytes) => (6, bytes),
        Body::ErrorLost(bytes) => {
            lost = bytes.to_be_bytes();
            (7, &lost)
        }
        Body::End => (3, &[]),
        Body::Refused(why) => (4, cut(why, limit::STREAM_REASON_BYTES_MAX).as_bytes()),
        Body::Broken(why) => (5, cut(why, limit::STREAM_REASON_BYTES_MAX).as_bytes()),
    };
    let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len());
    bytes.extend_from_slice(&[VERSION, kind]);
    bytes.extend_from_slice(&frame.stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads a frame. Its texts come out bounded and harmless; its data is as it was sent.
///
/// # Errors
/// [`BadFrame`] for everything that [`encode`] does not write.
pub fn decode(bytes: &[u8]) -> Result<Frame, BadFrame> {
    let Some((head, payload)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(BadFrame("it is too short"));
    };
    let [version, kind, number @ ..] = *head;
    if version != VERSION {
        return Err(BadFrame("its version is not known"));
    }
    let why = || {
        let text = String::from_utf8_lossy(payload);
        tidy(&text, limit::STREAM_REASON_BYTES_MAX)
    };
    let body = match kind {
        0 if payload.is_empty() => Body::Open,
        1 if payload.len() <= limit::STREAM_CHUNK_BYTES_MAX => Body::Data(payload.to_vec()),
        6 if payload.len() <= limit::STREAM_CHUNK_BYTES_MAX => Body::ErrorData(payload.to_vec()),
        1 | 6 => return Err(BadFrame("its data is too long")),
        2 | 7 => match payload.try_into() {
            Ok(count) if kind == 2 => Body::Lost(u64::from_be_bytes(count)),
            Ok(count) => Body::ErrorLost(u64::from_be_bytes(count)),
            Err(_) => return Err(BadFrame("its count is no count")),
        },
        3 if payload.is_empty() => Body::End,
        4 => Body::Refused(why()),
        5 => Body::Broken(why()),
        _ => return Err(BadFrame("its kind is not known")),
    };
    Ok(Frame { stream: u64::from_be_bytes(number), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_sent() {
        let data: Vec<u8> = (0..=255).collect();
        let refused = "no log \"x\": there are setup-1, api".to_owned();
        for body in [
            Body::Open,
            Body::Data(data),
            Body::Data(Vec::new()),
            Body::Lost(0),
            Body::Lost(u64::MAX),
            Body::ErrorData(b"x".to_vec()),
            Body::ErrorLost(3),
            Body::End,
            Body::Refused(refused),
            Body::Broken("the disk".to_owned()),
        ] {
            let frame = Frame { stream: u64::MAX - 1, body };
            assert_eq!(decode(&encode(&frame)), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let frame = |kind: u8, payload: &[u8]| {
            let mut bytes = vec![VERSION, kind];
            bytes.extend_from_slice(&7u64.to_be_bytes());
            bytes.extend_from_slice(payload);
            bytes
        };
        let check = |bytes: &[u8], why| assert_eq!(decode(bytes), Err(BadFrame(why)));
        check(&[], "it is too short");
        check(&frame(0, b"")[..9], "it is too short");
        check(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 7], "its version is not known");
        for (kind, payload) in [(0, &b"x"[..]), (3, b"x"), (8, b""), (255, b"")] {
            check(&frame(kind, payload), "its kind is not known");
        }
        check(&frame(2, b"1234567"), "its count is no count");
        check(&frame(7, b"1234567"), "its count is no count");
        check(&frame(1, &vec![0; limit::STREAM_CHUNK_BYTES_MAX + 1]), "its data is too long");
        check(&frame(6, &vec![0; limit::STREAM_CHUNK_BYTES_MAX + 1]), "its data is too long");
        let whole = frame(1, &vec![0; limit::STREAM_CHUNK_BYTES_MAX]);
        assert!(decode(&whole).is_ok());
    }

    #[test]
    fn an_agents_reasons_are_bounded_and_harmless() {
        let reason = format!("\x1b[2J{}", "x".repeat(2 * limit::STREAM_REASON_BYTES_MAX));
        let sent = [&[VERSION, 4, 0, 0, 0, 0, 0, 0, 0, 1][..], reason.as_bytes()].concat();
        let Body::Refused(why) = decode(&sent).unwrap().body else { panic!("refused") };
        assert!(why.len() <= limit::STREAM_REASON_BYTES_MAX, "{}", why.len());
        assert!(!why.contains('\x1b'));
    }

    #[test]
    fn control_is_read_also_with_what_a_later_version_says() {
        let open = r#"{"v":1,"stream":3,"verb":"open","credit":9,"later":1,
            "source":{"source":"log","of":null,"lines":5,"follow":true}}"#;
        let source = Source::Log { of: None, lines: 5, follow: true };
        let verb = Verb::Open { source, credit: 9 };
        let expected = Control { v: 1, stream: 3, verb };
        assert_eq!(serde_json::from_str::<Control>(open).unwrap(), expected);
        let again = serde_json::to_string(&expected).unwrap();
        assert_eq!(serde_json::from_str::<Control>(&again).unwrap(), expected);
    }
}
