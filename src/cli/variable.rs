//! `grange variable`, and `grange rotate-key`.

use crate::base::limit::SECRET_BYTES_MAX;
use crate::base::{Code, Problem, Secret};
use crate::cli::args::{Listing, Showing, said};
use crate::cli::{Done, Io, Stop, list, name, table};
use crate::client::{Client, Error};
use crate::wire::api::route::NoBody;
use crate::wire::columns::variables::{VARIABLES, scope_word};
use crate::wire::sealing::{KEY_ROTATE, RotateKeyInput};
use crate::wire::variable::{
    VariableInput, VariableView, environment, farm, farm_role, installation, server,
};
use clap::{Args as Group, Subcommand};
use std::fmt::Display;
use std::path::PathBuf;

/// Verbs of a variable.
#[derive(Debug, Subcommand)]
pub enum VariableVerb {
    /// Declare a variable, change it, or give one that is inherited a value in a scope
    #[command(after_help = "Examples: grange variable set shop MODE=prod\n          \
                            grange variable set shop/db PASSWORD --hidden --value-from -")]
    Set(Box<VariableSet>),
    /// Show a variable as a scope has it
    Get {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        showing: Showing,
    },
    /// List the variables of a scope, with those it inherits
    List {
        /// installation, environment, a farm, a farm role as shop/web, a server as shop/web-3
        #[arg(value_parser = said::something)]
        scope: String,
        #[command(flatten)]
        listing: Box<Listing>,
    },
    /// Remove a variable, or the value it has in a scope
    Unset {
        #[command(flatten)]
        which: Which,
        /// Do not ask, even when roles use it
        #[arg(long)]
        yes: bool,
    },
}

/// Which variable, in which scope.
#[derive(Debug, Group)]
pub struct Which {
    /// installation, environment, a farm, a farm role as shop/web, a server as shop/web-3
    #[arg(value_parser = said::something)]
    scope: String,
    /// Its name
    #[arg(value_parser = said::something)]
    name: String,
}

/// What is set of a variable.
#[derive(Debug, Group)]
pub struct VariableSet {
    /// installation, environment, a farm, a farm role as shop/web, a server as shop/web-3
    #[arg(value_parser = said::something)]
    scope: String,
    /// Its name, and for one that is not hidden its value
    #[arg(value_name = "NAME[=VALUE]", value_parser = said::something)]
    variable: String,
    /// Read the value from this file, or with - from standard input, without its last line break
    #[arg(long, value_name = "FILE")]
    value_from: Option<PathBuf>,
    /// Nobody is shown its value; said when it is declared, and then for good
    #[arg(long)]
    hidden: bool,
    /// Whether scopes further in may not give it another value: true or false
    #[arg(long, value_name = "BOOL")]
    locked: Option<bool>,
    /// Where it needs a value before a farm is launched: environment, farm, farmrole, or none
    #[arg(long, value_name = "KIND", value_parser = said::something)]
    required_in: Option<String>,
    /// A regular expression that the whole of each value matches
    #[arg(long, value_name = "REGEX", value_parser = said::something)]
    pattern: Option<String>,
    /// How a value is written where it is used, as %05d
    #[arg(long, value_name = "FORMAT", value_parser = said::something)]
    format: Option<String>,
    /// What it is listed under
    #[arg(long, value_name = "WORD", value_parser = said::something)]
    category: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Carries out a verb.
pub fn carry(verb: VariableVerb, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    match verb {
        VariableVerb::Set(args) => set(*args, client, io, json),
        VariableVerb::Get { which, showing } => {
            let scope = SaidScope::of(client, &which.scope)?;
            let variable = scope.show(client, &which.name)?;
            list::show(&variable, &variable.name, showing, io, json, |io| facts(&variable, io))
        }
        VariableVerb::List { scope, listing } => {
            let scope = SaidScope::of(client, &scope)?;
            list::list(&VARIABLES, &listing, io, json, |asked| {
                Ok(scope.list(client, &|variable| asked.takes(variable))?)
            })
        }
        VariableVerb::Unset { which, yes } => {
            let Which { scope, name } = which;
            let of = SaidScope::of(client, &scope)?;
            let used_by = if yes { Vec::new() } else { of.show(client, &name)?.used_by };
            if !used_by.is_empty() && !io.confirm(&in_use(&name, &scope, &used_by))? {
                return Ok(1);
            }
            of.remove(client, &name)?;
            match json {
                true => io.json(&serde_json::json!({"name": name}))?,
                false => put_line!(io.stdout, "variable {name} is removed from {scope}")?,
            }
            Ok(0)
        }
    }
}

fn in_use(name: &str, scope: &str, used_by: &[String]) -> String {
    /// Names in one question.
    const NAMED: usize = 10;
    let more = match used_by.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let used = used_by[..used_by.len().min(NAMED)].join(", ");
    format!("Remove variable {name} from {scope}? It is used by {used}{more}.")
}

/// Replaces the key that seals hidden values.
pub fn rotate_key(lost: bool, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let done = client.ask(&KEY_ROTATE, &[], &RotateKeyInput { lost })?;
    if json {
        io.json(&done)?;
        return Ok(0);
    }
    put_line!(io.stdout, "key {} seals from now on; sealed anew: {}", done.key, done.resealed)?;
    if done.closed > 0 {
        let closed = done.closed;
        put_line!(io.stderr, "{closed} hidden values do not open: set them anew")?;
    }
    Ok(0)
}

fn set(args: VariableSet, client: &Client, io: &mut Io<'_>, json: bool) -> Done {
    let (name, typed) = match args.variable.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(Secret::new(value))),
        None => (args.variable.clone(), None),
    };
    if typed.is_some() && args.hidden {
        return Err(refuse_typed());
    }
    if typed.is_some() && args.value_from.is_some() {
        let text = "the value is given twice: leave out =VALUE";
        return Err(Problem::invalid("value-from", text).into());
    }
    let scope = SaidScope::of(client, &args.scope)?;
    let known = match scope.show(client, &name) {
        Ok(known) => Some(known),
        Err(Stop::Client(error)) if error.code() == Some(Code::ObjectNotFound) => None,
        Err(error) => return Err(error),
    };
    if typed.is_some() && known.as_ref().is_some_and(|known| known.hidden) {
        return Err(refuse_typed());
    }
    let value = match &args.value_from {
        Some(path) => Some(value_of(&io.text(path)?)?),
        None => typed,
    };
    let input = VariableInput {
        value,
        category: args.category,
        description: args.description,
        hidden: args.hidden.then_some(true),
        locked: args.locked,
        required_in: args.required_in.map(|kind| if kind == "none" { String::new() } else { kind }),
        validation_pattern: args.pattern,
        output_format: args.format,
        ..VariableInput::default()
    };
    let set = match known {
        Some(_) => scope.change(client, &name, &input)?,
        None => scope.declare(client, &VariableInput { name: Some(name), ..input })?,
    };
    match json {
        true => io.json(&set)?,
        false => put_line!(io.stdout, "variable {} is set in {}", set.name, args.scope)?,
    }
    Ok(0)
}

/// A command line is seen by everybody on the machine, and is kept by shells.
fn refuse_typed() -> Stop {
    let text =
        "the value of a hidden variable is not for the command line: --value-from FILE, or -";
    Problem::invalid("variable", text).into()
}

fn value_of(text: &str) -> Result<Secret, Problem> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() <= SECRET_BYTES_MAX {
        true => Ok(Secret::new(text)),
        false => {
            let text = format!("at most {SECRET_BYTES_MAX} bytes");
            Err(Problem::new(Code::InvalidValue, text))
        }
    }
}

fn facts(variable: &VariableView, io: &mut Io<'_>) -> std::io::Result<()> {
    let said = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), scope_word);
    let value = match (variable.hidden, &variable.defined_in) {
        (true, Some(_)) => "******** (hidden)".to_owned(),
        _ => variable.computed_value.clone().unwrap_or_else(|| "-".to_owned()),
    };
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    table::facts(
        io,
        &[
            ("name", variable.name.clone()),
            ("value", value),
            ("value from", said(&variable.defined_in)),
            ("declared in", scope_word(&variable.declared_in)),
            ("hidden", yes(variable.hidden)),
            ("locked", yes(variable.locked)),
            ("required in", said(&variable.required_in)),
            ("pattern", variable.validation_pattern.clone()),
            ("format", variable.output_format.clone()),
            ("category", variable.category.clone()),
            ("description", variable.description.clone()),
            ("used by", variable.used_by.join(", ")),
        ],
    )
}

/// A scope that is there, as a person said it.
enum SaidScope {
    Installation,
    Environment,
    Farm(u64),
    FarmRole(u64),
    Server(String),
}

/// Calls a route of a scope with the numbers in its path.
macro_rules! ask {
    ($scope:expr, $route:ident, |$at:ident, $called:ident| $call:expr) => {
        match $scope {
            SaidScope::Installation => {
                let ($called, $at): (_, Vec<&dyn Display>) = (&installation::$route, vec![]);
                $call
            }
            SaidScope::Environment => {
                let ($called, $at): (_, Vec<&dyn Display>) = (&environment::$route, vec![]);
                $call
            }
            SaidScope::Farm(id) => {
                let ($called, $at): (_, Vec<&dyn Display>) = (&farm::$route, vec![id]);
                $call
            }
            SaidScope::FarmRole(id) => {
                let ($called, $at): (_, Vec<&dyn Display>) = (&farm_role::$route, vec![id]);
                $call
            }
            SaidScope::Server(id) => {
                let ($called, $at): (_, Vec<&dyn Display>) = (&server::$route, vec![id]);
                $call
            }
        }
    };
}

impl SaidScope {
    /// `installation` and `environment` are these two also where a farm is called so.
    fn of(client: &Client, text: &str) -> Result<SaidScope, Stop> {
        match text {
            "installation" => return Ok(SaidScope::Installation),
            "environment" => return Ok(SaidScope::Environment),
            _ => {}
        }
        let text = said::thing(text).map_err(|fault| Problem::invalid("scope", fault))?;
        let is_id = text.parse::<crate::base::ServerId>().is_ok();
        let Some((_, rest)) = text.split_once('/') else {
            return match is_id {
                true => Ok(SaidScope::Server(text)),
                false => Ok(SaidScope::Farm(name::farm(client, &text)?.id)),
            };
        };
        // `web-3` is a server where there is one, else the alias of a farm role.
        let role = name::farm_role(client, &text);
        match role {
            Ok(role) => Ok(SaidScope::FarmRole(role.id)),
            Err(none) if rest.rsplit_once('-').is_none() => Err(none),
            Err(_) => Ok(SaidScope::Server(name::server(client, &text)?.id)),
        }
    }

    fn list(
        &self,
        client: &Client,
        keep: &dyn Fn(&VariableView) -> bool,
    ) -> Result<Vec<VariableView>, Error> {
        ask!(self, LIST, |at, route| client.rows_kept(route, &at, &NoBody, &keep))
    }

    fn show(&self, client: &Client, name: &str) -> Result<VariableView, Stop> {
        Ok(ask!(self, SHOW, |at, route| {
            let mut at = at;
            at.push(&name);
            client.show(route, &at)
        })?)
    }

    fn declare(&self, client: &Client, input: &VariableInput) -> Result<VariableView, Error> {
        ask!(self, DECLARE, |at, route| client.ask(route, &at, input))
    }

    fn change(
        &self,
        client: &Client,
        name: &str,
        input: &VariableInput,
    ) -> Result<VariableView, Error> {
        ask!(self, CHANGE, |at, route| {
            let mut at = at;
            at.push(&name);
            client.ask(route, &at, input)
        })
    }

    fn remove(&self, client: &Client, name: &str) -> Result<(), Error> {
        ask!(self, REMOVE, |at, route| {
            let mut at = at;
            at.push(&name);
            client.remove(route, &at)
        })
    }
}
