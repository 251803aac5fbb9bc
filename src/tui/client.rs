//! The real source: the typed client of the appliance's API. Every call blocks up to its deadline.

use super::catalogue::{Catalogue, Noun};
use super::source::{Action, Source};
use crate::base::FarmId;
use crate::base::text::escape_bytes;
use crate::client::{Client, Heard};
use crate::wire::account::{ACCOUNT_RESUME, ACCOUNTS, AccountView};
use crate::wire::api::farms;
use crate::wire::api::logs::{LogAsked, StreamPiece};
use crate::wire::api::{
    EventView, ExplainView, FarmRoleView, FarmView, SeriesView, ServerView, StatusView,
};
use crate::wire::columns::clouds::CLOUDS;
use crate::wire::columns::roles::ROLES;
use crate::wire::columns::variables::VARIABLES;
use crate::wire::hold::{HOLD_PLACE, HOLD_RELEASE, HOLDS};
use crate::wire::input::{NoInput, RoleFilter, ServerFilter};
use crate::wire::rollout::{RolloutVerb, RolloutView};
use crate::wire::variable::environment;
use std::time::Duration;

/// Of each log of a server, so many of its last lines are shown.
const LOG_LINES: u64 = 200;
/// No more of them is read than anybody looks through on a screen.
const LOG_BYTES_MAX: usize = 256 * 1024;
/// So often nothing may come for so long before what is there is shown.
const LOG_LOOKS: u32 = 5;
const LOG_LOOK: Duration = Duration::from_secs(1);

/// An error as the one line a screen has room for.
fn line(error: impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The id of a server that is named `shop/web-3`; an id stays itself.
fn id_of(client: &Client, server: &str) -> Result<String, String> {
    let Some((_, hostname)) = server.split_once('/') else { return Ok(server.to_owned()) };
    let filter = ServerFilter { hostname: Some(hostname.to_owned()), ..ServerFilter::default() };
    let mut found = client.servers(&filter).map_err(line)?.into_iter();
    found
        .find(|view| view.grange.name == server)
        .map(|view| view.id)
        .ok_or_else(|| format!("There is no server {server:?}"))
}

/// What becomes of a rollout now.
fn said(rollout: &RolloutView, verb: RolloutVerb) -> String {
    let about = &rollout.about;
    match verb {
        RolloutVerb::Pause => format!("The rollout of {about} begins no further batch"),
        RolloutVerb::Resume => format!("The rollout of {about} goes on"),
        RolloutVerb::Abort => format!("The rollout of {about} ends; it goes back"),
        RolloutVerb::Rollback => format!("{about} is to be as it was before"),
    }
}

impl Source for Client {
    fn farms(&self) -> Result<Vec<FarmView>, String> {
        self.farms().map_err(line)
    }

    fn farm_roles(&self, farm: u64) -> Result<Vec<FarmRoleView>, String> {
        self.farm_roles(farm).map_err(line)
    }

    fn servers(&self, farm: Option<u64>) -> Result<Vec<ServerView>, String> {
        let farm = farm.map(FarmId);
        self.servers(&ServerFilter { farm, ..ServerFilter::default() }).map_err(line)
    }

    fn server(&self, id: &str) -> Result<ServerView, String> {
        self.server(&id_of(self, id)?).map_err(line)
    }

    fn series(
        &self,
        server: &str,
        names: &[&str],
        minutes: u32,
    ) -> Result<Vec<SeriesView>, String> {
        self.readings(&id_of(self, server)?, names, minutes).map_err(line)
    }

    fn events(&self, after: u64, at_most: usize, wait_ms: u64) -> Result<Vec<EventView>, String> {
        Ok(self.events(Some(after), at_most, wait_ms, None).map_err(line)?.events)
    }

    fn explain(&self, what: &str) -> Result<ExplainView, String> {
        self.explain(what).map_err(line)
    }

    fn log(&self, server: &str) -> Result<Vec<String>, String> {
        let asked = LogAsked { lines: Some(LOG_LINES), ..LogAsked::default() };
        let mut flow = Client::log(self, &id_of(self, server)?, &asked).map_err(line)?;
        let (mut bytes, mut looks) = (Vec::new(), 0);
        while bytes.len() < LOG_BYTES_MAX && looks < LOG_LOOKS {
            match flow.next(LOG_LOOK).map_err(line)? {
                Heard::Piece(piece) if piece.end.as_deref() == Some("whole") => break,
                Heard::Piece(StreamPiece { end: Some(_), why, .. }) => {
                    return Err(format!("its log broke off: {}", why.unwrap_or_default()));
                }
                Heard::Piece(piece) => bytes.extend(piece.into_bytes()),
                Heard::Nothing => looks += 1,
                Heard::End => break,
            }
        }
        Ok(escape_bytes(&bytes).lines().map(str::to_owned).collect())
    }

    fn rollout(&self, role: u64) -> Result<RolloutView, String> {
        self.rollout(role).map_err(line)
    }

    fn accounts(&self) -> Result<Vec<AccountView>, String> {
        self.rows(&ACCOUNTS, &[]).map_err(line)
    }

    fn catalogue(&self, noun: Noun) -> Result<Catalogue, String> {
        Ok(match noun {
            Noun::Roles => {
                let all = RoleFilter::default();
                let all = self.rows_kept(&farms::ROLES, &[], &all, &|_| true).map_err(line)?;
                Catalogue::of(&ROLES, &all)
            }
            Noun::Variables => {
                Catalogue::of(&VARIABLES, &self.rows(&environment::LIST, &[]).map_err(line)?)
            }
            Noun::Clouds => Catalogue::of(&CLOUDS, &self.rows(&ACCOUNTS, &[]).map_err(line)?),
        })
    }

    fn status(&self) -> Result<StatusView, String> {
        self.status().map_err(line)
    }

    fn act(&self, action: Action) -> Result<String, String> {
        Ok(match action {
            Action::LaunchFarm(farm) => {
                let farm = self.farm_launch(farm).map_err(line)?;
                format!("Farm {} is to run; its servers come up", farm.name)
            }
            Action::TerminateFarm(farm) => {
                let farm = self.farm_terminate(farm, false).map_err(line)?;
                format!("Farm {} is to go; its servers finish and stop", farm.name)
            }
            Action::StopFarm(farm) => {
                let farm = self.farm_suspend(farm).map_err(line)?;
                format!("Farm {} is to stop; its servers are kept", farm.name)
            }
            Action::StartFarm(farm) => {
                let farm = self.farm_resume(farm).map_err(line)?;
                format!("Farm {} is to start; its servers come back", farm.name)
            }
            Action::Rollout(role, verb) => said(&self.rollout_say(role, verb).map_err(line)?, verb),
            Action::ResumeAccount(name) => {
                let account = self.ask(&ACCOUNT_RESUME, &[&name], &NoInput {}).map_err(line)?;
                format!("{} may be asked again", account.name)
            }
            Action::TerminateServer(id) => {
                let server = self.server_terminate(&id, false).map_err(line)?;
                format!("Server {} is to go", server.grange.name)
            }
            Action::LockServer(id) => {
                let server = self.server_lock(&id, "").map_err(line)?;
                format!("Server {} is locked", server.grange.name)
            }
            Action::UnlockServer(id) => {
                let server = self.server_unlock(&id).map_err(line)?;
                format!("Server {} is unlocked", server.grange.name)
            }
            Action::RebootServer(id) => {
                let server = self.server_reboot(&id, false).map_err(line)?;
                format!("Server {} is to reboot", server.grange.name)
            }
            Action::Hold(input) => {
                let hold = self.ask(&HOLD_PLACE, &[], &input).map_err(line)?;
                format!("{} of {} is held: {}", hold.kind, hold.about, hold.reason)
            }
            Action::Release(what, kind) => {
                let holds = self.rows(&HOLDS, &[]).map_err(line)?.into_iter();
                let found = holds.into_iter().find(|h| h.about == what && h.kind == kind);
                let hold = found.ok_or_else(|| format!("{kind} of {what} is not held"))?;
                self.remove(&HOLD_RELEASE, &[&hold.id]).map_err(line)?;
                format!("{kind} of {what} runs by itself again")
            }
        })
    }
}
