//! The `command` platform: servers are made by programs of the user's, whatever they make them of.
//!
//! **The programs** are named in a file of the machine's ([`programs`]), which nobody but its owner
//! may write; what comes over the network can choose such a file and never say what runs. `launch`
//! has to be there, `list` and `terminate` should, the rest may. Each is told what it is about by
//! its environment and, with the user data of the agent, by JSON on its standard input, and what it
//! prints is read as JSON ([`path`]). It has a deadline and a bounded output ([`run`]).
//!
//! **Who is who.** The program's id of a server is written down here before anything else is said
//! ([`record`]); a listing that carries our id of each server, as a tag, finds also those whose
//! launch was never answered. A launch is written down before it begins, so that it is not made
//! twice for one server.
//!
//! **Without `list`** nobody ever learns what became of a call whose answer was lost, nor that a
//! server is gone: such a step stays unknown and counts until a person says that the server is
//! gone ([`Cloud::forget`]). What was launched is taken to run.
//!
//! Not here: data volumes, zones, a lease. Two appliances with one state would both call.

mod examine;
mod path;
mod programs;
mod record;
mod run;
#[cfg(test)]
mod tests;

pub use examine::examine;

use super::platform::{AccountOpening, FieldFault, OpeningAppliance, common_sizes};
use super::volume::VolumeSighting;
use super::{Applied, Cloud, CloudError, CloudStep, InstanceType, LaunchRequest};
use crate::base::limit::CLOUD_CALL_DEADLINE;
use crate::base::{Millis, ServerId};
use crate::model::{CloudState, Sighting};
use path::ListedServer;
use programs::{ProgramFile, ServerProgram};
use record::{KnownServer, LaunchBefore, Records};
use run::ProgramRequest;
use serde_json::{Value, json};

/// What accounts of it and roles call the platform.
pub const NAME: &str = "command";

/// An account: one file of programs. See the module's text.
pub struct CommandCloud {
    programs: ProgramFile,
    records: Records,
    appliance: OpeningAppliance,
}

impl CommandCloud {
    /// Reads the file of programs; runs none.
    ///
    /// # Errors
    /// What is wrong with the file, as the account's endpoint.
    pub fn open(opening: &AccountOpening) -> Result<CommandCloud, FieldFault> {
        let fault = |why: String| FieldFault { field: "endpoint".to_owned(), why };
        let directory = &opening.appliance.programs;
        let programs = ProgramFile::read(directory, &opening.endpoint).map_err(fault)?;
        let records = Records::at(opening.appliance.state.join(NAME).join(&opening.name));
        Ok(CommandCloud { programs, records, appliance: opening.appliance.clone() })
    }

    fn question<'a>(&'a self, verb: &'static str, server: Option<ServerId>) -> ProgramRequest<'a> {
        ProgramRequest::new(&self.programs, verb, &self.appliance.tag, server)
    }

    /// What the list program shows of ours; `None` where there is none.
    fn items(&self) -> Result<Option<Vec<ListedServer>>, CloudError> {
        let Some(list) = &self.programs.list else { return Ok(None) };
        let answer = self.question("list", None).ask(&list.program)?;
        let lost = |why: String| CloudError::Unknown(format!("what list printed: {why}"));
        let value: Value = serde_json::from_slice(&answer).map_err(|e| lost(e.to_string()))?;
        list.read(&value, &self.appliance.tag).map(Some).map_err(lost)
    }

    /// Every server there is: those that a listing shows by our id or by the program's, or, where
    /// there is no listing, those that were launched.
    fn sightings(&self) -> Result<Vec<Sighting>, CloudError> {
        let records = self.records.all()?;
        let Some(items) = self.items()? else {
            return Ok(records.iter().filter_map(|(id, known)| known.sighting(*id)).collect());
        };
        let by_id = |item: &ListedServer| {
            let known = records.iter().find(|(_, known)| known.is(&item.id));
            known.map(|(id, _)| *id)
        };
        let mut all = Vec::new();
        for item in items {
            if let Some(server) = item.server.or_else(|| by_id(&item)) {
                all.push(item.sighting(server));
            }
        }
        Ok(all)
    }

    fn find(&self, id: ServerId) -> Result<Option<Sighting>, CloudError> {
        let alive = |one: &Sighting| one.server == id && one.state != CloudState::Gone;
        Ok(self.sightings()?.into_iter().find(alive))
    }

    fn known(&self, id: ServerId) -> Result<Sighting, CloudError> {
        let missing = || CloudError::NotFound(format!("there is no server {id}"));
        self.find(id)?.ok_or_else(missing)
    }

    fn launch(&self, request: &LaunchRequest) -> Result<Applied, CloudError> {
        if !request.storage.is_empty() {
            let text = "the command platform keeps no data volumes: declare no storage";
            return Err(CloudError::Refused(text.to_owned()));
        }
        match self.records.begin(request.server)? {
            LaunchBefore::Fresh => {}
            LaunchBefore::Known(known) => {
                let shown = self.find(request.server)?;
                return Ok(Applied { sighting: shown.or_else(|| known.sighting(request.server)) });
            }
            LaunchBefore::Unanswered => {
                let lost = || {
                    let text = "an earlier launch of it was not answered";
                    CloudError::Unknown(text.to_owned())
                };
                return Ok(Applied {
                    sighting: Some(self.find(request.server)?.ok_or_else(lost)?),
                });
            }
        }
        let made = self.make(request);
        match made {
            Ok(known) => {
                self.records.write(request.server, &known)?;
                let mut sighting = known.sighting(request.server);
                if let (Some(seen), true) = (&mut sighting, self.programs.list.is_some()) {
                    // A listing tells when it runs.
                    seen.state = CloudState::Pending;
                }
                Ok(Applied { sighting })
            }
            Err(error) => {
                if !error.is_unknown() {
                    self.records.remove(request.server)?;
                }
                Err(error)
            }
        }
    }

    fn make(&self, request: &LaunchRequest) -> Result<KnownServer, CloudError> {
        let launch = &self.programs.launch;
        let user_data = request.user_data.reveal();
        let user_data = match user_data.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(user_data)
                .map_err(|error| CloudError::Refused(format!("the user data: {error}")))?,
        };
        if user_data["appliances"].as_array().is_some_and(Vec::is_empty) {
            let text = "its agent could not be told where the appliance is: say addresses under \
                        [agents] in the config file";
            return Err(CloudError::Refused(text.to_owned()));
        }
        let index = request.index.to_string();
        let question = self
            .question("launch", Some(request.server))
            .with("hostname", &request.hostname)
            .with("farm", &request.farm)
            .with("index", &index)
            .with("instanceType", &request.instance_type)
            .with("image", &request.image)
            .with("location", &request.location)
            .and("command", json!(request.command))
            .and("userData", user_data);
        let answer = question.ask(&launch.program)?;
        // It ended well, so there is one more server than before, whatever it printed.
        let lost = |why: String| CloudError::Unknown(format!("what launch printed: {why}"));
        let value: Value = serde_json::from_slice(&answer).map_err(|e| lost(e.to_string()))?;
        launch.read(&value).map_err(lost)
    }

    fn terminate(&self, id: ServerId) -> Result<Applied, CloudError> {
        let shown = self.find(id)?;
        let known = self.records.read(id)?;
        let cloud_id = match (&shown, &known) {
            (Some(shown), _) => shown.cloud_server_id.clone(),
            (None, None) => return Ok(Applied { sighting: None }),
            (None, Some(known)) if !known.is_answered() && !self.programs.finds_unanswered() => {
                let text = "whether it was launched nobody can say: look for it, end it, and say \
                            grange server terminate SERVER --gone";
                return Err(CloudError::Unknown(text.to_owned()));
            }
            // A complete listing does not show it.
            (None, Some(_)) => {
                self.records.remove(id)?;
                return Ok(Applied { sighting: None });
            }
        };
        let Some(program) = &self.programs.terminate else {
            let text = format!(
                "there is no terminate program: end {cloud_id} by hand, and say grange server \
                 terminate SERVER --gone"
            );
            return Err(CloudError::Refused(text));
        };
        self.question("terminate", Some(id)).with("cloudId", &cloud_id).ask(program)?;
        self.records.remove(id)?;
        Ok(Applied { sighting: None })
    }

    /// Has a program bring a server into a state, unless it is there already.
    fn turn(
        &self,
        (verb, program): (&'static str, Option<&ServerProgram>),
        id: ServerId,
        wanted: CloudState,
        from: &[CloudState],
    ) -> Result<Applied, CloudError> {
        let shown = self.known(id)?;
        let listed = self.programs.list.is_some();
        if !listed && verb != "reboot" {
            let text = format!("without a list program nobody can tell what came of {verb}");
            return Err(CloudError::Refused(text));
        }
        if listed && verb != "reboot" && shown.state == wanted {
            return Ok(Applied { sighting: Some(shown) });
        }
        if listed && !from.contains(&shown.state) {
            let text = format!("it is {}", format!("{:?}", shown.state).to_lowercase());
            return Err(CloudError::Refused(text));
        }
        let missing = || CloudError::Refused(format!("there is no {verb} program"));
        let program = program.ok_or_else(missing)?;
        self.question(verb, Some(id)).with("cloudId", &shown.cloud_server_id).ask(program)?;
        // How it is by then a listing tells.
        Ok(Applied { sighting: self.find(id)?.or(Some(shown)) })
    }
}

impl Cloud for CommandCloud {
    fn platform(&self) -> &'static str {
        NAME
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        common_sizes()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        self.sightings()
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        use CloudState::{Running, Stopped, Suspended};
        let all = &self.programs;
        match step {
            CloudStep::Launch(request) => self.launch(request),
            CloudStep::Terminate(id) => self.terminate(*id),
            CloudStep::Suspend(id) => {
                self.turn(("suspend", all.suspend.as_ref()), *id, Suspended, &[Running])
            }
            CloudStep::Resume(id) => {
                self.turn(("resume", all.resume.as_ref()), *id, Running, &[Suspended])
            }
            CloudStep::Reboot(id) => {
                self.turn(("reboot", all.reboot.as_ref()), *id, Running, &[Running])
            }
            CloudStep::Start(id) => {
                self.turn(("start", all.start.as_ref()), *id, Running, &[Stopped])
            }
            CloudStep::Stop(id) => {
                self.turn(("stop", all.stop.as_ref()), *id, Stopped, &[Running, Suspended])
            }
        }
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        Ok(Vec::new())
    }

    fn remove_volume(&self, _cloud_volume_id: &str) -> Result<(), CloudError> {
        Ok(())
    }

    fn forget(&self, server: ServerId) -> Result<(), CloudError> {
        if self.programs.list.is_some() {
            let text = "its list program says which servers are gone";
            return Err(CloudError::Refused(text.to_owned()));
        }
        self.records.remove(server)
    }

    /// Never, where nobody lists.
    fn settles_within(&self) -> Millis {
        match self.programs.list {
            Some(_) => CLOUD_CALL_DEADLINE,
            None => Millis::MAX,
        }
    }
}
