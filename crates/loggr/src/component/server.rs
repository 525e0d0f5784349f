//! `server`: relp, tcp, udp and unix listeners → the bus.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use loggr_bus::Publisher;
use loggr_event::{Origin, UidGenerator};
use loggr_flow::{Stop, channel_source, pump};
use loggr_net::Endpoint;
use loggr_net::bind::{self, UnixPath};
use tokio::task::JoinSet;

use super::bus::Opened;
use crate::config::{Listener, Protocol};
use crate::process::descriptors::Places;
use crate::process::gate::Gate;
use crate::process::place::make_directory;
use crate::source::{self, Accepting, Datagrams, ListenerStats, StreamKind};

/// Batches of datagrams that may wait for the bus.
const DATAGRAM_WINDOW: usize = 2;

/// The listeners of this process.
#[derive(Debug, Default)]
pub struct Server {
    /// In the order of the configuration.
    pub listeners: Vec<Bound>,
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

/// The bound sockets of the listeners. Nobody reads from them yet.
#[derive(Default)]
pub struct Doors {
    /// Of each listener, in the order of the configuration.
    sockets: Vec<Vec<Socket>>,
    paths: Vec<UnixPath>,
}

impl Doors {
    /// Binds every listener: either all are bound or none is. Needs no runtime, so that it
    /// can be done before root's powers are given up.
    pub fn bind(listeners: &[Listener]) -> Result<Doors> {
        let mut doors = Doors::default();
        for listener in listeners {
            let sockets = listener.listen.iter().map(|endpoint| bind(listener, endpoint, &mut doors.paths));
            let sockets = sockets.collect::<Result<_>>();
            doors
                .sockets
                .push(sockets.with_context(|| format!("cannot start the listener `{}`", listener.name))?);
        }
        Ok(doors)
    }
}

impl Server {
    /// Begins to receive.
    pub fn start(
        listeners: &[Listener],
        doors: Doors,
        bus: &Opened,
        uids: &Arc<UidGenerator>,
        places: &Places,
        stop: &Stop,
    ) -> Result<Server> {
        let mut server = Server { listeners: Vec::new(), tasks: JoinSet::new(), _paths: doors.paths };
        let mut ready = Vec::new();
        for (listener, sockets) in listeners.iter().zip(doors.sockets) {
            let stats = Arc::new(ListenerStats::new(&listener.name, listener.protocol.keyword()));
            let publisher = bus.intake(&listener.exchange, &listener.routing_key(), listener.encoding)?;
            let gate = places.gate(listener.max_connections);
            let mut addresses = Vec::new();
            for socket in sockets {
                addresses.push(socket.address.clone());
                let shared = shared(listener, publisher.clone(), uids.clone(), stats.clone(), gate.clone());
                ready.push((socket, Arc::new(shared)));
            }
            server.listeners.push(Bound { stats, addresses });
        }
        for (socket, shared) in ready {
            let (listener, address) = (shared.stats.name().to_owned(), socket.address.clone());
            match socket.kind {
                Kind::Tcp(socket) => {
                    let listening = source::Listening::Tcp(tokio::net::TcpListener::from_std(socket)?);
                    let stats = shared.stats.clone();
                    let accepting = source::accept(listening, shared, stop.clone());
                    server.tasks.spawn(watched(accepting, stats, stop.clone()));
                }
                Kind::Unix(socket) => {
                    let listening = source::Listening::Unix(tokio::net::UnixListener::from_std(socket)?);
                    let stats = shared.stats.clone();
                    let accepting = source::accept(listening, shared, stop.clone());
                    server.tasks.spawn(watched(accepting, stats, stop.clone()));
                }
                Kind::Datagram(datagrams) => datagram(datagrams, shared, stop.clone(), &mut server.tasks)?,
            }
            tracing::info!(listener, address, "listening");
        }
        Ok(server)
    }

    /// Resolves when every listener has drained: what was read is with the bus.
    pub async fn drained(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a listener's task failed");
            }
        }
    }
}

struct Socket {
    kind: Kind,
    address: String,
}

enum Kind {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
    Datagram(Datagrams),
}

fn bind(listener: &Listener, endpoint: &Endpoint, paths: &mut Vec<UnixPath>) -> Result<Socket> {
    let inet = || {
        let address = endpoint.address().ok_or_else(|| anyhow!("`{endpoint}` is no address"))?;
        Ok::<_, anyhow::Error>(bind::resolve(address)?)
    };
    let path = || -> Result<&Path> {
        let path = endpoint.path().ok_or_else(|| anyhow!("`{endpoint}` is no path"))?;
        make_way_to(path, listener.socket_mode)?;
        Ok(path)
    };
    match listener.protocol {
        Protocol::Tcp | Protocol::Relp => {
            let socket = bind::tcp(inet()?)?;
            let address = socket.local_addr()?.to_string();
            Ok(Socket { kind: Kind::Tcp(socket), address })
        }
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
            let datagrams = Datagrams { socket: socket.into(), udp: true };
            Ok(Socket { kind: Kind::Datagram(datagrams), address })
        }
        Protocol::UnixDgram => {
            let path = path()?;
            let (socket, guard) = bind::unix_dgram(path, listener.socket_mode, listener.receive_buffer)?;
            paths.push(guard);
            let address = path.display().to_string();
            Ok(Socket { kind: Kind::Datagram(Datagrams { socket, udp: false }), address })
        }
        Protocol::UnixStream => {
            let path = path()?;
            let (socket, guard) = bind::unix_stream(path, listener.socket_mode)?;
            paths.push(guard);
            let address = path.display().to_string();
            Ok(Socket { kind: Kind::Unix(socket), address })
        }
    }
}

/// Makes the directory of a socket: whoever may use the socket has to get there.
fn make_way_to(socket: &Path, mode: u32) -> Result<()> {
    let Some(parent) = socket.parent() else { return Ok(()) };
    let parent_mode = if mode & 0o007 == 0 { 0o750 } else { 0o755 };
    make_directory(parent, parent_mode).with_context(|| format!("cannot create `{}`", parent.display()))
}

fn shared(
    listener: &Listener,
    publisher: Publisher,
    uids: Arc<UidGenerator>,
    stats: Arc<ListenerStats>,
    gate: Gate,
) -> Accepting {
    let kind = match listener.protocol {
        Protocol::Relp => StreamKind::Relp,
        Protocol::Tcp | Protocol::Udp | Protocol::UnixDgram | Protocol::UnixStream => {
            StreamKind::Lines(listener.framing)
        }
    };
    let (admitting, trusting) = (listener.clone(), listener.trust.clone());
    Accepting {
        kind,
        origin: Origin {
            listener: listener.name.clone(),
            transport: listener.protocol.transport(),
            // Who speaks on a unix socket is this host; others put their address here.
            peer: if listener.protocol.is_unix() { bind::host_name() } else { String::new() },
            format: listener.format,
            timezone: listener.timezone.clone(),
            keep_leading_blank: listener.keep_leading_blank,
            ..Origin::default()
        },
        max_message_size: listener.max_message_size,
        gate,
        window_bytes: listener.window_size,
        idle_timeout: listener.idle_timeout,
        allowed: Box::new(move |ip: IpAddr| admitting.admits(ip)),
        trusted: Box::new(move |ip| trusting.covers(ip)),
        publisher,
        uids,
        stats,
    }
}

/// A thread that receives, and a task that pumps what it received.
fn datagram(datagrams: Datagrams, shared: Arc<Accepting>, stop: Stop, tasks: &mut JoinSet<()>) -> Result<()> {
    let (deliveries, source) = channel_source(DATAGRAM_WINDOW);
    let pumping = pump(source, shared.publisher.clone(), source::NoRescue, stop.clone(), shared.observer());
    let (done, joined) = tokio::sync::oneshot::channel::<()>();
    let (stats, stopped) = (shared.stats.clone(), stop.clone());
    std::thread::Builder::new()
        .name(format!("loggr-{}", shared.stats.protocol))
        .spawn(move || {
            source::receive(&datagrams, &shared, &stop, &deliveries);
            drop((deliveries, done));
        })
        .context("cannot start a thread")?;
    let receiving = async move {
        // A channel does not break; the pump ends with it.
        drop(pumping.await);
        // The thread drops its end when it is done.
        drop(joined.await);
    };
    tasks.spawn(watched(receiving, stats, stopped));
    Ok(())
}

/// What a listener does until draining.
async fn watched(receiving: impl Future<Output = ()>, stats: Arc<ListenerStats>, stop: Stop) {
    let receiving = async {
        receiving.await;
        Ok::<(), Infallible>(())
    };
    stats.progress.watch(stop, "receiving", "it stopped by itself; its log says why", receiving).await;
}
