//! The demo's web server: what the built-in role `web-demo` runs.
//!
//! `GET /` says which server answered, `GET /healthz` that it is well, `GET /burn?ms=50` keeps a
//! CPU busy for that long, which is what makes a farm scale. A thread a connection, because a
//! request here is work for a CPU and not a wait, and so many connections at the most. When it is
//! told to stop it takes no new connections, answers what it has with `connection: close`, gives
//! idle ones a moment to hear it, and ends.

use super::demo_http::{Got, Head, Messages};
use crate::base::output;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections at once: a balancer's pool and a few people; 512 stacks of 64 KiB are 32 MiB of
/// address space, of which a few pages each are used.
const CONNECTIONS_MAX: usize = 512;
const STACK_BYTES: usize = 64 * 1024;
/// Longest `ms` of a burn.
const BURN_MAX: Duration = Duration::from_secs(10);
/// How often an idle connection looks whether the server is to stop.
const IDLE_LOOK: Duration = Duration::from_millis(200);
/// An idle connection is closed after this.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// After being told to stop, idle connections may still ask for this long.
const STOP_IDLE: Duration = Duration::from_millis(600);
/// After being told to stop, it is over by then, whatever is still being answered.
const STOP_MAX: Duration = Duration::from_secs(15);

/// Serves until `SIGTERM` or `SIGINT`, on the server's own address where the platform says one.
pub fn run(port: u16) -> ExitCode {
    let named = std::env::var("GRANGE_ADDRESS").ok().and_then(|text| text.parse().ok());
    let address = SocketAddr::new(named.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), port);
    match serve(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::line(format_args!("demo-web: serving on {address}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(address: SocketAddr) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // Before the port answers: whoever sees it may send the signal.
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = DemoWeb::start(address, &host_name())?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        server.stop();
        Ok(())
    })
}

fn host_name() -> String {
    let system = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    std::env::var("GRANGE_HOSTNAME").unwrap_or_else(|_| system().trim().to_owned())
}

/// A running server.
pub struct DemoWeb {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

struct Shared {
    host_name: String,
    stopping: AtomicBool,
    answered: AtomicUsize,
    open: Mutex<usize>,
    closed: Condvar,
}

impl DemoWeb {
    /// Listens on an address; port 0 takes any that is free.
    pub fn start(address: SocketAddr, host_name: &str) -> io::Result<DemoWeb> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            host_name: host_name.to_owned(),
            stopping: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            open: Mutex::new(0),
            closed: Condvar::new(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = std::thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&listener, &for_acceptor))?;
        Ok(DemoWeb { address, shared, acceptor })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has answered, checks not counted.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Takes no more connections, finishes what it has and ends, within 15 s.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The acceptor waits for a connection: this is one.
        let mut own = self.address;
        if own.ip().is_unspecified() {
            own.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        if TcpStream::connect_timeout(&own, Duration::from_secs(1)).is_ok() {
            // An acceptor that panicked has no connections to wait for either.
            drop(self.acceptor.join());
        }
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.closed.wait_timeout_while(open, STOP_MAX, |open| *open > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        let stopping = shared.stopping.load(Ordering::SeqCst);
        if stopping && (accepted.is_err() || listener.set_nonblocking(true).is_err()) {
            return;
        }
        // When stopping, what the system accepted for us already is still served; none is waited
        // for.
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or a client that is gone already: others may still come.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        if let Err(error) = admit(stream, shared) {
            output::line(format_args!("demo-web: a connection: {error}"));
        }
    }
}

/// Gives a connection its thread, or turns it away.
fn admit(mut stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let place = Slot::take(shared);
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    stream.set_read_timeout(Some(IDLE_LOOK))?;
    stream.set_nodelay(true)?;
    let Some(place) = place else {
        let said = answer(503, "too many connections\n", true, false);
        return stream.write_all(said.as_bytes());
    };
    let thread = std::thread::Builder::new().name("connection".into()).stack_size(STACK_BYTES);
    thread.spawn(move || {
        // A client that goes away in the middle is its own business.
        drop(serve_http(stream, &place.shared));
        drop(place);
    })?;
    Ok(())
}

/// One of the connections there may be; gives itself back.
struct Slot {
    shared: Arc<Shared>,
}

impl Slot {
    fn take(shared: &Arc<Shared>) -> Option<Slot> {
        let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let free = *open < CONNECTIONS_MAX;
        *open += usize::from(free);
        free.then(|| Slot { shared: Arc::clone(shared) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.shared.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.shared.closed.notify_all();
    }
}

/// Answers one request after another until either side has enough.
fn serve_http(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut messages = Messages::new(stream);
    let mut idle_since = Instant::now();
    let mut stopping_since = None;
    loop {
        if shared.stopping.load(Ordering::SeqCst) {
            let since = *stopping_since.get_or_insert_with(Instant::now);
            if since.elapsed() > STOP_IDLE && !messages.has_more() {
                return Ok(());
            }
        }
        let head = match messages.head()? {
            Got::Head(head) => head,
            Got::End => return Ok(()),
            Got::Quiet if idle_since.elapsed() > IDLE_MAX => return Ok(()),
            Got::Quiet => continue,
        };
        messages.skip(head.length.unwrap_or(0))?;
        let (status, text) = respond(&head, shared);
        let old = head.first.ends_with("HTTP/1.0") && !head.keep;
        let stopping = shared.stopping.load(Ordering::SeqCst);
        let close = head.close || old || head.coded || status == 400 || stopping;
        let head_only = head.first.starts_with("HEAD ");
        writer.write_all(answer(status, &text, close, head_only).as_bytes())?;
        if close {
            return Ok(());
        }
        idle_since = Instant::now();
    }
}

fn respond(head: &Head, shared: &Shared) -> (u16, String) {
    let mut words = head.first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return (400, "not a request\n".into());
    };
    if !version.starts_with("HTTP/1.") || head.coded {
        return (400, "not a request that is understood here\n".into());
    }
    if !matches!(method, "GET" | "HEAD" | "POST") {
        return (405, format!("{method} is not for here\n"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path == "/healthz" {
        return (200, "well\n".into());
    }
    shared.answered.fetch_add(1, Ordering::SeqCst);
    let server = &shared.host_name;
    match path {
        "/" => (200, format!("{server}: hello from a Grange demo server\n")),
        "/burn" => match milliseconds(query) {
            Some(length) => (200, format!("{server}: burnt {} rounds\n", burn(length))),
            None => (400, "say how long: /burn?ms=50, at most 10000\n".into()),
        },
        _ => (404, format!("{server}: no such page\n")),
    }
}

fn milliseconds(query: &str) -> Option<Duration> {
    let text = query.split('&').find_map(|pair| pair.strip_prefix("ms="))?;
    let length = Duration::from_millis(text.parse().ok()?);
    (length <= BURN_MAX).then_some(length)
}

/// Keeps a CPU busy for a time; says how many rounds it did, which nothing may optimise away.
fn burn(length: Duration) -> u64 {
    let begun = Instant::now();
    let (mut rounds, mut state) = (0u64, 1u64);
    while begun.elapsed() < length {
        for _ in 0..1000 {
            state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005) + 1);
        }
        rounds += 1;
    }
    rounds
}

fn answer(status: u16, text: &str, close: bool, head_only: bool) -> String {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Service Unavailable",
    };
    let connection = if close { "close" } else { "keep-alive" };
    let length = text.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\
         connection: {connection}\r\n\r\n{}",
        if head_only { "" } else { text }
    )
}

#[cfg(test)]
mod tests;
