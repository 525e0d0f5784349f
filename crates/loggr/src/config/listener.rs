//! `[[listener]]`: an address or a socket where loggr receives events, or what it reads of this host: files, the
//! journal, the kernel's messages.

pub mod files;
pub mod http;
pub mod journal;
pub mod kernel;
pub mod pattern;
pub mod start;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use loggr_bus::rabbit::Encoding;
use loggr_event::{InputFormat, Transport};
use loggr_net::{Address, Endpoint, Network};
use loggr_wire::framing::Mode;

use self::files::Files;
use self::http::Http;
use self::journal::Journal;
use self::kernel::Kernel;
use super::choice::{Choice, choice};
use super::hmac::{self, Seal};
use super::keys::{DAY, GIB, KIB, SECOND, Section, Shape, Takes, key, later, one_of};
use super::rabbit::ENCODING;
use super::reader::Reader;
use super::tls::{self, Tls};
use super::trust::Trust;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "listener",
    shape: Shape::List,
    about: "A listener receives events on an address or a socket, or reads them on this host. When the file has no `[[listener]]` at all, \
         loggr has the four listeners of the built-in default; `listener = []` means that it has none.",
    keys: &[&[
        key(
            "name",
            Takes::Name,
            "",
            "the listener's name, which no other listener has; its events get the routing key \
             `syslog.NAME`; `upload` is the name of what receives uploaded files",
        )
        .without("the protocol"),
        key(
            "protocol",
            one_of::<Protocol>(),
            "",
            "the protocol that the senders speak: `tcp` and `udp` are plain syslog, `relp` is RELP over TCP, \
             `http` takes [requests](../guide/http.md) of programs and of other agents, `unix-dgram` and `unix-stream` are sockets of this host, `file` reads [files](../guide/files.md) that \
             other programs write, `journal` [the journal of systemd](../guide/journal.md), `kernel` [the messages \
             of the kernel](../guide/journal.md#without-a-journal); over RELP and HTTP alone the sender learns what \
             is stored and sends the rest again, and of what loggr reads itself nothing is lost that is still there",
        )
        .without("must be given"),
        key(
            "listen",
            Takes::Endpoints,
            "",
            "where the listener listens: `host:port`, `:port` for all addresses of the host, or for unix \
             sockets the path of the socket, relative to the data directory; with port 0 the system chooses \
             a free port",
        )
        .without(
            "`127.0.0.1:1514` (tcp, udp), `127.0.0.1:2514` (relp), `127.0.0.1:8514` (http), `127.0.0.1:6514` (with \
             `tls`), `syslog.sock` (unix)",
        )
        .only(SOCKETS),
        key(
            "exchange",
            Takes::Name,
            "\"received\"",
            "the exchange to which the listener publishes its events",
        ),
        ENCODING,
        key(
            "localhost_only",
            Takes::Bool,
            "false",
            "with `true` only this host may send: the listener listens on `127.0.0.1` where `listen` says \
             `:port`, `0.0.0.0` or `[::]`, and refuses all other addresses",
        )
        .only(INET),
        key(
            "format",
            one_of::<InputFormat>(),
            "\"auto\"",
            "the format in which the senders write events: `rfc5424` and `rfc3164` are the two forms of \
             syslog, `json` is a JSON object and `msgpack` a MessagePack map for each event; with `raw` a line is \
             the message as it stands; `docker` and `cri` are the [files of containers](../guide/containers.md); \
             with `auto` loggr looks at each event. An event in another format is never refused: what cannot be \
             read becomes the text of the message",
        )
        .only(LINE_BY_LINE),
        key(
            "framing",
            one_of::<Mode>(),
            "\"auto\"",
            "how loggr finds the end of each event in the stream: `octet-counting`, the event's length \
             stands before it (RFC 6587); `lf`, a line feed ends it; `nul`, a NUL byte ends it; with `auto` \
             loggr decides for each event: it is octet-counted if it begins with a count, a blank and a \
             priority, or with a count that fits its text, and otherwise a line feed ends it",
        )
        .only(LINES),
        key(
            "timezone",
            Takes::Zone,
            "\"local\"",
            "the time zone of times that senders write without one: an IANA name such as `Europe/Berlin`, an \
             offset such as `+02:00`, or `local` for the zone of this host",
        )
        .only(LINE_BY_LINE),
        key(
            "keep_leading_blank",
            Takes::Bool,
            "false",
            "with `true` a blank in front of the message is kept; with `false` loggr removes one, because \
             many relays add one there",
        )
        .only(LINE_BY_LINE),
        key(
            "max_message_size",
            Takes::Size(480, loggr_wire::framing::MAX_FRAME_BYTES as u64),
            "",
            "the largest event in bytes; a longer one is cut, over RELP too, and the cut event notes how \
             long it was",
        )
        .without("`64KiB`; `128KiB` (relp); `1MiB` (http)"),
        key(
            "max_connections",
            Takes::Count(1, 1_000_000),
            "1000",
            "how many connections may be open at one time; further ones wait, and connections on which \
             nothing comes are closed to make room for them",
        )
        .only(STREAM),
        key(
            "allow",
            Takes::Networks,
            "[]",
            "the networks from which events are accepted; an empty list accepts all",
        )
        .only(INET),
        key(
            "deny",
            Takes::Networks,
            "[]",
            "the networks from which nothing is accepted, even if `allow` lists them",
        )
        .only(INET),
        key(
            "trust",
            Takes::Trust,
            "false",
            "the senders that are loggr hosts themselves: a list of their networks, or `true` for all. \
             From these senders loggr takes over tags, custom fields, the identity (`uid`) and the time of \
             the first reception (`timegenerated`) that the structured data `pyloggr@45878` of an event carries; \
             from all others that is plain structured data. On unix sockets and of files `true` or `false`",
        )
        .only(LINE_BY_LINE),
        key(
            "window_size",
            Takes::Size(64 * KIB, GIB),
            "\"4MiB\"",
            "how many bytes of one connection, of one datagram socket, or of all files of the listener may be \
             received and not yet stored durably; at that limit the listener stops reading until some are stored; at least \
             `max_message_size`",
        )
        .only(WINDOWED),
        key(
            "receive_buffer",
            Takes::Size(4 * KIB, GIB),
            "\"8MiB\"",
            "the size of the receive buffer that loggr asks of the kernel, which may grant less \
             (`net.core.rmem_max`); while it is full the kernel drops datagrams",
        )
        .only(DATAGRAM),
        key(
            "socket_mode",
            Takes::Mode,
            "\"0666\"",
            "the permission bits of the socket; they say which users of this host may send",
        )
        .only(UNIX),
        key(
            "credentials",
            Takes::Bool,
            "false",
            "with `true` loggr asks the kernel which process has sent each event, as the journal does; its number, \
             user, group, name, program and command line become the event's trusted fields (`_PID`, `_UID`, `_GID`, \
             `_COMM`, `_EXE`, `_CMDLINE`), which no sender can forge. Of a process that has ended since, and where \
             `/proc` hides others' processes, only the numbers are known, and `_EXE` only where loggr is not confined; \
             command lines may hold secrets",
        )
        .only(UNIX),
        key(
            "idle_timeout",
            Takes::Duration(SECOND, 365 * DAY),
            "",
            "loggr closes a connection on which nothing has come for this time; a plain TCP sender may then \
             lose the next event that it sends",
        )
        .without("never")
        .only(STREAM),
        key(
            "proxy_from",
            Takes::Networks,
            "[]",
            "the load balancers in front of the listener that speak the PROXY protocol (version 1 or 2): every \
             connection from these networks must begin with its head, and the address in it counts as the \
             sender's",
        )
        .only(CONNECTED),
        hmac::seal(
            "what is done with [seals](../guide/seals.md) at reception: `sign` seals every event that has no seal; \
             `verify` only looks whether seals are good; with `require` an event without a good seal goes to the \
             rescue. With each of them an event whose seal is broken has the defect `bad_hmac`. The seals of \
             senders that are not trusted (`trust`) are not read",
        ),
        key("tls", Takes::Section, "", "TLS: [`[listener.tls]`](#listenertls)")
            .without("the listener speaks without encryption")
            .only(CONNECTED),
        key(
            "packers",
            Takes::Elsewhere(
                "packers belong to a machine, where they do not delay the senders: set `packers` in the \
                 `[machine.NAME]` that takes from this exchange",
            ),
            "",
            "",
        ),
        later("compress"),
    ], files::KEYS, http::KEYS, journal::KEYS, start::KEYS],
};

const SOCKETS: &[&str] = &["tcp", "relp", "http", "udp", "unix-dgram", "unix-stream"];
/// What gives lines that others have written.
const LINE_BY_LINE: &[&str] = &["file", "tcp", "relp", "http", "udp", "unix-dgram", "unix-stream"];
const WINDOWED: &[&str] = &["file", "tcp", "relp", "udp", "unix-dgram", "unix-stream"];
const STREAM: &[&str] = &["tcp", "relp", "http", "unix-stream"];
const CONNECTED: &[&str] = &["tcp", "relp", "http"];
const LINES: &[&str] = &["tcp", "unix-stream"];
const DATAGRAM: &[&str] = &["udp", "unix-dgram"];
const UNIX: &[&str] = &["unix-dgram", "unix-stream"];
const INET: &[&str] = &["tcp", "relp", "http", "udp"];

choice!(Protocol {
    Tcp = "tcp",
    Relp = "relp",
    Http = "http",
    Udp = "udp",
    UnixDgram = "unix-dgram",
    UnixStream = "unix-stream",
    File = "file",
    Journal = "journal",
    Kernel = "kernel",
});
choice!(InputFormat {
    Auto = "auto",
    Rfc5424 = "rfc5424",
    Rfc3164 = "rfc3164",
    Json = "json",
    Msgpack = "msgpack",
    Raw = "raw",
    Docker = "docker",
    Cri = "cri",
});
choice!(Mode { Auto = "auto", OctetCounting = "octet-counting", Lf = "lf", Nul = "nul" });

/// What receives uploaded files is called like a listener; none of the file has this name.
pub const UPLOAD: &str = "upload";

/// A `[[listener]]` of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, unique; the routing key of its events is `syslog.NAME`.
    pub name: String,
    /// The protocol of the senders.
    pub protocol: Protocol,
    /// Where it listens, at least one if it does. `localhost_only` is already applied.
    pub listen: Vec<Endpoint>,
    /// The exchange that its events are published to.
    pub exchange: String,
    /// How events are written into RabbitMQ's messages.
    pub encoding: Encoding,
    /// Only this host may send.
    pub localhost_only: bool,
    /// What the lines are expected to be.
    pub format: InputFormat,
    /// How a stream is cut into lines (tcp and unix-stream).
    pub framing: Mode,
    /// IANA name of the zone for stamps that carry none.
    pub timezone: String,
    /// True: a blank in front of a message is kept as part of it. False: one is removed.
    pub keep_leading_blank: bool,
    /// Bytes of one event at most.
    pub max_message_size: usize,
    /// Connections at one time (stream protocols).
    pub max_connections: usize,
    /// Who may send; empty: everybody who is not denied.
    pub allow: Vec<Network>,
    /// Who may not send, whatever `allow` says.
    pub deny: Vec<Network>,
    /// The peers from which tags, fields and uids are taken over.
    pub trust: Trust,
    /// Bytes received and not yet durable, for one connection or datagram socket:
    /// over it the listener stops reading.
    pub window_size: usize,
    /// Bytes asked of the kernel for its receive buffer (datagram protocols).
    pub receive_buffer: usize,
    /// Permission bits of a unix socket.
    pub socket_mode: u32,
    /// The kernel is asked which process sends (unix sockets).
    pub credentials: bool,
    /// A connection that was silent for so long is closed; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// Proxies whose word on the sender's address is believed and awaited.
    pub proxies: Vec<Network>,
    /// What is done with seals.
    pub seal: Option<Seal>,
    /// TLS, if it is spoken.
    pub tls: Option<Tls>,
    /// The files that it reads, if it does.
    pub files: Option<Files>,
    /// The journal that it reads, if it does.
    pub journal: Option<Journal>,
    /// What it reads of the kernel, if it does.
    pub kernel: Option<Kernel>,
    /// What it takes over HTTP, if it does.
    pub http: Option<Http>,
}

impl Listener {
    /// The routing key of everything that it receives.
    pub fn routing_key(&self) -> String {
        format!("syslog.{}", self.name)
    }

    /// Where it listens, or what it reads: addresses, paths, patterns of files, directories of a journal.
    pub fn places(&self) -> Vec<String> {
        let listen = self.listen.iter().map(ToString::to_string);
        let files = self.files.iter().flat_map(|files| files.paths.iter().map(ToString::to_string));
        let journals = self.journal.iter().flat_map(|journal| &journal.directories);
        let journals = journals.map(|directory| directory.display().to_string());
        let kernel = self.kernel.iter().map(|_| "/dev/kmsg".to_owned());
        listen.chain(files).chain(journals).chain(kernel).collect()
    }

    /// May this address send? `deny` wins over `allow`; with `localhost_only` only
    /// loopback addresses may.
    pub fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        (!self.localhost_only || peer.is_loopback())
            && !self.deny.iter().any(|n| n.contains(peer))
            && (self.allow.is_empty() || self.allow.iter().any(|n| n.contains(peer)))
    }
}

/// The protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Syslog over TCP.
    Tcp,
    /// RELP over TCP.
    Relp,
    /// Requests over HTTP.
    Http,
    /// Syslog over UDP.
    Udp,
    /// A unix datagram socket.
    UnixDgram,
    /// A unix stream socket.
    UnixStream,
    /// Files of this host.
    File,
    /// The journal of systemd.
    Journal,
    /// The messages of the kernel.
    Kernel,
}

impl Protocol {
    /// What the event's origin says.
    pub fn transport(self) -> Transport {
        match self {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Relp => Transport::Relp,
            Protocol::Http => Transport::Http,
            Protocol::Udp => Transport::Udp,
            Protocol::UnixDgram => Transport::UnixDgram,
            Protocol::UnixStream => Transport::UnixStream,
            Protocol::File => Transport::File,
            Protocol::Journal => Transport::Journal,
            Protocol::Kernel => Transport::Kernel,
        }
    }

    /// The word in the file.
    pub fn keyword(self) -> &'static str {
        self.word()
    }

    /// Does somebody connect to it?
    pub fn has_connections(self) -> bool {
        match self {
            Protocol::Tcp | Protocol::Relp | Protocol::Http | Protocol::UnixStream => true,
            Protocol::Udp | Protocol::UnixDgram | Protocol::File | Protocol::Journal | Protocol::Kernel => {
                false
            }
        }
    }

    /// Is its port one of UDP? TCP has others.
    pub fn has_udp_port(self) -> bool {
        self == Protocol::Udp
    }

    /// True where senders have an address.
    pub fn has_network(self) -> bool {
        self.transport().is_network()
    }

    /// True where somebody sends, and false where loggr reads what this host has written.
    pub fn is_socket(self) -> bool {
        !matches!(self, Protocol::File | Protocol::Journal | Protocol::Kernel)
    }

    /// True for the two unix sockets.
    pub fn is_unix(self) -> bool {
        self.transport().is_unix()
    }
}

/// Reads an entry; `None` if its `protocol` is missing or wrong.
pub fn read(r: &mut Reader<'_, '_>, data: &Path, beside: &Path) -> Option<Listener> {
    let protocol = r.kind("protocol", "a `[[listener]]` needs its `protocol`".to_owned());
    // The rest is read all the same, so that its mistakes are reported too.
    let known = protocol.unwrap_or(Protocol::Tcp);
    let name = r.name_if_any("name");
    if name.as_deref() == Some(UPLOAD) {
        let message = format!("`{UPLOAD}` is the name under which uploaded files are received");
        r.blame("name", message, Some("choose another name".to_owned()));
    }
    let localhost_only = r.bool("localhost_only");
    let listener = Listener {
        name: name.unwrap_or_else(|| known.keyword().to_owned()),
        protocol: known,
        listen: match protocol {
            Some(protocol) if protocol.is_socket() => endpoints(r, known, localhost_only, data),
            _ => Vec::new(),
        },
        exchange: r.bus_name("exchange"),
        encoding: r.choice("encoding"),
        localhost_only,
        format: r.choice("format"),
        framing: r.choice("framing"),
        timezone: r.zone("timezone"),
        keep_leading_blank: r.bool("keep_leading_blank"),
        max_message_size: r.bytes_if_any("max_message_size").unwrap_or_else(|| default_message(known)),
        max_connections: r.count("max_connections"),
        allow: r.networks("allow"),
        deny: r.networks("deny"),
        trust: r.trust("trust"),
        window_size: r.bytes("window_size"),
        receive_buffer: r.bytes("receive_buffer"),
        socket_mode: r.mode("socket_mode"),
        credentials: r.bool("credentials"),
        idle_timeout: r.duration_if_any("idle_timeout"),
        proxies: r.networks("proxy_from"),
        seal: r.choice_if_any("seal"),
        tls: r.within("tls", &tls::SECTION, |r| tls::read(r, beside)).flatten(),
        files: (protocol == Some(Protocol::File)).then(|| files::read(r, data)),
        journal: (protocol == Some(Protocol::Journal)).then(|| journal::read(r)),
        kernel: (protocol == Some(Protocol::Kernel)).then(|| kernel::read(r)),
        http: (protocol == Some(Protocol::Http)).then(|| http::read(r, beside)),
    };
    if known.is_socket() && matches!(listener.format, InputFormat::Docker | InputFormat::Cri) {
        let message = format!("`{}` is the format of files", listener.format.keyword());
        r.blame("format", message, Some("it belongs to `protocol = \"file\"`".to_owned()));
    }
    if listener.window_size < listener.max_message_size {
        let message = "`window_size` holds less than one event of `max_message_size`".to_owned();
        let key = if r.has("window_size") { "window_size" } else { "max_message_size" };
        r.blame(key, message, Some("raise `window_size` or lower `max_message_size`".to_owned()));
    }
    if !known.has_network() && matches!(listener.trust, Trust::Networks(_)) {
        let message = match known.is_unix() {
            true => "peers of a unix socket have no address".to_owned(),
            false => "files have no address".to_owned(),
        };
        r.blame("trust", message, Some("`true` or `false`".to_owned()));
    }
    protocol.map(|_| listener)
}

fn endpoints(r: &mut Reader<'_, '_>, protocol: Protocol, localhost_only: bool, data: &Path) -> Vec<Endpoint> {
    if protocol.is_unix() {
        let found = r.sockets_if_any("listen", data);
        return found.unwrap_or_else(|| vec![Endpoint::Path(data.join("syslog.sock"))]);
    }
    let is_encrypted = r.has("tls");
    let mut endpoints = r.endpoints_if_any("listen").unwrap_or_else(|| {
        let default = match protocol {
            Protocol::Http => "127.0.0.1:8514",
            _ if is_encrypted => "127.0.0.1:6514",
            Protocol::Relp => "127.0.0.1:2514",
            Protocol::Tcp
            | Protocol::Udp
            | Protocol::UnixDgram
            | Protocol::UnixStream
            | Protocol::File
            | Protocol::Journal
            | Protocol::Kernel => "127.0.0.1:1514",
        };
        Address::parse(default).map(Endpoint::Net).into_iter().collect()
    });
    for endpoint in endpoints.iter_mut().filter(|_| localhost_only) {
        let Some(address) = endpoint.address() else { continue };
        if address.is_wildcard() {
            *endpoint = Endpoint::Net(address.on_loopback());
        } else if !address.is_loopback() {
            let message = format!("`{address}` is not this host alone, but `localhost_only` is `true`");
            r.blame("listen", message, Some("`127.0.0.1` and `[::1]` are".to_owned()));
        }
    }
    endpoints
}

fn default_message(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Relp => loggr_wire::relp::DEFAULT_DATA_BYTES,
        Protocol::Http => http::DEFAULT_MESSAGE_BYTES,
        Protocol::Tcp
        | Protocol::Udp
        | Protocol::UnixDgram
        | Protocol::UnixStream
        | Protocol::File
        | Protocol::Journal
        | Protocol::Kernel => loggr_wire::framing::DEFAULT_FRAME_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[test]
    fn who_may_send_and_who_is_trusted() {
        let config = read(
            "[[listener]]\nprotocol='tcp'\nallow=['10.0.0.0/8']\ndeny=['10.9.0.0/16']\ntrust=['10.0.0.7']\n\
             [[listener]]\nprotocol='udp'\nlisten=':514'\nlocalhost_only=true\n\
             [[listener]]\nprotocol='relp'\nallow=['::ffff:10.0.0.0/104']\ndeny=['::ffff:10.0.0.1']\n\
             trust=['::ffff:10.0.0.7']",
        );
        let [tcp, udp, mapped] = config.listeners.as_slice() else { panic!("three listeners") };
        let ip = |text: &str| text.parse().unwrap();
        assert!(tcp.admits(ip("10.1.1.1")) && tcp.admits(ip("::ffff:10.1.1.1")));
        assert!(
            !tcp.admits(ip("10.9.1.1")) && !tcp.admits(ip("127.0.0.1")) && !tcp.admits(ip("::ffff:10.9.1.1"))
        );
        assert!(udp.admits(ip("127.0.0.2")) && udp.admits(ip("::1")) && !udp.admits(ip("10.1.1.1")));
        assert!(tcp.trust.covers(Some(ip("10.0.0.7"))) && !tcp.trust.covers(Some(ip("10.0.0.8"))));
        assert!(!mapped.admits(ip("10.0.0.1")) && !mapped.admits(ip("::ffff:10.0.0.1")));
        assert!(mapped.admits(ip("10.0.0.2")) && mapped.admits(ip("::ffff:10.0.0.2")));
        assert!(!mapped.admits(ip("11.0.0.1")) && mapped.trust.covers(Some(ip("10.0.0.7"))));
        assert!(!tcp.trust.covers(None) && Trust::Everybody.covers(None));
    }
}
