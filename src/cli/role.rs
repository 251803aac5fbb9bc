//! `grange role`.

use super::manifest::{ask_and_carry, done};
use crate::base::text::escape_lines;
use crate::base::time::say;
use crate::base::{Code, Problem, Timestamp};
use crate::cli::args::{Format, Listing, Showing, said};
use crate::cli::{Done, Io, Stop, list, name, table};
use crate::client::Client;
use crate::wire::api::farms;
use crate::wire::columns::role_revisions::ROLE_REVISIONS as REVISIONS;
use crate::wire::columns::roles::ROLES;
use crate::wire::deed::Deed;
use crate::wire::input::{RoleExtra, RoleFilter, RoleView};
use crate::wire::manifest::role::sources;
use crate::wire::role::{
    ROLE_APPLY, ROLE_CLONE, ROLE_MANIFEST, ROLE_REMOVE, ROLE_REVISIONS, ROLE_UPGRADE, RoleApplied,
    RoleCloneInput, RoleManifestAsked, RoleManifestRequest, RoleManifestView, RoleSource,
    RoleUpgradeRequest,
};
use clap::Subcommand;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Verbs of a role.
#[derive(Debug, Subcommand)]
pub enum RoleVerb {
    /// Make a role, or its next revision, of a manifest; nothing that runs changes
    #[command(after_help = "Example: grange role apply -f my-api.yaml")]
    Apply {
        /// The manifest; - reads it from standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Say what would change and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List roles
    List(Listing),
    /// Show a role; with -o yaml as the manifest that makes it
    #[command(after_help = "Example: grange role show my-api -o yaml > my-api.yaml")]
    Show {
        /// Its name
        #[arg(value_parser = said::role)]
        role: String,
        /// With -o yaml: which revision of it, instead of the current one
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u64>,
        #[command(flatten)]
        showing: Showing,
    },
    /// Copy the current revision of a role under another name
    #[command(after_help = "Example: grange role clone haproxy my-balancer")]
    Clone {
        /// Its name
        #[arg(value_parser = said::role)]
        role: String,
        /// The copy's name
        #[arg(value_parser = said::role)]
        copy: String,
    },
    /// Delete a role that no farm role uses, with its revisions
    Delete {
        /// Its name
        #[arg(value_parser = said::role)]
        role: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the revisions of a role that are kept, the current one first
    Revisions {
        /// Its name
        #[arg(value_parser = said::role)]
        role: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Let farm roles take up a revision of their role; their servers are rolled over to it
    #[command(after_help = "Example: grange role upgrade my-api --farm shop")]
    Upgrade {
        /// Its name
        #[arg(value_parser = said::role)]
        role: String,
        /// Only in this farm
        #[arg(long, value_parser = said::farm)]
        farm: Option<String>,
        /// Which revision, instead of the current one
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u64>,
        /// Do not ask, even when servers would be stopped
        #[arg(long)]
        yes: bool,
    },
}

/// Carries out a verb.
pub fn carry(verb: RoleVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        RoleVerb::Apply { file, dry_run } => apply(&file, dry_run, client, io, json),
        RoleVerb::List(listing) => list::list(&ROLES, &listing, io, json, |asked| {
            let name = asked.exactly("role").map(str::to_owned);
            let filter = RoleFilter { name, ..RoleFilter::default() };
            Ok(client.rows_kept(&farms::ROLES, &[], &filter, &|role| asked.takes(role))?)
        }),
        RoleVerb::Show { role, revision, showing } => {
            show(&role, revision, showing, client, io, json)
        }
        RoleVerb::Clone { role, copy } => {
            let from = name::role(client, &role)?;
            let made = client.ask(&ROLE_CLONE, &[&from.id], &RoleCloneInput { name: copy })?;
            match json {
                true => io.json(&made)?,
                false => put_line!(io.stdout, "role {} is a copy of role {role}", made.name)?,
            }
            Ok(0)
        }
        RoleVerb::Delete { role, yes } => delete(&role, yes, client, io, json),
        RoleVerb::Revisions { role, listing } => list::list(&REVISIONS, &listing, io, json, |_| {
            let role = name::role(client, &role)?;
            Ok(client.rows(&ROLE_REVISIONS, &[&role.id])?)
        }),
        RoleVerb::Upgrade { role, farm, revision, yes } => {
            let asked = Upgrade { role: name::role(client, &role)?, revision, yes };
            asked.carry(farm.as_deref(), client, io, json)
        }
    }
}

fn apply(file: &Path, dry_run: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let manifest = io.text(file)?;
    let sources = beside(file, &manifest, io)?;
    let request = RoleManifestRequest { manifest, sources, dry_run };
    let applied = client.ask(&ROLE_APPLY, &[], &request)?;
    if json {
        io.json(&applied)?;
        return Ok(0);
    }
    let RoleApplied { role, role_revision, changes, behind, .. } = &applied;
    let how = match (changes.is_empty(), dry_run) {
        (true, _) => "nothing changes",
        (false, true) => "would change",
        (false, false) => "applied",
    };
    put_line!(io.stdout, "role {role}, revision {role_revision}: {how}")?;
    changes.iter().try_for_each(|change| put_line!(io.stdout, "  {change}"))?;
    let title = format!("go on with another revision (grange role upgrade {role} changes that)");
    table::lines(io, &title, behind)?;
    Ok(0)
}

/// The texts of the files that a manifest names, which are below its directory: also by the way
/// that symbolic links lead.
fn beside(file: &Path, manifest: &str, io: &mut Io<'_>) -> Result<Vec<RoleSource>, Problem> {
    let names = sources(manifest);
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let within = |path: &Path, io: &Io<'_>| -> io::Result<bool> {
        Ok(io.files.real(path)?.starts_with(io.files.real(directory)?))
    };
    let mut found = Vec::new();
    for name in names {
        let path = directory.join(&name);
        // One that is not there is told by reading it.
        if let Ok(false) = within(&path, io) {
            let text = format!("leads out of {}: put the file there", directory.display());
            return Err(Problem::invalid(name, text));
        }
        let text = io.text(&path)?;
        found.push(RoleSource { path: name, text });
    }
    Ok(found)
}

fn show(
    role: &str,
    revision: Option<u64>,
    showing: Showing,
    client: &Client,
    io: &mut Io<'_>,
    json: bool,
) -> Done {
    let found = name::role(client, role)?;
    if showing.format(json) == Format::Yaml {
        let text = manifest(&found, revision, client)?.manifest;
        // Only a terminal obeys what is in a text.
        let text = if io.terminal { escape_lines(&text) } else { text.as_str().into() };
        io.put(Path::new("-"), &text)?;
        return Ok(0);
    }
    if revision.is_some() {
        let text = "--revision goes with -o yaml, which shows that revision as a manifest";
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    let now = Timestamp(client.status()?.now);
    let text = manifest(&found, None, client)?.manifest;
    list::show(&found, role, showing, io, json, |io| facts(&found, &text, now, io))
}

fn manifest(
    role: &RoleView,
    role_revision: Option<u64>,
    client: &Client,
) -> Result<RoleManifestView, Stop> {
    Ok(client.show_where(&ROLE_MANIFEST, &[&role.id], &RoleManifestAsked { role_revision })?)
}

fn facts(role: &RoleView, manifest: &str, now: Timestamp, io: &mut Io<'_>) -> io::Result<()> {
    let RoleExtra { role_revision, built_in, created_by, created_at, used_by, .. } = &role.grange;
    let made = match (built_in, created_at) {
        (true, _) => "built in".to_owned(),
        (false, at) => format!("by {created_by}, {} ago", say(now.since(Timestamp(*at)))),
    };
    let facts = [
        ("role", role.name.clone()),
        ("description", role.description.clone()),
        ("revision", role_revision.to_string()),
        ("made", made),
    ];
    let facts: Vec<(&str, String)> =
        facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect();
    table::facts(io, &facts)?;
    let uses: Vec<String> = used_by
        .iter()
        .map(|used| format!("{}: revision {}", used.farm_role, used.role_revision))
        .collect();
    table::lines(io, "used by", &uses)?;
    // What it says, without what stands there already.
    let said = |line: &&str| !line.starts_with(['#']) && !line.starts_with("role:");
    let said = |line: &&str| said(line) && !line.starts_with("description:");
    let lines: Vec<String> = manifest.lines().filter(said).map(str::to_owned).collect();
    table::lines(io, "what it says", &lines)
}

fn delete(role: &str, yes: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let found = name::role(client, role)?;
    if !io.agreed(Deed::DeleteRole, role, 0, yes)? {
        return Ok(1);
    }
    client.remove(&ROLE_REMOVE, &[&found.id])?;
    match json {
        true => io.json(&serde_json::json!({"id": found.id}))?,
        false => put_line!(io.stdout, "role {role} is deleted; the journal keeps what it was")?,
    }
    Ok(0)
}

/// A revision that farm roles are to take up.
struct Upgrade {
    role: RoleView,
    revision: Option<u64>,
    yes: bool,
}

impl Upgrade {
    /// Farm by farm, each in one commit; 1 when a person said no to one.
    fn carry(&self, farm: Option<&str>, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
        let role = &self.role.name;
        let number = self.revision.unwrap_or(self.role.grange.role_revision);
        let farms = self.farms(farm)?;
        if farms.is_empty() && !json {
            put_line!(io.stdout, "role {role}: whatever uses it uses revision {number} already")?;
        }
        let mut code = 0;
        for farm in farms.into_keys() {
            let ask = |dry_run: bool, fingerprint: Option<String>| {
                let role_revision = Some(number);
                let request = RoleUpgradeRequest { farm, role_revision, dry_run, fingerprint };
                client.ask(&ROLE_UPGRADE, &[&self.role.id], &request)
            };
            if self.yes {
                done(&ask(false, None)?, false, io, json)?;
            } else if ask_and_carry(ask, io, json)?.is_none() {
                code = 1;
            }
        }
        Ok(code)
    }

    /// The farms with something to take up, by number, with their names.
    fn farms(&self, only: Option<&str>) -> Result<BTreeMap<u64, String>, Stop> {
        let number = self.revision.unwrap_or(self.role.grange.role_revision);
        let mut farms = BTreeMap::new();
        let mut is_used = false;
        for used in &self.role.grange.used_by {
            let farm = used.farm_role.split('/').next().unwrap_or_default();
            if only.is_some_and(|only| only != farm) {
                continue;
            }
            is_used = true;
            if used.role_revision != number {
                farms.insert(used.farm, farm.to_owned());
            }
        }
        match only {
            Some(only) if !is_used => {
                let text = format!("farm {only} has no farm role of role {}", self.role.name);
                Err(Problem::new(Code::ObjectNotFound, text).into())
            }
            _ => Ok(farms),
        }
    }
}
