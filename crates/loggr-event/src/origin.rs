//! Where a line came from: the part of the envelope shared by all lines of one peer.

use serde::{Deserialize, Serialize};

/// What carried the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RELP over TCP.
    Relp,
    /// Syslog over TCP (RFC 6587).
    #[default]
    Tcp,
    /// Syslog over UDP (RFC 5426).
    Udp,
    /// A unix datagram socket, like `/dev/log`.
    UnixDgram,
    /// A unix stream socket.
    UnixStream,
    /// Read from a file or from standard input.
    File,
    /// Read from the journal of systemd.
    Journal,
    /// Read from the kernel itself.
    Kernel,
    /// Requests over HTTP.
    Http,
    /// A file that somebody sent over HTTP.
    Upload,
    /// A file that somebody put into a directory for that.
    Harvest,
    /// Put on a queue of the broker by another program.
    Amqp,
    /// Made by loggr itself.
    Internal,
}

impl Transport {
    /// The word used in configuration, JSON and metrics.
    pub fn keyword(self) -> &'static str {
        match self {
            Transport::Relp => "relp",
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::UnixDgram => "unix-dgram",
            Transport::UnixStream => "unix-stream",
            Transport::File => "file",
            Transport::Journal => "journal",
            Transport::Kernel => "kernel",
            Transport::Http => "http",
            Transport::Upload => "upload",
            Transport::Harvest => "harvest",
            Transport::Amqp => "amqp",
            Transport::Internal => "internal",
        }
    }

    /// The transport of a word.
    pub fn from_keyword(word: &str) -> Option<Transport> {
        const ALL: [Transport; 13] = [
            Transport::Relp,
            Transport::Tcp,
            Transport::Udp,
            Transport::UnixDgram,
            Transport::UnixStream,
            Transport::File,
            Transport::Journal,
            Transport::Kernel,
            Transport::Http,
            Transport::Upload,
            Transport::Harvest,
            Transport::Amqp,
            Transport::Internal,
        ];
        ALL.into_iter().find(|t| t.keyword() == word)
    }

    /// True where the lines of one peer are one text in their order: a line without a head goes on
    /// with the one before it.
    pub fn is_text(self) -> bool {
        matches!(self, Transport::Tcp | Transport::Upload | Transport::Harvest | Transport::File)
    }

    /// True for files: whose they are or who brought them is not where their lines were written.
    pub fn is_of_files(self) -> bool {
        matches!(self, Transport::Upload | Transport::Harvest | Transport::File)
    }

    /// True where the line came from another machine.
    pub fn is_network(self) -> bool {
        matches!(self, Transport::Relp | Transport::Tcp | Transport::Udp | Transport::Http)
    }

    /// True for the unix sockets, whose `@[_PID=…]` annotations can be believed.
    pub fn is_unix(self) -> bool {
        matches!(self, Transport::UnixDgram | Transport::UnixStream)
    }
}

/// The format in which a listener expects its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum InputFormat {
    /// Find out line by line.
    #[default]
    Auto,
    /// RFC 5424 first, the others as a fall-back.
    Rfc5424,
    /// RFC 3164 first.
    Rfc3164,
    /// A JSON object.
    Json,
    /// A MessagePack map.
    Msgpack,
    /// The line is the message, whatever it looks like.
    Raw,
    /// A JSON object of Docker's driver `json-file`.
    Docker,
    /// A line of the container runtime interface of Kubernetes: time, stream, tag, text.
    Cri,
}

impl InputFormat {
    /// The word used in configuration and JSON.
    pub fn keyword(self) -> &'static str {
        match self {
            InputFormat::Auto => "auto",
            InputFormat::Rfc5424 => "rfc5424",
            InputFormat::Rfc3164 => "rfc3164",
            InputFormat::Json => "json",
            InputFormat::Msgpack => "msgpack",
            InputFormat::Raw => "raw",
            InputFormat::Docker => "docker",
            InputFormat::Cri => "cri",
        }
    }

    /// True where nothing is guessed: a line that is not of the format is the message.
    pub fn is_certain(self) -> bool {
        matches!(self, InputFormat::Raw | InputFormat::Docker | InputFormat::Cri)
    }

    /// The format of a word.
    pub fn from_keyword(word: &str) -> Option<InputFormat> {
        const ALL: [InputFormat; 8] = [
            InputFormat::Auto,
            InputFormat::Rfc5424,
            InputFormat::Rfc3164,
            InputFormat::Json,
            InputFormat::Msgpack,
            InputFormat::Raw,
            InputFormat::Docker,
            InputFormat::Cri,
        ];
        ALL.into_iter().find(|f| f.keyword() == word)
    }
}

/// Where a line came from. Shared by all lines of one peer; a batch stores it once.
///
/// Encoded as a MessagePack map with defaults, so that old spools stay readable
/// when a field is added.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Origin {
    /// Name of the listener in the configuration.
    pub listener: String,
    /// What carried the line.
    pub transport: Transport,
    /// Address of the peer: `ip:port`, or empty on unix sockets. Of an upload, who sent which file; of a
    /// harvest or a file of this host, which file.
    pub peer: String,
    /// The verified name in the peer's certificate.
    pub tls_name: Option<String>,
    /// The peer may bring loggr's own tags, fields and uid (SD-ID `pyloggr@45878`).
    pub trusted: bool,
    /// What the listener expects.
    pub format: InputFormat,
    /// IANA name of the zone for stamps that carry none; empty is UTC.
    pub timezone: String,
    /// A blank in front of the message is kept as part of it; otherwise it counts as added by a
    /// relay. Written only where it is set, so that an origin that was stored before there was such
    /// a listener is still the same one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_leading_blank: bool,
    /// What holds for lines that do not say it themselves. Written only where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed: Option<Box<Assumed>>,
    /// What the kernel and `/proc` said of the process at the other end of a unix socket (`_PID`, `_UID`, …),
    /// in this order: the trusted fields of its events. Written only where there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub process: Vec<(String, String)>,
}

/// What somebody knows of lines that do not say it themselves: the host of a file, its program, its year.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Assumed {
    /// The host; empty where nobody knows.
    pub host: String,
    /// The program; empty where nobody knows.
    pub app_name: String,
    /// The year of stamps that carry none.
    pub year: Option<u16>,
    /// The code of the facility of lines without a priority. This and what follows is written only where
    /// there is something, so that what was stored before is still the same origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facility: Option<u8>,
    /// The code of the severity of lines without a priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<u8>,
    /// Custom fields, by name, of lines that do not have them themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// Tags of all events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Origin {
    /// What stands for a missing host name.
    pub fn host(&self) -> &str {
        match (&self.assumed, self.transport) {
            (Some(assumed), _) if !assumed.host.is_empty() => &assumed.host,
            (_, transport) if transport.is_of_files() => "",
            _ => self.peer_host(),
        }
    }

    /// What stands for a missing program.
    pub fn app_name(&self) -> &str {
        self.assumed.as_ref().map_or("", |assumed| &assumed.app_name)
    }

    /// The address of the peer without its port.
    pub fn peer_host(&self) -> &str {
        match self.peer.rsplit_once(':') {
            Some((host, _port)) if !self.transport.is_of_files() => {
                host.trim_start_matches('[').trim_end_matches(']')
            }
            _ => &self.peer,
        }
    }
}
