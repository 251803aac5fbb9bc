//! Asking an engine who it is, and what it cannot do.

use super::Docker;
use super::engine::Content;
use super::tls::field_of;
use crate::clouds::platform::{AccountOpening, Examination, Fact, FieldFault, endpoint_fault};
use serde::Deserialize;

/// The oldest API that has everything we ask for: Docker 19.03.
const API_MIN: (u32, u32) = (1, 40);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    version: String,
    api_version: String,
    os: String,
    arch: String,
}

/// What an engine says of its machine, as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EngineInfo {
    name: String,
    driver: String,
    cgroup_version: String,
    memory_limit: bool,
    cpu_cfs_quota: bool,
    pids_limit: bool,
    #[serde(rename = "NCPU")]
    cpus: u32,
    mem_total: u64,
    init_binary: String,
    init_commit: Commit,
    security_options: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Commit {
    #[serde(rename = "ID")]
    id: String,
}

impl EngineInfo {
    /// How the agent counts in a container.
    pub fn cgroup(&self) -> &'static str {
        match self.cgroup_version.as_str() {
            "1" => "v1",
            "2" => "v2",
            _ => "none",
        }
    }

    /// Whether memory is bounded there.
    pub fn bounds_memory(&self) -> bool {
        self.memory_limit
    }

    /// Whether CPU time is bounded there.
    pub fn bounds_cpu(&self) -> bool {
        self.cpu_cfs_quota
    }

    /// Whether the number of processes is bounded there.
    pub fn bounds_processes(&self) -> bool {
        self.pids_limit
    }

    /// Whether it has a pid 1 of its own to put before a container's program.
    pub fn has_init(&self) -> bool {
        // Of one that says no commit it is empty, of none at all it is this.
        !self.init_binary.is_empty() && self.init_commit.id != "N/A"
    }

    fn lacks(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        if !self.memory_limit {
            lacks.push("its kernel bounds no memory: a size's memory is advisory".to_owned());
        }
        if !self.cpu_cfs_quota {
            lacks.push("its kernel bounds no CPU time: a size's CPUs are advisory".to_owned());
        }
        if !self.has_init() {
            let text = "it has no docker-init: processes that services leave behind are not reaped";
            lacks.push(text.to_owned());
        }
        lacks
    }
}

/// Asks an account's engine who it is.
///
/// # Errors
/// The field that says wrongly where or how it is reached, with what would be right.
pub fn examine(opening: &AccountOpening) -> Result<Examination, FieldFault> {
    let docker = Docker::open(opening)?;
    let at = |field: &str, why: String| FieldFault { field: field.to_owned(), why };
    let answer = docker.engine.call("GET", "/version", Content::Nothing);
    let answer = answer.map_err(|error| FieldFault {
        field: field_of(&error).to_owned(),
        ..endpoint_fault(&error)
    })?;
    if answer.status != 200 {
        return Err(endpoint_fault(&answer.error()));
    }
    let version: Version = docker
        .engine
        .read("/version", &answer.body)
        .map_err(|_| at("endpoint", "what answers is no Docker Engine".to_owned()))?;
    check_version(&version).map_err(|why| at("endpoint", why))?;
    let info = docker.engine.get::<EngineInfo>("/info").map_err(|error| endpoint_fault(&error))?;
    let info = info.unwrap_or_default();
    let network = docker
        .engine
        .get::<super::container::NetworkShown>(&format!("/networks/{}", docker.network))
        .map_err(|error| endpoint_fault(&error))?;
    if network.is_none() {
        let text = format!("the engine has no network {}", docker.network);
        return Err(at("options.network", text));
    }
    let own = match &docker.agent_address {
        Some(address) => address.clone(),
        None => {
            let ip = docker.appliance_ip();
            let ip = ip.map_err(|error| at("options.agent-address", error.to_string()))?;
            format!("{ip}:{}", docker.appliance.agents_port)
        }
    };
    let rootless = info.security_options.iter().flatten().any(|option| option.contains("rootless"));
    let memory = format!("{} MiB", info.mem_total >> 20);
    let facts = vec![
        Fact {
            name: "engine",
            value: format!("Docker {} (API {})", version.version, version.api_version),
        },
        Fact { name: "machine", value: info.name.clone() },
        Fact { name: "system", value: format!("{} {}", version.os, version.arch) },
        Fact { name: "cpus", value: info.cpus.to_string() },
        Fact { name: "memory", value: memory },
        Fact { name: "storage", value: info.driver.clone() },
        Fact { name: "rights", value: rights(rootless).to_owned() },
        Fact { name: "network", value: docker.network.clone() },
        Fact { name: "agents reach", value: own },
    ];
    Ok(Examination { facts, lacks: info.lacks() })
}

fn rights(rootless: bool) -> &'static str {
    match rootless {
        true => "everything the engine's own user may",
        false => "everything, as root of that machine: the socket knows no less",
    }
}

fn check_version(version: &Version) -> Result<(), String> {
    let mut numbers = version.api_version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err("what answers is no Docker Engine".to_owned());
    };
    if (major, minor) < API_MIN {
        return Err(format!(
            "Docker {} speaks API {major}.{minor}, and {}.{} is needed: Docker 19.03 or later",
            version.version, API_MIN.0, API_MIN.1
        ));
    }
    if version.os != "linux" {
        return Err(format!("its containers are {}'s, and servers are Linux", version.os));
    }
    let ours = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if version.arch != ours {
        return Err(format!("it runs {}, and the agent is made for {ours}", version.arch));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_will_not_do_is_told_why() {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let check = |api: &str, os: &str, arch: &str, expected: &str| {
            let [api_version, os, arch] = [api, os, arch].map(str::to_owned);
            let version = Version { version: "x".to_owned(), api_version, os, arch };
            let told = check_version(&version).err().unwrap_or_default();
            assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told}");
        };
        check("1.41", "linux", arch, "");
        check("1.40", "linux", arch, "");
        check("1.39", "linux", arch, "19.03 or later");
        check("", "linux", arch, "no Docker Engine");
        check("1.41", "windows", arch, "servers are Linux");
        check("1.41", "linux", "s390x", "s390x");
    }

    #[test]
    fn what_an_engine_lacks_is_said_with_what_follows() {
        let text = r#"{"MemoryLimit":true,"CpuCfsQuota":false,"InitBinary":"docker-init",
            "InitCommit":{"ID":"N/A"}}"#;
        let info: EngineInfo = serde_json::from_str(text).unwrap();
        let lacks = info.lacks().join("; ");
        assert!(lacks.contains("CPU time") && lacks.contains("docker-init"), "{lacks}");
        assert!(!lacks.contains("memory is advisory"), "{lacks}");
    }
}
