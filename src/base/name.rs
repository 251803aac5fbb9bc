//! Names that people type: farms, aliases, roles.

use crate::base::ServerId;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A validated name: 1 to 63 of `a-z A-Z 0-9 -`, starting and ending with a letter or digit.
///
/// 63 is the longest label DNS allows (RFC 1035), and a name becomes part of a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Why a text is no name. Says what would be right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name: use 1 to 63 letters, digits and '-', with a letter or digit at both ends"
)]
pub struct NotAName(pub String);

impl Name {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Name, NotAName> {
        let bytes = text.as_bytes();
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let inside = bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        if bytes.len() <= 63 && inside && edge(bytes.first()) && edge(bytes.last()) {
            return Ok(Name(text.to_owned()));
        }
        Err(NotAName(text.chars().take(80).collect()))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two parts of what people say for something in a farm: `shop`, or `shop/web`, `shop/web-3`.
/// There are no empty parts, as in `shop/` or `/web`, and no third.
pub fn parts(said: &str) -> Result<(Name, Option<Name>), NotAName> {
    let not_a_name = || NotAName(said.chars().take(80).collect());
    let name = |text: &str| Name::new(text).map_err(|_| not_a_name());
    match said.split_once('/') {
        None => Ok((name(said)?, None)),
        Some((farm, rest)) => Ok((name(farm)?, Some(name(rest)?))),
    }
}

impl Name {
    /// The farm role whose server would be called this: `web` for `web-3`. A farm role of this
    /// name beside that one would make `shop/web-3` two things.
    pub fn server_of(&self) -> Option<Name> {
        let (alias, index) = self.0.rsplit_once('-')?;
        let counted = index.bytes().all(|b| b.is_ascii_digit()) && !index.starts_with('0');
        Name::new(alias).ok().filter(|_| counted)
    }

    /// Whether it could be taken for the id of a server, which is asked for in the same places.
    pub fn is_like_an_id(&self) -> bool {
        self.0.parse::<ServerId>().is_ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Name::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "shop", "web-1", "Web", "0"] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(64);
        for bad in ["", "-web", "web-", "we b", "we_b", "wéb", "a/b", long.as_str()] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_in_a_farm_has_two_parts() {
        let said = |text| {
            parts(text).ok().map(|(farm, rest)| (farm.to_string(), rest.map(|r| r.to_string())))
        };
        assert_eq!(said("shop"), Some(("shop".into(), None)));
        assert_eq!(said("shop/web-3"), Some(("shop".into(), Some("web-3".into()))));
        for bad in ["", " ", "/", "shop/", "/web", "shop//web", "a/b/c", "shop/web ", "shop /web"] {
            assert_eq!(said(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_a_server_could_be_called_is_known() {
        let check = |text: &str, of: Option<&str>| {
            let role = Name::new(text).unwrap().server_of();
            assert_eq!(role.as_ref().map(Name::as_str), of, "{text}");
        };
        check("web-1", Some("web"));
        check("web-400", Some("web"));
        check("web-2-1", Some("web-2"));
        check("web", None);
        check("web-01", None);
        check("web-a1", None);
        check("10", None);
        let id = "8d3c1f0a-1111-4222-8333-444455556666";
        assert!(
            Name::new(id).unwrap().is_like_an_id() && !Name::new("web").unwrap().is_like_an_id()
        );
    }
}
