//! Bodies that are files: taken while they arrive, and never held whole.
//!
//! A few pieces lie between the connection and the verb, which reads them on a thread of its own:
//! so who sends is slowed down to what the disk takes. Who sends nothing for [`IMAGE_SILENCE`] is
//! let go, and what had arrived with them. A verb that refuses does so at once; what is still sent
//! is passed over for a moment, so that the refusal is heard.

use crate::api::answer::{Answer, Reply};
use crate::api::call::Call;
use crate::api::routes::Takes;
use crate::api::{Api, Context};
use crate::base::limit::{IMAGE_IMPORT_DEADLINE, IMAGE_SILENCE};
use crate::base::{Code, Problem, Result};
use crate::service::farms::images::ArrivingImage;
use axum::body::{Body, Bytes, HttpBody};
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Pieces between the connection and the verb: 16 KiB each, as hyper reads them.
const PIECES: usize = 16;
/// How long what is sent after a refusal is passed over.
const DEAF: Duration = Duration::from_secs(2);

/// A body, and how many bytes it is said to have.
pub struct File {
    /// The bytes as they arrive.
    pub body: Body,
    /// Its `Content-Length`, if it has one.
    pub length: Option<u64>,
}

/// A piece of a file, or its end; a channel that closes without one was cut off.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Takes a file by a verb, and answers with what that made of it.
pub async fn take(
    api: &Arc<Api>,
    call: Call,
    mut file: File,
    takes: &'static Takes,
    request: &str,
) -> Result<Answer> {
    let busy = "as many files as may be are being taken in already: send it again in a moment";
    let permit = api.uploads.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::new(Code::ServiceUnavailable, busy))?;
    let (pieces, arriving) = channel(PIECES);
    let (theirs, length) = (api.clone(), file.length);
    let mut verb = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let context: &Context = &theirs.context;
        let mut bytes = Arriving { pieces: arriving, piece: Bytes::new(), ended: false };
        takes(context, &call, ArrivingImage { length, bytes: &mut bytes })
    });
    let sent = tokio::select! {
        sent = pass_on(&mut file.body, pieces) => sent,
        early = &mut verb => {
            drop(timeout(DEAF, pass_over(&mut file.body)).await);
            return understood(early, request);
        }
    };
    let unpacked = timeout(Duration::from_millis(IMAGE_IMPORT_DEADLINE + IMAGE_SILENCE), verb);
    let late = || Problem::new(Code::ServiceUnavailable, "it takes too long; it may still come");
    let answer = unpacked.await.map_err(|_| late())?;
    sent.and_then(|()| understood(answer, request))
}

fn understood(
    done: std::result::Result<Result<Reply>, tokio::task::JoinError>,
    request: &str,
) -> Result<Answer> {
    let done = done.unwrap_or_else(|e| Err(Problem::internal("taking in a file", e)));
    done.map(|reply| Answer::of(reply, request))
}

/// Hands on what arrives, until all of it has.
async fn pass_on(body: &mut Body, pieces: Sender<Piece>) -> Result<()> {
    let silence = Duration::from_millis(IMAGE_SILENCE);
    loop {
        let piece = timeout(silence, next(body)).await.map_err(|_| {
            let text = format!("the body did not go on for {} s", silence.as_secs());
            Problem::new(Code::BadRequest, text)
        })?;
        let piece = match piece.transpose()? {
            Some(bytes) => Piece::Bytes(bytes),
            None => Piece::End,
        };
        let is_end = matches!(piece, Piece::End);
        // Nobody takes it: the verb has said why.
        if pieces.send(piece).await.is_err() || is_end {
            return Ok(());
        }
    }
}

async fn pass_over(body: &mut Body) {
    while let Some(Ok(_)) = next(body).await {}
}

/// What arrives next; `None` at the end.
async fn next(body: &mut Body) -> Option<Result<Bytes>> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        let broken = |_| Problem::new(Code::BadRequest, "the body did not arrive whole");
        match frame.map_err(broken) {
            Ok(frame) => match frame.into_data() {
                Ok(bytes) => return Some(Ok(bytes)),
                Err(_) => continue,
            },
            Err(problem) => return Some(Err(problem)),
        }
    }
}

/// The file as the verb reads it.
struct Arriving {
    pieces: Receiver<Piece>,
    piece: Bytes,
    ended: bool,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.piece = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let most = self.piece.len().min(into.len());
        into[..most].copy_from_slice(&self.piece.split_to(most));
        Ok(most)
    }
}
