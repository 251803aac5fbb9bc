//! The platforms that accounts can be of: what each needs to be told, and how an account of it is
//! opened.
//!
//! Opening an account asks nobody anything: it reads what is said of it and refuses what cannot be.
//! Whether somebody answers there, and what we may do, is asked by [`Platform::examine`].

use super::lease::LeaseHolder;
use super::{Cloud, CloudError, InstanceType, command, docker};
use crate::base::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Name, CPUs in thousandths, memory in MiB.
const SIZES: [(&str, u32, u64); 6] = [
    ("nano", 100, 64),
    ("small", 250, 128),
    ("medium", 500, 256),
    ("large", 1000, 512),
    ("xlarge", 2000, 1024),
    ("2xlarge", 4000, 4096),
];

/// The sizes of servers on platforms that sell none of their own, from the smallest to the largest.
pub fn common_sizes() -> Vec<InstanceType> {
    let size = |(name, cpu_millis, mebibytes): (&str, u32, u64)| InstanceType {
        name: name.to_owned(),
        cpu_millis,
        memory_bytes: mebibytes << 20,
    };
    SIZES.map(size).to_vec()
}

/// What an account of a platform is opened with: the account, and what of the appliance its
/// servers have to know.
#[derive(Clone, Debug)]
pub struct AccountOpening {
    /// The name of the account, by which it may keep what it knows.
    pub name: String,
    /// Where its API is, as the platform writes it: `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// What else is said of it, by the names of [`Platform::options`].
    pub options: BTreeMap<String, String>,
    /// The value of its platform's option that is secret.
    pub secret: Option<Secret>,
    /// What of the appliance its servers have to know.
    pub appliance: OpeningAppliance,
}

/// What accounts and their servers have to know of the appliance.
#[derive(Clone, Debug, Default)]
pub struct OpeningAppliance {
    /// What servers and volumes of this appliance carry: the installation's own word.
    pub tag: String,
    /// The program that runs on every server; put there by platforms that can.
    pub agent_executable: PathBuf,
    /// The port agents come in by.
    pub agents_port: u16,
    /// Where files of programs lie that accounts may be of.
    pub programs: PathBuf,
    /// Where platforms may keep what they know of accounts.
    pub state: PathBuf,
    /// Who holds the leases of accounts here.
    pub holder: LeaseHolder,
}

/// A field of an account beside its endpoint.
#[derive(Clone, Copy, Debug)]
pub struct OptionField {
    /// Its name, as `network`.
    pub name: &'static str,
    /// What it is and what holds without it: one sentence.
    pub about: &'static str,
    /// What its value looks like.
    pub kind: OptionKind,
}

/// What the value of an option looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// A word, as a name or an address.
    Word,
    /// A text of several lines, as certificates.
    Text,
    /// A text that is stored sealed and never shown. A platform has one at most.
    Secret,
}

/// One thing that was found out about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is told, as `engine`.
    pub name: &'static str,
    /// What it is there.
    pub value: String,
}

/// What came of asking an account who it is and what it lets us do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// What it says it is, in the order people read it.
    pub facts: Vec<Fact>,
    /// What it lacks, each with what follows from it.
    pub lacks: Vec<String>,
}

/// What is wrong with what is said of an account, and which field says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field as people say it: `endpoint`, or `options.network`.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// A platform that accounts can be of.
pub struct Platform {
    /// Its name, as `docker`.
    pub name: &'static str,
    /// What its endpoint looks like.
    pub endpoint: &'static str,
    /// What else may be said of an account.
    pub options: &'static [OptionField],
    /// The sizes of its servers, from the smallest to the largest.
    pub instance_types: fn() -> Vec<InstanceType>,
    /// Whether its accounts carry a lease, without which nothing is begun in one.
    pub leased: bool,
    /// Reads what is said of an account.
    pub open: fn(&AccountOpening) -> Result<Arc<dyn Cloud>, FieldFault>,
    /// Asks an account who it is; blocks for some seconds at most.
    pub examine: fn(&AccountOpening) -> Result<Examination, FieldFault>,
}

/// Every platform that accounts can be added of. `onboard` is none of them: it is there, or not.
pub const PLATFORMS: [Platform; 2] = [
    Platform {
        name: docker::NAME,
        endpoint: "unix:///var/run/docker.sock or tcp://10.0.0.7:2376",
        options: &docker::OPTIONS,
        instance_types: common_sizes,
        leased: true,
        open: |opening| Ok(Arc::new(docker::Docker::open(opening)?)),
        examine: docker::examine,
    },
    Platform {
        name: command::NAME,
        endpoint: "/etc/grange/clouds/vms.toml, a file of programs on the appliance's machine",
        options: &[],
        instance_types: common_sizes,
        leased: false,
        open: |opening| Ok(Arc::new(command::CommandCloud::open(opening)?)),
        examine: command::examine,
    },
];

impl Platform {
    /// The option of a name.
    pub fn option(&self, name: &str) -> Option<&'static OptionField> {
        self.options.iter().find(|option| option.name == name)
    }

    /// The name of its option that is secret.
    pub fn secret(&self) -> Option<&'static str> {
        let secret = self.options.iter().find(|option| option.kind == OptionKind::Secret);
        secret.map(|option| option.name)
    }
}

/// The platform of a name.
pub fn platform(name: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.name == name)
}

/// Names and sentences of all platforms' options that this name is not one of.
pub fn unknown_option(platform: &Platform, name: &str) -> Option<String> {
    if platform.options.iter().any(|option| option.name == name) {
        return None;
    }
    let known: Vec<&str> = platform.options.iter().map(|option| option.name).collect();
    let known = match known.as_slice() {
        [] => "it has none".to_owned(),
        known => format!("use {}", known.join(" or ")),
    };
    Some(format!("{} has no option {name}: {known}", platform.name))
}

/// The class of an error as a fault of the account's endpoint.
pub fn endpoint_fault(error: &CloudError) -> FieldFault {
    let text = error.to_string();
    let why = text.split_once(": ").map_or(text.clone(), |(_, why)| why.to_owned());
    FieldFault { field: "endpoint".to_owned(), why }
}
