//! A real API over the real service, on a real unix socket in a directory of its own.

use super::deeds;
use super::world::{self, Index};
use crate::explain::site::Site;
use grange::api::{Api, Bell, Context, Limits, Listener, serve};
use grange::base::Seq;
use grange::model::Grant;
use grange::service::{Service, journal};
use grange::wire::api::JobView;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Longest a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

static HOUSES: AtomicU32 = AtomicU32::new(0);

/// The API, until it is dropped.
pub struct House {
    /// What is behind it.
    pub site: Mutex<Site>,
    /// Its bell, which every commit rings.
    pub bell: Bell,
    /// Its directory.
    pub directory: PathBuf,
    /// The index of its journal, where it has one.
    pub index: Option<Arc<Index>>,
    /// Whether looking at the jobs panics.
    pub jobs_panic: Arc<AtomicBool>,
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
        let directory = directory();
        let site = world::shop(None);
        if !knows_unix {
            world::dismiss_administrator(&site);
        }
        House::over(site, directory, limits, listeners)
    }

    /// One whose journal can be searched.
    pub fn searching() -> House {
        let directory = directory();
        let words = grange::boot::find::open(&directory).expect("an index");
        let index = Arc::new(Index { words, broken: AtomicBool::new(false) });
        let site = world::shop(Some(index.clone()));
        read_on(&index, &site.service);
        let mut house = House::over(site, directory, Limits::default(), |_| Vec::new());
        house.index = Some(index);
        house
    }

    fn over(
        site: Site,
        directory: PathBuf,
        limits: Limits,
        listeners: impl FnOnce(&Path) -> Vec<Listener>,
    ) -> House {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let bell = Bell::new();
        let jobs_panic = Arc::new(AtomicBool::new(false));
        let (stop, stopping) = watch::channel(false);
        let serving = {
            let _inside = runtime.enter();
            let socket = tokio::net::UnixListener::bind(directory.join("api.sock")).unwrap();
            let mut all = listeners(&directory);
            all.push(Listener::Unix(socket));
            let context = context(&site.service, jobs_panic.clone());
            let api = Api::new(context, bell.clone(), limits);
            let (mut commits, rung) = (site.service.store.watch(), bell.clone());
            runtime.spawn(async move {
                while commits.changed().await.is_ok() {
                    rung.ring();
                }
            });
            runtime.spawn(serve(Arc::new(api), all, stopping))
        };
        House {
            site: Mutex::new(site),
            bell,
            directory,
            index: None,
            jobs_panic,
            stop,
            runtime: Some(runtime),
            serving: Some(serving),
        }
    }

    /// Does what a line of a scenario says happens.
    pub fn act(&self, line: &str) {
        deeds::act(self, line);
    }

    /// The real service behind it.
    pub fn service(&self) -> Arc<Service> {
        self.site.lock().unwrap().service.clone()
    }

    /// A text with the servers' ids in place of their names in braces, as `{shop/web-1}`.
    pub fn named(&self, text: &str) -> String {
        let site = self.site.lock().unwrap();
        let mut parts = text.split('{');
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let known = part
                .split_once('}')
                .and_then(|(name, rest)| world::named(&site, name).map(|id| format!("{id}{rest}")));
            whole.push_str(&known.unwrap_or_else(|| format!("{{{part}")));
        }
        whole
    }

    /// The other way round: names in braces in place of ids.
    pub fn unnamed(&self, text: &str) -> String {
        let site = self.site.lock().unwrap();
        world::names(&site)
            .into_iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(&id, &format!("{{{name}}}")))
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

/// A fresh directory.
fn directory() -> PathBuf {
    let number = HOUSES.fetch_add(1, Ordering::Relaxed);
    let name = format!("grange-doors-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// What the API stands on. Whoever runs the test administers it, and there is one job.
fn context(service: &Arc<Service>, jobs_panic: Arc<AtomicBool>) -> Context {
    let jobs = move || {
        assert!(!jobs_panic.load(Ordering::SeqCst), "the jobs were asked to panic");
        let (name, last) = ("plan".into(), "nothing changed".into());
        vec![JobView { name, runs: 12, last, ..JobView::default() }]
    };
    let administrators = vec![nix::unistd::getuid().as_raw()];
    Context { service: service.clone(), jobs: Box::new(jobs), administrators }
}

/// Brings the index of a journal up to its end.
pub fn read_on(index: &Index, service: &Service) {
    let told = service.store.entries(&Grant::job("test"), Seq(index.words.cursor()), 500).unwrap();
    let told: Vec<_> = told.into_iter().map(journal::event).collect();
    let told: Vec<_> = told.into_iter().filter(|event| !event.text.is_empty()).collect();
    index.words.index(&told, service.store.last_seq().0, 0).unwrap();
}
