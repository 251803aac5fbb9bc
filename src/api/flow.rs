//! Answers that are sent while they come about: what comes over a stream from a server, as lines
//! of JSON.
//!
//! The status line waits until the agent has said that the stream is open, so that what is not
//! there is a refusal like any other. From then on a line goes out for each frame, an empty object
//! whenever nothing was said for a while, and one that says how the stream ended. A reader who
//! takes nothing is let go by the connection's own patience, and with the body goes the stream.

use crate::api::Api;
use crate::api::answer::{Answer, Reply};
use crate::base::limit::{LOGS_BYTES_MAX, STREAM_OPEN_DEADLINE, STREAM_PULSE};
use crate::base::{Code, Problem, Result};
use crate::service::agents::streams::StreamReader;
use crate::wire::api::logs::StreamPiece;
use crate::wire::stream::Body as Sent;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// The type of such an answer.
pub const LINES_OF_JSON: &str = "application/x-ndjson";

/// Waits until the agent has opened the stream.
async fn opened(mut reader: StreamReader) -> Result<StreamReader> {
    let unavailable = |why: String| Err(Problem::new(Code::ServiceUnavailable, why));
    match timeout(Duration::from_millis(STREAM_OPEN_DEADLINE), reader.next()).await {
        Ok(Some(Sent::Open)) => Ok(reader),
        Ok(Some(Sent::Refused(why))) => Err(Problem::new(Code::ObjectNotFound, why)),
        Ok(Some(Sent::Broken(why))) => unavailable(why),
        Ok(Some(
            Sent::Data(_) | Sent::Lost(_) | Sent::ErrorData(_) | Sent::ErrorLost(_) | Sent::End,
        )) => unavailable("its agent began before it had said that it would".to_owned()),
        Ok(None) => unavailable("its agent ended it without a word".to_owned()),
        Err(_) => {
            let seconds = STREAM_OPEN_DEADLINE / 1000;
            unavailable(format!("its agent has not answered within {seconds} s"))
        }
    }
}

/// Answers with what comes over a stream.
pub async fn stream(api: &Arc<Api>, reader: StreamReader, request: &str) -> Result<Response<Body>> {
    let reader = opened(reader).await?;
    let mut stops = api.stopping.subscribe();
    let stopping = Box::pin(async move {
        // An error is an API that is gone, which is as good as stopping.
        stops.wait_for(|stopping| *stopping).await.map(drop).unwrap_or_default();
    });
    let pulse = Box::pin(sleep(Duration::from_millis(STREAM_PULSE)));
    let mut response = Response::new(Body::new(Flow { reader, stopping, pulse, over: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(LINES_OF_JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request) {
        headers.insert("x-request-id", id);
    }
    Ok(response)
}

/// Answers with all that comes over a stream, understood.
pub async fn gather(
    reader: StreamReader,
    understand: fn(&[u8]) -> Result<Reply>,
    request: &str,
) -> Result<Answer> {
    let mut reader = opened(reader).await?;
    let mut gathered = Vec::new();
    loop {
        match reader.next().await {
            Some(Sent::Data(bytes)) if gathered.len() + bytes.len() <= LOGS_BYTES_MAX => {
                gathered.extend(bytes);
            }
            Some(Sent::End) => return Ok(Answer::of(understand(&gathered)?, request)),
            Some(Sent::Open) => {}
            Some(Sent::Broken(why) | Sent::Refused(why)) => {
                return Err(Problem::new(Code::ServiceUnavailable, why));
            }
            Some(Sent::Data(_) | Sent::Lost(_) | Sent::ErrorData(_) | Sent::ErrorLost(_))
            | None => {
                let why = "its agent did not say all of it";
                return Err(Problem::new(Code::ServiceUnavailable, why));
            }
        }
    }
}

/// The body of such an answer.
struct Flow {
    reader: StreamReader,
    /// Ends when the appliance stops.
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// When the other end is to hear that the stream is still there.
    pulse: Pin<Box<Sleep>>,
    over: bool,
}

impl Flow {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamPiece>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.stopping.as_mut().poll(context).is_ready() {
            self.over = true;
            return Poll::Ready(Some(StreamPiece::broken("the appliance stops")));
        }
        if let Poll::Ready(sent) = self.reader.poll_next(context) {
            self.over = sent.as_ref().is_none_or(Sent::is_last);
            return Poll::Ready(sent.map(StreamPiece::from));
        }
        match self.pulse.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(StreamPiece::default())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl hyper::body::Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.poll_piece(context) {
            Poll::Ready(Some(piece)) => piece,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let next = Instant::now() + Duration::from_millis(STREAM_PULSE);
        self.pulse.as_mut().reset(next);
        let mut line = serde_json::to_vec(&piece).expect("texts and numbers are JSON");
        line.push(b'\n');
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(line)))))
    }
}
