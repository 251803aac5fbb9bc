//! Checks servers without an agent from outside: a connection, or an answer to one GET.

use crate::base::ServerId;
use crate::base::limit::CHECK_DEADLINE;
use crate::jobs::Checker;
use crate::model::ReadyCheck;
use crate::net::http::{Authorities, Http, Request};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Largest answer that is read; only its status counts.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Checks over the appliance's own network.
pub struct Outside;

impl Checker for Outside {
    fn check(&self, _: ServerId, address: &str, check: &ReadyCheck) -> Result<(), String> {
        let ip: IpAddr =
            address.parse().map_err(|bad| format!("{address} is no address: {bad}"))?;
        let target = SocketAddr::new(ip, check.port);
        let deadline = Duration::from_millis(CHECK_DEADLINE);
        let Some(path) = &check.path else {
            let connected = TcpStream::connect_timeout(&target, deadline);
            return connected.map(drop).map_err(|error| format!("{target}: {error}"));
        };
        let http = Http::new(&Authorities::System).map_err(|error| error.to_string())?;
        let url = format!("http://{target}{path}");
        let request = Request {
            method: "GET",
            url: &url,
            headers: &[],
            body: &[],
            deadline,
            bytes_max: ANSWER_BYTES_MAX,
        };
        match http.call(&request) {
            Ok(answer) if (200..400).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("{url} answers {}", answer.status)),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn ports_and_pages_are_checked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let find = |path: Option<&str>| {
            let check = ReadyCheck { port, path: path.map(str::to_owned) };
            Outside.check(ServerId(1), "127.0.0.1", &check)
        };
        let found = |answer: &'static str, path: Option<&str>| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut socket, _) = listener.accept().unwrap();
                    if !answer.is_empty() {
                        let mut request = [0; 1024];
                        assert!(socket.read(&mut request).unwrap() > 0);
                        socket.write_all(answer.as_bytes()).unwrap();
                    }
                });
                find(path).is_ok()
            })
        };
        assert!(found("", None));
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert!(found(answer, Some("/up")));
        let answer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert!(!found(answer, Some("/up")));
        drop(listener);
        assert!(find(None).is_err());
        assert!(find(Some("/up")).is_err());
        assert!(Outside.check(ServerId(1), "nowhere", &ReadyCheck { port, path: None }).is_err());
    }
}
