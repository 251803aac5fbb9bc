//! Floor 1: the nouns. What people declare, what the engine decided, what was seen.
//!
//! Records only: plain values with their meaning, their legal moves and their checks, and no
//! idea of where they are kept or who reads them. Three words stay apart, as everywhere in
//! Grange: *desired* is what a person declared ([`Farm`], [`FarmRole`]), a *plan* is what the
//! engine decided ([`Plan`], [`Step`]), *observed* is what was last seen ([`Sighting`]), and
//! not having seen is a value of its own.
//!
//! To add a noun: a file here, its table in `store/tables.rs`, its view in `wire/api.rs`, its
//! verbs in `service/`.

pub mod balancer;
pub mod breaker;
pub mod cause;
pub mod cloud_account;
pub mod farm;
pub mod farm_role;
pub mod grant;
pub mod hold;
pub mod image;
pub mod install;
pub mod lifecycle;
pub mod minute;
pub mod note;
pub mod observed;
pub mod order;
pub mod overrides;
pub mod plan;
pub mod policy;
pub mod proposal;
pub mod publish;
pub mod recipe;
pub mod report;
pub mod role;
pub mod rollout;
pub mod run;
pub mod scaling;
pub mod sealed;
pub mod server;
pub mod service_state;
pub mod step;
pub mod user;
pub mod variable;
pub mod volume;

pub use balancer::{LEAVING, MemberDown};
pub use breaker::{Breaker, BreakerCause};
pub use cause::{Actor, Cause, Door, Permission};
pub use cloud_account::CloudAccount;
pub use farm::{Farm, FarmGoal, LaunchOrder};
pub use farm_role::{Balance, FarmRole, ReadyCheck, VolumeSpec};
pub use grant::{Grant, Scope, authorise};
pub use hold::{Hold, HoldKind};
pub use image::{Image, ImageDefaults};
pub use install::{Alert, Install};
pub use lifecycle::{Effect, FailureProof, ServerEvent, Wellness, advance};
pub use minute::{MINUTE, MinuteReading, RoleMinute};
pub use note::Note;
pub use observed::{CloudState, Freshness, Notice, NoticeKind, Sighting};
pub use order::{AgentCursor, Cancel, EndedBy, Order, OrderBody, OrderState, Printed, Ran};
pub use overrides::Overrides;
pub use plan::{Move, Plan, Replacement, RoleTarget};
pub use policy::{
    HealMode, MissingPolicy, Policy, RemovalPolicy, RolloutPolicy, RolloutStrategy, ScalingBehavior,
};
pub use proposal::{Applied, Proposal};
pub use publish::{Protocol, Publish, PublishTo, machine_port};
pub use recipe::{
    OnChange, Recipe, Restart, RoleFile, RoleService, STOP_SIGNALS, SetupPart, StopBy, Workload,
};
pub use report::{Care, Decision, End, Line, Wait};
pub use role::{Automation, HOST_IMAGE, Role, RoleImage, RoleRevision};
pub use rollout::{Revision, Rollout, RolloutState, RolloutWish};
pub use run::{Run, RunCount, RunServer, RunServerState};
pub use scaling::{Metric, ScalingPolicy, ScalingRule};
pub use sealed::{Sealed, SealingKeyId};
pub use server::{LaunchReason, Server, ServerStatus, TerminateReason};
pub use service_state::{ServiceEnd, ServicePhase, ServiceState};
pub use step::{Step, StepKind, StepStatus};
pub use user::{Token, User};
pub use variable::{GlobalVariable, ScopeKind, VariableDeclaration, VariableScope, VariableValue};
pub use volume::{Volume, VolumeOwner};
