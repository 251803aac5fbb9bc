//! JSON as it comes in: a field that is said twice is a fault. A parser would take the last, and
//! whoever wrote the first may have meant that.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Reads a value in which no object has a field twice.
///
/// # Errors
/// What is no JSON, and where; the name of a field that is there twice.
pub fn read(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = Once.deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

/// Reads one value; every field in it once.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Once)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("the field {name:?} is there twice")));
            }
            let value = fields.next_value_seed(Once)?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_a_parser_reads() {
        for text in [
            "null",
            "true",
            "[1, -2, 1.5, 1e300, 18446744073709551615, \"a\\u00e9\\n\"]",
            "{\"a\": {\"b\": []}, \"\": \"\"}",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        for text in ["", "{", "{}x", "nul", "{\"a\":1,}", "\"\\ud800\"", deep.as_str()] {
            assert!(read(text.as_bytes()).is_err(), "{text:.9}");
        }
    }

    #[test]
    fn a_field_twice_is_a_fault_wherever_it_is() {
        for text in ["{\"a\":1,\"a\":1}", "{\"b\":[{\"a\":1,\"\\u0061\":2}]}"] {
            let fault = read(text.as_bytes()).unwrap_err().to_string();
            assert!(fault.contains("the field \"a\" is there twice"), "{fault}");
        }
        assert!(read(b"{\"a\":{\"a\":1},\"b\":{\"a\":1}}").is_ok());
    }
}
