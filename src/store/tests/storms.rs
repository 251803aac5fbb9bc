//! Random groups, crashes and failing disks beside a model: whoever was answered is there, whoever
//! refused himself is not, and one group at most is there that nobody was answered for.

use super::{author, clock, farm};
use crate::base::{FarmId, Problem};
use crate::model::{Farm, Grant};
use crate::store::group::{Task, Work};
use crate::store::{CrashHook, Disk, Mode, Moment, Reads, Store, Tx};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What is done to the store.
#[derive(Clone, Debug)]
enum Deed {
    /// A group of writes, each of a farm and a length; a length of zero removes it, and one of
    /// three refuses itself.
    Group(Vec<(u64, usize)>),
    /// Nothing is asked for, for a while.
    Idle,
    /// The journal is trimmed to so many bytes.
    Trim(u64),
    /// Closed and opened again.
    Close,
    /// The disk fails after so many operations, until the next opening.
    Fail(u64),
    /// Power goes at a moment of the next group, and of what was not synced a part is kept.
    Crash(Moment, u8),
    /// Power goes between two groups.
    Cut(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let length = prop_oneof![0usize..9, 50usize..3000, Just(30_000), Just(70_000)];
    let group = proptest::collection::vec((1u64..9, length), 1..5);
    let moment = prop_oneof![
        Just(Moment::BeforeCommit),
        Just(Moment::Logged),
        Just(Moment::Synced),
        Just(Moment::Checkpointed),
        Just(Moment::AfterCommit),
    ];
    prop_oneof![
        12 => group.prop_map(Deed::Group),
        1 => Just(Deed::Idle),
        1 => (0u64..100_000).prop_map(Deed::Trim),
        1 => Just(Deed::Close),
        2 => (0u64..12).prop_map(Deed::Fail),
        2 => (moment, 0u8..4).prop_map(|(moment, keep)| Deed::Crash(moment, keep)),
        1 => (0u8..4).prop_map(Deed::Cut),
    ]
}

/// Farms and the length of each one's description.
type Model = BTreeMap<u64, usize>;

/// What a power cut leaves, and the next crash there is to be.
#[derive(Default)]
struct Fate {
    due: Option<(Moment, u8)>,
    left: Option<Disk>,
}

struct World {
    disk: Disk,
    store: Store,
    fate: Arc<Mutex<Fate>>,
    model: Model,
}

fn cut(disk: &Disk, keep: u8) -> Disk {
    let mut sector = 0u32;
    match keep {
        0 => disk.crash(),
        1 => disk.crash_keeping(|| true),
        keep => disk.crash_keeping(|| {
            sector = sector.wrapping_mul(1_103_515_245).wrapping_add(12_345 + u32::from(keep));
            sector & 0x1_0000 != 0
        }),
    }
}

impl World {
    fn on(disk: Disk, model: Model) -> World {
        let fate = Arc::new(Mutex::new(Fate::default()));
        let (shared, platter) = (fate.clone(), disk.clone());
        let hook: CrashHook = Arc::new(move |moment| {
            let mut fate = shared.lock().unwrap();
            match fate.due {
                Some((due, keep)) if due == moment => {
                    fate.left = Some(cut(&platter, keep));
                    false
                }
                Some(_) | None => true,
            }
        });
        let store = Store::open_on(&disk, clock(), Mode::Inline(Some(hook))).unwrap();
        World { disk, store, fate, model }
    }

    /// The same on what a crash left, where a group may be or not that nobody was answered for.
    fn reopened(self, disk: Disk, maybe: Model) -> World {
        drop(self.store);
        let mut next = World::on(disk, self.model);
        let found = next.found();
        assert!(found == next.model || found == maybe, "{found:?}: {:?}, {maybe:?}", next.model);
        next.model = found;
        let verified = next.store.verify().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(verified.records, next.model.len() as u64);
        next
    }

    fn found(&self) -> Model {
        let all = self.store.read(&Grant::job("test"), |view| view.all::<Farm>()).unwrap();
        all.into_iter().map(|f| (f.record.id.0, f.record.description.len())).collect()
    }

    /// What a group is to come to, and whether all of it was answered well.
    fn group(&self, writes: &[(u64, usize)]) -> (Model, bool) {
        let mut after = self.model.clone();
        let answers: Arc<Mutex<Vec<Result<(), Problem>>>> = Arc::default();
        let mut group: Vec<Box<dyn Work>> = Vec::new();
        for (id, length) in writes.iter().copied() {
            let refuses = length % 3 == 2;
            if !refuses && length > 0 {
                after.insert(id, length);
            } else if !refuses {
                after.remove(&id);
            }
            let write = move |tx: &mut Tx<'_>| {
                if length == 0 {
                    tx.delete::<Farm>(FarmId(id))?;
                    return Ok(());
                }
                let mut farm = farm(id, &format!("farm-{id}"));
                farm.description = "x".repeat(length);
                tx.put(&farm)?;
                if refuses { Err(Problem::invalid("length", "not this")) } else { Ok(()) }
            };
            let answers = answers.clone();
            let done = move |outcome: Result<((), _), Problem>| {
                answers.lock().unwrap().push(outcome.map(|_| ()));
            };
            group.push(Box::new(Task {
                author: author("storm"),
                write: Some(write),
                outcome: None,
                done,
            }));
        }
        self.store.writer().run(group, &mut || ());
        let answers = answers.lock().unwrap();
        assert_eq!(answers.len(), writes.len());
        let well = answers.iter().zip(writes).all(|(a, (_, length))| a.is_ok() || length % 3 == 2);
        (after, well)
    }

    fn act(mut self, deed: Deed) -> World {
        match deed {
            Deed::Group(writes) => {
                let (after, well) = self.group(&writes);
                let left = self.fate.lock().unwrap().left.take();
                if let Some(left) = left {
                    return self.reopened(left, after);
                }
                if well {
                    self.model = after;
                } else {
                    // Its disk fails; once it does no more, what was refused may be there or not.
                    self.disk.heal();
                    self.store.writer().run(Vec::new(), &mut || ());
                    let found = self.found();
                    assert!(found == self.model || found == after, "{found:?}");
                    self.model = found;
                }
                if self.store.outage().is_none() {
                    assert_eq!(self.found(), self.model);
                }
            }
            Deed::Idle => self.store.writer().run(Vec::new(), &mut || ()),
            Deed::Trim(bytes) => {
                self.store.set_journal_limit(bytes);
                if self.store.trim_journal().is_err() {
                    self.store.writer().run(Vec::new(), &mut || ());
                }
            }
            Deed::Close => {
                assert!(self.store.close());
                self.disk.heal();
                let (disk, model) = (self.disk.clone(), self.model.clone());
                return self.reopened(disk, model);
            }
            Deed::Fail(after) => self.disk.fail_after(after),
            Deed::Crash(moment, keep) => self.fate.lock().unwrap().due = Some((moment, keep)),
            Deed::Cut(keep) => {
                let (left, model) = (cut(&self.disk, keep), self.model.clone());
                return self.reopened(left, model);
            }
        }
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn whatever_befalls_it_the_store_has_what_it_answered(
        deeds in proptest::collection::vec(deed(), 1..60),
    ) {
        let mut world = World::on(Disk::new(), Model::new());
        for deed in deeds {
            world = world.act(deed);
        }
        world.disk.heal();
        let (left, model) = (world.disk.crash(), world.model.clone());
        world.reopened(left, model);
    }
}
