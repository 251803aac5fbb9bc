//! The `docker` platform: a server is a container of a Docker Engine.
//!
//! **What a server is there.** A container that carries our labels: whose appliance it is of, its
//! id, farm, farm role and index. Its name ends in its id, so that a launch that is asked for twice
//! makes one: the engine refuses the second of a name, and we take the first for ours when its
//! labels say so.
//!
//! **What is put into it** before it starts (`files`): the agent and its user data, with the
//! archive call that every engine has; so that an image needs nothing but a Linux userland. The
//! agent is the container's program, and what the role says runs under it. A server without an
//! agent runs what its image says, or the role's command.
//!
//! **States.** `created` is pending, `exited` and `dead` are stopped, `paused` is suspended;
//! the engine itself wakes one that is to stop.
//!
//! **Data volumes** are Docker's own with our labels, and stay when their container is removed. The
//! engine enforces no size of them, so it is kept as a label alone.
//!
//! **The lease** ([`super::lease`]) is a volume with nothing in it (`lease`).
//!
//! **Addresses.** A server's is its container's on the account's network. The engine gives it anew
//! at each start: mostly the same one, and listings say so where it is not. Agents reach the
//! appliance by the gateway of that network, where the engine is on this machine, and otherwise by
//! the address this machine has on its way to the engine; `agent-address` says another.
//!
//! **What is not here**: images are not fetched: an engine has them, or says which one is missing.
//! No zones. `outbound` changes nothing, since a container on a bridge reaches what the machine
//! reaches.

mod container;
mod engine;
mod examine;
mod files;
mod lease;
mod tls;
mod volume;

pub use examine::examine;

use super::lease::LeaseMarks;
use super::platform::{
    AccountOpening, FieldFault, OpeningAppliance, OptionField, OptionKind, common_sizes,
};
use super::volume::VolumeSighting;
use super::{Applied, Cloud, CloudError, CloudStep, InstanceType, LaunchRequest};
use crate::base::{Secret, ServerId};
use crate::model::{CloudState, Sighting};
use crate::wire::agent::UserData;
use container::{Container, ContainerNetwork, Labels};
use engine::{Content, DockerEngine, Endpoint, EngineAnswer};
use examine::EngineInfo;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// What accounts of it and roles call the platform.
pub const NAME: &str = "docker";

/// What may be said of an account beside where its engine listens.
pub const OPTIONS: [OptionField; 6] = [
    OptionField {
        name: "network",
        about: "The Docker network of its servers; bridge without it.",
        kind: OptionKind::Word,
    },
    OptionField {
        name: "agent-address",
        about: "Where its servers reach the appliance's agents' port, as 10.0.0.5:8883; found out \
                without it.",
        kind: OptionKind::Word,
    },
    OptionField {
        name: "ca",
        about: "The authority of the engine's certificate, PEM; with it TLS is spoken.",
        kind: OptionKind::Text,
    },
    OptionField {
        name: "pin",
        about: "The SHA-256 fingerprint of the engine's own certificate, instead of an authority.",
        kind: OptionKind::Word,
    },
    OptionField {
        name: "cert",
        about: "The certificate that the engine knows us by, PEM; needs key.",
        kind: OptionKind::Text,
    },
    OptionField { name: "key", about: "The private key of cert, PEM.", kind: OptionKind::Secret },
];

/// The network of an engine that says none.
const BRIDGE: &str = "bridge";
/// How often, and how far apart, a container is looked for whose name is taken already: two seconds
/// in all, and making one takes a tenth of one.
const MAKING_LOOKS: u32 = 20;
const MAKING_PAUSE: Duration = Duration::from_millis(100);
/// How long a container that is stopped may take before it is killed.
const STOP_S: u32 = 10;

/// An account: one engine. See the module's text.
pub struct Docker {
    engine: DockerEngine,
    network: String,
    agent_address: Option<String>,
    appliance: OpeningAppliance,
}

impl Docker {
    /// Reads what is said of an account; asks nobody.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn open(opening: &AccountOpening) -> Result<Docker, FieldFault> {
        let fault = |field: &str, why: String| FieldFault { field: field.to_owned(), why };
        let endpoint = Endpoint::parse(&opening.endpoint).map_err(|why| fault("endpoint", why))?;
        let said = |name: &str| opening.options.get(name).filter(|text| !text.is_empty()).cloned();
        let network = said("network").unwrap_or_else(|| BRIDGE.to_owned());
        if !is_word(&network) {
            let text = "a network's name has letters, digits, dots and dashes".to_owned();
            return Err(fault("options.network", text));
        }
        let agent_address = said("agent-address");
        if let Some(why) = agent_address.as_ref().and_then(|at| address_fault(at)) {
            return Err(fault("options.agent-address", why));
        }
        let appliance = opening.appliance.clone();
        let tls = tls::read(opening, &endpoint)?;
        Ok(Docker { engine: DockerEngine { endpoint, tls }, network, agent_address, appliance })
    }

    /// Every container of ours, or that of one server.
    fn containers(&self, server: Option<ServerId>) -> Result<Vec<Container>, CloudError> {
        let mut labels = vec![format!("{}={}", container::APPLIANCE, self.appliance.tag)];
        labels.extend(server.map(|id| format!("{}={id}", container::SERVER)));
        let path = format!("/containers/json?all=1&filters={}", filter(&labels));
        let found = self.engine.get::<Vec<Container>>(&path)?;
        found.ok_or_else(|| CloudError::Unknown("the engine lists no containers".to_owned()))
    }

    fn find(&self, id: ServerId) -> Result<Option<Container>, CloudError> {
        let found = self.containers(Some(id))?;
        Ok(found.into_iter().find(|one| one.server() == Some(id)))
    }

    fn known(&self, id: ServerId) -> Result<Container, CloudError> {
        let missing = || CloudError::NotFound(format!("there is no container of server {id}"));
        self.find(id)?.ok_or_else(missing)
    }

    fn post(
        &self,
        path: &str,
        content: Content,
        right: &[u16],
    ) -> Result<EngineAnswer, CloudError> {
        let answer = self.engine.call("POST", path, content)?;
        if right.contains(&answer.status) { Ok(answer) } else { Err(answer.error()) }
    }

    fn launch(&self, request: &LaunchRequest) -> Result<(), CloudError> {
        let size = common_sizes().into_iter().find(|size| size.name == request.instance_type);
        let unsold = || CloudError::Refused(format!("there is no size {}", request.instance_type));
        let size = size.ok_or_else(unsold)?;
        let has_agent = !request.user_data.reveal().is_empty();
        if has_agent && !request.command.is_empty() {
            let text = "an image's command does not run beside an agent: make it a service of the \
                        role, or say useScalrAgent: false";
            return Err(CloudError::Refused(text.to_owned()));
        }
        let there = self.find(request.server)?;
        if let Some(there) = there.iter().find(|one| one.state() != CloudState::Pending) {
            return self.run(there);
        }
        let info: EngineInfo = self.engine.get("/info")?.unwrap_or_default();
        let user_data = has_agent.then(|| self.user_data(&request.user_data)).transpose()?;
        let container = match there {
            // An earlier try ended before it was filled and started.
            Some(there) => there,
            None => {
                self.require_image(&request.image)?;
                self.claim_volumes(request)?;
                self.create(request, &size, &info)?
            }
        };
        let begun = self.fill(&container, user_data.as_ref(), &size, &info);
        let begun = begun.and_then(|()| self.run(&container));
        let Err(error) = begun else { return Ok(()) };
        // Nothing of it may stay, or it would be listed as a server that could be started.
        match self.remove(&container) {
            Ok(()) => Err(match error {
                CloudError::Unknown(words) => CloudError::Refused(words),
                other => other,
            }),
            Err(left) => Err(CloudError::Unknown(format!("{error}; removing it: {left}"))),
        }
    }

    fn require_image(&self, image: &str) -> Result<(), CloudError> {
        if !image.split(['/', ':', '@']).all(|part| part.is_empty() || is_word(part)) {
            return Err(CloudError::Refused(format!("{image:?} is no name of an image")));
        }
        match self.engine.get::<Value>(&format!("/images/{image}/json"))? {
            Some(_) => Ok(()),
            None => Err(CloudError::Refused(format!(
                "the engine has no image {image}: run docker pull {image} there, or without a \
                 registry docker load -i FILE"
            ))),
        }
    }

    /// Makes the container, or finds the one that an earlier try at the same launch made.
    fn create(
        &self,
        request: &LaunchRequest,
        size: &InstanceType,
        info: &EngineInfo,
    ) -> Result<Container, CloudError> {
        let name = container::name(request);
        let labels = Labels { tag: &self.appliance.tag, request };
        let network = ContainerNetwork(&self.network);
        let body = container::body(labels, size, network, info);
        let path = format!("/containers/create?name={name}");
        let answer = self.engine.call("POST", &path, Content::Json(&body))?;
        match answer.status {
            201 => self.known(request.server),
            409 => self.made_by_another(request.server, &answer),
            // What it needs is not there: an image that was just removed, a network.
            404 => Err(CloudError::Refused(answer.words())),
            _ => Err(answer.error()),
        }
    }

    /// The container of a launch whose name is taken: by another try at the same launch, which the
    /// engine may be about yet. The name has the server's id in it, so it is nobody else's.
    fn made_by_another(
        &self,
        id: ServerId,
        answer: &EngineAnswer,
    ) -> Result<Container, CloudError> {
        for _ in 0..MAKING_LOOKS {
            if let Some(container) = self.find(id)? {
                return Ok(container);
            }
            std::thread::sleep(MAKING_PAUSE);
        }
        Err(CloudError::Unknown(answer.words()))
    }

    fn fill(
        &self,
        container: &Container,
        user_data: Option<&Secret>,
        size: &InstanceType,
        info: &EngineInfo,
    ) -> Result<(), CloudError> {
        let Some(user_data) = user_data else { return Ok(()) };
        let agent = &self.appliance.agent_executable;
        let mut archive = files::archive(agent, user_data, size, info.cgroup())?;
        let path = format!("/containers/{}/archive?path=/", container.id);
        let content = Content::Archive(archive.length, &mut *archive.bytes);
        let answer = self.engine.call("PUT", &path, content)?;
        if answer.status == 200 { Ok(()) } else { Err(answer.error()) }
    }

    /// The user data with where this account's servers find the appliance before everything else.
    fn user_data(&self, user_data: &Secret) -> Result<Secret, CloudError> {
        let Ok(mut data) = serde_json::from_str::<UserData>(user_data.reveal()) else {
            return Ok(Secret::new(user_data.reveal()));
        };
        let own = match &self.agent_address {
            Some(address) => address.clone(),
            None => format!("{}:{}", self.appliance_ip()?, self.appliance.agents_port),
        };
        data.appliances.retain(|address| *address != own);
        data.appliances.insert(0, own);
        let text = serde_json::to_string(&data);
        text.map(Secret::new).map_err(|error| CloudError::Refused(error.to_string()))
    }

    /// Where this machine is for a container of the engine.
    fn appliance_ip(&self) -> Result<IpAddr, CloudError> {
        if let Some(address) = self.engine.local_ip()? {
            return Ok(address);
        }
        let name = &self.network;
        let network = self.engine.get::<container::NetworkShown>(&format!("/networks/{name}"))?;
        let missing = || CloudError::Refused(format!("the engine has no network {name}"));
        network.ok_or_else(missing)?.gateway().ok_or_else(|| {
            CloudError::Refused(format!(
                "network {name} says no gateway: say agent-address, where its servers reach the \
                 appliance"
            ))
        })
    }

    /// Lets a container run that is there: started, or woken.
    fn run(&self, container: &Container) -> Result<(), CloudError> {
        let verb = match container.state() {
            CloudState::Running => return Ok(()),
            CloudState::Suspended => "unpause",
            _ => "start",
        };
        let path = format!("/containers/{}/{verb}", container.id);
        self.post(&path, Content::Nothing, &[204, 304]).map(drop)
    }

    fn suspend(&self, id: ServerId) -> Result<(), CloudError> {
        let container = self.known(id)?;
        match container.state() {
            CloudState::Suspended => Ok(()),
            CloudState::Running => {
                let path = format!("/containers/{}/pause", container.id);
                self.post(&path, Content::Nothing, &[204]).map(drop)
            }
            _ => Err(CloudError::Refused(format!("{id} is not running"))),
        }
    }

    fn resume(&self, id: ServerId) -> Result<(), CloudError> {
        let container = self.known(id)?;
        match container.state() {
            CloudState::Suspended | CloudState::Running => self.run(&container),
            _ => Err(CloudError::Refused(format!("{id} is not asleep"))),
        }
    }

    fn stop(&self, id: ServerId) -> Result<(), CloudError> {
        let container = self.known(id)?;
        let path = format!("/containers/{}/stop?t={STOP_S}", container.id);
        self.post(&path, Content::Nothing, &[204, 304]).map(drop)
    }

    fn reboot(&self, id: ServerId) -> Result<(), CloudError> {
        let container = self.known(id)?;
        let path = format!("/containers/{}/restart?t={STOP_S}", container.id);
        self.post(&path, Content::Nothing, &[204]).map(drop)
    }

    fn terminate(&self, id: ServerId) -> Result<(), CloudError> {
        match self.find(id)? {
            Some(container) => self.remove(&container),
            None => Ok(()),
        }
    }

    /// Removes a container with the volumes that nobody named; those of ours are named.
    fn remove(&self, container: &Container) -> Result<(), CloudError> {
        let path = format!("/containers/{}?force=1&v=1", container.id);
        let answer = self.engine.call("DELETE", &path, Content::Nothing)?;
        match answer.status {
            204 | 404 => Ok(()),
            // Somebody is removing it already, and listings tell when that is over.
            409 => Err(CloudError::Unknown(answer.words())),
            _ => Err(answer.error()),
        }
    }
}

impl Cloud for Docker {
    fn platform(&self) -> &'static str {
        NAME
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        common_sizes()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        Ok(self.containers(None)?.iter().filter_map(Container::sighting).collect())
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        match step {
            CloudStep::Launch(request) => self.launch(request),
            CloudStep::Terminate(id) => self.terminate(*id),
            CloudStep::Suspend(id) => self.suspend(*id),
            CloudStep::Resume(id) => self.resume(*id),
            CloudStep::Reboot(id) => self.reboot(*id),
            CloudStep::Start(id) => self.known(*id).and_then(|container| self.run(&container)),
            CloudStep::Stop(id) => self.stop(*id),
        }?;
        if matches!(step, CloudStep::Terminate(_)) {
            return Ok(Applied { sighting: None });
        }
        // It is done: what cannot be read of it now, the next listing tells.
        let seen = self.find(step.server()).map_err(|error| match error {
            CloudError::Unknown(words) => CloudError::Unknown(words),
            other => CloudError::Unknown(other.to_string()),
        })?;
        Ok(Applied { sighting: seen.and_then(|container| container.sighting()) })
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        self.list_volumes()
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.destroy_volume(cloud_volume_id)
    }

    fn lease(&self) -> Option<&dyn LeaseMarks> {
        Some(self)
    }
}

/// A filter by labels, as a query has it.
fn filter(labels: &[String]) -> String {
    let text = json!({"label": labels}).to_string();
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    escaped.collect()
}

/// What engines take for a name, so that nothing in it is taken for more of a path.
fn is_word(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    first && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What is wrong with an address for agents.
fn address_fault(text: &str) -> Option<String> {
    let is_right = |(host, port): (&str, &str)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let right = text.rsplit_once(':').is_some_and(is_right);
    (!right).then(|| "write an address with its port, as 10.0.0.5:8883".to_owned())
}
