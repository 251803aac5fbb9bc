//! One word for one thing: a server is a server in every room but `clouds`, whose platforms have
//! words of their own.
//!
//! Scalr's field names (`instanceType`, `minInstances`), host names and the active and passive
//! grange are what they are; the lists are narrow so that they never meet those.

use crate::source::{Fault, Source, check, words};

const IDENTIFIERS: &[&str] = &[
    "instance",
    "instances",
    "instance_id",
    "Instance",
    "InstanceId",
    "vm",
    "vms",
    "vm_id",
    "Vm",
    "VmId",
    "node_id",
    "NodeId",
    "host_id",
    "HostId",
    "nodes",
    "hosts",
];

const IN_COMMENTS: &[&str] = &["VM", "VMs", "an instance", "the instance", "instances", "guests"];

fn exempt(source: &Source) -> bool {
    matches!(source.room(), Some("clouds")) || source.path.starts_with("tests/tidy")
}

/// Names in code say `server`.
pub fn identifiers(source: &Source) -> Vec<Fault> {
    search(source, &source.code, IDENTIFIERS)
}

/// So do comments.
pub fn comments(source: &Source) -> Vec<Fault> {
    search(source, &source.comments, IN_COMMENTS)
}

fn search(source: &Source, lines: &[String], banned: &[&str]) -> Vec<Fault> {
    if exempt(source) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for word in banned.iter().filter(|word| !words(line, word).is_empty()) {
            let message = format!("{word:?} outside clouds/: the word is server");
            faults.push(source.fault(index, message));
        }
    }
    faults
}

#[test]
fn foreign_words_are_told() {
    check(
        identifiers,
        "src/engine/count.rs",
        "let instances = 3; let hostname = instance_type(\"vm\");\nlet x = vm_id;\n",
        &[
            "1: \"instances\" outside clouds/: the word is server",
            "2: \"vm_id\" outside clouds/: the word is server",
        ],
    );
    check(
        comments,
        "src/engine/count.rs",
        "// Counts VMs, for instance.\nfn f() {}\n",
        &["1: \"VMs\" outside clouds/: the word is server"],
    );
    check(identifiers, "src/clouds/ec2/list.rs", "let instances = 3;\n", &[]);
}
