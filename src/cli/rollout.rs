//! `grange rollout`.

use crate::base::Timestamp;
use crate::cli::args::said;
use crate::cli::table::{self, Cell};
use crate::cli::{Done, Io, name};
use crate::client::Client;
use crate::wire::deed::Deed;
use crate::wire::rollout::{RevisionView, RolloutVerb as Verb, RolloutView};
use clap::Subcommand;

/// Verbs of rollouts. Each is told a farm role, as shop/web.
#[derive(Debug, Subcommand)]
pub enum RolloutVerb {
    /// Show how it stands
    Show {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
    },
    /// Begin no further batch
    Pause {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
    },
    /// Go on, also past a checkpoint or a failure
    Resume {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// End it, and go back to the revision it came from
    Abort {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Declare the revision before once more, and roll over to it
    Rollback {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the revisions that are kept, the declared one first
    History {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
    },
}

/// Does one of them.
pub fn carry(verb: RolloutVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let (what, said, yes, history) = match verb {
        RolloutVerb::Show { what } => (what, None, false, false),
        RolloutVerb::History { what } => (what, None, false, true),
        RolloutVerb::Pause { what } => (what, Some(Verb::Pause), false, false),
        RolloutVerb::Resume { what, yes } => (what, Some(Verb::Resume), yes, false),
        RolloutVerb::Abort { what, yes } => (what, Some(Verb::Abort), yes, false),
        RolloutVerb::Rollback { what, yes } => (what, Some(Verb::Rollback), yes, false),
    };
    let role = name::farm_role(client, &what)?;
    let id = role.id;
    if let Some(verb) = said
        && !io.agreed(Deed::Rollout(verb), &what, 0, yes)?
    {
        return Ok(1);
    }
    let rollout = match said {
        None => client.rollout(id)?,
        Some(verb) => client.rollout_say(id, verb)?,
    };
    match (json, history, said) {
        (true, _, _) => io.json(&rollout)?,
        (false, true, _) => list(&rollout, io)?,
        (false, false, None) => {
            put_line!(io.stdout, "{}", line(&rollout))?;
            // At its minimum a farm role is as calm as can be.
            let waits = role.grange.waiting.iter().filter(|w| !w.starts_with("at the minimum"));
            for waiting in waits.filter(|_| rollout.state != "none") {
                put_line!(io.stdout, "  waits: {waiting}")?;
            }
        }
        (false, false, Some(verb)) => {
            let verb = verb.as_str();
            put_line!(io.stdout, "{}: {verb}, as soon as the next plan", rollout.about)?;
        }
    }
    Ok(0)
}

fn line(rollout: &RolloutView) -> String {
    let RolloutView { about, state, from, to, ready, of, failed, .. } = rollout;
    if state == "none" {
        return format!("{about} is at revision {to}, {ready} of {of} running");
    }
    let failed = match failed {
        0 => String::new(),
        failed => format!(", {failed} did not get ready"),
    };
    let floor = match (rollout.maintenance, rollout.healthy_min) {
        (true, _) => "; balancers show a maintenance page".to_owned(),
        (false, 0) => String::new(),
        (false, floor) => format!("; {} healthy, {floor} must stay so", rollout.healthy),
    };
    let at = rollout.wanted();
    format!(
        "{about} from revision {from} to {to}: {state}, {ready} of {of} at revision {at}\
         {failed}{floor}"
    )
}

fn list(rollout: &RolloutView, io: &mut Io<'_>) -> std::io::Result<()> {
    let row = |revision: &RevisionView| {
        let left = revision.left_at.map(|at| Timestamp(at).to_string()).unwrap_or_default();
        let left = left.get(..16).map(|left| format!("{} UTC", left.replace('T', " ")));
        vec![
            Cell::from(revision.number),
            Cell::from(&revision.role),
            Cell::from(&revision.platform),
            Cell::from(&revision.instance_type),
            Cell::from(u64::from(revision.servers)),
            Cell::from(&left.unwrap_or_else(|| "declared".to_owned())),
        ]
    };
    let heading = ["REVISION", "ROLE", "CLOUD", "SIZE", "SERVERS", "UNTIL"];
    table::write(io, &heading, rollout.revisions.iter().map(row).collect())
}
