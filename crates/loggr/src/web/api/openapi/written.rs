//! Writes the document, of the table of endpoints and of the types of their answers.
//!
//! Only for tests, which hold that the document that the program carries is current.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::schema;
use crate::web::api::params::Parameter;
use crate::web::api::sent::Sent;
use crate::web::api::{Endpoint, all};
use crate::web::problem::Problem;

/// The document.
fn written() -> Value {
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
        Sent::Json(kind) | Sent::Made(kind) => {
            Some(json!({ "application/json": { "schema": (kind.schema)(types) } }))
        }
        Sent::Other(kind) => Some(json!({ kind: {} })),
        Sent::OneOf(kinds) => Some(kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect()),
    }
}

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
    assert_eq!(name(&crate::web::api::ENDPOINTS[0]), "getSearch");
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
