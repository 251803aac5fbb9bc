//! A role's recipe for one server: every template in it, over the live topology of its farm.
//!
//! Templates see `farm`, `server`, `ports` and `vars`, and nothing else:
//!
//! ```text
//! {{ports.http}}                                     a port of the role
//! {{server.name}} {{server.address}} {{server.index}}   the server the file is for
//! {{farm.role('db').addresses | join(',')}}          of the running servers of another farm role
//! {% for s in farm.role('db').servers %}{{s.hostname}} {{s.address}}{% endfor %}
//! {{farm.role('db').ports.sql}}                         a port of its role
//! {{vars.GREETING}}                                  a variable
//! ```
//!
//! A name that is not there is an error and never an empty text. Where it can be known it is told
//! when the role or its farm is declared ([`faults_of_template`], [`Unrendered::is_lasting`]); what
//! only the world can bring (the first database's address) is waited for. What a template may cost
//! is bounded in steps and in bytes: whoever may write a role is trusted with its servers, not with
//! the appliance's time.
//!
//! A server is given the variables that its role names anywhere ([`NamedWords`]): what it does not
//! use is not on it, and changes nothing there. Hidden variables go into files and into
//! environments. Not into commands, which every user of a machine can read, and not into what is
//! said of a template that fails.

mod asked;
mod scene;

pub use asked::{AskedFarmRole, farm_roles_asked};
pub use scene::{Scene, SceneServer, SceneUse, Tier};

use crate::automation::strict_environment;
use crate::base::limit::{TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX, VARIABLE_WORD_BYTES_MAX};
use crate::base::mask::Mask;
use crate::model::{Recipe, RoleFile, RoleService, Workload};
use asked::{TIER_FIELDS, farm_roles_in, unknown_helpers};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The server that a recipe is rendered for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stage {
    /// The server itself.
    pub server: SceneServer,
    /// Variables as they are for it.
    pub vars: BTreeMap<String, String>,
    /// Names of those whose values nobody is shown.
    pub hidden: BTreeSet<String>,
    /// Names of those that only setup has in its environment.
    pub of_setup: BTreeSet<String>,
}

/// The words of a recipe: a server is given the variables that its role names, and no others.
#[derive(Clone, Debug, Default)]
pub struct NamedWords {
    of_setup: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl NamedWords {
    /// The words of every text of a recipe that could be a variable's name.
    pub fn of(recipe: &Recipe) -> NamedWords {
        let files = recipe.files.iter().map(|file| &file.content);
        let services = recipe
            .services
            .iter()
            .flat_map(|service| service.command.iter().chain(service.environment.values()));
        NamedWords {
            of_setup: recipe.setup.iter().flat_map(|part| words(&part.script)).collect(),
            others: files.chain(services).flat_map(|text| words(text)).collect(),
        }
    }

    /// Whether the role names a variable.
    pub fn has(&self, name: &str) -> bool {
        self.others.contains(name) || self.of_setup.contains(name)
    }

    /// Whether only its setup does.
    pub fn is_of_setup(&self, name: &str) -> bool {
        self.of_setup.contains(name) && !self.others.contains(name)
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let may_be = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.len() <= VARIABLE_WORD_BYTES_MAX
    };
    words.filter(may_be).map(str::to_owned)
}

/// Why a recipe cannot be rendered for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrendered {
    /// Which part of the recipe, as `files: /etc/my-api.conf`.
    pub part: String,
    /// The line of the template, from 1; 0 where there is none.
    pub line: usize,
    /// What is wrong, for people.
    pub why: String,
    /// Whether no server that comes or goes mends it.
    pub is_lasting: bool,
}

impl Unrendered {
    /// What the server's variables are is not known.
    pub fn of_variables(why: String) -> Unrendered {
        Unrendered { part: "variables".to_owned(), line: 0, why, is_lasting: true }
    }
}

impl std::fmt::Display for Unrendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unrendered { part, line, why, .. } = self;
        match line {
            0 => write!(f, "{part}: {why}"),
            line => write!(f, "{part}, line {line}: {why}"),
        }
    }
}

/// Renders a recipe for a server. Says also what of the farm it comes from.
pub fn render(
    recipe: &Recipe,
    scene: &Scene,
    stage: &Stage,
) -> (Result<Workload, Unrendered>, SceneUse) {
    let used = Arc::new(Mutex::new(SceneUse::default()));
    let rendered = render_noting(recipe, scene.seen(&used), stage);
    let used = used.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (rendered, used)
}

fn render_noting(recipe: &Recipe, farm: Value, stage: &Stage) -> Result<Workload, Unrendered> {
    let hidden: Vec<String> =
        stage.hidden.iter().filter_map(|name| stage.vars.get(name)).cloned().collect();
    let rendered = Renderer::new(recipe, farm, stage).workload(recipe);
    let mask = Mask::new(&hidden);
    match rendered {
        Ok(rendered) => Ok(Workload { hidden, ..rendered }),
        Err(why) => Err(Unrendered { why: mask.text(&why.why), ..why }),
    }
}

/// What the templates of one server are rendered with.
struct Renderer<'a> {
    environment: Environment<'static>,
    stage: &'a Stage,
    /// What files and environments see.
    all: Value,
    /// What commands see.
    shown: Value,
}

impl<'a> Renderer<'a> {
    fn new(recipe: &Recipe, farm: Value, stage: &'a Stage) -> Renderer<'a> {
        let seen = |vars: BTreeMap<String, String>| {
            context! {
                farm => farm.clone(),
                server => stage.server.value(),
                ports => Value::from_pairs(recipe.ports.clone()),
                vars => Value::from_pairs(vars),
            }
        };
        let mut shown = stage.vars.clone();
        shown.retain(|name, _| !stage.hidden.contains(name));
        let (all, shown) = (seen(stage.vars.clone()), seen(shown));
        Renderer { environment: environment(), stage, all, shown }
    }

    fn workload(&self, recipe: &Recipe) -> Result<Workload, Unrendered> {
        Ok(Workload {
            setup: recipe.setup.clone(),
            files: recipe.files.iter().map(|file| self.file(file)).collect::<Result<_, _>>()?,
            services: recipe
                .services
                .iter()
                .map(|one| self.service(one))
                .collect::<Result<_, _>>()?,
            environment: self.environment_of(false),
            setup_environment: self.environment_of(true),
            hidden: Vec::new(),
        })
    }

    fn environment_of(&self, setup: bool) -> BTreeMap<String, String> {
        let mut vars = self.stage.vars.clone();
        vars.retain(|name, _| self.stage.of_setup.contains(name) == setup);
        vars
    }

    fn file(&self, file: &RoleFile) -> Result<RoleFile, Unrendered> {
        if !file.template {
            return Ok(file.clone());
        }
        let content = self.fill(&self.all, &format!("files: {}", file.path), &file.content)?;
        Ok(RoleFile { content, template: false, ..file.clone() })
    }

    fn service(&self, service: &RoleService) -> Result<RoleService, Unrendered> {
        let part = format!("services: {}", service.name);
        let word = |word: &String| {
            self.fill(&self.shown, &part, word).map_err(|why| self.shown_to_all(word, why))
        };
        let value = |(name, value): (&String, &String)| {
            Ok((name.clone(), self.fill(&self.all, &part, value)?))
        };
        Ok(RoleService {
            command: service.command.iter().map(word).collect::<Result<_, _>>()?,
            environment: service.environment.iter().map(value).collect::<Result<_, _>>()?,
            ..service.clone()
        })
    }

    fn fill(&self, context: &Value, part: &str, text: &str) -> Result<String, Unrendered> {
        fill(&self.environment, context, part, text).map_err(|why| match why.is_lasting {
            true => why,
            false => self.without_value(text, why),
        })
    }

    /// Names the variables that a template asks for and the server does not have.
    fn without_value(&self, text: &str, why: Unrendered) -> Unrendered {
        let missing: Vec<String> = variables_in(&self.environment, text)
            .into_iter()
            .filter(|name| !self.stage.vars.contains_key(name))
            .collect();
        match missing.is_empty() {
            true => why,
            false => Unrendered {
                why: format!("no value of variable {}: grange variable set", missing.join(", ")),
                ..why
            },
        }
    }

    /// Why a hidden variable is not there for a command.
    fn shown_to_all(&self, text: &str, why: Unrendered) -> Unrendered {
        let asked = variables_in(&self.environment, text);
        let quoted =
            |name: &str| ["'", "\""].iter().any(|q| text.contains(&format!("{q}{name}{q}")));
        let is_asked = |name: &&String| asked.contains(*name) || quoted(name);
        match self.stage.hidden.iter().find(is_asked) {
            Some(name) => Unrendered {
                why: format!(
                    "variable {name} is hidden, and a command is shown to every user of the \
                     server: have it read from its environment or from a file"
                ),
                is_lasting: true,
                ..why
            },
            None => why,
        }
    }
}

/// Variables that a template asks for by their names.
fn variables_in(environment: &Environment<'_>, text: &str) -> BTreeSet<String> {
    let Ok(template) = environment.template_from_str(text) else { return BTreeSet::new() };
    let names = template.undeclared_variables(true).into_iter();
    let of_vars = |name: String| name.strip_prefix("vars.")?.split('.').next().map(str::to_owned);
    names.filter_map(of_vars).collect()
}

/// Variables without which a recipe cannot be rendered, each with the part that asks for it. A
/// template that can do without some is not looked at.
pub fn variables_needed(recipe: &Recipe) -> Vec<(String, String)> {
    let environment = environment();
    let files = recipe.files.iter().filter(|file| file.template);
    let files = files.map(|file| (format!("files: {}", file.path), &file.content));
    let services = recipe.services.iter().flat_map(|service| {
        let texts = service.command.iter().chain(service.environment.values());
        texts.map(|text| (format!("services: {}", service.name), text))
    });
    let mut needed = Vec::new();
    for (part, text) in files.chain(services) {
        if ["default", "d(", "defined"].iter().any(|word| text.contains(word)) {
            continue;
        }
        needed
            .extend(variables_in(&environment, text).into_iter().map(|name| (part.clone(), name)));
    }
    needed
}

/// What is wrong with one template of a role with these ports, whatever farm it is used in.
pub fn faults_of_template(
    part: &str,
    text: &str,
    ports: &BTreeMap<String, u16>,
) -> Vec<Unrendered> {
    let environment = environment();
    let template = match environment.template_from_str(text) {
        Ok(template) => template,
        Err(error) => return vec![unrendered(part, &error)],
    };
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    let wrong = names.iter().filter_map(|name| unknown(name, ports));
    let fault = |(line, why)| Unrendered { part: part.to_owned(), line, why, is_lasting: true };
    let asked = farm_roles_in(part, text).into_iter().filter_map(|asked| {
        let field = asked.field.filter(|field| !TIER_FIELDS.contains(&field.as_str()))?;
        let known = TIER_FIELDS.join(", ");
        let why = format!("`{field}` is not known of a farm role, only {known}");
        Some((asked.line, why))
    });
    let placed = asked.chain(unknown_helpers(&environment, text));
    wrong.map(|why| (0, why)).chain(placed).map(fault).collect()
}

/// Why a name in a template is none, as far as the recipe alone can say.
fn unknown(name: &str, ports: &BTreeMap<String, u16>) -> Option<String> {
    let mut words = name.split('.');
    let first = words.next().unwrap_or_default();
    match (first, words.next()) {
        ("range" | "dict" | "namespace", None) => None,
        ("ports", Some(port)) if !ports.contains_key(port) => {
            let known: Vec<&str> = ports.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Some(format!("`{name}` is no port of the role, which has {known}"))
        }
        ("server", Some(field)) if !SceneServer::FIELDS.contains(&field) => Some(format!(
            "`{name}` is not known of a server, only {}",
            SceneServer::FIELDS.join(", ")
        )),
        ("farm", Some(field)) if !matches!(field, "name" | "role" | "roles") => {
            Some(format!("`{name}` is not known of a farm, only name, role('ALIAS') and roles"))
        }
        ("farm" | "server" | "ports" | "vars", _) => None,
        _ => Some(format!("`{name}` is not known: templates see farm, server, ports and vars")),
    }
}

fn environment() -> Environment<'static> {
    let mut environment = strict_environment();
    environment.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .expect("the usual delimiters are no conflict"),
    );
    environment.set_fuel(Some(TEMPLATE_STEPS_MAX));
    // These make a text of any length in one step.
    for filter in ["indent", "format"] {
        environment.remove_filter(filter);
    }
    environment
}

fn fill(
    environment: &Environment<'_>,
    context: &Value,
    part: &str,
    text: &str,
) -> Result<String, Unrendered> {
    if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
        return Ok(text.to_owned());
    }
    let mut out = Bounded(Vec::new());
    let rendered = environment
        .template_from_str(text)
        .and_then(|template| template.render_captured_to(context.clone(), &mut out));
    if let Err(error) = rendered {
        return Err(unrendered(part, &error));
    }
    String::from_utf8(out.0).map_err(|_| Unrendered {
        part: part.to_owned(),
        line: 0,
        why: "what it comes to is no UTF-8".to_owned(),
        is_lasting: true,
    })
}

fn unrendered(part: &str, error: &Error) -> Unrendered {
    let detail = error.detail().map(str::to_owned);
    let why = match error.kind() {
        ErrorKind::OutOfFuel => format!("it takes more than {TEMPLATE_STEPS_MAX} steps"),
        ErrorKind::WriteFailure => {
            format!("it comes to more than {TEMPLATE_OUTPUT_BYTES_MAX} bytes")
        }
        ErrorKind::UndefinedError => detail.unwrap_or_else(|| "a name in it has no value".into()),
        kind => match detail {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    let (line, is_lasting) = (error.line().unwrap_or(0), error.kind() != ErrorKind::UndefinedError);
    Unrendered { part: part.to_owned(), line, why, is_lasting }
}

/// Takes no more than a template may come to.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > TEMPLATE_OUTPUT_BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
