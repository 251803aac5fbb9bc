//! Reading a request's body: bounded each, bounded all together, and bounded in what it can become.

use crate::api::Api;
use crate::base::limit::API_VALUES_MAX;
use crate::base::{Code, Problem, Result};
use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// The unit in which bodies are counted together.
const UNIT: usize = 1024;
/// Longest wait for room among the bodies of others.
const ROOM_WAIT: Duration = Duration::from_secs(2);

/// A body, and its part of the room for all; the part is given back when the verb is done.
#[derive(Default)]
pub struct Read {
    /// The bytes.
    pub bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
impl From<&str> for Read {
    fn from(text: &str) -> Read {
        Read { bytes: text.as_bytes().to_vec(), room: None }
    }
}

/// Reads a body whole, by its deadline.
pub async fn read(api: &Api, body: Body, headers: &HeaderMap) -> Result<Read> {
    if announced(headers).is_some_and(|n| n > api.limits.body_bytes as u64) {
        return Err(too_large(api.limits.body_bytes));
    }
    let deadline = api.limits.handshake();
    let late = || Problem::new(Code::BadRequest, "the body did not arrive in time");
    let read = timeout(deadline, gather(api, body)).await.map_err(|_| late())??;
    if values(&read.bytes) > API_VALUES_MAX {
        let message = format!("the body has more than {API_VALUES_MAX} values");
        return Err(Problem::new(Code::BadRequest, message));
    }
    Ok(read)
}

/// How many bytes a body is said to have.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

fn too_large(max: usize) -> Problem {
    Problem::new(Code::BadRequest, format!("the body has more than {max} bytes"))
}

/// What has arrived counts, so that a slow body holds no more room than it has filled.
async fn gather(api: &Api, mut body: Body) -> Result<Read> {
    let mut read = Read::default();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broken = |_| Problem::new(Code::BadRequest, "the body did not arrive whole");
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        if read.bytes.len() + piece.len() > api.limits.body_bytes {
            return Err(too_large(api.limits.body_bytes));
        }
        let held = read.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = (read.bytes.len() + piece.len()).div_ceil(UNIT).saturating_sub(held);
        if wanted > 0 {
            let more = room(api, u32::try_from(wanted).unwrap_or(u32::MAX)).await?;
            match &mut read.room {
                Some(room) => room.merge(more),
                none => *none = Some(more),
            }
        }
        read.bytes.extend_from_slice(&piece);
    }
    Ok(read)
}

async fn room(api: &Api, units: u32) -> Result<OwnedSemaphorePermit> {
    let busy = "too much is being sent at once: send it again in a moment";
    let acquire = Arc::clone(&api.bodies).acquire_many_owned(units);
    match timeout(ROOM_WAIT, acquire).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Code::ServiceUnavailable, busy)),
    }
}

/// How much room all bodies have together.
pub fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

/// How many values a JSON text has at the most: one, and one more for every comma, colon and
/// opening bracket outside its strings. Each becomes some 100 bytes, whatever it took to write.
fn values(text: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b':' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_counted_outside_strings() {
        let check = |text: &str, count: usize| assert_eq!(values(text.as_bytes()), count, "{text}");
        check("", 1);
        check(r#"{"a": 1, "b": [2, 3]}"#, 7);
        check(r#"{"manifest": "a: [1, 2, {}]\n\", b"}"#, 3);
        check("[[[[", 5);
    }
}
