//! What an appliance on a state directory answers: lists as the API has them, searches, readings.

use grange::base::random::{fresh_seed, secret_text};
use grange::base::{
    Clock, FarmRoleId, ManualClock, Problem, ServerId, Timestamp, Waker, WallClock,
};
use grange::boot::find::Index;
use grange::model::{Actor, Door, Grant, Permission, Plan, RoleMinute};
use grange::pki::Authority;
use grange::search::Search;
use grange::series::{self, Series, SeriesError};
use grange::service::clouds::accounts;
use grange::service::observed::Observed;
use grange::service::plans::holds;
use grange::service::plans::pace::Pace;
use grange::service::{Finder, Service, Settings};
use grange::service::{access, appliance, farms, journal, lookup, servers};
use grange::store::{Entry, Keyring, Reads, Store};
use grange::wire::input::{EventsQuery, FarmFilter, FarmRoleFilter, Page, ServerFilter};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

/// Words that are looked for in the journal.
const WORDS: [&str; 6] = ["laptop", "launched", "web-1", "shop/web", "token", "terminat"];
const ALL: Page = Page { number: 1, size: 1000 };

/// What is answered, by the question.
pub struct Answers(BTreeMap<String, String>);

impl Answers {
    /// Asks everything. The history, which others have compared, says only what the time is.
    pub fn of(store: &Store, directory: &Path, history: &[Entry]) -> Result<Answers, Problem> {
        let service = service(store, directory, history);
        let actor = Actor {
            name: "admin".into(),
            door: Door::Socket,
            permissions: Permission::for_admin(),
            ..Actor::job("admin")
        };
        let mut said = BTreeMap::new();
        let mut note = |question: String, answer: &dyn Debug| {
            said.insert(question, format!("{answer:#?}"));
        };
        let farms = farms::list(&service, &actor, &FarmFilter::default(), ALL)?;
        for farm in &farms.items {
            let id = grange::base::FarmId(farm.id);
            let roles = farms::farm_roles(&service, &actor, id, &FarmRoleFilter::default(), ALL)?;
            note(format!("farm roles of {id}"), &roles);
        }
        note("farms".into(), &farms);
        note("servers".into(), &servers::list(&service, &actor, &ServerFilter::default(), ALL)?);
        note("every server".into(), &service.read(&Grant::job("test"), lookup::all_servers)?);
        note("tokens".into(), &access::tokens(&service, &actor, ALL)?);
        note("users".into(), &service.read(&Grant::job("test"), lookup::all_users)?);
        note("roles".into(), &service.read(&Grant::job("test"), lookup::all_roles)?);
        note("holds".into(), &holds::list(&service, &actor, ALL)?);
        note("plans".into(), &service.read(&Grant::job("test"), |view| Ok(view.all::<Plan>()?))?);
        note("accounts".into(), &accounts::list(&service, &actor, ALL)?);
        note("status".into(), &appliance::get(&service, &actor, Vec::new())?);
        for words in WORDS {
            let query =
                EventsQuery { max: 1000, search: Some(words.into()), ..EventsQuery::default() };
            let found = match journal::list(&service, &actor, &query) {
                Ok(found) => found.events,
                // The index is a cache: what cannot be searched for is not answered wrongly.
                Err(_) => Vec::new(),
            };
            note(format!("search {words}"), &found);
        }
        Ok(Answers(said))
    }

    /// There is something to be lost.
    pub fn require_used(&self) {
        for (question, answer) in &self.0 {
            assert!(answer.len() > 60 || question.starts_with("accounts"), "{question}: {answer}");
        }
    }

    /// The same answers, except that an index made anew finds nothing yet.
    pub fn require_same(&self, truth: &Answers, what: &str) {
        assert_eq!(self.0.keys().collect::<Vec<_>>(), truth.0.keys().collect::<Vec<_>>(), "{what}");
        for (question, answer) in &self.0 {
            let made_anew = question.starts_with("search ") && answer == "[]";
            assert!(
                made_anew || *answer == truth.0[question],
                "{what}: {question}: {answer}\n instead of {}",
                truth.0[question]
            );
        }
    }
}

/// A service as a start makes it, at the time of the last entry.
fn service(store: &Store, directory: &Path, history: &[Entry]) -> Service {
    let clock: Arc<dyn Clock> =
        Arc::new(ManualClock::at(history.last().map_or(Timestamp(0), |entry| entry.at)));
    let search = Search::open(&directory.join("search")).ok();
    if let Some(search) = &search {
        // As the job that keeps it does first of all.
        let _ = search.examine();
    }
    // Of its own, since keys are compared by themselves.
    let keys = directory.join("other-keys");
    let authority = Authority::open(&keys, clock.now()).unwrap();
    let series =
        Series::open(&directory.join("other-series"), clock.clone(), series::Mode::Drained);
    Service {
        streams: Default::default(),
        images: None,
        before_write: None,
        store: store.clone(),
        keyring: Arc::new(Keyring::in_memory()),
        series: Arc::new(series.unwrap()),
        search: search.map(|search| Arc::new(Index(search)) as Arc<dyn Finder>),
        observed: Observed::new(&*clock),
        clock,
        pace: Arc::new(Pace::new(100)),
        authority: Arc::new(authority),
        settings: Settings {
            platforms: BTreeMap::from([("onboard".to_owned(), vec!["small".to_owned()])]),
            opening: Default::default(),
            zones: BTreeMap::new(),
            publishing: BTreeMap::from([("simulated".to_owned(), Default::default())]),
            agent_addresses: Vec::new(),
            agent_interval_ms: 1000,
            call_deadline_ms: 1000,
            epoch: 1,
            seed: fresh_seed(),
            secrets: secret_text,
        },
        observation: Waker::new(),
        connection: Waker::new(),
        listing: Waker::new(),
    }
}

/// Readings of servers and recorded minutes of farm roles.
pub struct Readings {
    points: BTreeSet<(ServerId, String, i64, u64)>,
    minutes: Vec<RoleMinute>,
}

impl Readings {
    /// Everything that is kept of the servers and farm roles of a history.
    pub fn of(directory: &Path, history: &[Entry]) -> Result<Readings, SeriesError> {
        let clock = Arc::new(WallClock::new());
        let series = Series::open(&directory.join("series"), clock, series::Mode::Drained)?;
        let (first, last) = (Timestamp(0), Timestamp(i64::MAX / 2));
        let mut points = BTreeSet::new();
        for server in servers_of(history) {
            for (name, _, _) in series.latest(server) {
                let window = series.window(server, &name, first, last);
                points.extend(
                    window.iter().map(|(at, value)| (server, name.clone(), at.0, value.to_bits())),
                );
            }
        }
        let roles: BTreeSet<FarmRoleId> = (1..10).map(FarmRoleId).collect();
        let minutes = series.recorded_minutes(&roles, first, last, 10_000)?.unwrap_or_default();
        Ok(Readings { points, minutes })
    }

    /// There is something to be lost.
    pub fn require_used(&self) {
        assert!(self.points.len() > 20, "{} readings", self.points.len());
    }

    /// Nothing that nobody said.
    pub fn require_within(&self, truth: &Readings, what: &str) {
        let strange: Vec<_> = self.points.difference(&truth.points).collect();
        assert!(strange.is_empty(), "{what}: nobody said {strange:?}");
        for minute in &self.minutes {
            assert!(truth.minutes.contains(minute), "{what}: nobody recorded {minute:?}");
        }
    }
}

/// The servers a history is about.
fn servers_of(history: &[Entry]) -> BTreeSet<ServerId> {
    let subjects = history.iter().flat_map(|entry| &entry.subjects);
    subjects
        .filter_map(|subject| match subject {
            grange::store::Subject::Server(id) => Some(*id),
            _ => None,
        })
        .collect()
}
