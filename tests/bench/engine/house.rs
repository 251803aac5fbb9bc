//! The service over a store in a directory, as an appliance has it, without its doors.

use grange::base::{Clock, Waker, WallClock};
use grange::model::{Actor, Door, Permission};
use grange::pki::Authority;
use grange::series::{self, MemoryDisk, Series};
use grange::service::observed::Observed;
use grange::service::plans::pace::Pace;
use grange::service::{Service, Settings, access};
use grange::store::{Keyring, Mode, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The platform its servers are on.
pub const PLATFORM: &str = "simulated";

/// What a bench works with.
pub struct House {
    /// The verbs.
    pub service: Arc<Service>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl House {
    /// Opens one in a directory of its own.
    pub fn open(directory: &str) -> House {
        let path = Path::new(directory);
        let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
        let store = Store::open(path, clock.clone(), Mode::Thread).expect("a store");
        let (disk, minutes) = (Box::new(MemoryDisk::new()), Box::new(MemoryDisk::new()));
        let mode = series::Mode::Drained;
        let series = Series::open_on(disk, minutes, clock.clone(), mode).expect("readings");
        let keys = path.join("keys");
        std::fs::create_dir_all(&keys).expect("a directory");
        let authority = Authority::open(&keys, clock.now()).expect("an authority");
        let service = Arc::new(Service {
            store,
            keyring: Arc::new(Keyring::in_memory()),
            series: Arc::new(series),
            search: None,
            observed: Observed::new(&*clock),
            clock: clock.clone(),
            authority: Arc::new(authority),
            settings: Settings {
                platforms: BTreeMap::from([(PLATFORM.to_owned(), vec!["small".to_owned()])]),
                opening: Default::default(),
                zones: BTreeMap::new(),
                publishing: BTreeMap::from([("simulated".to_owned(), Default::default())]),
                agent_addresses: vec!["192.0.2.1:8883".into()],
                agent_interval_ms: 10_000,
                call_deadline_ms: 60_000,
                epoch: 1,
                seed: 7,
                secrets: grange::base::random::secret_text,
            },
            // What is measured is us, not what a cloud may be asked.
            pace: Arc::new(Pace::new(u32::MAX)),
            observation: Waker::new(),
            connection: Waker::new(),
            listing: Waker::new(),
            streams: Default::default(),
            images: None,
            before_write: None,
        });
        access::ensure_first_records(&service).expect("first records");
        House { service, clock }
    }
}

/// A person who may do everything.
pub fn admin() -> Actor {
    let permissions = Permission::for_admin();
    Actor { name: "admin".into(), door: Door::Socket, permissions, ..Actor::job("admin") }
}
