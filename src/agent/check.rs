//! Whether the server is ready: its own port answers, and keeps answering, and none of its services
//! keeps ending, as far as whoever supervises them says.

use super::balancer::Sight;
use super::workload::{RoleWork, Trouble};
use super::{Event, Events};
use crate::model::ReadyCheck;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long one look may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);
/// How often to look until it is ready.
const PERIOD_UNTIL_READY: Duration = Duration::from_secs(1);
/// How often to look from then on.
const PERIOD: Duration = Duration::from_secs(5);
/// Failures in a row before one that was never ready says with what: until then it starts.
const FAILURES_UNTIL_SAID: u32 = 10;
/// Failures in a row before a ready server is not: one may be a busy moment.
const FAILURES_MAX: u32 = 3;
/// More than a supervisor says of all services of a server.
const CRASHING_BYTES_MAX: u64 = 16 * 1024;
/// The status line is in the first bytes of the answer.
const ANSWER_BYTES_MAX: u64 = 512;

/// Bytes of the rest that are read before the connection ends.
const REST_BYTES_MAX: u64 = 64 * 1024;
/// How long the rest is waited for: a server that keeps the connection does not make a look late.
const REST_DEADLINE: Duration = Duration::from_millis(300);

/// What is looked at.
pub struct Check {
    /// The work of its role, which comes first.
    pub work: RoleWork,
    /// Its own check and where; a server without one is ready from the start.
    pub ready: Option<(ReadyCheck, IpAddr)>,
    /// Where its supervisor says which services keep ending; nobody does on many platforms.
    pub crashing: PathBuf,
    /// What is wrong with the balancer here, if there is one.
    pub balancer: Sight,
}

impl Check {
    async fn look(&self) -> Result<String, Unready> {
        if let Err(trouble) = self.work.status() {
            return Err(trouble.into());
        }
        Ok(self.look_outside().await?)
    }

    async fn look_outside(&self) -> Result<String, String> {
        // It knows more of itself than that it keeps ending.
        if let Some(problem) = self.balancer.problem() {
            return Err(problem);
        }
        let crashing = crashing(&self.crashing);
        if let Some(service) = crashing.first() {
            return Err(service.clone());
        }
        match &self.ready {
            Some((check, address)) => look(check, *address).await,
            None => Ok("every service runs".to_owned()),
        }
    }
}

/// Why it is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unready {
    why: String,
    /// Whether it is said of a server that was never ready, too: what its work is at.
    is_work: bool,
}

impl From<String> for Unready {
    fn from(why: String) -> Unready {
        Unready { why, is_work: false }
    }
}

impl From<Trouble> for Unready {
    fn from(trouble: Trouble) -> Unready {
        match trouble {
            Trouble::Passing(why) => Unready { why, is_work: false },
            Trouble::Lasting(why) => Unready { why, is_work: true },
        }
    }
}

/// The services that keep ending. A file that cannot be read or understood says nothing.
fn crashing(path: &Path) -> Vec<String> {
    let mut text = Vec::new();
    let file = File::open(path).map(|file| file.take(CRASHING_BYTES_MAX));
    match file.and_then(|mut file| file.read_to_end(&mut text)) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// Looks again and again and reports every change, for as long as anybody listens.
pub async fn watch(check: Check, events: Events) {
    let ready = check.ready.is_none() && check.work.status().is_ok();
    let mut state = State { ready, ..State::default() };
    while !events.is_closed() {
        let found = check.look().await;
        if let Some((ready, detail)) = state.apply(found)
            && events.send(Event::Ready(ready, detail)).await.is_err()
        {
            return;
        }
        sleep(if state.ready { PERIOD } else { PERIOD_UNTIL_READY }).await;
    }
}

/// What has been seen so far; not ready to begin with.
#[derive(Default)]
struct State {
    ready: bool,
    failures: u32,
    /// What it was said to fail with, while it fails.
    told: Option<String>,
}

impl State {
    /// Takes one look in and gives what is new: whether it passes, or what it fails with by now.
    fn apply(&mut self, found: Result<String, Unready>) -> Option<(bool, String)> {
        match found {
            Ok(detail) => {
                self.failures = 0;
                self.told = None;
                let news = !self.ready;
                self.ready = true;
                news.then_some((true, detail))
            }
            Err(Unready { why: detail, is_work }) => {
                self.failures += 1;
                let turns = self.ready && self.failures >= FAILURES_MAX;
                let differs = self.told.as_ref().is_some_and(|told| *told != detail);
                let lasts = is_work || self.failures >= FAILURES_UNTIL_SAID;
                let begins = lasts && !self.ready && self.told.is_none();
                if !turns && !differs && !begins {
                    return None;
                }
                self.ready = false;
                self.told = Some(detail.clone());
                Some((false, detail))
            }
        }
    }
}

async fn look(check: &ReadyCheck, address: IpAddr) -> Result<String, String> {
    let target = SocketAddr::new(address, check.port);
    let found = match &check.path {
        None => timeout(LOOK_DEADLINE, connect(target)).await,
        Some(path) => timeout(LOOK_DEADLINE, get(target, path)).await,
    };
    match found {
        Ok(Ok(detail)) => Ok(detail),
        Ok(Err(error)) => Err(format!("{target}: {error}")),
        Err(_) => Err(format!("{target}: no answer within {} s", LOOK_DEADLINE.as_secs())),
    }
}

async fn connect(target: SocketAddr) -> io::Result<String> {
    TcpStream::connect(target).await.map(|_| format!("{target} accepts connections"))
}

/// One GET (RFC 9112); 2xx and 3xx are good.
async fn get(target: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(target).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: grange-agent\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ANSWER_BYTES_MAX);
    while !answer.contains(&b'\n') && stream.read_buf(&mut answer).await? > 0 {}
    // What is waited for is known; the look is not late for the rest.
    tokio::spawn(read_rest(stream.into_inner()));
    let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    match words.next().and_then(|word| word.parse::<u16>().ok()) {
        Some(status @ 200..=399) if http => Ok(format!("GET {path} answers {status}")),
        Some(status) if http => Err(io::Error::other(format!("GET {path} answers {status}"))),
        _ => Err(io::Error::other(format!("GET {path} is not answered in HTTP"))),
    }
}

/// Reads an answer that nothing more is to be learned of, so that who sends it is not cut off in
/// the middle: that is an error to them, and a line in their log at every look. One that is long or
/// slow is cut off all the same.
async fn read_rest(stream: TcpStream) {
    let mut rest = stream.take(REST_BYTES_MAX);
    // However that ends, the answer was judged by its first line.
    drop(timeout(REST_DEADLINE, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::{places, scratch};
    use tokio::net::TcpListener;

    #[test]
    fn readiness_changes_at_once_up_and_after_three_failures_down() {
        let check = |looks: &str, expected: &str| {
            let mut state = State::default();
            let news: String = looks
                .chars()
                .map(|look| {
                    let found =
                        if look == '+' { Ok(String::new()) } else { Err(String::new().into()) };
                    match state.apply(found) {
                        Some((true, _)) => 'U',
                        Some((false, _)) => 'D',
                        None => '.',
                    }
                })
                .collect();
            assert_eq!(news, expected, "{looks}");
        };
        check("---+++", "...U..");
        check("+--+---", "U.....D");
        check("+----+", "U..D.U");
        check("----------+", ".........DU");
        check("---------+---", ".........U..D");
    }

    #[test]
    fn another_reason_to_fail_is_news_and_the_same_is_none() {
        let mut state = State { ready: true, ..State::default() };
        let mut say = |found: Result<&str, &str>| {
            state.apply(found.map(str::to_owned).map_err(|why| why.to_owned().into()))
        };
        let fails = |why: &str| Some((false, why.to_owned()));
        assert_eq!(say(Err("refused")), None);
        assert_eq!(say(Err("refused")), None);
        assert_eq!(say(Err("refused")), fails("refused"));
        assert_eq!(say(Err("refused")), None);
        assert_eq!(say(Err("web keeps ending")), fails("web keeps ending"));
        assert_eq!(say(Ok("answers")), Some((true, "answers".to_owned())));
        assert_eq!(say(Err("web keeps ending")), None);
    }

    #[test]
    fn what_its_work_is_at_is_said_before_it_was_ever_ready() {
        let mut state = State::default();
        let mut say = |found: Result<&str, Trouble>| {
            state.apply(found.map(str::to_owned).map_err(Into::into))
        };
        let lasting = |why: &str| Err(Trouble::Lasting(why.to_owned()));
        let fails = |why: &str| Some((false, why.to_owned()));
        assert_eq!(say(Err(Trouble::Passing("just begun".to_owned()))), None);
        assert_eq!(say(lasting("setup 1 of 2")), fails("setup 1 of 2"));
        assert_eq!(say(lasting("setup 1 of 2")), None);
        assert_eq!(say(lasting("setup 2 of 2")), fails("setup 2 of 2"));
        assert_eq!(say(Ok("answers")), Some((true, "answers".to_owned())));
        // A ready server has its three looks.
        assert_eq!(say(lasting("web keeps ending")), None);
    }

    #[test]
    fn a_service_that_keeps_ending_is_a_failure_whatever_the_port_says() {
        let path = scratch("crashing").join("crashing.json");
        let balancer = Sight::default();
        let work = RoleWork::open(places(path.parent().unwrap()), false).unwrap();
        let check = Check { work, ready: None, crashing: path.clone(), balancer };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let look = || runtime.block_on(check.look());
        assert!(look().is_ok(), "nobody supervises");
        std::fs::write(&path, r#"["haproxy keeps ending"]"#).unwrap();
        assert_eq!(look(), Err("haproxy keeps ending".to_owned().into()));
        for text in ["[]", "{", ""] {
            std::fs::write(&path, text).unwrap();
            assert!(look().is_ok(), "{text}");
        }
    }

    #[test]
    fn who_answers_at_length_is_not_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serve = async {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                assert!(socket.read(&mut request).await.unwrap() > 0);
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                for _ in 0..15 {
                    sleep(Duration::from_millis(1)).await;
                    socket.write_all(&[b'x'; 4096]).await.unwrap();
                }
                socket.shutdown().await.unwrap();
                // A reset would be an error here, as it is to a server that writes on.
                assert_eq!(socket.read(&mut request).await.unwrap(), 0);
            };
            let check = ReadyCheck { port: address.port(), path: Some("/".to_owned()) };
            let looked = async { look(&check, address.ip()).await.unwrap() };
            tokio::join!(looked, serve);
        });
    }

    #[test]
    fn ports_and_pages_are_looked_at() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let found = |answer: &'static str, path: Option<&str>| {
                let check = ReadyCheck { port: address.port(), path: path.map(str::to_owned) };
                let listener = &listener;
                async move {
                    let serve = async {
                        let (mut socket, _) = listener.accept().await.unwrap();
                        socket.write_all(answer.as_bytes()).await.unwrap();
                        // A connection closed with bytes unread would be a reset.
                        let mut request = Vec::new();
                        if !answer.is_empty() {
                            socket.shutdown().await.unwrap();
                            socket.read_to_end(&mut request).await.unwrap();
                        }
                    };
                    tokio::join!(look(&check, address.ip()), serve).0
                }
            };
            let good = |what: &str| Ok(what.to_owned());
            let bad = |what: &str| Err(format!("{address}: {what}"));
            assert_eq!(found("", None).await, good(&format!("{address} accepts connections")));
            let page = |status: &str| format!("HTTP/1.1 {status}\r\n\r\n").leak() as &'static str;
            assert_eq!(found(page("200 OK"), Some("/")).await, good("GET / answers 200"));
            assert_eq!(found(page("302 Found"), Some("/a")).await, good("GET /a answers 302"));
            assert_eq!(found(page("399 x"), Some("/")).await, good("GET / answers 399"));
            assert_eq!(found(page("400 x"), Some("/")).await, bad("GET / answers 400"));
            assert_eq!(found(page("199 x"), Some("/")).await, bad("GET / answers 199"));
            assert_eq!(found(page("503 No"), Some("/")).await, bad("GET / answers 503"));
            let none = bad("GET / is not answered in HTTP");
            assert_eq!(found("SSH-2.0 200\r\n", Some("/")).await, none);
            assert_eq!(found("", Some("/")).await, none);
            drop(listener);
            let check = ReadyCheck { port: address.port(), path: None };
            assert!(look(&check, address.ip()).await.is_err());
        });
    }
}
