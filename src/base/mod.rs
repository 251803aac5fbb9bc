//! Floor 0: ids, time, randomness, limits, free text, problems, secrets, wakers.
//!
//! Everything above may lean on this room, so it leans on nothing of ours. It is the only room
//! that knows the system clock and the operating system's random source: whoever needs either
//! is handed a [`Clock`] or a stream of random numbers, which is what lets the simulator run the
//! whole appliance on a clock and a seed of its own.
//!
//! Not here: nouns (they are in `model`), and anything that touches a disk or a network; of the
//! process's own output only that writing to it never ends anything ([`output`]).

pub mod bytes;
pub mod hash;
pub mod id;
pub mod kept;
pub mod limit;
pub mod mask;
pub mod name;
pub mod output;
pub mod problem;
pub mod random;
pub mod secret;
pub mod signals;
pub mod text;
pub mod time;
pub mod wake;

pub use bytes::Bytes;
pub use id::{
    AccountId, CloudAccountId, EnvironmentId, FarmId, FarmRoleId, HoldId, ImageId, NoteId, OrderId,
    PlanId, ProposalId, RoleId, RunId, RunServerId, Seq, ServerId, StepId, TokenId, UserId,
    VariableId, VolumeId,
};
pub use name::Name;
pub use problem::{Code, Problem, Result};
pub use secret::Secret;
pub use time::{Clock, ManualClock, Millis, Timestamp, WallClock, Watch};
pub use wake::Waker;
