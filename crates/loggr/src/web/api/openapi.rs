//! The OpenAPI 3.1 document, made of the table of endpoints and of the types of their answers.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::call::{Answer, json as answer};
use super::params::{Parameter, Takes};
use super::{Endpoint, Sent, all};
use crate::web::door::said::Ways;
use crate::web::problem::Problem;

/// Where it is.
pub const PATH: &str = "/api/openapi.json";

/// `GET /api/openapi.json`
pub fn document() -> Answer {
    answer(&written())
}

/// The document.
pub fn written() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut types = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in all() {
        let of = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        of[endpoint.method.to_ascii_lowercase()] = operation(endpoint, &mut types);
    }
    let schemas = types.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "loggr",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Searches the events of loggr, shows what it does, and changes what becomes of events.",
            "license": { "name": "GPL-3.0-or-later" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }, {}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "loggr" },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, types: &mut SchemaGenerator) -> Value {
    let parameters = endpoint.parameters.iter().flat_map(|table| table.iter());
    let parameters: Vec<Value> = parameters.map(|parameter| described(endpoint, parameter)).collect();
    let status = match endpoint.answer {
        Sent::Nothing => "204",
        Sent::Made(_) => "201",
        Sent::Json(_) | Sent::Other(_) | Sent::OneOf(_) => "200",
        Sent::Elsewhere => "303",
    };
    let mut of = json!({
        "summary": endpoint.about,
        "operationId": name(endpoint),
        "parameters": parameters,
        "responses": {
            status: response(endpoint.answer, types),
            "default": {
                "description": "What went wrong.",
                "content": { "application/problem+json": { "schema": types.subschema_for::<Problem>() } },
            },
        },
    });
    if let (Some(content), Value::Object(of)) = (content(endpoint.body, types), &mut of) {
        of.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    of
}

/// `getQueuesNamePeek`
fn name(endpoint: &Endpoint) -> String {
    let words = endpoint.path.trim_start_matches("/api").split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    endpoint.method.to_ascii_lowercase() + &words.collect::<String>()
}

fn described(endpoint: &Endpoint, parameter: &Parameter) -> Value {
    let in_path = endpoint.path.contains(&format!("{{{}}}", parameter.name));
    json!({
        "name": parameter.name,
        "in": if in_path { "path" } else { "query" },
        "required": parameter.is_required || in_path,
        "description": parameter.about,
        "schema": schema(parameter.takes),
    })
}

/// What a parameter may be, as a JSON schema.
pub fn schema(takes: Takes) -> Value {
    match takes {
        Takes::Text | Takes::Query | Takes::Field => json!({ "type": "string" }),
        Takes::Time => json!({ "type": "string", "examples": ["now-15m", "2026-11-22T10:00:00Z"] }),
        Takes::Duration => json!({ "type": "string", "examples": ["30s", "1h30m"] }),
        Takes::Number { least, most, default } => {
            json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
        }
        Takes::Word(words) => json!({ "type": "string", "enum": words, "default": words.first() }),
        Takes::Flag => json!({ "type": "string", "enum": ["0", "1", "false", "true"] }),
    }
}

fn response(sent: Sent, types: &mut SchemaGenerator) -> Value {
    if let Sent::Elsewhere = sent {
        let location = json!({ "description": "Where to.", "schema": { "type": "string" } });
        return json!({ "description": "To another page.", "headers": { "Location": location } });
    }
    match content(sent, types) {
        Some(content) => json!({ "description": "The answer.", "content": content }),
        None => json!({ "description": "Done." }),
    }
}

fn content(sent: Sent, types: &mut SchemaGenerator) -> Option<Value> {
    match sent {
        Sent::Nothing | Sent::Elsewhere => None,
        Sent::Json(schema) | Sent::Made(schema) => {
            Some(json!({ "application/json": { "schema": schema(types) } }))
        }
        Sent::Other(kind) => Some(json!({ kind: {} })),
        Sent::OneOf(kinds) => Some(kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect()),
    }
}

/// RFC 9457, with our own members.
impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Problem")
    }

    fn json_schema(types: &mut SchemaGenerator) -> Schema {
        let login = types.subschema_for::<Ways>();
        json_schema!({
            "type": "object",
            "required": ["type", "title", "status", "detail", "code"],
            "properties": {
                "type": { "type": "string" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "A sentence that says what failed and why." },
                "hint": { "type": "string", "description": "What to do." },
                "code": { "type": "string", "description": "What went wrong, for programs." },
                "parameter": { "type": "string" },
                "column": { "type": "integer", "description": "Where a query cannot be read, from 1." },
                "offset": { "type": "integer", "description": "The same in UTF-16 code units, from 0." },
                "length": { "type": "integer", "description": "How many of them cannot be read." },
                "hints": { "type": "array", "items": { "type": "string" } },
                "request": { "type": "string", "description": "The number under which the log has more." },
                "lines": { "type": "integer", "description": "How many lines of an upload were taken." },
                "login": login,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types of the page are made of this file (`ui/scripts/schema.mjs`).
    #[test]
    fn the_written_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let document = format!("{:#}\n", written());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &document).expect("the document can be written");
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == document, "`{path}` is old: run `UPDATE=1 cargo test -p loggr web::api`");
    }

    #[test]
    fn every_endpoint_stands_in_it_once() {
        let document = written();
        for endpoint in all() {
            let of = &document["paths"][endpoint.path][endpoint.method.to_ascii_lowercase()];
            assert!(of["summary"].is_string(), "{} {}", endpoint.method, endpoint.path);
        }
        let mut names: Vec<String> = all().map(name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all().count());
        assert_eq!(name(&super::super::ENDPOINTS[0]), "getSearch");
    }

    #[test]
    fn every_part_of_a_path_is_a_parameter_of_its_endpoint() {
        for endpoint in all() {
            for part in endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let name = part.trim_end_matches('}');
                let mut known = endpoint.parameters.iter().flat_map(|table| table.iter());
                assert!(known.any(|parameter| parameter.name == name), "{}", endpoint.path);
            }
        }
    }
}
