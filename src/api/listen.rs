//! The accept loops: a bounded number of connections, each with its deadlines.
//!
//! Our own instead of a framework's because nobody may cost more than they are allowed to before
//! they are known: TLS is shaken in the connection's own task, a full house takes no more until
//! somebody leaves, and one connection's panic is its own.

use crate::api::dispatch::{Peer, router};
use crate::api::stream::Patient;
use crate::api::{Api, Limits};
use crate::net::tls::{self, ServerConfig};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest that requests under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Pause after the system refuses to accept (no file descriptors): it would refuse again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let house = House {
        limits: api.limits,
        app: router(api.clone()),
        room: Arc::new(Semaphore::new(api.limits.connections)),
        stop: api.stopping.subscribe(),
    };
    let mut doors = JoinSet::new();
    for listener in listeners {
        // A room for each door: a crowd from the network must not lock out the socket.
        let room = Arc::new(Semaphore::new(api.limits.connections));
        doors.spawn(House { room, ..house.clone() }.open(listener));
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
struct House {
    limits: Limits,
    app: Router,
    room: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// A connection just accepted.
enum Arrived {
    Unix(UnixStream),
    Tls(TcpStream, String, Arc<ServerConfig>),
    Redirect(TcpStream, u16),
}

impl House {
    async fn open(mut self, listener: Listener) {
        let mut guests = JoinSet::new();
        loop {
            let room = self.room.clone();
            let next = async {
                let place = room.acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, accept(&listener).await?))
            };
            tokio::select! {
                () = stopped(&mut self.stop) => break,
                Some(gone) = guests.join_next() => report(gone),
                arrived = next => match arrived {
                    Ok((place, arrived)) => {
                        guests.spawn(self.clone().entertain(arrived, place));
                    }
                    Err(e) => {
                        tracing::warn!("accepting an API connection: {e}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        while let Some(gone) = guests.join_next().await {
            report(gone);
        }
    }

    async fn entertain(self, arrived: Arrived, _place: OwnedSemaphorePermit) {
        match arrived {
            Arrived::Unix(stream) => match stream.peer_cred() {
                Ok(who) => self.talk(stream, Peer::Unix { uid: who.uid(), pid: who.pid() }).await,
                Err(e) => tracing::warn!("asking who is at the socket: {e}"),
            },
            Arrived::Tls(stream, address, config) => {
                match timeout(self.limits.handshake(), tls::accept(&config, stream)).await {
                    Ok(Ok((stream, _))) => self.talk(stream, Peer::Network(address)).await,
                    Ok(Err(e)) => tracing::debug!(address, "TLS: {e}"),
                    Err(_) => tracing::debug!(address, "TLS was not finished in time"),
                }
            }
            Arrived::Redirect(stream, port) => {
                let service = service_fn(move |request| async move {
                    Ok::<_, Infallible>(redirection(&request, port))
                });
                self.converse(stream, service).await;
            }
        }
    }

    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let app = TowerToHyperService::new(self.app.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            app.call(request)
        });
        self.converse(stream, service).await;
    }

    async fn converse<S, E>(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        service: S,
    ) where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let patient = TokioIo::new(Patient::new(stream, self.limits.handshake()));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.handshake())
            .max_buf_size(64 * 1024)
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
            Ok(Arrived::Tls(stream, address.to_string(), config.clone()))
        }
        Listener::Redirect(tcp, port) => {
            tcp.accept().await.map(|(stream, _)| Arrived::Redirect(stream, *port))
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
