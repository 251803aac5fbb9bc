//! The served description: Swagger 2.0 in Scalr's shape, from the table that dispatches.
//!
//! Scalr's own client reads three files before it does anything; the account and global ones
//! have no paths here, and say so by being empty.

use crate::api::flow;
use crate::api::routes::{self, Output, Row, Run};
use crate::api::shape::{self, Kind, Shape};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

/// The three services a description is served of.
pub const SERVICES: [&str; 3] = ["user", "account", "global"];

/// A description, as served.
pub fn response(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let yaml = HeaderValue::from_static("application/x-yaml; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, yaml);
    response
}

/// What `/` answers: that this is the right place, and where to go on.
pub async fn front_page() -> &'static str {
    concat!(
        "Grange ",
        env!("CARGO_PKG_VERSION"),
        "\n\nThis is its API. What it can do: /api/user.v1beta0.yml\n",
        "To look and act: grange --url https://<this address> --token-file FILE status\n"
    )
}

/// The description of a service as YAML.
pub fn text(service: &str) -> String {
    let mut yaml = String::new();
    write(&mut yaml, &document(service), 0);
    yaml
}

fn document(service: &str) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    if service == "user" {
        for row in routes::table() {
            let path = paths.entry(row.path).or_insert_with(|| json!({"parameters": at(row)}));
            path[row.method.to_lowercase()] = operation(row);
        }
        for shape in shape::all() {
            definitions.insert(shape.name.to_owned(), object(shape));
        }
        for row in routes::table() {
            envelope(row.output).into_iter().for_each(|(name, envelope)| {
                definitions.insert(name, envelope);
            });
        }
    }
    definitions.insert("ApiErrorResponse".to_owned(), error_envelope());
    json!({
        "swagger": "2.0",
        "info": {
            "title": format!("Grange {service} API"),
            "version": "v1beta0",
            "description": "Scalr's published API where it has one, ours under grange.",
        },
        "basePath": format!("/api/v1beta0/{service}"),
        "produces": ["application/json"],
        "paths": paths,
        "definitions": definitions,
    })
}

/// The parameters in a path.
fn at(row: &Row) -> Value {
    let names = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let (about, kind) = match name {
            "envId" => ("The number of the environment.", "integer"),
            "farmId" => ("The number of a farm.", "integer"),
            "farmRoleId" => ("The number of a farm role.", "integer"),
            "serverId" => ("The UUID of a server.", "string"),
            "cloudAccount" => ("The name of a cloud account.", "string"),
            "holdId" => ("The number of a hold.", "integer"),
            "globalVariableName" => ("The name of a global variable.", "string"),
            "noteId" => ("The number of a note.", "integer"),
            "runId" => ("The number of a run.", "integer"),
            "roleId" => ("The number of a role.", "integer"),
            "imageId" => ("The UUID of an image.", "string"),
            "planId" => ("The number of a plan.", "integer"),
            _ => ("The number of an order.", "integer"),
        };
        json!({"name": name, "in": "path", "required": true, "type": kind, "description": about})
    };
    names.map(parameter).collect()
}

fn operation(row: &Row) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    let filterable = |name: &str| {
        json!({"name": name, "in": "query", "required": false, "type": "string",
               "description": format!("Only what has this {name}.")})
    };
    // Scalr's client offers filters by itself, from `x-filterable`.
    if !matches!(row.output, Output::Page(_)) {
        parameters.extend(row.query.iter().map(|name| filterable(name)));
    }
    if let Some((name, shape)) = row.input {
        let required = !row.path.contains("/actions/");
        parameters.push(json!({"name": name, "in": "body", "required": required,
            "description": format!("The JSON representation of {shape}."),
            "schema": {"$ref": reference(shape)}}));
    }
    let (code, about) = match row.output {
        Output::Made(_) => ("201", "Made."),
        Output::Nothing => ("204", "Done."),
        Output::One(_) | Output::Page(_) | Output::List(_) => ("200", "Done."),
        Output::Stream(_) => ("200", "The lines follow while they come about."),
    };
    let mut responses = Map::new();
    let mut done = json!({"description": about});
    if let Some((name, _)) = envelope(row.output) {
        done["schema"] = json!({"$ref": reference(&name)});
    }
    if let Output::Stream(name) = row.output {
        done["schema"] = json!({"$ref": reference(name)});
    }
    responses.insert(code.to_owned(), done);
    for (code, about) in ERRORS {
        let schema = json!({"$ref": reference("ApiErrorResponse")});
        responses.insert(code.to_string(), json!({"description": about, "schema": schema}));
    }
    let mut operation = json!({"description": row.about, "responses": responses});
    if let Output::Stream(_) = row.output {
        operation["produces"] = json!([flow::LINES_OF_JSON]);
    }
    if let Run::Upload(_) = row.run {
        operation["consumes"] = json!(["application/octet-stream"]);
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    operation
}

const ERRORS: [(u16, &str); 9] = [
    (400, "The input is not acceptable; each fault names its field."),
    (401, "Nobody, or somebody unknown, is asking."),
    (403, "Not allowed."),
    (404, "No such thing, or no such route."),
    (409, "It is not in the state for that, or the name is taken."),
    (412, "It changed since the revision in If-Match."),
    (429, "A limit is reached."),
    (500, "A fault of the appliance's."),
    (503, "The appliance cannot answer just now."),
];

fn reference(name: &str) -> String {
    format!("#/definitions/{name}")
}

/// The definition of what wraps an answer.
fn envelope(output: Output) -> Option<(String, Value)> {
    let meta = json!({"type": "object"});
    let one = |name: &str| {
        let data = json!({"$ref": reference(name)});
        let properties = json!({"meta": meta, "data": data});
        (format!("{name}DetailsResponse"), json!({"properties": properties}))
    };
    let many = |name: &str| {
        let data = json!({"type": "array", "items": {"$ref": reference(name)}});
        let properties = json!({"meta": meta, "data": data, "pagination": {"type": "object"}});
        (format!("{name}ListResponse"), json!({"properties": properties}))
    };
    match output {
        Output::One(name) | Output::Made(name) => Some(one(name)),
        Output::Page(name) | Output::List(name) => Some(many(name)),
        Output::Stream(_) | Output::Nothing => None,
    }
}

fn error_envelope() -> Value {
    let text = json!({"type": "string"});
    let fault = json!({"properties": {"code": text, "message": text, "field": text}});
    let errors = json!({"type": "array", "items": fault});
    json!({"properties": {"meta": {"type": "object"}, "errors": errors}})
}

fn object(shape: &Shape) -> Value {
    let mut properties = Map::new();
    for field in shape.fields {
        let mut property = match field.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Integer => json!({"type": "integer"}),
            Kind::Number => json!({"type": "number"}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Integers => json!({"type": "array", "items": {"type": "integer"}}),
            Kind::Numbers => json!({"type": "array", "items": {"type": "number"}}),
            Kind::Of(name) => json!({"$ref": reference(name)}),
            Kind::ListOf(name) => json!({"type": "array", "items": {"$ref": reference(name)}}),
        };
        property["description"] = json!(field.about);
        if !shape.writable.contains(&field.name) {
            property["readOnly"] = json!(true);
        }
        properties.insert(field.name.to_owned(), property);
    }
    let filters = routes::table().find(|row| row.output == Output::Page(shape.name));
    let filterable = filters.map_or(&[][..], |row| &row.query);
    json!({"type": "object", "properties": properties, "x-filterable": filterable})
}

/// Writes a value as block YAML. Keys that are numbers stay numbers, as HTTP statuses must;
/// strings are written as JSON, which is YAML too.
fn write(yaml: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let number = key.bytes().all(|b| b.is_ascii_digit());
                let key = if number { key.clone() } else { json!(key).to_string() };
                yaml.push_str(&format!("{indent}{key}:"));
                nest(yaml, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                yaml.push_str(&format!("{indent}-"));
                nest(yaml, item, depth);
            }
        }
        scalar => yaml.push_str(&format!("{indent}{scalar}\n")),
    }
}

fn nest(yaml: &mut String, value: &Value, depth: usize) {
    let holds_more = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if holds_more {
        yaml.push('\n');
        write(yaml, value, depth + 1);
    } else {
        yaml.push_str(&format!(" {value}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_written_in_blocks_with_numbers_as_keys() {
        let mut yaml = String::new();
        write(&mut yaml, &json!({"a": {"200": ["x: y", {"b": null}]}, "c": {}, "d": []}), 0);
        let lines = ["\"a\":", "  200:", "    - \"x: y\"", "    -", "      \"b\": null"];
        let expected = format!("{}\n\"c\": {{}}\n\"d\": []\n", lines.join("\n"));
        assert_eq!(yaml, expected);
    }

    #[test]
    fn every_shape_a_route_names_is_defined() {
        let document = document("user");
        for row in routes::table() {
            let shape = match row.output {
                Output::One(n)
                | Output::Made(n)
                | Output::Page(n)
                | Output::List(n)
                | Output::Stream(n) => Some(n),
                Output::Nothing => None,
            };
            for name in shape.into_iter().chain(row.input.map(|(_, shape)| shape)) {
                let defined = !document["definitions"][name].is_null();
                assert!(defined, "{} {}: {name}", row.method, row.path);
            }
            let described = &document["paths"][row.path][row.method.to_lowercase()];
            assert_eq!(described["description"], row.about);
        }
    }
}
