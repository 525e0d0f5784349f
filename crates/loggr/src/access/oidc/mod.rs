//! Log-in through a provider of OpenID Connect: the code flow with PKCE, state and nonce.
//!
//! | file | what |
//! | --- | --- |
//! | `begun.rs` | log-ins that are on their way |
//! | `claims.rs` | the user's name and role in what the provider says |
//!
//! What the provider can do and by which keys it signs is asked of it at the first log-in, again after a
//! while, and when a token has another signature. Not HTTP with the browser (`web/door/oidc.rs`), nor which
//! user of loggr somebody becomes (`access/accounts.rs`). Invariant: nobody is named here without a token
//! that the provider has signed for us, for this log-in, and that is not over.

mod begun;
mod claims;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use loggr_net::NetError;
use loggr_net::http::{Client as Http, Request, Response};
use loggr_net::tls::Trust;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::Refused;
use crate::config::{Oidc, Secret};
use crate::process::meter::Flag;
pub use begun::{Beginnings, Begun, MAX_AGE};
pub use claims::Person;

/// How long the provider may take for each answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer of the provider.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// What the provider has said of itself is asked again after so long.
const REFRESH: Duration = Duration::from_secs(3_600);
/// It is not asked more often than this, whatever happens.
const PAUSE: Duration = Duration::from_secs(5);
/// How far the clocks of provider and loggr may be apart.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Signatures that are believed: those for which the provider alone has the key.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why nobody was named.
#[derive(Debug)]
pub enum Trouble {
    /// The provider cannot be asked, which is told in the log.
    Away,
    /// It has refused the log-in, or what it says cannot be believed.
    Refused(String),
}

/// A provider.
#[derive(Debug)]
pub struct Provider {
    settings: Oidc,
    secret: Option<Secret>,
    /// Log-ins that are on their way.
    pub beginnings: Beginnings,
    known: Mutex<Known>,
    is_away: Flag,
}

/// What the provider has said of itself.
#[derive(Debug, Default)]
struct Known {
    said: Option<Arc<Said>>,
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Said {
    metadata: CoreProviderMetadata,
    http: Http,
    at: Instant,
}

/// All claims that no standard names.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Rest {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Rest {}

type Fields = IdTokenFields<
    Rest,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    Rest,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// With these settings, and the secret that the provider has given; nothing is asked yet.
    pub fn new(settings: Oidc, secret: Option<Secret>) -> Result<Provider, Refused> {
        let beginnings = Beginnings::new()?;
        Ok(Provider { settings, secret, beginnings, known: Mutex::default(), is_away: Flag::default() })
    }

    /// How people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Who it is, in tokens.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where a browser has to go for a log-in that ends at `back`.
    ///
    /// # Errors
    /// The provider cannot be asked.
    pub async fn address(&self, begun: &Begun, back: &str) -> Result<String, Trouble> {
        let said = self.said(None).await?;
        let client = self.relying(&said, back)?;
        let (state, nonce) = (begun.state(), begun.nonce());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(begun.verifier()));
        let mut request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (address, _, _) = request.set_pkce_challenge(challenge).url();
        Ok(address.into())
    }

    /// Who has logged in, as the provider says for this code.
    ///
    /// # Errors
    /// The provider cannot be asked, refuses the code, or its token is not good.
    pub async fn person(&self, begun: &Begun, code: String, back: &str) -> Result<Person, Trouble> {
        let said = self.said(None).await?;
        let client = self.relying(&said, back)?;
        let ask = asking(&said.http);
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(refused)?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(begun.verifier()));
        let tokens = exchange.request_async(&ask).await.map_err(|error| match error {
            RequestTokenError::Request(error) => self.away(&error),
            RequestTokenError::ServerResponse(answer) => {
                Trouble::Refused(format!("the provider refuses the code: {answer}"))
            }
            other => refused(other),
        })?;
        let token = tokens.id_token();
        let token = token.ok_or_else(|| Trouble::Refused("the provider has sent no ID token".to_owned()))?;
        let nonce = Nonce::new(begun.nonce());
        let verify = |client: &Relying| {
            let claims = token.claims(&verifier(client), &nonce)?;
            Ok((claims.subject().clone(), serde_json::to_value(claims).unwrap_or_default()))
        };
        let (subject, mut claims) = match verify(&client) {
            // It may have keys that it had not when it was asked.
            Err(openidconnect::ClaimsVerificationError::SignatureVerification(_)) => {
                let newer = self.said(Some(said.at)).await?;
                verify(&self.relying(&newer, back)?)
            }
            verified => verified,
        }
        .map_err(|error| Trouble::Refused(format!("the provider's token is not good: {}", chain(&error))))?;
        let lacks = |name: &str| !claims::has(&claims, name);
        let may_say_more = said.metadata.userinfo_endpoint().is_some();
        if may_say_more && (lacks(&self.settings.user_claim) || lacks(&self.settings.role_claim)) {
            let asked = client.user_info(tokens.access_token().clone(), Some(subject.clone()));
            let more: Result<UserInfoClaims<Rest, CoreGenderClaim>, _> =
                asked.map_err(refused)?.request_async(&ask).await;
            let more = more.map_err(|error| {
                Trouble::Refused(format!("the provider tells nothing more of the user: {}", chain(&error)))
            })?;
            if let (Value::Object(known), Ok(Value::Object(more))) =
                (&mut claims, serde_json::to_value(&more))
            {
                for (name, value) in more {
                    known.entry(name).or_insert(value);
                }
            }
        }
        claims::person(&self.settings, subject.as_str(), &claims).map_err(Trouble::Refused)
    }

    /// What the provider says of itself: what it has said, unless that is old or not younger than `after`.
    async fn said(&self, after: Option<Instant>) -> Result<Arc<Said>, Trouble> {
        let mut known = self.known.lock().await;
        let is_young = |at: Instant, limit: Duration| at.elapsed() < limit;
        let fresh = known
            .said
            .clone()
            .filter(|said| is_young(said.at, REFRESH) && after.is_none_or(|after| said.at > after));
        if let Some(said) = fresh {
            return Ok(said);
        }
        let former = known.said.clone();
        if known.asked.is_some_and(|at| is_young(at, PAUSE)) {
            return former.ok_or(Trouble::Away);
        }
        let asked = self.ask().await;
        known.asked = Some(Instant::now());
        match asked {
            Ok(said) => {
                let said = Arc::new(said);
                known.said = Some(said.clone());
                if self.is_away.clear() {
                    tracing::info!(issuer = self.issuer(), "the provider of log-ins answers again");
                }
                Ok(said)
            }
            // Its keys are most likely still the same.
            Err(error) => {
                let trouble = self.away(&*error);
                former.ok_or(trouble)
            }
        }
    }

    async fn ask(&self) -> Result<Said, Box<dyn std::error::Error + Send + Sync>> {
        let at = Instant::now();
        let trust = Trust::of(self.settings.tls_ca.as_deref())?;
        let http = Http::new(&trust)?.with_patience(PATIENCE);
        let issuer = IssuerUrl::new(self.settings.issuer.clone())?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &asking(&http)).await;
        // The library's error borrows nothing, but its type is not ours.
        let metadata = metadata.map_err(|error| chain(&error))?;
        Ok(Said { metadata, http, at })
    }

    fn relying(&self, said: &Said, back: &str) -> Result<Relying, Trouble> {
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let back = RedirectUrl::new(back.to_owned()).map_err(refused)?;
        let id = ClientId::new(self.settings.client_id.clone());
        let client =
            Relying::from_provider_metadata(said.metadata.clone(), id, secret).set_redirect_uri(back);
        let ways = said.metadata.token_endpoint_auth_methods_supported();
        let in_body = ways.is_some_and(|ways| !ways.contains(&CoreClientAuthMethod::ClientSecretBasic));
        Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }

    /// Tells it once.
    fn away(&self, error: &(dyn std::error::Error + 'static)) -> Trouble {
        if self.is_away.raise() {
            let (issuer, error) = (self.issuer(), chain(error));
            tracing::warn!(
                issuer,
                error,
                "the provider of log-ins cannot be asked; nobody can log in through it"
            );
        }
        Trouble::Away
    }
}

/// What is believed of a token: signed by the provider with a key that only it has, and neither over nor
/// of the future, as far as the clocks agree.
fn verifier(client: &Relying) -> openidconnect::IdTokenVerifier<'_, CoreJsonWebKey> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let verifier = verifier.set_time_fn(|| (SystemTime::now() - MAX_CLOCK_SKEW).into());
    verifier.set_issue_time_verifier_fn(|issued| {
        match SystemTime::from(issued) > SystemTime::now() + MAX_CLOCK_SKEW {
            true => Err("it was issued in the future: are the clocks right?".to_owned()),
            false => Ok(()),
        }
    })
}

/// What the provider answers, later.
type Answered = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, NetError>> + Send>>;

/// How the library asks the provider.
fn asking(http: &Http) -> impl Fn(Request<Vec<u8>>) -> Answered + use<> {
    let http = http.clone();
    move |request| {
        let http = http.clone();
        Box::pin(async move { http.send(request).await?.whole(MAX_ANSWER_BYTES).await })
    }
}

fn refused(error: impl std::error::Error + 'static) -> Trouble {
    Trouble::Refused(chain(&error))
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
