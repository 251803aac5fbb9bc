//! Routes of what servers print, and what comes over one that streams.

use super::route::{NoBody, Parameters, Query, Route, Shaped, Streamed, Whole};
use crate::base::Bytes;
use crate::wire::stream::{Body, LogFile};
use serde::{Deserialize, Serialize};

/// Lists the logs of a server.
pub const LOGS: Route<NoBody, Whole<LogFile>> = Route::whole(
    "/{envId}/grange/servers/{serverId}/logs/",
    "Lists the logs that a server's agent keeps: of its setup, its services, and its own.",
);

/// Reads logs of a server.
pub const LOG: Route<LogAsked, Streamed<StreamPiece>> = Route::stream(
    "/{envId}/grange/servers/{serverId}/log/",
    "Reads the last lines of a server's logs and, when asked to follow, what comes after them: \
     a line of JSON for each piece.",
);

/// What of a server's logs is read.
#[derive(Clone, Debug, Default)]
pub struct LogAsked {
    /// `setup`, `agent`, a service's name or a log's; all of setup and services without it.
    pub of: Option<String>,
    /// How many of the last lines of each; 100 without it.
    pub lines: Option<u64>,
    /// Whether it goes on; it does not without it.
    pub follow: Option<bool>,
}

impl Query for LogAsked {
    fn each(&mut self, visit: &mut impl Parameters) {
        visit.text("of", &mut self.of);
        visit.parameter("lines", "not a number of lines", &mut self.lines);
        visit.parameter("follow", "neither true nor false", &mut self.follow);
    }
}

/// One line of a stream. One with nothing in it says that the stream is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StreamPiece {
    /// What was printed, where that is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was printed, base64, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// Whether it is of a command's standard error, rather than its standard output.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub error: bool,
    /// So many bytes are missing here; 0 where nobody knows how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// The stream is over: `whole`, or `broken` before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Why it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl StreamPiece {
    /// A piece that says that the stream broke off.
    pub fn broken(why: impl Into<String>) -> StreamPiece {
        let (end, why) = (Some("broken".to_owned()), Some(why.into()));
        StreamPiece { end, why, ..StreamPiece::default() }
    }

    /// What was printed, as a text where it is one.
    fn printed(bytes: Vec<u8>) -> StreamPiece {
        let empty = StreamPiece::default();
        match String::from_utf8(bytes) {
            Ok(text) => StreamPiece { text: Some(text), ..empty },
            Err(error) => StreamPiece { bytes: Some(Bytes(error.into_bytes())), ..empty },
        }
    }

    /// The bytes of it, whichever way they came.
    pub fn into_bytes(self) -> Vec<u8> {
        match (self.text, self.bytes) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(bytes)) => bytes.0,
            (None, None) => Vec::new(),
        }
    }
}

impl From<Body> for StreamPiece {
    fn from(body: Body) -> StreamPiece {
        let empty = StreamPiece::default();
        match body {
            Body::Open => empty,
            Body::Data(bytes) => StreamPiece::printed(bytes),
            Body::ErrorData(bytes) => StreamPiece { error: true, ..StreamPiece::printed(bytes) },
            Body::ErrorLost(bytes) => StreamPiece { error: true, lost: Some(bytes), ..empty },
            Body::Lost(bytes) => StreamPiece { lost: Some(bytes), ..empty },
            Body::End => StreamPiece { end: Some("whole".to_owned()), ..empty },
            Body::Refused(why) | Body::Broken(why) => StreamPiece::broken(why),
        }
    }
}

impl Shaped for LogFile {
    const SHAPE: &'static str = "Log";
}

impl Shaped for StreamPiece {
    const SHAPE: &'static str = "StreamPiece";
}
