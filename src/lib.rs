//! Grange: a cloud management platform in one static binary.
//!
//! **A farm is declared; the engine plans; steps are carried out on clouds; agents report; people
//! look and act through four doors (TUI, SSH, CLI, API).** That sentence is the house; everything
//! below says where a line of it belongs.
//!
//! # Floors
//! A room uses only rooms on lower floors, and itself. Siblings are strangers: an adapter reaches
//! another only through a trait that it declares itself, implemented on floor 4 or 5 and handed in
//! by [`boot`]. `tests/tidy.rs` proves it, together with who alone may know which library.
//! ```text
//! 7  main.rs  boot                        assembles everything; the only room that knows everybody
//! 6  api cli tui agent appliance          doors
//! 5  jobs                                 what runs by itself
//! 4  service                              one function per thing a person can do
//! 3  store series search broker clouds pki client   adapters
//! 2  engine automation wire               pure: no async, no clock, no IO, no randomness
//! 1  model net                            nouns; how bytes leave
//! 0  base                                 ids, time, limits, errors, secrets, wakers
//! ```
//! Each room is a crate: its `lib.rs` names the rooms below that it uses, its `Cargo.toml` the
//! libraries it knows. So the compiler keeps the floors, too, and a change makes only what stands
//! above it to be built again. `crate::model` is the same name in every room.
//!
//! Three words stay apart on every floor. *Desired* is what a person declared, the *target* is what
//! scaling wants within it, *observed* is what was last seen, with its age; *unknown* is a value.
//!
//! # The journal is the spine
//! Every change of state is one transaction of one writer. It commits the changed records and an
//! entry: who, through which door, because of what earlier entry or step, what it was before and
//! after, and the hash of the entry before. Everything else reads the journal from its own cursor:
//! search, the API's event stream, the terminal UI's refresh, `explain`. The writer wakes jobs
//! after the commit, by table; nobody else wakes them. So there is one path to keep right, cost
//! follows what changed, and every record knows its cause: server from step, step from plan, plan
//! from an event or a person.
//!
//! What was seen and measured is not journaled, only the transitions it causes. Sightings live in
//! memory, readings in [`series`]; after a start everything observed is unknown until it is seen.
//!
//! # One tick of one farm
//! 1. Something is committed, a sighting changed, a timer is due, or 30 s passed.
//! 2. [`service::plans`] assembles one value: a snapshot of the store, sightings, one window of
//!    readings, presence of agents, now, a seed.
//! 3. [`engine::plan`] turns it into a plan with its report. [`engine::check`] and
//!    [`engine::safety`] read the plan with their own eyes and may refuse it.
//! 4. Nothing changed? Then that was all. Otherwise it is committed if the plan it was made from is
//!    still the current one.
//! 5. [`jobs`] takes each planned step: one transaction asks whether the maximum has room and marks
//!    it begun, then the cloud is called on a bounded pool, then what came of it is committed.
//! 6. Complete listings settle what is unknown, and the next tick begins.
//!
//! # Laws
//! Each is a property (`tests/properties.rs`) and a check of the simulator (`tests/simulation`).
//! 1. Max is hard: what was asked for and is not confirmed gone counts, in the transaction that
//!    begins a launch.
//! 2. Written before done: the cloud hears of no step that is not in the journal with its token.
//! 3. Never destroy on a stale or unknown sighting; when too much vanishes at once, freeze.
//! 4. A second plan on an unchanged world is empty; a tick may be lost at any line.
//! 5. Say why not: every pass returns its reason for waiting, with its numbers, as a type.
//! 6. Every wait has a deadline, every queue a bound, every retry a backoff that a person sees.
//! 7. Nobody provisions by hand: no door and no verb creates a server.
//! 8. One call per server at a time; what runs although it is to sleep, or sleeps although it is to
//!    run, is seen, said and set right.
//! 9. Nobody outside can push the journal out: what agents say is bounded in size and pace, is no
//!    entry unless it changes state, and never trims what people did.
//!
//! # Who runs where
//! One writer thread owns the store, one the log of readings; both commit in groups. Tokio carries
//! the doors, the agents' gate and timers. Cloud calls block, behind a synchronous trait, on a
//! bounded pool; a begun call is never cancelled, only outwaited. The engine is called and never
//! runs. Jobs are rows of a table with one `step` each and the writer is a queue somebody drains,
//! so that everything between the doors and the outside runs on one thread under the simulator.
//! Agents are single-threaded and dial out; nothing dials in.
//!
//! # What is deliberately absent
//! - A verb that launches a server: people change what is desired.
//! - A cache of the store: read transactions are short, and records are small.
//! - Our own consensus: where one machine is not enough, state moves behind the same small
//!   [`store`] interface to an engine that exists.
//! - Decisions in agents, in doors, in [`jobs`]: they are in [`engine`] (what is to be) and
//!   [`service`] (what is allowed and what is written).
//! - Globals: what a room needs is handed to it by [`boot`].
//!
//! # How to add something
//! Each room's `mod.rs` ends with how to add one more of its kind. The usual ones: a pass
//! ([`engine`]), a platform ([`clouds`]), a field of the manifest ([`wire::manifest`]), a noun
//! ([`model`]), a verb ([`service`]), a route ([`api`]), a command ([`cli`]), a page or key
//! ([`tui`]), an order ([`agent`]), a job ([`jobs`]), a limit ([`base::limit`]).
//!
//! # Read in this order
//! [`model`], [`engine`] with `tests/stories/`, [`service`], [`jobs`], [`store`], [`clouds`],
//! [`broker`] and [`agent`], [`api`], [`tui`], [`boot`].

// Floor 0: ids, time, randomness, limits, problems, secrets, wakers.
pub use grange_base::base;

// Floor 1: the nouns; how bytes leave and come in.
pub use grange_model::model;
pub use grange_net::net;

// Floor 2, pure: decisions; topology in, configuration out; shapes that cross a process border.
pub use grange_automation::automation;
pub use grange_engine::engine;
pub use grange_wire::wire;

// Floor 3, adapters: MQTT for agents; the API's client; platforms; certificates; readings; records
// and the journal; full text.
pub use grange_broker::broker;
pub use grange_client::client;
pub use grange_clouds::clouds;
pub use grange_pki::pki;
#[cfg(feature = "search")]
pub use grange_search::search;
pub use grange_series::series;
pub use grange_store::store;

// Floor 4: one function per thing a person, an agent or a job can do.
pub use grange_service::service;

// Floor 5: what runs by itself.
pub use grange_jobs::jobs;

// Floor 6, doors: on each server; HTTP; the machine; the command line; the terminal.
pub use grange_agent::agent;
pub use grange_api::api;
pub use grange_appliance::appliance;
pub use grange_cli::cli;
pub use grange_tui::tui;

// Floor 7: everything is made, handed what it needs, started and stopped here.
pub use grange_boot::boot;
