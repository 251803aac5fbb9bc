//! Bounds of what servers print, and of what people run on many of them.

#[cfg(doc)]
use super::{AGENT_BYTES_PER_SECOND, COMMAND_OUTPUT_BYTES_MAX};
use crate::base::Millis;

/// Servers of one run.
pub const RUN_SERVERS_MAX: usize = 1_000;
/// Targets that one run names.
pub const RUN_TARGETS_MAX: usize = 100;
/// Servers of a run at once.
pub const RUN_PARALLEL_MAX: u32 = 100;
/// Runs with something left to do.
pub const RUNS_OPEN_MAX: usize = 20;
/// Runs that are kept, those under way among them.
pub const RUNS_KEPT_MAX: usize = 50;
/// Of each output of a run, kept over all its servers: with both outputs and [`RUNS_KEPT_MAX`] runs
/// 100 MiB at most. Each server has its share, at most [`COMMAND_OUTPUT_BYTES_MAX`].
pub const RUN_OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one frame of a stream: small beside the 64 KiB of answers that make a connection full,
/// so that what an agent says besides waits for little.
pub const STREAM_CHUNK_BYTES_MAX: usize = 8 * 1024;
/// Bytes an agent may send on one stream before it is granted more, and so what one stream holds in
/// memory at most: eight frames keep a connection with 30 ms of delay busy at 2 MiB a second.
pub const STREAM_WINDOW_BYTES: usize = 64 * 1024;
/// What a frame of a stream costs beside its bytes: what it takes in memory.
pub const STREAM_FRAME_BYTES: usize = 64;
/// Bytes of all its streams that an agent sends in [`STREAM_TURN`]: 240 KiB a second, a quarter of
/// what it may say at all ([`AGENT_BYTES_PER_SECOND`]), so that readings and results never wait.
pub const STREAM_TURN_BYTES: usize = 24 * 1024;
/// See [`STREAM_TURN_BYTES`].
pub const STREAM_TURN: Millis = 100;
/// How often a stream that follows a log looks for more when there was nothing.
pub const STREAM_LOOK_EVERY: Millis = 250;
/// Streams of one server at once: a few people look at it.
pub const STREAMS_OF_SERVER_MAX: usize = 8;
/// Streams of one user at once: a terminal for each of many servers.
pub const STREAMS_OF_USER_MAX: usize = 32;
/// Streams of all servers at once: 8 MiB at [`STREAM_WINDOW_BYTES`] each.
pub const STREAMS_MAX: usize = 128;
/// A stream whose agent has not said that it is open by then is given up.
pub const STREAM_OPEN_DEADLINE: Millis = 10_000;
/// An agent that was granted nothing for so long while it has something to send ends the stream:
/// the appliance lets go of a reader who takes nothing long before.
pub const STREAM_UNREAD_MAX: Millis = 120_000;
/// How often a reader hears that an idle stream is still there.
pub const STREAM_PULSE: Millis = 5_000;
/// Bytes of what a command printed that are kept for whoever reads along: a second of what all
/// streams of a server may send, and 2 MiB for as many commands as an agent runs at once.
pub const LIVE_OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Servers of a run whose output one `grange run` reads along with: half of a user's streams. What
/// the others print is shown when they have ended.
pub const RUN_LIVE_MAX: usize = STREAMS_OF_USER_MAX / 2;
/// Why a stream was refused or broke off: a sentence and the names of what there is instead.
pub const STREAM_REASON_BYTES_MAX: usize = 1024;
/// Logs that an agent lists.
pub const LOGS_MAX: usize = 500;
/// Of such a list, at 400 bytes each.
pub const LOGS_BYTES_MAX: usize = LOGS_MAX * 400;
/// The name of a log: that of a service.
pub const LOG_NAME_BYTES_MAX: usize = 128;
/// Last lines of a log that can be asked for.
pub const LOG_LINES_MAX: u64 = 10_000;
/// How far back in a log its last lines are looked for.
pub const LOG_LOOK_BACK_BYTES: u64 = 1024 * 1024;
/// Logs that one stream follows at once.
pub const LOGS_FOLLOWED_MAX: usize = 32;
