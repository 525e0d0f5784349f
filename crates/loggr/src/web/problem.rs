//! An answer that says what went wrong: RFC 9457, `application/problem+json`.
//!
//! Every error of the API is one of these, with a `code` that programs can compare. Nothing of the
//! inside of the program is in it: an internal error says a number, under which the log has the rest.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::access::{Kind, Refused};
use crate::web::paths;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "all codes that the API has stand here, also before it says them")]
pub enum Code {
    /// The query cannot be read.
    QueryError,
    /// Another parameter or the body is wrong.
    BadParameter,
    /// There is no such store.
    NoStore,
    /// There is no such thing.
    NotFound,
    /// Who asks is not known.
    NotLoggedIn,
    /// Who asks is known, and may not.
    Forbidden,
    /// It may have been a foreign page that asked.
    Csrf,
    /// Too often.
    TooMany,
    /// A limit was reached.
    Limit,
    /// The store cannot answer now.
    StoreAway,
    /// A fault of ours.
    Internal,
    /// The body is too large.
    TooLarge,
    /// What was uploaded is no log.
    NotALog,
    /// Another process does that.
    Elsewhere,
}

impl Code {
    /// Its word, its status and its title.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Code::QueryError => ("query_error", StatusCode::BAD_REQUEST, "The query cannot be read"),
            Code::BadParameter => ("bad_parameter", StatusCode::BAD_REQUEST, "A parameter is wrong"),
            Code::NoStore => ("no_store", StatusCode::NOT_FOUND, "There is no such store"),
            Code::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            Code::NotLoggedIn => ("not_logged_in", StatusCode::UNAUTHORIZED, "Nobody is logged in"),
            Code::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "This is not allowed"),
            Code::Csrf => ("csrf", StatusCode::FORBIDDEN, "A foreign page may have asked"),
            Code::TooMany => ("too_many", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Code::Limit => ("limit", StatusCode::UNPROCESSABLE_ENTITY, "A limit was reached"),
            Code::StoreAway => ("store_away", StatusCode::SERVICE_UNAVAILABLE, "The store cannot answer"),
            Code::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something failed here"),
            Code::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "It is too large"),
            Code::NotALog => ("not_a_log", StatusCode::UNPROCESSABLE_ENTITY, "It is not a log"),
            Code::Elsewhere => ("elsewhere", StatusCode::CONFLICT, "Another process does that"),
        }
    }
}

/// What went wrong, for people and programs.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    hint: Option<String>,
    retry_after: Option<u64>,
    more: Map<String, Value>,
}

impl Problem {
    /// A problem. `detail` is a sentence that says what failed and why.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), hint: None, retry_after: None, more: Map::new() }
    }

    /// A wrong parameter or a wrong part of the body.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Problem {
        Problem::new(Code::BadParameter, detail).with("parameter", name)
    }

    /// A fault of ours: the log has it under a number, the answer has the number.
    pub fn internal(error: impl std::fmt::Display) -> Problem {
        let request = number();
        tracing::error!(request, %error, "a request failed");
        Problem::new(Code::Internal, "something failed here, and the log of loggr says what")
            .hint(format!("look for `{request}` in the log"))
            .with("request", request)
    }

    /// Says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Says when to ask again, in seconds.
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// The same for those who may not know where files lie; the log has it whole, under a number that is
    /// told. What is wrong with what somebody sent stays as it is.
    pub fn without_paths(mut self) -> Problem {
        if matches!(self.code, Code::QueryError | Code::BadParameter) {
            return self;
        }
        self.hint = self.hint.map(|hint| paths::without(&hint).into_owned());
        let shown = paths::without(&self.detail);
        if shown == self.detail {
            return self;
        }
        let request = number();
        tracing::warn!(request, error = self.detail, "a request failed");
        self.detail = shown.into_owned();
        self.with("request", request)
    }

    /// What it says, for an answer that has it in itself.
    pub fn members(self) -> Map<String, Value> {
        let (word, status, title) = self.code.row();
        let mut members = Map::new();
        for (name, value) in [("type", "about:blank".into()), ("title", title.into())] {
            members.insert(name.to_owned(), value);
        }
        members.insert("status".to_owned(), status.as_u16().into());
        members.insert("detail".to_owned(), self.detail.into());
        if let Some(hint) = self.hint {
            members.insert("hint".to_owned(), hint.into());
        }
        members.insert("code".to_owned(), word.into());
        members.extend(self.more);
        members
    }

    /// What failed and why.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A further member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

/// Names a request in its answer and in the log.
fn number() -> String {
    let mut number = [0; 8];
    // Without randomness the number is less useful and nothing else.
    getrandom::fill(&mut number).unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(number))
}

/// What the accounts refuse.
impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let text = refused.to_string();
        let problem = match refused.kind() {
            Kind::NotFound => Problem::new(Code::NotFound, text),
            Kind::Bad(parameter) => Problem::parameter(parameter, text),
            Kind::Forbidden => Problem::new(Code::Forbidden, text),
            Kind::Limit => Problem::new(Code::Limit, text),
            Kind::Busy => Problem::new(Code::TooMany, text).retry_after(1),
            Kind::Broken => return Problem::internal(refused.in_one_line()),
        };
        match refused.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let ((_, status, _), code, retry_after) = (self.code.row(), self.code, self.retry_after);
        let mut response = (status, Value::Object(self.members()).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if code == Code::NotLoggedIn {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"loggr\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Code, detail: &str, expect: &str) {
        let problem = Problem::new(code, detail).without_paths();
        assert_eq!(problem.detail(), expect);
        assert_eq!(problem.members().contains_key("request"), detail != expect);
    }

    #[test]
    fn a_problem_is_shown_without_paths_and_the_log_has_its_number() {
        check(Code::StoreAway, "cannot read `/var/lib/loggr/x`", "cannot read `x`");
        check(Code::NoStore, "no shipper is called `db`", "no shipper is called `db`");
        // Somebody has sent it.
        check(Code::BadParameter, "`/a/b` is no time", "`/a/b` is no time");
    }
}
