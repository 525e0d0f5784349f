//! Processes in Redis: one hash for each, which vanishes when its process falls silent,
//! and an index that remembers it for a day.
//!
//! | key | type | what |
//! |---|---|---|
//! | `PREFIX:process:ID` | hash, expires after `ttl` | the parts of the process's status, each as JSON |
//! | `PREFIX:processes` | sorted set | every ID with the second in which it last reported |
//!
//! An ID is `HOST:PART:DIRECTORY`, so that a process that starts again takes its place.
//! Ages come from Redis's own clock; those of hosts may differ. Invariant: every wait for
//! Redis has a limit.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use loggr_net::tls::{self, Pem};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates,
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::config::{RedisRegistry, Secret};
use crate::exit::Usage;
use crate::hint::Advise;
use crate::status::{Identity, Seen, State, Status};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause after a failed try, for all callers.
const PAUSE: Duration = Duration::from_secs(1);
/// A process that has not reported for this time is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Processes of an installation that are looked at, the newest first.
const MAX_PROCESSES: isize = 1000;
/// A larger status is written without its rules and clients.
const MAX_STATUS_BYTES: usize = 256 << 10;

/// A failed request to Redis.
#[derive(Clone, Debug)]
pub struct Failed {
    what: String,
    /// What the operator can do.
    pub hint: Option<&'static str>,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failed {}

/// A Redis server that may be away.
#[derive(Debug)]
pub struct RedisStore {
    server: String,
    client: Client,
    prefix: String,
    ttl: Duration,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<MultiplexedConnection>,
    failed: Option<(Instant, Failed)>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", if self.connection.is_some() { "up" } else { "down" })
    }
}

impl RedisStore {
    /// Reads password and certificates.
    pub fn open(config: &RedisRegistry) -> Result<RedisStore> {
        let context = || format!("cannot use the registry `{}`", config.url);
        let client = client(config).with_context(context).usage()?;
        Ok(RedisStore {
            server: config.url.to_string(),
            client,
            prefix: config.prefix.clone(),
            ttl: config.ttl,
            link: Mutex::default(),
        })
    }

    /// The address of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// How often a process has to report.
    pub fn interval(&self) -> Duration {
        self.ttl / 3
    }

    /// Writes the status of a process.
    pub async fn write(&self, status: &Status) -> Result<(), Failed> {
        let id = status.identity.id.as_str();
        let key = self.key(id);
        let now = seconds(SystemTime::now());
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("HSET").arg(&key).arg("ttl_ms").arg(ttl);
        for (name, part) in slim(status) {
            pipe.arg(name).arg(part.to_string());
        }
        pipe.ignore().cmd("PEXPIRE").arg(&key).arg(ttl).ignore();
        pipe.cmd("ZADD").arg(self.index()).arg(now).arg(id).ignore();
        let forgotten = now.saturating_sub(FORGET_AFTER.as_secs());
        pipe.cmd("ZREMRANGEBYSCORE").arg(self.index()).arg("-inf").arg(forgotten).ignore();
        self.query::<()>(&pipe).await
    }

    /// Removes a process that stops in order.
    pub async fn remove(&self, id: &str) -> Result<(), Failed> {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("DEL").arg(self.key(id)).ignore().cmd("ZREM").arg(self.index()).arg(id).ignore();
        self.query::<()>(&pipe).await
    }

    /// Every process that has reported within a day.
    pub async fn read(&self) -> Result<Vec<Seen>, Failed> {
        let mut pipe = redis::pipe();
        pipe.cmd("ZREVRANGE").arg(self.index()).arg(0).arg(MAX_PROCESSES - 1).arg("WITHSCORES");
        let (index,) = self.query::<(Vec<(String, f64)>,)>(&pipe).await?;
        if index.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for (id, _) in &index {
            pipe.cmd("HGETALL").arg(self.key(id)).cmd("PTTL").arg(self.key(id));
        }
        let mut answers = self.query::<Vec<redis::Value>>(&pipe).await?.into_iter();
        let now = seconds(SystemTime::now());
        let mut all = Vec::with_capacity(index.len());
        for (id, last) in index {
            let fields = answers.next().and_then(|v| redis::from_redis_value(v).ok()).unwrap_or_default();
            let left = answers.next().and_then(|v| redis::from_redis_value(v).ok()).unwrap_or(-2);
            all.push(seen(&id, fields, left, now.saturating_sub(last as u64)));
        }
        Ok(all)
    }

    fn key(&self, id: &str) -> String {
        format!("{}:process:{id}", self.prefix)
    }

    fn index(&self) -> String {
        format!("{}:processes", self.prefix)
    }

    /// Sends a request on the open connection, or on a new one; a broken connection is dropped.
    async fn query<T: redis::FromRedisValue>(&self, pipe: &Pipeline) -> Result<T, Failed> {
        let mut link = self.link.lock().await;
        if let Some((at, failed)) = &link.failed
            && at.elapsed() < PAUSE
        {
            return Err(failed.clone());
        }
        let answer = match link.connection.clone() {
            Some(mut connection) => pipe.query_async(&mut connection).await,
            None => {
                let options = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(ANSWER_TIMEOUT));
                match self.client.get_multiplexed_async_connection_with_config(&options).await {
                    Ok(mut connection) => {
                        link.connection = Some(connection.clone());
                        pipe.query_async(&mut connection).await
                    }
                    Err(error) => Err(error),
                }
            }
        };
        answer.map_err(|error| {
            let failed = explain(&self.server, &error);
            *link = Link { connection: None, failed: Some((Instant::now(), failed.clone())) };
            failed
        })
    }
}

/// Turns an error of Redis into words for the operator.
fn explain(server: &str, error: &RedisError) -> Failed {
    let text = error.to_string();
    let (what, hint) = match error.kind() {
        ErrorKind::AuthenticationFailed => (
            format!("Redis at `{server}` refuses the password or the user"),
            Some(
                "compare `url` and `password_file` in `[registry]` with `requirepass` or `user` in the server's configuration",
            ),
        ),
        ErrorKind::Server(ServerErrorKind::NoPerm) => (
            format!("Redis at `{server}` does not permit a command that the registry needs: {text}"),
            Some(
                "the user needs the commands MULTI, EXEC, HSET, HGETALL, PEXPIRE, PTTL, DEL, ZADD, ZREM, ZREVRANGE, ZREMRANGEBYSCORE on `PREFIX:*`",
            ),
        ),
        _ if text.contains("NOAUTH") => (
            format!("Redis at `{server}` asks for a password"),
            Some("put the password into a file, and name that file as `password_file` in `[registry]`"),
        ),
        _ if error.is_timeout() => (format!("Redis at `{server}` does not answer"), None),
        _ => (format!("Redis at `{server}` cannot be reached: {text}"), None),
    };
    Failed { what, hint }
}

/// The parts of a status; if it is too long, without the longest ones.
fn slim(status: &Status) -> Map<String, Value> {
    let parts = |status: &Status| match serde_json::to_value(status) {
        Ok(Value::Object(parts)) => parts,
        _ => Map::new(),
    };
    let whole = parts(status);
    if whole.values().map(|part| part.to_string().len()).sum::<usize>() <= MAX_STATUS_BYTES {
        return whole;
    }
    let mut short = status.clone();
    short.machines.iter_mut().for_each(|machine| machine.rules.clear());
    for listener in &mut short.listeners {
        listener.clients.clear();
        listener.senders.clear();
    }
    parts(&short)
}

/// Reads a hash. `left` is the answer of PTTL, in milliseconds; `silent` are the seconds since the
/// process last reported.
fn seen(id: &str, fields: HashMap<String, String>, left: i64, silent: u64) -> Seen {
    let ttl: i64 = fields.get("ttl_ms").and_then(|ttl| ttl.parse().ok()).unwrap_or(0);
    let mut status = Map::new();
    for (name, text) in fields {
        if let Ok(value) = serde_json::from_str(&text)
            && name != "ttl_ms"
        {
            status.insert(name, value);
        }
    }
    let status = serde_json::from_value::<Status>(status.into()).unwrap_or_default();
    if left < 0 || status.identity.id != id {
        let status = Status { identity: from_id(id), ..Status::default() };
        return Seen { status, state: State::Lost, age: Duration::from_secs(silent) };
    }
    let age = Duration::from_millis(u64::try_from(ttl - left).unwrap_or(0));
    // A process reports three times within its time to live.
    let late = ttl > 0 && left < ttl / 3;
    Seen { status, state: if late { State::Late } else { State::Running }, age }
}

/// The identity of a process of which only the id is left.
fn from_id(id: &str) -> Identity {
    let mut words = id.splitn(3, ':');
    let (host, part, data) = (words.next(), words.next().unwrap_or_default(), words.next());
    let (component, name) = match part.split_once('-') {
        Some((component, name)) => (component, Some(name)),
        None => (part, None),
    };
    Identity {
        id: id.to_owned(),
        host: host.map(str::to_owned),
        component: Some(component.to_owned()),
        name: name.map(str::to_owned),
        data_directory: data.map(str::to_owned),
        ..Identity::default()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn client(config: &RedisRegistry) -> Result<Client> {
    let url = &config.url;
    let password = match &config.password_file {
        Some(file) => Some(Secret::read(file)?),
        None => url.password.clone(),
    };
    let (host, port) = (url.address.host(), url.address.port());
    let tls = url.scheme == "rediss";
    let address = match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let mut login = RedisConnectionInfo::default().set_db(i64::from(config.database)).set_skip_set_lib_name();
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &password {
        login = login.set_password(password.expose());
    }
    let info = address.into_connection_info()?.set_redis_settings(login);
    if !tls {
        return Ok(Client::open(info)?);
    }
    // The library takes only the bytes of the files, so they are checked first.
    let identity =
        config.tls_identity.as_ref().map(|(cert, key)| tls::Identity::read(cert, key)).transpose()?;
    let client_tls = identity
        .as_ref()
        .map(tls::Identity::bytes)
        .map(|(cert, key)| ClientTlsConfig { client_cert: cert.to_vec(), client_key: key.to_vec() });
    let authorities = config.tls_ca.as_deref().map(Pem::read).transpose()?;
    let root_cert = authorities.map(|file| file.certificates().map(|_| file.bytes().to_vec())).transpose()?;
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })
        .context("cannot use the certificates for the connection to the registry")
        .hint("`tls_ca`, `tls_cert` and `tls_key` must name PEM files")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Machine, Rule};

    fn fields(id: &str) -> HashMap<String, String> {
        let fields = [("id", format!("{id:?}")), ("ttl_ms", "15000".into()), ("pid", "7".into())];
        fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }

    #[track_caller]
    fn check(fields: HashMap<String, String>, left: i64, state: State, age: u64, identity: &Identity) {
        let seen = seen("web1:ship-a-b:/data", fields, left, 77);
        assert_eq!((seen.state, seen.age.as_secs(), &seen.status.identity), (state, age, identity));
    }

    #[test]
    fn how_a_process_is_doing() {
        let id = "web1:ship-a-b:/data";
        let alive = Identity { id: id.to_owned(), pid: Some(7), ..Identity::default() };
        let text = |text: &str| Some(text.to_owned());
        let gone = Identity {
            id: id.to_owned(),
            host: text("web1"),
            component: text("ship"),
            name: text("a-b"),
            data_directory: text("/data"),
            ..Identity::default()
        };
        check(fields(id), 15_000, State::Running, 0, &alive);
        check(fields(id), 5_000, State::Running, 10, &alive);
        check(fields(id), 4_000, State::Late, 11, &alive);
        check(HashMap::new(), -2, State::Lost, 77, &gone);
        check(fields("other"), 15_000, State::Lost, 77, &gone);
    }

    #[test]
    fn a_long_status_goes_without_rules() {
        let status = |rule: String| {
            let rules = vec![Rule { rule, ..Rule::default() }];
            Status { machines: vec![Machine { rules, ..Machine::default() }], ..Status::default() }
        };
        let rules = |status: &Status| slim(status)["machines"][0]["rules"].as_array().map(Vec::len);
        assert_eq!(rules(&status("x".repeat(MAX_STATUS_BYTES))), Some(0));
        assert_eq!(rules(&status("x".to_owned())), Some(1));
    }
}
