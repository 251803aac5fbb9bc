//! `grange rollout`.

use crate::base::{Code, Problem};
use crate::cli::args::{Listing, Showing, said};
use crate::cli::{Done, Io, list, name};
use crate::client::Client;
use crate::wire::api::FarmRoleView;
use crate::wire::columns::revisions::REVISIONS;
use crate::wire::deed::Deed;
use crate::wire::rollout::{RolloutVerb as Verb, RolloutView};
use clap::Subcommand;

/// Verbs of rollouts. Each is told a farm role, as shop/web.
#[derive(Debug, Subcommand)]
pub enum RolloutVerb {
    /// Show how it stands
    Show {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        #[command(flatten)]
        showing: Showing,
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
    /// Declare a revision of before once more, and roll over to it
    Rollback {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        /// Which one, as `grange rollout history` numbers them; the one before without it
        #[arg(long, value_name = "NUMBER")]
        to: Option<u64>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the revisions that are kept, the declared one first
    History {
        /// A farm role, as shop/web
        #[arg(value_parser = said::farm_role)]
        what: String,
        #[command(flatten)]
        listing: Listing,
    },
}

/// Does one of them.
pub fn carry(verb: RolloutVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let (what, said, yes) = match verb {
        RolloutVerb::Show { what, showing } => {
            let role = name::farm_role(client, &what)?;
            let rollout = client.rollout(role.id)?;
            return list::show(&rollout, &what, showing, io, json, |io| facts(&role, &rollout, io));
        }
        // `--json` by itself always gave the rollout that the history is a part of.
        RolloutVerb::History { what, listing } if json && listing.is_bare() => {
            io.json(&client.rollout(name::farm_role(client, &what)?.id)?)?;
            return Ok(0);
        }
        RolloutVerb::History { what, listing } => {
            return list::list(&REVISIONS, &listing, io, json, |_| {
                Ok(client.rollout(name::farm_role(client, &what)?.id)?.revisions)
            });
        }
        RolloutVerb::Pause { what } => (what, Verb::Pause, false),
        RolloutVerb::Resume { what, yes } => (what, Verb::Resume, yes),
        RolloutVerb::Abort { what, yes } => (what, Verb::Abort, yes),
        RolloutVerb::Rollback { what, to, yes } => {
            return rollback(&what, to, yes, client, io, json);
        }
    };
    let id = name::farm_role(client, &what)?.id;
    // Where there is none to say it of, nobody is asked whether they mean it.
    if client.rollout(id)?.state == "none" {
        let text = format!("no rollout of {what} is under way");
        return Err(Problem::new(Code::UnacceptableState, text).into());
    }
    if !io.agreed(Deed::Rollout(said), &what, 0, yes)? {
        return Ok(1);
    }
    let rollout = client.rollout_say(id, said)?;
    match json {
        true => io.json(&rollout)?,
        false => {
            let verb = said.as_str();
            put_line!(io.stdout, "{}: {verb}, as soon as the next plan", rollout.about)?;
        }
    }
    Ok(0)
}

/// Whoever is asked is told the number, and what is sent has it: said twice, it is done once.
fn rollback(
    what: &str,
    to: Option<u64>,
    yes: bool,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let id = name::farm_role(client, what)?.id;
    let to = match to {
        Some(number) => Some(number),
        None => client.rollout(id)?.before,
    };
    // Where there is none to go back to, it is refused, and nobody is asked.
    if let Some(number) = to {
        let revision = format!("revision {number} of {what}");
        if !io.agreed(Deed::Rollout(Verb::Rollback), &revision, 0, yes)? {
            return Ok(1);
        }
    }
    let rollout = client.rollback(id, to)?;
    match json {
        true => io.json(&rollout)?,
        false => {
            let RolloutView { about, .. } = &rollout;
            let to = rollout.revisions.first().map_or(rollout.to, |revision| revision.number);
            put_line!(io.stdout, "{about}: rollback to revision {to}, as soon as the next plan")?;
        }
    }
    Ok(0)
}

fn facts(role: &FarmRoleView, rollout: &RolloutView, io: &mut Io<'_>) -> std::io::Result<()> {
    put_line!(io.stdout, "{}", line(rollout))?;
    // At its minimum a farm role is as calm as can be.
    let waits = role.grange.waiting.iter().filter(|w| !w.starts_with("at the minimum"));
    for waiting in waits.filter(|_| rollout.state != "none") {
        put_line!(io.stdout, "  waits: {waiting}")?;
    }
    Ok(())
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
