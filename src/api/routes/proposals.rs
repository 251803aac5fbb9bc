//! Manifests and signed proposals: declaring a farm, and what that would change.

use super::{Output, Row, Run};
use crate::api::answer::{Reply, value};
use crate::service::farms::manifests;
use crate::service::plans::proposals;

/// Rows of these nouns.
pub const ROWS: &[Row] = &[
    Row {
        method: "POST",
        path: "/{envId}/grange/manifests/",
        about: "Declares what a manifest says, or with dryRun says what that would change.",
        query: &[],
        input: Some(("manifest", "Manifest")),
        output: Output::One("ManifestResult"),
        run: Run::Verb(|on, call| {
            let result = manifests::apply(&on.service, &call.actor, &call.input()?)?;
            Ok(Reply::One(value(&result)?, None))
        }),
    },
    Row {
        method: "GET",
        path: "/{envId}/grange/farms/{farmId}/manifest/",
        about: "Shows a farm as a manifest, which changes nothing when it is applied.",
        query: &[],
        input: None,
        output: Output::One("FarmManifest"),
        run: Run::Verb(|on, call| {
            let manifest =
                manifests::export(&on.service, &call.actor, call.param("farmId", "farm")?)?;
            Ok(Reply::One(value(&manifest)?, None))
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/proposals/",
        about: "Makes a signed proposal of what a manifest would change, for a change ticket.",
        query: &[],
        input: Some(("proposal", "ProposalRequest")),
        output: Output::Made("Proposal"),
        run: Run::Verb(|on, call| {
            let proposal = proposals::make(&on.service, &call.actor, &call.input()?)?;
            Ok(Reply::Made(value(&proposal)?, None))
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/proposals/check/",
        about: "Shows a signed proposal, and whether it could still be applied.",
        query: &[],
        input: Some(("proposal", "ProposalText")),
        output: Output::One("Proposal"),
        run: Run::Verb(|on, call| {
            let proposal = proposals::check(&on.service, &call.actor, &call.input()?)?;
            Ok(Reply::One(value(&proposal)?, None))
        }),
    },
    Row {
        method: "POST",
        path: "/{envId}/grange/proposals/apply/",
        about: "Applies a signed proposal once: exactly what it says, or nothing.",
        query: &[],
        input: Some(("proposal", "ProposalText")),
        output: Output::One("ManifestResult"),
        run: Run::Verb(|on, call| {
            let result = proposals::apply(&on.service, &call.actor, &call.input()?)?;
            Ok(Reply::One(value(&result)?, None))
        }),
    },
];
