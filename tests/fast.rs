//! Everything that needs no root, no packages and no other process: one binary, seconds.
//!
//! Each module is a table or a set of goldens for one room; `tests/system.rs` has the real parts.

#[path = "fast/accounts/mod.rs"]
mod accounts;
#[path = "api/mod.rs"]
mod api;
#[path = "fast/balancers/mod.rs"]
mod balancers;
#[path = "cli/mod.rs"]
mod cli;
#[path = "fast/commits/mod.rs"]
mod commits;
#[path = "fast/connecting/mod.rs"]
mod connecting;
#[path = "fast/doors/mod.rs"]
mod doors;
#[path = "fast/entrance/mod.rs"]
mod entrance;
#[path = "fast/explain/mod.rs"]
mod explain;
#[path = "fast/exported/mod.rs"]
mod exported;
#[path = "fast/fleet/mod.rs"]
mod fleet;
#[path = "fast/gate/mod.rs"]
mod gate;
#[path = "fast/images/mod.rs"]
mod images;
#[path = "fast/latency/mod.rs"]
mod latency;
#[path = "fast/ledger/mod.rs"]
mod ledger;
#[path = "fast/notes/mod.rs"]
mod notes;
#[path = "support/people.rs"]
mod people;
#[path = "properties.rs"]
mod properties;
#[path = "fast/proposals/mod.rs"]
mod proposals;
#[path = "fast/published/mod.rs"]
mod published;
#[path = "fast/services/mod.rs"]
mod services;
#[path = "stories/mod.rs"]
mod stories;
#[path = "fast/templates/mod.rs"]
mod templates;
#[path = "fast/told/mod.rs"]
mod told;
#[path = "tui/mod.rs"]
mod tui;
#[path = "fast/variables/mod.rs"]
mod variables;
#[path = "fast/volumes/mod.rs"]
mod volumes;
#[path = "fast/waking/mod.rs"]
mod waking;
#[path = "fast/whatif/mod.rs"]
mod whatif;
