//! A Docker Engine that answers what a test says, or nothing at all.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers by the beginning of what is asked, as `GET /version`.
type Answers = BTreeMap<&'static str, (u16, &'static str)>;

#[derive(Default)]
struct Told {
    answers: Mutex<Answers>,
    /// What is asked and not answered stays open here.
    held: Mutex<Vec<UnixStream>>,
    asked: Mutex<Vec<String>>,
    /// The marks of leases, by the names of their volumes.
    marks: Mutex<BTreeMap<String, Value>>,
}

/// See the module's text; gone when dropped, and then whoever waits is cut off.
pub struct FakeEngine {
    path: PathBuf,
    told: Arc<Told>,
}

impl FakeEngine {
    /// One that says what a new account has to hear.
    pub fn new() -> FakeEngine {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("grange-engine-{}-{count}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let told = Arc::new(Told::default());
        let engine = FakeEngine { path, told: told.clone() };
        engine.say("GET /version", 200, version());
        engine.say("GET /info", 200, r#"{"Name":"box","MemoryLimit":true,"CpuCfsQuota":true}"#);
        let network = r#"{"IPAM":{"Config":[{"Gateway":"10.9.0.1"}]}}"#;
        engine.say("GET /networks/bridge", 200, network);
        engine.say("GET /containers/json", 200, "[]");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = told.clone();
                std::thread::spawn(move || answer(stream, &told));
            }
        });
        engine
    }

    /// Where it is, as an account says it.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Answers so from now on what begins so.
    pub fn say(&self, asked: &'static str, status: u16, body: &'static str) {
        self.told.answers.lock().unwrap().insert(asked, (status, body));
    }

    /// Answers nothing any more but what is about its lease.
    pub fn hang(&self) {
        self.told.answers.lock().unwrap().clear();
    }

    /// The names of the volumes that are marks of a lease.
    pub fn marks(&self) -> Vec<String> {
        self.told.marks.lock().unwrap().keys().cloned().collect()
    }

    /// How many wait for an answer.
    pub fn waiting(&self) -> usize {
        self.told.held.lock().unwrap().len()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.path);
        self.told.held.lock().unwrap().clear();
    }
}

fn version() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => r#"{"Version":"24.0","ApiVersion":"1.43","Os":"linux","Arch":"arm64"}"#,
        _ => r#"{"Version":"24.0","ApiVersion":"1.43","Os":"linux","Arch":"amd64"}"#,
    }
}

fn answer(mut stream: UnixStream, told: &Told) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
    }
    let asked = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    told.asked.lock().unwrap().push(asked.clone());
    if let Some((status, body)) = lease(&mut stream, &mut request, &asked, told) {
        write(&mut stream, status, &body);
        return;
    }
    let answers = told.answers.lock().unwrap().clone();
    let Some((_, (status, body))) = answers.iter().find(|(begins, _)| asked.starts_with(**begins))
    else {
        told.held.lock().unwrap().push(stream);
        return;
    };
    write(&mut stream, *status, body);
}

fn write(stream: &mut UnixStream, status: u16, body: &str) {
    let text = format!("HTTP/1.0 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let _cut_off = stream.write_all(text.as_bytes());
}

/// The answer to what is about marks of leases: a volume of a name is made once.
fn lease(
    stream: &mut UnixStream,
    request: &mut Vec<u8>,
    asked: &str,
    told: &Told,
) -> Option<(u16, String)> {
    let mut marks = told.marks.lock().unwrap();
    if asked.starts_with("GET /volumes?") && asked.contains("grange.lease") {
        let all: Vec<&Value> = marks.values().collect();
        return Some((200, json!({"Volumes": all}).to_string()));
    }
    if let Some(name) = asked.strip_prefix("DELETE /volumes/grange-lease-") {
        let name = name.split(' ').next().unwrap_or_default();
        marks.remove(&format!("grange-lease-{name}"));
        return Some((204, String::new()));
    }
    if !asked.starts_with("POST /volumes/create") {
        return None;
    }
    let text = String::from_utf8_lossy(request).into_owned();
    let (head, _) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
    let whole = head.len() + 4 + length.parse::<usize>().ok()?;
    let mut rest = vec![0; whole.saturating_sub(request.len())];
    stream.read_exact(&mut rest).ok()?;
    request.extend(rest);
    let volume: Value = serde_json::from_slice(&request[head.len() + 4..]).ok()?;
    let name = volume["Name"].as_str()?.to_owned();
    let kept = marks.entry(name).or_insert(volume);
    Some((201, kept.to_string()))
}
