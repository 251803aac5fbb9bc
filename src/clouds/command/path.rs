//! Paths into what programs print: `Instances[0].InstanceId`, `Tags[Key=grange].Value`, and for the
//! items of a list `Reservations[].Instances[]`.

use crate::base::ServerId;
use crate::model::{CloudState, Sighting};
use serde_json::Value;
use std::fmt;

/// Longest id or address a program may say.
const TEXT_BYTES_MAX: usize = 500;

/// A path, read and understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPath {
    parts: Vec<Part>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Field(String),
    Index(usize),
    /// The first element whose field has this text.
    Where(String, String),
    Each,
}

impl JsonPath {
    /// Reads a path as people write it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<JsonPath, String> {
        let wrong = |why: &str| format!("{text:?} is no path: {why}, as Instances[0].InstanceId");
        let (mut parts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, after) =
                    inner.split_once(']').ok_or_else(|| wrong("a bracket stays open"))?;
                parts.push(match (inside, inside.split_once('=')) {
                    ("", _) => Part::Each,
                    (_, Some((field, value))) => Part::Where(field.to_owned(), value.to_owned()),
                    _ => Part::Index(inside.parse().map_err(|_| wrong("[n] has a number"))?),
                });
                rest = after.strip_prefix('.').unwrap_or(after);
                if after.starts_with('.') && rest.is_empty() {
                    return Err(wrong("a name follows a dot"));
                }
                continue;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.is_empty() {
                return Err(wrong("names are separated by one dot"));
            }
            parts.push(Part::Field(name.to_owned()));
            let after = &rest[end..];
            rest = after.strip_prefix('.').unwrap_or(after);
            if after.starts_with('.') && rest.is_empty() {
                return Err(wrong("a name follows a dot"));
            }
        }
        Ok(JsonPath { parts, text: text.to_owned() })
    }

    /// Everything it leads to.
    pub fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for part in &self.parts {
            found = found.into_iter().flat_map(|value| part.of(value)).collect();
        }
        found
    }

    /// The one text or number it leads to; `None` where there is nothing.
    ///
    /// # Errors
    /// When it leads to what is neither, or to a text that is no word.
    pub fn text(&self, value: &Value) -> Result<Option<String>, String> {
        let text = match self.all(value).first() {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(format!("{self} leads to no text")),
        };
        let is_word = text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
        if is_word { Ok(Some(text)) } else { Err(format!("{self} leads to no word")) }
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Part::Field(name) => value.get(name).into_iter().collect(),
            Part::Index(index) => value.get(index).into_iter().collect(),
            Part::Each => value.as_array().into_iter().flatten().collect(),
            Part::Where(field, wanted) => {
                let has = |one: &&Value| one.get(field).and_then(Value::as_str) == Some(wanted);
                value.as_array().into_iter().flatten().find(has).into_iter().collect()
            }
        }
    }
}

/// One server as the list program shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedServer {
    /// The program's id of it.
    pub id: String,
    /// Our id of it, where it carries that.
    pub server: Option<ServerId>,
    /// What its own word for its state means.
    pub state: CloudState,
    /// Its address on its own network, if it says one.
    pub address: Option<String>,
    /// Where anybody reaches it, if it says so.
    pub public_address: Option<String>,
}

impl ListedServer {
    /// As the sighting of a server.
    pub fn sighting(self, server: ServerId) -> Sighting {
        Sighting {
            server,
            cloud_server_id: self.id,
            state: self.state,
            private_ips: self.address.into_iter().collect(),
            public_ips: self.public_address.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_where_it_says() {
        let value = json!({"Instances": [{"InstanceId": "i-1", "Tags": [
            {"Key": "Name", "Value": "x"}, {"Key": "grange", "Value": "y"}], "n": 7}], "e": ""});
        let check = |path: &str, expected: Result<Option<&str>, &str>| {
            let told = JsonPath::parse(path).and_then(|path| path.text(&value));
            match (&told, expected) {
                (Err(why), Err(part)) => assert!(why.contains(part), "{path}: {why}"),
                (told, expected) => assert_eq!(
                    told.as_ref().ok().map(|found| found.as_deref()),
                    expected.ok(),
                    "{path}: {told:?}"
                ),
            }
        };
        check("Instances[0].InstanceId", Ok(Some("i-1")));
        check("Instances[0].Tags[Key=grange].Value", Ok(Some("y")));
        check("Instances[0].n", Ok(Some("7")));
        check("Instances[1].InstanceId", Ok(None));
        check("e", Ok(None));
        check("Instances", Err("no text"));
        check("Instances[0", Err("a bracket stays open"));
        check("Instances[x].y", Err("a number"));
        check("Instances..y", Err("one dot"));
        check("Instances[0].", Err("follows a dot"));
        check(".y", Err("one dot"));
    }

    #[test]
    fn an_open_bracket_pair_means_each_element() {
        let value = json!({"r": [{"i": [1, 2]}, {"i": []}, {"i": [3]}]});
        let path = JsonPath::parse("r[].i[]").unwrap();
        assert_eq!(path.all(&value), [&json!(1), &json!(2), &json!(3)]);
        assert_eq!(JsonPath::parse("[]").unwrap().all(&json!([4])), [&json!(4)]);
    }
}
