//! One call to a Docker Engine: a request over its socket, and its whole answer.
//!
//! HTTP/1.0 on purpose: the engine then answers without chunks and closes at the end, so that
//! nothing of a connection outlives its call. Every call has a deadline for everything together and
//! a bound for its answer. What was certainly not sent is told apart from what may have happened.

use super::tls::{EngineTls, refusal};
use crate::base::limit::{DOCKER_ANSWER_BYTES_MAX, DOCKER_CALL_DEADLINE};
use crate::clouds::CloudError;
use crate::net::tls::Dialled;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest header of an answer.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Who is not there at all is not waited for as long as who is slow.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A `host:port` that is spoken to without TLS.
    Tcp(String),
}

/// An engine and the way to call it.
#[derive(Clone, Debug)]
pub struct DockerEngine {
    /// Where each of its calls is sent.
    pub endpoint: Endpoint,
    /// How TLS is spoken there; `None` where it is not.
    pub tls: Option<EngineTls>,
}

/// What an engine answered to one call.
pub struct EngineAnswer {
    /// The HTTP status, whatever it is.
    pub status: u16,
    /// The whole body, never a part of it.
    pub body: Vec<u8>,
}

/// The body of a request.
pub enum Content<'a> {
    /// A request that says it all in its path.
    Nothing,
    /// An object as JSON.
    Json(&'a Value),
    /// An archive of so many bytes.
    Archive(u64, &'a mut dyn Read),
}

impl Endpoint {
    /// Reads `unix:///var/run/docker.sock` or `tcp://10.0.0.7:2375`.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        const RIGHT: &str = "write unix:///var/run/docker.sock, or tcp://10.0.0.7:2375";
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Endpoint::Unix(path.into())),
            Some(("unix", _)) => Err(format!("its path is to begin with a slash: {RIGHT}")),
            Some(("tcp", place)) => match place.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Endpoint::Tcp(place.to_owned()))
                }
                _ => Err(format!("it needs a host and a port: {RIGHT}")),
            },
            Some(("http" | "https", _)) => Err(format!("Docker writes tcp for that: {RIGHT}")),
            Some((scheme, _)) => Err(format!("{scheme} is not spoken: {RIGHT}")),
            None if text.starts_with('/') => Err(format!("write unix://{text}")),
            None => Err(RIGHT.to_owned()),
        }
    }
}

trait Wire: Read + Write {
    fn limit(&self, left: Duration) -> io::Result<()>;
    fn local_ip(&self) -> Option<IpAddr>;
}

impl Wire for UnixStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }

    fn local_ip(&self) -> Option<IpAddr> {
        None
    }
}

impl Wire for TcpStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left)).and_then(|()| self.set_write_timeout(Some(left)))
    }

    fn local_ip(&self) -> Option<IpAddr> {
        self.local_addr().ok().map(|address| address.ip())
    }
}

impl Wire for Dialled {
    fn limit(&self, _left: Duration) -> io::Result<()> {
        // It ends with the deadline it was dialled with.
        Ok(())
    }

    fn local_ip(&self) -> Option<IpAddr> {
        self.local_address().ok().map(|address| address.ip())
    }
}

impl DockerEngine {
    /// Asks for an object. What is not there is `None`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CloudError> {
        let answer = self.call("GET", path, Content::Nothing)?;
        match answer.status {
            404 => Ok(None),
            200 => self.read(path, &answer.body).map(Some),
            _ => Err(answer.error()),
        }
    }

    /// The object in an answer; what was cut short is none.
    pub fn read<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, CloudError> {
        serde_json::from_slice(body)
            .map_err(|error| CloudError::Unknown(format!("the answer to {path}: {error}")))
    }

    /// Makes a call. Blocks until the engine answered, or its deadline is over.
    ///
    /// # Errors
    /// `Busy` and `Credentials` when nothing was sent, `Unknown` when there is no whole answer.
    /// What the engine answers, whatever its status, is no error here.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        content: Content,
    ) -> Result<EngineAnswer, CloudError> {
        let end = Instant::now() + Duration::from_millis(DOCKER_CALL_DEADLINE);
        let mut wire = self.connect(end)?;
        let lost = |doing: &str| {
            let asked = format!("{method} {path}");
            let doing = doing.to_owned();
            move |error: io::Error| {
                let why = match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        format!("no answer within {} s", DOCKER_CALL_DEADLINE / 1000)
                    }
                    _ => error.to_string(),
                };
                CloudError::Unknown(format!("{doing} {asked}: {why}"))
            }
        };
        let sent = send(&mut *wire, (method, path), content, end);
        // An engine that refuses what it is sent answers before it has read all of it.
        let answer = receive(&mut *wire, end);
        match (sent, answer) {
            (_, Ok(answer)) => parse(&answer),
            (sent, Err(error)) => {
                let refused = refusal(&error).or_else(|| refusal(sent.as_ref().err()?));
                Err(refused.unwrap_or_else(|| match sent {
                    Err(error) => lost("sending")(error),
                    Ok(()) => lost("the answer to")(error),
                }))
            }
        }
    }

    /// The address that this machine has on the way to the engine; `None` over a socket.
    pub fn local_ip(&self) -> Result<Option<IpAddr>, CloudError> {
        let wire = self.connect(Instant::now() + CONNECT_DEADLINE)?;
        Ok(wire.local_ip())
    }

    fn connect(&self, end: Instant) -> Result<Box<dyn Wire>, CloudError> {
        match &self.endpoint {
            Endpoint::Unix(path) => match UnixStream::connect(path) {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(unconnected(path, &error)),
            },
            Endpoint::Tcp(place) => {
                let busy = |error: io::Error| {
                    CloudError::Busy(format!("nothing answers at {place}: {error}"))
                };
                let mut found = place.to_socket_addrs().map_err(busy)?;
                let address = found.next();
                let address = address.ok_or_else(|| busy(ErrorKind::NotFound.into()))?;
                let left = end.saturating_duration_since(Instant::now());
                if let Some(tls) = &self.tls {
                    return Ok(Box::new(tls.dial(address, left)?));
                }
                let stream = TcpStream::connect_timeout(&address, left.min(CONNECT_DEADLINE));
                Ok(Box::new(stream.map_err(busy)?))
            }
        }
    }
}

/// Why a socket cannot be connected to, with what to do.
fn unconnected(path: &std::path::Path, error: &io::Error) -> CloudError {
    let shown = path.display();
    let meta = std::fs::metadata(path);
    let is_socket = meta.as_ref().is_ok_and(|meta| meta.file_type().is_socket());
    match error.kind() {
        ErrorKind::NotFound => {
            CloudError::Busy(format!("there is no {shown}: is Docker installed and started?"))
        }
        ErrorKind::PermissionDenied => {
            let group = meta.map(|meta| group_of(meta.gid())).unwrap_or_default();
            let may = match group.as_str() {
                "" => "another user may".to_owned(),
                "root" => "only root may".to_owned(),
                group => format!(
                    "the group {group} may: usermod -aG {group} USER, and start the appliance anew"
                ),
            };
            CloudError::Credentials(format!("the appliance may not use {shown}; {may}"))
        }
        _ if !is_socket && path.exists() => CloudError::Busy(format!("{shown} is not a socket")),
        ErrorKind::ConnectionRefused => {
            CloudError::Busy(format!("nobody listens at {shown}: is Docker running?"))
        }
        _ => CloudError::Busy(format!("connecting to {shown}: {error}")),
    }
}

/// What a group is called here; its number where it has no name.
fn group_of(gid: u32) -> String {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| gid.to_string())
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn send(
    wire: &mut dyn Wire,
    (method, path): (&str, &str),
    content: Content,
    end: Instant,
) -> io::Result<()> {
    wire.limit(left(end)?)?;
    let json;
    let (kind, length, body): (&str, u64, &mut dyn Read) = match content {
        Content::Nothing => ("text/plain", 0, &mut io::empty()),
        Content::Json(value) => {
            json = value.to_string();
            ("application/json", json.len() as u64, &mut json.as_bytes())
        }
        Content::Archive(length, archive) => ("application/x-tar", length, archive),
    };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    wire.write_all(head.as_bytes())?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = body.read(&mut piece)?;
        if count == 0 {
            return wire.flush();
        }
        wire.limit(left(end)?)?;
        wire.write_all(&piece[..count])?;
    }
}

fn receive(wire: &mut dyn Wire, end: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        wire.limit(left(end)?)?;
        match wire.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > DOCKER_ANSWER_BYTES_MAX {
            let text = format!("it is longer than {DOCKER_ANSWER_BYTES_MAX} bytes");
            return Err(io::Error::other(text));
        }
    }
}

fn parse(answer: &[u8]) -> Result<EngineAnswer, CloudError> {
    let unknown = |why: &str| CloudError::Unknown(format!("what answers is no Docker: {why}"));
    if answer.is_empty() {
        return Err(CloudError::Unknown("the connection was closed without an answer".to_owned()));
    }
    let head = &answer[..answer.len().min(HEADER_BYTES_MAX)];
    let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Err(match answer.first() {
            // The record of an alert, or of a handshake.
            Some(0x15 | 0x16) => unknown("it speaks TLS: say whom to believe, with ca or pin"),
            _ => unknown("no HTTP"),
        });
    };
    let header = String::from_utf8_lossy(&answer[..end]);
    let mut lines = header.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status =
        first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| unknown("no HTTP"))?;
    let body = answer[end + 4..].to_vec();
    let said = lines.filter_map(|line| line.split_once(':'));
    let length = said.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.filter_map(|(_, value)| value.trim().parse::<usize>().ok()).next();
    if length.is_some_and(|length| body.len() < length) {
        return Err(CloudError::Unknown("its answer was cut short".to_owned()));
    }
    Ok(EngineAnswer { status, body })
}

impl EngineAnswer {
    /// What it says, where it is an error.
    pub fn words(&self) -> String {
        let value: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = value.as_ref().and_then(|value| value.get("message")?.as_str());
        let text = message.map(str::to_owned);
        text.unwrap_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned())
    }

    /// The class of an answer that is no success. Engines answer 500 where they could not do it,
    /// and say why; what they say of space is told apart by its words, since nothing else tells.
    pub fn error(&self) -> CloudError {
        let words = self.words();
        match self.status {
            _ if words.contains("no space left on device") => CloudError::NoCapacity(words),
            400 if words.contains("HTTP request to an HTTPS server") => CloudError::Credentials(
                "it speaks TLS: say whom to believe, with ca or pin".to_owned(),
            ),
            400 => CloudError::Refused(words),
            401 | 403 => CloudError::Credentials(words),
            404 => CloudError::NotFound(words),
            409 => CloudError::Busy(words),
            429 => CloudError::throttled(None, words),
            status => CloudError::Unknown(format!("{status}: {words}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_or_told_how_to_write() {
        let check = |text: &str, expected: Result<Endpoint, &str>| match (
            Endpoint::parse(text),
            expected,
        ) {
            (Ok(is), Ok(expected)) => assert_eq!(is, expected),
            (Err(is), Err(part)) => assert!(is.contains(part), "{text}: {is}"),
            (is, expected) => panic!("{text}: {is:?}, not {expected:?}"),
        };
        check("unix:///var/run/docker.sock", Ok(Endpoint::Unix("/var/run/docker.sock".into())));
        check("tcp://10.0.0.7:2375", Ok(Endpoint::Tcp("10.0.0.7:2375".to_owned())));
        check("/var/run/docker.sock", Err("write unix:///var/run/docker.sock"));
        check("unix://docker.sock", Err("begin with a slash"));
        check("tcp://10.0.0.7", Err("a host and a port"));
        check("https://10.0.0.7:2376", Err("tcp"));
        check("ssh://box", Err("ssh is not spoken"));
        check("", Err("unix:///var/run/docker.sock"));
    }

    #[test]
    fn an_answer_is_whole_or_unknown() {
        let check = |answer: &str, expected: Result<(u16, &str), &str>| match (
            parse(answer.as_bytes()),
            expected,
        ) {
            (Ok(is), Ok((status, body))) => {
                assert_eq!((is.status, is.body), (status, body.as_bytes().to_vec()));
            }
            (Err(CloudError::Unknown(is)), Err(part)) => assert!(is.contains(part), "{is}"),
            (is, expected) => panic!("{answer:?}: {:?}, {expected:?}", is.err()),
        };
        check("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", Ok((200, "hi")));
        check("HTTP/1.1 204 No Content\r\n\r\n", Ok((204, "")));
        check("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhi", Err("cut short"));
        check("HTTP/1.0 200 OK\r\n", Err("no HTTP"));
        check("\u{15}\u{3}\u{1}", Err("TLS"));
        check("SSH-2.0-x\r\n\r\n", Err("no HTTP"));
        check("", Err("without an answer"));
    }

    #[test]
    fn an_error_has_the_class_of_what_may_have_come_of_it() {
        let check = |status: u16, words: &str, is: fn(&CloudError) -> bool| {
            let body = format!("{{\"message\":{words:?}}}").into_bytes();
            let error = EngineAnswer { status, body }.error();
            assert!(is(&error) && error.to_string().contains(words), "{error}");
        };
        check(400, "invalid", |e| matches!(e, CloudError::Refused(_)));
        check(403, "authorization denied", |e| matches!(e, CloudError::Credentials(_)));
        check(404, "No such container", |e| matches!(e, CloudError::NotFound(_)));
        check(409, "in use", |e| matches!(e, CloudError::Busy(_)));
        check(500, "write /x: no space left on device", |e| matches!(e, CloudError::NoCapacity(_)));
        check(500, "shim", CloudError::is_unknown);
        check(503, "later", CloudError::is_unknown);
    }
}
