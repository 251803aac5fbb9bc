//! Signed proposals: made with `grange plan -o`, looked at with `grange plan`, applied with
//! `grange apply`.

use crate::base::{Millis, Problem, Timestamp};
use crate::cli::manifest::{done, section, stops};
use crate::cli::{Done, Io, Stop};
use crate::client::{Client, Error};
use crate::wire::api::{
    ManifestRequest, ManifestResult, ProposalRequest, ProposalText, ProposalView,
};
use std::io::{self, Write};
use std::path::Path;

/// What to do is in a proposal, signed; options that say otherwise have no place beside it.
pub fn has_its_own(path: &Path) -> Problem {
    let message = "is a proposal: what it prunes and launches is in it; leave those options out";
    Problem::invalid(path.display().to_string(), message)
}

/// Makes one of what a manifest would change, and writes it to a file.
pub fn make(
    request: ManifestRequest,
    out: &Path,
    expires_in_ms: Option<Millis>,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let ManifestRequest { manifest, prune, launch, .. } = request;
    let proposal = client.propose(&ProposalRequest { manifest, prune, launch, expires_in_ms })?;
    io.put(out, &proposal.text)?;
    let out = out.display().to_string();
    // What goes to standard output is then the proposal itself.
    let mut to: &mut dyn Write = if out == "-" { io.stderr } else { io.stdout };
    if json && out != "-" {
        io.json(&proposal)?;
        return Ok(0);
    }
    tell(&proposal, &mut to)?;
    let until = Timestamp(proposal.expires_at);
    put_line!(to, "until {until}, by whoever may: grange apply {out}")?;
    Ok(0)
}

fn tell(proposal: &ProposalView, to: &mut dyn Write) -> io::Result<()> {
    let ProposalView { number, farm, made_by, .. } = proposal;
    let made_at = Timestamp(proposal.made_at);
    let title = format!("proposal {number} for farm {farm}, made by {made_by} at {made_at}");
    section(to, &title, &proposal.changes)?;
    section(to, "next", &proposal.steps)?;
    section(to, "stopped, now or later", &proposal.stopped)
}

/// Why one can no longer be applied, as the appliance would refuse it.
fn refusal(proposal: &ProposalView) -> Option<Error> {
    let faults = proposal.refusal.clone();
    (!faults.is_empty()).then_some(Error::Refused { status: 409, faults })
}

/// Shows what is in one, and whether it could still be applied.
pub fn show(text: String, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let proposal = client.proposal_check(&ProposalText { proposal: text })?;
    if json {
        io.json(&proposal)?;
        return Ok(refusal(&proposal).map_or(0, |error| error.exit_code()));
    }
    tell(&proposal, io.stdout)?;
    if let Some(error) = refusal(&proposal) {
        return Err(error.into());
    }
    put_line!(io.stdout, "it can be applied until {}", Timestamp(proposal.expires_at))?;
    Ok(0)
}

/// Applies one; asks first when servers would be stopped. What was shown needs no fingerprint:
/// another change than the one in it is refused anyway.
pub fn apply(
    text: String,
    yes: bool,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Result<Option<ManifestResult>, Stop> {
    let request = ProposalText { proposal: text };
    let mut shown = false;
    if !yes {
        let proposal = client.proposal_check(&request)?;
        if let Some(error) = refusal(&proposal) {
            return Err(error.into());
        }
        let count = u32::try_from(proposal.stopped.len()).unwrap_or(u32::MAX);
        if count > 0 {
            shown = true;
            tell(&proposal, if json { io.stderr } else { io.stdout })?;
            if !io.confirm(&format!("Change farm {}? {}.", proposal.farm, stops(count)))? {
                return Ok(None);
            }
        }
    }
    let result = client.proposal_apply(&request)?;
    done(&result, shown, io, json)?;
    Ok(Some(result))
}
