//! The accept loops: a bounded crowd of connections, each with its deadlines.
//!
//! Our own instead of a framework's because nobody may cost more than they are allowed to before
//! they are known: TLS is shaken in the connection's own task, in a full shared somebody gives way,
//! and one connection's panic is its own.

use crate::api::crowd::{Busy, ClientSlot, Crowd, Who};
use crate::api::dispatch::{Peer, router};
use crate::api::stream::WriteTimeoutStream;
use crate::api::{Api, Limits};
use crate::base::limit::API_HEAD_BYTES_MAX;
use crate::net::tls::{self, ServerConfig};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest that requests under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Pause after the system refuses to accept (no file descriptors): it would refuse again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often it is looked whether the unix socket is still there: whoever cleans up `/run` or
/// `/tmp` would lock everybody on the machine out.
const SOCKET_LOOK: Duration = Duration::from_secs(2);

/// Listens on a unix socket. One left behind by a process that is gone is replaced: whoever holds
/// the store's lock owns the place.
///
/// # Errors
/// When its directory cannot be made, or the system refuses.
pub fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    // Anybody may knock: the kernel says who it is, and the users' records whether they may.
    std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Listens again where somebody took the socket away.
fn put_back(listener: &mut Listener) {
    let Listener::Unix(unix) = listener else { return };
    let Ok(address) = unix.local_addr() else { return };
    let Some(path) = address.as_pathname() else { return };
    let found = std::fs::symlink_metadata(path);
    if !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return;
    }
    let socket = path.display();
    match bind_socket(path) {
        Ok(new) => {
            tracing::warn!(%socket, "somebody took the socket away; it is there again");
            *unix = new;
        }
        Err(error) => tracing::warn!(%socket, %error, "the socket was taken away"),
    }
}

/// Where the API listens.
pub enum Listener {
    /// The unix socket: the kernel says who is asking.
    Unix(UnixListener),
    /// HTTPS.
    Tls(TcpListener, Arc<ServerConfig>),
    /// Plain HTTP that sends everybody to HTTPS on a port.
    Redirect(TcpListener, u16),
}

/// Serves until `stop` turns true, then finishes what is under way within a deadline.
pub async fn serve(api: Arc<Api>, listeners: Vec<Listener>, mut stop: watch::Receiver<bool>) {
    let shared = Shared {
        limits: api.limits,
        app: router(api.clone()),
        crowd: Crowd::new(api.limits),
        own: nix::unistd::geteuid().as_raw(),
        stop: api.stopping.subscribe(),
    };
    let mut doors = JoinSet::new();
    for listener in listeners {
        // A crowd for each door: one from the network must not lock out the socket.
        doors.spawn(Shared { crowd: Crowd::new(api.limits), ..shared.clone() }.open(listener));
    }
    stopped(&mut stop).await;
    api.stopping.send_replace(true);
    let all = async { while doors.join_next().await.is_some() {} };
    if timeout(FAREWELL, all).await.is_err() {
        tracing::warn!("some API requests did not end in time and were cut off");
    }
}

/// Ends when it is time to stop, or when whoever could say so is gone, which says the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    match stop.wait_for(|stop| *stop).await {
        Ok(_) | Err(_) => {}
    }
}

#[derive(Clone)]
struct Shared {
    limits: Limits,
    app: Router,
    crowd: Arc<Crowd>,
    /// The user the appliance runs as.
    own: u32,
    stop: watch::Receiver<bool>,
}

/// A connection just accepted.
enum Arrived {
    Unix(UnixStream),
    Tls(TcpStream, SocketAddr, Arc<ServerConfig>),
    Redirect(TcpStream, SocketAddr, u16),
}

impl Shared {
    async fn open(mut self, mut listener: Listener) {
        let is_socket = matches!(listener, Listener::Unix(_));
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => break,
                Some(gone) = clients.join_next() => report(gone),
                () = sleep(SOCKET_LOOK), if is_socket => put_back(&mut listener),
                arrived = accept(&listener) => match arrived {
                    Ok(arrived) => {
                        if let Some(client) = self.admit(&arrived) {
                            clients.spawn(self.clone().host(arrived, client));
                        }
                    }
                    Err(e) => {
                        tracing::warn!("accepting an API connection: {e}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        while let Some(gone) = clients.join_next().await {
            report(gone);
        }
    }

    /// A place for whoever has come; `None` lets the connection fall.
    fn admit(&self, arrived: &Arrived) -> Option<ClientSlot> {
        let who = match arrived {
            Arrived::Unix(stream) => match stream.peer_cred() {
                Ok(peer) => Who::user(peer.uid(), self.own),
                Err(e) => {
                    tracing::warn!("asking who is at the socket: {e}");
                    return None;
                }
            },
            Arrived::Tls(_, address, _) | Arrived::Redirect(_, address, _) => {
                Who::address(address.ip())
            }
        };
        let client = self.crowd.admit(who);
        if client.is_none() {
            tracing::debug!(?who, "a connection too many, and none that could give way");
        }
        client
    }

    /// Serves a connection until it ends or has to give way to another.
    async fn host(self, arrived: Arrived, client: ClientSlot) {
        let requests = client.requests();
        tokio::select! {
            () = self.serve_client(arrived, requests) => {}
            () = client.sent_away() => tracing::debug!("an idle connection gave way to a new one"),
        }
    }

    async fn serve_client(
        self,
        arrived: Arrived,
        requests: impl Fn() -> Busy + Clone + Send + Sync + 'static,
    ) {
        match arrived {
            Arrived::Unix(stream) => match stream.peer_cred() {
                Ok(who) => {
                    let peer = Peer::Unix { uid: who.uid(), pid: who.pid() };
                    self.talk(stream, peer, requests).await;
                }
                Err(e) => tracing::warn!("asking who is at the socket: {e}"),
            },
            Arrived::Tls(stream, address, config) => {
                match timeout(self.limits.handshake(), tls::accept(&config, stream)).await {
                    Ok(Ok((stream, _))) => {
                        self.talk(stream, Peer::Network(address.to_string()), requests).await;
                    }
                    Ok(Err(e)) => tracing::debug!(%address, "TLS: {e}"),
                    Err(_) => tracing::debug!(%address, "TLS was not finished in time"),
                }
            }
            Arrived::Redirect(stream, _, port) => {
                let service = service_fn(move |request| async move {
                    Ok::<_, Infallible>(redirection(&request, port))
                });
                self.serve_http(stream, service).await;
            }
        }
    }

    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        requests: impl Fn() -> Busy + Send + Sync + 'static,
    ) {
        let app = TowerToHyperService::new(self.app.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let (busy, answer) = (requests(), app.call(request));
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
        self.serve_http(stream, service).await;
    }

    async fn serve_http<S, E>(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        service: S,
    ) where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let patient = TokioIo::new(WriteTimeoutStream::new(stream, self.limits.handshake()));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.handshake())
            .max_buf_size(API_HEAD_BYTES_MAX)
            .serve_connection(patient, service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(e) = ended {
            tracing::debug!("an API connection ended: {e}");
        }
    }
}

async fn accept(listener: &Listener) -> io::Result<Arrived> {
    match listener {
        Listener::Unix(unix) => unix.accept().await.map(|(stream, _)| Arrived::Unix(stream)),
        Listener::Tls(tcp, config) => {
            let (stream, address) = tcp.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Arrived::Tls(stream, address, config.clone()))
        }
        Listener::Redirect(tcp, port) => {
            tcp.accept().await.map(|(stream, from)| Arrived::Redirect(stream, from, *port))
        }
    }
}

fn report(gone: Result<(), tokio::task::JoinError>) {
    if let Err(e) = gone
        && e.is_panic()
    {
        tracing::error!("an API connection panicked: {e}");
    }
}

fn redirection(request: &Request<Incoming>, port: u16) -> Response<Body> {
    let asked = request.headers().get(header::HOST).and_then(|name| name.to_str().ok());
    let name = asked.map(without_port).filter(|name| !name.is_empty());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let suffix = if port == 443 { String::new() } else { format!(":{port}") };
    let target = name.and_then(|name| format!("https://{name}{suffix}{path}").parse().ok());
    if let Some(target) = target {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

/// `name` of `name:80`; an IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => &authority[..at],
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_cut_off_names_and_addresses() {
        let check = |whole: &str, name: &str| assert_eq!(without_port(whole), name);
        check("grange.example", "grange.example");
        check("grange.example:80", "grange.example");
        check("[::1]:8080", "[::1]");
        check("[::1]", "[::1]");
    }
}
