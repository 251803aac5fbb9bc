//! Every bound of the appliance, each with its arithmetic.
//!
//! A bound that is somebody's business elsewhere still lives here, so that one page answers
//! "what happens when there are too many".

mod variables;

pub use variables::*;

use crate::base::time::Millis;

mod clouds;
mod images;
mod roles;
mod streams;
pub use clouds::*;
pub use images::*;
pub use roles::*;
pub use streams::*;

/// Most servers a farm role may declare: Scalr's own ceiling.
pub const FARM_ROLE_SERVERS_MAX: u32 = 400;
/// Most farm roles in one farm: 400 servers each would already be ten times the promised fleet.
pub const FARM_ROLES_MAX: usize = 250;
/// Most ports of the machine that lead to one farm role: a mail server has eight.
pub const PUBLISHED_PER_FARM_ROLE_MAX: usize = 16;
/// Servers of a farm that know each other by name: as many as one `/16` of a machine's own has in
/// practice; at 50 bytes each in every one's `/etc/hosts`.
pub const NAMED_SERVERS_MAX: usize = 2_000;
/// Most availability zones of a farm role: no region of any platform has more than 16.
pub const ZONES_MAX: usize = 16;
/// Most checkpoints of a rollout: a person looks at each.
pub const CHECKPOINTS_MAX: usize = 10;
/// Revisions of a farm role that are kept, for going back: ten at up to 2 KiB.
pub const REVISIONS_MAX: usize = 10;
/// Longest a hold may last that has an end: longer than any holiday, and not for ever.
pub const HOLD_LENGTH_MAX: Millis = 30 * 86_400_000;
/// Letters of a hold's reason: two lines on a screen.
pub const HOLD_REASON_MAX: usize = 200;
/// Bytes of a lock's reason, with the name of who locked: a line of the journal and of a screen.
pub const LOCK_REASON_BYTES_MAX: usize = 200;
/// Bytes of what a farm is described with: a paragraph or two.
pub const FARM_DESCRIPTION_BYTES_MAX: usize = 4_000;
/// How long a token is valid when nobody says otherwise: a quarter of a year, so that one that was
/// forgotten in a script ends by itself.
pub const TOKEN_LIFE: Millis = 90 * 86_400_000;
/// Longest a token may be valid: five years.
pub const TOKEN_LIFE_MAX: Millis = 1_826 * 86_400_000;
/// Tokens of one user that are valid at once.
pub const TOKENS_PER_USER_MAX: usize = 500;
/// Bytes of what a token is described with: a line of a list.
pub const TOKEN_DESCRIPTION_BYTES_MAX: usize = 200;
/// Bytes of any other text in the body of a request; documents have bounds of their own.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of one parameter of a query.
pub const QUERY_TEXT_BYTES_MAX: usize = 512;
/// Bytes of an alert: it names each server it is about, of which there may be hundreds.
pub const ALERT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of what a cloud says of a call that failed, in a step and in the journal.
pub const CLOUD_WORDS_BYTES_MAX: usize = 1_000;
/// Bytes of an agent's version, and of its name for a boot.
pub const AGENT_WORD_BYTES_MAX: usize = 64;
/// What an agent may say it can do.
pub const AGENT_CAPABILITIES_MAX: usize = 32;
/// Members a balancer's agent names as not reached: at 220 bytes each they fit into
/// [`AGENT_PACKET_BYTES_MAX`]. Where more are not reached, it is not they who are ill.
pub const AGENT_MEMBERS_MAX: usize = 1_000;
/// Longest name of a member: a host name, eight digits, and what says that it is leaving.
pub const MEMBER_NAME_BYTES_MAX: usize = 128;
/// Bytes of what an agent's check saw, in the journal.
pub const AGENT_DETAIL_BYTES_MAX: usize = 300;
/// It is told this long before a hold ends, and as long after.
pub const HOLD_WARNING: Millis = 15 * 60_000;
/// Bytes of a note: what fits on a line or four of a screen, and of the journal.
pub const NOTE_BYTES_MAX: usize = 400;
/// Most notes on one thing: more than a screen shows are read by nobody.
pub const NOTES_MAX: usize = 20;
/// Most notes on a farm with all that is under it, all read for each page that shows some: 200 KiB.
pub const NOTES_OF_FARM_MAX: usize = 500;
/// Most holds of one farm: every kind on every farm role of a large one, and to spare.
pub const HOLDS_MAX: usize = 2_000;
/// Longest a service may take to stop: a server that is to go is not held up for longer.
pub const SERVICE_STOP_MAX: Millis = 60 * 60_000;
/// Most roles of an environment: an installation of many teams, each with a few dozen.
pub const ROLES_MAX: usize = 2_000;
/// Revisions of a role that are kept. Those that something is made of do not count as old.
pub const ROLE_REVISIONS_MAX: usize = 50;
/// Bytes of what a role is described with: a line or two.
pub const ROLE_DESCRIPTION_BYTES_MAX: usize = 400;
/// Largest manifest: 250 farm roles at 2 KiB each, doubled.
pub const MANIFEST_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of a manifest: ours needs 7.
pub const MANIFEST_DEPTH_MAX: usize = 32;
/// Values and keys of a manifest: 250 farm roles of 100 each, doubled.
pub const MANIFEST_VALUES_MAX: usize = 50_000;
/// Faults of a manifest told at once; a person reads no more, and the rest is counted.
pub const MANIFEST_FAULTS_MAX: usize = 100;
/// Longest a signed proposal can be applied: what it was made on is looked at again anyway, but
/// nobody remembers why they agreed to an older one.
pub const PROPOSAL_LIFE_MAX: Millis = 90 * 24 * 3_600_000;
/// Shortest: time to read it.
pub const PROPOSAL_LIFE_MIN: Millis = 60_000;
/// How long when nobody says: a change is agreed to within a week.
pub const PROPOSAL_LIFE: Millis = 7 * 24 * 3_600_000;
/// Proposals remembered, and so open at once: 200 bytes each, all read whenever one is made.
pub const PROPOSALS_MAX: usize = 1000;
/// Largest manifest of a proposal: with what the proposal adds, and with each line end escaped,
/// it fits into a body of the API.
pub const PROPOSAL_MANIFEST_BYTES_MAX: usize = MANIFEST_BYTES_MAX / 2;
/// Scaling rules of a farm role: more than there are metrics, twice over.
pub const SCALING_RULES_MAX: usize = 16;
/// Between two listings of a cloud's data volumes, and two attempts at destroying one: they change
/// with servers, which are listed all the time, and hardly ever by themselves.
pub const VOLUMES_PERIOD: Millis = 60_000;
/// Data volumes of a server.
pub const VOLUMES_PER_SERVER_MAX: usize = 8;
/// Largest body the API reads: a manifest plus its envelope.
pub const API_BODY_BYTES_MAX: usize = 2 * MANIFEST_BYTES_MAX;
/// Largest answer the API's client reads: the readings of a server's 64 series over 6 hours at 30
/// bytes a point are 4 MiB, fourfold.
pub const API_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A peer of the API that has not finished TLS, or the head of a request, by then is let go.
pub const API_HANDSHAKE_DEADLINE: Millis = 10_000;
/// Verbs under way for the API at once: each holds a thread, and they wait for one writer anyway.
pub const API_VERBS_MAX: usize = 64;
/// Requests that wait for a verb to end; more are told to come back.
pub const API_VERBS_WAITING_MAX: usize = 512;
/// Answers remembered for `Idempotency-Key`; at 4 KiB each 4 MiB, for minutes of retries.
pub const API_ANSWERS_KEPT_MAX: usize = 1024;
/// Of these, answers to one user, so that one busy script evicts nobody else's.
pub const API_ANSWERS_PER_USER_MAX: usize = 64;
/// Minutes of readings the API shows at once: what is kept in memory.
pub const READINGS_MINUTES_MAX: u64 = 360;
/// Program and arguments of a command for an agent: a long line of a shell has 100 words.
pub const COMMAND_ARGUMENTS_MAX: usize = 256;
/// Longest `Idempotency-Key`: a UUID is 36.
pub const API_KEY_BYTES_MAX: usize = 128;
/// Rows of one API page (Scalr: 1 to 100, default 100).
pub const API_PAGE_MAX: usize = 100;
/// Highest number of a page that can be asked for: no list has as many, and its first row still
/// has a number.
pub const PAGE_NUMBER_MAX: usize = 1_000_000_000;
/// Longest a caller may wait on the event stream for something to happen.
pub const EVENTS_WAIT_MAX: Millis = 25_000;
/// Open API connections of each listener; each costs about 20 KiB, so all of them 20 MiB. Those of
/// root and of the appliance's own user on the socket are counted apart.
pub const API_CONNECTIONS_MAX: usize = 1024;
/// Of these, of one user of the socket or one address: an office behind one address, and a fifth
/// of the door at the most.
pub const API_CONNECTIONS_EACH_MAX: usize = 192;
/// Requests of one user that wait for events at once: screens and followers of a whole team.
pub const API_EVENT_WAITS_EACH_MAX: usize = 64;
/// Bodies of requests in memory at once, all together: eight of the largest, or thousands of the
/// usual; each exists in up to four forms while it is read, so that is 64 MiB.
pub const API_BODIES_BYTES_MAX: usize = 8 * API_BODY_BYTES_MAX;
/// Values in one body: the largest input has a command of [`COMMAND_ARGUMENTS_MAX`] words. At 100
/// bytes a value, 64 bodies under way are 25 MiB.
pub const API_VALUES_MAX: usize = 4096;
/// Parameters of one query: the longest list of filters has ten.
pub const API_QUERY_MAX: usize = 64;
/// Bytes of a request's head: a path and a query of a few names and a token are under 1 KiB.
pub const API_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Faults one answer tells; the rest is counted, by the manifest itself or by the answer.
pub const FAULTS_TOLD_MAX: usize = MANIFEST_FAULTS_MAX + 1;
/// Letters of one fault in an answer, and of the field it names: what is wrong with a value of a
/// megabyte can be said with less.
pub const FAULT_LETTERS_MAX: usize = 8 * 1024;
/// Longest one API request may take before it is given up.
pub const API_REQUEST_DEADLINE: Millis = 60_000;

/// Writes that wait for the store's writer; each holds a closure of under 1 KiB.
pub const WRITER_QUEUE_MAX: usize = 4096;
/// Writes that share one commit.
pub const WRITER_GROUP_MAX: usize = 256;
/// redb's cache: enough for 10,000 servers at 1 KiB each, far below the idle target of 40 MiB.
pub const STORE_CACHE_BYTES: usize = 16 * 1024 * 1024;
/// A server that is confirmed gone is on record this long for people to ask about; the journal
/// keeps its story longer.
pub const GONE_KEPT: Millis = 3_600_000;
/// Servers confirmed gone that are on record at the most, the last ones: at 3 KiB each, with the
/// steps and orders of their lives, 30 MiB; and as many as are promised alive.
pub const GONE_MAX: usize = 10_000;
/// Largest record: a rendered balancer file of 400 servers is under 64 KiB.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Largest journal entry: one commit over all 10,000 servers at 1 KiB, before and after, and room.
pub const JOURNAL_ENTRY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Journal kept unless the config file says otherwise: at 1 KiB an entry 260,000 entries, which is
/// months of a quiet site. On disk that is up to twice as much: pages are two thirds full, and
/// each entry has four rows of 25 bytes in the stories it belongs to.
pub const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// What the config file may say: from a thousand entries, so that people still see what happened
/// just now, to 64 GiB, which verification reads in minutes.
pub const JOURNAL_BYTES_RANGE: (u64, u64) = (1024 * 1024, 64 * 1024 * 1024 * 1024);
/// The part of the journal's bound that is kept for what people did, beyond its beginning: an
/// eighth is 32 MiB, at 2 KiB each 16,000 things that people did.
pub const JOURNAL_PEOPLE_SHARE: u64 = 8;
/// Entries one commit trims at most: several times what a full group adds, so that it catches up.
pub const JOURNAL_TRIM_MAX: usize = 4 * WRITER_GROUP_MAX;
/// The store's log: the rows of two to three thousand writes of 1 KiB, so that the database's own
/// commit, which takes as long as a hundred of the log's, is shared by that many; and little beside
/// [`STORE_RESERVE_BYTES`] on a small disk.
pub const STORE_LOG_BYTES: u64 = 4 * 1024 * 1024;
/// The same on a disk in memory, where nothing is gained by more and tests have thousands of them.
pub const STORE_LOG_MEMORY_BYTES: u64 = 64 * 1024;
/// Space that stays free on the store's disk: a full group's pages (256 writes of four 4 KiB
/// pages) once over, so that a commit that was let in does not meet the end of the disk.
pub const STORE_RESERVE_BYTES: u64 = 4 * 1024 * 1024;
/// What is allocated on the store's disk for when it is full, besides what stays free: ending
/// things may use it. Twice [`STORE_LOG_BYTES`], since a commit for good writes what the log has,
/// and as much again in pages that lead to it.
pub const STORE_HELD_BYTES: u64 = 2 * STORE_LOG_BYTES;
/// Nothing is held on a disk with less than this free: four times as much, so that a small disk is
/// left to what it is for. Whoever has one is told.
pub const STORE_HOLD_ABOVE_BYTES: u64 = 4 * STORE_HELD_BYTES;
/// Below this not even what ends something is let in: a commit for good of a few records, with all
/// the pages that lead to them.
pub const STORE_FLOOR_BYTES: u64 = 1024 * 1024;
/// Below this what only says what has happened is not let in either: the 2 MiB between the two are
/// a hundred commits of five pages each, which no talk of agents can take from what ends something.
pub const STORE_REPORT_FLOOR_BYTES: u64 = 3 * STORE_FLOOR_BYTES;
/// Rows that one step of reading everything walks: 256 KiB of records of 1 KiB.
pub const STORE_SCRUB_ROWS: usize = 256;
/// Pages that one step of reading everything reads again: 1 MiB.
pub const STORE_SCRUB_PAGES: u64 = 256;
/// How far apart such steps are: 1 MiB in ten seconds is nothing to a disk, and 1 GiB takes three
/// hours.
pub const STORE_SCRUB_PERIOD: Millis = 10_000;
/// A database's file above this is compacted at start when more than half of it is free.
pub const STORE_COMPACT_BYTES: u64 = 16 * 1024 * 1024;
/// What is in use of a database that is compacted, at the most: at 40 MiB a second a start waits
/// ten seconds for it. The journal, which is most of a large store, is bounded to less.
pub const STORE_COMPACT_LIVE_MAX: u64 = 400 * 1024 * 1024;
/// Longest a caller waits for its write to be on disk; a slow disk takes 10 ms a commit.
pub const WRITE_DEADLINE: Millis = 30_000;
/// How often, and how far apart, a state directory is tried whose holder is gone: processes it was
/// just starting have the lock until they are other programs, a moment even on a busy machine.
pub const STORE_LOCK_TRIES: u32 = 100;
/// See [`STORE_LOCK_TRIES`]: five seconds altogether.
pub const STORE_LOCK_PAUSE: Millis = 50;
/// Longest the writer may take to finish what is queued when the store is closed.
pub const STORE_CLOSE_DEADLINE: Millis = 10_000;

/// Largest MQTT packet an agent may send: 20 series of 360 readings are under 64 KiB.
pub const AGENT_PACKET_BYTES_MAX: usize = 256 * 1024;
/// A peer that has not finished TLS and CONNECT by then is let go.
pub const AGENT_HANDSHAKE_DEADLINE: Millis = 10_000;
/// Connections that are still shaking hands or wait for their turn; the last of them waits 2 s.
pub const AGENT_HANDSHAKES_MAX: usize = 512;
/// Handshakes begun in a second from all addresses together: 10,000 agents return within 60 s at
/// 167 and within 40 s at this; at 1 ms each they take an eighth of the two cores.
pub const AGENT_HANDSHAKES_ALL_PER_SECOND: u32 = 250;
/// Of those, begun at once: at 1 ms each, an acknowledgement waits 8 ms for them on two cores.
pub const AGENT_HANDSHAKES_BURST: u32 = 16;
/// Open agent connections: the promised 10,000 and one reconnect of each in flight, and a reserve.
pub const AGENT_CONNECTIONS_MAX: usize = 24_000;
/// Files the appliance may want open at once: every agent's and every listener's connections, and
/// as many again as those of the API for all else.
pub const OPEN_FILES: u64 = (AGENT_CONNECTIONS_MAX + 4 * API_CONNECTIONS_MAX) as u64;
/// With fewer than this a start says so: the promised 10,000 agents and the API's connections.
pub const OPEN_FILES_MIN: u64 = 10_000 + 4 * API_CONNECTIONS_MAX as u64;
/// Publishes of one agent that wait for their commit.
pub const AGENT_IN_FLIGHT_MAX: usize = 16;
/// Handshakes under way from one address (IPv6: one /64); the oldest gives way to the newest, so
/// that silent connections cannot keep an agent behind the same address out.
pub const AGENT_HANDSHAKES_PER_ADDRESS_MAX: usize = 64;
/// Handshakes begun from one address in a second; a whole fleet behind one address returns within
/// 60 s at 167.
pub const AGENT_HANDSHAKES_PER_SECOND: u32 = 200;
/// Addresses whose handshakes are counted: 64 bytes each, so 256 KiB.
pub const AGENT_ADDRESSES_MAX: usize = 4096;
/// Addresses of the appliance that an agent knows: one for each of its networks, each tried for up
/// to 10 s when all are silent.
pub const AGENT_APPLIANCES_MAX: usize = 16;
/// A host's name in such an address: 253 by the rules of DNS (RFC 1035), and brackets.
pub const HOST_BYTES_MAX: usize = 255;
/// An agent's name for its own process: 128 random bits are 32 digits, doubled.
pub const AGENT_PROCESS_BYTES_MAX: usize = 64;
/// Processes of one agent that are remembered, to tell a copy of its identity from a restart: a
/// server is started again a few times in [`AGENT_COPY_MEMORY`]; 120 bytes each.
pub const AGENT_PROCESSES_MAX: usize = 8;
/// For how long they are: 40 times what an agent waits between two tries to connect.
pub const AGENT_COPY_MEMORY: Millis = 600_000;
/// An agent that is connected is taken for gone when it was not heard for as long after another one
/// came with its certificate, or for its keep-alive, if that is shorter: it reports every 10 s.
pub const AGENT_HOLDER_QUIET_MAX: Millis = 30_000;
/// It is taken for alive when it was heard this long after: what was on its way arrives sooner.
pub const AGENT_HOLDER_HEARD_AFTER: Millis = 2_000;
/// How long a newcomer waits for the connection before it to be given back: a process that was
/// killed is followed by another at once, and its end may be read after the other's beginning.
pub const AGENT_SEAT_WAIT: Millis = 500;
/// Largest CONNECT: a client id of 36 bytes, doubled for its header, and room for a login.
pub const AGENT_CONNECT_BYTES_MAX: usize = 1024;
/// Largest enrolment request and answer: a certificate request and a chain are under 4 KiB.
pub const ENROL_BYTES_MAX: usize = 64 * 1024;
/// Longest silence of an agent, whatever keep-alive it names.
pub const AGENT_KEEP_ALIVE_MAX: Millis = 300_000;
/// Packets of one agent in a second: it sends one batch every 10 s, and a spool after a gap.
pub const AGENT_PACKETS_PER_SECOND: u32 = 100;
/// Bytes of one agent in a second: a full spool of 16 MiB takes 16 s.
pub const AGENT_BYTES_PER_SECOND: u32 = 1024 * 1024;
/// An agent that reads nothing for this long while something is to be said is let go.
pub const AGENT_WRITE_DEADLINE: Millis = 10_000;
/// Answers that wait for one agent to read them; more, and we stop reading from it.
pub const AGENT_UNREAD_BYTES_MAX: usize = 64 * 1024;
/// How long an agent is not read from after the appliance could not take what it sent.
pub const AGENT_NOT_NOW_PAUSE: Millis = 1_000;
/// Largest order the gate takes: what an agent takes in one packet, less 64 for the packet's head.
pub const ORDER_BYTES_MAX: usize = AGENT_ORDER_BYTES_MAX - 64;
/// Orders that wait for one agent; an agent that lets more gather is disconnected, and gets all
/// its open orders again when it is back.
pub const AGENT_ORDERS_WAITING_MAX: usize = 64;
/// Bytes of those: two of the largest.
pub const AGENT_ORDERS_WAITING_BYTES_MAX: usize = 2 * ORDER_BYTES_MAX;
/// Orders sent to one agent and not acknowledged by it.
pub const AGENT_ORDERS_UNACKED_MAX: usize = 16;
/// An order that an agent has not acknowledged by then makes room for the next: agents leave out
/// the acknowledgement of one they cannot take, and it is sent again by whoever keeps the record.
pub const AGENT_ORDER_UNACKED_FOR: Millis = 30_000;
/// Topics the router fans orders out on, each read by one task: one a core.
pub const ORDER_SHARDS: usize = 2;
/// Bytes of one segment of a topic's log in the router. It keeps two, each up to one order longer,
/// so both topics together keep 2 x 2 x 128 KiB of usual orders, and 8.5 MiB of the largest.
pub const ORDER_SEGMENT_BYTES: usize = 128 * 1024;
/// Longest a caller waits for room in the router.
pub const ORDER_ROOM_WAIT: Millis = 1_000;
/// A router that moves nothing for this long while orders wait is replaced.
pub const ORDER_ROUTER_STALL: Millis = 5_000;
/// Bytes an agent keeps on disk while the appliance is away: 20 series every 10 s are about
/// 1.5 MiB a day, so a week and a half.
pub const AGENT_SPOOL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Largest MQTT packet an agent takes: an order to write a file of [`RECORD_BYTES_MAX`], doubled
/// for what JSON escapes.
pub const AGENT_ORDER_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;
/// Orders whose results an agent remembers, so that one sent twice is done once: at 64 KiB of
/// output each they fill 16 MiB of disk at worst.
pub const AGENT_ORDERS_KEPT_MAX: usize = 256;
/// Orders an agent has under way or waiting; more are not acknowledged and come again.
pub const AGENT_ORDERS_OPEN_MAX: usize = 32;
/// Messages an agent keeps until they are acknowledged; the oldest goes first, and results are
/// remembered beside it.
pub const AGENT_MESSAGES_MAX: usize = AGENT_ORDERS_KEPT_MAX;
/// Longest an agent waits between two tries to connect: with full jitter 10,000 agents come back
/// within 60 s at 667 a second.
pub const AGENT_RETRY_MAX: Millis = 15_000;
/// Besides that many at once, messages of one agent are taken at this pace: it says hello, whether
/// its check passes, and results of what it was ordered.
pub const AGENT_MESSAGE_EVERY: Millis = 200;
/// Changes that an agent may bring about by its word alone, at once: its hellos, its check that
/// passes and fails. Results of orders are not among them: each order has one.
pub const AGENT_ENTRIES_BURST: u64 = 32;
/// And then one of them in so many milliseconds: 8,640 entries of 1 KiB a day.
pub const AGENT_ENTRY_EVERY: Millis = 10_000;
/// Readings that cannot be right, or a copy of an agent, are told until so long after the last.
pub const STRANGE_FOR: Millis = 600_000;
/// Batches with readings that cannot be right before an alert: one may be a fault of the moment.
pub const NONSENSE_ALERT_AFTER: u64 = 3;
/// Servers that one alert about strange agents names.
pub const STRANGE_NAMES_MAX: usize = 20;
/// Output kept of a command an agent ran.
pub const COMMAND_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Calls of a cloud account that fail in a row before it is left alone for a while. Usual trouble
/// fails one or two; eight are under way at once, so that an account that is down is noticed by the
/// first round of calls.
pub const BREAKER_FAILURES: u32 = 5;
/// For how long, after the fifth failure and after each trial that failed; the last one goes on.
/// With one call at each end, an account that is down is asked 4 times in the first 9 minutes and
/// 6 times an hour from then on, instead of 8 calls at once as fast as they fail.
pub const BREAKER_LADDER: [Millis; 5] = [30_000, 60_000, 120_000, 300_000, 600_000];
/// Farm roles remembered of those failures; 8 bytes each.
pub const BREAKER_FARM_ROLES_MAX: usize = 32;
/// Letters kept of what the last failed call said.
pub const BREAKER_REASON_MAX: usize = 300;
/// Steps that begin in a minute for one cloud account, and as many at once after a rest; 660 with
/// the tenth that is kept for terminating what people asked to go. So 1,260 in the worst minute
/// and 36,660 in the worst hour, which bounds what a plan that is wrong costs before somebody
/// sees it. 1,000 servers launch in 40 s at the least. With 8 calls at once, a platform that needs
/// 200 ms for each would do 2,400 a minute, so there the pace counts; with 1 s it never does.
pub const STEPS_PER_MINUTE: u32 = 600;
/// What the config file may say: from one in ten seconds to more than any platform takes.
pub const STEPS_PER_MINUTE_RANGE: (u32, u32) = (6, 1_000_000);
/// Deadline of one cloud call; a call that has not answered by then is unknown.
pub const CLOUD_CALL_DEADLINE: Millis = 60_000;
/// A listing older than this is stale: nothing is destroyed on it.
pub const LISTING_STALE_AFTER: Millis = 90_000;
/// How often each cloud account is listed when nothing wakes the job.
pub const LISTING_PERIOD: Millis = 10_000;
/// How often every farm is planned when nothing wakes the job.
pub const PLAN_PERIOD: Millis = 30_000;

/// What an `onboard` server's own log file may hold before it becomes the old one; with both,
/// 100 servers keep at most 200 MiB.
pub const SERVER_LOG_BYTES_MAX: u64 = 1024 * 1024;
/// What one part of a role's setup or one of its services may print into one file; with the one
/// before it, a server of ten of them keeps at most 20 MiB.
pub const WORK_LOG_BYTES_MAX: u64 = 1024 * 1024;
/// Deadline of one `onboard` boot, from the call until pid 1 supervises; usually it takes 20 ms.
pub const ONBOARD_BOOT_DEADLINE: Millis = 20_000;

/// Points of one series kept in memory: 6 hours at one in 10 s.
pub const SERIES_HEAD_POINTS_MAX: usize = 2160;
/// Series of one server; an agent sends about 20.
pub const SERIES_PER_SERVER_MAX: usize = 64;

/// Recorded minutes older than this are let go: a month, to replay one with other rules.
pub const MINUTES_RETENTION: Millis = 30 * 24 * 3_600_000;
/// All of them together. A farm role takes 6 bytes a minute with nothing running and 23 with two
/// metrics, so 33 KB a day: this holds 30 days of 1,000 farm roles, and fewer days of more. For
/// 10,000 servers in 200 farm roles it is 6.6 MB a day, 200 MB in all.
pub const MINUTES_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Size at which a segment of them is closed. A query reads one whole and the start the last one,
/// so this is memory and time too; all together are 512 files at the most.
pub const MINUTES_SEGMENT_BYTES: u64 = 2 * 1024 * 1024;
/// Time that a segment spans at the most: they go by the day.
pub const MINUTES_SEGMENT_AGE: Millis = 24 * 3_600_000;
/// Recorded minutes one simulation reads, over its farm roles: 30 days of 11, or 7 days of 49; at
/// 150 bytes each 75 MB while it runs.
pub const SIMULATION_MINUTES_MAX: usize = 500_000;
/// Rows of the table of one farm role in a simulation: a day in minutes.
pub const SIMULATION_BUCKETS_MAX: u64 = 1_440;
/// Decisions told of one farm role in a simulation; the rest is counted.
pub const SIMULATION_DECISIONS_MAX: usize = 1_000;
/// Gaps told of one farm role in a simulation; the rest is counted.
pub const SIMULATION_GAPS_MAX: usize = 100;

/// Failed steps are given to the engine for this long after they ended: twice the longest backoff.
pub const STEP_MEMORY: Millis = 2 * 3_600_000;
/// A server missing from complete listings for less than this is not taken for lost.
pub const MISSING_AT_LEAST: Millis = 30_000;
/// Complete listings without a server before it is taken for lost: one may be a hiccup.
pub const MISSING_LISTINGS_MIN: u32 = 2;
/// Servers that vanish within this of one another are one event: the cloud's, or ours.
pub const VANISH_WINDOW: Millis = 120_000;
/// Share of a farm role that may vanish in one event before automation stops itself.
pub const VANISH_PERCENT_MAX: u32 = 30;
/// Waits after 1, 2, 3, ... failed launches in a row; the last one goes on (Scalr's intervals).
pub const LAUNCH_BACKOFF: [Millis; 5] = [10_000, 60_000, 180_000, 600_000, 3_600_000];
/// Waits after 1, 2, 3, ... failed attempts at terminating; short, because the server costs money.
pub const TERMINATE_BACKOFF: [Millis; 4] = [5_000, 15_000, 60_000, 300_000];
/// Times a server is started again before it is replaced, or given up, instead.
pub const RESTARTS_MAX: u32 = 3;
/// Waits after 1, 2, 3, ... restarts of a server that did not help; the first is at once.
pub const RESTART_BACKOFF: [Millis; 3] = [10_000, 60_000, 180_000];
/// A running server whose agent is silent, or whose check fails, for so long is restarted where
/// its farm role heals by restarting: 20 times what an agent needs at most to connect again, so
/// that our own trouble is over first.
pub const UNWELL_AT_LEAST: Millis = 300_000;
/// How often the appliance checks a server that has no agent, from outside.
pub const CHECK_PERIOD: Millis = 5_000;
/// How long one such check may take.
pub const CHECK_DEADLINE: Millis = 2_000;
/// Failed checks in a row before a healthy server is not: one may be a busy moment.
pub const CHECK_FAILURES_MAX: u32 = 3;
/// Checks under way at once, on threads of their own, so that servers that do not answer keep no
/// cloud call waiting. At 2 s each they are 10 servers in a period at worst, and some thousand
/// where servers answer in milliseconds.
pub const CHECKS_MAX: usize = 4;
/// Lines of one report: one for every server of a large farm, 100 bytes each, under 200 KiB.
pub const REPORT_LINES_MAX: usize = 2000;
/// A check that failed is forgotten once it has passed for so long without a break; until then
/// what it fails again for adds up. As long as what an unhealthy server is given by default, so
/// that one that fails half of the time is seen.
pub const HEALTHY_AGAIN_AFTER: Millis = 300_000;
/// A check that fails is an alert after this: a restart of a service is over by then.
pub const UNHEALTHY_ALERT_AFTER: Millis = 60_000;
/// A wall clock that is this much off what has passed was set by somebody, or the machine slept.
pub const CLOCK_JUMP_MIN: Millis = 2_000;
/// A running server's agent is reported as silent after this: three readings it should have sent.
pub const AGENT_SILENT_AFTER: Millis = 30_000;
/// Readings older than this are let go: what scaling windows and a screen look back.
pub const SERIES_RETENTION: Millis = 6 * 3_600_000;
/// Rows further ahead of our clock than this are refused: the server's clock is wrong, and its
/// readings would hide the true ones for as long.
pub const SERIES_AHEAD_MAX: Millis = 300_000;
/// Batches that wait for the series log; under 4 KiB each, 256 KiB at the worst.
pub const SERIES_QUEUE_MAX: usize = 1024;
/// How long the first batch of a group waits for others to share its sync: an agent sends every
/// few seconds and waits anyway, and a disk is synced ten times a second at the most below a full
/// group's worth.
pub const SERIES_GATHER: Millis = 100;
/// Batches that share one sync of the log.
pub const SERIES_GROUP_MAX: usize = 256;
/// Size at which a log segment is closed; it is read whole at the start, so this is memory too.
pub const SERIES_SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// Age at which it is closed, so that old ones go in steps of an hour.
pub const SERIES_SEGMENT_AGE: Millis = 3_600_000;
/// All segments together: 6 hours of 1,000 servers at 450 bytes every 10 s.
pub const SERIES_LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How often what is too old is swept out of memory and off the disk.
pub const SERIES_SWEEP_PERIOD: Millis = 60_000;

/// A server that makes room stops at the latest so long after it was due, whatever the balancers
/// before it have been told: as long as an order for a balancer stands. An agent that lost us is
/// back within [`AGENT_RETRY_MAX`], so only one that is gone for good costs all of it.
pub const BALANCER_WAIT: Millis = 300_000;

/// How soon it is looked again whether they have: a file is loaded in about a second.
pub const BALANCER_LOOK: Millis = 500;
