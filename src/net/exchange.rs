//! One HTTP/1.1 request over TLS: how an agent enrols.
//!
//! The HTTP library cannot verify by fingerprint, and enrolment is one POST with a short answer,
//! so it is written out here: total deadline, bounded answer, one connection a request.

use super::tls::{ClientConfig, dial};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The other end could not be reached, broke off, was somebody else, or took too long.
    #[error("asking {address}")]
    Connection {
        /// Who was asked.
        address: SocketAddr,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// What came back is not HTTP, or too long.
    #[error("reading the answer of {0}: {1}")]
    Answer(SocketAddr, &'static str),
    /// It answered, and said no.
    #[error("{address} answered {status}: {text}")]
    Refused {
        /// Who said no.
        address: SocketAddr,
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
}

/// Sends `body` as JSON in a POST to `path` at `address` and returns the body of a 200 answer of
/// at most `bytes_max` bytes with its header. Blocks until the deadline at the latest.
pub fn post(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
    path: &str,
    body: &[u8],
    bytes_max: usize,
    deadline: Duration,
) -> Result<Vec<u8>, ExchangeError> {
    let failed = |source| ExchangeError::Connection { address, source };
    let name = address.ip().to_string();
    let mut stream = dial(config, address, &name, deadline).map_err(failed)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answer = stream
        .write_all(&[head.as_bytes(), body].concat())
        .and_then(|()| stream.flush())
        .and_then(|()| read_to_end(&mut stream, bytes_max))
        .map_err(failed)?;
    let (status, content) =
        parse(&answer, bytes_max).map_err(|why| ExchangeError::Answer(address, why))?;
    if status == 200 {
        return Ok(content.to_vec());
    }
    let text = String::from_utf8_lossy(content).trim().to_owned();
    Err(ExchangeError::Refused { address, status, text })
}

/// Reads until the other end closes or the limit is passed by one byte.
fn read_to_end(stream: &mut impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    match stream.take(limit).read_to_end(&mut bytes) {
        // A peer that closes without saying so in TLS: the length in the header decides.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && !bytes.is_empty() => Ok(bytes),
        Err(e) => Err(e),
        Ok(_) => Ok(bytes),
    }
}

/// Status and body of a whole answer with a `Content-Length`.
fn parse(answer: &[u8], bytes_max: usize) -> Result<(u16, &[u8]), &'static str> {
    if answer.len() > bytes_max {
        return Err("too long");
    }
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no end of the header")?;
    let header = std::str::from_utf8(&answer[..end]).map_err(|_| "header is not text")?;
    let body = &answer[end + 4..];
    let mut lines = header.split("\r\n");
    let mut status_line = lines.next().unwrap_or_default().split(' ');
    let http = status_line.next().unwrap_or_default();
    if http != "HTTP/1.1" && http != "HTTP/1.0" {
        return Err("not HTTP");
    }
    let status = status_line.next().and_then(|s| s.parse().ok()).ok_or("no status")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or("no content length")?;
    if body.len() < length {
        return Err("cut short");
    }
    Ok((status, &body[..length]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_or_refused() {
        let check = |answer: &str, expected: Result<(u16, &str), &'static str>| {
            let got = parse(answer.as_bytes(), 80);
            assert_eq!(got.map(|(s, b)| (s, std::str::from_utf8(b).unwrap())), expected);
        };
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Ok((200, "hi")));
        check("HTTP/1.1 403 No\r\ncontent-length:0\r\n\r\n", Ok((403, "")));
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", Err("cut short"));
        check("HTTP/1.1 200 OK\r\n\r\nhi", Err("no content length"));
        check("SSH-2.0-x\r\n\r\n", Err("not HTTP"));
        check("HTTP/1.1 200 OK\r\n", Err("no end of the header"));
        check(&"x".repeat(81), Err("too long"));
    }
}
