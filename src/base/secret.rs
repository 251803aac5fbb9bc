//! Values that never print themselves.

use serde::{Deserialize, Serializer};
use std::fmt;

/// A secret text. `Debug` and `Display` show only that there is one; [`Secret::reveal`] is the
/// one way to read it, so that a search for that word finds every place that does. It cannot be
/// serialised by being a part of something: the few messages that have to carry one say
/// `serialize_with = "Secret::expose"`, and `tests/tidy` has the list of them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Writes the text itself, for a field that has to carry it to whom it is for.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn expose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.reveal())
    }

    /// The same for a field that may be without.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn expose_given<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.reveal()),
            None => serializer.serialize_none(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** Secret(***)");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
