//! Every request of the web address passes here: it is answered if the table says so and who asks may.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::client::{Client, Peer};
use super::keeper::{Asker, Keeper, Known};
use super::origin;
use super::table::{Demand, demand};
use crate::access::security;
use crate::access::who::{Via, Who};
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// The header that a page of ours sends and a foreign one cannot.
const CSRF_HEADER: &str = "x-loggr-csrf";
/// Where somebody logs in.
const LOG_IN: &str = "/api/login";
/// How often it is looked whether who reads a stream still may.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Lets a request through, with who asks in its extensions, or answers why not.
pub async fn enter(State(keeper): State<Arc<Keeper>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer { ip: None, tls: false });
    let client = Client::of(peer, request.headers(), &keeper.web.trusted_proxies);
    request.extensions_mut().insert(client);
    let known = match admit(&keeper, &request, client) {
        Ok(known) => known,
        Err(problem) => return problem.into_response(),
    };
    if keeper.sessions.is_due(now().unix_micros()) {
        let keeper = keeper.clone();
        drop(tokio::spawn(async move {
            if let Err(error) = keeper.write().await {
                tracing::warn!(error = error.in_one_line(), "cannot write who is logged in; trying again");
            }
        }));
    }
    let Some(known) = known else { return next.run(request).await };
    request.extensions_mut().insert(known.who.clone());
    let rights = Rights::of(keeper, request.headers().clone(), client, known.who.clone());
    request.extensions_mut().insert(rights.clone());
    request.extensions_mut().insert(known);
    let response = next.run(request).await;
    let is_stream =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"text/event-stream");
    if is_stream { until(response, over(rights)) } else { response }
}

/// Who is let in; nobody where nobody is needed.
fn admit(keeper: &Keeper, request: &Request, client: Client) -> Result<Option<Known>, Problem> {
    let (method, path) = (request.method(), request.uri().path());
    let is_api = |path: &str| path == "/api" || path.starts_with("/api/");
    let demand = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        // A route for everything that is left is none of the API.
        Some(matched) if is_api(matched) == is_api(path) => {
            // Each file of the page has a route of its own, and is the same for everybody.
            demand(method, matched).or((!is_api(path) && is_safe(method)).then_some(Demand::Nothing))
        }
        None if !is_api(path) && is_safe(method) => Some(Demand::Nothing),
        _ => None,
    };
    let demand =
        demand.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no `{method} {path}`")))?;
    if demand == Demand::Nothing {
        return Ok(None);
    }
    let headers = request.headers();
    if !is_safe(method) && !origin::is_ours(headers, &keeper.web.hosts, client.tls) {
        return Err(Problem::new(Code::Csrf, "a page of another origin sent this")
            .hint("add the name by which the page is called to `hosts` of `[web]`"));
    }
    if demand != Demand::Asked && origin::is_foreign(headers) {
        // It could not read the answer, and would have the host work for it.
        return Err(Problem::new(Code::Csrf, "a page of another origin asks this"));
    }
    let known = match keeper.who(headers, client, true)? {
        Asker::Known(known) => *known,
        Asker::Nobody | Asker::Refused(_) if demand == Demand::Asked => return Ok(None),
        Asker::Nobody | Asker::Refused(_) if demand == Demand::LoggedInOrHere && client.is_here() => {
            return Ok(None);
        }
        Asker::Nobody => return Err(Problem::new(Code::NotLoggedIn, "nobody is logged in")),
        Asker::Refused(why) => return Err(Problem::new(Code::NotLoggedIn, why)),
    };
    if !is_safe(method) && !has_proof(&known, headers) {
        if path.starts_with(LOG_IN) {
            // Whoever logs in anew need not prove who they were.
            return Ok(None);
        }
        return Err(Problem::new(
            Code::Csrf,
            format!("the header `{CSRF_HEADER}` is missing or is not the session's"),
        )
        .hint("`/api/me` says it as `csrf`"));
    }
    if !demand.is_met_by(&known.who) {
        let who = &known.who;
        security::told(who, "was refused", format!("{method} {path}"));
        return Err(Problem::new(Code::Forbidden, format!("the role `{}` may not do this", who.role)));
    }
    Ok(Some(known))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Could only a page of ours, or a program, have sent it?
fn has_proof(known: &Known, headers: &HeaderMap) -> bool {
    let said = headers.get(CSRF_HEADER).and_then(|said| said.to_str().ok());
    match (&known.session, known.who.via) {
        (Some(session), _) => said.is_some_and(|said| crate::access::secret::same(said, &session.csrf())),
        // Browsers send along what proxies log in by; a foreign page cannot add a header.
        (None, Via::Proxy) => said.is_some_and(|said| !said.is_empty()),
        (None, Via::Session | Via::CommandLine) => false,
        (None, Via::Token | Via::Loopback | Via::Control) => true,
    }
}

/// The rights of who was let in, for answers that take long.
#[derive(Clone)]
pub struct Rights(Arc<dyn Fn() -> bool + Send + Sync>);

impl Rights {
    fn of(keeper: Arc<Keeper>, headers: HeaderMap, client: Client, who: Who) -> Rights {
        let is_same = move || match keeper.who(&headers, client, false) {
            Ok(Asker::Known(known)) => known.who == who,
            _ => false,
        };
        Rights(Arc::new(is_same))
    }

    /// Are they still what they were? Not so where the session has ended, or the role or the user is
    /// another.
    pub fn hold(&self) -> bool {
        (self.0)()
    }
}

/// Ends when who asks is no longer who they were.
async fn over(rights: Rights) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        if !rights.hold() {
            return;
        }
    }
}

/// The same answer, ended by `over`.
fn until(response: Response, over: impl Future<Output = ()> + Send + 'static) -> Response {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let body = body.into_data_stream().take_until(Box::pin(over));
    Response::from_parts(head, Body::from_stream(body))
}

/// On the control socket it is always its owner who asks.
pub async fn control(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Who::everything("owner of the control socket", Via::Control, None));
    next.run(request).await
}

/// An endpoint that takes `Who` as an argument gets who was let in.
impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Problem> {
        let who = parts.extensions.get::<Who>().cloned();
        who.ok_or_else(|| Problem::new(Code::NotLoggedIn, "nobody is logged in"))
    }
}
