//! A container as the engine shows it, and as it is asked to make one.

use super::examine::EngineInfo;
use super::files::{AGENT, CONFIG};
use super::volume;
use crate::base::ServerId;
use crate::clouds::{InstanceType, LaunchRequest};
use crate::model::{CloudState, Sighting};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The label of the appliance that something is of.
pub const APPLIANCE: &str = "grange.appliance";
/// The label with the server's id.
pub const SERVER: &str = "grange.server";
/// Processes of a container at most: more than any server has, and too few to harm the machine.
const PROCESSES_MAX: u32 = 4096;

/// A container, as listings show it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Container {
    /// The engine's own id.
    pub id: String,
    state: String,
    labels: BTreeMap<String, String>,
    network_settings: Networks,
    mounts: Vec<Mount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Networks {
    networks: Option<BTreeMap<String, Attached>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attached {
    #[serde(rename = "IPAddress")]
    address: String,
}

/// What is mounted in a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mount {
    name: String,
}

impl Container {
    /// The server it is.
    pub fn server(&self) -> Option<ServerId> {
        self.labels.get(SERVER)?.parse().ok()
    }

    /// Its state as decisions need it.
    pub fn state(&self) -> CloudState {
        match self.state.as_str() {
            "running" => CloudState::Running,
            "paused" => CloudState::Suspended,
            "created" | "restarting" => CloudState::Pending,
            "removing" => CloudState::Terminating,
            _ => CloudState::Stopped,
        }
    }

    /// Whether it has a volume, by the engine's name for that.
    pub fn mounts(&self, volume: &str) -> bool {
        self.mounts.iter().any(|mount| mount.name == volume)
    }

    /// The same for everybody else; `None` of one whose label is no server's.
    pub fn sighting(&self) -> Option<Sighting> {
        let networks = self.network_settings.networks.iter().flatten();
        let addresses = networks.map(|(_, attached)| attached.address.clone());
        Some(Sighting {
            server: self.server()?,
            cloud_server_id: self.id.chars().take(12).collect(),
            state: self.state(),
            private_ips: addresses.filter(|address| !address.is_empty()).collect(),
            public_ips: Vec::new(),
        })
    }
}

/// A network as the engine shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NetworkShown {
    #[serde(rename = "IPAM")]
    ranges: Ranges,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Ranges {
    config: Option<Vec<Range>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Range {
    subnet: String,
    gateway: String,
}

impl NetworkShown {
    /// The machine's own address on it: what it says, else the first of its range, which is what
    /// the engine takes for it when nobody says.
    pub fn gateway(&self) -> Option<IpAddr> {
        let ranges = self.ranges.config.iter().flatten();
        ranges.filter_map(Range::gateway).find(IpAddr::is_ipv4)
    }
}

impl Range {
    fn gateway(&self) -> Option<IpAddr> {
        if let Ok(address) = self.gateway.split('/').next()?.parse() {
            return Some(address);
        }
        let network: Ipv4Addr = self.subnet.split('/').next()?.parse().ok()?;
        let first = u32::from(network).checked_add(1)?;
        Some(IpAddr::from(Ipv4Addr::from(first)))
    }
}

/// What a container carries.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    /// Of which appliance it is.
    pub tag: &'a str,
    /// What it is launched as.
    pub request: &'a LaunchRequest,
}

/// The network of a container.
#[derive(Clone, Copy)]
pub struct ContainerNetwork<'a>(pub &'a str);

/// `grange-shop-web-3-<id>`: for people to read, and the same whenever the same launch is asked
/// for, so that the engine refuses a second one.
pub fn name(request: &LaunchRequest) -> String {
    format!("grange-{}-{}-{}", request.farm, request.hostname, request.server)
}

/// What the engine is asked to make.
pub fn body(
    labels: Labels,
    size: &InstanceType,
    network: ContainerNetwork,
    info: &EngineInfo,
) -> Value {
    let Labels { tag, request } = labels;
    let mounts = request.storage.iter().map(|volume| {
        let source = volume::name(tag, &volume.cloud_volume_id);
        json!({"Type": "volume", "Source": source, "Target": volume.mark.mount_point})
    });
    let mut host = json!({
        "Mounts": mounts.collect::<Vec<Value>>(),
        "NetworkMode": network.0,
        "RestartPolicy": {"Name": "no"},
    });
    if info.bounds_memory() {
        host["Memory"] = json!(size.memory_bytes);
    }
    if info.bounds_cpu() {
        host["NanoCpus"] = json!(u64::from(size.cpu_millis) * 1_000_000);
    }
    if info.bounds_processes() {
        host["PidsLimit"] = json!(PROCESSES_MAX);
    }
    let mut body = json!({
        "Image": request.image,
        "Hostname": request.hostname,
        "Labels": {
            APPLIANCE: tag,
            SERVER: request.server.to_string(),
            "grange.farm": request.farm,
            "grange.farm-role": request.farm_role.to_string(),
            "grange.index": request.index.to_string(),
        },
        "HostConfig": host,
    });
    if request.user_data.reveal().is_empty() {
        if !request.command.is_empty() {
            body["Cmd"] = json!(request.command);
        }
        return body;
    }
    body["Entrypoint"] = json!([AGENT, "agent", "--config", CONFIG]);
    body["Cmd"] = json!([]);
    body["User"] = json!("0");
    body["WorkingDir"] = json!("/");
    body["Env"] = json!([
        format!("GRANGE_SERVER={}", request.server),
        format!("GRANGE_HOSTNAME={}", request.hostname),
        "GRANGE_HOME=/",
    ]);
    // The agent is no pid 1: what its services leave behind has to be reaped.
    if info.has_init() {
        body["HostConfig"]["Init"] = json!(true);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_calls_a_state_is_what_decisions_need() {
        let check = |state: &str, expected: CloudState| {
            let container = Container { state: state.to_owned(), ..Container::default() };
            assert_eq!(container.state(), expected, "{state}");
        };
        check("created", CloudState::Pending);
        check("running", CloudState::Running);
        check("paused", CloudState::Suspended);
        check("restarting", CloudState::Pending);
        check("removing", CloudState::Terminating);
        check("exited", CloudState::Stopped);
        check("dead", CloudState::Stopped);
    }

    #[test]
    fn a_listing_gives_what_is_ours_with_its_address() {
        let text = r#"{"Id":"0123456789abcdef","State":"running","Labels":{"grange.server":
            "00000000-0000-4000-8000-000000000001"},"NetworkSettings":{"Networks":{"bridge":
            {"IPAddress":"172.17.0.2"}}},"Mounts":[{"Type":"volume","Name":"v"}]}"#;
        let container: Container = serde_json::from_str(text).unwrap();
        let seen = container.sighting().unwrap();
        assert_eq!(
            (seen.cloud_server_id.as_str(), seen.state),
            ("0123456789ab", CloudState::Running)
        );
        assert_eq!(seen.private_ips, ["172.17.0.2"]);
        assert!(container.mounts("v") && !container.mounts("w"));
        assert!(Container::default().sighting().is_none(), "what has no label of ours");
    }

    #[test]
    fn a_network_says_where_the_machine_is_on_it() {
        let check = |text: &str, expected: Option<&str>| {
            let network: NetworkShown = serde_json::from_str(text).unwrap();
            assert_eq!(network.gateway(), expected.map(|ip| ip.parse().unwrap()), "{text}");
        };
        let said = r#"{"IPAM":{"Config":[{"Subnet":"172.31.250.0/24","Gateway":"172.31.250.1"}]}}"#;
        check(said, Some("172.31.250.1"));
        check(r#"{"IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]}}"#, Some("172.17.0.1"));
        check(r#"{"IPAM":{"Config":null}}"#, None);
    }
}
