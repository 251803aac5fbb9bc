//! The simulated cloud as the appliance reaches it: every call is judged before it is carried out,
//! and while one waits for its answer, others act.

use crate::branch::SECOND;
use crate::fates::{fate, kind};
use crate::fuse::{Point, SharedFuse};
use crate::laws::{self, Call, Real};
use crate::sabotage::Sabotage;
use grange::base::limit::{CLOUD_CALL_DEADLINE, MISSING_AT_LEAST, MISSING_LISTINGS_MIN};
use grange::base::random::Stream;
use grange::base::{Clock, FarmId, FarmRoleId, ManualClock, Millis, ServerId, StepId};
use grange::clouds::simulated::{Delays, Simulated};
use grange::clouds::{Applied, Cloud, CloudError, CloudStep};
use grange::model::{Actor, CloudState, Grant, Sighting, StepKind, StepStatus};
use grange::service::clouds::observe::{self, Look};
use grange::service::{Service, lookup, plans};
use grange::wire::agent::UserData;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How old the news is that a broken appliance acts on.
const OLD_NEWS: Millis = 120_000;

/// The cloud, with an eye on what it is asked.
pub struct Sky {
    /// The cloud itself.
    pub cloud: Simulated,
    /// By which names it goes.
    pub platforms: &'static [&'static str],
    /// The platform that each volume is on.
    pub homes: Mutex<BTreeMap<String, &'static str>>,
    clock: Arc<ManualClock>,
    eye: Mutex<Eye>,
}

struct Eye {
    luck: Stream,
    service: Weak<Service>,
    launched: BTreeMap<ServerId, Launched>,
    /// When each was last asked to come up.
    asked_up: BTreeMap<ServerId, (StepKind, Millis)>,
    /// Ever stopped, or left out of listings for long.
    excused: BTreeSet<ServerId>,
    ill: BTreeSet<ServerId>,
    /// Left out of listings with all others of their farm role, until remembered.
    vanished: BTreeSet<ServerId>,
    faults: Vec<String>,
    /// What happened to calls, by kind.
    counts: BTreeMap<String, u64>,
    calm: bool,
    /// Of each listing, so many servers are left out, in percent.
    left_out_percent: u64,
    /// Out of how many listings in a row a server was left.
    gaps: BTreeMap<ServerId, u32>,
    /// Since when complete listings lack a server, for whatever reasons, and how many did.
    absent: BTreeMap<ServerId, (Millis, u32)>,
    /// When each platform was last asked for a listing, and until when its listings hang.
    listed: BTreeMap<&'static str, Millis>,
    hangs_until: BTreeMap<&'static str, Millis>,
    cut_off_until: Millis,
    /// The second platform alone.
    second_cut_off_until: Millis,
    /// Answers that arrive again.
    answers: Vec<(StepId, Answer)>,
    sabotage: Option<Sabotage>,
    /// What earlier listings showed, for who acts on old news.
    old_news: VecDeque<(Millis, Vec<Sighting>)>,
    fuse: Option<SharedFuse>,
}

/// What a call is answered.
pub type Answer = Result<Applied, CloudError>;

/// What a server was launched with.
#[derive(Clone)]
pub struct Launched {
    /// On which platform.
    pub platform: &'static str,
    /// For which farm role.
    pub farm_role: FarmRoleId,
    /// With which index.
    pub index: u32,
    /// What buys its agent a certificate.
    pub token: String,
}

impl Sky {
    /// An empty cloud.
    pub fn new(clock: Arc<ManualClock>, platforms: &'static [&'static str], seed: u64) -> Sky {
        Sky {
            platforms,
            homes: Mutex::default(),
            cloud: Simulated::new(clock.clone(), seed, Delays::default()),
            clock,
            eye: Mutex::new(Eye {
                luck: Stream::new(seed, "sky"),
                service: Weak::new(),
                launched: BTreeMap::new(),
                asked_up: BTreeMap::new(),
                excused: BTreeSet::new(),
                ill: BTreeSet::new(),
                vanished: BTreeSet::new(),
                faults: Vec::new(),
                counts: BTreeMap::new(),
                calm: false,
                left_out_percent: 0,
                gaps: BTreeMap::new(),
                absent: BTreeMap::new(),
                listed: BTreeMap::new(),
                hangs_until: BTreeMap::new(),
                cut_off_until: 0,
                second_cut_off_until: 0,
                answers: Vec::new(),
                sabotage: None,
                old_news: VecDeque::new(),
                fuse: None,
            }),
        }
    }

    /// Whose journal counts from now on.
    pub fn watch(&self, service: &Arc<Service>) {
        self.eye().service = Arc::downgrade(service);
    }

    /// The appliance may crash at every call.
    pub fn watch_for(&self, fuse: &SharedFuse) {
        self.eye().fuse = Some(fuse.clone());
    }

    /// What is broken between the appliance and the cloud.
    pub fn break_it(&self, sabotage: Sabotage) {
        self.eye().sabotage = Some(sabotage);
    }

    /// From now on each listing leaves out so many servers, in percent.
    pub fn leave_out(&self, percent: u64) {
        let mut eye = self.eye();
        eye.left_out_percent = percent;
        eye.gaps.clear();
    }

    /// Listings of one platform hang until then; one under way as long as it was told to before.
    pub fn hang(&self, platform: usize, until: Millis) {
        let known = self.eye().hangs_until.get(self.platforms[platform]).copied().unwrap_or(0);
        self.eye().hangs_until.insert(self.platforms[platform], until.max(known));
    }

    /// Platforms that nobody lists although their listings do not hang.
    pub fn unlisted(&self, started: Millis, now: Millis) -> Vec<String> {
        let eye = self.eye();
        let since = |platform: &&'static str| {
            let marks = [&eye.listed, &eye.hangs_until].into_iter().filter_map(|m| m.get(platform));
            marks.copied().fold(started, Millis::max)
        };
        let told = |platform| laws::listings_keep_pace(platform, since(&platform), now);
        self.platforms.iter().copied().filter_map(told).collect()
    }

    /// No call gets through until then.
    pub fn cut_off(&self, until: Millis) {
        self.eye().cut_off_until = until;
    }

    /// No call to the second platform gets through until then.
    pub fn cut_off_second(&self, until: Millis) {
        self.eye().second_cut_off_until = until;
    }

    /// Answers that arrive once more.
    pub fn answers(&self) -> Vec<(StepId, Answer)> {
        std::mem::take(&mut self.eye().answers)
    }

    /// Nothing happens any more while a call waits for its answer.
    pub fn calm(&self) {
        self.eye().calm = true;
    }

    /// What a server was launched with.
    pub fn launched(&self, id: ServerId) -> Option<Launched> {
        self.eye().launched.get(&id).cloned()
    }

    /// Every server that exists.
    pub fn real(&self) -> Vec<Real> {
        let servers = self.cloud.servers();
        let eye = self.eye();
        servers
            .iter()
            .filter_map(|seen| {
                let made = eye.launched.get(&seen.server)?;
                let (farm_role, index) = (made.farm_role, made.index);
                Some(Real { server: seen.server, farm_role, index, state: seen.state })
            })
            .collect()
    }

    /// Its check has failed: that may be a reason to give it up.
    pub fn fell_ill(&self, id: ServerId) {
        self.eye().ill.insert(id);
    }

    /// From now on there is a reason to give a server up.
    pub fn excuse(&self, id: ServerId) {
        self.eye().excused.insert(id);
    }

    /// These vanish from listings together; until `remember_all` none may be given up for it.
    pub fn forget_together(&self, ids: &[ServerId]) {
        for id in ids {
            self.cloud.forget(*id);
            let mut eye = self.eye();
            // One that was left out before has its own reason to be given up.
            if !eye.excused.contains(id) {
                eye.vanished.insert(*id);
            }
        }
    }

    /// Listings tell everything again.
    pub fn remember_all(&self) {
        for seen in self.cloud.servers() {
            self.cloud.remember(seen.server);
        }
        self.eye().vanished.clear();
    }

    /// Faults found since the last time, and what happened, by kind.
    pub fn take(&self) -> (Vec<String>, BTreeMap<String, u64>) {
        let mut eye = self.eye();
        (std::mem::take(&mut eye.faults), std::mem::take(&mut eye.counts))
    }

    fn eye(&self) -> MutexGuard<'_, Eye> {
        self.eye.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a call against the laws; returns the step that it carries out, if the journal has it.
    fn judge(&self, platform: &'static str, step: &CloudStep) -> Option<StepId> {
        let id = step.server();
        let state = self.cloud.state(id);
        if let CloudStep::Launch(request) = step {
            let data = request.user_data.reveal();
            // Without an agent there is nothing to tell it, and nothing to come in with.
            let token = match data.is_empty() {
                true => String::new(),
                false => {
                    let data = serde_json::from_str::<UserData>(data);
                    data.expect("user data is JSON").token.reveal().to_owned()
                }
            };
            let (farm_role, index) = (request.farm_role, request.index);
            let made = Launched { platform, farm_role, index, token };
            self.eye().launched.insert(id, made);
        }
        let service = self.eye().service.upgrade();
        // While the appliance is down, a call on its way may still arrive; its journal is shut.
        let service = service?;
        let found = service.read(&Grant::job("test"), |view| {
            let steps = lookup::steps_of_server(view, id)?;
            // A launch that arrives when nobody waits for it any more makes a server too many; a
            // late call of another kind changes nothing that was not to be changed.
            let is_launch = matches!(step, CloudStep::Launch(_));
            let begun = steps.iter().find(|known| {
                let open = matches!(known.status, StepStatus::Begun | StepStatus::Unknown);
                known.kind == kind(step) && (open || !is_launch && known.begun_at.is_some())
            });
            let record = lookup::server(view, id)?;
            let others = match &record {
                Some(record) => lookup::servers_of_farm(view, record.farm)?,
                None => Vec::new(),
            };
            let begun_at = begun.and_then(|known| known.begun_at);
            Ok((begun.map(|known| known.id), begun_at, record, others))
        });
        let (begun, begun_at, record, mut others) = found.ok()?;
        let under_way = begun_at.map_or(0, |at| self.clock.now().since(at));
        let under_way = under_way.min(CLOUD_CALL_DEADLINE);
        // Those a person has given up do not vouch for the rest any more.
        others.retain(|other| {
            let same = record.as_ref().is_some_and(|one| one.farm_role == other.farm_role);
            same && other.id != id && other.status.is_wanted() && !other.terminate_requested
        });
        let now = self.clock.monotonic();
        let mut eye = self.eye();
        let call = Call {
            kind: kind(step),
            server: id,
            is_begun: begun.is_some(),
            record,
            state,
            excused: eye.excused.contains(&id),
            ill: eye.ill.contains(&id),
            vanished_with_others: eye.vanished.contains(&id)
                && others.iter().any(|other| eye.vanished.contains(&other.id)),
            asked_up: eye.asked_up.get(&id).map(|(kind, at)| (*kind, now - at)),
        };
        match call.kind {
            StepKind::Launch | StepKind::Resume | StepKind::Reboot | StepKind::Start => {
                eye.asked_up.insert(id, (call.kind, now.saturating_sub(under_way)));
            }
            StepKind::Terminate | StepKind::Suspend | StepKind::Stop => {}
        }
        eye.faults.extend(laws::written_before_done(&call));
        eye.faults.extend(laws::nothing_healthy_is_destroyed(&call));
        begun
    }

    /// Whether the appliance falls at this point of a call.
    fn falls(&self, point: Point) -> bool {
        let fuse = self.eye().fuse.clone();
        fuse.is_some_and(|fuse| fuse.pass(point))
    }

    /// A listing of one platform.
    pub fn list(&self, platform: &'static str) -> Result<Vec<Sighting>, CloudError> {
        self.eye().listed.insert(platform, self.clock.monotonic());
        if self.is_cut_off(platform) || self.eye().sabotage == Some(Sabotage::NobodyLooks) {
            *self.eye().counts.entry("listing cut off".into()).or_default() += 1;
            return Err(CloudError::Unknown("no route to the cloud".to_owned()));
        }
        let mut seen = self.cloud.list();
        match &mut seen {
            Ok(seen) => {
                seen.retain(|sighting| self.is_on(platform, sighting.server));
                self.thin_out(seen);
                self.note_absent(platform, seen);
                if self.eye().sabotage == Some(Sabotage::OldNews) {
                    self.tell_old_news(seen);
                }
            }
            Err(error) => {
                let what = fate("listing", error);
                *self.eye().counts.entry(what).or_default() += 1;
            }
        }
        seen
    }

    /// A call to one platform.
    pub fn apply(&self, platform: &'static str, step: &CloudStep) -> Answer {
        let fell = || Err(CloudError::Unknown("the appliance fell".to_owned()));
        let begun = self.judge(platform, step);
        if self.falls(Point::BeforeCall) {
            return fell();
        }
        let answer = self.carry(platform, step);
        if matches!(step, CloudStep::Suspend(_) | CloudStep::Stop(_) | CloudStep::Reboot(_))
            && self.cloud.state(step.server()) != Some(CloudState::Running)
        {
            self.excuse(step.server());
        }
        if self.falls(Point::AfterCall) {
            return fell();
        }
        if let Err(error) = &answer {
            let what = fate("call", error);
            *self.eye().counts.entry(what).or_default() += 1;
        }
        if let Some(id) = begun {
            let mut eye = self.eye();
            if !eye.calm && eye.luck.chance(4) {
                eye.answers.push((id, answer.clone()));
            }
        }
        self.meanwhile();
        answer
    }

    fn is_on(&self, platform: &str, id: ServerId) -> bool {
        self.eye().launched.get(&id).is_some_and(|made| made.platform == platform)
    }

    fn is_cut_off(&self, platform: &str) -> bool {
        let eye = self.eye();
        let alone = if platform == SECOND { eye.second_cut_off_until } else { 0 };
        self.clock.monotonic() < eye.cut_off_until.max(alone)
    }

    /// The network carries a request once, or now and then twice.
    fn carry(&self, platform: &str, step: &CloudStep) -> Answer {
        if self.is_cut_off(platform) {
            *self.eye().counts.entry("call cut off".into()).or_default() += 1;
            return Err(CloudError::Unknown("no route to the cloud".to_owned()));
        }
        let answer = self.cloud.apply(step);
        if self.eye().sabotage == Some(Sabotage::LaunchedTwice) {
            self.launch_another(step);
        }
        let mut eye = self.eye();
        // What it said certainly did not happen does not happen later either.
        let may_be = matches!(answer, Ok(_) | Err(CloudError::Unknown(_)));
        if !eye.calm && may_be && eye.luck.chance(4) {
            *eye.counts.entry("request doubled".into()).or_default() += 1;
            drop(eye);
            // What the second one is answered, nobody hears.
            drop(self.cloud.apply(step));
        }
        answer
    }

    /// A cloud that does not know the token again makes a second server of a second request.
    fn launch_another(&self, step: &CloudStep) {
        let CloudStep::Launch(request) = step else { return };
        let mut again = request.clone();
        again.server = ServerId(again.server.0 ^ 1);
        let made = self.launched(request.server);
        let twice = self.eye().luck.chance(20);
        if let Some(made) = made.filter(|_| twice) {
            self.eye().launched.insert(again.server, made);
            drop(self.cloud.apply(&CloudStep::Launch(again)));
        }
    }

    /// What a listing showed some minutes ago, told as if it were now.
    fn tell_old_news(&self, seen: &mut Vec<Sighting>) {
        let now = self.clock.monotonic();
        let mut eye = self.eye();
        eye.old_news.push_back((now, seen.clone()));
        while eye.old_news.len() > 1 && eye.old_news[1].0 + OLD_NEWS <= now {
            eye.old_news.pop_front();
        }
        seen.clone_from(&eye.old_news[0].1);
    }

    /// Leaves some servers out of a listing. One that is left out for long may be given up.
    fn thin_out(&self, seen: &mut Vec<Sighting>) {
        let mut eye = self.eye();
        let eye = &mut *eye;
        if eye.left_out_percent == 0 {
            return;
        }
        let before = seen.len();
        let (luck, percent, gaps) = (&mut eye.luck, eye.left_out_percent, &mut eye.gaps);
        seen.retain(|sighting| {
            let left_out = luck.chance(percent);
            if left_out {
                *gaps.entry(sighting.server).or_default() += 1;
            } else {
                gaps.remove(&sighting.server);
            }
            !left_out
        });
        if seen.len() < before {
            *eye.counts.entry("listing incomplete".into()).or_default() += 1;
        }
        let long = |(_, gap): &(&ServerId, &u32)| **gap >= MISSING_LISTINGS_MIN;
        eye.excused.extend(gaps.iter().filter(long).map(|(id, _)| *id));
    }

    /// One that listings lack as often and as long as it takes may be given up: one lacks it
    /// because it is new, the next because it is incomplete.
    fn note_absent(&self, platform: &str, seen: &[Sighting]) {
        let (now, servers) = (self.clock.monotonic(), self.cloud.servers());
        let mut eye = self.eye();
        let eye = &mut *eye;
        for id in servers.iter().map(|server| server.server) {
            if eye.launched.get(&id).is_none_or(|made| made.platform != platform) {
                continue;
            }
            if seen.iter().any(|sighting| sighting.server == id) {
                eye.absent.remove(&id);
                continue;
            }
            let (since, listings) = eye.absent.entry(id).or_insert((now, 0));
            *listings += 1;
            if *listings >= MISSING_LISTINGS_MIN && now - *since >= MISSING_AT_LEAST {
                eye.excused.insert(id);
            }
        }
    }

    /// The listing and the planner do not wait for anybody's call.
    fn meanwhile(&self) {
        let (pause, service) = {
            let mut eye = self.eye();
            if eye.calm || !eye.luck.chance(20) {
                return;
            }
            *eye.counts.entry("answer overtaken".into()).or_default() += 1;
            (1 + eye.luck.below(4000), eye.service.upgrade())
        };
        self.clock.advance(pause);
        let Some(service) = service else { return };
        let actor = Actor::job("observe");
        for platform in self.platforms {
            let look = Look::begin(&service, platform, CLOUD_CALL_DEADLINE);
            if let Ok(seen) = self.list(platform) {
                // A crash of the appliance may be due in here; then this fails, as it should.
                drop(observe::listing(&service, &actor, look, seen));
            }
        }
        let farms: Vec<FarmId> = plans::farms(&service).unwrap_or_default();
        for farm in farms {
            drop(plans::tick(&service, &actor, farm));
        }
    }
}
