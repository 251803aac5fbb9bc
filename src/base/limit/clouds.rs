//! Limits of cloud accounts and of what they are asked through.

use crate::base::Millis;

/// Cloud calls under way at once: of all that is there with the machine together, and of each
/// account that people added.
pub const CLOUD_CALLS_MAX: usize = 8;
/// Deadline of one request to a Docker Engine. A step makes up to eight, of which one at the most
/// takes long (an archive, or the ten seconds of a stop), and all of them fit into a cloud call.
pub const DOCKER_CALL_DEADLINE: Millis = 30_000;
/// Longest answer of a Docker Engine: 10,000 containers of 3 KiB each in one listing.
pub const DOCKER_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Cloud accounts of an installation. Each may have its calls and a listing under way at once, each
/// with a thread.
pub const CLOUD_ACCOUNTS_MAX: usize = 32;
/// Bytes of what is said of a cloud account in one field.
pub const CLOUD_ACCOUNT_FIELD_BYTES_MAX: usize = 500;
/// How often the holder of an account's lease writes its mark anew.
pub const LEASE_PERIOD: Millis = 10_000;
/// How long a mark lets its holder begin calls, from the moment it began to write it: two marks in
/// a row may fail. Longer, and a dead holder is waited for longer.
pub const LEASE_HELD_FOR: Millis = 25_000;
/// How long a mark has to stay as it is for its holder to count as dead: until that one begins
/// no more calls, until the last of them is over, and a listing's length of patience. Shorter, and
/// two could call at once.
pub const LEASE_OVER_AFTER: Millis = 90_000;
/// Seconds a program of the `command` platform may take, from and to: a call of a cloud is over by
/// then, with the time that its group gets to end in order.
pub const COMMAND_SECONDS: (u64, u64) = (1, 50);
/// Longest answer of such a program: 10,000 servers of 400 bytes each.
pub const COMMAND_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Servers in such an answer.
pub const COMMAND_SERVERS_MAX: usize = 20_000;
/// Of what it prints as errors so much is kept, of which one line is shown.
pub const COMMAND_WORDS_MAX: usize = 16 * 1024;
/// Longest request to it, user data included.
pub const COMMAND_REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Longest file of programs.
pub const COMMAND_FILE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a text of several lines that is said of a cloud account: some certificates.
pub const CLOUD_ACCOUNT_TEXT_BYTES_MAX: usize = 64 * 1024;
