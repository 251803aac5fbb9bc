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
