//! A question of the table, asked in another way than by its path: what it takes, and its answer as text.
//!
//! Whoever asks so has been let in at the door, and rights, turns and the security log are those of the
//! same question over HTTP. Not which questions may be asked so: that is who offers them (`web/mcp`).

use axum::body::Body;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::apart::apart;
use super::call::{Api, Call};
use super::openapi::schema;
use super::params::Params;
use super::{ENDPOINTS, Endpoint};
use crate::access::who::{May, Who};
use crate::web::door::Rights;
use crate::web::problem::{Code, Problem};

/// Longest answer in bytes: who asks so reads all of it.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A question that is asked with `GET` and answered at once, with JSON.
#[derive(Clone, Copy)]
pub struct Question(&'static Endpoint);

impl Question {
    /// That of this path.
    pub fn of(path: &str) -> Option<Question> {
        let known = ENDPOINTS.iter().find(|endpoint| endpoint.method == "GET" && endpoint.path == path);
        known.map(Question)
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        self.0.about
    }

    /// What it takes, as a JSON schema.
    pub fn takes(self) -> Value {
        let all = || self.0.parameters.iter().flat_map(|table| table.iter());
        let properties: Map<String, Value> = all()
            .map(|parameter| {
                let mut schema = schema(parameter.takes);
                schema["description"] = parameter.about.into();
                (parameter.name.to_owned(), schema)
            })
            .collect();
        let required: Vec<&str> =
            all().filter(|parameter| parameter.is_required).map(|parameter| parameter.name).collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// Asks it for somebody who was let in. `way` is how, for the security log.
    ///
    /// # Errors
    /// Those of the question; or its answer is too long.
    pub async fn ask(
        self,
        api: Api,
        (who, rights): (Who, Rights),
        way: &str,
        given: Vec<(String, String)>,
    ) -> Result<String, Problem> {
        let answers = self
            .0
            .handle
            .ok_or_else(|| Problem::new(Code::NotFound, format!("`{}` is not asked so", self.0.path)))?;
        let params = Params::read(self.0.parameters, given)?;
        let shows_paths = who.may(May::Administer);
        let asks = format!("{way} {}", self.0.path);
        let (headers, body) = (HeaderMap::new(), Body::empty());
        let call = Call { api, who, rights, asks, params, headers, body };
        let answer = apart(async move { answers(call).await }).await;
        let answer = if shows_paths { answer } else { answer.map_err(Problem::without_paths) };
        let bytes = axum::body::to_bytes(answer?.into_body(), MAX_ANSWER_BYTES).await.map_err(|_| {
            Problem::new(Code::Limit, format!("the answer has more than {MAX_ANSWER_BYTES} bytes"))
                .hint("ask for less: a smaller `limit` or `max_message`, or a shorter range")
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
