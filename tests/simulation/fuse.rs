//! Where the next crash of the appliance strikes, and what it leaves on the disk.
//!
//! One fuse serves all lives of a run. It counts every point at which the appliance may crash, so
//! that a run can be repeated with a crash at each of them in turn.

use grange::base::random::Stream;
use grange::service::Service;
use grange::store::Disk;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A point at which the appliance may crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Everything is decided and nothing is on disk.
    BeforeCommit,
    /// Some of the commit's writes are on disk.
    InCommit,
    /// The log was given all of it, and may lose it yet.
    Logged,
    /// The log has it, and the database does not.
    Synced,
    /// The database has it for good, and the log is about to start over.
    Checkpointed,
    /// All is on disk and nobody has been told.
    AfterCommit,
    /// The step is begun in the journal, and the cloud has not heard of it.
    BeforeCall,
    /// The cloud did it, and its answer never arrives.
    AfterCall,
}

impl Point {
    /// All there are.
    pub const ALL: [Point; 8] = [
        Point::BeforeCommit,
        Point::InCommit,
        Point::Logged,
        Point::Synced,
        Point::Checkpointed,
        Point::AfterCommit,
        Point::BeforeCall,
        Point::AfterCall,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Point::BeforeCommit => "before-commit",
            Point::InCommit => "in-commit",
            Point::Logged => "logged",
            Point::Synced => "synced",
            Point::Checkpointed => "checkpointed",
            Point::AfterCommit => "after-commit",
            Point::BeforeCall => "before-call",
            Point::AfterCall => "after-call",
        }
    }
}

/// One crash of a run: the point, and how many of its kind go by before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// At which kind of point.
    pub point: Point,
    /// How many of them go well.
    pub after: u64,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point.name(), self.after)
    }
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Crash, String> {
        let (name, after) = text.split_once(':').ok_or("a crash is POINT:NUMBER")?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let point = point.ok_or_else(|| format!("no such point: {name}"))?;
        let after = after.parse().map_err(|_| format!("no number: {after}"))?;
        Ok(Crash { point, after })
    }
}

/// Goes off at a point.
pub struct Fuse {
    inner: Mutex<Inner>,
}

struct Inner {
    luck: Stream,
    lit: Option<Crash>,
    passed: BTreeMap<Point, u64>,
    life: Option<(Disk, Weak<Service>)>,
    struck: Option<(Point, Option<Disk>)>,
}

impl Fuse {
    /// Not lit.
    pub fn new(seed: u64) -> Fuse {
        let inner = Inner {
            luck: Stream::new(seed, "fuse"),
            lit: None,
            passed: BTreeMap::new(),
            life: None,
            struck: None,
        };
        Fuse { inner: Mutex::new(inner) }
    }

    /// From now on it is about this life of the appliance.
    pub fn watch(&self, disk: &Disk, service: Weak<Service>) {
        self.inner().life = Some((disk.clone(), service));
    }

    /// Crashes at a point.
    pub fn light(&self, crash: Crash) {
        self.inner().lit = Some(crash);
    }

    /// A point is reached; whether the appliance crashes right there.
    pub fn pass(&self, point: Point) -> bool {
        let mut inner = self.inner();
        *inner.passed.entry(point).or_default() += 1;
        let Some(crash) = &mut inner.lit else { return false };
        if crash.point != point {
            return false;
        }
        if crash.after > 0 {
            crash.after -= 1;
            return false;
        }
        inner.lit = None;
        let Some((disk, service)) = inner.life.clone() else { return false };
        if point == Point::InCommit {
            // The commit goes on and its disk stops answering: nothing is done after that either.
            // Two operations are one into the log; a commit for good has dozens.
            let most = if inner.luck.chance(50) { 3 } else { 40 };
            disk.fail_after(inner.luck.below(most));
            inner.struck = Some((point, None));
            return false;
        }
        let left = inner.remains(&disk);
        inner.struck = Some((point, Some(left)));
        drop(inner);
        if matches!(point, Point::BeforeCall | Point::AfterCall)
            && let Some(service) = service.upgrade()
        {
            service.store.close();
        }
        true
    }

    /// The point it went off at and what is left on the disk, once after it did.
    pub fn struck(&self) -> Option<(Point, Disk)> {
        let mut inner = self.inner();
        let (point, left) = inner.struck.take()?;
        let disk = inner.life.as_ref()?.0.clone();
        let left = left.unwrap_or_else(|| inner.remains(&disk));
        Some((point, left))
    }

    /// Whether it went off.
    pub fn is_struck(&self) -> bool {
        self.inner().struck.is_some()
    }

    /// What is left of a disk when the appliance falls now.
    pub fn remains(&self, disk: &Disk) -> Disk {
        self.inner().remains(disk)
    }

    /// Not lit any more: whoever was to crash did.
    pub fn put_out(&self) {
        let mut inner = self.inner();
        (inner.lit, inner.struck, inner.life) = (None, None, None);
    }

    /// How many points went by, of each kind.
    pub fn passed(&self) -> BTreeMap<Point, u64> {
        self.inner().passed.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What was synced, and of the rest nothing, all, or whatever a drive had written already.
    fn remains(&mut self, disk: &Disk) -> Disk {
        let luck = &mut self.luck;
        match luck.below(3) {
            0 => disk.crash(),
            1 => disk.crash_keeping(|| true),
            _ => disk.crash_keeping(|| luck.chance(50)),
        }
    }
}

/// A fuse that several hold.
pub type SharedFuse = Arc<Fuse>;
