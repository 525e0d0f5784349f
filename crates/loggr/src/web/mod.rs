//! HTTP: `/metrics`, `/healthz`, `/readyz` and the API on the web address; a part of it and the commands
//! that change something on the control socket, which is its owner's alone.
//!
//! Who may ask on the web address is decided at its `door`. An uploaded file is given to a source, which alone takes events in.

mod api;
mod control;
mod crowd;
mod door;
mod headers;
mod host;
mod mcp;
mod moves;
mod page;
mod paths;
pub mod problem;
mod serve;
mod welcome;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use loggr_event::Timestamp;
use loggr_net::tls::{Clients, Server, ServerFiles};
use loggr_net::{Address, bind};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, Secret};
use crate::operate::stores::Stores;
use crate::process::certificates::Holder;
use crate::process::descriptors::{
    MAX_CONTROL_CONNECTIONS, MAX_WEB_CONNECTIONS, MAX_WEB_CONNECTIONS_OF_AN_ADDRESS, Places,
};
use crate::process::part::Part;
use crate::registry::Registry;
use crate::registry::notices::Notices;
use crate::status::{self, Live};
use api::Api;
use crowd::Crowd;
use door::Keeper;
use serve::{Door, serve};

/// Permission bits of the control socket: its owner alone.
const CONTROL_MODE: u32 = 0o600;
/// What is spoken inside TLS.
const ALPN: &str = "http/1.1";
/// How long a stop waits for requests that are being answered.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What serves HTTP.
pub struct Web {
    /// Where the web address really listens.
    pub addresses: Vec<String>,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    keeper: Option<Arc<Keeper>>,
    _control: bind::UnixPath,
}

impl Web {
    /// Ends all connections: those that are being answered within a limit.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.serving.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_GRACE, ended).await);
        if let Some(keeper) = &self.keeper
            && let Err(error) = keeper.write().await
        {
            tracing::warn!(error = error.in_one_line(), "cannot write who is logged in");
        }
    }
}

/// What requests are answered from.
#[derive(Clone)]
pub struct Site {
    /// What runs in this process.
    pub live: Arc<Live>,
    /// Who else runs.
    pub registry: Arc<Registry>,
    /// What changes in the installation.
    pub notices: Notices,
    /// Where this process answers commands.
    pub socket: PathBuf,
}

/// The web address, bound; nothing is answered there yet.
#[derive(Default)]
pub struct Bound {
    sockets: Vec<std::net::TcpListener>,
    tls: Option<Arc<Server>>,
    /// That of `[web.oidc]`.
    secret: Option<Secret>,
}

impl Bound {
    /// The certificate that is shown, and where.
    pub fn shown(&self) -> Option<(String, Holder)> {
        Some(("web address".to_owned(), Holder::Server(self.tls.clone()?)))
    }
}

/// Binds the web address, if the part has one, and reads its certificate and secret, which perhaps only
/// root may read.
pub fn bind(config: &Config, part: &Part) -> Result<Bound> {
    let Some(web) = config.web.as_ref().filter(|_| part.has_web()) else { return Ok(Bound::default()) };
    let bind = |address: &Address| bind::tcp(bind::resolve(address)?);
    let bound = || -> Result<Bound> {
        let (tls, secret) = files(web)?;
        Ok(Bound { sockets: web.listen.iter().map(bind).collect::<Result<_, _>>()?, tls, secret })
    };
    bound().context("cannot start the web server")
}

/// The certificate and the secret of the provider of identities, where the configuration names them.
fn files(web: &crate::config::Web) -> Result<(Option<Arc<Server>>, Option<Secret>)> {
    let files = |(certificate, key): (PathBuf, PathBuf)| ServerFiles {
        certificate,
        key,
        clients: Clients::default(),
    };
    let shown = web.tls.clone().map(|tls| Server::open(files(tls), &[ALPN])).transpose()?;
    let secret = web.oidc.as_ref().and_then(|oidc| oidc.client_secret_file.as_deref());
    Ok((shown.map(Arc::new), secret.map(Secret::read).transpose()?))
}

/// Whether the files that the web server names can be used: then what it would show. Nothing is bound.
pub fn looks_right(web: &crate::config::Web) -> Result<Option<(String, Holder)>> {
    let (tls, secret) = files(web).context("the web server could not start")?;
    Ok(Bound { sockets: Vec::new(), tls, secret }.shown())
}

/// Binds the control socket and serves it, and the web address.
pub async fn start(site: &Site, bound: Bound, stores: Stores, places: &Places) -> Result<Web> {
    let (stop, stopped) = watch::channel(false);
    let mut serving = JoinSet::new();
    let api = Api::new(site.clone(), stores, stopped.clone());
    let watch = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(site.clone());
    let (socket, control) = bind::unix_stream(&site.socket, CONTROL_MODE)?;
    let control_app = watch.clone().merge(control::router(&api));
    let control_app = control_app.layer(axum::middleware::from_fn(door::control));
    let door = Door {
        name: "control socket",
        listener: tokio::net::UnixListener::from_std(socket)?,
        gate: places.gate(MAX_CONTROL_CONNECTIONS),
        crowd: Crowd::new(MAX_CONTROL_CONNECTIONS, Vec::new()),
        is_public: false,
        tls: None,
    };
    serving.spawn(serve(door, control_app, stopped.clone()));
    let gate = places.gate(MAX_WEB_CONNECTIONS);
    let mut web = Web { addresses: Vec::new(), stop, serving, keeper: None, _control: control };
    let Some(settings) = site.live.config.web.as_ref().filter(|_| !bound.sockets.is_empty()) else {
        return Ok(web);
    };
    let keeper = Arc::new(Keeper::open(&site.live.config, settings, about(site), bound.secret)?);
    worry(site, &keeper);
    let app = guarded(watch.merge(api::router(&api)).merge(mcp::router(&api)).merge(page::router()), &keeper);
    let crowd = Crowd::new(MAX_WEB_CONNECTIONS_OF_AN_ADDRESS, settings.trusted_proxies.clone());
    let scheme = if bound.tls.is_some() { "https" } else { "http" };
    let mut far = None;
    for socket in bound.sockets {
        let address = socket.local_addr()?;
        tracing::info!(web = format!("{scheme}://{address}/"), "listening");
        web.addresses.push(address.to_string());
        if !address.ip().to_canonical().is_loopback() {
            far.get_or_insert(address);
        }
        let listener = tokio::net::TcpListener::from_std(socket)?;
        let tls = bound.tls.clone();
        let (gate, crowd) = (gate.clone(), crowd.clone());
        let door = Door { name: "web address", listener, gate, crowd, is_public: true, tls };
        web.serving.spawn(serve(door, app.clone(), stopped.clone()));
    }
    if let Some(far) = far {
        welcome::tell(&keeper, far, scheme).await;
    }
    web.keeper = Some(keeper);
    Ok(web)
}

/// Says which roles and users see nothing until somebody changes them, and has the status say it.
fn worry(site: &Site, keeper: &Arc<Keeper>) {
    let of = keeper.clone();
    let worries = move || of.access.accounts().map(|accounts| accounts.troubles()).unwrap_or_default();
    for trouble in worries() {
        tracing::error!("{trouble}");
    }
    // An error says that it is known already.
    drop(site.live.worries.set(Box::new(worries)));
}

/// What the page has to know of this server before it asks.
fn about(site: &Site) -> Map<String, Value> {
    let mut about = Map::new();
    about.insert("installation".to_owned(), bind::host_name().into());
    about.insert("uploads".to_owned(), site.live.uploads.is_some().into());
    about.insert("limits".to_owned(), api::limits());
    about
}

/// What is answered on the web address: each request passes the headers, its `Host`, and the door.
fn guarded(public: Router, keeper: &Arc<Keeper>) -> Router {
    // Nobody else can make the name of this host lead elsewhere.
    let names = keeper.web.hosts.iter().cloned().chain([bind::host_name()]);
    let names: Arc<[String]> = names.collect();
    public
        .merge(door::routes(keeper.clone()))
        .layer(axum::middleware::from_fn_with_state(keeper.clone(), door::enter))
        .layer(axum::middleware::from_fn_with_state(names, host::check))
        .layer(axum::middleware::from_fn(headers::add))
}

/// A time as RFC 3339, of microseconds since 1970.
fn stamp(micros: i64) -> String {
    let mut out = Vec::new();
    Timestamp::from_unix_micros(micros).write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

async fn readyz(State(site): State<Site>) -> Response {
    // Looking at a queue may read from disk.
    let trouble = tokio::task::spawn_blocking(move || status::not_ready(&site.live)).await;
    match trouble {
        Ok(Some(trouble)) => {
            // Everybody may ask this.
            (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", paths::without(&trouble))).into_response()
        }
        Ok(None) => "ready\n".into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn metrics(State(site): State<Site>) -> Response {
    let kind = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    // A process that serves only the web address also shows the others.
    let others = match site.live.part {
        Part::Web => site.registry.known(Some(&site.socket)).await.seen,
        _ => Vec::new(),
    };
    let render = move || status::metrics(&status::online(&site.live), &others);
    match tokio::task::spawn_blocking(render).await {
        Ok(text) => (kind, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
