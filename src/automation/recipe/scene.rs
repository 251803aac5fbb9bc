//! A farm as the templates of its servers see it, and what of it one rendering looked at.
//!
//! A rendering that is done again comes to the same as long as all that it looked at is the same.
//! So what a template asks of its farm is noted while it asks ([`SceneUse`]): whoever remembers
//! what it came to compares that part alone, and a server that comes to one farm role costs nothing
//! where no template asks for it.

use crate::base::hash::sha256;
use minijinja::value::{Object, Value};
use minijinja::{Error, ErrorKind, State, context};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A farm as the templates of all its servers see it.
#[derive(Clone, Debug)]
pub struct Scene {
    name: String,
    roles: Value,
    /// What each farm role comes to, by alias: to be compared, not to be shown.
    digests: BTreeMap<String, [u8; 32]>,
}

/// What a rendering looked at of its farm, beside the farm's name, which never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneUse {
    /// Farm roles by alias, also those that were asked for and are not there.
    roles: BTreeSet<String>,
    /// All of them, and which there are.
    all: bool,
}

/// A farm role as templates see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tier {
    /// Ports of its role by name.
    pub ports: BTreeMap<String, u16>,
    /// Its servers that run and stay, by index.
    pub servers: Vec<SceneServer>,
}

/// A server as templates see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SceneServer {
    /// `shop/web-1`.
    pub name: String,
    /// `web-1`.
    pub hostname: String,
    /// Its index in its farm role, from 1.
    pub index: u32,
    /// The address others of its farm reach it at.
    pub address: String,
}

impl Scene {
    /// A farm by its name, with every farm role of it by alias.
    pub fn new(farm: &str, roles: &BTreeMap<String, Tier>) -> Scene {
        let digests = roles.iter().map(|(alias, tier)| (alias.clone(), tier.digest())).collect();
        let roles = roles.iter().map(|(alias, tier)| (alias.clone(), tier.value()));
        Scene { name: farm.to_owned(), roles: Value::from_pairs(roles), digests }
    }

    /// What the part of it comes to that a rendering looked at. Two that are equal render the same
    /// for it, and look at the same part.
    pub fn digest_of(&self, used: &SceneUse) -> [u8; 32] {
        let mut text = self.name.clone().into_bytes();
        let asked = used.roles.iter().map(|alias| (alias, self.digests.get(alias)));
        let all = self.digests.iter().map(|(alias, digest)| (alias, Some(digest)));
        let (asked, all) = match used.all {
            true => (None, Some(all)),
            false => (Some(asked), None),
        };
        for (alias, digest) in asked.into_iter().flatten().chain(all.into_iter().flatten()) {
            text.push(0);
            text.extend(alias.as_bytes());
            text.push(0);
            text.extend(digest.map_or(&[][..], |digest| &digest[..]));
        }
        sha256(&text)
    }

    /// As one rendering sees it, which notes what it looks at.
    pub(super) fn seen(&self, used: &Arc<Mutex<SceneUse>>) -> Value {
        let (name, roles, used) = (self.name.clone(), self.roles.clone(), used.clone());
        Value::from_object(FarmValue { name, roles, used })
    }
}

impl Tier {
    fn value(&self) -> Value {
        let addresses: Vec<Value> =
            self.servers.iter().map(|server| Value::from(&server.address)).collect();
        let servers: Vec<Value> = self.servers.iter().map(SceneServer::value).collect();
        let ports = Value::from_pairs(self.ports.clone());
        context! { addresses, servers, count => self.servers.len(), ports }
    }

    fn digest(&self) -> [u8; 32] {
        // Every text in quotes, so that none can be taken for two.
        sha256(format!("{self:?}").as_bytes())
    }
}

impl SceneServer {
    pub(super) const FIELDS: [&'static str; 4] = ["name", "hostname", "index", "address"];

    pub(super) fn value(&self) -> Value {
        context! {
            name => self.name.as_str(),
            hostname => self.hostname.as_str(),
            index => self.index,
            address => self.address.as_str(),
        }
    }
}

/// `farm` in a template.
#[derive(Debug)]
struct FarmValue {
    name: String,
    roles: Value,
    used: Arc<Mutex<SceneUse>>,
}

impl FarmValue {
    fn note(&self, what: impl FnOnce(&mut SceneUse)) {
        what(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Object for FarmValue {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "name" => Some(Value::from(&self.name)),
            "roles" => {
                self.note(|used| used.all = true);
                Some(self.roles.clone())
            }
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let invalid = |why: String| Error::new(ErrorKind::InvalidOperation, why);
        if method != "role" {
            return Err(invalid(format!("a farm has no {method}(), only role('ALIAS')")));
        }
        let [alias] = args else {
            return Err(invalid("role() takes the alias of a farm role".to_owned()));
        };
        self.note(|used| match alias.as_str() {
            Some(alias) => drop(used.roles.insert(alias.to_owned())),
            None => used.all = true,
        });
        let tier = self.roles.get_item(alias)?;
        if tier.is_undefined() {
            return Err(invalid(format!("the farm has no farm role {alias}")));
        }
        Ok(tier)
    }
}
