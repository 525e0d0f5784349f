//! The API: what the page and programs ask over HTTP, as JSON.
//!
//! [`ENDPOINTS`] is the table: path, parameters, what is answered, and who answers it. The OpenAPI
//! document is made of it. Who may is the door's (`web/door`), which asks before anything here runs.
//! What an endpoint does stands below: in the store's questions, in `operate/` and in `status/`.

mod apart;
mod ask;
mod call;
mod change;
mod cursor;
mod ears;
mod event;
mod export;
mod here;
mod line;
mod nothing;
mod openapi;
mod params;
mod parse;
mod patterns;
#[cfg(test)]
mod people;
mod question;
#[cfg(test)]
mod reference;
mod rescue;
mod saved;
mod search;
mod sent;
mod state;
mod summary;
mod tail;
mod tails;
mod turns;
mod upload;
mod verify;
mod watched;
mod way;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures_util::future::BoxFuture;
use serde_json::Value;

pub use call::Api;
use call::{Answer, Call};
use params::{Parameter, Params};
pub use question::Question;
use sent::{Sent, json, json_by, made};
pub use state::notices;

use crate::access::who::{May, Who};
use crate::operate::{self, queues};
use crate::source::upload::MAX_FILE_BYTES;
use crate::web::door::Rights;
use crate::web::problem::{Code, Problem};

/// What is asked, and what answers.
pub struct Endpoint {
    /// How.
    method: &'static str,
    /// As the router has it.
    path: &'static str,
    /// What it is for, in a sentence.
    about: &'static str,
    /// Its parameters, in tables that endpoints share.
    parameters: &'static [&'static [Parameter]],
    /// What is sent with it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the document, which a test writes"))]
    body: Sent,
    /// What comes back.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the document, which a test writes"))]
    answer: Sent,
    /// Who answers; none: it is answered at the door (`web/door`).
    handle: Option<fn(Call) -> BoxFuture<'static, Answer>>,
}

/// Shorter to write in the table.
const fn get(
    path: &'static str,
    about: &'static str,
    parameters: &'static [&'static [Parameter]],
    answer: Sent,
    handle: fn(Call) -> BoxFuture<'static, Answer>,
) -> Endpoint {
    Endpoint { method: "GET", path, about, parameters, body: Sent::Nothing, answer, handle: Some(handle) }
}

const fn change(
    method: &'static str,
    path: &'static str,
    about: &'static str,
    parameters: &'static [&'static [Parameter]],
    sent: (Sent, Sent),
    handle: fn(Call) -> BoxFuture<'static, Answer>,
) -> Endpoint {
    Endpoint { method, path, about, parameters, body: sent.0, answer: sent.1, handle: Some(handle) }
}

/// Every endpoint of the API but those of the door, which are in `people.rs`.
pub const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/search",
        "Matching events, a page of them.",
        &[ask::COMMON, search::PAGE],
        json::<search::Page>(),
        |call| Box::pin(search::search(call)),
    ),
    get("/api/count", "How many events match.", &[ask::COMMON], json::<search::Count>(), |call| {
        Box::pin(search::count(call))
    }),
    get(
        "/api/context",
        "The events around an event, whatever the query was.",
        &[ask::STORE, search::AROUND],
        json::<search::Context>(),
        |call| Box::pin(search::context(call)),
    ),
    get(
        "/api/event/{uid}",
        "One event, with its way through loggr.",
        &[ask::STORE, search::UID],
        json::<search::One>(),
        |call| Box::pin(search::one(call)),
    ),
    get(
        "/api/span",
        "From when to when the store has events.",
        &[ask::STORE],
        json::<search::Extent>(),
        |call| Box::pin(search::span(call)),
    ),
    get(
        "/api/histogram",
        "Matching events by time and by the values of a field.",
        &[ask::COMMON, summary::HISTOGRAM],
        json::<summary::Histogram>(),
        |call| Box::pin(summary::histogram(call)),
    ),
    get(
        "/api/top",
        "The most frequent values of a field among the matching events.",
        &[ask::COMMON, summary::TOP],
        json::<summary::Top>(),
        |call| Box::pin(summary::top(call)),
    ),
    get(
        "/api/values",
        "Values of a field that begin in a certain way, for completing what somebody types.",
        &[ask::COMMON, summary::TOP],
        json::<summary::Top>(),
        |call| Box::pin(summary::top(call)),
    ),
    get(
        "/api/fields",
        "The fields that the matching events have.",
        &[ask::COMMON, summary::FIELDS],
        json::<summary::Fields>(),
        |call| Box::pin(summary::fields(call)),
    ),
    get(
        "/api/patterns",
        "Matching events by the shape of their message.",
        &[ask::COMMON, patterns::PATTERNS],
        json::<patterns::Patterns>(),
        |call| Box::pin(patterns::patterns(call)),
    ),
    get(
        "/api/compare",
        "What is new, gone, more or less frequent than before.",
        &[ask::COMMON, patterns::COMPARE],
        json::<patterns::Comparison>(),
        |call| Box::pin(patterns::compare(call)),
    ),
    get(
        "/api/verify",
        "How many of the matching events have a good seal, and which have a broken one; answer by answer.",
        &[ask::COMMON, verify::PARAMETERS],
        json::<verify::Verified>(),
        |call| Box::pin(verify::verify(call)),
    ),
    get(
        "/api/parse",
        "Reads a query without asking it: its parts for colouring, or what is wrong with it and where.",
        &[parse::PARAMETERS],
        json::<parse::Parsed>(),
        |call| Box::pin(parse::parse(call)),
    ),
    get(
        "/api/explain-nothing",
        "Why a query finds nothing: which term excludes everything, and where matching events are.",
        &[ask::COMMON],
        json::<nothing::Explained>(),
        |call| Box::pin(nothing::explain(call)),
    ),
    get(
        "/api/tail",
        "New matching events as they come, as server-sent events.",
        &[tail::PARAMETERS],
        Sent::Other("text/event-stream"),
        |call| Box::pin(tail::tail(call)),
    ),
    get(
        "/api/export",
        "All matching events as a file.",
        &[ask::COMMON, export::PARAMETERS],
        Sent::OneOf(&export::KINDS),
        |call| Box::pin(export::export(call)),
    ),
    get("/api/saved", "The saved searches that one may see.", &[], json::<saved::Listed>(), |call| {
        Box::pin(saved::list(call))
    }),
    change(
        "POST",
        "/api/saved",
        "Saves a search under a new name.",
        &[],
        (json::<saved::Search>(), made::<saved::Shown>()),
        |call| Box::pin(saved::add(call)),
    ),
    change(
        "PUT",
        "/api/saved/{name}",
        "Changes a saved search of one's own.",
        &[saved::NAME],
        (json::<saved::Search>(), json::<saved::Shown>()),
        |call| Box::pin(saved::change(call)),
    ),
    change(
        "DELETE",
        "/api/saved/{name}",
        "Removes a saved search of one's own; an administrator removes shared ones of others, and those that are nobody's, too.",
        &[saved::NAME],
        (Sent::Nothing, Sent::Nothing),
        |call| Box::pin(saved::remove(call)),
    ),
    get("/api/status", "What is so in the installation.", &[], json::<watched::WithTroubles>(), |call| {
        Box::pin(state::status(call))
    }),
    get(
        "/api/status/feed",
        "The same again and again, as server-sent events.",
        &[],
        Sent::Other("text/event-stream"),
        |call| Box::pin(state::feed(call)),
    ),
    get(
        "/api/notifications",
        "What changes in the installation, as server-sent events.",
        &[],
        Sent::Other("text/event-stream"),
        |call| Box::pin(state::notifications(call)),
    ),
    get(
        "/api/queues/{name}/peek",
        "The oldest events that wait in a queue; they stay there.",
        &[here::QUEUE, here::PEEK],
        json_by(here::peeked),
        |call| Box::pin(here::peek(call)),
    ),
    change(
        "POST",
        "/api/queues/{name}/purge",
        "Drops what waits in a queue.",
        &[here::QUEUE],
        (Sent::Nothing, json::<queues::Dropped>()),
        |call| Box::pin(here::purge(call)),
    ),
    get(
        "/api/rescue",
        "What could not be delivered, and why.",
        &[rescue::LIST],
        json::<rescue::Listed>(),
        |call| Box::pin(rescue::list(call)),
    ),
    change(
        "POST",
        "/api/rescue/replay",
        "Offers rescued events to their destination again.",
        &[],
        (json::<rescue::Which>(), json::<operate::rescue::Replayed>()),
        |call| Box::pin(rescue::replay(call)),
    ),
    change(
        "POST",
        "/api/rescue/discard",
        "Deletes rescued events for ever.",
        &[],
        (json::<rescue::Which>(), json::<operate::rescue::Discarded>()),
        |call| Box::pin(rescue::discard(call)),
    ),
    change(
        "POST",
        "/api/upload",
        "Takes a log file, whose lines become events; tells line by line how far it has come.",
        &[upload::PARAMETERS],
        (Sent::Other("application/octet-stream"), Sent::Other("application/x-ndjson")),
        |call| Box::pin(upload::upload(call)),
    ),
    get(openapi::PATH, "This document.", &[], Sent::Other("application/json"), |_| {
        Box::pin(async { openapi::document() })
    }),
];

/// Every endpoint, for the document.
#[cfg(test)]
fn all() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().chain(people::ENDPOINTS)
}

/// How much may be asked for, for the page.
pub fn limits() -> Value {
    serde_json::json!({
        "timeout_seconds": ask::MAX_QUERY_TIMEOUT.as_secs(),
        "rows": search::MAX_PAGE,
        "queries": turns::MAX_AT_ONCE,
        "upload_bytes": MAX_FILE_BYTES,
    })
}

/// All endpoints.
pub fn router(api: &Api) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let method = endpoint.method.parse::<Method>().ok();
        let filter = method.and_then(|method| MethodFilter::try_from(method).ok());
        let (Some(filter), Some(answers)) = (filter, endpoint.handle) else { continue };
        type Path = Result<RawPathParams, RawPathParamsRejection>;
        let handle = move |State(api): State<Api>, path: Path, request: Request| async move {
            let answer = apart::apart(answer(endpoint, answers, api, path, request));
            answer.await.unwrap_or_else(IntoResponse::into_response)
        };
        router = router.route(endpoint.path, on(filter, handle));
    }
    router.with_state(api.clone())
}

async fn answer(
    endpoint: &'static Endpoint,
    answers: fn(Call) -> BoxFuture<'static, Answer>,
    api: Api,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let given = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(request.uri())
        .map_err(|error| Problem::parameter("", format!("the query string cannot be read: {error}")))?;
    let path = path.map_err(|_| Problem::new(Code::NotFound, "the path is not UTF-8"))?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let params = Params::read(endpoint.parameters, given.0.into_iter().chain(path))?;
    let (parts, body): (_, Body) = request.into_parts();
    let known = parts.extensions.get::<Who>().cloned().zip(parts.extensions.get::<Rights>().cloned());
    let (who, rights) = match known {
        Some(known) => known,
        // It tells nothing of the events, and programs read it before they log in.
        None if endpoint.path == openapi::PATH => return openapi::document(),
        None => return Err(Problem::new(Code::NotLoggedIn, "nobody is logged in").hint("log in first")),
    };
    let shows_paths = who.may(May::Administer);
    let asks = format!("{} {}", endpoint.method, endpoint.path);
    let headers = parts.headers;
    let answer = answers(Call { api, who, rights, asks, params, headers, body }).await;
    if shows_paths { answer } else { answer.map_err(Problem::without_paths) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::door::table::{TABLE, demand};

    #[test]
    fn the_door_knows_every_endpoint() {
        for Endpoint { method, path, .. } in all() {
            let method = method.parse().expect("a method");
            assert!(demand(&method, path).is_some(), "`web/door/table.rs` has no line for {method} {path}");
        }
    }

    #[test]
    fn the_document_knows_everything_that_is_answered_below_api() {
        for (method, path, _) in TABLE.iter().filter(|(_, path, _)| path.starts_with("/api/")) {
            let known = all().any(|endpoint| endpoint.method == *method && endpoint.path == *path);
            assert!(known, "no endpoint is described for {method} {path}");
        }
    }
}
