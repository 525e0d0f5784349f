//! `server`: relp, tcp, http, udp and unix listeners, files, journal and kernel of this host, and uploaded files → the
//! bus.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use loggr_bus::Publisher;
use loggr_bus::rescue::RescueStore;
use loggr_event::{Origin, SealKeys, UidGenerator};
use loggr_flow::Stop;
use loggr_net::Endpoint;
use loggr_net::bind::{self, UnixPath};
use loggr_net::tls;
use tokio::task::JoinSet;

use super::bus::Opened;
use crate::config::{Config, Listener, Protocol, Seal, Start, UPLOAD};
use crate::process::certificates::Holder;
use crate::process::descriptors::Places;
use crate::process::gate::Gate;
use crate::process::place::make_directory;
use crate::seal::{LISTENER_RESCUE_PREFIX, Sealing};
use crate::source::tail::{self, Tailing};
use crate::source::upload::Uploads;
use crate::source::{
    self, Accepting, DatagramKind, Datagrams, FileStats, Http, Intake, ListenerStats, Listening, Spoken, Tls,
};
use crate::source::{journal, kernel};

/// The listeners of this process.
#[derive(Debug, Default)]
pub struct Server {
    /// In the order of the configuration.
    pub listeners: Vec<Bound>,
    /// What takes files; nothing where there is no exchange for them.
    pub uploads: Option<Arc<Uploads>>,
    tasks: JoinSet<()>,
    _paths: Vec<UnixPath>,
}

/// A listener and where it really listens.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its counters.
    pub stats: Arc<ListenerStats>,
    /// Addresses or paths, with the ports that the system chose.
    pub addresses: Vec<String>,
}

/// The bound sockets of the listeners, before reading from them begins.
#[derive(Default)]
pub struct Doors {
    /// Of each listener, in the order of the configuration.
    sockets: Vec<Vec<Socket>>,
    /// The certificate of each, if it shows one.
    shown: Vec<Option<Arc<tls::Server>>>,
    paths: Vec<UnixPath>,
}

impl Doors {
    /// Binds every listener and reads its certificate: either all are bound or none is. Needs no runtime, so
    /// that it can be done before root's powers are given up.
    pub fn bind(config: &Config) -> Result<Doors> {
        let mut doors = Doors::default();
        for listener in &config.listeners {
            let failed = || format!("cannot start the listener `{}`", listener.name);
            let shown = listener.tls.as_ref().map(|tls| tls::Server::open(tls.files.clone(), &[]));
            doors.shown.push(shown.transpose().with_context(|| config.no_tls_of(listener))?.map(Arc::new));
            let sockets = listener.listen.iter().map(|endpoint| bind(listener, endpoint, &mut doors.paths));
            let sockets = sockets.collect::<Result<Vec<_>>>().with_context(failed)?;
            let read = reading(listener, config).with_context(failed)?;
            doors.sockets.push(sockets.into_iter().chain(read).collect());
        }
        Ok(doors)
    }
}

impl Doors {
    /// The certificates that are shown, and where.
    pub fn shown(&self, listeners: &[Listener]) -> Vec<(String, Holder)> {
        let shown = listeners.iter().zip(&self.shown);
        let place = |listener: &Listener| format!("listener `{}`", listener.name);
        let shown = shown.filter_map(|(listener, shown)| Some((place(listener), shown.clone()?)));
        shown.map(|(place, server)| (place, Holder::Server(server))).collect()
    }
}

/// What all listeners of the process share.
pub struct Receiving<'p> {
    /// Where events go.
    pub bus: &'p Opened,
    /// Where events go that have no good seal.
    pub rescue: &'p RescueStore,
    /// The keys of seals.
    pub seal_keys: &'p Arc<SealKeys>,
    /// Gives uids.
    pub uids: &'p Arc<UidGenerator>,
    /// How many connections there may be.
    pub places: &'p Places,
    /// When to stop.
    pub stop: &'p Stop,
}

impl Server {
    /// Begins to receive.
    pub fn start(config: &Config, doors: Doors, receiving: &Receiving<'_>) -> Result<Server> {
        let Receiving { bus, rescue, seal_keys, uids, places, stop } = *receiving;
        let uploads = uploads(config, receiving)?.map(Arc::new);
        let mut server =
            Server { listeners: Vec::new(), uploads, tasks: JoinSet::new(), _paths: doors.paths };
        let mut ready = Vec::new();
        for ((listener, sockets), shown) in config.listeners.iter().zip(doors.sockets).zip(doors.shown) {
            let sealing = Sealing::new(listener.seal, seal_keys, "listener", &listener.name);
            let own = sealing.is_some().then(|| format!("{LISTENER_RESCUE_PREFIX}{}", listener.name));
            let own = own.map(|name| rescue.rescue_for(&name)).transpose()?;
            let stats = ListenerStats::new(&listener.name, listener.protocol.keyword());
            let files = listener.files.is_some().then(Arc::<FileStats>::default);
            let stats = Arc::new(ListenerStats { sealing, files, ..stats });
            let publisher = bus.intake(&listener.exchange, &listener.routing_key(), listener.encoding)?;
            let gate = places.gate(listener.max_connections);
            let mut addresses = Vec::new();
            if let Some(files) = &listener.files {
                addresses.extend(files.paths.iter().map(ToString::to_string));
                let intake = Intake {
                    rescue: own.clone(),
                    ..intake(listener, publisher.clone(), uids.clone(), stats.clone())
                };
                let tailing = Tailing {
                    files: files.clone(),
                    format: listener.format,
                    window_bytes: listener.window_size,
                    positions: config.data.directory.join(POSITIONS),
                    intake,
                };
                let paths = addresses.join(", ");
                let reading = tail::tail(tailing, stop.clone()).context("cannot start a thread")?;
                tracing::info!(listener = listener.name, paths, "reading files");
                server.tasks.spawn(watched(reading, stats.clone(), stop.clone()));
            }
            for socket in sockets {
                addresses.push(socket.address.clone());
                let intake = Intake {
                    rescue: own.clone(),
                    ..intake(listener, publisher.clone(), uids.clone(), stats.clone())
                };
                ready.push((socket, listener, intake, gate.clone(), shown.clone()));
            }
            server.listeners.push(Bound { stats, addresses });
        }
        for (Socket { kind, address }, listener, intake, gate, shown) in ready {
            let stats = intake.stats.clone();
            let receiving = receive(kind, listener, intake, gate, shown, stop.clone())?;
            let doing = if listener.protocol.is_socket() { "listening" } else { "reading" };
            tracing::info!(listener = listener.name, address, "{doing}");
            server.tasks.spawn(watched(receiving, stats, stop.clone()));
        }
        Ok(server)
    }

    /// Resolves when every listener has drained: what was read is with the bus.
    pub async fn drained(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a listener ended unexpectedly, which is a bug of loggr");
            }
        }
        if let Some(uploads) = &self.uploads {
            uploads.drained().await;
        }
    }
}

/// What takes files. While the broker is away they wait: the sender still has them, and sees it.
fn uploads(config: &Config, receiving: &Receiving<'_>) -> Result<Option<Uploads>> {
    let Receiving { bus, seal_keys, uids, stop, .. } = *receiving;
    let (listeners, key) = config.upload_ways()?;
    let Some(usual) = listeners.first() else { return Ok(None) };
    let timezone = usual.timezone.clone();
    let way = |of: &&Listener| {
        let publisher = bus.bus.publisher_as(&of.exchange, &key, of.encoding)?;
        Ok::<_, anyhow::Error>((of.exchange.clone(), publisher))
    };
    let ways = listeners.iter().map(way).collect::<Result<Vec<_>>>()?;
    // Whoever sends a file is trusted with no seal, so that there is none to look at.
    let seals = config.web.as_ref().is_some_and(|web| web.seal_uploads);
    let sealing = Sealing::new(seals.then_some(Seal::Sign), seal_keys, "listener", UPLOAD);
    Ok(Uploads::new(ways, uids.clone(), timezone, sealing, stop.clone()))
}

/// Where it is written down how far files were read, below the data directory.
const POSITIONS: &str = "files";

struct Socket {
    kind: Kind,
    address: String,
}

enum Kind {
    Tcp(std::net::TcpListener, Spoken),
    Unix(std::os::unix::net::UnixListener, Spoken),
    Datagram(Datagrams),
    Journal(journal::Journal),
    Kernel(kernel::Kernel),
}

/// What is read without a socket, if that is what the listener does.
fn reading(listener: &Listener, config: &Config) -> Result<Option<Socket>> {
    let place = |of: &str| config.data.directory.join(format!("read/{}.{of}", listener.name));
    if let Some(what) = &listener.journal {
        let directories: Vec<_> = what.directories.iter().map(|path| path.display().to_string()).collect();
        let journal = journal::Journal {
            directories: what.directories.clone(),
            places: place("journal"),
            only_new: what.start == Start::End,
        };
        return Ok(Some(Socket { kind: Kind::Journal(journal), address: directories.join(", ") }));
    }
    let Some(what) = listener.kernel else { return Ok(None) };
    let (device, only_new) = (kernel::Device::open()?, what.start == Start::End);
    let kernel = kernel::Kernel { device, place: place("kernel"), only_new };
    Ok(Some(Socket { kind: Kind::Kernel(kernel), address: kernel::DEVICE.to_owned() }))
}

/// Here stands what each protocol listens on, and what it speaks there.
fn bind(listener: &Listener, endpoint: &Endpoint, paths: &mut Vec<UnixPath>) -> Result<Socket> {
    let inet = || {
        let address = endpoint.address().ok_or_else(|| anyhow!("`{endpoint}` is not an address"))?;
        Ok::<_, anyhow::Error>(bind::resolve(address)?)
    };
    let tcp = |spoken| {
        let socket = bind::tcp(inet()?)?;
        let address = socket.local_addr()?.to_string();
        Ok(Socket { kind: Kind::Tcp(socket, spoken), address })
    };
    let path = || -> Result<&Path> {
        let path = endpoint.path().ok_or_else(|| anyhow!("`{endpoint}` is not a path"))?;
        make_way_to(path, listener.socket_mode)?;
        Ok(path)
    };
    match listener.protocol {
        Protocol::Tcp => tcp(Spoken::Lines(listener.framing)),
        Protocol::Relp => tcp(Spoken::Relp),
        Protocol::Http => tcp(Spoken::Http(Arc::new(requests(listener)?))),
        Protocol::Udp => {
            let (socket, granted) = bind::udp(inet()?, listener.receive_buffer)?;
            if granted < listener.receive_buffer {
                let (listener, wanted) = (listener.name.as_str(), listener.receive_buffer);
                tracing::warn!(
                    listener,
                    granted,
                    wanted,
                    "the kernel grants a smaller receive buffer; raise `net.core.rmem_max` or give `CAP_NET_ADMIN`"
                );
            }
            let address = socket.local_addr()?.to_string();
            let datagrams = Datagrams { socket: socket.into(), kind: DatagramKind::Udp };
            Ok(Socket { kind: Kind::Datagram(datagrams), address })
        }
        Protocol::UnixDgram => {
            let path = path()?;
            let (socket, guard) = bind::unix_dgram(path, listener.socket_mode, listener.receive_buffer)?;
            paths.push(guard);
            let address = path.display().to_string();
            let kind = DatagramKind::Unix { credentials: listener.credentials };
            Ok(Socket { kind: Kind::Datagram(Datagrams { socket, kind }), address })
        }
        Protocol::File => Err(anyhow!("files are not listened on")),
        Protocol::UnixStream => {
            let path = path()?;
            let (socket, guard) = bind::unix_stream(path, listener.socket_mode)?;
            paths.push(guard);
            let address = path.display().to_string();
            Ok(Socket { kind: Kind::Unix(socket, Spoken::Lines(listener.framing)), address })
        }
        Protocol::Journal | Protocol::Kernel => bail!("`{endpoint}` is where nobody listens"),
    }
}

/// What a listener takes over HTTP, and of whom, which perhaps only root may read.
pub fn requests(listener: &Listener) -> Result<Http> {
    let http = listener.http.as_ref().ok_or_else(|| anyhow!("it takes nothing over HTTP"))?;
    Http::open(http.tokens_file.as_deref(), http.max_request_bytes)
}

/// Makes the directory of a socket: whoever may use the socket has to get there.
fn make_way_to(socket: &Path, mode: u32) -> Result<()> {
    let Some(parent) = socket.parent() else { return Ok(()) };
    let parent_mode = if mode & 0o007 == 0 { 0o750 } else { 0o755 };
    make_directory(parent, parent_mode).with_context(|| format!("cannot create `{}`", parent.display()))
}

fn intake(
    listener: &Listener,
    publisher: Publisher,
    uids: Arc<UidGenerator>,
    stats: Arc<ListenerStats>,
) -> Intake {
    let (admitting, trusting) = (listener.clone(), listener.trust.clone());
    Intake {
        origin: Origin {
            listener: listener.name.clone(),
            transport: listener.protocol.transport(),
            // The peer on a unix socket is this host; for other listeners the address comes with
            // each connection.
            peer: if listener.protocol.transport().is_network() { String::new() } else { bind::host_name() },
            format: listener.format,
            timezone: listener.timezone.clone(),
            keep_leading_blank: listener.keep_leading_blank,
            ..Origin::default()
        },
        max_message_size: listener.max_message_size,
        allowed: Box::new(move |ip: IpAddr| admitting.admits(ip)),
        trusted: Box::new(move |ip| trusting.covers(ip)),
        publisher,
        uids,
        stats,
        rescue: None,
    }
}

/// What brings events in until draining, and then what was read to the bus.
fn receive(
    kind: Kind,
    listener: &Listener,
    intake: Intake,
    gate: Gate,
    shown: Option<Arc<tls::Server>>,
    stop: Stop,
) -> Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let (listening, spoken) = match kind {
        Kind::Tcp(socket, spoken) => (Listening::Tcp(tokio::net::TcpListener::from_std(socket)?), spoken),
        Kind::Unix(socket, spoken) => (Listening::Unix(tokio::net::UnixListener::from_std(socket)?), spoken),
        Kind::Datagram(datagrams) => {
            let received = source::receive(datagrams, intake, stop).context("cannot start a thread")?;
            return Ok(Box::pin(received));
        }
        Kind::Journal(journal) => return Ok(Box::pin(journal::read(journal, intake, stop)?)),
        Kind::Kernel(kernel) => return Ok(Box::pin(kernel::read(kernel, intake, stop)?)),
    };
    let (window_bytes, idle_timeout) = (listener.window_size, listener.idle_timeout);
    let trusted = listener.tls.iter().flat_map(|tls| tls.trusted.clone()).collect();
    let tls = shown.map(|shown| Tls::new(shown, trusted));
    let proxies = listener.proxies.clone();
    let is_proxy = Box::new(move |ip: IpAddr| proxies.iter().any(|network| network.contains(ip)));
    let credentials = listener.credentials;
    let shared = Accepting { spoken, intake, gate, window_bytes, idle_timeout, is_proxy, tls, credentials };
    Ok(Box::pin(source::accept(listening, Arc::new(shared), stop)))
}

/// What a listener does until draining.
async fn watched(receiving: impl Future<Output = ()>, stats: Arc<ListenerStats>, stop: Stop) {
    let receiving = async {
        receiving.await;
        Ok::<(), Infallible>(())
    };
    stats.progress.watch(stop, "receiving", "it stopped by itself; the log says why", receiving).await;
}
