//! HTTP as one who asks: requests to servers behind URLs, and what they answer.
//!
//! | file | what |
//! | --- | --- |
//! | `url.rs` | where a server is |
//! | `answer.rs` | what it answers, whole or piece by piece |
//!
//! HTTP/1.1, with the crate's TLS; connections are kept for a while and used again. Not a browser: it
//! follows no redirect, keeps no cookie and unpacks nothing. Invariant: each wait has a limit, and a body
//! is read as a whole only up to a number of bytes that the caller names.

mod answer;
mod url;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use crate::NetError;
use crate::tls::{self, Connector, Trust};

pub use answer::Answer;
pub use hyper::{Method, Request, Response, StatusCode, header};
pub use url::Url;

/// How long the connection to one address may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to answer, connecting included, and then for each piece of a body.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection is kept that is not used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections to one server that are kept unused.
const MAX_IDLE: usize = 4;

/// What somebody shows who asks: the value of `Authorization`. Never printed.
#[derive(Clone)]
pub struct Bearer(HeaderValue);

/// One who asks. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
    settings: Arc<ClientConfig>,
    repeats: bool,
}

impl Client {
    /// Trusts servers as `trust` says.
    ///
    /// # Errors
    /// There is no authority to trust.
    pub fn new(trust: &Trust) -> Result<Client, NetError> {
        Client::over(tls::client(trust, None)?, None)
    }

    /// Trusts servers, and shows itself, as the connector's files say now. `name`: the name that their
    /// certificates must be for, in the place of the host in the URL.
    ///
    /// # Errors
    /// No certificate can be for the name.
    pub fn of(connector: &Connector, name: Option<&str>) -> Result<Client, NetError> {
        Client::over(connector.config(), name)
    }

    /// Was it made of what the connector's files say now?
    pub fn is_of(&self, connector: &Connector) -> bool {
        Arc::ptr_eq(&self.settings, &connector.config())
    }

    fn over(settings: Arc<ClientConfig>, name: Option<&str>) -> Result<Client, NetError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let builder = HttpsConnectorBuilder::new().with_tls_config((*settings).clone()).https_or_http();
        let builder = match name {
            Some(name) => {
                builder.with_server_name_resolver(FixedServerNameResolver::new(tls::server_name(name)?))
            }
            None => builder,
        };
        let connector = builder.enable_http1().wrap_connector(connector);
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(MAX_IDLE);
        Ok(Client { pool: pool.build(connector), patience: ANSWER_TIMEOUT, settings, repeats: false })
    }

    /// The same for requests that may be done twice: one whose connection ends before an answer comes is sent
    /// once more, since the connection may have ended while it rested.
    #[must_use]
    pub fn with_repeats(self) -> Client {
        Client { repeats: true, ..self }
    }

    /// The same with another limit in the place of [`ANSWER_TIMEOUT`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Client {
        Client { patience, ..self }
    }

    /// Sends a request, which names the whole URL, and waits for the head of its answer.
    ///
    /// # Errors
    /// The server cannot be reached or trusted, speaks no HTTP, or takes too long.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, NetError> {
        let server = url::shown(request.uri());
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let again = self.repeats.then(|| request.clone());
        let asked = async {
            match (self.pool.request(request).await, again) {
                (Err(error), Some(again)) if !error.is_connect() => self.pool.request(again).await,
                (asked, _) => asked,
            }
        };
        match tokio::time::timeout(self.patience, asked).await {
            Ok(Ok(answer)) => Ok(Answer::new(server, answer, self.patience)),
            Ok(Err(error)) => Err(failed(&server, &error)),
            Err(_) => {
                let seconds = self.patience.as_secs();
                Err(NetError::new(format!("`{server}` has not answered within {seconds} s")))
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Bearer {
    /// Of a token; blanks around it are dropped.
    ///
    /// # Errors
    /// It has what no header can have.
    pub fn new(token: &str) -> Result<Bearer, NetError> {
        Bearer::of("Bearer", token)
    }

    /// Of a scheme, such as `Basic`, and what it shows.
    ///
    /// # Errors
    /// It has what no header can have.
    pub fn of(scheme: &str, token: &str) -> Result<Bearer, NetError> {
        let token = token.trim();
        let value = HeaderValue::try_from(format!("{scheme} {token}"));
        // Not the library's error, which could show a part of it.
        let mut value = value.ok().filter(|_| !token.is_empty()).ok_or_else(|| {
            NetError::new("the token is empty or has characters that no token has")
                .hinted("copy it again, whole and in one line")
        })?;
        value.set_sensitive(true);
        Ok(Bearer(value))
    }

    /// Shows it with a request.
    pub fn show<B>(&self, request: &mut Request<B>) {
        request.headers_mut().insert(AUTHORIZATION, self.0.clone());
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

/// What the library says in kinds, said of the server and with what to do.
fn failed(server: &str, error: &PoolError) -> NetError {
    let cause = deepest(error);
    if !error.is_connect() {
        let wrong = NetError::new(format!("`{server}` does not answer as a web server does")).because(cause);
        return match server.starts_with("http://") {
            true => wrong.hinted("if it speaks TLS, write `https://`; is it the right port?"),
            false => wrong.hinted("is it the right port?"),
        };
    }
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            let hint = match why {
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. } => {
                    "call the server by a name that its certificate has"
                }
                rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                    "the server needs a newer certificate; is the clock of this host right?"
                }
                _ => {
                    "if an authority of your own has signed it, name the file with that authority's certificate"
                }
            };
            NetError::new(format!("cannot trust the certificate of `{server}`")).because(cause).hinted(hint)
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            NetError::new(format!("`{server}` speaks no TLS")).because(cause).hinted("write `http://`")
        }
        Some(_) => NetError::new(format!("cannot speak TLS with `{server}`")).because(cause),
        None => NetError::new(format!("cannot reach `{server}`"))
            .because(cause)
            .hinted("does the server run, and is this its address?"),
    }
}

/// The last of the causes, which says what happened; those before it say where in the library.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// The error of TLS among the causes. One of I/O may have it inside, and does not call that its source.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests;
