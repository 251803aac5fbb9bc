//! What a listing says of one server: its state, as its pid 1 and its control group have it.

use super::Onboard;
use super::process::Process;
use super::record::ServerDirectory;
use crate::model::{CloudState, Sighting};

impl Onboard {
    pub(super) fn state(&self, directory: &ServerDirectory) -> CloudState {
        let Some(init) = directory.init().filter(Process::is_alive) else {
            let pending = directory.is_locked();
            return if pending { CloudState::Pending } else { CloudState::Stopped };
        };
        let asleep = init.is_stopped() || self.cgroups.is_frozen(directory.id);
        if asleep { CloudState::Suspended } else { CloudState::Running }
    }

    pub(super) fn sight(&self, directory: &ServerDirectory) -> Sighting {
        let address = directory.record().ok().map(|record| record.address.to_string());
        Sighting {
            server: directory.id,
            cloud_server_id: directory.id.to_string(),
            state: self.state(directory),
            private_ips: address.into_iter().collect(),
            public_ips: Vec::new(),
        }
    }
}
