//! Farms, farm roles and the manifest.

use crate::client::{Client, Error};
use crate::wire::api::farms::{
    FARM, FARM_CREATE, FARM_LAUNCH, FARM_MANIFEST, FARM_REMOVE, FARM_RESUME, FARM_ROLE, FARM_ROLES,
    FARM_SUSPEND, FARM_TERMINATE, FARM_UPDATE, FARMS, MANIFEST_APPLY, ROLES, SCALING_UPDATE,
};
use crate::wire::api::plans::{PLAN, PLAN_OF_FARM, PROPOSAL_APPLY, PROPOSAL_CHECK, PROPOSAL_MAKE};
use crate::wire::api::readings::SIMULATE;
use crate::wire::api::{
    FarmManifestView, FarmRoleView, FarmView, ManifestRequest, ManifestResult, PlanView,
    ProposalRequest, ProposalText, ProposalView, ScalingView,
};
use crate::wire::input::{
    FarmFilter, FarmInput, FarmRoleFilter, NoInput, RoleFilter, RoleView, ScalingInput,
    TerminateInput,
};
use crate::wire::simulation::{SimulationRequest, SimulationView};

impl Client {
    /// Every farm, by name.
    pub fn farms(&self) -> Result<Vec<FarmView>, Error> {
        self.rows_where(&FARMS, &[], &FarmFilter::default())
    }

    /// The farm of a name, if there is one. Whatever the API answers, no other one is it.
    pub fn farm_named(&self, name: &str) -> Result<Option<FarmView>, Error> {
        let filter = FarmFilter { name: Some(name.to_owned()), ..FarmFilter::default() };
        let (found, _) = self.show_where(&FARMS, &[], &filter)?;
        Ok(found.into_iter().find(|farm| farm.name == name))
    }

    /// One farm.
    pub fn farm(&self, id: u64) -> Result<FarmView, Error> {
        self.show(&FARM, &[&id])
    }

    /// Declares an empty farm.
    pub fn farm_create(&self, input: &FarmInput) -> Result<FarmView, Error> {
        self.ask(&FARM_CREATE, &[], input)
    }

    /// Changes a farm's own fields; with a revision only if it is still the one that was read.
    pub fn farm_update(
        &self,
        id: u64,
        input: &FarmInput,
        revision: Option<u64>,
    ) -> Result<FarmView, Error> {
        self.ask_if(&FARM_UPDATE, &[&id], input, revision)
    }

    /// Removes a farm; its servers go first.
    pub fn farm_remove(&self, id: u64, revision: Option<u64>) -> Result<(), Error> {
        self.remove_if(&FARM_REMOVE, &[&id], revision)
    }

    /// Wants every farm role to have its servers.
    pub fn farm_launch(&self, id: u64) -> Result<FarmView, Error> {
        self.ask(&FARM_LAUNCH, &[&id], &NoInput {})
    }

    /// Wants every server shut down and kept, in reverse launch order.
    pub fn farm_suspend(&self, id: u64) -> Result<FarmView, Error> {
        self.ask(&FARM_SUSPEND, &[&id], &NoInput {})
    }

    /// Wants a farm that was stopped up again, in launch order.
    pub fn farm_resume(&self, id: u64) -> Result<FarmView, Error> {
        self.ask(&FARM_RESUME, &[&id], &NoInput {})
    }

    /// Wants no server left; with `force` without leaving them time to finish.
    pub fn farm_terminate(&self, id: u64, force: bool) -> Result<FarmView, Error> {
        self.ask(&FARM_TERMINATE, &[&id], &TerminateInput { force })
    }

    /// Farm roles of a farm, by launch index and alias.
    pub fn farm_roles(&self, farm: u64) -> Result<Vec<FarmRoleView>, Error> {
        self.rows_where(&FARM_ROLES, &[&farm], &FarmRoleFilter::default())
    }

    /// One farm role.
    pub fn farm_role(&self, id: u64) -> Result<FarmRoleView, Error> {
        self.show(&FARM_ROLE, &[&id])
    }

    /// Changes a farm role's range.
    pub fn scaling_update(
        &self,
        farm_role: u64,
        input: &ScalingInput,
        revision: Option<u64>,
    ) -> Result<ScalingView, Error> {
        self.ask_if(&SCALING_UPDATE, &[&farm_role], input, revision)
    }

    /// Roles that farm roles can use, by name.
    pub fn roles(&self) -> Result<Vec<RoleView>, Error> {
        self.rows_where(&ROLES, &[], &RoleFilter::default())
    }

    /// A farm as a manifest, which changes nothing when it is applied.
    pub fn farm_manifest(&self, id: u64) -> Result<FarmManifestView, Error> {
        self.show(&FARM_MANIFEST, &[&id])
    }

    /// Declares what a manifest says, or with `dry_run` says what that would change.
    pub fn apply(&self, input: &ManifestRequest) -> Result<ManifestResult, Error> {
        self.ask(&MANIFEST_APPLY, &[], input)
    }

    /// Plays a farm's past again under the scaling rules of a manifest.
    pub fn simulate(&self, input: &SimulationRequest) -> Result<SimulationView, Error> {
        self.ask(&SIMULATE, &[], input)
    }

    /// Makes a signed proposal of what a manifest would change.
    pub fn propose(&self, input: &ProposalRequest) -> Result<ProposalView, Error> {
        self.ask(&PROPOSAL_MAKE, &[], input)
    }

    /// What a signed proposal says, and whether it could still be applied.
    pub fn proposal_check(&self, input: &ProposalText) -> Result<ProposalView, Error> {
        self.ask(&PROPOSAL_CHECK, &[], input)
    }

    /// Applies a signed proposal: exactly what it says, or nothing.
    pub fn proposal_apply(&self, input: &ProposalText) -> Result<ManifestResult, Error> {
        self.ask(&PROPOSAL_APPLY, &[], input)
    }

    /// A farm's current plan.
    pub fn plan_of_farm(&self, farm: u64) -> Result<PlanView, Error> {
        self.show(&PLAN_OF_FARM, &[&farm])
    }

    /// A plan by number.
    pub fn plan(&self, id: u64) -> Result<PlanView, Error> {
        self.show(&PLAN, &[&id])
    }
}
