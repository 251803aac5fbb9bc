//! Listings: what a complete one proves, committed as transitions.
//!
//! A listing proves presence at any time, and absence only of what was asked for long enough
//! before it began: an unknown step ends by a complete listing that began after the platform had
//! time to show what became of it (law 2). That time is measured by the monotonic clock from the
//! first listing that found the step unknown, so that neither a restart nor somebody who sets the
//! clock cuts it short.
//!
//! Absence is the weaker word, and "gone" frees an index, a volume and a place under the maximum.
//! So a server is not counted as gone for being absent: the cloud is asked to terminate it (once
//! more, or for the first time where a launch got no answer), and its answer counts.

use crate::base::{Millis, Result, ServerId, Timestamp};
use crate::model::{
    Actor, Cause, CloudState, FailureProof, Farm, FarmGoal, FarmRole, HealMode, Permission, Server,
    ServerEvent, Sighting, Step, StepKind, StepStatus, advance,
};
use crate::service::plans::steps::{say, settle_done, settle_failed};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose, Tx, View};
use std::collections::{BTreeMap, BTreeSet};

/// A look at a platform: when it began, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// At which platform.
    pub platform: &'a str,
    /// How long what a call did may take to show in its listings.
    pub settles_within: Millis,
    begun_at: Timestamp,
    begun: Millis,
}

impl<'a> Look<'a> {
    /// A look that begins now.
    pub fn begin(service: &Service, platform: &'a str, settles_within: Millis) -> Look<'a> {
        let (begun_at, begun) = (service.now(), service.clock.monotonic());
        Look { platform, settles_within, begun_at, begun }
    }
}

/// Takes in the complete listing that a look got.
pub fn listing(
    service: &Service,
    actor: &Actor,
    look: Look,
    sightings: Vec<Sighting>,
) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let Look { platform, begun_at, .. } = look;
    let ours = service.read(&grant, |view| lookup::live_servers_on(view, platform))?;
    let now = service.now();
    // What was asked for later than now was asked for before somebody set the clock back.
    let before = |at: Timestamp| at < begun_at || at > now;
    let launched: Vec<_> = ours
        .iter()
        .filter(|s| was_made(s) && s.status.counts() && s.asked_at.is_some_and(before))
        .map(|s| s.id)
        .collect();
    let since = service.observed.listed_at(&*service.clock, platform);
    let watch = service.watch();
    let came = |s: &Server| watch.began(s.status_at.max(s.reboot_at.unwrap_or(s.status_at)));
    let awaited = ours.iter().filter(|s| since.is_none_or(|since| came(s) > since));
    let awaited: Vec<_> = awaited.map(|s| s.id).collect();
    let changed = service.observed.record(platform, look.begun, &sightings, &launched, &awaited);
    let seen: BTreeMap<_, _> = sightings.into_iter().map(|s| (s.server, s)).collect();
    report_strays(service, platform, &ours, &seen);
    let proves = service.read(&grant, |view| proofs(service, view, &ours, &seen, look))?;
    if proves.is_empty() {
        if changed {
            service.observation.wake();
        }
        return Ok(());
    }
    service.write(
        Author::new(&grant, "observe.listing", Cause::Listing, Purpose::Ending),
        move |tx| {
            for proof in &proves {
                apply(tx, proof, now)?;
            }
            Ok(())
        },
    )?;
    service.observation.wake();
    Ok(())
}

/// The cloud said so, or its own agent did while the cloud's answer was lost.
fn was_made(server: &Server) -> bool {
    server.cloud_server_id.is_some() || server.agent_key_digest.is_some()
}

/// A server with our tag that no record knows is not destroyed: a person is told.
fn report_strays(
    service: &Service,
    platform: &str,
    ours: &[Server],
    seen: &BTreeMap<crate::base::ServerId, Sighting>,
) {
    let known: BTreeSet<_> =
        ours.iter().filter(|server| server.status.counts()).map(|server| server.id).collect();
    let strays: Vec<String> = seen
        .iter()
        .filter(|(id, s)| !known.contains(id) && s.state != CloudState::Gone)
        .map(|(id, _)| id.to_string())
        .collect();
    let text = (!strays.is_empty()).then(|| {
        format!(
            "{platform}: {} servers carry our tag but no record knows them: {}",
            strays.len(),
            strays.join(", ")
        )
    });
    service.observed.set_alert(&format!("strays-{platform}"), text);
}

/// One thing a listing proves.
enum Proof {
    /// A lost answer was a yes.
    StepDone(Step, Option<Sighting>),
    /// A lost answer was a no.
    StepFailed(Step),
    /// The platform itself says the server is gone.
    Gone(Server),
    /// Its addresses differ from the record's.
    Addresses(Server, Sighting),
}

fn proofs(
    service: &Service,
    view: &View,
    ours: &[Server],
    seen: &BTreeMap<crate::base::ServerId, Sighting>,
    look: Look,
) -> Result<Vec<Proof>> {
    let mut out = Vec::new();
    let unknown: Vec<Step> = lookup::open_steps(view)?
        .into_iter()
        .filter(|step| step.status == StepStatus::Unknown)
        .filter(|step| ours.iter().any(|server| server.id == step.server))
        .collect();
    let now = service.clock.monotonic();
    let since = service.observed.unknown_since(look.platform, &unknown, now);
    for step in unknown {
        let sighting = seen.get(&step.server);
        let noted = since.get(&step.id).copied().unwrap_or(now);
        let decisive = look.begun > noted.saturating_add(look.settles_within);
        out.extend(settle(step, sighting, decisive));
    }
    for server in ours.iter().filter(|server| server.status.counts()) {
        let sighting = seen.get(&server.id);
        if sighting.is_some_and(|s| s.state == CloudState::Gone) && !keeps_place(view, server)? {
            out.push(Proof::Gone(server.clone()));
        }
        if let Some(s) = sighting
            && (s.private_ips != server.private_ips || s.public_ips != server.public_ips)
            && server.cloud_server_id.is_some()
        {
            out.push(Proof::Addresses(server.clone(), s.clone()));
        }
    }
    Ok(out)
}

/// One that is gone for good keeps its place where nothing is replaced, once it has run: people
/// decide what becomes of its index and its volumes.
fn keeps_place(view: &View, server: &Server) -> Result<bool> {
    if !server.status.is_wanted() || server.terminate_requested || server.running_at.is_none() {
        return Ok(false);
    }
    let role = lookup::farm_role(view, server.farm_role)?;
    let kept = |role: &FarmRole| !role.removed && role.policy.heal != HealMode::Replace;
    let farm = lookup::farm(view, server.farm)?;
    let stays = |farm: &Farm| !farm.removed && farm.goal != FarmGoal::Terminated;
    Ok(role.as_ref().is_some_and(kept) && farm.as_ref().is_some_and(stays))
}

/// What a listing says of a step whose answer was lost.
fn settle(step: Step, sighting: Option<&Sighting>, decisive: bool) -> Option<Proof> {
    let gone = sighting.is_none_or(|s| s.state == CloudState::Gone);
    let state = sighting.map(|s| s.state);
    let done = match step.kind {
        StepKind::Launch => !gone,
        // The platform's own word. Otherwise it is asked again, which does no harm at any time.
        StepKind::Terminate => state == Some(CloudState::Gone),
        StepKind::Suspend => decisive && state == Some(CloudState::Suspended),
        StepKind::Stop => decisive && state == Some(CloudState::Stopped),
        StepKind::Resume | StepKind::Start | StepKind::Reboot => {
            decisive && state == Some(CloudState::Running)
        }
    };
    if done {
        return Some(Proof::StepDone(step, sighting.cloned()));
    }
    (decisive || step.kind == StepKind::Terminate).then_some(Proof::StepFailed(step))
}

fn apply(tx: &mut Tx, proof: &Proof, now: Timestamp) -> Result<()> {
    match proof {
        Proof::StepDone(step, sighting) => {
            let Some((mut step, mut server)) = still_unknown(tx, step)? else { return Ok(()) };
            settle_done(tx, &mut step, &mut server, sighting.as_ref(), now)
        }
        Proof::StepFailed(step) => {
            let Some((mut step, mut server)) = still_unknown(tx, step)? else { return Ok(()) };
            let why = "its answer was lost, and listings do not show that it happened";
            let said = (FailureProof::NotListed, why.into());
            settle_failed(tx, &mut step, &mut server, said, now)
        }
        Proof::Gone(server) => note(tx, server.id, &ServerEvent::SeenGone, now),
        Proof::Addresses(server, sighting) => {
            note(tx, server.id, &ServerEvent::SeenElsewhere(sighting), now)
        }
    }
}

/// Notes what a listing shows of a server itself.
fn note(tx: &mut Tx, id: ServerId, event: &ServerEvent<'_>, now: Timestamp) -> Result<()> {
    let Some(mut server) = lookup::server(tx, id)? else { return Ok(()) };
    let effect = advance(&mut server, event, now);
    say(tx, &server, effect)?;
    tx.put(&server)?;
    Ok(())
}

/// The step and its server, if nothing settled the step in the meantime.
fn still_unknown(tx: &Tx, step: &Step) -> Result<Option<(Step, Server)>> {
    let Some(step) = lookup::step(tx, step.id)? else { return Ok(None) };
    if step.status != StepStatus::Unknown {
        return Ok(None);
    }
    Ok(lookup::server(tx, step.server)?.map(|server| (step, server)))
}
