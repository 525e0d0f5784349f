//! Log-in through a provider of OpenID Connect, as the browser sees it: to the provider, and back.
//!
//! A browser comes here by itself, so it is always sent on: to the provider, or to the page, which finds
//! in `/api/me` who is logged in or why nobody is. Not what is asked of the provider: that is
//! `access/oidc`. Invariant: nothing that comes in the address of a request reaches a page or a header.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::client::Client;
use super::cookie::{self, BEGUN, ENDED};
use super::keeper::Keeper;
use crate::access::oidc::{MAX_AGE, Person, Provider, Trouble};
use crate::access::provider::Named;
use crate::access::{Kind, Refused, security};
use crate::process::clock::now;
use crate::web::problem::{Code, Problem};

/// Where the provider sends the browser back to, below the page.
const RETURN: &str = "/api/login/oidc/return";
/// From there and from where it begins to the page, whatever path a proxy has put in front.
const PAGE_FROM_RETURN: &str = "../../../";
const PAGE_FROM_BEGIN: &str = "../../";
/// How long the page can say why nobody was logged in.
const WHY_AGE: Duration = Duration::from_secs(60);
/// Longest code of a provider.
const MAX_CODE_BYTES: usize = 4096;

/// Why nobody was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Away,
    Late,
    Refused,
    NoRole,
    Barred,
    TooMany,
    Failed,
}

impl Why {
    /// All of them with the word in the cookie and the sentence, in which `{}` is the provider.
    const WORDS: [(Why, &str, &str); 7] = [
        (Why::Away, "away", "`{}` cannot be asked at the moment; try again in a while"),
        (Why::Late, "late", "the log-in took too long, or began in another window; try again"),
        (
            Why::Refused,
            "refused",
            "`{}` has not logged you in, or what it says cannot be believed; the log of loggr says more",
        ),
        (
            Why::NoRole,
            "norole",
            "`{}` knows you, but you have no role in loggr; ask an administrator for one",
        ),
        (
            Why::Barred,
            "barred",
            "loggr does not let you in under this name; ask an administrator, whom the log of loggr tells why",
        ),
        (Why::TooMany, "toomany", "too many log-ins failed; try again in a while"),
        (Why::Failed, "failed", "something failed here; the log of loggr says what"),
    ];

    fn word(self) -> &'static str {
        Why::WORDS.iter().find(|(why, ..)| *why == self).map_or("failed", |(_, word, _)| word)
    }
}

/// Why the last log-in of this browser through the provider came to nothing, in a sentence.
pub fn why_not(keeper: &Keeper, headers: &HeaderMap, client: Client) -> Option<String> {
    let mut said = cookie::values(&ENDED, headers, client.tls);
    let (.., sentence) = said.find_map(|said| Why::WORDS.iter().find(|(_, word, _)| *word == said))?;
    Some(sentence.replace("{}", keeper.provider.as_ref()?.name()))
}

/// `GET /api/login/oidc`
pub async fn begin(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = provider(&keeper)?;
    let back = back(&keeper, &headers, client)?;
    let (begun, said) = provider.beginnings.begin(now().unix_micros())?;
    match provider.address(&begun, &back).await {
        Ok(address) => {
            let begun = cookie::keep(&BEGUN, &said, client.tls, MAX_AGE);
            Ok(to(&address, [begun, cookie::take(&ENDED, client.tls)]))
        }
        Err(Trouble::Away) => Ok(nobody(PAGE_FROM_BEGIN, Why::Away, client)),
        Err(Trouble::Refused(error)) => {
            tracing::error!(error, "cannot begin a log-in through the provider");
            Ok(nobody(PAGE_FROM_BEGIN, Why::Failed, client))
        }
    }
}

/// What the provider sends with the browser.
#[derive(Deserialize)]
pub struct Sent {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// `GET /api/login/oidc/return`
pub async fn end(
    State(keeper): State<Arc<Keeper>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    sent: Result<Query<Sent>, QueryRejection>,
) -> Result<Response, Problem> {
    let provider = provider(&keeper)?;
    let Ok(allowed) = super::begin::allow_address(&keeper, client) else {
        return Ok(nobody(PAGE_FROM_RETURN, Why::TooMany, client));
    };
    let named = match named(&keeper, provider, sent.ok(), &headers, client).await {
        Ok(name) => name,
        Err((why, name, about)) => {
            if matches!(why, Why::Away | Why::Failed) {
                // It is not the fault of who tried.
                allowed.was_none();
            }
            let about = format!("provider={:?} why={about:?}", provider.name());
            security::told_of(&name, client.ip, "a log-in failed", about);
            return Ok(nobody(PAGE_FROM_RETURN, why, client));
        }
    };
    let begun = super::begin::session(&keeper, (&named, None), client, &headers).await?;
    allowed.went_well();
    security::told(&begun.known.who, "logged in", format!("provider={:?}", provider.name()));
    let [session, browser] = begun.cookies;
    let cookies = [session, browser, cookie::take(&BEGUN, client.tls), cookie::take(&ENDED, client.tls)];
    Ok(to(PAGE_FROM_RETURN, cookies))
}

/// The user that comes back; or why there is none, whom the provider named, and what the log says.
async fn named(
    keeper: &Arc<Keeper>,
    provider: &Provider,
    sent: Option<Query<Sent>>,
    headers: &HeaderMap,
    client: Client,
) -> Result<String, (Why, String, String)> {
    let fail = |why: Why, about: &str| (why, String::new(), about.to_owned());
    let Some(Query(sent)) = sent else { return Err(fail(Why::Late, "the address cannot be read")) };
    let now = now().unix_micros();
    let mut said = cookie::values(&BEGUN, headers, client.tls);
    let begun = said.find_map(|said| provider.beginnings.end(said, &sent.state, now));
    let begun = begun
        .ok_or_else(|| fail(Why::Late, "it did not begin in this browser, is over, or came back before"))?;
    if sent.code.is_empty() || sent.code.len() > MAX_CODE_BYTES {
        let about = format!("the provider says {:?} {:?}", sent.error, sent.error_description);
        let about: String = about.chars().take(MAX_CODE_BYTES / 16).collect();
        return Err(fail(Why::Refused, &about));
    }
    let back = back(keeper, headers, client).map_err(|_| fail(Why::Failed, "the request names no host"))?;
    let person = provider.person(&begun, sent.code, &back).await.map_err(|trouble| match trouble {
        Trouble::Away => fail(Why::Away, "the provider cannot be asked"),
        Trouble::Refused(about) => fail(Why::Refused, &about),
    })?;
    let name = person.name.clone();
    match known(keeper, provider.issuer(), person).await {
        Ok(Named::User(name)) => Ok(name),
        Ok(Named::NoRole) => Err((Why::NoRole, name, "the settings give them no role".to_owned())),
        Err(refused) if refused.kind() == Kind::Broken => {
            tracing::error!(error = refused.in_one_line(), "a log-in through the provider failed here");
            Err((Why::Failed, name, refused.to_string()))
        }
        Err(refused) => {
            let hint = refused.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            Err((Why::Barred, name, format!("{refused}{hint}")))
        }
    }
}

/// The user of loggr that they are. Nothing is written where nothing changes.
async fn known(keeper: &Arc<Keeper>, issuer: &str, person: Person) -> Result<Named, Refused> {
    let accounts = keeper.access.accounts()?;
    let (at, issuer) = (now().unix_micros(), issuer.to_owned());
    let mut tried = (*accounts).clone();
    let named = tried.named(&issuer, person.clone(), at)?;
    if tried == *accounts {
        return Ok(named);
    }
    keeper.change(move |accounts| accounts.named(&issuer, person, at)).await
}

fn provider(keeper: &Keeper) -> Result<&Provider, Problem> {
    keeper.provider.as_ref().ok_or_else(|| {
        Problem::new(Code::NotFound, "there is no provider to log in through")
            .hint("write a section `[web.oidc]` into the configuration")
    })
}

/// Where the provider sends the browser back to: to how the page is called. The name has passed the door.
fn back(keeper: &Keeper, headers: &HeaderMap, client: Client) -> Result<String, Problem> {
    if let Some(url) = &keeper.web.url {
        return Ok(format!("{url}{RETURN}"));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host =
        host.ok_or_else(|| Problem::parameter("Host", "the request does not say how the page is called"))?;
    Ok(format!("{}://{host}{RETURN}", if client.tls { "https" } else { "http" }))
}

/// To the page, which says why nobody is logged in.
fn nobody(page: &str, why: Why, client: Client) -> Response {
    let ended = cookie::keep(&ENDED, why.word(), client.tls, WHY_AGE);
    to(page, [ended, cookie::take(&BEGUN, client.tls)])
}

fn to<const N: usize>(address: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        return Problem::internal("an address to go to has what no header may have").into_response();
    };
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        for (at, (why, word, sentence)) in Why::WORDS.iter().enumerate() {
            assert!(word.bytes().all(|b| b.is_ascii_lowercase()) && why.word() == *word, "{word}");
            assert!(Why::WORDS[..at].iter().all(|(_, other, _)| other != word), "{word}");
            assert!(sentence.ends_with(char::is_alphanumeric), "{sentence}");
        }
    }
}
