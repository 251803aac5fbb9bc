//! As much of HTTP/1.1 (RFC 9112) as our own API speaks: one request, one answer, on a stream.
//!
//! By hand because the API's unix socket is no address an HTTP library dials, and because the
//! deadline must hold over the whole exchange, not each read.

use crate::base::limit::API_ANSWER_BYTES_MAX;
use crate::client::{Request, Response, Upload};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Largest head of an answer: ours are under 1 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a file sent at once.
const UPLOAD_BYTES: usize = 64 * 1024;
/// Bytes asked of the stream at once.
const READ_BYTES: usize = 16 * 1024;

/// A stream whose reads and writes end after a time.
pub trait Stream: Read + Write + Send {
    /// Bounds each read and write from now on.
    fn limit(&mut self, each: Duration) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn limit(&mut self, each: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(each))?;
        self.set_write_timeout(Some(each))
    }
}

impl Stream for TcpStream {
    fn limit(&mut self, each: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(each))?;
        self.set_write_timeout(Some(each))
    }
}

/// A stream and what was read from it ahead.
pub struct Connection {
    stream: Box<dyn Stream>,
    ahead: Vec<u8>,
}

impl Connection {
    /// A connection nothing has been sent on.
    pub fn new(stream: Box<dyn Stream>) -> Connection {
        Connection { stream, ahead: Vec::new() }
    }

    fn limit(&mut self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.limit(left)
    }

    /// Reads some more; how much. Zero is the end of the stream.
    fn more(&mut self, until: Instant) -> io::Result<usize> {
        self.limit(until)?;
        let mut some = [0u8; READ_BYTES];
        let n = loop {
            match self.stream.read(&mut some) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => self.limit(until)?,
                other => break other?,
            }
        };
        self.ahead.extend_from_slice(&some[..n]);
        Ok(n)
    }

    /// Exactly `n` bytes.
    fn take(&mut self, n: usize, until: Instant) -> io::Result<Vec<u8>> {
        if n > API_ANSWER_BYTES_MAX {
            return Err(bad("the answer is too large"));
        }
        while self.ahead.len() < n {
            if self.more(until)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.ahead.split_off(n);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// Everything up to and without a mark, which is dropped.
    fn until(&mut self, mark: &[u8], max: usize, until: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(mark.len()).position(|w| w == mark) {
                let mut found = self.take(at + mark.len(), until)?;
                found.truncate(at);
                return Ok(found);
            }
            if self.ahead.len() > max {
                return Err(bad("a line or head is too long"));
            }
            if self.more(until)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<()> {
        self.limit(until)?;
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }
}

/// One exchange. Also says whether the connection can carry another.
pub fn exchange(
    connection: &mut Connection,
    host: &str,
    request: &Request,
    until: Instant,
) -> io::Result<(Response, bool)> {
    let sent = connection.write(&encode(host, request), until);
    // A server that refuses a large body early answers and closes: its answer is still there.
    let head = match (sent, read_head(connection, until)) {
        (_, Ok(head)) => head,
        (Err(e), Err(_)) => return Err(e),
        (Ok(()), Err(e)) => return Err(e),
    };
    let (mut response, framing) = head;
    let (body, ended) = match framing {
        Framing::None => (Vec::new(), false),
        Framing::Length(n) => (connection.take(n, until)?, false),
        Framing::Chunked => (read_chunks(connection, until)?, false),
        Framing::ToTheEnd => (read_to_the_end(connection, until)?, true),
    };
    response.body = body;
    let closes = response.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    Ok((response, !closes && !ended))
}

/// Sends a request whose body is a file, and reads the answer; one that comes early, and is heard
/// when the other end takes no more, is the answer.
pub fn upload(
    mut connection: Connection,
    host: &str,
    request: &Request,
    file: Upload<'_>,
    silence: Duration,
    deadline: Duration,
) -> io::Result<Response> {
    let framing = match file.length {
        Some(bytes) => ("Content-Length", bytes.to_string()),
        None => ("Transfer-Encoding", "chunked".to_owned()),
    };
    let mut request = request.clone();
    request.headers.extend([framing, ("Content-Type", "application/octet-stream".to_owned())]);
    connection.write(&encode(host, &request), Instant::now() + silence)?;
    let sent = send_file(&mut connection, file, silence)?;
    let until = Instant::now() + if sent.is_ok() { deadline } else { silence };
    let (mut response, framing) = match (sent, read_head(&mut connection, until)) {
        (_, Ok(head)) => head,
        (Err(error), Err(_)) | (Ok(()), Err(error)) => return Err(error),
    };
    response.body = match framing {
        Framing::None => Vec::new(),
        Framing::Length(n) => connection.take(n, until)?,
        Framing::Chunked => read_chunks(&mut connection, until)?,
        Framing::ToTheEnd => read_to_the_end(&mut connection, until)?,
    };
    Ok(response)
}

/// Sends a file. The outer error is the file's own, the inner one the connection's.
fn send_file(
    connection: &mut Connection,
    file: Upload<'_>,
    silence: Duration,
) -> io::Result<io::Result<()>> {
    let mut part = vec![0u8; UPLOAD_BYTES];
    loop {
        let read = file.bytes.read(&mut part)?;
        let mut piece = Vec::with_capacity(read + 16);
        match file.length {
            Some(_) => piece.extend_from_slice(&part[..read]),
            None => {
                piece.extend(format!("{read:x}\r\n").into_bytes());
                piece.extend_from_slice(&part[..read]);
                piece.extend_from_slice(b"\r\n");
            }
        }
        let sent = connection.write(&piece, Instant::now() + silence);
        if sent.is_err() || read == 0 {
            return Ok(sent);
        }
    }
}

/// An answer that comes in chunks over time, read as they come.
pub struct Chunks {
    connection: Connection,
    /// Bytes of the chunk that is being read and have not come.
    left: usize,
    /// Whether a chunk was begun, whose end is a line break.
    begun: bool,
}

/// Sends a request whose answer may come over time. One that comes at once is whole; of one that
/// does not, the chunks follow.
pub fn begin(
    mut connection: Connection,
    host: &str,
    request: &Request,
    until: Instant,
) -> io::Result<(Response, Option<Chunks>)> {
    connection.write(&encode(host, request), until)?;
    let (mut response, framing) = read_head(&mut connection, until)?;
    match framing {
        Framing::Chunked if response.status < 300 => {
            let chunks = Chunks { connection, left: 0, begun: false };
            return Ok((response, Some(chunks)));
        }
        Framing::None => {}
        Framing::Length(n) => response.body = connection.take(n, until)?,
        Framing::Chunked => response.body = read_chunks(&mut connection, until)?,
        Framing::ToTheEnd => response.body = read_to_the_end(&mut connection, until)?,
    }
    Ok((response, None))
}

impl Chunks {
    /// What has come by then; empty at the end.
    pub fn more(&mut self, until: Instant) -> io::Result<Vec<u8>> {
        if self.left == 0 {
            if self.begun {
                self.connection.take(2, until)?;
                self.begun = false;
            }
            self.left = read_size(&mut self.connection, until)?;
            if self.left == 0 {
                return Ok(Vec::new());
            }
            self.begun = true;
        }
        if self.connection.ahead.is_empty() && self.connection.more(until)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let there = self.connection.ahead.len().min(self.left);
        self.left -= there;
        self.connection.take(there, until)
    }
}

/// The size of the next chunk; 0 is the end.
fn read_size(connection: &mut Connection, until: Instant) -> io::Result<usize> {
    let line = connection.until(b"\r\n", HEAD_BYTES_MAX, until)?;
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| usize::from_str_radix(text.trim(), 16).ok())
        .ok_or_else(|| bad("no such chunk size"))
}

/// Whether a kept connection failed the way one fails that was closed while idle.
pub fn is_stale(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

fn encode(host: &str, request: &Request) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nUser-Agent: grange/{}\r\n",
        request.method,
        request.path,
        env!("CARGO_PKG_VERSION")
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = request.body.as_deref().unwrap_or_default();
    if request.body.is_some() {
        head.push_str("Content-Type: application/json; charset=utf-8\r\n");
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    ToTheEnd,
}

fn read_head(connection: &mut Connection, until: Instant) -> io::Result<(Response, Framing)> {
    loop {
        let head = connection.until(b"\r\n\r\n", HEAD_BYTES_MAX, until)?;
        let (response, framing) = parse_head(&head)?;
        if response.status >= 200 {
            return Ok((response, framing));
        }
    }
}

fn parse_head(head: &[u8]) -> io::Result<(Response, Framing)> {
    let text = std::str::from_utf8(head).map_err(|_| bad("the head is not text"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse::<u16>().ok())
        .ok_or_else(|| bad("no HTTP status line"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let response = Response { status, headers, body: Vec::new() };
    let chunked = response.header("transfer-encoding").is_some_and(|v| v.contains("chunked"));
    let framing = match (status, response.header("content-length")) {
        (100..200 | 204 | 304, _) => Framing::None,
        _ if chunked => Framing::Chunked,
        (_, Some(n)) => Framing::Length(n.parse().map_err(|_| bad("no such content length"))?),
        (_, None) => Framing::ToTheEnd,
    };
    Ok((response, framing))
}

fn read_chunks(connection: &mut Connection, until: Instant) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_size(connection, until)?;
        if size == 0 {
            // Trailers, which nobody of ours sends, end with an empty line.
            while !connection.until(b"\r\n", HEAD_BYTES_MAX, until)?.is_empty() {}
            return Ok(body);
        }
        if body.len().saturating_add(size) > API_ANSWER_BYTES_MAX {
            return Err(bad("the answer is too large"));
        }
        body.extend(connection.take(size, until)?);
        connection.take(2, until)?;
    }
}

fn read_to_the_end(connection: &mut Connection, until: Instant) -> io::Result<Vec<u8>> {
    while connection.more(until)? > 0 {
        if connection.ahead.len() > API_ANSWER_BYTES_MAX {
            return Err(bad("the answer is too large"));
        }
    }
    Ok(std::mem::take(&mut connection.ahead))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn answer(raw: &'static [u8]) -> io::Result<(Response, bool)> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let mut request = [0u8; 1024];
            let n = theirs.read(&mut request).unwrap();
            theirs.write_all(raw).unwrap();
            String::from_utf8(request[..n].to_vec()).unwrap()
        });
        let request = Request {
            method: "POST",
            path: "/x?y=1".into(),
            headers: vec![("If-Match", "\"3\"".into())],
            body: Some(b"{}".to_vec()),
        };
        let mut connection = Connection::new(Box::new(ours));
        let until = Instant::now() + Duration::from_secs(10);
        let result = exchange(&mut connection, "h", &request, until);
        let sent = serving.join().unwrap();
        assert!(sent.starts_with("POST /x?y=1 HTTP/1.1\r\nHost: h\r\n"), "{sent}");
        assert!(sent.ends_with("Content-Length: 2\r\n\r\n{}"), "{sent}");
        result
    }

    #[test]
    fn answers_are_read_however_they_are_framed() {
        let check = |raw: &'static [u8], status, body: &str, reusable| {
            let (response, again) = answer(raw).unwrap();
            let text = String::from_utf8(response.body).unwrap();
            assert_eq!((response.status, text.as_str(), again), (status, body, reusable));
        };
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true);
        check(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", 404, "", false);
        check(b"HTTP/1.1 204 None\r\n\r\n", 204, "", true);
        check(
            b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx",
            201,
            "x",
            true,
        );
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        check(chunked, 200, "abcde", true);
        check(b"HTTP/1.0 200 OK\r\n\r\nall of it", 200, "all of it", false);
    }

    #[test]
    fn chunks_are_read_as_they_come() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (go, may) = std::sync::mpsc::channel::<()>();
        let serving = thread::spawn(move || {
            assert!(theirs.read(&mut [0; 1024]).unwrap() > 0);
            theirs
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab")
                .unwrap();
            may.recv().unwrap();
            theirs.write_all(b"cd\r\n1\r\ne\r\n").unwrap();
            may.recv().unwrap();
        });
        let request = Request { method: "GET", path: "/".into(), headers: vec![], body: None };
        let until = Instant::now() + Duration::from_secs(20);
        let begun = begin(Connection::new(Box::new(ours)), "h", &request, until).unwrap();
        let (200, Some(mut chunks)) = (begun.0.status, begun.1) else { panic!("chunks") };
        assert_eq!(chunks.more(until).unwrap(), b"ab");
        let nothing = chunks.more(Instant::now() + Duration::from_millis(5)).unwrap_err();
        assert!(matches!(nothing.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        go.send(()).unwrap();
        let mut rest = Vec::new();
        while rest.len() < 3 {
            rest.extend(chunks.more(until).unwrap());
        }
        assert_eq!(rest, b"cde");
        go.send(()).unwrap();
        let cut = chunks.more(until).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof, "it ended before its end");
        serving.join().unwrap();
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let check = |raw: &'static [u8], kind| assert_eq!(answer(raw).unwrap_err().kind(), kind);
        check(b"SSH-2.0-OpenSSH\r\n\r\n", io::ErrorKind::InvalidData);
        check(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", io::ErrorKind::InvalidData);
        check(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            io::ErrorKind::InvalidData,
        );
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", io::ErrorKind::UnexpectedEof);
        check(b"", io::ErrorKind::UnexpectedEof);
    }
}
