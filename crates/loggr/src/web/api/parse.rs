//! A query read and not asked: its parts for colouring, its fields, or what is wrong with it.

use loggr_store::query::{Field, Hidden, Kind, Query};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::ask::Units;
use super::call::{Answer, Api, Call, json};
use super::params::{Parameter, Takes, parameter};
use crate::access::who::Who;
use crate::reading;
use crate::web::problem::Problem;

/// What it takes.
pub const PARAMETERS: &[Parameter] = &[
    parameter("q", Takes::Query, "The query."),
    parameter("store", Takes::Text, "The shipper in whose store its fields are looked for."),
];

/// A query that was read, or what is wrong with it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Parsed {
    /// It can be asked.
    ok: bool,
    /// Its parts, in order; what lies between them is space.
    tokens: Vec<Token>,
    /// The same query in the words of the reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical: Option<String>,
    /// The fields that it names.
    fields: Vec<String>,
    /// Custom fields that it names and no event has.
    unknown: Vec<Unknown>,
    /// What is wrong, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Problem>")]
    error: Option<Map<String, Value>>,
}

/// A field that no event has.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unknown {
    field: String,
    /// What was probably meant.
    suggestion: Option<String>,
}

/// A part of a query's text.
#[derive(Debug, Serialize, JsonSchema)]
struct Token {
    /// Where it begins, in UTF-16 code units.
    from: usize,
    /// Where it ends.
    to: usize,
    /// What it is.
    kind: &'static str,
}

/// `GET /api/parse`
pub async fn parse(call: Call) -> Answer {
    let text = call.params.text("q");
    let _turn = call.api.turns.take(&call.who.name)?;
    let (read, parts) = reading::parse_painted(text);
    let mut units = Units::of(text);
    let painted = parts.into_iter().map(|part| Token {
        from: units.at(part.place.start),
        to: units.at(part.place.end),
        kind: part.kind.word(),
    });
    let tokens: Vec<Token> = painted.collect();
    json(&match read {
        Ok(query) => Parsed {
            unknown: unknown(&call.api, &call.who, call.params.some("store"), &query).await,
            ok: true,
            tokens,
            canonical: Some(query.to_string()),
            fields: query.fields().iter().map(Field::to_string).collect(),
            error: None,
        },
        Err(error) => {
            let wrong = tokens.last().filter(|token| token.kind == Kind::Mistake.word());
            let length = wrong.map_or(0, |token| token.to - token.from);
            let problem: Problem = super::ask::unreadable(text, &error).with("length", length);
            Parsed {
                ok: false,
                tokens,
                canonical: None,
                fields: Vec::new(),
                unknown: Vec::new(),
                error: Some(problem.members()),
            }
        }
    })
}

/// The fields that no event has; where the store cannot say, none.
async fn unknown(api: &Api, who: &Who, store: Option<&str>, query: &Query) -> Vec<Unknown> {
    let names_one = query.fields().iter().any(|field| matches!(field, Field::Custom(_)));
    let (Ok(store), true) = (api.stores.get(store), names_one) else {
        return Vec::new();
    };
    let known = store.fields(None, None).await.unwrap_or_default();
    // Which fields the events of others have is not for everybody.
    if known.is_empty() || who.filter.is_some() {
        return Vec::new();
    }
    // Where it is not known what is hidden, nothing is told.
    let Ok(hidden) = Hidden::new(&who.hidden) else { return Vec::new() };
    let shown = known.iter().map(|field| field.name.as_str());
    let shown: Vec<&str> = shown.filter(|name| !hidden.hides(&Field::from_name(name))).collect();
    let unknown = query.unknown_fields(&shown).into_iter();
    unknown.map(|(field, near)| Unknown { field, suggestion: near.map(str::to_owned) }).collect()
}
