//! A real API over the fake, on a real unix socket in a directory of its own.

use super::fake::{Fake, NOW};
use grange::api::{Api, Bell, Limits, Listener, serve};
use grange::base::{ManualClock, Timestamp};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Longest a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

static HOUSES: AtomicU32 = AtomicU32::new(0);

/// The API, until it is dropped.
pub struct House {
    /// What is behind it.
    pub fake: Arc<Fake>,
    /// Its bell.
    pub bell: Bell,
    /// Its directory.
    pub directory: PathBuf,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

impl House {
    /// One that knows whoever runs the test, or nobody.
    pub fn open(knows_unix: bool, limits: Limits) -> House {
        House::with(knows_unix, limits, |_| Vec::new())
    }

    /// The same with further listeners, made inside its runtime.
    pub fn with(
        knows_unix: bool,
        limits: Limits,
        listeners: impl FnOnce(&Path) -> Vec<Listener>,
    ) -> House {
        let number = HOUSES.fetch_add(1, Ordering::Relaxed);
        let name = format!("grange-doors-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (fake, bell) = (Arc::new(Fake::new(knows_unix)), Bell::new());
        let clock = Arc::new(ManualClock::at(Timestamp(NOW)));
        let (stop, stopping) = watch::channel(false);
        let serving = {
            let _inside = runtime.enter();
            let socket = tokio::net::UnixListener::bind(directory.join("api.sock")).unwrap();
            let mut all = listeners(&directory);
            all.push(Listener::Unix(socket));
            let api = Api::new(fake.clone(), bell.clone(), clock, limits);
            runtime.spawn(serve(Arc::new(api), all, stopping))
        };
        let (runtime, serving) = (Some(runtime), Some(serving));
        House { fake, bell, directory, stop, runtime, serving }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("api.sock")
    }

    /// Ends it and waits until it has.
    pub fn close(&mut self) {
        self.stop.send_replace(true);
        if let (Some(serving), Some(runtime)) = (self.serving.take(), &self.runtime) {
            runtime
                .block_on(async { tokio::time::timeout(PATIENCE, serving).await })
                .unwrap()
                .unwrap();
        }
    }

    /// Sends bytes as they are and reads until the API closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The API may refuse and close before it has read everything; its answer counts.
        match stream.write_all(bytes) {
            Ok(()) | Err(_) => {}
        }
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "{e}"),
        }
        String::from_utf8(answer).unwrap()
    }

    /// One request, and its whole answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[String], body: &str) -> String {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        headers.iter().for_each(|header| request.push_str(&format!("{header}\r\n")));
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.raw(request.as_bytes())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
        match std::fs::remove_dir_all(&self.directory) {
            Ok(()) => {}
            Err(e) => eprintln!("{}: {e}", self.directory.display()),
        }
    }
}
