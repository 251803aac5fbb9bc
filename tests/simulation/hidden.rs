//! What planted faults hide from jobs while they run, and put back before anybody looks: then the
//! jobs do what they would do if they were blind for it, and the records say what they should see.

use crate::sabotage::{Sabotage, write};
use grange::base::{FarmRoleId, Result, ServerId};
use grange::model::{Breaker, FarmRole, Grant, HealMode, Hold, HoldKind, Policy, RolloutPolicy};
use grange::service::{Service, lookup};
use grange::store::{Reads, Tx};
use std::collections::BTreeSet;

/// What is hidden, to be put back.
#[derive(Clone)]
pub enum Hidden {
    /// The declared maximum of every farm role.
    Maximum,
    /// Every hold on what plans do.
    Holds(Vec<Hold>),
    /// Locked servers, with the reasons.
    Locks(Vec<(ServerId, String)>),
    /// How farm roles are healed and rolled over.
    Policies(Vec<(FarmRoleId, Policy)>),
    /// Accounts that fail.
    Breakers(Vec<Breaker>),
}

/// Hides what a planted fault overlooks. `None` when there is nothing of it.
pub fn hide(sabotage: Sabotage, service: &Service) -> Option<Hidden> {
    let hidden = match sabotage {
        Sabotage::NoMaximum | Sabotage::BlindPlanner => Hidden::Maximum,
        Sabotage::HoldsOverlooked => {
            let mut holds = service.read(&Grant::job("test"), lookup::all_holds).ok()?;
            holds.retain(|hold| hold.kind != HoldKind::Balance);
            Hidden::Holds(holds)
        }
        Sabotage::LocksOverlooked => {
            let all = service.read(&Grant::job("test"), lookup::all_servers).ok()?.into_iter();
            let locked = all.filter(|server| server.locked && server.status.counts());
            Hidden::Locks(locked.map(|server| (server.id, server.lock_reason)).collect())
        }
        Sabotage::HealOverlooked | Sabotage::FloorOverlooked | Sabotage::IllLeftAlone => {
            let mut roles = service.read(&Grant::job("test"), roles).ok()?;
            if sabotage == Sabotage::IllLeftAlone {
                // Nothing is hidden, and nobody woken by it, where nobody is ill.
                let ill = with_ill_servers(service).ok()?;
                roles.retain(|role| ill.contains(&role.id));
            }
            let roles = roles.into_iter();
            Hidden::Policies(roles.map(|role| (role.id, role.policy)).collect())
        }
        Sabotage::BreakerOverlooked => {
            Hidden::Breakers(service.read(&Grant::job("test"), lookup::breakers).ok()?)
        }
        _ => return None,
    };
    let hidden = Some(hidden).filter(|hidden| !hidden.is_empty())?;
    let all = hidden.clone();
    write(service, move |tx| all.take_away(tx, sabotage)).ok()?;
    Some(hidden)
}

fn roles(view: &impl Reads) -> Result<Vec<FarmRole>> {
    let mut roles = Vec::new();
    for farm in lookup::all_farms(view)? {
        roles.extend(lookup::farm_roles_of(view, farm.id)?);
    }
    Ok(roles)
}

fn with_ill_servers(service: &Service) -> Result<BTreeSet<FarmRoleId>> {
    let servers = service.read(&Grant::job("test"), lookup::all_servers)?;
    let ill = servers.iter().filter(|server| service.observed.failure(server.id).is_some());
    Ok(ill.map(|server| server.farm_role).collect())
}

impl Hidden {
    fn is_empty(&self) -> bool {
        match self {
            Hidden::Maximum => false,
            Hidden::Holds(holds) => holds.is_empty(),
            Hidden::Locks(locks) => locks.is_empty(),
            Hidden::Policies(policies) => policies.is_empty(),
            Hidden::Breakers(breakers) => breakers.is_empty(),
        }
    }

    fn take_away(&self, tx: &mut Tx, sabotage: Sabotage) -> Result<()> {
        match self {
            Hidden::Maximum => shift_maximum(tx, 5)?,
            Hidden::Holds(holds) => {
                for hold in holds {
                    tx.delete::<Hold>(hold.id)?;
                }
            }
            Hidden::Locks(locks) => {
                for (id, _) in locks {
                    if let Some(mut server) = lookup::server(tx, *id)? {
                        server.locked = false;
                        tx.put(&server)?;
                    }
                }
            }
            Hidden::Policies(policies) => {
                for (id, policy) in policies {
                    let mut policy = policy.clone();
                    if sabotage == Sabotage::HealOverlooked {
                        policy.heal = HealMode::Replace;
                    } else if sabotage == Sabotage::IllLeftAlone {
                        policy.heal = HealMode::None;
                    } else {
                        let (min_healthy_percent, max_percent, batch) = (0, 100, 400);
                        let rollout = policy.rollout;
                        policy.rollout =
                            RolloutPolicy { min_healthy_percent, max_percent, batch, ..rollout };
                    }
                    set_policy(tx, *id, policy)?;
                }
            }
            Hidden::Breakers(breakers) => {
                for breaker in breakers {
                    tx.delete::<Breaker>(breaker.account.clone())?;
                }
            }
        }
        Ok(())
    }

    /// After the job ran. What cannot be put back now, since the store is down, is given back: it
    /// has to be later, or it stays hidden for good.
    pub fn put_back(self, service: &Service) -> Option<Hidden> {
        let again = self.clone();
        let back = move |tx: &mut Tx<'_>| {
            match self {
                Hidden::Maximum => shift_maximum(tx, -5)?,
                Hidden::Holds(holds) => {
                    for hold in holds {
                        tx.put(&hold)?;
                    }
                }
                Hidden::Locks(locks) => {
                    for (id, reason) in locks {
                        if let Some(mut server) = lookup::server(tx, id)? {
                            (server.locked, server.lock_reason) = (true, reason);
                            tx.put(&server)?;
                        }
                    }
                }
                Hidden::Policies(policies) => {
                    for (id, policy) in policies {
                        set_policy(tx, id, policy)?;
                    }
                }
                Hidden::Breakers(breakers) => {
                    for breaker in breakers {
                        tx.put(&breaker)?;
                    }
                }
            }
            Ok(())
        };
        write(service, back).is_err().then_some(again)
    }
}

fn set_policy(tx: &mut Tx, id: FarmRoleId, policy: Policy) -> Result<()> {
    if let Some(mut role) = lookup::farm_role(tx, id)? {
        role.policy = policy;
        tx.put(&role)?;
    }
    Ok(())
}

fn shift_maximum(tx: &mut Tx, by: i32) -> Result<()> {
    for mut role in roles(tx)? {
        // A minimum that was declared while more was allowed stays possible.
        let max = role.scaling.max.saturating_add_signed(by);
        role.scaling.max = max.max(role.scaling.min);
        tx.put::<FarmRole>(&role)?;
    }
    Ok(())
}
