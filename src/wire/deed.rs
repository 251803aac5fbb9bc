//! What a person is asked before it is done: one table for every door.
//!
//! The rule: whatever stops a server that runs, or cuts off whoever uses one, is asked about first,
//! the more servers the harder. What stops nothing is not asked about, except where one key does
//! it, which is pressed by mistake more easily than a command is typed. What destroys data is asked
//! about as well. Without a terminal there
//! is nobody to ask, and a command has to be told `--yes`.
//!
//! Applying a manifest or a proposal is asked about by what it would stop (`cli::manifest`).

use crate::wire::rollout::RolloutVerb;

/// Something a person may do to what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A farm is to have no servers.
    TerminateFarm,
    /// A farm is to be gone, with what it declares.
    RemoveFarm,
    /// A farm's servers are shut down and kept.
    StopFarm,
    /// A server is to go.
    TerminateServer,
    /// A server is put to sleep.
    SuspendServer,
    /// A server restarts its system.
    RebootServer,
    /// Something is said of a rollout.
    Rollout(RolloutVerb),
    /// A cloud account that is left alone is asked again.
    ResumeAccount,
    /// A cloud account is to be managed from here, and not from where it is now.
    TakeAccount,
    /// A token is not to be let in any more.
    RevokeToken,
    /// A data volume is to be gone with everything on it.
    DeleteVolume,
    /// A role is to be gone with its revisions.
    DeleteRole,
    /// An image is to be gone with its files.
    DeleteImage,
}

/// How somebody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Where one key does it; a typed command is its own yes.
    Key,
    /// For a yes.
    Yes,
    /// For the name of what would stop, where it is typed; a command line asks for a yes.
    Name,
}

impl Deed {
    /// Every one there is.
    pub const ALL: [Deed; 16] = [
        Deed::TerminateFarm,
        Deed::RemoveFarm,
        Deed::StopFarm,
        Deed::TerminateServer,
        Deed::SuspendServer,
        Deed::RebootServer,
        Deed::Rollout(RolloutVerb::Pause),
        Deed::Rollout(RolloutVerb::Resume),
        Deed::Rollout(RolloutVerb::Abort),
        Deed::Rollout(RolloutVerb::Rollback),
        Deed::ResumeAccount,
        Deed::TakeAccount,
        Deed::RevokeToken,
        Deed::DeleteVolume,
        Deed::DeleteRole,
        Deed::DeleteImage,
    ];

    /// How it is asked about.
    pub fn asking(self) -> Asking {
        match self {
            Deed::TerminateFarm | Deed::RemoveFarm | Deed::StopFarm => Asking::Name,
            Deed::DeleteVolume => Asking::Name,
            Deed::TerminateServer | Deed::SuspendServer | Deed::RebootServer => Asking::Yes,
            Deed::RevokeToken | Deed::DeleteRole | Deed::DeleteImage => Asking::Yes,
            Deed::TakeAccount => Asking::Yes,
            // A rollout that goes on, or back, stops servers.
            Deed::Rollout(RolloutVerb::Resume | RolloutVerb::Abort | RolloutVerb::Rollback) => {
                Asking::Yes
            }
            Deed::Rollout(RolloutVerb::Pause) | Deed::ResumeAccount => Asking::Key,
        }
    }

    /// The question. `servers` is how many run or are on their way, where it is about a farm.
    pub fn question(self, name: &str, servers: u32) -> String {
        let servers = match servers {
            1 => "its 1 server".to_owned(),
            count => format!("its {count} servers"),
        };
        match self {
            Deed::TerminateFarm => format!("Terminate farm {name} and {servers}?"),
            Deed::RemoveFarm => {
                format!("Remove farm {name}, and terminate {servers}? Its data volumes stay.")
            }
            Deed::StopFarm => {
                format!("Stop farm {name}: shut {servers} down in order and keep them?")
            }
            Deed::TerminateServer => {
                format!("Terminate server {name}? The farm may launch another in its place.")
            }
            Deed::SuspendServer => {
                format!("Put server {name} to sleep? Whoever uses it is cut off until it is woken.")
            }
            Deed::RebootServer => {
                format!("Reboot server {name}? Whoever uses it is cut off until it is back.")
            }
            Deed::Rollout(RolloutVerb::Pause) => {
                format!("Pause the rollout of {name}? No further batch begins.")
            }
            Deed::Rollout(RolloutVerb::Resume) => format!(
                "Go on with the rollout of {name}, also past its checkpoint or its failure?"
            ),
            Deed::Rollout(RolloutVerb::Abort) => {
                format!("End the rollout of {name}, and go back to the revision it came from?")
            }
            Deed::Rollout(RolloutVerb::Rollback) => format!(
                "Declare {name} once more? Its servers are rolled over to it; the manifest, \
                 applied again, has the last word."
            ),
            Deed::RevokeToken => {
                format!("Revoke token {name}? Whatever acts with it is refused from then on.")
            }
            Deed::DeleteVolume => {
                format!("Delete volume {name} with everything on it? Nothing brings it back.")
            }
            Deed::DeleteRole => {
                format!("Delete role {name} with its revisions? Nothing uses it, or it stays.")
            }
            Deed::DeleteImage => {
                format!("Delete image {name} with its files? Nothing uses it, or it stays.")
            }
            Deed::TakeAccount => format!(
                "Manage cloud account {name} from here? Another appliance that does goes quiet."
            ),
            Deed::ResumeAccount => {
                format!("Ask the cloud account {name} again at once, and forget its failures?")
            }
        }
    }
}
