//! As much HTTP/1.1 as the demo's web server and load generator say to each other (RFC 9112):
//! heads with a bound, bodies by their length, connections kept.

use std::io::{self, Read};

/// Longest head of a request or an answer.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest body that is read, to be thrown away.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The first line and what of the fields matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// `GET /burn?ms=50 HTTP/1.1`, `HTTP/1.1 200 OK`.
    pub(super) first: String,
    /// `Content-Length`; an answer without one lasts until the connection's end.
    pub(super) length: Option<usize>,
    /// The other side wants no more on this connection.
    pub(super) close: bool,
    /// The other side asked for the connection to be kept, as HTTP/1.0 must.
    pub(super) keep: bool,
    /// A transfer coding, which nobody here reads.
    pub(super) coded: bool,
}

/// What comes of waiting for a head.
pub(super) enum Got {
    /// A whole one.
    Head(Head),
    /// The connection ended between messages.
    End,
    /// The time for one read is over, between messages; there may be more later.
    Quiet,
}

/// Reads messages off a connection, keeping what it read too much of for the next.
pub(super) struct Messages<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: Read> Messages<R> {
    pub(super) fn new(stream: R) -> Messages<R> {
        Messages { stream, buffer: Vec::new() }
    }

    pub(super) fn head(&mut self) -> io::Result<Got> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = parse(&self.buffer[..end])?;
                self.buffer.drain(..end + 4);
                return Ok(Got::Head(head));
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(bad("a head that is too long"));
            }
            match self.more() {
                Ok(0) if self.buffer.is_empty() => return Ok(Got::End),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) && self.buffer.is_empty() => {
                    return Ok(Got::Quiet);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a body and throws it away.
    pub(super) fn skip(&mut self, length: usize) -> io::Result<()> {
        if length > BODY_BYTES_MAX {
            return Err(bad("a body that is too long"));
        }
        while self.buffer.len() < length {
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.buffer.drain(..length);
        Ok(())
    }

    /// Whether the next message has begun to arrive.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut piece = [0; 4096];
        let read = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(read)
    }
}

/// Whether a read or write took longer than it may.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn parse(bytes: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad("a head that is no text"))?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let mut head = Head { first, ..Head::default() };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| bad("a field without a colon"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                head.length = Some(value.parse().map_err(|_| bad("a length that is none"))?);
            }
            "connection" => {
                head.close |= value.eq_ignore_ascii_case("close");
                head.keep |= value.eq_ignore_ascii_case("keep-alive");
            }
            "transfer-encoding" => head.coded = true,
            _ => {}
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_on_one_connection() {
        let bytes = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /x HTTP/1.1\r\n\
                      connection: CLOSE\r\n\r\n";
        let mut messages = Messages::new(&bytes[..]);
        let Got::Head(post) = messages.head().unwrap() else { panic!("no first head") };
        assert_eq!((post.first.as_str(), post.length), ("POST / HTTP/1.1", Some(3)));
        messages.skip(3).unwrap();
        assert!(messages.has_more());
        let Got::Head(get) = messages.head().unwrap() else { panic!("no second head") };
        assert_eq!((get.first.as_str(), get.close), ("GET /x HTTP/1.1", true));
        assert!(matches!(messages.head().unwrap(), Got::End));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let check = |bytes: &[u8]| assert!(Messages::new(bytes).head().is_err(), "{bytes:?}");
        check(b"GET / HT");
        check(b"GET / HTTP/1.1\r\nnonsense\r\n\r\n");
        check(b"GET / HTTP/1.1\r\ncontent-length: many\r\n\r\n");
        check(&vec![b'x'; HEAD_BYTES_MAX + 5000]);
        assert!(Messages::new(&b"ab"[..]).skip(3).is_err());
        assert!(Messages::new(&b""[..]).skip(usize::MAX).is_err());
    }
}
