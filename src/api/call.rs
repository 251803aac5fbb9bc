//! What a row of the table is given, and how it reads it.
//!
//! Everything that comes from outside is read here: path parameters, filters, paging, `If-Match`
//! and the body. A fault names its field, and all faults of one input are told at once.

use crate::api::answer::{Reply, pagination, value};
use crate::api::{body, json};
use crate::base::limit::{
    API_PAGE_MAX, API_QUERY_MAX, PAGE_NUMBER_MAX, QUERY_TEXT_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::base::text::{self, Kind};
use crate::base::{Code, Problem, Result, Timestamp};
use crate::model::Actor;
use crate::wire::api::route::{Parameters, Query};
use crate::wire::input::{Page, Slice};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::str::FromStr;

/// One request, read as far as every row needs it.
pub struct Call {
    /// Who is asking.
    pub actor: Actor,
    /// The path as it was asked, for links to other pages.
    pub path: String,
    /// Path parameters by name.
    pub params: Vec<(String, String)>,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// `If-Match`.
    pub revision: Option<u64>,
    /// The body.
    pub body: body::Read,
    /// What time it is.
    pub now: Timestamp,
}

/// Which page was asked for, and how to ask for another one.
pub struct Paging {
    /// The page.
    pub page: Page,
    path: String,
    rest: Vec<(String, String)>,
}

impl Paging {
    /// Path and query of another page of the same list.
    pub fn link(&self, number: usize) -> String {
        let mut link = format!("{}?", self.path);
        for (name, value) in &self.rest {
            link.push_str(&format!("{name}={}&", encode(value)));
        }
        link.push_str(&format!("maxResults={}&pageNum={number}", self.page.size));
        link
    }
}

impl Call {
    /// A path parameter. What does not parse is no such thing, rather than a fault of form: the
    /// path is an address.
    pub fn param<T: FromStr>(&self, name: &str, noun: &str) -> Result<T> {
        let text = self.params.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        text.parse().map_err(|_| Problem::not_found(noun, format!("{text:?}")))
    }

    /// A query parameter as it is; [`Call::only`] has seen that it says something.
    pub fn text(&self, name: &str) -> Option<String> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.clone())
    }

    /// A query parameter of a type; `expected` is how that is said to people.
    pub fn query<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let wrong = |_| Problem::invalid(name, format!("{text:?} is not {expected}"));
        text.parse().map(Some).map_err(wrong)
    }

    /// What the query asks, as a type.
    pub fn asked<Q: Query>(&self) -> Result<Q> {
        let (mut asked, mut read) = (Q::default(), Read { call: self, fault: None });
        asked.each(&mut read);
        read.fault.map_or(Ok(asked), Err)
    }

    /// Refuses query parameters the row does not know, that say nothing or that are there twice: a
    /// filter that is misspelt, or empty because a script's variable was, must not show all.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        if self.query.len() > API_QUERY_MAX {
            let message = format!("the query has more than {API_QUERY_MAX} parameters");
            return Err(Problem::new(Code::BadRequest, message));
        }
        let mut faults = Vec::new();
        for (place, (name, value)) in self.query.iter().enumerate() {
            let twice = self.query.iter().take(place).any(|(before, _)| before == name);
            let fault = if !known.contains(&name.as_str()) {
                Some(format!("unknown parameter; there are: {}", known.join(", ")))
            } else if twice {
                Some("given twice: say it once".to_owned())
            } else if value.trim().is_empty() {
                Some("is empty: give it a value, or leave it out to ask for all".to_owned())
            } else {
                text::fault(value, Kind::Line, QUERY_TEXT_BYTES_MAX)
            };
            faults.extend(fault.map(|fault| Problem::invalid(name, fault)));
        }
        Problem::all(faults).map_or(Ok(()), Err)
    }

    /// The page asked for.
    pub fn paging(&self) -> Result<Paging> {
        let size = self.query::<usize>("maxResults", "a number")?.unwrap_or(API_PAGE_MAX);
        let number = self.query::<usize>("pageNum", "a number")?.unwrap_or(1);
        if !(1..=API_PAGE_MAX).contains(&size) {
            let range = format!("must be from 1 to {API_PAGE_MAX}");
            return Err(Problem::invalid("maxResults", range));
        }
        if !(1..=PAGE_NUMBER_MAX).contains(&number) {
            let range = format!("must be from 1 to {PAGE_NUMBER_MAX}");
            return Err(Problem::invalid("pageNum", range));
        }
        let own = |name: &str| matches!(name, "maxResults" | "pageNum");
        let rest = self.query.iter().filter(|(name, _)| !own(name)).cloned().collect();
        Ok(Paging { page: Page { number, size }, path: self.path.clone(), rest })
    }

    /// A page of a list, as a reply.
    pub fn page<T: Serialize>(
        &self,
        fetch: impl FnOnce(Page) -> Result<Slice<T>>,
    ) -> Result<Reply> {
        let paging = self.paging()?;
        let slice = fetch(paging.page)?;
        let pagination = pagination(&paging, slice.total);
        Ok(Reply::Page { rows: value(&slice.items)?, pagination })
    }

    /// The body as an input. Our inputs are flat and no field of theirs is required by form, so
    /// each field can be tried alone: that is how every faulty one is found and named.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T> {
        let object = match self.body.bytes.iter().all(u8::is_ascii_whitespace) {
            true => Map::new(),
            false => object(&self.body.bytes)?,
        };
        let alone = |(name, value): (&String, &Value)| {
            let one = Map::from_iter([(name.clone(), value.clone())]);
            let shape = T::deserialize_of(one).err().map(|e| field_fault(name, e));
            shape.or_else(|| text_fault(name, value))
        };
        if let Some(problem) = Problem::all(object.iter().filter_map(alone)) {
            return Err(problem);
        }
        T::deserialize_of(object).map_err(|e| structure(e, None))
    }
}

trait FromObject: Sized {
    fn deserialize_of(object: Map<String, Value>) -> serde_json::Result<Self>;
}

impl<T: DeserializeOwned> FromObject for T {
    fn deserialize_of(object: Map<String, Value>) -> serde_json::Result<T> {
        serde_json::from_value(Value::Object(object))
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>> {
    match json::read(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(structure("the body must be a JSON object", None)),
        Err(e) => {
            let place = format!("line {} column {}", e.line(), e.column());
            let text = e.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            Err(structure(format!("not JSON: {what}"), Some(place)))
        }
    }
}

fn field_fault(name: &str, error: serde_json::Error) -> Problem {
    let text = error.to_string();
    match text.starts_with("unknown field") {
        true => structure(text, Some(name.to_owned())),
        false => Problem::invalid(name, text),
    }
}

/// Fields that carry a document with a grammar of its own, or what a program is given: whoever
/// reads one checks it, and a program may be given any byte.
const DOCUMENTS: [&str; 6] =
    ["manifest", "proposal", "command", "sources.text", "value", "options.value"];

/// What is wrong with the texts of a field: every text that comes in by the API is checked here,
/// whatever else its verb asks of it. A description may have several lines.
fn text_fault(name: &str, value: &Value) -> Option<Problem> {
    let kind = match name {
        _ if DOCUMENTS.contains(&name) => return None,
        "description" => Kind::Lines,
        _ => Kind::Line,
    };
    match value {
        Value::String(text) => text::check(name, text, kind, TEXT_BYTES_MAX).err(),
        Value::Array(items) => items.iter().find_map(|item| text_fault(name, item)),
        Value::Object(fields) => {
            fields.iter().find_map(|(inner, value)| text_fault(&format!("{name}.{inner}"), value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn structure(message: impl Display, field: Option<String>) -> Problem {
    Problem { field, ..Problem::new(Code::InvalidStructure, message.to_string()) }
}

/// Reads a query's parameters until one cannot be read.
struct Read<'a> {
    call: &'a Call,
    fault: Option<Problem>,
}

impl Parameters for Read<'_> {
    fn parameter<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        wrong: &str,
        value: &mut Option<T>,
    ) {
        let Some(text) = self.call.text(name) else { return };
        match text.parse() {
            Ok(read) => *value = Some(read),
            Err(_) if self.fault.is_some() => {}
            Err(_) => self.fault = Some(Problem::invalid(name, format!("{text:?} is {wrong}"))),
        }
    }
}

/// Reads `If-Match`: `"7"`, `7`, or `*` for any.
pub fn revision(header: Option<&str>) -> Result<Option<u64>> {
    match header.map(|text| text.trim().trim_matches('"')) {
        None | Some("*") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Problem::invalid("If-Match", "must be a revision as the ETag header gave it")
        }),
    }
}

/// Decodes a query string (`application/x-www-form-urlencoded`).
pub fn pairs(query: &str) -> Vec<(String, String)> {
    // One more than there may be, so that too many are seen; they cost nothing.
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .take(API_QUERY_MAX + 1)
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        let (decoded, width) = match (byte, escaped) {
            (b'%', Some(decoded)) => (decoded, 3),
            (b'+', _) => (b' ', 1),
            (other, _) => (other, 1),
        };
        plain.push(decoded);
        at += width;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::input::ScalingInput;
    use crate::wire::role::RoleManifestRequest;
    use crate::wire::variable::VariableInput;

    fn call(query: &str, body: &str) -> Call {
        Call {
            actor: Actor::job("test"),
            path: "/x/".into(),
            params: Vec::new(),
            query: pairs(query),
            revision: None,
            body: body.into(),
            now: Timestamp(0),
        }
    }

    #[test]
    fn every_faulty_field_is_named() {
        let check = |body: &str, expected: &[&str]| {
            let problem = call("", body).input::<ScalingInput>().unwrap_err();
            let lines: Vec<String> = problem.each().map(ToString::to_string).collect();
            assert_eq!(lines.len(), expected.len(), "{body}: {lines:?}");
            for (line, start) in lines.iter().zip(expected) {
                assert!(line.starts_with(start), "{body}: {line}");
            }
        };
        check(r#"{"minInstances":"two"}"#, &["minInstances: invalid type: string"]);
        check(r#"{"maxInstances":-1,"minInstances":[]}"#, &["maxInstances: ", "minInstances: "]);
        check(r#"{"min":1}"#, &["min: unknown field `min`"]);
        check("[]", &["the body must be a JSON object"]);
        check("{\"minInstances\": 1,\n oops}", &["line 2 column 2: not JSON: key must be"]);
        check("nonsense", &["line 1 column 2: not JSON: expected ident"]);
    }

    #[test]
    fn what_programs_read_has_lines_and_tabs_and_names_have_not() {
        let role = |path: &str| {
            let body = serde_json::json!({
                "manifest": "role: a\n", "sources": [{"path": path, "text": "a:\n\tb\r\n"}],
            });
            call("", &body.to_string()).input::<RoleManifestRequest>()
        };
        assert_eq!(role("a.sh").unwrap().sources[0].text, "a:\n\tb\r\n");
        assert_eq!(role("a\n.sh").unwrap_err().field.as_deref(), Some("sources.path"));
        let variable = call("", r#"{"value": "-----BEGIN\nMII\n"}"#).input::<VariableInput>();
        assert_eq!(variable.unwrap().value.unwrap().reveal(), "-----BEGIN\nMII\n");
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        assert_eq!(call("", " \n").input::<ScalingInput>().unwrap(), ScalingInput::default());
    }

    #[test]
    fn pages_link_to_each_other_and_keep_their_filters() {
        let check = |query: &str, total, prev: Option<&str>, next: Option<&str>| {
            let pagination = pagination(&call(query, "").paging().unwrap(), total);
            assert_eq!((pagination.prev.as_deref(), pagination.next.as_deref()), (prev, next));
        };
        check("", 100, None, None);
        check("", 101, None, Some("/x/?maxResults=100&pageNum=2"));
        let first = "/x/?name=a%20b&maxResults=10&pageNum=1";
        check("name=a+b&pageNum=2&maxResults=10", 20, Some(first), None);
        check("pageNum=9&maxResults=10", 20, Some("/x/?maxResults=10&pageNum=2"), None);
    }

    #[test]
    fn paging_has_bounds() {
        for query in [
            "maxResults=0",
            "maxResults=101",
            "pageNum=0",
            "pageNum=x",
            "pageNum=18446744073709551615",
        ] {
            assert!(call(query, "").paging().is_err(), "{query}");
        }
    }

    #[test]
    fn revisions_are_read_as_they_are_written() {
        assert_eq!(revision(Some("\"7\"")).unwrap(), Some(7));
        assert_eq!(revision(Some("*")).unwrap(), None);
        assert!(revision(Some("latest")).is_err());
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        let check = |text: &str, plain: &str| assert_eq!(decode(text), plain);
        check("shop%2Fweb-3", "shop/web-3");
        check("100%", "100%");
        check("%zz%4", "%zz%4");
    }
}
