//! Ports and sockets: bound once, early, and handed to whoever serves them.
//!
//! Nobody here looks for a free port to bind it later: in between it may be somebody else's.

use crate::api;
use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::boot::told::agent_listeners;
use crate::clouds::onboard::Onboard;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::net::UnixListener;

/// What is bound before anything else starts, so that a port in use stops the start early.
pub struct Bound {
    /// Where the unix socket will be.
    pub socket: PathBuf,
    /// HTTPS.
    pub https: StdListener,
    /// HTTP that redirects.
    pub http: Option<StdListener>,
}

/// Binds what does not depend on the platform of servers on this machine.
pub fn bind(config: &Config) -> Result<Bound, StartError> {
    Ok(Bound {
        socket: config.socket.clone(),
        https: bind_port(config.https, LET_GO)?,
        http: config.http.map(|address| bind_port(address, LET_GO)).transpose()?,
    })
}

/// How long a port may still be in use: what an appliance that was killed had just begun to start
/// has its listeners until it is another program.
const LET_GO: Duration = Duration::from_secs(2);
/// Between two tries at a port.
const TRY_AGAIN: Duration = Duration::from_millis(50);

fn bind_port(address: SocketAddr, patience: Duration) -> Result<StdListener, StartError> {
    let begun = Instant::now();
    let listener = loop {
        match StdListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < patience => {
                std::thread::sleep(TRY_AGAIN);
            }
            bound => break bound.map_err(|error| StartError::listen(address, error))?,
        }
    };
    listener.set_nonblocking(true).map_err(|e| StartError::listen(address, e))?;
    Ok(listener)
}

/// Ports tried where any will do and it has to be free on two addresses at once.
const PORTS_TRIED: usize = 20;

/// Binds what agents come in by, on one port. Port 0 is whatever is free on every address.
pub fn bind_for_agents(
    configured: SocketAddr,
    gateway: Option<IpAddr>,
) -> Result<Vec<StdListener>, StartError> {
    let all = || -> Result<Vec<StdListener>, StartError> {
        // Where any port will do, another one is tried at once.
        let patience = if configured.port() == 0 { Duration::ZERO } else { LET_GO };
        let first = bind_port(configured, patience)?;
        let address = first.local_addr().map_err(|e| StartError::listen(configured, e))?;
        let rest = agent_listeners(address, gateway).into_iter().skip(1);
        let rest = rest.map(|address| bind_port(address, patience));
        std::iter::once(Ok(first)).chain(rest).collect()
    };
    let mut bound = all();
    for _ in 1..if configured.port() == 0 { PORTS_TRIED } else { 1 } {
        if bound.is_ok() {
            break;
        }
        bound = all();
    }
    bound
}

/// What agents are told: what the file says, else the bridge's address and this machine's own.
pub fn agent_addresses(config: &Config, port: u16, onboard: Option<&Onboard>) -> Vec<String> {
    if !config.agent_addresses.is_empty() {
        return config.agent_addresses.clone();
    }
    let mut addresses: Vec<String> =
        onboard.map(|cloud| format!("{}:{port}", cloud.gateway())).into_iter().collect();
    if !config.agents.ip().is_unspecified() {
        addresses.push(SocketAddr::new(config.agents.ip(), port).to_string());
    }
    addresses.dedup();
    addresses
}

/// Listens on the unix socket. One left behind by a process that is gone is replaced: whoever
/// holds the store's lock owns the place.
pub fn listen_on_socket(path: &std::path::Path) -> Result<UnixListener, StartError> {
    api::bind_socket(path).map_err(|error| StartError::Listen(path.display().to_string(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_find_one_free_port_on_every_address() {
        let gateway = Some("127.0.0.2".parse().unwrap());
        let bound = bind_for_agents("127.0.0.1:0".parse().unwrap(), gateway).unwrap();
        let bound: Vec<SocketAddr> = bound.into_iter().map(|l| l.local_addr().unwrap()).collect();
        assert_eq!(bound.len(), 2);
        assert_eq!(bound[0].port(), bound[1].port());
        // One that is taken is told, and not replaced by another.
        assert!(bind_for_agents(bound[0], gateway).is_ok(), "the first ones are closed again");
        let _taken = StdListener::bind(bound[0]).unwrap();
        assert!(bind_for_agents(bound[0], gateway).is_err());
    }
}
