//! What only some rooms know: each library has its room, clocks have theirs.

use crate::source::{Fault, Source, check, words};

/// A library and the folders of `src` that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("rustls", &["net"]),
    ("tokio_rustls", &["net", "broker", "api", "agent", "client"]),
    ("ureq", &["net"]),
    ("rcgen", &["pki", "net"]),
    ("x509_parser", &["pki"]),
    ("redb", &["store"]),
    ("bincode", &["store"]),
    ("rumqttd", &["broker"]),
    ("axum", &["api"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
    ("clap", &["cli"]),
    ("minijinja", &["automation"]),
    ("tantivy", &["search"]),
    ("saphyr_parser", &["wire/manifest"]),
    ("flate2", &["clouds/onboard"]),
    ("tar", &["clouds/onboard", "clouds/docker", "cli"]),
    ("regex", &["service/farms/variables"]),
    ("netlink_sys", &["clouds/onboard"]),
    ("netlink_packet_core", &["clouds/onboard"]),
    ("netlink_packet_route", &["clouds/onboard"]),
    // `api` asks who is at the other end of the socket, `store` how full the disk is, and the
    // terminal's runner stops itself for the shell.
    (
        "nix",
        &["clouds/onboard", "clouds/command", "agent", "appliance", "api", "store", "tui/runner"],
    ),
];

/// Rooms on the IO side, where a thread or a socket has a deadline of its own.
const DEADLINES: &[&str] =
    &["base", "broker", "net", "agent", "clouds", "api", "client", "tui", "appliance"];

fn inside(source: &Source, home: &str) -> bool {
    let Some(path) = source.path.strip_prefix("src/") else { return false };
    path.strip_prefix(home).is_some_and(|rest| rest.starts_with('/') || rest.starts_with('.'))
}

/// A library is named only in its room.
pub fn crates(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (name, homes) in HOMES {
        if homes.iter().any(|home| inside(source, home)) {
            continue;
        }
        for (index, line) in source.code.iter().enumerate() {
            if words(line, name).into_iter().any(|at| names_crate(line, at, name)) {
                let message = format!("{name} is known only in {}", homes.join(", "));
                faults.push(source.fault(index, message));
            }
        }
    }
    faults
}

/// Whether the word at `at` begins a path or is imported, rather than being a module of ours.
fn names_crate(line: &str, at: usize, name: &str) -> bool {
    let before = line[..at].trim_end();
    let after = line[at + name.len()..].trim_start();
    let imported = before.ends_with("use") || before.ends_with("crate");
    let begins = after.starts_with("::") && !before.ends_with("::");
    // `tokio_rustls::rustls` would be the way around the rule for `rustls`.
    let smuggled = before.ends_with("tokio_rustls::");
    imported || begins || smuggled
}

/// The system clock belongs to `base`; stop watches to the rooms with deadlines on IO. Tests may
/// wait by a deadline anywhere.
pub fn clocks(source: &Source) -> Vec<Fault> {
    let Some(room) = source.room() else { return Vec::new() };
    let mut faults = Vec::new();
    for (index, line) in source.production() {
        if room != "base" && !words(line, "SystemTime").is_empty() {
            faults.push(source.fault(index, "SystemTime is known only in base: take a Clock"));
        }
        let may = DEADLINES.contains(&room) || matches!(room, "boot" | "main" | "bin");
        let asks = !words(line, "Instant").is_empty() || line.contains("tokio::time");
        if asks && !may {
            let message = format!("{room} has no stop watch: take a Clock, or a Duration to wait");
            faults.push(source.fault(index, message));
        }
    }
    faults
}

/// What of a server only its lifecycle assigns.
const LIFECYCLE: &[&str] = &[".status = ", ".status_at = ", ".running_at = "];

/// A server's status changes in `model::lifecycle`, whose table says what becomes of everything
/// else then. Steps have statuses of their own, and so do the doors' answers.
pub fn statuses(source: &Source) -> Vec<Fault> {
    let below = matches!(source.room(), Some("base" | "model" | "engine" | "service" | "jobs"));
    if !below || source.path.starts_with("src/model/lifecycle") {
        return Vec::new();
    }
    let assigns = |line: &str| {
        LIFECYCLE.iter().any(|field| line.contains(field)) && !line.contains("StepStatus::")
    };
    source
        .production()
        .filter(|(_, line)| assigns(line))
        .map(|(index, _)| source.fault(index, "only model::lifecycle moves a server: advance it"))
        .collect()
}

/// Messages that carry a secret to whom it is for, and how many fields of each file do.
const EXPOSED: &[(&str, usize)] = &[
    // The one-time token of an agent, to the server it is for and back.
    ("src/wire/agent.rs", 2),
    // A bearer token, to whom it was made for.
    ("src/wire/input.rs", 1),
    // The value of a variable, from who sets it to the appliance.
    ("src/wire/variable.rs", 1),
    // A server's user data, for the process that becomes it.
    ("src/clouds/onboard/record.rs", 1),
];

/// A secret leaves the process in the fields that are listed, and in no other.
pub fn secrets(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("src/") || source.path == "src/base/secret.rs" {
        return Vec::new();
    }
    let listed = EXPOSED.iter().find(|(path, _)| *path == source.path).map_or(0, |(_, n)| *n);
    let exposes = |line: &str| line.contains("Secret::expose");
    source
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| exposes(line))
        .skip(listed)
        .map(|(index, _)| source.fault(index, "a secret leaves here: list it in EXPOSED, say why"))
        .collect()
}

/// Files of the command line that write themselves: what the macro and the tables are made of, the
/// embedded pages, and what a command printed on a server.
const WRITERS: &[&str] = &["io.rs", "table.rs", "docs.rs"];

/// Commands write lines with `put_line!`, which escapes them.
pub fn lines_of_commands(source: &Source) -> Vec<Fault> {
    let Some(file) = source.path.strip_prefix("src/cli/") else { return Vec::new() };
    if WRITERS.contains(&file) {
        return Vec::new();
    }
    let writes = |line: &str| line.contains("writeln!(io.") || line.contains("writeln!(to");
    source
        .production()
        .filter(|(_, line)| writes(line))
        .map(|(index, _)| source.fault(index, "writeln! is not escaped: use put_line!"))
        .collect()
}

/// Files of the command line that make tables: of declared columns, and of a simulation, whose
/// columns are the rules that somebody tries.
const TABLES: &[&str] = &["list.rs", "simulate.rs", "table.rs"];

/// A list of the command line is made of the columns that `wire::columns` declares.
pub fn tables_of_commands(source: &Source) -> Vec<Fault> {
    let Some(file) = source.path.strip_prefix("src/cli/") else { return Vec::new() };
    if TABLES.contains(&file) {
        return Vec::new();
    }
    source
        .production()
        .filter(|(_, line)| line.contains("table::write(") || line.contains("Cell"))
        .map(|(index, _)| {
            source.fault(index, "a table of its own: declare columns in wire::columns")
        })
        .collect()
}

#[test]
fn a_list_that_draws_its_own_table_is_told() {
    let bad = "table::write(io, &[\"NOTE\"], rows)?;\nlet row = vec![Cell::from(1)];\n";
    let told = "a table of its own: declare columns in wire::columns";
    let both = [format!("1: {told}"), format!("2: {told}")];
    check(tables_of_commands, "src/cli/note.rs", bad, &both.each_ref().map(String::as_str));
    check(tables_of_commands, "src/cli/list.rs", bad, &[]);
    check(tables_of_commands, "src/cli/note.rs", "list::usual(&NOTES, &notes, io)?;\n", &[]);
}

#[test]
fn a_library_away_from_home_is_told() {
    check(
        crates,
        "src/series/log.rs",
        "use redb::Database; // redb::x\nlet s = \"redb::\"; let redb = 1; super::redb::f();\n",
        &["1: redb is known only in store"],
    );
    check(
        crates,
        "src/clouds/ec2.rs",
        "fn f() -> nix::Result<()> {}\n",
        &["1: nix is known only in clouds/onboard, clouds/command, agent, appliance, api, store, \
           tui/runner"],
    );
    check(crates, "src/clouds/onboard/init.rs", "use nix::sched;\n", &[]);
    check(
        crates,
        "src/broker/gate.rs",
        "use tokio_rustls::rustls::ServerConfig;\n",
        &["1: rustls is known only in net"],
    );
}

#[test]
fn a_clock_away_from_home_is_told() {
    check(
        clocks,
        "src/broker/gate.rs",
        "let t = Instant::now();\nlet u = SystemTime::now();\n",
        &["2: SystemTime is known only in base: take a Clock"],
    );
    check(
        clocks,
        "src/store/writer.rs",
        "tokio::time::sleep(x).await;\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
        &["1: store has no stop watch: take a Clock, or a Duration to wait"],
    );
}

#[test]
fn a_command_that_writes_by_itself_is_told() {
    let (bad, told) =
        ("writeln!(io.stdout, \"{x}\")?;\n", "1: writeln! is not escaped: use put_line!");
    check(lines_of_commands, "src/cli/farm.rs", bad, &[told]);
    check(lines_of_commands, "src/cli/io.rs", bad, &[]);
    check(lines_of_commands, "src/cli/farm.rs", "put_line!(io.stdout, \"{x}\")?;\n", &[]);
}

#[test]
fn a_secret_that_leaves_is_told() {
    let field = "#[serde(serialize_with = \"Secret::expose\")]\n";
    let told = ["1: a secret leaves here: list it in EXPOSED, say why"];
    check(secrets, "src/wire/note.rs", field, &told);
    check(secrets, "src/wire/input.rs", field, &[]);
    check(secrets, "src/wire/input.rs", &format!("{field}{field}"), &[&told[0].replace('1', "2")]);
}

#[test]
fn a_server_that_is_moved_past_its_lifecycle_is_told() {
    let bad = "server.status = next;\nserver.status_at = now;\nstep.status = StepStatus::Done;\n";
    let told = "only model::lifecycle moves a server: advance it";
    let both = [format!("1: {told}"), format!("2: {told}")];
    check(statuses, "src/service/servers.rs", bad, &both.each_ref().map(String::as_str));
    check(statuses, "src/model/lifecycle/ask.rs", bad, &[]);
    check(statuses, "src/tui/update.rs", "data.status = Some(status);\n", &[]);
}
