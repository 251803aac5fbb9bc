//! The simulated cloud as the appliance reaches it: every call is judged before it is carried out,
//! and while one waits for its answer, others act.

use crate::laws::{self, Call, Real};
use grange::base::random::Stream;
use grange::base::{Clock, FarmId, FarmRoleId, ManualClock, ServerId};
use grange::clouds::simulated::{Delays, Simulated};
use grange::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType};
use grange::model::{Actor, CloudState, Sighting, StepKind, StepStatus};
use grange::service::observe::{self, Look};
use grange::service::{Service, lookup, plans};
use grange::wire::agent::UserData;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The cloud, with an eye on what it is asked.
pub struct Sky {
    /// The cloud itself.
    pub cloud: Simulated,
    clock: Arc<ManualClock>,
    eye: Mutex<Eye>,
}

struct Eye {
    luck: Stream,
    service: Weak<Service>,
    launched: BTreeMap<ServerId, Launched>,
    /// Ever stopped, or left out of listings for long.
    excused: BTreeSet<ServerId>,
    /// Left out of listings with all others of their farm role, until remembered.
    vanished: BTreeSet<ServerId>,
    faults: Vec<String>,
    /// What happened to calls, by kind.
    counts: BTreeMap<String, u64>,
    calm: bool,
}

/// What a server was launched with.
#[derive(Clone)]
pub struct Launched {
    /// For which farm role.
    pub farm_role: FarmRoleId,
    /// With which index.
    pub index: u32,
    /// What buys its agent a certificate.
    pub token: String,
}

impl Sky {
    /// An empty cloud.
    pub fn new(clock: Arc<ManualClock>, seed: u64) -> Sky {
        Sky {
            cloud: Simulated::new(clock.clone(), seed, Delays::default()),
            clock,
            eye: Mutex::new(Eye {
                luck: Stream::new(seed, "sky"),
                service: Weak::new(),
                launched: BTreeMap::new(),
                excused: BTreeSet::new(),
                vanished: BTreeSet::new(),
                faults: Vec::new(),
                counts: BTreeMap::new(),
                calm: false,
            }),
        }
    }

    /// Whose journal counts from now on.
    pub fn watch(&self, service: &Arc<Service>) {
        self.eye().service = Arc::downgrade(service);
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

    /// From now on there is a reason to give a server up.
    pub fn excuse(&self, id: ServerId) {
        self.eye().excused.insert(id);
    }

    /// These vanish from listings together; until `remember_all` none may be given up for it.
    pub fn forget_together(&self, ids: &[ServerId]) {
        for id in ids {
            self.cloud.forget(*id);
            self.eye().vanished.insert(*id);
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

    fn judge(&self, step: &CloudStep) {
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
            self.eye().launched.insert(id, Launched { farm_role, index, token });
        }
        let service = self.eye().service.upgrade();
        // While the appliance is down, a call on its way may still arrive; its journal is shut.
        let Some(service) = service else { return };
        let found = service.read(|view| {
            let steps = lookup::steps_of_server(view, id)?;
            // A launch that arrives when nobody waits for it any more makes a server too many; a
            // late call of another kind changes nothing that was not to be changed.
            let is_launch = matches!(step, CloudStep::Launch(_));
            let is_begun = steps.iter().any(|known| {
                let open = matches!(known.status, StepStatus::Begun | StepStatus::Unknown);
                known.kind == kind(step) && (open || !is_launch && known.begun_at.is_some())
            });
            Ok((is_begun, lookup::server(view, id)?))
        });
        let Ok((is_begun, record)) = found else { return };
        let mut eye = self.eye();
        let call = Call {
            kind: kind(step),
            server: id,
            is_begun,
            record,
            state,
            excused: eye.excused.contains(&id),
            vanished_with_others: eye.vanished.contains(&id),
        };
        eye.faults.extend(laws::written_before_done(&call));
        eye.faults.extend(laws::nothing_healthy_is_destroyed(&call));
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
        let look = Look::begin(&service, self.platform(), self.settles_within());
        let actor = Actor::job("observe");
        if let Ok(seen) = self.cloud.list() {
            // A crash of the appliance may be due in here; then this fails, as it should.
            drop(observe::listing(&service, &actor, look, seen));
        }
        let farms: Vec<FarmId> = plans::farms(&service).unwrap_or_default();
        for farm in farms {
            drop(plans::tick(&service, &actor, farm));
        }
    }
}

fn kind(step: &CloudStep) -> StepKind {
    match step {
        CloudStep::Launch(_) => StepKind::Launch,
        CloudStep::Terminate(_) => StepKind::Terminate,
        CloudStep::Suspend(_) => StepKind::Suspend,
        CloudStep::Resume(_) => StepKind::Resume,
        CloudStep::Reboot(_) => StepKind::Reboot,
        CloudStep::Start(_) => StepKind::Start,
        CloudStep::Stop(_) => StepKind::Stop,
    }
}

/// What can happen to a call or a listing.
pub const FATES: &[&str] = &[
    "answer overtaken",
    "call refused",
    "call throttled",
    "call turned away",
    "call unanswered",
    "call outlived the appliance",
    "crash at a commit",
    "listing throttled",
    "listing unanswered",
    "farm role really left out of listings",
];

fn fate(name: &str, error: &CloudError) -> String {
    match error {
        CloudError::Refused(_) => format!("{name} refused"),
        CloudError::Busy(why) if why.starts_with("throttled") => format!("{name} throttled"),
        CloudError::Busy(_) => format!("{name} turned away"),
        CloudError::Unknown(_) => format!("{name} unanswered"),
    }
}

impl Cloud for Sky {
    fn platform(&self) -> &'static str {
        self.cloud.platform()
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        self.cloud.instance_types()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        let seen = self.cloud.list();
        if let Err(error) = &seen {
            let what = fate("listing", error);
            *self.eye().counts.entry(what).or_default() += 1;
        }
        seen
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        self.judge(step);
        let answer = self.cloud.apply(step);
        if matches!(step, CloudStep::Suspend(_) | CloudStep::Stop(_) | CloudStep::Reboot(_))
            && self.cloud.state(step.server()) != Some(CloudState::Running)
        {
            self.excuse(step.server());
        }
        if let Err(error) = &answer {
            let what = fate("call", error);
            *self.eye().counts.entry(what).or_default() += 1;
        }
        self.meanwhile();
        answer
    }

    fn remove_volumes(&self, farm_role: FarmRoleId) -> Result<(), CloudError> {
        self.cloud.remove_volumes(farm_role)
    }

    fn wait_for_change(&self, _at_most: std::time::Duration) -> bool {
        let _ = self.clock.monotonic();
        false
    }
}
