//! `grange docs`: what a person reads where there is no network, embedded in the binary.
//!
//! The pages are `assets/docs/*.md`. They promise to be whole: the tests below ask the manifest's
//! parser for its fields and the command line for its verbs, and look for each of them.

use crate::base::{Code, Problem};
use crate::cli::{Done, Io};

/// One page.
struct Topic {
    name: &'static str,
    about: &'static str,
    text: &'static str,
}

const fn topic(name: &'static str, about: &'static str, text: &'static str) -> Topic {
    Topic { name, about, text }
}

/// Every page, in the order a newcomer reads them.
const TOPICS: &[Topic] = &[
    topic("start", "The first ten minutes", include_str!("../../assets/docs/start.md")),
    topic(
        "farms",
        "The manifest: every field with its type, default and bounds",
        include_str!("../../assets/docs/farms.md"),
    ),
    topic(
        "proposals",
        "What would change: look, agree, sign, apply later",
        include_str!("../../assets/docs/proposals.md"),
    ),
    topic(
        "scaling",
        "How the number of servers is decided",
        include_str!("../../assets/docs/scaling.md"),
    ),
    topic(
        "simulate",
        "Scaling rules, tried on the past",
        include_str!("../../assets/docs/simulate.md"),
    ),
    topic(
        "explain",
        "Reading why: explain, plan, events",
        include_str!("../../assets/docs/explain.md"),
    ),
    topic(
        "lists",
        "Which rows, which columns, in which form",
        include_str!("../../assets/docs/lists.md"),
    ),
    topic("holds", "Switching off what runs by itself", include_str!("../../assets/docs/holds.md")),
    topic("roles", "What servers do: roles of yours", include_str!("../../assets/docs/roles.md")),
    topic(
        "variables",
        "Values by name, hidden ones too",
        include_str!("../../assets/docs/variables.md"),
    ),
    topic(
        "images",
        "What servers are started from: images of yours",
        include_str!("../../assets/docs/images.md"),
    ),
    topic("notes", "What the next one should know", include_str!("../../assets/docs/notes.md")),
    topic(
        "clouds",
        "Cloud accounts that fail, and how fast they are asked",
        include_str!("../../assets/docs/clouds.md"),
    ),
    topic(
        "onboard",
        "Servers on this machine itself",
        include_str!("../../assets/docs/onboard.md"),
    ),
    topic(
        "agents",
        "Ports, enrolment, certificates, the spool",
        include_str!("../../assets/docs/agents.md"),
    ),
    topic(
        "api",
        "Paths, who is asking, envelope, retries",
        include_str!("../../assets/docs/api.md"),
    ),
    topic(
        "install",
        "On a machine: layout, config file, upgrade, uninstall",
        include_str!("../../assets/docs/install.md"),
    ),
    topic(
        "troubleshooting",
        "Each clear error and what to do",
        include_str!("../../assets/docs/troubleshooting.md"),
    ),
    topic(
        "scalr",
        "Where Grange does otherwise than Scalr, and why",
        include_str!("../../assets/docs/scalr.md"),
    ),
    topic("words", "One word for one thing", include_str!("../../assets/docs/words.md")),
];

/// Prints a page, or which there are.
pub fn carry(name: Option<&str>, io: &mut Io<'_>) -> Done {
    let Some(name) = name else {
        for Topic { name, about, .. } in TOPICS {
            writeln!(io.stdout, "{name:<16}  {about}")?;
        }
        writeln!(io.stdout, "\ngrange docs TOPIC prints one")?;
        return Ok(0);
    };
    let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) else {
        let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
        let message = format!("no page named {name}; there are {}", names.join(", "));
        return Err(Problem::new(Code::ObjectNotFound, message).into());
    };
    io.stdout.write_all(topic.text.as_bytes())?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Args;
    use crate::wire::manifest;
    use clap::CommandFactory;

    /// A field nobody knows in each section, so that the parser tells which it does know.
    const STRANGERS: &str = "
farm: shop
zzzzzzzzzzzz: 1
farmRoles:
  - alias: web
    zzzzzzzzzzzz: 1
    scaling: {zzzzzzzzzzzz: 1, rules: [{zzzzzzzzzzzz: 1}]}
    storage: [{zzzzzzzzzzzz: 1}]
    grange: {zzzzzzzzzzzz: 1, rollout: {zzzzzzzzzzzz: 1},
      balance: {zzzzzzzzzzzz: 1}, check: {zzzzzzzzzzzz: 1}, publish: [{zzzzzzzzzzzz: 1}]}
";

    #[test]
    fn every_field_of_a_manifest_has_its_row() {
        let page = TOPICS.iter().find(|topic| topic.name == "farms").unwrap().text;
        let faults = manifest::parse(STRANGERS).unwrap_err();
        let known: Vec<&str> = faults
            .iter()
            .filter_map(|f| f.message.split_once(": there are "))
            .map(|f| f.1)
            .collect();
        assert_eq!(known.len(), 10, "not every section told its fields: {faults:?}");
        for field in known.iter().flat_map(|fields| fields.split(", ")) {
            let row = format!("| `{field}` |");
            assert!(page.contains(&row), "farms.md has no row {row}");
        }
    }

    #[test]
    fn every_verb_and_option_is_in_some_page() {
        let all: String = TOPICS.iter().map(|topic| topic.text).collect();
        let mut open = vec![(String::from("grange"), Args::command())];
        while let Some((path, command)) = open.pop() {
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                open.push((format!("{path} {}", verb.get_name()), verb.clone()));
            }
            assert!(all.contains(&path), "no page has {path}");
            for long in command.get_arguments().filter_map(|option| option.get_long()) {
                assert!(all.contains(&format!("--{long}")), "no page has --{long} of {path}");
            }
        }
    }

    #[test]
    fn every_file_is_a_topic_and_fits_a_terminal() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/docs");
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let name = file.strip_suffix(".md").unwrap();
            assert!(TOPICS.iter().any(|topic| topic.name == name), "{file} is no topic");
        }
        for Topic { name, text, .. } in TOPICS {
            assert!(text.starts_with("# ") && text.ends_with('\n'), "{name} has no title");
            let wide = text.lines().find(|line| line.chars().count() > 100);
            assert_eq!(wide, None, "{name} is wider than 100 columns");
        }
    }
}
