//! Farms, farm roles and the manifest.

use crate::client::{Client, Error, Query, read};
use crate::wire::api::ScalingView;
use crate::wire::api::{
    FarmManifestView, FarmRoleView, FarmView, ManifestRequest, ManifestResult, One, PlanView,
    ProposalRequest, ProposalText, ProposalView,
};
use crate::wire::input::{FarmInput, NoInput, RoleView, ScalingInput, TerminateInput};
use crate::wire::simulation::{SimulationRequest, SimulationView};

impl Client {
    /// Every farm, by name.
    pub fn farms(&self) -> Result<Vec<FarmView>, Error> {
        self.all("farms/", &Query::default())
    }

    /// The farm of a name, if there is one. Whatever the API answers, no other one is it.
    pub fn farm_named(&self, name: &str) -> Result<Option<FarmView>, Error> {
        let query = Query::default().with("name", name);
        let found = self.list::<FarmView>(&format!("farms/{query}"))?.data;
        Ok(found.into_iter().find(|farm| farm.name == name))
    }

    /// One farm.
    pub fn farm(&self, id: u64) -> Result<FarmView, Error> {
        self.get(&format!("farms/{id}/"))
    }

    /// Declares an empty farm.
    pub fn farm_create(&self, input: &FarmInput) -> Result<FarmView, Error> {
        self.act("farms/", input)
    }

    /// Changes a farm's own fields; with a revision only if it is still the one that was read.
    pub fn farm_update(
        &self,
        id: u64,
        input: &FarmInput,
        revision: Option<u64>,
    ) -> Result<FarmView, Error> {
        let answer = self.change("PATCH", &format!("farms/{id}/"), input, revision)?;
        read::<One<FarmView>>(&answer).map(|one| one.data)
    }

    /// Removes a farm; its servers go first.
    pub fn farm_remove(&self, id: u64, revision: Option<u64>) -> Result<(), Error> {
        self.change("DELETE", &format!("farms/{id}/"), &NoInput {}, revision).map(|_| ())
    }

    /// Wants every farm role to have its servers.
    pub fn farm_launch(&self, id: u64) -> Result<FarmView, Error> {
        self.act(&format!("farms/{id}/actions/launch/"), &NoInput {})
    }

    /// Wants every server shut down and kept, in reverse launch order.
    pub fn farm_suspend(&self, id: u64) -> Result<FarmView, Error> {
        self.act(&format!("farms/{id}/actions/suspend/"), &NoInput {})
    }

    /// Wants a farm that was stopped up again, in launch order.
    pub fn farm_resume(&self, id: u64) -> Result<FarmView, Error> {
        self.act(&format!("farms/{id}/actions/resume/"), &NoInput {})
    }

    /// Wants no server left; with `force` without leaving them time to finish.
    pub fn farm_terminate(&self, id: u64, force: bool) -> Result<FarmView, Error> {
        self.act(&format!("farms/{id}/actions/terminate/"), &TerminateInput { force })
    }

    /// Farm roles of a farm, by launch index and alias.
    pub fn farm_roles(&self, farm: u64) -> Result<Vec<FarmRoleView>, Error> {
        self.all(&format!("farms/{farm}/farm-roles/"), &Query::default())
    }

    /// One farm role.
    pub fn farm_role(&self, id: u64) -> Result<FarmRoleView, Error> {
        self.get(&format!("farm-roles/{id}/"))
    }

    /// Changes a farm role's range.
    pub fn scaling_update(
        &self,
        farm_role: u64,
        input: &ScalingInput,
        revision: Option<u64>,
    ) -> Result<ScalingView, Error> {
        let path = format!("farm-roles/{farm_role}/scaling/");
        let answer = self.change("PATCH", &path, input, revision)?;
        read::<One<ScalingView>>(&answer).map(|one| one.data)
    }

    /// Roles that farm roles can use, by name.
    pub fn roles(&self) -> Result<Vec<RoleView>, Error> {
        self.all("roles/", &Query::default())
    }

    /// A farm as a manifest, which changes nothing when it is applied.
    pub fn farm_manifest(&self, id: u64) -> Result<FarmManifestView, Error> {
        self.get(&format!("grange/farms/{id}/manifest/"))
    }

    /// Declares what a manifest says, or with `dry_run` says what that would change.
    pub fn apply(&self, input: &ManifestRequest) -> Result<ManifestResult, Error> {
        self.act("grange/manifests/", input)
    }

    /// Plays a farm's past again under the scaling rules of a manifest.
    pub fn simulate(&self, input: &SimulationRequest) -> Result<SimulationView, Error> {
        self.act("grange/simulations/", input)
    }

    /// Makes a signed proposal of what a manifest would change.
    pub fn propose(&self, input: &ProposalRequest) -> Result<ProposalView, Error> {
        self.act("grange/proposals/", input)
    }

    /// What a signed proposal says, and whether it could still be applied.
    pub fn proposal_check(&self, input: &ProposalText) -> Result<ProposalView, Error> {
        self.act("grange/proposals/check/", input)
    }

    /// Applies a signed proposal: exactly what it says, or nothing.
    pub fn proposal_apply(&self, input: &ProposalText) -> Result<ManifestResult, Error> {
        self.act("grange/proposals/apply/", input)
    }

    /// A farm's current plan.
    pub fn plan_of_farm(&self, farm: u64) -> Result<PlanView, Error> {
        self.get(&format!("grange/farms/{farm}/plan/"))
    }

    /// A plan by number.
    pub fn plan(&self, id: u64) -> Result<PlanView, Error> {
        self.get(&format!("grange/plans/{id}/"))
    }
}
