//! Connections: where to, as whom, encrypted or not; made when needed, kept, given back.
//!
//! Knows nothing of tables. Invariant: a session goes back to the pool only when its holder says
//! that no transaction is open on it; one that was dropped in the middle is closed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{CancelToken, Client};

use super::error::failed;
use super::names::TableName;
use super::tls::{SslMode, Tls};
use super::{Indexes, Promoted};
use crate::{ErrorKind, StoreError};

/// How long a connection may take until it is ready; after that it has failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one address is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);
/// If the server does not acknowledge sent bytes for this long, the connection is dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// The oldest server that is served, as `server_version_num`: `date_bin` came with it.
const OLDEST_SERVER: i32 = 140_000;
/// The first server that ends transactions by their age.
const TRANSACTION_TIMEOUT_SERVER: i32 = 170_000;

/// Where the database is and what lies in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `postgres://USER@HOST:PORT/DATABASE`, or libpq's `key=value` words.
    pub url: String,
    /// The password, where it does not stand in the url.
    pub password: Option<String>,
    /// Whether and how connections are encrypted; else what the url says.
    pub sslmode: Option<SslMode>,
    /// Certificates of the authorities, for [`SslMode::VerifyFull`].
    pub sslrootcert: Option<PathBuf>,
    /// Certificate and key that are shown to the server.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The table of events.
    pub table: TableName,
    /// Custom fields that get a column of their own.
    pub columns: Vec<Promoted>,
    /// The indexes of new partitions.
    pub indexes: Indexes,
    /// Connections at the same time.
    pub connections: usize,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The url may hold a password.
        f.debug_struct("Settings").field("table", &self.table).finish_non_exhaustive()
    }
}

/// The checked settings that a connection needs.
#[derive(Clone)]
pub(super) struct Address {
    config: tokio_postgres::Config,
    tls: Tls,
    /// For messages: `db.example.net:5432`, database `logs`.
    shown: String,
}

impl Address {
    pub(super) fn new(settings: &Settings) -> Result<Address, StoreError> {
        let (url, in_url) = take_ssl_words(&settings.url);
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|e| failed("cannot read the `url` of the database", &e))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StoreError::new(ErrorKind::Refused, "the `url` of the database names no host")
                .hinted("write `postgres://USER@HOST:PORT/DATABASE`"));
        }
        let unknown = |word: &str| {
            StoreError::new(ErrorKind::Refused, format!("`{word}` is not a valid `sslmode`"))
                .hinted("one of `disable`, `prefer`, `require`, `verify-full`")
        };
        let mode = match (settings.sslmode, in_url.mode) {
            (Some(mode), _) => mode,
            (None, Some(word)) => SslMode::parse(&word).ok_or_else(|| unknown(&word))?,
            (None, None) => SslMode::default(),
        };
        let authorities = settings.sslrootcert.clone().or(in_url.authorities);
        let client = settings.client_certificate.as_ref().map(|(c, k)| (c.as_path(), k.as_path()));
        let tls = Tls::new(mode, authorities.as_deref(), client)?;
        config.ssl_mode(mode.as_library());
        if let Some(password) = &settings.password {
            config.password(password);
        }
        if config.get_user().is_none() {
            return Err(StoreError::new(ErrorKind::Refused, "the `url` of the database names no user")
                .hinted("write `postgres://USER@HOST:PORT/DATABASE`"));
        }
        if config.get_application_name().is_none() {
            config.application_name("loggr");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(ADDRESS_TIMEOUT);
        }
        config.keepalives_idle(UNACKNOWLEDGED);
        config.tcp_user_timeout(UNACKNOWLEDGED);
        let shown = shown(&config);
        Ok(Address { config, tls, shown })
    }

    /// The user that connects.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Server and database, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The same address for writing: of several hosts the one that takes writes.
    pub(super) fn for_writing(mut self) -> Address {
        self.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        self
    }

    /// Connects, and checks the properties of the server on which everything else relies.
    async fn connect(&self) -> Result<Session, StoreError> {
        let what = || format!("cannot connect to PostgreSQL at {}", self.shown);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.config.connect(self.tls.clone())).await;
        let late = |_| StoreError::new(ErrorKind::Transient, format!("{}: no answer in time", what()));
        let (client, connection) = connected.map_err(late)?.map_err(|e| failed(what(), &e))?;
        let shown = self.shown.clone();
        tokio::spawn(async move {
            // The user of the session gets the error; this line is for debugging only.
            if let Err(error) = connection.await {
                tracing::debug!(server = shown, %error, "a connection to postgresql ended");
            }
        });
        let session = Session { client, known: AtomicBool::new(false) };
        let set_up = tokio::time::timeout(CONNECT_TIMEOUT, session.set_up(&self.shown)).await;
        set_up.map_err(late)??;
        Ok(session)
    }
}

/// The words about TLS in the url, not all of which the client library knows.
#[derive(Default)]
struct SslWords {
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

/// The url without `sslmode` and `sslrootcert`, and what they said.
fn take_ssl_words(url: &str) -> (String, SslWords) {
    let mut words = SslWords::default();
    let mut take = |name: &str, value: &str| match name {
        "sslmode" => {
            words.mode = Some(value.to_owned());
            true
        }
        "sslrootcert" => {
            words.authorities = Some(PathBuf::from(value.replace("%2F", "/").replace("%2f", "/")));
            true
        }
        _ => false,
    };
    let mut split = |text: &str, by: char| -> String {
        let keep = |part: &&str| !part.split_once('=').is_some_and(|(name, value)| take(name, value));
        text.split(by).filter(keep).collect::<Vec<_>>().join(&by.to_string())
    };
    let url = match url.split_once('?') {
        Some((head, query)) if head.contains("://") => match split(query, '&') {
            query if query.is_empty() => head.to_owned(),
            query => format!("{head}?{query}"),
        },
        _ if url.contains("://") => url.to_owned(),
        _ => split(url, ' '),
    };
    (url, words)
}

fn shown(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let host = |(at, host): (usize, &Host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("`{}`, database `{database}`", hosts.join(","))
}

/// One connection.
pub(super) struct Session {
    client: Client,
    /// [`Held::is_fresh`] has been called for it.
    known: AtomicBool,
}

impl Session {
    /// Sets the session up. Fails if the server is not suitable; never weakens what it does at
    /// COMMIT.
    async fn set_up(&self, shown: &str) -> Result<(), StoreError> {
        let broken = |e| failed(format!("cannot use PostgreSQL at {shown}"), &e);
        // Limits that a role or a database has of its own would hold up the queue for ever. First,
        // and as plain statements: they limit these too.
        let unlimited = "SET statement_timeout = 0; SET lock_timeout = 0; \
                         SET idle_in_transaction_session_timeout = 0";
        self.client.batch_execute(unlimited).await.map_err(broken)?;
        let asked = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), \
                     set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') \
                     IN ('off', 'local') THEN 'on' ELSE current_setting('synchronous_commit') END, false), \
                     current_setting('fsync'), current_setting('server_version')";
        let row = self.client.query_typed_one(asked, &[]).await.map_err(broken)?;
        let (version, encoding, fsync): (i32, &str, &str) = (row.get(0), row.get(1), row.get(3));
        let refused = |what: String| StoreError::new(ErrorKind::Refused, what);
        if version < OLDEST_SERVER {
            let name: &str = row.get(4);
            return Err(refused(format!("PostgreSQL {name} at {shown} is too old"))
                .hinted("14 is the oldest that works"));
        }
        if version >= TRANSACTION_TIMEOUT_SERVER {
            self.client.batch_execute("SET transaction_timeout = 0").await.map_err(broken)?;
        }
        if encoding != "UTF8" {
            return Err(refused(format!("the database at {shown} has the encoding {encoding}"))
                .hinted("create it anew with `createdb --encoding UTF8 --template template0`"));
        }
        if fsync != "on" {
            tracing::warn!(
                server = shown,
                "postgresql runs with fsync = off: a power failure takes stored events away"
            );
        }
        Ok(())
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// Sessions of one address, so many at most.
pub(super) struct Pool {
    address: Address,
    idle: Mutex<Vec<Session>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(address: Address, connections: usize) -> Arc<Pool> {
        Arc::new(Pool {
            address,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(connections.max(1))),
        })
    }

    /// Where it connects to.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A session; waits while all are taken.
    pub(super) async fn get(self: &Arc<Pool>) -> Result<Held, StoreError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|e| StoreError::with(ErrorKind::Transient, "BUG: the pool is closed", e))?;
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| !session.client.is_closed());
            idle.pop()
        };
        let session = match idle {
            Some(session) => session,
            None => self.address.connect().await?,
        };
        let cancel = Cancel { token: session.client.cancel_token(), tls: self.address.tls.clone() };
        Ok(Held { session: Some(session), cancel, pool: Arc::clone(self), _permit: permit })
    }
}

/// A session that somebody uses. Dropped without [`Held::give_back`] it is closed, and what it was
/// doing on the server is cancelled.
pub(super) struct Held {
    session: Option<Session>,
    cancel: Cancel,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn client(&self) -> &Client {
        self.session.as_ref().expect("BUG: a session is there until it is given back").client()
    }

    /// Whether this is the first call for the session: it may lead to another server than earlier
    /// sessions.
    pub(super) fn is_fresh(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.known.swap(true, Ordering::Relaxed))
    }

    /// Gives the session back to the pool; no transaction may be open on it.
    pub(super) fn give_back(mut self) {
        if let Some(session) = self.session.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.session.take().is_some_and(|session| !session.client.is_closed()) {
            self.cancel.clone().fire();
        }
    }
}

/// Cancels the statement of a session on the server.
#[derive(Clone)]
struct Cancel {
    token: CancelToken,
    tls: Tls,
}

impl Cancel {
    fn fire(self) {
        // Without a runtime the process ends anyway, and the server sees the connection go.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let cancelled = self.token.cancel_query(self.tls);
                drop(tokio::time::timeout(ADDRESS_TIMEOUT, cancelled).await);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, left: &str, mode: Option<&str>, authorities: Option<&str>) {
        let (got, words) = take_ssl_words(url);
        assert_eq!(got, left);
        assert_eq!(words.mode.as_deref(), mode);
        assert_eq!(words.authorities, authorities.map(PathBuf::from));
    }

    #[test]
    fn tls_words_of_a_url() {
        check("postgres://u@h/d", "postgres://u@h/d", None, None);
        check("postgres://u@h/d?sslmode=verify-full", "postgres://u@h/d", Some("verify-full"), None);
        check(
            "postgres://u@h/d?a=b&sslmode=require&sslrootcert=%2Fca.crt",
            "postgres://u@h/d?a=b",
            Some("require"),
            Some("/ca.crt"),
        );
        check("host=h user=u sslmode=disable", "host=h user=u", Some("disable"), None);
    }

    fn settings(url: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            password: None,
            sslmode: None,
            sslrootcert: None,
            client_certificate: None,
            table: TableName::parse("events").unwrap(),
            columns: Vec::new(),
            indexes: Indexes::Fields,
            connections: 1,
        }
    }

    #[track_caller]
    fn check_error(url: &str, expect: &str) {
        let error = Address::new(&settings(url)).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hint().is_some(), "no hint: {error}");
    }

    #[test]
    fn urls_that_lead_nowhere() {
        check_error(
            "http://h",
            "cannot read the `url` of the database: invalid connection string: unexpected EOF",
        );
        check_error("postgres:///d", "the `url` of the database names no host");
        check_error("postgres://h/d", "the `url` of the database names no user");
        check_error("postgres://u@h/d?sslmode=sure", "`sure` is not a valid `sslmode`");
        check_error(
            "postgres://u@h/d?sslmode=verify-full",
            "`sslmode = \"verify-full\"` needs the certificates of the authorities",
        );
        let address = Address::new(&settings("postgres://u:secret@a:1,b:2/d")).unwrap();
        assert_eq!(address.shown(), "`a:1,b:2`, database `d`");
        assert!(!format!("{:?}", settings("postgres://u:secret@a/d")).contains("secret"));
    }
}
