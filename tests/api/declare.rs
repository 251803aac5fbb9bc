//! What the fake says of manifests and proposals; the words in them choose.

use super::fake::NOW;
use grange::base::{Code, Problem, Result};
use grange::wire::api::*;

/// Declares, or says what that would change.
pub fn apply(input: &ManifestRequest, moves: &mut u32) -> Result<ManifestResult> {
    if input.manifest.contains("wr_ong") {
        return Err(Problem::all(vec![
            Problem::invalid("line 1: farm", "\"wr_ong\" is not a name"),
            Problem::invalid("line 3: farmRoles[0].alias", "is missing"),
        ])
        .unwrap());
    }
    let stops = u32::from(input.manifest.contains("fewer")) * 2;
    let changes = match input.manifest.contains("same") {
        true => Vec::new(),
        false => vec!["farmRoles[web].scaling.minInstances: 2 -> 3".into()],
    };
    let steps = if stops > 0 { "shop/web-3: retire: one more" } else { "shop/web-4: launch" };
    let steps = if changes.is_empty() { Vec::new() } else { vec![steps.into()] };
    let names = ["shop/web-2: scaling down", "shop/web-3: scaling down"];
    let stopped = names.iter().take(stops as usize).map(|name| (*name).to_owned()).collect();
    // A farm that changes under whoever looks at it, once.
    if input.manifest.contains("moving") && !input.dry_run && *moves < 1 {
        *moves += 1;
        return Err(Problem::new(Code::RevisionConflict, "the farm changed meanwhile"));
    }
    let over = "shop/web: revision 2 is declared, and revision 1 is kept: its rollout failed";
    let behind = input.manifest.contains("behind").then(|| over.to_owned()).into_iter().collect();
    let (farm, fingerprint) = ("shop".into(), "f00d".into());
    Ok(ManifestResult { farm, id: 1, changes, steps, stops, stopped, behind, fingerprint })
}

/// Makes a proposal.
pub fn make(input: &ProposalRequest) -> Result<ProposalView> {
    let life = input.expires_in_ms.unwrap_or(7 * 86_400_000);
    let text = "proposal: 7\nfarm: shop\nsignature: x\n".into();
    let fewer = input.manifest.contains("fewer");
    Ok(ProposalView { text, expires_at: NOW + life as i64, ..proposal(fewer) })
}

/// Shows one.
pub fn check(input: &ProposalText) -> Result<ProposalView> {
    if input.proposal.contains("edited") {
        return Err(Problem::invalid("proposal", "it was changed since it was signed"));
    }
    let mut refusal = Vec::new();
    if input.proposal.contains("moved") {
        let code = Code::RevisionConflict.as_str().into();
        let message = "the world moved since it was made: farm role shop/web changed".into();
        refusal.push(ErrorView { code, message, field: None });
    }
    Ok(ProposalView { refusal, ..proposal(input.proposal.contains("fewer")) })
}

/// Applies one.
pub fn apply_proposal(input: &ProposalText) -> Result<ManifestResult> {
    let ProposalView { farm, changes, steps, stopped, refusal, .. } = check(input)?;
    if let Some(refusal) = refusal.into_iter().next() {
        return Err(Problem::new(Code::RevisionConflict, refusal.message));
    }
    let stops = stopped.len() as u32;
    let fingerprint = String::new();
    let behind = Vec::new();
    Ok(ManifestResult { farm, id: 1, changes, steps, stops, stopped, behind, fingerprint })
}

/// Proposal 7, of a minute ago.
fn proposal(fewer: bool) -> ProposalView {
    let stopped = if fewer { vec!["shop/web-3: scaling down".into()] } else { Vec::new() };
    ProposalView {
        number: 7,
        farm: "shop".into(),
        made_by: "alice".into(),
        made_at: NOW - 60_000,
        expires_at: NOW + 86_400_000,
        changes: vec!["farmRoles[web].scaling.minInstances: 2 -> 3".into()],
        stopped,
        manifest: "farm: shop\n".into(),
        ..ProposalView::default()
    }
}

/// Refuses what was read before it changed.
pub fn check_revision(revision: Option<u64>, now: u64) -> Result<()> {
    match revision {
        Some(asked) if asked != now => {
            let message = format!("it changed since revision {asked}; it is at {now}");
            Err(Problem::new(Code::RevisionConflict, message))
        }
        Some(_) | None => Ok(()),
    }
}
