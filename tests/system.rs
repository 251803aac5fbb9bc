//! Real parts: the built binary, real agents, HAProxy, containers. A part that is missing fails
//! its test with the command that installs it; `tests/run` installs them all.

#[path = "system/agent.rs"]
mod agent;
#[path = "system/appliance/mod.rs"]
mod appliance;
#[path = "system/clouds/mod.rs"]
mod clouds;
#[path = "system/damage/mod.rs"]
mod damage;
#[path = "system/disk.rs"]
mod disk;
#[path = "system/haproxy/mod.rs"]
mod haproxy;
#[path = "system/install.rs"]
mod install;
#[path = "system/lease.rs"]
mod lease;
#[path = "system/memory.rs"]
mod memory;
#[path = "system/network.rs"]
mod network;
#[path = "system/onboard.rs"]
mod onboard;
#[path = "system/output.rs"]
mod output;
#[path = "system/screen.rs"]
mod screen;
#[path = "system/secrets.rs"]
mod secrets;
#[path = "system/store.rs"]
mod store;
#[path = "system/survey.rs"]
mod survey;
#[path = "system/workload/mod.rs"]
mod workload;
