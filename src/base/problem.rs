//! What went wrong, in the terms every door understands.
//!
//! Verbs of `service` return a [`Problem`]; the API maps its [`Code`] to a status and Scalr's
//! error code, the CLI to an exit code, the TUI to a line. Adapters have their own typed errors
//! and turn into problems where a verb handles them.

use crate::base::limit::FAULTS_TOLD_MAX;
use std::fmt;

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Problem>;

/// The kind of problem. Names follow Scalr's published error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A field's value is not acceptable. HTTP 400, exit 2.
    InvalidValue,
    /// The input has the wrong shape. HTTP 400, exit 2.
    InvalidStructure,
    /// The request itself makes no sense. HTTP 400, exit 2.
    BadRequest,
    /// Nobody, or somebody unknown, is asking. HTTP 401, exit 4.
    BadAuthentication,
    /// Known, but not allowed. HTTP 403, exit 4.
    PermissionViolation,
    /// No such thing. HTTP 404, exit 3.
    ObjectNotFound,
    /// No such route. HTTP 404, exit 3.
    EndpointNotFound,
    /// That name is taken. HTTP 409, exit 5.
    UnicityViolation,
    /// Somebody else is using it. HTTP 409, exit 5.
    ObjectInUse,
    /// Not in the state it is in. HTTP 409, exit 5.
    UnacceptableState,
    /// It changed since it was read (`If-Match`). HTTP 412, exit 5.
    RevisionConflict,
    /// A limit is reached; trying again later may help. HTTP 429, exit 6.
    LimitExceeded,
    /// The appliance cannot answer just now. HTTP 503, exit 6.
    ServiceUnavailable,
    /// A fault of ours. HTTP 500, exit 1.
    InternalServerError,
}

impl Code {
    /// Every kind there is.
    pub const ALL: [Code; 14] = [
        Code::InvalidValue,
        Code::InvalidStructure,
        Code::BadRequest,
        Code::BadAuthentication,
        Code::PermissionViolation,
        Code::ObjectNotFound,
        Code::EndpointNotFound,
        Code::UnicityViolation,
        Code::ObjectInUse,
        Code::UnacceptableState,
        Code::RevisionConflict,
        Code::LimitExceeded,
        Code::ServiceUnavailable,
        Code::InternalServerError,
    ];

    /// Its name, HTTP status and exit code, in one row so that no door has its own idea.
    fn row(self) -> (&'static str, u16, u8) {
        match self {
            Code::InvalidValue => ("InvalidValue", 400, 2),
            Code::InvalidStructure => ("InvalidStructure", 400, 2),
            Code::BadRequest => ("BadRequest", 400, 2),
            Code::BadAuthentication => ("BadAuthentication", 401, 4),
            Code::PermissionViolation => ("PermissionViolation", 403, 4),
            Code::ObjectNotFound => ("ObjectNotFound", 404, 3),
            Code::EndpointNotFound => ("EndpointNotFound", 404, 3),
            Code::UnicityViolation => ("UnicityViolation", 409, 5),
            Code::ObjectInUse => ("ObjectInUse", 409, 5),
            Code::UnacceptableState => ("UnacceptableState", 409, 5),
            Code::RevisionConflict => ("RevisionConflict", 412, 5),
            Code::LimitExceeded => ("LimitExceeded", 429, 6),
            Code::ServiceUnavailable => ("ServiceUnavailable", 503, 6),
            Code::InternalServerError => ("InternalServerError", 500, 1),
        }
    }

    /// Its published name.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that carries it.
    pub fn http_status(self) -> u16 {
        self.row().1
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(self) -> u8 {
        self.row().2
    }

    /// The kind of a published name.
    pub fn named(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == name)
    }
}

/// One clear error: a kind, a sentence, and where in the input it is.
#[derive(Debug)]
pub struct Problem {
    /// The kind.
    pub code: Code,
    /// What was wrong and what would be right, as one sentence.
    pub message: String,
    /// The field, path or line it concerns.
    pub field: Option<String>,
    /// Further faults of the same input, so that all are told at once.
    pub others: Vec<Problem>,
    /// What caused it.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(code: Code, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), field: None, others: Vec::new(), source: None }
    }

    /// A value that is not acceptable, with its field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { field: Some(field.into()), ..Problem::new(Code::InvalidValue, message) }
    }

    /// Nothing of that noun by that name or id.
    pub fn not_found(noun: &str, which: impl fmt::Display) -> Problem {
        Problem::new(Code::ObjectNotFound, format!("no {noun} {which}"))
    }

    /// A fault of ours while doing something, with its cause.
    pub fn internal(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Problem {
        Problem { source: Some(cause.into()), ..Problem::new(Code::InternalServerError, doing) }
    }

    /// Several faults as one problem; `None` when there are none. Past the bound they are only
    /// counted: an input can have more faults than anybody reads, and each is a sentence.
    pub fn all(faults: impl IntoIterator<Item = Problem>) -> Option<Problem> {
        let mut faults = faults.into_iter();
        let mut first = faults.next()?;
        first.others.extend(faults.by_ref().take(FAULTS_TOLD_MAX - 1));
        let untold = faults.count();
        if untold > 0 {
            let message = format!("and {untold} more faults that are not listed");
            first.others.push(Problem::new(first.code, message));
        }
        Some(first)
    }

    /// Two things that were read from one input, or the faults of both: whoever mends one field
    /// learns of the other at once.
    pub fn both<A, B>(one: Result<A>, other: Result<B>) -> Result<(A, B)> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
            (Err(mut first), Err(mut second)) => {
                let others = std::mem::take(&mut second.others);
                first.others.push(second);
                first.others.extend(others);
                Err(first)
            }
        }
    }

    /// Every fault, this one first.
    pub fn each(&self) -> impl Iterator<Item = &Problem> {
        std::iter::once(self).chain(self.others.iter())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

/// An error with all its causes on one line: `opening the store: permission denied`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_print_on_one_line() {
        let cause = std::io::Error::other("disk on fire");
        assert_eq!(
            chain(&Problem::internal("opening the store", cause)),
            "opening the store: disk on fire"
        );
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for code in Code::ALL {
            assert_eq!(Code::named(code.as_str()), Some(code));
        }
        assert_eq!(Code::named("Unheard"), None);
    }

    #[test]
    fn more_faults_than_anybody_reads_are_counted() {
        let faults = |count: usize| (0..count).map(|n| Problem::invalid(n.to_string(), "wrong"));
        let all = Problem::all(faults(FAULTS_TOLD_MAX)).unwrap();
        assert_eq!(all.each().count(), FAULTS_TOLD_MAX);
        let all = Problem::all(faults(90_000)).unwrap();
        assert_eq!(all.each().count(), FAULTS_TOLD_MAX + 1);
        let last = all.each().last().unwrap().to_string();
        assert_eq!(
            last,
            format!("and {} more faults that are not listed", 90_000 - FAULTS_TOLD_MAX)
        );
    }

    #[test]
    fn faults_travel_together() {
        let all =
            Problem::all(vec![Problem::invalid("a", "x"), Problem::invalid("b", "y")]).unwrap();
        let lines: Vec<String> = all.each().map(|p| p.to_string()).collect();
        assert_eq!(lines, ["a: x", "b: y"]);
        assert!(Problem::all([]).is_none());
    }
}
