//! What farm roles of one file say of each other: no alias twice, what is balanced or depended on
//! is there, and nothing depends on itself by way of others.

use super::Reference;
use super::fault::{Sink, suggest};
use crate::base::Name;
use crate::model::Publish;
use std::collections::BTreeMap;

/// Checks all of it. `whole` says whether each entry of the file is among what was read.
pub(super) fn check(read: &[Reference], whole: bool, sink: &mut Sink) {
    let aliases = aliases(read, sink);
    namesakes(read, &aliases, sink);
    // Where an alias has a fault of its own, it may be the one that seems to be missing.
    let all_known = whole && read.iter().all(|one| one.alias.is_some());
    for one in read {
        if let Some(balanced) = &one.balanced {
            let at = format!("{}.grange.balance.farmRole", one.path);
            refer(one, balanced, &at, "balance", &aliases, all_known, sink);
        }
        for (i, on) in one.depends_on.iter().enumerate() {
            let at = format!("{}.grange.dependsOn[{i}]", one.path);
            refer(one, on, &at, "depend on", &aliases, all_known, sink);
        }
    }
    published(read, sink);
    cycles(read, &aliases, sink);
}

/// Where each alias is, by its place in the list; one that is there twice is a fault.
fn aliases<'r>(read: &'r [Reference], sink: &mut Sink) -> BTreeMap<&'r Name, usize> {
    let mut aliases: BTreeMap<&Name, usize> = BTreeMap::new();
    for (place, one) in read.iter().enumerate() {
        let Some(alias) = &one.alias else { continue };
        if let Some(first) = aliases.get(alias) {
            let message = format!("{alias} is the alias of {} already", read[*first].path);
            sink.fault_at(&format!("{}.alias", one.path), message);
        } else {
            aliases.insert(alias, place);
        }
    }
    aliases
}

/// A port of the machine leads to one farm role.
fn published(read: &[Reference], sink: &mut Sink) {
    let mut before: Vec<&(String, Publish)> = Vec::new();
    for said in read.iter().flat_map(|one| &one.publish) {
        let (path, publish) = said;
        if let Some((first, _)) = before.iter().find(|(_, other)| other.meets(publish)) {
            let message = format!("{publish} is published under {first} already");
            sink.fault_at(&format!("{path}.port"), message);
        }
        before.push(said);
    }
}

/// An alias that a server of another farm role has for its name: `shop/web-1` would be both.
fn namesakes(read: &[Reference], aliases: &BTreeMap<&Name, usize>, sink: &mut Sink) {
    for (alias, place) in aliases {
        let Some(role) = alias.server_of().filter(|role| aliases.contains_key(role)) else {
            continue;
        };
        let message = format!(
            "{alias} is what a server of {role} is called: take a name without a number at its end"
        );
        sink.fault_at(&format!("{}.alias", read[*place].path), message);
    }
}

/// One reference to another farm role.
fn refer(
    one: &Reference,
    to: &Name,
    at: &str,
    verb: &str,
    aliases: &BTreeMap<&Name, usize>,
    all_known: bool,
    sink: &mut Sink,
) {
    if one.alias.as_ref() == Some(to) {
        sink.fault_at(at, format!("a farm role cannot {verb} itself"));
    } else if all_known && !aliases.contains_key(to) {
        let known: Vec<&str> = aliases.keys().map(|name| name.as_str()).collect();
        let hint = suggest(to.as_str(), &known);
        sink.fault_at(at, format!("no farm role {to} in this file: {hint}"));
    }
}

/// How far the walk is with a farm role.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walk {
    Ahead,
    OnTheWay,
    Done,
}

/// Says each way back to a farm role that is on the way already (a depth-first walk, in a loop
/// because a file may have very many entries before their number is refused).
fn cycles(read: &[Reference], aliases: &BTreeMap<&Name, usize>, sink: &mut Sink) {
    let mut walk = vec![Walk::Ahead; read.len()];
    for start in 0..read.len() {
        // Each farm role on the way, and which of its dependencies comes next.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if walk[start] == Walk::Ahead {
            walk[start] = Walk::OnTheWay;
            way.push((start, 0));
        }
        while let Some((here, next)) = way.last_mut() {
            let here = *here;
            let Some(on) = read[here].depends_on.get(*next) else {
                walk[here] = Walk::Done;
                way.pop();
                continue;
            };
            let at = format!("{}.grange.dependsOn[{next}]", read[here].path);
            *next += 1;
            // One that is not there, or is itself, is told already.
            let Some(to) = aliases.get(on).copied().filter(|to| *to != here) else { continue };
            match walk[to] {
                Walk::Done => {}
                Walk::Ahead => {
                    walk[to] = Walk::OnTheWay;
                    way.push((to, 0));
                }
                Walk::OnTheWay => sink.fault_at(&at, around(read, &way, to)),
            }
        }
    }
}

/// The way round in words, however long it is.
fn around(read: &[Reference], way: &[(usize, usize)], to: usize) -> String {
    const NAMED_MAX: usize = 10;
    let round = way.iter().skip_while(|(place, _)| *place != to);
    let names: Vec<String> = round
        .chain([&(to, 0)])
        .filter_map(|(place, _)| read[*place].alias.as_ref().map(Name::to_string))
        .collect();
    let said = match names.len() {
        0..=NAMED_MAX => names.join(" -> "),
        many => format!("{} -> ... {} more", names[..NAMED_MAX].join(" -> "), many - NAMED_MAX),
    };
    format!("a cycle, so that none of them could be first: {said}")
}

#[cfg(test)]
mod tests {
    use crate::wire::manifest::parse;

    fn check(text: &str, expected: &[&str]) {
        let faults = parse(text).err().unwrap_or_default();
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_port_of_the_machine_leads_to_one_farm_role() {
        let role = |alias: &str, publish: &str| {
            format!(
                "  - {{alias: {alias}, role: r, cloudPlatform: x, instanceType: small, \
                 grange: {{publish: [{publish}]}}}}\n"
            )
        };
        let farm = |web: &str, api: &str| {
            format!("farm: shop\nfarmRoles:\n{}{}", role("web", web), role("api", api))
        };
        let twice = "is published under farmRoles[0].grange.publish[0] already";
        let fault = |place: &str, port: &str| {
            format!("line 4: farmRoles[1].grange.publish[{place}].port: {port} {twice}")
        };
        check(
            &farm("{port: 80, to: http}", "{port: 81, to: 1}, {port: 80, to: 2}"),
            &[&fault("1", "port 80")],
        );
        check(
            &farm("{port: 80, to: 1, address: '::1'}", "{port: 80, to: 2}"),
            &[&fault("0", "port 80")],
        );
        check(
            &farm("{port: 80, to: 1}", "{port: 80, to: 2, address: 192.0.2.1}"),
            &[&fault("0", "port 80 of 192.0.2.1")],
        );
        check(&farm("{port: 80, to: 1}", "{port: 80, to: 2, protocol: udp}"), &[]);
    }

    #[test]
    fn no_name_means_two_things() {
        let role = |alias: &&str| {
            format!("  - {{alias: {alias}, role: r, cloudPlatform: x, instanceType: small}}\n")
        };
        let farm = |aliases: &[&str]| {
            let roles: String = aliases.iter().map(role).collect();
            format!("farm: shop\nfarmRoles:\n{roles}")
        };
        let told = |line, place, alias, of| {
            format!(
                "line {line}: farmRoles[{place}].alias: {alias} is what a server of {of} is \
                 called: take a name without a number at its end"
            )
        };
        let faults = [told(3, 0, "web-12", "web"), told(5, 2, "web-12-1", "web-12")];
        check(&farm(&["web-12", "web", "web-12-1"]), &faults.each_ref().map(String::as_str));
        check(&farm(&["web-1", "web-2", "web-01", "web-a", "db"]), &[]);
        check(
            "farm: 8d3c1f0a-1111-4222-8333-444455556666\n",
            &["line 1: farm: this is like the id of a server: take another name"],
        );
    }
}
