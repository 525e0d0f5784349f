//! The OpenAPI 3.1 document, as it was written (`written`).

use std::borrow::Cow;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::call::Answer;
use super::params::Takes;
use crate::web::door::said::Ways;
use crate::web::problem::Problem;

/// Where it is.
pub const PATH: &str = "/api/openapi.json";
const DOCUMENT: &str = include_str!("../../../../../docs/reference/openapi.json");

/// `GET /api/openapi.json`
pub fn document() -> Answer {
    Ok(([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response())
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
mod written;
