//! What is remembered: records as they are, or as the journal last had them.
//!
//! Records of servers long gone are removed, and of plans and farms too; their entries stay as
//! long as the journal keeps them, and carry the records. So everything here asks the record
//! first and the journal second.

use crate::base::VolumeId;
use crate::base::{EnvironmentId, FarmId, FarmRoleId, PlanId, Result, Seq, ServerId, StepId};
use crate::model::{Farm, FarmRole, Grant, Plan, Server, Step, Volume};
use crate::service::{Service, lookup};
use crate::store::{Entry, Key, Reads, Record, StoreError, Subject, View};

/// Entries looked at in one step.
const PAGE: usize = 200;
/// Entries looked at for one question at the most: it must end in a large farm too.
const LOOKED_AT_MAX: usize = 2_000;
/// Entries looked at for the name of something without a record, newest first: a tenth of a
/// second, and days of a busy site.
const NAMES_LOOKED_AT_MAX: u64 = 50_000;

/// One snapshot of the records, and the journal.
pub(super) struct Past<'a> {
    pub service: &'a Service,
    pub grant: &'a Grant<'a>,
    pub view: &'a View,
}

/// Where a journal begins that was trimmed.
pub(super) struct Beginning {
    pub seq: Seq,
}

impl Past<'_> {
    /// A story's entries, newest first.
    pub fn entries(&self, of: Subject, before: Option<Seq>, at_most: usize) -> Result<Vec<Entry>> {
        Ok(self.service.store.entries_about(self.grant, of, before, at_most)?)
    }

    /// A story's oldest entry.
    pub fn first(&self, of: Subject) -> Result<Option<Entry>> {
        Ok(self.service.store.first_about(self.grant, of)?)
    }

    /// The newest entry of a story that `is` it, before a number or of all.
    pub fn latest(
        &self,
        of: Subject,
        before: Option<Seq>,
        is: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Entry>> {
        let (mut before, mut looked_at) = (before, 0);
        while looked_at < LOOKED_AT_MAX {
            let page = self.entries(of, before, PAGE)?;
            let Some(last) = page.last() else { return Ok(None) };
            before = Some(last.seq);
            looked_at += page.len();
            if let Some(found) = page.into_iter().find(|entry| is(entry)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where the journal begins, if its beginning is gone.
    pub fn beginning(&self) -> Result<Option<Beginning>> {
        let first = match self.service.store.entries(self.grant, Seq(0), 1) {
            Err(StoreError::Gone { first }) => first,
            other => return other.map(|_| None).map_err(Into::into),
        };
        let entry = self.service.store.entry(self.grant, first)?;
        Ok(entry.map(|entry| Beginning { seq: entry.seq }))
    }

    fn record<R: Record>(&self, key: R::Key, of: Subject) -> Result<Option<R>> {
        if let Some(found) = self.view.get::<R>(key.clone())? {
            return Ok(Some(found.record));
        }
        let touches = |entry: &Entry| {
            let bytes = key.bytes();
            entry.changes.iter().any(|c| c.table == R::TABLE && c.key == bytes)
        };
        match self.latest(of, None, touches)? {
            Some(entry) => in_entry::<R>(&entry, &key),
            None => Ok(None),
        }
    }

    /// A server.
    pub fn server(&self, id: ServerId) -> Result<Option<Server>> {
        self.record(id, Subject::Server(id))
    }

    /// A farm.
    pub fn farm(&self, id: FarmId) -> Result<Option<Farm>> {
        self.record(id, Subject::Farm(id))
    }

    /// A farm role.
    pub fn farm_role(&self, id: FarmRoleId) -> Result<Option<FarmRole>> {
        self.record(id, Subject::FarmRole(id))
    }

    /// A plan.
    pub fn plan(&self, id: PlanId) -> Result<Option<Plan>> {
        self.record(id, Subject::Plan(id))
    }

    /// A step.
    pub fn step(&self, id: StepId) -> Result<Option<Step>> {
        self.record(id, Subject::Step(id))
    }

    /// A data volume.
    pub fn volume(&self, id: VolumeId) -> Result<Option<Volume>> {
        self.record(id, Subject::Volume(id))
    }

    /// The entry that committed a plan.
    pub fn commit_of(&self, plan: PlanId) -> Result<Option<Entry>> {
        Ok(self.first(Subject::Plan(plan))?.filter(|entry| entry.verb == "plan.commit"))
    }

    /// A farm's name, or its number where not even the journal knows it.
    pub fn farm_name(&self, id: FarmId) -> Result<String> {
        Ok(self.farm(id)?.map_or_else(|| format!("farm {id}"), |farm| farm.name.to_string()))
    }

    /// `shop/web-3`.
    pub fn name(&self, server: &Server) -> Result<String> {
        Ok(format!("{}/{}", self.farm_name(server.farm)?, server.hostname))
    }

    /// Whether the entry made the record.
    pub fn makes<R: Record>(entry: &Entry, key: &R::Key) -> bool {
        let key = key.bytes();
        let of_it = entry.changes.iter().find(|c| c.table == R::TABLE && c.key == key);
        of_it.is_some_and(|change| change.before.is_none())
    }

    /// What had a name and has no record any more: the latest such.
    pub fn gone(&self, env: EnvironmentId, name: &str) -> Result<Option<Gone>> {
        let last = self.service.store.last_seq();
        let kept = self.beginning()?.map_or(0, |first| first.seq.0.saturating_sub(1));
        let stop = kept.max(last.0.saturating_sub(NAMES_LOOKED_AT_MAX));
        let mut end = last.0;
        while end > stop {
            let from = end.saturating_sub(PAGE as u64).max(stop);
            let page = usize::try_from(end - from).unwrap_or(PAGE);
            for entry in self.service.store.entries(self.grant, Seq(from), page)?.iter().rev() {
                if entry.about.contains(name) || entry.text.contains(name) {
                    let found = self.named(env, name, entry)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
            end = from;
        }
        Ok(None)
    }

    fn named(&self, env: EnvironmentId, name: &str, entry: &Entry) -> Result<Option<Gone>> {
        for change in &entry.changes {
            let server = side::<Server>(change)?.filter(|server| server.env == env);
            if let Some(server) = server
                && (self.name(&server)? == name || server.hostname == name)
            {
                return Ok(Some(Gone::Server(server)));
            }
            let role = side::<FarmRole>(change)?.filter(|role| role.env == env);
            if let Some(role) = role
                && format!("{}/{}", self.farm_name(role.farm)?, role.alias) == name
                && lookup::farm_role(self.view, role.id)?.is_none()
            {
                return Ok(Some(Gone::FarmRole(role)));
            }
            let farm = side::<Farm>(change)?.filter(|farm| farm.env == env);
            if let Some(farm) = farm
                && farm.name.as_str() == name
                && lookup::farm(self.view, farm.id)?.is_none()
            {
                return Ok(Some(Gone::Farm(farm)));
            }
        }
        Ok(None)
    }
}

/// Something the journal knows of.
pub(super) enum Gone {
    Farm(Farm),
    FarmRole(FarmRole),
    Server(Server),
}

/// A record as an entry last had it.
pub(super) fn in_entry<R: Record>(entry: &Entry, key: &R::Key) -> Result<Option<R>> {
    let bytes = key.bytes();
    match entry.changes.iter().find(|c| c.table == R::TABLE && c.key == bytes) {
        Some(change) => side(change),
        None => Ok(None),
    }
}

/// A record as it was before an entry changed it.
pub(super) fn before<R: Record>(entry: &Entry, key: &R::Key) -> Result<Option<R>> {
    let bytes = key.bytes();
    let change = entry.changes.iter().find(|c| c.table == R::TABLE && c.key == bytes);
    let found = change.map(|change| change.before::<R>()).transpose()?.flatten();
    Ok(found.map(|found| found.record))
}

/// The one record of a kind that an entry made or changed.
pub(super) fn only<R: Record>(entry: &Entry) -> Result<Option<R>> {
    match entry.changes.iter().find(|change| change.table == R::TABLE) {
        Some(change) => side(change),
        None => Ok(None),
    }
}

fn side<R: Record>(change: &crate::store::Change) -> Result<Option<R>> {
    let after = change.after::<R>()?;
    Ok(match after {
        Some(found) => Some(found.record),
        None => change.before::<R>()?.map(|found| found.record),
    })
}
