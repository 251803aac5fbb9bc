//! Assembly: everything is made here in order, handed what it needs, started, and stopped again.
//!
//! ```text
//! lock and store -> series -> keys -> clouds -> service -> agents' port -> jobs -> API -> ready
//! ```
//! Stopping goes the other way: doors first, so that nobody is promised anything more, then jobs,
//! then the running cloud calls are outwaited, then the series log and the store's writer drain.
//! What does not stop within its deadline is named.

use crate::api::{self, Api, Bell, Context, Limits, Listener};
use crate::appliance::{self, Alone};
use crate::base::limit::{OPEN_FILES, OPEN_FILES_MIN};
use crate::base::{Clock, ServerId, Waker, WallClock};
use crate::boot::certificate::Certificate;
use crate::boot::checker::Outside;
use crate::boot::config::Config;
use crate::boot::driver::Driver;
use crate::boot::failure::StartError;
use crate::boot::find;
use crate::boot::guard::Guard;
use crate::boot::memory;
use crate::boot::onboard::{clouds, open_onboard, opening, platforms, publishing, zones};
use crate::boot::pool::Pools;
use crate::boot::ports::{Bound, agent_addresses, bind, bind_for_agents, listen_on_socket};
use crate::boot::remade;
use crate::boot::told;
use crate::broker::{Broker, GateConfig, GateError};
use crate::clouds::Cloud;
use crate::clouds::onboard::Onboard;
use crate::jobs::accounts::Accounts;
use crate::jobs::{Courier, Ports};
use crate::model::{Actor, Install};
use crate::net::tls;
use crate::pki::{self, Authority};
use crate::series::{self, Series};
use crate::service::agents::Doorway;
use crate::service::agents::streams::StreamCourier;
use crate::service::appliance::{install, sealing};
use crate::service::farms::images;
use crate::service::observed::Observed;
use crate::service::plans::pace::Pace;
use crate::service::plans::steps;
use crate::service::{Service, Settings, access};
use crate::store::{self, Keyring, Store};
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long each part has to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// How long a platform is asked to notice changes before it is asked again.
const WATCH_FOR: Duration = Duration::from_secs(1);

/// A running appliance.
pub struct Appliance {
    /// The verbs, for what runs in the same process.
    pub service: Arc<Service>,
    /// The platform of servers on this machine, if there is one.
    pub onboard: Option<Arc<Onboard>>,
    /// Where it can be reached.
    pub addresses: Addresses,
    stop_doors: watch::Sender<bool>,
    broker: Arc<Broker>,
    driver: Driver,
    watcher: Option<Watcher>,
    pools: Pools,
    runtime: Runtime,
    _alone: Alone,
}

/// Where an appliance can be reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The unix socket.
    pub socket: PathBuf,
    /// HTTPS.
    pub https: SocketAddr,
    /// The agents' port.
    pub agents: SocketAddr,
    /// The authority's fingerprint, to pin.
    pub fingerprint: String,
}

/// Brings orders to agents through the broker.
struct Post {
    broker: Arc<Broker>,
    known: told::ToldAddresses,
}

impl Courier for Post {
    fn send(&self, server: ServerId, message: Vec<u8>) -> bool {
        match self.broker.publish_order(server, &message) {
            Ok(()) => true,
            Err(why) => {
                // The order stays open and is sent again.
                tracing::debug!(%server, %why, "order not sent");
                false
            }
        }
    }

    fn disconnect(&self, server: ServerId) {
        if self.broker.disconnect(server) {
            tracing::debug!(%server, "disconnected: it is gone");
        }
    }

    fn close_former(&self) {
        tracing::info!("every agent knows where we are now: nothing else is listened on for them");
        self.broker.close_former();
        self.known.keep();
    }
}

/// Tells agents of streams through the broker, for as long as there is one.
struct StreamPost(Weak<Broker>);

impl StreamCourier for StreamPost {
    fn tell(&self, server: ServerId, control: Vec<u8>) -> bool {
        self.0.upgrade().is_some_and(|broker| broker.tell_stream(server, &control))
    }
}

/// Wakes the listing as soon as the platform notices a change by itself.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watcher {
    fn start(cloud: Arc<Onboard>, service: Arc<Service>) -> std::io::Result<Watcher> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let watch = move || {
            while !seen.load(Ordering::SeqCst) {
                if cloud.wait_for_change(WATCH_FOR) {
                    service.listing.wake();
                }
            }
        };
        let thread = std::thread::Builder::new().name("watch-onboard".into()).spawn(watch)?;
        Ok(Watcher { stop, thread })
    }
}

/// Makes and starts an appliance. On an error nothing is left running.
pub fn start(config: &Config) -> Result<Appliance, StartError> {
    memory::give_back();
    let ground = lay_ground(config)?;
    let Ground { service, onboard, bound, agents, certificate, serving, alone } = ground;
    access::ensure_first_records(&service).map_err(StartError::Records)?;
    images::sweep_at_start(&service);
    steps::adopt(&service, &Actor::job("start")).map_err(StartError::Records)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_name("grange-io")
        .enable_all()
        .build()
        .map_err(|error| StartError::System("the runtime", error))?;
    runtime.spawn(Guard { data: config.data_dir.clone(), service: service.clone() }.keep());
    runtime.spawn(certificate.keep(serving.clone()));
    let (broker, known) = start_broker(config, &runtime, &service, agents, serving.clone())?;
    let clouds = clouds(onboard.as_ref());
    let pools = Pools::new(clouds.keys());
    let ports = Arc::new(Ports {
        service: service.clone(),
        clouds,
        pool: pools.calls.clone(),
        listings: pools.listings(),
        added: Accounts::new(&service, pools.maker()),
        checks: pools.checks.clone(),
        courier: Arc::new(Post { broker: broker.clone(), known }),
        checker: Arc::new(Outside),
    });
    let driver = Driver::start(ports).map_err(|error| StartError::System("the jobs", error))?;
    let watcher = onboard
        .clone()
        .map(|cloud| Watcher::start(cloud, service.clone()))
        .transpose()
        .map_err(|error| StartError::System("the watcher", error))?;
    let https = bound.https.local_addr().unwrap_or(config.https);
    let (stop_doors, stopped) = watch::channel(false);
    let administrators = administrators(config);
    open_doors(&runtime, &service, &driver, bound, serving, administrators, stopped)?;
    if let Err(error) = service.store.announce(&config.socket) {
        tracing::warn!(%error, "the lock file could not be told the socket");
    }
    let agents = broker.addresses().first().copied().unwrap_or(config.agents);
    let fingerprint = service.authority.fingerprint_text();
    let addresses = Addresses { socket: config.socket.clone(), https, agents, fingerprint };
    tracing::info!(socket = %addresses.socket.display(), %https, %agents, "ready");
    Ok(Appliance {
        service,
        onboard,
        addresses,
        stop_doors,
        broker,
        driver,
        watcher,
        pools,
        runtime,
        _alone: alone,
    })
}

/// What the running parts stand on.
struct Ground {
    service: Arc<Service>,
    onboard: Option<Arc<Onboard>>,
    bound: Bound,
    agents: Vec<StdListener>,
    certificate: Certificate,
    serving: Arc<tls::Serving>,
    alone: Alone,
}

/// Opens the state directory, keys and clouds, and makes the service over them.
fn lay_ground(config: &Config) -> Result<Ground, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
    let lost = remade::look(&config.data_dir);
    let store = Store::open(&config.data_dir, clock.clone(), store::Mode::Thread)
        .map_err(|error| StartError::Store(config.data_dir.clone(), error))?;
    store.set_journal_limit(config.journal_bytes);
    // Before anything that a copy would do: ask an engine, make a bridge, open a port.
    let alone = |install: Install| Alone::take(&install.id).map_err(StartError::alone);
    let known = install::known(&store).map_err(StartError::Records)?.map(alone).transpose()?;
    let used = known.is_some();
    if !used {
        remade::refuse_emptied(&config.data_dir)?;
    }
    let bound = bind(config)?;
    let series = Series::open(&config.data_dir.join("series"), clock.clone(), series::Mode::Thread)
        .map_err(StartError::Series)?;
    let keys = config.data_dir.join("keys");
    let keyring =
        Arc::new(Keyring::open(&keys, sealing::is_used(&store).map_err(StartError::Records)?));
    let authority = Arc::new(open_authority(&store, &keys, clock.as_ref())?);
    let onboard = config.onboard.then(|| open_onboard(config)).transpose()?.map(Arc::new);
    let gateway = onboard.as_ref().map(|cloud| IpAddr::from(cloud.gateway()));
    let agents = bind_for_agents(config.agents, gateway)?;
    let agents_port = agents
        .first()
        .and_then(|listener| listener.local_addr().ok())
        .map_or(config.agents.port(), |address| address.port());
    onboard.iter().for_each(|cloud| cloud.watch_port(agents_port));
    let gateway = onboard.as_ref().map(|cloud| cloud.gateway());
    let certificate = Certificate::new(config, authority.clone(), gateway, clock.clone());
    let (identity, _) = certificate.identity()?;
    let install = installation(&store, clock.as_ref(), &authority, &keyring)?;
    let alone = known.map_or_else(|| alone(install.clone()), Ok)?;
    let settings = Settings {
        platforms: platforms(onboard.as_deref()),
        opening: opening(config, &install, agents_port, clock.now())?,
        zones: zones(onboard.as_deref()),
        publishing: publishing(onboard.as_deref(), &bound, &agents),
        agent_addresses: agent_addresses(config, agents_port, onboard.as_deref()),
        agent_interval_ms: config.agent_interval_ms,
        call_deadline_ms: crate::base::limit::CLOUD_CALL_DEADLINE,
        epoch: install.epoch,
        seed: install.seed,
        secrets: crate::base::random::secret_text,
    };
    let service = Arc::new(Service {
        observed: Observed::new(&*clock),
        store,
        keyring,
        series: Arc::new(series),
        search: find::open(&config.data_dir),
        clock,
        authority,
        settings,
        pace: Arc::new(Pace::new(config.steps_per_minute)),
        observation: Waker::new(),
        connection: Waker::new(),
        listing: Waker::new(),
        streams: Default::default(),
        images: onboard.as_ref().and_then(|cloud| cloud.images()),
        before_write: None,
    });
    if used {
        install::note_remade(&service, &lost);
    }
    sealing::look_after_start(&service);
    let serving = tls::Serving::new(identity);
    Ok(Ground { service, onboard, bound, agents, certificate, serving, alone })
}

/// This installation's record, made at the first start.
fn installation(
    store: &Store,
    clock: &dyn Clock,
    authority: &Authority,
    keyring: &Keyring,
) -> Result<Install, StartError> {
    let authority = authority.fingerprint_text();
    let fresh = Install {
        id: crate::base::random::secret_text()[..16].to_owned(),
        epoch: 1,
        seed: crate::base::random::fresh_seed(),
        created_at: clock.now(),
        authority: authority.clone(),
        sealing_key: keyring.current(),
    };
    let known = install::ensure(store, fresh).map_err(StartError::Records)?;
    if known.authority.is_empty() {
        install::note_authority(store, authority).map_err(StartError::Records)?;
    }
    sealing::look_at_key(store, keyring).map_err(StartError::Records)?;
    Ok(known)
}

/// The authority every agent trusts. Only the very first start makes one: any other has had one,
/// and says so when it is gone.
fn open_authority(store: &Store, keys: &Path, clock: &dyn Clock) -> Result<Authority, StartError> {
    let opened = match install::known(store).map_err(StartError::Records)? {
        None => Authority::open(keys, clock.now()),
        Some(known) => {
            let expected = Some(known.authority.as_str()).filter(|text| !text.is_empty());
            Authority::open_kept(keys, expected)
        }
    };
    opened.map_err(StartError::Keys)
}

fn start_broker(
    config: &Config,
    runtime: &Runtime,
    service: &Arc<Service>,
    bound: Vec<StdListener>,
    serving: Arc<tls::Serving>,
) -> Result<(Arc<Broker>, told::ToldAddresses), StartError> {
    let authority_pem = service.authority.certificate_pem();
    let port = tls::agents_port(serving, authority_pem).map_err(StartError::Tls)?;
    let came_in = bound.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let addresses = &service.settings.agent_addresses;
    let (told, former, known) = told::settle(&config.data_dir, came_in, addresses);
    if let Some(text) = &told.change {
        tracing::warn!("{text}");
    }
    service.observed.telling.set(told.former);
    let gate = GateConfig::new(Vec::new(), port, |certificate| pki::identify(certificate).ok());
    let gate = GateConfig { bound, former, ..gate };
    let doorway = Arc::new(Doorway::new(service.clone()));
    let broker = Broker::start(gate, doorway.clone(), doorway, runtime.handle());
    let broker = broker.map(Arc::new).map_err(|error| match error {
        GateError::Listen(address, cause) => StartError::listen(address, cause),
        GateError::Router(_) => {
            StartError::System("the order router", std::io::Error::other(error))
        }
    })?;
    service.streams.connect(Arc::new(StreamPost(Arc::downgrade(&broker))));
    Ok((broker, known))
}

fn open_doors(
    runtime: &Runtime,
    service: &Arc<Service>,
    driver: &Driver,
    bound: Bound,
    serving: Arc<tls::Serving>,
    administrators: Vec<u32>,
    stopped: watch::Receiver<bool>,
) -> Result<(), StartError> {
    let stats = driver.stats();
    let jobs = Box::new(move || stats.views());
    let context = Context { service: service.clone(), jobs, administrators };
    let bell = Bell::new();
    let api = Arc::new(Api::new(context, bell.clone(), Limits::default()));
    let config = tls::api_port(serving).map_err(StartError::Tls)?;
    // Listeners belong to the runtime they are made in.
    let _inside = runtime.enter();
    let socket = listen_on_socket(&bound.socket)?;
    let system = |error| StartError::System("the API", error);
    let port = bound.https.local_addr().map_err(system)?.port();
    let https = TcpListener::from_std(bound.https).map_err(system)?;
    let mut listeners = vec![Listener::Unix(socket), Listener::Tls(https, config)];
    if let Some(http) = bound.http {
        listeners.push(Listener::Redirect(TcpListener::from_std(http).map_err(system)?, port));
    }
    let mut commits = service.store.watch();
    runtime.spawn(async move {
        while commits.changed().await.is_ok() {
            bell.ring();
        }
    });
    runtime.spawn(api::serve(api, listeners, stopped));
    Ok(())
}

/// The user the appliance runs as, and those the config file names. A name that nobody has is no
/// reason not to start: it is said, and lets nobody in.
fn administrators(config: &Config) -> Vec<u32> {
    let named = config.administrators.iter().filter_map(|name| {
        let uid = crate::appliance::uid_of(name);
        if uid.is_none() {
            tracing::warn!(%name, "users.administrators names a user this machine does not have");
        }
        uid
    });
    std::iter::once(crate::appliance::own_uid()).chain(named).collect()
}

impl Appliance {
    /// Blocks until a signal says stop.
    pub fn wait_for_signal(&self) -> std::io::Result<&'static str> {
        self.runtime.block_on(stop_signal())
    }

    /// Stops everything in order. Servers on this machine live on.
    pub fn stop(self) -> Vec<&'static str> {
        let mut late = Vec::new();
        self.stop_doors.send_replace(true);
        if let Some(watcher) = self.watcher {
            watcher.stop.store(true, Ordering::SeqCst);
            if watcher.thread.join().is_err() {
                late.push("watch-onboard");
            }
        }
        late.extend(self.driver.stop(STOP_DEADLINE));
        // Outwaited in vain: the step is found unknown at the next start and settled there.
        late.extend(self.pools.drain(STOP_DEADLINE));
        if !self.runtime.block_on(self.broker.stop(STOP_DEADLINE)) {
            late.push("broker");
        }
        self.runtime.shutdown_timeout(STOP_DEADLINE);
        self.service.series.close();
        if !self.service.store.close() {
            late.push("store writer");
        }
        // A socket that nobody listens on any more would only puzzle.
        if let Err(error) = std::fs::remove_file(&self.addresses.socket) {
            tracing::debug!(%error, "the socket was gone already");
        }
        for name in &late {
            tracing::warn!(part = name, "did not stop in time");
        }
        late
    }
}

/// `grange serve`: an appliance until a signal says stop.
pub fn serve(config: &Config) -> Result<(), StartError> {
    match appliance::allow_open_files(OPEN_FILES) {
        Ok(limit) if limit >= OPEN_FILES_MIN => {}
        Ok(limit) => tracing::warn!(
            limit,
            enough = OPEN_FILES_MIN,
            "this process may open few files, and each agent needs one"
        ),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
    let appliance = start(config)?;
    super::ready::notify("READY=1");
    let signal = appliance.wait_for_signal();
    let signal = signal.map_err(|error| StartError::System("waiting for signals", error))?;
    tracing::info!(signal, "stopping");
    super::ready::notify("STOPPING=1");
    appliance.stop();
    Ok(())
}

/// Waits for the signals that mean stop.
async fn stop_signal() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Whoever started us with it ignored (`nohup`) wants us to outlive the terminal.
    let mut hangup = (!hangup_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => drop(hangup.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
        () = hung_up => Ok("SIGHUP"),
    }
}

/// Whether the process was started with SIGHUP ignored: bit 0 of what the kernel says it ignores.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 == 1)
}
