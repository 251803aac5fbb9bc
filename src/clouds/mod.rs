//! Floor 3: clouds. One folder per platform behind one small synchronous trait.
//!
//! The engine never comes here: a committed step is carried out by `jobs::execute`, which calls
//! [`Cloud::apply`] on a bounded pool of threads, and `jobs::observe` calls [`Cloud::list`]. A
//! begun call is never cancelled, only outwaited; whatever it was doing is found again by listing,
//! because every server carries its [`ServerId`] as a tag (law 2).
//!
//! **The contract every platform keeps**, and `tests/` checks against each of them:
//! - `apply` with `Launch` twice for one server id makes one server;
//! - `Terminate` of what is not there is `Done`;
//! - a data volume survives `Terminate`, and a later `Launch` that names it finds it with its data;
//!   one that was there and is not any more is never replaced by an empty one;
//! - `list` is complete or an error, never a part; what it lists was true at some moment between
//!   the call and the answer;
//! - an error has the class ([`CloudError`]) of what may have come of the call: what certainly did
//!   not happen is never unknown, what may have happened never anything else;
//! - servers have one [`owner`]: whoever finds the mark of another one does not begin. Where it
//!   can carry one, the account has the mark ([`lease`]).
//!
//! The platforms: [`simulated`] is a cloud in memory for tests and the simulator, [`onboard`] makes
//! small systems on the appliance's own machine, [`docker`] makes containers, [`command`] has
//! programs of the user's make whatever they make. [`contract`] is the
//! list above as code, run on all of them. Of `onboard` there is one account, which comes with the
//! machine; of those in [`platform::PLATFORMS`] people add accounts.
//!
//! To add a platform: a folder here with its [`Cloud`] and what it asks an account that is added,
//! its row in [`platform::PLATFORMS`], its options in `cli::cloud`, its section in
//! `assets/docs/clouds.md`, and `contract::check` run on it in `tests/system/clouds`.

pub mod command;
pub mod contract;
pub mod docker;
mod error;
pub mod lease;
pub mod onboard;
pub mod owner;
pub mod platform;
pub mod publication;
pub mod simulated;
pub mod volume;

pub use error::{CloudError, Verdict};

use crate::base::limit::CLOUD_CALL_DEADLINE;
use crate::base::{FarmRoleId, Millis, Secret, ServerId};
use crate::model::{Notice, Sighting};
use publication::{Published, ServerConnections};
use volume::{VolumeRequest, VolumeSighting};

/// One account on one platform.
pub trait Cloud: Send + Sync {
    /// The platform's name, as farm roles say it: `onboard`, `docker`.
    fn platform(&self) -> &'static str;

    /// The sizes there are, smallest first: (name, CPUs in thousandths, memory in bytes).
    fn instance_types(&self) -> Vec<InstanceType>;

    /// Its availability zones; none where servers cannot be spread.
    fn zones(&self) -> Vec<String> {
        Vec::new()
    }

    /// Every server that carries our tag, in whatever state. Complete, or an error.
    fn list(&self) -> Result<Vec<Sighting>, CloudError>;

    /// Carries out one change. Blocks until the platform answered.
    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError>;

    /// Every data volume that carries our tag. Complete, or an error.
    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError>;

    /// Destroys a data volume with everything on it; `Busy` while a server has it. One that is
    /// not there is destroyed. May take as long as its data are many.
    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError>;

    /// Connects servers on this machine with what is outside of it, so and not otherwise for as
    /// long as nothing else is said, whether we run or not; says how each published port is by now.
    /// Called all the time while anything is wanted, so it is cheap.
    fn connect(&self, wanted: &ServerConnections) -> Result<Vec<Published>, CloudError> {
        match wanted.published.is_empty() {
            true => Ok(Vec::new()),
            false => Err(CloudError::Refused("its servers are not on this machine".to_owned())),
        }
    }

    /// Looks at what servers stand on (network, memory, disks), sets right what it may, and says
    /// what is not well. Called all the time, so it is cheap.
    fn examine(&self) -> Vec<Notice> {
        Vec::new()
    }

    /// Who manages the account, by the mark that it carries; `None` where a platform keeps none.
    fn owner(&self) -> Option<owner::Owner> {
        None
    }

    /// Where the account carries the mark of whoever manages it; `None` where it carries none.
    fn lease(&self) -> Option<&dyn lease::LeaseMarks> {
        None
    }

    /// A person says that a server is gone, where no listing ever can; what is known of it goes.
    fn forget(&self, _server: ServerId) -> Result<(), CloudError> {
        let text = "its listings say which servers are gone";
        Err(CloudError::Refused(text.to_owned()))
    }

    /// How long after a call ended without an answer, or its process with it, what it did may
    /// still come to show in a listing: requests on their way, and listings that lag.
    fn settles_within(&self) -> Millis {
        CLOUD_CALL_DEADLINE
    }

    /// Blocks until the platform noticed a change by itself or the time is over; true when it
    /// did. Platforms that cannot notice just wait.
    fn wait_for_change(&self, at_most: std::time::Duration) -> bool {
        std::thread::sleep(at_most);
        false
    }
}

/// A size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// The platform's name for it.
    pub name: String,
    /// CPUs in thousandths of one.
    pub cpu_millis: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// A step as a platform needs it: everything in it, nothing to look up.
#[derive(Clone, Debug)]
pub enum CloudStep {
    /// Create a server.
    Launch(Box<LaunchRequest>),
    /// Destroy it; its data volumes stay.
    Terminate(ServerId),
    /// Put it to sleep with its memory kept.
    Suspend(ServerId),
    /// Wake it.
    Resume(ServerId),
    /// Restart its system; same disk, same address.
    Reboot(ServerId),
    /// Start again one that is stopped; same disk, same address.
    Start(ServerId),
    /// Shut its system down in order; its disk and its address stay.
    Stop(ServerId),
}

impl CloudStep {
    /// The server it is about.
    pub fn server(&self) -> ServerId {
        match self {
            CloudStep::Launch(request) => request.server,
            CloudStep::Terminate(id)
            | CloudStep::Suspend(id)
            | CloudStep::Resume(id)
            | CloudStep::Reboot(id)
            | CloudStep::Start(id)
            | CloudStep::Stop(id) => *id,
        }
    }
}

/// What a server is made from.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// Its id: the idempotency token and the tag.
    pub server: ServerId,
    /// `web-3`.
    pub hostname: String,
    /// `shop`, for names and labels on the platform.
    pub farm: String,
    /// The farm role.
    pub farm_role: FarmRoleId,
    /// The index in the farm role.
    pub index: u32,
    /// Where on the platform.
    pub location: String,
    /// The availability zone; `None` leaves it to the platform.
    pub zone: Option<String>,
    /// The size.
    pub instance_type: String,
    /// The image, by the platform's id.
    pub image: String,
    /// The service the image's system runs at boot, as a command line.
    pub command: Vec<String>,
    /// Whether it reaches what the machine reaches.
    pub outbound: bool,
    /// Data volumes to attach.
    pub storage: Vec<VolumeRequest>,
    /// What the agent needs to enrol: a JSON text (`wire::agent::UserData`), secret because of its
    /// token. The platform makes it readable for root on the server at `/etc/grange/agent.json`.
    /// Empty for a server without an agent.
    pub user_data: Secret,
}

/// What a platform answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The server as it is now; `None` when it is gone.
    pub sighting: Option<Sighting>,
}
