//! A request, a deadline, an answer; and the one transport there is, over streams it dials.

use crate::base::problem::chain;
use crate::client::Error;
use crate::client::http1::{self, Chunks, Connection, Stream};
use crate::net::tls::{self, Alpn, Names, Trust};
use std::io;
use std::net::ToSocketAddrs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Headers beyond the ones every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, if any.
    pub body: Option<Vec<u8>>,
}

/// What comes back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Carries a request over and the answer back.
pub trait Transport: Send + Sync {
    /// One exchange, all of it within the deadline.
    fn exchange(&self, request: &Request, deadline: Duration) -> Result<Response, Error>;
    /// Sends a request whose answer comes over time; the deadline is for its beginning. An answer
    /// without chunks is whole.
    fn begin(
        &self,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Response, Option<Chunks>), Error>;
    /// Sends a request with a file as its body, in chunks where its length is not known. Each write
    /// has `silence`, the answer `deadline`.
    fn upload(
        &self,
        request: &Request,
        file: Upload<'_>,
        silence: Duration,
        deadline: Duration,
    ) -> Result<Response, Error>;
    /// What a failure of such chunks is called.
    fn broken(&self, source: io::Error, deadline: Duration) -> Error;
    /// Where it goes, for messages.
    fn address(&self) -> String;
}

/// Opens a stream to the appliance within a time.
pub type Dial = Box<dyn Fn(Duration) -> io::Result<Box<dyn Stream>> + Send + Sync>;

/// HTTP/1.1 over whatever `dial` opens, with one connection kept for the next exchange.
pub struct Http {
    address: String,
    host: String,
    dial: Dial,
    idle: Mutex<Option<Connection>>,
}

/// The transport over the appliance's unix socket.
pub fn socket(path: PathBuf) -> Http {
    let address = path.display().to_string();
    Http::new(
        address,
        "localhost".to_owned(),
        Box::new(move |_| {
            // Connecting to a unix socket answers at once or, with a full backlog, when the
            // appliance accepts; the exchange's own deadline starts with the first byte.
            UnixStream::connect(&path).map(|stream| Box::new(stream) as Box<dyn Stream>)
        }),
    )
}

/// The transport over HTTPS, believing this authority alone.
pub fn https(url: &str, authority_pem: Option<&str>) -> Result<Http, Error> {
    let wrong = |message: String| Error::Address { url: url.to_owned(), message };
    let (authority, name, port) = authority(url).map_err(|message| wrong(message.to_owned()))?;
    let pem = authority_pem.ok_or_else(|| {
        wrong("which certificate authority may vouch for it? say --ca FILE".to_owned())
    })?;
    let trust = Trust::Authority(pem.to_owned());
    let config = tls::client_config(&trust, Names::Checked, None, Alpn::Http)
        .map_err(|e| wrong(format!("the certificate authority: {}", chain(&e))))?;
    let bare = name.trim_matches(['[', ']']).to_owned();
    let dial: Dial = Box::new(move |deadline| {
        let mut last = unknown(&bare, None);
        let until = Instant::now() + deadline;
        let addresses = (bare.as_str(), port).to_socket_addrs();
        for address in addresses.map_err(|error| unknown(&bare, Some(&error)))? {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match tls::dial(&config, address, &bare, left) {
                Ok(stream) => return Ok(Box::new(stream) as Box<dyn Stream>),
                // Where somebody answered, it matters little that nobody did elsewhere.
                Err(_) if tls::handshake_failure(&last).is_some() => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    });
    Ok(Http::new(url.to_owned(), authority, dial))
}

/// What is said of a name that leads nowhere.
fn unknown(name: &str, error: Option<&io::Error>) -> io::Error {
    let why = error.map_or_else(|| "it has no address".to_owned(), ToString::to_string);
    io::Error::other(format!("no machine is known by the name {name} ({why})"))
}

impl Stream for tls::Dialled {
    fn limit(&mut self, each: Duration) -> io::Result<()> {
        self.renew(each);
        Ok(())
    }
}

/// Authority, name and port of an address.
fn authority(url: &str) -> Result<(String, String, u16), &'static str> {
    let rest = match url.strip_prefix("https://") {
        Some(rest) => rest,
        None if url.starts_with("http://") => {
            return Err("must begin with https://: nobody speaks plain HTTP with the API");
        }
        None => return Err("must begin with https://"),
    };
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '@', '?', '#', ' ']) {
        return Err("must be https://name:port and nothing more");
    }
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => {
            (name, port.parse().map_err(|_| "has no such port")?)
        }
        Some(_) | None => (authority, 443),
    };
    Ok((authority.to_owned(), name.to_owned(), port))
}

impl Http {
    /// A transport that dials so. `address` is for people, `host` is the `Host` header.
    pub fn new(address: String, host: String, dial: Dial) -> Http {
        Http { address, host, dial, idle: Mutex::new(None) }
    }

    fn idle(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, connection: Connection) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    fn over(
        &self,
        mut connection: Connection,
        request: &Request,
        until: Instant,
    ) -> Result<Response, io::Error> {
        let (response, reusable) = http1::exchange(&mut connection, &self.host, request, until)?;
        if reusable {
            self.keep(connection);
        }
        Ok(response)
    }

    /// What became of a connection that was being opened.
    fn unopened(&self, source: io::Error, deadline: Duration) -> Error {
        let address = self.address.clone();
        match (tls::handshake_failure(&source), source.kind()) {
            (Some(why), _) => Error::Untrusted { address, why },
            (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                Error::Late { address, seconds: deadline.as_secs() }
            }
            (None, _) => Error::Unreachable { address, source },
        }
    }

    /// What became of one that was open.
    fn fault(&self, source: io::Error, deadline: Duration) -> Error {
        let address = self.address.clone();
        match (tls::handshake_failure(&source), source.kind()) {
            (Some(why), _) => Error::Untrusted { address, why },
            (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                Error::Late { address, seconds: deadline.as_secs() }
            }
            (None, io::ErrorKind::InvalidData) => Error::Shape(source.to_string()),
            (None, _) => Error::Broken { address, source },
        }
    }
}

/// A file that is sent.
pub struct Upload<'a> {
    /// How many bytes it has, where that is known.
    pub length: Option<u64>,
    /// The content, from its beginning.
    pub bytes: &'a mut dyn io::Read,
}

impl Transport for Http {
    fn exchange(&self, request: &Request, deadline: Duration) -> Result<Response, Error> {
        let until = Instant::now() + deadline;
        if let Some(kept) = self.idle() {
            match self.over(kept, request, until) {
                Err(e) if http1::is_stale(&e) => {}
                other => return other.map_err(|e| self.fault(e, deadline)),
            }
        }
        let stream = (self.dial)(until.saturating_duration_since(Instant::now()))
            .map_err(|source| self.unopened(source, deadline))?;
        self.over(Connection::new(stream), request, until).map_err(|e| self.fault(e, deadline))
    }

    fn begin(
        &self,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Response, Option<Chunks>), Error> {
        let until = Instant::now() + deadline;
        // A connection of its own: it is busy for as long as anybody reads.
        let stream = (self.dial)(until.saturating_duration_since(Instant::now()))
            .map_err(|source| self.unopened(source, deadline))?;
        http1::begin(Connection::new(stream), &self.host, request, until)
            .map_err(|e| self.fault(e, deadline))
    }

    fn upload(
        &self,
        request: &Request,
        file: Upload<'_>,
        silence: Duration,
        deadline: Duration,
    ) -> Result<Response, Error> {
        // A connection of its own, which nothing was sent on: what was sent once is not there to
        // be sent again.
        let stream = (self.dial)(silence).map_err(|source| self.unopened(source, silence))?;
        let connection = Connection::new(stream);
        http1::upload(connection, &self.host, request, file, silence, deadline)
            .map_err(|e| self.fault(e, deadline))
    }

    fn broken(&self, source: io::Error, deadline: Duration) -> Error {
        self.fault(source, deadline)
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_kept_connection_that_was_closed_is_replaced_once() {
        let name = format!("grange-transport-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let serving = std::thread::spawn(move || {
            for answer in ["one", "two"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0u8; 1024];
                assert!(stream.read(&mut request).unwrap() > 0);
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
                stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
                // Closed without a word: the answer promised that it would stay open.
            }
        });
        let transport = socket(path.clone());
        let path_asked = "/".to_owned();
        let request = Request { method: "GET", path: path_asked, headers: Vec::new(), body: None };
        for expected in [b"one", b"two"] {
            let answer = transport.exchange(&request, Duration::from_secs(20)).unwrap();
            assert_eq!(answer.body, expected);
        }
        serving.join().unwrap();
        assert!(matches!(
            transport.exchange(&request, Duration::from_secs(20)),
            Err(Error::Unreachable { .. })
        ));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn who_never_answers_costs_a_deadline() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = Mutex::new(Some(ours));
        let dial: Dial = Box::new(move |_| {
            let stream = ours.lock().unwrap().take().ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        });
        let transport = Http::new("there".into(), "there".into(), dial);
        let request = Request { method: "GET", path: "/".into(), headers: Vec::new(), body: None };
        let error = transport.exchange(&request, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error}");
        drop(theirs);
    }

    #[test]
    fn addresses_have_a_name_and_a_port() {
        let check = |url: &str, name: &str, port: u16| {
            let (_, n, p) = authority(url).unwrap();
            assert_eq!((n.as_str(), p), (name, port), "{url}");
        };
        check("https://grange.example", "grange.example", 443);
        check("https://10.0.0.5:7443/", "10.0.0.5", 7443);
        check("https://[::1]:7443", "[::1]", 7443);
        for url in ["http://x", "x:7443", "https://", "https://a/b", "https://u@x", "https://x:y"] {
            assert!(authority(url).is_err(), "{url}");
        }
    }
}
