//! Steps: written down before they are done, with what came of them.
//!
//! [`begin`] is where the hard maximum is enforced (law 1): it counts every server a cloud was
//! ever asked for and that is not confirmed gone, in the same transaction that marks the step
//! begun. A crash right after leaves a begun step, which [`adopt`] turns into an unknown one: what
//! came of it is settled by listing, never by memory. The same transaction lets no second call
//! about a server begin (law 8).

mod adopt;
mod settle;

pub use adopt::{Calling, adopt, calling, outcome_key};
pub(in crate::service) use settle::{say, settle_done, settle_failed, settle_gone};

use crate::base::hash::sha256;
use crate::base::limit::WRITE_DEADLINE;
use crate::base::{Code, Problem, Result, ServerId, StepId, Timestamp};
use crate::clouds::{Applied, CloudError, CloudStep, LaunchRequest};
use crate::model::{
    Actor, Cause, FailureProof, FarmRole, Grant, Permission, Server, ServerEvent, ServerStatus,
    Step, StepKind, StepStatus, advance,
};
use crate::service::agents::told;
use crate::service::clouds::accounts::StepAdmission;
use crate::service::clouds::{accounts, admissible, known};
use crate::service::farms::{balancers, images, workloads};
use crate::service::servers::volumes;
use crate::service::{Service, authorise, lookup, plans};
use crate::store::{Author, Index, Key, Purpose, Reads, Tx, View};
use crate::wire::agent::UserData;
use adopt::adopt_among;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// A step that is in the journal as begun, ready for its cloud.
#[derive(Debug)]
pub struct Begun {
    /// The step.
    pub step: Step,
    /// Which cloud account.
    pub account: String,
    /// What to ask of it.
    pub call: CloudStep,
    /// `shop/web-3`, for logs.
    pub about: String,
}

/// Planned steps that may begin now, also as far as their cloud accounts are concerned, and when
/// the next one may.
pub fn due(service: &Service, now: Timestamp) -> Result<(Vec<StepId>, Option<Timestamp>)> {
    let grant = Grant::job("execute");
    due_among(service, &service.read(&grant, lookup::open_steps)?, now)
}

/// Adopts what lost its answer, then the same as [`due`], from one look at the open steps.
pub fn adopt_and_due(
    service: &Service,
    actor: &Actor,
    now: Timestamp,
) -> Result<(Vec<StepId>, Option<Timestamp>)> {
    let grant = authorise(actor, Permission::Operate)?;
    let open = service.read(&grant, lookup::open_steps)?;
    adopt_among(service, actor, &open)?;
    // What is adopted was under way and still is, so the look need not be repeated.
    due_among(service, &open, now)
}

fn due_among(
    service: &Service,
    open: &[Step],
    now: Timestamp,
) -> Result<(Vec<StepId>, Option<Timestamp>)> {
    let under_way: BTreeSet<ServerId> =
        open.iter().filter(|s| s.status != StepStatus::Planned).map(|s| s.server).collect();
    let planned = || open.iter().filter(|s| s.status == StepStatus::Planned);
    let ready: Vec<&Step> =
        planned().filter(|s| s.not_before <= now && !under_way.contains(&s.server)).collect();
    let next = planned().map(|s| s.not_before).filter(|at| *at > now).min();
    let due = balancers::admissible(service, &ready, next, now)?;
    admissible::admissible(service, open, due, now)
}

/// Marks a step begun, in one transaction with the checks that must hold for it. `None` when it may
/// not begin after all, as the journal says, or not yet: then it is as it was.
pub fn begin(service: &Service, actor: &Actor, id: StepId) -> Result<Option<Begun>> {
    let mut begun = begin_all(service, actor, &[id])?;
    begun.pop().map_or(Ok(None), |(_, outcome)| outcome)
}

/// What beginning a step is for: a server that is to be more than it is waits for space.
pub(in crate::service) fn purpose_of(kind: StepKind) -> Purpose {
    match kind {
        StepKind::Launch | StepKind::Resume | StepKind::Reboot | StepKind::Start => Purpose::Growth,
        StepKind::Terminate | StepKind::Suspend | StepKind::Stop => Purpose::Ending,
    }
}

/// What became of beginning each of some steps.
pub type Beginnings = Vec<(StepId, Result<Option<Begun>>)>;

/// Begins some steps as [`begin`] does, each in a transaction and with a journal entry of its own;
/// they share the wait for the disk.
pub fn begin_all(service: &Service, actor: &Actor, ids: &[StepId]) -> Result<Beginnings> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.now();
    let deadline = now.after(service.settings.call_deadline_ms);
    let gate = StepAdmission::of(service);
    let told = told::told_at_launch(service);
    let mut waiting = Vec::new();
    for (id, purpose) in service.read(&grant, |view| purposes(view, ids))? {
        let token = service.secret();
        let digest = sha256(token.reveal().as_bytes());
        let (gate, told) = (gate.clone(), told.clone());
        let (answer, answered) = sync_channel(1);
        service.store.submit(
            Author::new(&grant, "step.begin", Cause::Step(id), purpose),
            move |tx| mark_begun(tx, &gate, id, (digest, told), deadline),
            move |outcome| {
                // Nobody listens any more only after the deadline below.
                let _ = answer.send(outcome.map(|(begun, _)| begun));
            },
        );
        waiting.push((id, token, answered));
    }
    let longest = Duration::from_millis(WRITE_DEADLINE);
    let marked: Vec<_> = waiting
        .into_iter()
        .map(|(id, token, answered)| {
            let silent = |_| {
                // It may be begun all the same: nobody calls, so it will be adopted.
                let text = "the writer did not answer in time";
                Problem::new(Code::ServiceUnavailable, text)
            };
            (id, token, answered.recv_timeout(longest).map_err(silent).and_then(|marked| marked))
        })
        .collect();
    service.read(&grant, |view| {
        let call = |token, marked: Option<(Step, Server, String)>| -> Result<Option<Begun>> {
            let Some((step, server, about)) = marked else { return Ok(None) };
            let call = call_of(service, view, &step, &server, token)?;
            Ok(Some(Begun { step, account: server.account, call, about }))
        };
        let begun = marked.into_iter();
        Ok(begun.map(|(id, token, m)| (id, m.and_then(|marked| call(token, marked)))).collect())
    })
}

/// The cloud account of each of some steps.
pub fn accounts_of(service: &Service, ids: &[StepId]) -> Result<BTreeMap<StepId, String>> {
    service.read(&Grant::job("execute"), |view| {
        let mut accounts = BTreeMap::new();
        for id in ids {
            let Some(step) = lookup::step(view, *id)? else { continue };
            let Some(server) = lookup::server(view, step.server)? else { continue };
            accounts.insert(*id, server.account);
        }
        Ok(accounts)
    })
}

/// What beginning each of some steps is for; one that is not there changes nothing.
fn purposes(view: &View, ids: &[StepId]) -> Result<Vec<(StepId, Purpose)>> {
    let of = |id: &StepId| {
        let step = lookup::step(view, *id)?;
        Ok((*id, step.map_or(Purpose::Ending, |step| purpose_of(step.kind))))
    };
    ids.iter().map(of).collect()
}

/// The transaction that begins a step. What a server is launched with goes with it: the digest of
/// its token, and where its agent is told that the appliance is, while that has to be noted.
fn mark_begun(
    tx: &mut Tx,
    gate: &StepAdmission,
    id: StepId,
    (digest, told): ([u8; 32], Option<String>),
    deadline: Timestamp,
) -> Result<Option<(Step, Server, String)>> {
    let now = gate.now;
    let Some(mut step) = lookup::step(tx, id)? else { return Ok(None) };
    if step.status != StepStatus::Planned {
        return Ok(None);
    }
    if is_called(tx, &step)? {
        return Ok(None);
    }
    let Some(mut server) = lookup::server(tx, step.server)? else { return Ok(None) };
    let about = lookup::server_name(tx, &server)?;
    if step.kind == StepKind::Launch
        && let Some(refusal) = refuse_launch(tx, &server)?
    {
        refuse(tx, &mut step, &mut server, refusal, now)?;
        return Ok(None);
    }
    if !gate.admits(tx, &step, &server)? {
        return Ok(None);
    }
    let asked = advance(&mut server, &ServerEvent::StepBegun(step.kind), now);
    if step.kind == StepKind::Launch {
        // Without an agent nobody is let in.
        server.enrolment_digest = server.agent.then_some(digest);
        if told.is_some() && server.agent {
            tx.put(&told::unheard(server.id, told))?;
        }
        volumes::claim(tx, &server, &about, now)?;
    }
    step.status = StepStatus::Begun;
    step.begun_at = Some(now);
    step.deadline = Some(deadline);
    step.attempts = step.attempts.saturating_add(1);
    say(tx, &server, asked)?;
    tx.put(&step)?;
    tx.put(&server)?;
    Ok(Some((step, server, about)))
}

/// Law 8: another call about the same server is under way, or nobody knows whether it is. The
/// commit that ends it looks at this step again.
fn is_called(tx: &Tx, step: &Step) -> Result<bool> {
    let under_way = |other: &Step| {
        other.id != step.id && matches!(other.status, StepStatus::Begun | StepStatus::Unknown)
    };
    Ok(lookup::steps_of_server(tx, step.server)?.iter().any(under_way))
}

/// Law 1: every server a cloud was asked for and that is not confirmed gone counts.
fn refuse_launch(tx: &Tx, server: &Server) -> Result<Option<String>> {
    let Some(role) = lookup::farm_role(tx, server.farm_role)? else {
        return Ok(Some("its farm role is gone".into()));
    };
    if server.status != ServerStatus::PendingLaunch {
        return Ok(Some(format!("it is {} already", server.status.as_str())));
    }
    if role.make_of(server.revision).is_none() {
        return Ok(Some(format!("revision {} is no longer kept", server.revision)));
    }
    let max = role.scaling.max as usize;
    // It is one of the live ones itself, so that with no more of them than max there is room.
    if tx.count_index(Index::LiveServersByFarmRole, &role.id.bytes())? <= max {
        return Ok(None);
    }
    let counted = lookup::live_servers_of_farm_role(tx, role.id)?
        .iter()
        .filter(|other| other.id != server.id && other.asked_at.is_some())
        .count();
    if counted >= max {
        let text = format!("{counted} servers are not confirmed gone and the maximum is {max}");
        return Ok(Some(text));
    }
    Ok(None)
}

fn refuse(
    tx: &mut Tx,
    step: &mut Step,
    server: &mut Server,
    why: String,
    now: Timestamp,
) -> Result<()> {
    let effect = advance(server, &ServerEvent::LaunchNotAdmitted { why: &why }, now);
    say(tx, server, effect)?;
    step.status = StepStatus::Superseded;
    step.ended_at = Some(now);
    step.message = why;
    tx.put(step)?;
    // The same record again is no change.
    tx.put(server)?;
    Ok(())
}

/// What a begun step asks of its cloud.
fn call_of(
    service: &Service,
    view: &View,
    step: &Step,
    server: &Server,
    token: crate::base::Secret,
) -> Result<CloudStep> {
    Ok(match step.kind {
        StepKind::Launch => {
            let role = lookup::farm_role(view, server.farm_role)?
                .ok_or_else(|| Problem::not_found("farm role", server.farm_role))?;
            CloudStep::Launch(Box::new(launch_request(service, view, server, &role, token)?))
        }
        StepKind::Terminate => CloudStep::Terminate(server.id),
        StepKind::Suspend => CloudStep::Suspend(server.id),
        StepKind::Resume => CloudStep::Resume(server.id),
        StepKind::Reboot => CloudStep::Reboot(server.id),
        StepKind::Start => CloudStep::Start(server.id),
        StepKind::Stop => CloudStep::Stop(server.id),
    })
}

fn launch_request(
    service: &Service,
    view: &View,
    server: &Server,
    farm_role: &FarmRole,
    token: crate::base::Secret,
) -> Result<LaunchRequest> {
    let make = farm_role
        .make_of(server.revision)
        .ok_or_else(|| Problem::not_found("revision", server.revision))?;
    let revision = plans::role_of(view, &make)?;
    let platform = known::platform_of(view, &make.account)?;
    let Some(image) = revision.image(&platform) else {
        let name = lookup::role(view, make.role)?.map(|role| role.name.to_string());
        let name = name.unwrap_or_default();
        let text = format!("role {name} has no image for {platform}");
        return Err(Problem::invalid("role", text));
    };
    let farm = lookup::farm(view, server.farm)?;
    let user_data = UserData {
        v: crate::wire::agent::VERSION,
        server: server.id,
        hostname: server.hostname.clone(),
        appliances: service.settings.agent_addresses.clone(),
        ca_fingerprint: service.authority.fingerprint_text(),
        token,
        interval_ms: service.settings.agent_interval_ms,
        check: make.ready_check().cloned(),
        mounts: make.storage.iter().map(|volume| volume.mount_point.clone()).collect(),
        works: workloads::has_work(view, &make)?,
    };
    let user_data = match server.agent {
        true => serde_json::to_string(&user_data)
            .map_err(|cause| Problem::internal("writing a server's user data", cause))?,
        false => String::new(),
    };
    Ok(LaunchRequest {
        server: server.id,
        hostname: server.hostname.clone(),
        farm: farm.map(|farm| farm.name.to_string()).unwrap_or_default(),
        farm_role: farm_role.id,
        index: server.index,
        location: server.location.clone(),
        zone: server.zone.clone(),
        instance_type: server.instance_type.clone(),
        image: images::cloud_image_id(view, server.env, image)?,
        command: image.command.clone(),
        outbound: farm_role.outbound,
        storage: volumes::requests(view, server, farm_role, &make.storage)?,
        user_data: crate::base::Secret::new(user_data),
    })
}

/// Commits what came of a step's call, for the step and for its cloud account.
pub fn finish(
    service: &Service,
    actor: &Actor,
    id: StepId,
    answer: std::result::Result<Applied, CloudError>,
) -> Result<()> {
    conclude(service, actor, id, answer, true)
}

fn conclude(
    service: &Service,
    actor: &Actor,
    id: StepId,
    answer: std::result::Result<Applied, CloudError>,
    was_called: bool,
) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let answer = answer.map_err(CloudError::tidied);
    let now = service.now();
    service.write(Author::new(&grant, "step.finish", Cause::Step(id), Purpose::Ending), move |tx| {
        let Some(mut step) = lookup::step(tx, id)? else { return Ok(()) };
        // A listing may have settled it while the answer was on its way.
        if !matches!(step.status, StepStatus::Begun | StepStatus::Unknown) {
            return Ok(());
        }
        // A commit that the disk failed may have reached it all the same, and is tried again.
        if step.status == StepStatus::Unknown && answer.as_ref().is_err_and(CloudError::is_unknown)
        {
            return Ok(());
        }
        let Some(mut server) = lookup::server(tx, step.server)? else { return Ok(()) };
        if was_called {
            accounts::note(tx, &step, &server, &answer, now)?;
        }
        match answer {
            Ok(applied) => settle_done(tx, &mut step, &mut server, applied.sighting.as_ref(), now),
            Err(CloudError::Unknown(why)) => {
                let about = lookup::server_name(tx, &server)?;
                let (platform, kind) = (&server.account, step.kind.as_str());
                let text = format!("whether {platform} did {kind} it is not known: {why}");
                tx.text(about, text);
                step.status = StepStatus::Unknown;
                step.message = why;
                tx.put(&step)?;
                Ok(())
            }
            Err(error) => {
                let proof = match was_called {
                    true => FailureProof::Refused,
                    false => FailureProof::NeverCalled,
                };
                settle_failed(tx, &mut step, &mut server, (proof, error.to_string()), now)
            }
        }
    })
}

/// Says that a step that cannot be carried out at all has failed, as with a platform that is gone.
pub fn give_up(service: &Service, actor: &Actor, id: StepId, why: &str) -> Result<()> {
    conclude(service, actor, id, Err(CloudError::Refused(why.to_owned())), false)
}

/// The step, for people.
pub fn get(service: &Service, actor: &Actor, id: StepId) -> Result<Step> {
    let grant = authorise(actor, Permission::EventsRead)?;
    service.read(&grant, |view| {
        lookup::step(view, id)?
            .ok_or_else(|| Problem::new(Code::ObjectNotFound, format!("no step {id}")))
    })
}
