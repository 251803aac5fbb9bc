//! Calls to other people's servers: clouds, webhooks, URLs that scaling looks at.
//!
//! Blocking, because cloud calls run on a bounded pool of threads and a begun call is never
//! cancelled, only outwaited. So every call carries its total deadline and the largest answer it
//! takes; neither has a default. The environment's proxy variables are not read: an appliance
//! goes where its records say. Redirects are answers like any other, because a cloud that sends
//! our credentials elsewhere has to be asked why.

use ureq::http::{self, HeaderName, HeaderValue};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// Where the system's own authorities are, Debian's and Red Hat's.
const SYSTEM_AUTHORITIES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Whose servers are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those of the system's bundle; none when it has no bundle, so that HTTPS is refused.
    System,
    /// These alone (PEM).
    Only(String),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// Absolute, `http` or `https`.
    pub url: &'a str,
    /// In the order they are sent.
    pub headers: &'a [(&'a str, &'a str)],
    /// Empty for none.
    pub body: &'a [u8],
    /// For everything together: name, connection, handshake, answer.
    pub deadline: Duration,
    /// Largest body of the answer.
    pub bytes_max: usize,
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The authorities to believe cannot be read.
    #[error("reading certificate authorities")]
    Authorities(#[source] Box<ureq::Error>),
    /// Method, URL or a header is not legal; nothing was sent.
    #[error("writing a request to {url}")]
    Request {
        /// Where it was to go.
        url: String,
        /// What is wrong with it.
        #[source]
        source: http::Error,
    },
    /// The deadline passed. The other end may have done what it was asked.
    #[error("{method} {url} did not end within {deadline:?}")]
    Deadline {
        /// What was asked.
        method: String,
        /// Where.
        url: String,
        /// For how long.
        deadline: Duration,
    },
    /// The answer's body is longer than the caller takes.
    #[error("the answer of {url} is longer than {bytes_max} bytes")]
    TooLong {
        /// Whose.
        url: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The call failed. The other end may have done what it was asked, unless
    /// [`HttpError::never_sent`] says otherwise.
    #[error("{method} {url}")]
    Call {
        /// What was asked.
        method: String,
        /// Where.
        url: String,
        /// What happened.
        #[source]
        source: Box<ureq::Error>,
    },
}

impl HttpError {
    /// Whether the other end surely heard nothing: the name has no address or the connection was
    /// not made. A caller may repeat such a call whatever it asks for.
    pub fn never_sent(&self) -> bool {
        match self {
            HttpError::Authorities(_) | HttpError::Request { .. } => true,
            HttpError::Deadline { .. } | HttpError::TooLong { .. } => false,
            HttpError::Call { source, .. } => match source.as_ref() {
                ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
                ureq::Error::Io(e) => e.kind() == std::io::ErrorKind::ConnectionRefused,
                _ => false,
            },
        }
    }
}

/// Makes calls; connections are kept and used again. Clones share them.
#[derive(Clone)]
pub struct Http {
    agent: ureq::Agent,
}

impl Http {
    /// A caller that believes these authorities.
    pub fn new(authorities: &Authorities) -> Result<Http, HttpError> {
        let pem = match authorities {
            Authorities::Only(pem) => pem.clone().into_bytes(),
            Authorities::System => {
                SYSTEM_AUTHORITIES.iter().find_map(|p| std::fs::read(p).ok()).unwrap_or_default()
            }
        };
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&authorities_of(&pem)?))
            .build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .max_response_header_size(64 * 1024)
            .user_agent(concat!("grange/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Http { agent })
    }

    /// Makes one call and reads its whole answer. Blocks until the deadline at the latest.
    pub fn call(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let asked = if request.body.is_empty() {
            self.run(build(request, ())?, request)
        } else {
            self.run(build(request, request.body)?, request)
        };
        let mut answer = asked?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            value.to_str().ok().map(|v| (name.as_str().to_owned(), v.to_owned()))
        };
        let headers = answer.headers().iter().filter_map(text).collect();
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        let limit = u64::try_from(request.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        answer
            .body_mut()
            .as_reader()
            .take(limit)
            .read_to_end(&mut body)
            .map_err(|e| failed(request, ureq::Error::from(e)))?;
        if body.len() > request.bytes_max {
            let (url, bytes_max) = (request.url.to_owned(), request.bytes_max);
            return Err(HttpError::TooLong { url, bytes_max });
        }
        Ok(Response { status, headers, body })
    }

    fn run(
        &self,
        built: http::Request<impl ureq::AsSendBody>,
        request: &Request<'_>,
    ) -> Result<http::Response<ureq::Body>, HttpError> {
        let timed =
            self.agent.configure_request(built).timeout_global(Some(request.deadline)).build();
        self.agent.run(timed).map_err(|e| failed(request, e))
    }
}

fn authorities_of(pem: &[u8]) -> Result<Vec<Certificate<'static>>, HttpError> {
    let mut all = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        // A bundle may hold keys; they are no authority.
        let item = item.map_err(|e| HttpError::Authorities(Box::new(e)))?;
        if let ureq::tls::PemItem::Certificate(certificate) = item {
            all.push(certificate);
        }
    }
    Ok(all)
}

fn build<B>(request: &Request<'_>, body: B) -> Result<http::Request<B>, HttpError> {
    let mut builder = http::Request::builder().method(request.method).uri(request.url);
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    let wrong = |source| HttpError::Request { url: request.url.to_owned(), source };
    builder.body(body).map_err(wrong)
}

fn failed(request: &Request<'_>, error: ureq::Error) -> HttpError {
    let (method, url) = (request.method.to_owned(), request.url.to_owned());
    match error {
        ureq::Error::Timeout(_) => HttpError::Deadline { method, url, deadline: request.deadline },
        source => HttpError::Call { method, url, source: Box::new(source) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    /// A server that answers one connection with these bytes and keeps it open.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut heard = [0u8; 1024];
            let _ = socket.read(&mut heard).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
            // Until the caller is done with it.
            let _ = socket.read(&mut heard);
        });
        (url, thread)
    }

    fn ask(url: &str) -> Result<Response, HttpError> {
        Http::new(&Authorities::Only(String::new())).unwrap().call(&Request {
            method: "GET",
            url,
            headers: &[("x-a", "b")],
            body: b"",
            deadline: Duration::from_millis(300),
            bytes_max: 10,
        })
    }

    #[test]
    fn any_status_is_an_answer() {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: c\r\n\r\nhi", 200),
            ("HTTP/1.1 404 No\r\nContent-Length: 2\r\nX-B: c\r\n\r\nhi", 404),
            ("HTTP/1.1 302 Go\r\nLocation: /y\r\nContent-Length: 2\r\nX-B: c\r\n\r\nhi", 302),
        ] {
            let (url, thread) = serve(answer);
            let got = ask(&url).unwrap();
            assert_eq!(
                (got.status, got.header("x-b"), &got.body[..]),
                (status, Some("c"), &b"hi"[..])
            );
            thread.join().unwrap();
        }
    }

    #[test]
    fn deadlines_and_limits_hold() {
        let (url, thread) = serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi");
        assert!(matches!(ask(&url), Err(HttpError::Deadline { .. })));
        thread.join().unwrap();
        let (url, thread) = serve("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
        assert!(matches!(ask(&url), Err(HttpError::TooLong { .. })));
        thread.join().unwrap();
    }

    #[test]
    fn what_was_never_sent_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = ask(&closed).unwrap_err();
        assert!(error.never_sent(), "{error:?}");
        assert!(ask("http://a b/").unwrap_err().never_sent());
    }
}
