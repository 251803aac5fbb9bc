//! Signed proposals: a change of one farm that is agreed to elsewhere and applied later, perhaps by
//! somebody else.
//!
//! Making one is a dry run that is written down: the differences, the steps, the servers that
//! would stop, the manifest, and the revisions of the records it was made on. The appliance signs
//! the text and remembers its digest. Whoever made it gives no right with it: applying needs the
//! applier's own.
//!
//! It does exactly what it says or nothing. When it is applied,
//! - the farm and all its farm roles must be the records they were, at the revisions they had;
//! - the differences must be the same, line for line;
//! - the servers that would stop must be among those it names: fewer is fine, another is not.
//!
//! Launches are not compared: the range that a proposal declares bounds them, and how many the
//! load of the hour asks for is not the change's doing.
//!
//! A proposal that the appliance does not remember is refused, so that forgetting one is always
//! safe, and what is remembered has a bound.

mod moved;

use crate::base::hash::{hex, sha256};
use crate::base::limit::{
    PROPOSAL_LIFE, PROPOSAL_LIFE_MAX, PROPOSAL_LIFE_MIN, PROPOSAL_MANIFEST_BYTES_MAX, PROPOSALS_MAX,
};
use crate::base::time::say;
use crate::base::{Code, Name, Problem, ProposalId, Result, Timestamp};
use crate::model::{Actor, Applied, Cause, Grant, Permission, Proposal};
use crate::pki::Verdict;
use crate::service::farms::manifests::{self, Change, Outlook, Wish, text_of};
use crate::service::{Service, authorise};
use crate::store::{Author, Purpose, Reads, Subject, Tx};
use crate::wire::api::{ErrorView, ManifestResult, ProposalRequest, ProposalText, ProposalView};
use crate::wire::proposal::{self as text, Document, ProposalRecord, Signature};

/// What the signature is for; the shape of the text has this version.
const PURPOSE: &str = "grange proposal 1";

/// How often a proposal is judged anew because the farm got another plan while it was.
const TRIES: usize = 4;

/// A signed text that is ours and whole.
struct Opened {
    document: Document,
    digest: [u8; 32],
}

/// Makes a proposal of what a manifest would change.
pub fn make(service: &Service, actor: &Actor, input: &ProposalRequest) -> Result<ProposalView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let life = input.expires_in_ms.unwrap_or(PROPOSAL_LIFE);
    if !(PROPOSAL_LIFE_MIN..=PROPOSAL_LIFE_MAX).contains(&life) {
        let (low, high) = (say(PROPOSAL_LIFE_MIN), say(PROPOSAL_LIFE_MAX));
        return Err(Problem::invalid("expiresInMs", format!("must be from {low} to {high}")));
    }
    let plain = text::plain(&input.manifest);
    if plain.len() > PROPOSAL_MANIFEST_BYTES_MAX {
        let bytes = plain.len();
        let message = format!("{bytes} bytes are too many: at most {PROPOSAL_MANIFEST_BYTES_MAX}");
        return Err(Problem::invalid("manifest", message));
    }
    let manifest = manifests::read(service, &grant, &plain)?;
    let wish = Wish { prune: input.prune, launch: input.launch };
    let change = manifests::propose(service, &grant, &manifest, wish)?;
    if change.differences.is_empty() {
        let message =
            format!("farm {}: nothing changes, so there is nothing to propose", manifest.farm);
        return Err(Problem::new(Code::UnacceptableState, message));
    }
    let outlook = manifests::outlook(service, &grant, &change)?;
    let now = service.now();
    let mut document = Document {
        record: ProposalRecord {
            number: 0,
            environment: actor.env.0,
            farm: manifest.farm.to_string(),
            made_by: actor.name.clone(),
            made_at: now.0,
            expires_at: now.after(life).0,
            prune: wish.prune,
            launch: wish.launch,
            base: change.base.clone(),
        },
        differences: change.differences.iter().map(ToString::to_string).collect(),
        stopped: outlook.stopped_lines(),
        steps: outlook.steps,
        manifest: plain,
    };
    let (farm, subject) = (manifest.farm, change.base.farm.map(|_| Subject::Farm(change.farm.id)));
    let author = Author::new(&grant, "proposal.make", Cause::Request, Purpose::Growth);
    let document = service.write(author, move |tx| {
        make_room(tx, now)?;
        let id: ProposalId = tx.next_id()?;
        document.record.number = id.0;
        subject.into_iter().try_for_each(|subject| tx.subject(subject))?;
        note(tx, id, farm, &document)?;
        Ok(document)
    })?;
    let body = document.write();
    let value = service.authority.sign(PURPOSE, body.as_bytes());
    let value = value.map_err(|e| Problem::internal("signing a proposal", e))?;
    let signature = Signature { by: hex(service.authority.public_key()), value: hex(&value) };
    Ok(ProposalView { text: text::seal(&body, &signature), ..view(document) })
}

/// Remembers a proposal, and says so in the journal.
fn note(tx: &mut Tx, id: ProposalId, farm: Name, document: &Document) -> Result<()> {
    let record = &document.record;
    let (made_at, expires_at) = (Timestamp(record.made_at), Timestamp(record.expires_at));
    let differences = document.differences.len();
    let stopped = document.stopped.len();
    let sentence = format!(
        "proposal {id} made: {differences} differences, {stopped} servers to stop, to be applied \
         until {expires_at}"
    );
    tx.text(farm.to_string(), sentence);
    tx.put(&Proposal {
        id,
        env: crate::base::EnvironmentId(record.environment),
        farm,
        digest: sha256(document.write().as_bytes()),
        made_by: record.made_by.clone(),
        made_at,
        expires_at,
        applied: None,
    })?;
    Ok(())
}

/// Forgets proposals, worst first, until one more fits: expired, then applied. One that is
/// forgotten is refused, so none can be applied twice.
fn make_room(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let mut all: Vec<Proposal> =
        tx.all::<Proposal>()?.into_iter().map(|found| found.record).collect();
    let surplus = (all.len() + 1).saturating_sub(PROPOSALS_MAX);
    all.retain(|one| one.expires_at <= now || one.applied.is_some());
    if all.len() < surplus {
        let message =
            format!("{PROPOSALS_MAX} proposals are open: apply one, or wait until one expires");
        return Err(Problem::new(Code::LimitExceeded, message));
    }
    all.sort_by_key(|one| (one.expires_at > now, one.expires_at, one.id));
    for one in &all[..surplus] {
        tx.delete::<Proposal>(one.id)?;
    }
    Ok(())
}

/// What a signed text says, and whether it could still be applied.
pub fn check(service: &Service, actor: &Actor, input: &ProposalText) -> Result<ProposalView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    let opened = open(service, actor, &input.proposal)?;
    let refusal = match judge(service, &grant, &opened) {
        Ok(_) => Vec::new(),
        Err(problem) => problem.each().map(refused).collect(),
    };
    Ok(ProposalView { refusal, ..view(opened.document) })
}

fn refused(problem: &Problem) -> ErrorView {
    ErrorView {
        code: problem.code.as_str().to_owned(),
        message: problem.message.clone(),
        field: problem.field.clone(),
    }
}

fn view(document: Document) -> ProposalView {
    let record = document.record;
    ProposalView {
        number: record.number,
        farm: record.farm,
        made_by: record.made_by,
        made_at: record.made_at,
        expires_at: record.expires_at,
        changes: document.differences,
        steps: document.steps,
        stopped: document.stopped,
        manifest: document.manifest,
        text: String::new(),
        refusal: Vec::new(),
    }
}

/// Applies a signed text: exactly what it says, or nothing.
pub fn apply(service: &Service, actor: &Actor, input: &ProposalText) -> Result<ManifestResult> {
    let grant = authorise(actor, Permission::FarmsManage)?;
    let opened = open(service, actor, &input.proposal)?;
    let wish = wish(&opened.document);
    if wish.launch {
        authorise(actor, Permission::FarmsLaunch)?;
    }
    let record = &opened.document.record;
    let id = ProposalId(record.number);
    let manifest = manifests::read(service, &grant, &opened.document.manifest)?;
    for _ in 0..TRIES {
        let (change, outlook) = judge(service, &grant, &opened)?;
        let fingerprint = outlook.fingerprint(&text_of(&opened.document.manifest, wish), &change);
        let mut result = outlook.result(&change, fingerprint);
        let now = service.now();
        let age = say(now.since(Timestamp(record.made_at)));
        let how = format!("declared by proposal {id}, made by {} {age} before", record.made_by);
        let (digest, plan) = (opened.digest, outlook.plan);
        let (manifest, owner) = (manifest.clone(), actor.clone());
        let author = Author::new(&grant, manifests::VERB, Cause::Request, Purpose::Growth);
        let declared = service.write(author, move |tx| {
            let again = manifests::compose(tx, &owner, &manifest, wish, now)?;
            let kept = remembered(tx, id, digest)?.filter(|kept| kept.applied.is_none());
            let (Some(kept), true) = (kept, again.base == change.base) else { return Ok(None) };
            if manifests::current_plan(tx, &again.farm)? != plan {
                return Ok(None);
            }
            let farm = manifests::declare(tx, again, &how)?;
            tx.put(&Proposal { applied: Some(Applied { at: now, by: owner.name }), ..kept })?;
            Ok(Some(farm))
        })?;
        if let Some(farm) = declared {
            result.id = farm.0;
            return Ok(result);
        }
    }
    let message = "the farm changes faster than it can be looked at: try again";
    Err(Problem::new(Code::RevisionConflict, message))
}

fn wish(document: &Document) -> Wish {
    Wish { prune: document.record.prune, launch: document.record.launch }
}

fn remembered(read: &impl Reads, id: ProposalId, digest: [u8; 32]) -> Result<Option<Proposal>> {
    let found = read.get::<Proposal>(id)?.map(|found| found.record);
    Ok(found.filter(|kept| kept.digest == digest))
}

/// Reads a signed text, and sees that it is ours and as it was.
fn open(service: &Service, actor: &Actor, signed: &str) -> Result<Opened> {
    let changed = || {
        let message = "it was changed since it was signed, or is not the whole of it: nothing in \
                       it can be trusted; make a new one";
        Problem::invalid("proposal", message)
    };
    let (body, signature) = text::unseal(signed).ok_or_else(changed)?;
    let by = unhex(&signature.by).ok_or_else(changed)?;
    let value = unhex(&signature.value).ok_or_else(changed)?;
    match service.authority.judge(PURPOSE, body.as_bytes(), &by, &value) {
        Verdict::Ours => {}
        Verdict::Broken => return Err(changed()),
        Verdict::Foreign => {
            let short = |key: &[u8]| hex(&sha256(key)[..4]);
            let message = format!(
                "it was signed by another appliance (key {}, ours is {}): apply it there, or \
                 propose the same here",
                short(&by),
                short(service.authority.public_key())
            );
            return Err(Problem::new(Code::PermissionViolation, message));
        }
    }
    let document = Document::read(&body).ok_or_else(|| {
        let message = "another version of this appliance made it: make a new one";
        Problem::new(Code::InvalidStructure, message)
    })?;
    if document.record.environment != actor.env.0 {
        let env = document.record.environment;
        let message = format!("it is of environment {env}, and this is {}", actor.env);
        return Err(Problem::new(Code::PermissionViolation, message));
    }
    Ok(Opened { document, digest: sha256(body.as_bytes()) })
}

/// Bytes of hexadecimal digits as we write them.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let lower = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    if !text.len().is_multiple_of(2) || !text.as_bytes().iter().all(lower) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// Whether a proposal could be applied now, and what that would be.
fn judge(service: &Service, grant: &Grant, opened: &Opened) -> Result<(Change, Outlook)> {
    let record = &opened.document.record;
    let id = ProposalId(record.number);
    let kept = service.read(grant, |view| remembered(view, id, opened.digest))?;
    let now = service.now();
    let refuse = |message: String| Err(Problem::new(Code::UnacceptableState, message));
    if let Some(Applied { at, by }) = kept.as_ref().and_then(|kept| kept.applied.as_ref()) {
        return refuse(format!(
            "proposal {id} was applied already, by {by} at {at}: make a new one"
        ));
    }
    let expires_at = Timestamp(record.expires_at);
    if now >= expires_at {
        let age = say(now.since(expires_at));
        return refuse(format!("proposal {id} expired {age} ago, at {expires_at}: make a new one"));
    }
    if kept.is_none() {
        let message = format!(
            "proposal {id} is not known here: the appliance was set back to a time before it, or \
             has forgotten it; make a new one"
        );
        return Err(Problem::new(Code::ObjectNotFound, message));
    }
    let manifest = manifests::read(service, grant, &opened.document.manifest)?;
    let change = manifests::propose(service, grant, &manifest, wish(&opened.document))?;
    moved::records(service, grant, &change, record)?;
    moved::differences(&change, &opened.document)?;
    let outlook = manifests::outlook(service, grant, &change)?;
    moved::stops(&outlook, &opened.document)?;
    Ok((change, outlook))
}
