//! What a role may hold, and what rendering it may cost.

use crate::base::time::Millis;
use std::time::Duration;

/// Bytes of all texts of a role: rendered and doubled twice, for JSON and topology, they fit an
/// order.
pub const ROLE_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all texts that a farm role lays over its role: they are in its record, and in each of
/// the revisions that are kept of it.
pub const OVERRIDES_TEXT_BYTES_MAX: usize = 16 * 1024;
/// Most parts of a role's setup, and most files of it: more are a script and an archive.
pub const ROLE_PARTS_MAX: usize = 100;
/// Most services of a role: each is a process that an agent looks after.
pub const ROLE_SERVICES_MAX: usize = 20;
/// Most named ports of a role, and most platforms it has an image for.
pub const ROLE_PORTS_MAX: usize = 50;
/// Most variables of a service's environment.
pub const ROLE_ENVIRONMENT_MAX: usize = 200;
/// Bytes of what a part of a setup is called: it is shown on one line.
pub const SETUP_NAME_BYTES_MAX: usize = 120;
/// How long a part of a setup may take where nobody says: what installs packages over a slow line.
pub const SETUP_TIMEOUT: Millis = 10 * 60_000;
/// Longest that may be said: a launch timeout has no more either.
pub const SETUP_TIMEOUT_MAX: Millis = 24 * 3_600_000;
/// Steps one template of a role may take: a line for each of 400 servers takes 10,000.
pub const TEMPLATE_STEPS_MAX: u64 = 100_000;
/// Bytes one template of a role may come to: 400 servers at 600 bytes each.
pub const TEMPLATE_OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// Longest pause, in seconds, before a service that keeps ending is begun again.
pub const PAUSE_S_MAX: u64 = 30;
/// A service that ran so long is none that keeps ending.
pub const STEADY: Duration = Duration::from_secs(60);

/// A service that was begun again so often within [`CRASH_LOOP_WITHIN`] is in a crash loop: one
/// that is killed once, and once more by whoever looks after it, is none.
pub const CRASH_LOOP_RESTARTS: u32 = 3;
/// See there; also how long it has to be quiet for the loop to be over.
pub const CRASH_LOOP_WITHIN: Millis = 10 * 60_000;
/// Moments of restarts that a keeper remembers: with pauses of 1 s up to [`PAUSE_S_MAX`] there are
/// at most 25 of them within [`CRASH_LOOP_WITHIN`].
pub const RESTARTS_KEPT_MAX: usize = 32;
/// How soon after it said how its services are an agent says that one is otherwise: a service that
/// flaps is ten messages a minute of it at the most.
pub const SERVICES_SAID_EVERY: Millis = 6_000;
/// And how soon, when only their numbers have moved on.
pub const SERVICE_NUMBERS_SAID_EVERY: Millis = 60_000;
