//! The API's objects as YAML.
//!
//! Only what every reader of YAML 1.1 and 1.2 takes alike: block style, two spaces a level, keys
//! bare where they are plain words, and every text in double quotes with JSON's escapes, which YAML
//! shares. So nothing that somebody named can become a number, a date, a key or a line of its own.

use crate::base::text::is_hidden;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// An object as YAML, without the last line's end.
pub fn text(data: &impl Serialize) -> serde_json::Result<String> {
    let mut text = String::new();
    let value = serde_json::to_value(data)?;
    match &value {
        Value::Array(_) | Value::Object(_) if !is_empty(&value) => block(&mut text, &value, 0),
        scalar => text.push_str(&inline(scalar)),
    }
    Ok(text.trim_end_matches('\n').to_owned())
}

/// A value on lines of its own, each so deep, with the line's end behind it.
fn block(out: &mut String, value: &Value, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Array(items) => {
            for item in items {
                let _ = write!(out, "{pad}-");
                inside(out, item, depth, true);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let _ = write!(out, "{pad}{}:", key(name));
                inside(out, field, depth, false);
            }
        }
        scalar => {
            let _ = writeln!(out, "{pad}{}", inline(scalar));
        }
    }
}

/// A value behind a dash or a key: on the same line where it has one, else below it. What is below
/// a dash begins on its line.
fn inside(out: &mut String, value: &Value, depth: usize, dash: bool) {
    let nested = matches!(value, Value::Array(_) | Value::Object(_)) && !is_empty(value);
    if !nested {
        let _ = writeln!(out, " {}", inline(value));
        return;
    }
    let mut below = String::new();
    block(&mut below, value, depth + 1);
    if dash {
        let _ = write!(out, " {}", below.trim_start_matches(' '));
    } else {
        let _ = write!(out, "\n{below}");
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// On one line: JSON is YAML there.
///
/// But for what JSON leaves as it is although nobody sees it: beyond `\u{ffff}` JSON would escape
/// it as two halves, which in YAML are two characters that are none.
fn inline(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match u32::from(c) {
            code if !is_hidden(c) && !matches!(code, 0xfffe | 0xffff) => text.push(c),
            code @ 0..=0xffff => text.push_str(&format!("\\u{code:04x}")),
            code => text.push_str(&format!("\\U{code:08x}")),
        }
    }
    text
}

fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        // Truth values of YAML 1.1.
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
            .contains(&name.to_lowercase().as_str());
    if plain { name.to_owned() } else { inline(&Value::String(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(value: &Value) -> String {
        let mut text = String::new();
        block(&mut text, value, 0);
        text
    }

    #[test]
    fn what_nobody_sees_is_escaped_as_yaml_has_it() {
        let value = json!("\u{1b}\u{7f}\u{9b}\u{202e}\u{e0001}\u{ffff}é😀");
        let expected = "\"\\u001b\\u007f\\u009b\\u202e\\U000e0001\\uffffé😀\"";
        assert_eq!(inline(&value), expected);
    }

    #[test]
    fn objects_lists_and_odd_texts() {
        let value = json!([
            {"id": 1, "name": "no", "tags": [], "farm": {"id": "1", "yes": null},
             "lines": ["a: b\n- c", "#d", "\u{1b}[31m"], "deep": [[1, 2], {"x y": {}}]},
            2.5,
            []
        ]);
        let text = written(&value);
        let expected = concat!(
            "- deep:\n",
            "    - - 1\n",
            "      - 2\n",
            "    - \"x y\": {}\n",
            "  farm:\n",
            "    id: \"1\"\n",
            "    \"yes\": null\n",
            "  id: 1\n",
            "  lines:\n",
            "    - \"a: b\\n- c\"\n",
            "    - \"#d\"\n",
            "    - \"\\u001b[31m\"\n",
            "  name: \"no\"\n",
            "  tags: []\n",
            "- 2.5\n",
            "- []\n",
        );
        assert_eq!(text, expected);
    }
}
