//! The one thing that may be asked without a certificate: `POST /enrol`, for one.
//!
//! HTTP/1.1, one request a connection, written out because nothing more is wanted of it: a bounded
//! head, a bounded body with its length, JSON in and out.

use super::refused::Kind;
use super::{GateParts, Refusal};
use crate::base::limit::ENROL_BYTES_MAX;
use crate::net::tls::ServerStream;
use crate::wire::agent::{EnrolRequest, EnrolResponse, VERSION};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Largest head; ours is under 300 bytes.
const HEAD_BYTES_MAX: usize = 4096;

/// A status and what is said with it.
type Answer = (u16, &'static str, String);

/// Reads one request, answers it, and closes.
pub async fn serve(gate: &GateParts, stream: &mut ServerStream, from: SocketAddr) {
    let (status, reason, body) = match read(stream).await {
        Ok(request) => enrol(gate, request, from).await,
        Err(None) => return,
        Err(Some(answer)) => {
            gate.refused.note(Kind::EnrolShape, from, None, &answer.2);
            answer
        }
    };
    let text = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A peer that is gone by now asks again.
    if stream.write_all(text.as_bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}

async fn enrol(gate: &GateParts, request: EnrolRequest, from: SocketAddr) -> Answer {
    let EnrolRequest { v: _, server, token, csr } = request;
    let asked = gate.admission.enrol(server, token.reveal().to_owned(), csr).await;
    match asked {
        Ok(certificate) => {
            let response = EnrolResponse { v: VERSION, certificate };
            match serde_json::to_string(&response) {
                Ok(json) => (200, "OK", json),
                Err(error) => {
                    tracing::error!(%error, %server, "writing an enrolment's answer");
                    (500, "Internal Server Error", said("the answer could not be written"))
                }
            }
        }
        Err(Refusal::Never(why)) => {
            gate.refused.note(Kind::Enrol, from, Some(server), &why);
            (403, "Forbidden", said(&why))
        }
        Err(Refusal::Later(why)) => {
            gate.refused.note(Kind::NotNow, from, Some(server), &why);
            (503, "Service Unavailable", said(&why))
        }
    }
}

/// What is wrong, as JSON.
fn said(why: &str) -> String {
    serde_json::json!({ "message": why }).to_string()
}

/// Reads one whole request; an answer when it is none we take, nothing when the peer is gone.
async fn read(stream: &mut ServerStream) -> Result<EnrolRequest, Option<Answer>> {
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 1024];
    loop {
        match whole(&bytes) {
            Ok(Some(body)) => {
                return serde_json::from_slice(body)
                    .map_err(|e| Some((400, "Bad Request", said(&format!("not a request: {e}")))));
            }
            Ok(None) => {}
            Err(answer) => return Err(Some(answer)),
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return Err(None),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

/// The body, once head and body are whole; the answer to anything but `POST /enrol`.
fn whole(bytes: &[u8]) -> Result<Option<&[u8]>, Answer> {
    let bad = |why: &str| (400, "Bad Request", said(why));
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(bad("the head is too long"))
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("the head is not text"))?;
    let mut lines = head.split("\r\n");
    match lines.next().unwrap_or_default().split(' ').collect::<Vec<_>>().as_slice() {
        ["POST", "/enrol", "HTTP/1.1" | "HTTP/1.0"] => {}
        [_, _, "HTTP/1.1" | "HTTP/1.0"] => {
            return Err((404, "Not Found", said("agents enrol here with POST /enrol")));
        }
        _ => return Err(bad("not HTTP")),
    }
    let lengths: Vec<&str> = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim())
        .collect();
    let [length] = lengths.as_slice() else {
        return Err((411, "Length Required", said("say one content length")));
    };
    let length: usize = length.parse().map_err(|_| bad("the content length is no number"))?;
    if length > ENROL_BYTES_MAX {
        return Err((413, "Content Too Large", said("the request is too long")));
    }
    Ok(bytes.get(end + 4..end + 4 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_whole_waiting_or_refused() {
        let check = |text: &str, expected: Result<Option<&str>, u16>| {
            let got = whole(text.as_bytes());
            let got = got.map(|b| b.map(|b| std::str::from_utf8(b).unwrap())).map_err(|a| a.0);
            assert_eq!(got, expected, "{text:.60}");
        };
        check("", Ok(None));
        check("POST /enrol HTTP/1.1\r\n", Ok(None));
        check("POST /enrol HTTP/1.1\r\nContent-Length: 2\r\n\r\n{", Ok(None));
        check("POST /enrol HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}x", Ok(Some("{}")));
        check("GET /enrol HTTP/1.1\r\n\r\n", Err(404));
        check("POST / HTTP/1.1\r\n\r\n", Err(404));
        check("POST /enrol SPDY\r\n\r\n", Err(400));
        check("POST /enrol HTTP/1.1\r\n\r\n", Err(411));
        check("POST /enrol HTTP/1.1\r\nContent-Length:1\r\nContent-Length:2\r\n\r\n", Err(411));
        check("POST /enrol HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Err(400));
        check("POST /enrol HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", Err(413));
        check(&"x".repeat(HEAD_BYTES_MAX), Ok(None));
        check(&"x".repeat(HEAD_BYTES_MAX + 1), Err(400));
        check("POST /enrol HTTP/1.0\r\nContent-Length: 65536\r\n\r\n", Ok(None));
    }

    #[test]
    fn who_is_refused_is_told_what_would_be_right() {
        let check = |bytes: &[u8], expected: (u16, &str, &str)| {
            let (status, reason, body) = whole(bytes).unwrap_err();
            let (status_expected, reason_expected, why) = expected;
            let body_expected = format!("{{\"message\":\"{why}\"}}");
            assert_eq!((status, reason), (status_expected, reason_expected));
            assert_eq!(body, body_expected);
        };
        let long = [b'x'; HEAD_BYTES_MAX + 1];
        check(&long, (400, "Bad Request", "the head is too long"));
        check(b"\xff\r\n\r\n", (400, "Bad Request", "the head is not text"));
        check(b"POST /enrol\r\n\r\n", (400, "Bad Request", "not HTTP"));
        let elsewhere = (404, "Not Found", "agents enrol here with POST /enrol");
        check(b"POST /other HTTP/1.1\r\n\r\n", elsewhere);
        let none = (411, "Length Required", "say one content length");
        check(b"POST /enrol HTTP/1.1\r\nHost: x\r\n\r\n", none);
        let no_number = (400, "Bad Request", "the content length is no number");
        check(b"POST /enrol HTTP/1.1\r\nContent-Length: x\r\n\r\n", no_number);
        let much =
            format!("POST /enrol HTTP/1.1\r\nContent-Length: {}\r\n\r\n", ENROL_BYTES_MAX + 1);
        check(much.as_bytes(), (413, "Content Too Large", "the request is too long"));
    }
}
