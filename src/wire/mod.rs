//! Floor 2: shapes that cross a process border.
//!
//! API views, agent messages, batches of readings, topic names, the manifest. Additive only:
//! unknown fields are ignored, control messages carry `v`, binary ones a version byte, and agents
//! two versions apart work together. Everything is encoded and decoded here, so that both ends
//! share one definition and the fuzz targets one entrance.

pub mod account;
pub mod agent;
pub mod api;
pub mod columns;
pub mod deed;
pub mod hold;
pub mod image;
pub mod input;
pub mod manifest;
pub mod moment;
pub mod note;
pub mod proposal;
pub mod reading;
pub mod role;
pub mod rollout;
pub mod run;
pub mod sealing;
pub mod service;
pub mod simulation;
pub mod stream;
pub mod token;
pub mod topic;
pub mod variable;
pub mod volume;
