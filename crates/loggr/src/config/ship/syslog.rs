//! `kind = "syslog"`: a shipper that hands events on to other syslog servers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_event::DumpFormat;
use loggr_net::Address;

use super::Compress;
use crate::config::choice::choice;
use crate::config::keys::{KIB, Key, Section, Shape, TIB, Takes, key, one_of};
use crate::config::reader::Reader;

/// The keys that only shippers of this kind have.
pub const KEYS: &[Key] = &[
    key(
        "protocol",
        one_of::<Carrier>(),
        "\"relp\"",
        "what the targets speak: `relp`, which answers for each event; `tcp`, where nobody says whether the \
         target has kept what it has received; `udp`, where nobody says whether it has received anything",
    )
    .only(SYSLOG),
    key(
        "targets",
        Takes::Addresses,
        "",
        "the syslog servers that get the events, each as `HOST:PORT`; several are used as `balance` says",
    )
    .without("must be given (syslog)")
    .only(SYSLOG),
    key(
        "balance",
        one_of::<Balance>(),
        "\"failover\"",
        "which of several targets gets an event: `failover`, the first that takes it, in the order of the list; \
         `round-robin`, each in its turn, those that fail left out; in both cases one target gets each event",
    )
    .only(SYSLOG),
    key(
        "framing",
        one_of::<Framing>(),
        "\"octet-counting\"",
        "how the target finds the end of an event over `tcp` (RFC 6587): `octet-counting`, by its length, which \
         stands before it; `lf`, by a line feed after it, and line feeds within it are written as `#012`",
    )
    .only(SYSLOG),
    key(
        "window",
        Takes::Count(1, 100_000),
        "4096",
        "the largest number of events that are under way to a target and not answered yet; after a crash of \
         loggr as many may be sent once more",
    )
    .only(SYSLOG),
    key(
        "bandwidth",
        Takes::Rate(KIB, TIB),
        "",
        "the most that goes to all targets together, in bytes a second as they are on their way, before TLS; a burst \
         may have what a second has, at most 256 KiB. Events that have to wait stay in the queue",
    )
    .without("no limit")
    .only(SYSLOG),
];

/// The section of TLS, which stands within the shipper's.
pub static TLS: Section = Section {
    name: "ship.NAME.tls",
    shape: Shape::Once,
    about: "TLS to the targets of a shipper of kind `syslog`, over `relp` or `tcp`, or to the servers of one of kind \
            `elastic` whose URLs begin with `https://`. A section without keys is \
            enough where an authority that this system knows has signed the certificates of the targets. All \
            files are PEM and relative to the directory of the configuration file. They are read again when they \
            change, and on SIGHUP; connections go on, and new ones use what is new.",
    keys: &[&[
        key("ca", Takes::Path, "", "the certificates of the authorities by which targets are trusted")
            .without("the authorities of this system"),
        key("cert", Takes::Path, "", "the certificate that loggr shows to targets; needs `key`")
            .without("none"),
        key("key", Takes::Path, "", "the private key of `cert`").without("none"),
        key("name", Takes::Text("host name"), "", "the name that the certificate of each target must be for")
            .without("the host in `targets` or `urls`"),
        key(
            "verify",
            Takes::Bool,
            "true",
            "with `false` loggr believes any certificate: nobody can listen, but anybody who stands in between \
             can pretend to be the target",
        ),
    ]],
};

const SYSLOG: &[&str] = &["syslog"];

choice!(Carrier { Relp = "relp", Tcp = "tcp", Udp = "udp" });
choice!(Balance { Failover = "failover", RoundRobin = "round-robin" });
choice!(Framing { OctetCounting = "octet-counting", Lf = "lf" });

/// `kind = "syslog"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogShip {
    /// What the targets speak.
    pub carrier: Carrier,
    /// Where they are, at least one.
    pub targets: Vec<Address>,
    /// Which of them gets an event.
    pub balance: Balance,
    /// How an event is written.
    pub format: DumpFormat,
    /// How its end is found over TCP.
    pub framing: Framing,
    /// Events under way at one time.
    pub window: usize,
    /// Bytes a second to all targets together; `None`: no limit.
    pub bandwidth: Option<u64>,
    /// How long a target may do nothing.
    pub timeout: Duration,
    /// A target that has failed is tried again after so long.
    pub return_after: Duration,
    /// Events are compressed where the target can read that.
    pub compress: bool,
    /// TLS; `None` is none.
    pub tls: Option<ForwardTls>,
}

/// What carries lines to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// RELP.
    Relp,
    /// Framed lines over TCP.
    Tcp,
    /// One datagram for each line.
    Udp,
}

/// Which of several targets gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The first that takes it.
    Failover,
    /// Each in its turn.
    RoundRobin,
}

/// How the end of a line is found on a stream (RFC 6587).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length, which stands before it.
    OctetCounting,
    /// By a line feed.
    Lf,
}

/// `[ship.NAME.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardTls {
    /// The file of the authorities; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// The files of our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that certificates must be for; `None`: the host of the target.
    pub name: Option<String>,
    /// Certificates are looked at.
    pub verify: bool,
}

/// Reads the keys of the kind. `meant`: the section is of this kind, so that what is missing is an
/// error. `format` and `compress`: those that all kinds of lines share. `beside`: the directory of the file.
pub fn read(
    r: &mut Reader<'_, '_>,
    name: &str,
    meant: bool,
    format: Option<DumpFormat>,
    compress: Option<Compress>,
    beside: &Path,
) -> SyslogShip {
    let targets = r.targets_if_any("targets");
    if meant && targets.is_none() {
        let message = format!("`[ship.{name}]` needs its `targets`");
        r.needs("targets", message, "write `targets = [\"HOST:PORT\"]`".to_owned());
    }
    let ship = SyslogShip {
        carrier: r.choice("protocol"),
        targets: targets.unwrap_or_default(),
        balance: r.choice("balance"),
        format: format.unwrap_or(DumpFormat::Rfc5424),
        framing: r.choice("framing"),
        window: r.count("window"),
        bandwidth: r.rate_if_any("bandwidth"),
        timeout: r.duration("timeout"),
        return_after: r.duration("return_after"),
        compress: compress.is_some_and(|compress| compress != Compress::None),
        tls: r.within("tls", &TLS, |r| read_tls(r, beside)),
    };
    if !meant {
        return ship;
    }
    if r.has("framing") && ship.carrier != Carrier::Tcp {
        let help = "only a stream needs it: write `protocol = \"tcp\"`, or leave it out";
        r.blame(
            "framing",
            "`framing` means nothing without `protocol = \"tcp\"`".to_owned(),
            Some(help.to_owned()),
        );
    }
    if compress == Some(Compress::Gzip) {
        let help = "write `compress = \"zstd\"`";
        r.blame(
            "compress",
            "events on their way are not compressed with gzip".to_owned(),
            Some(help.to_owned()),
        );
    }
    if ship.compress && ship.carrier != Carrier::Relp {
        let help = "write `protocol = \"relp\"`, or leave it out";
        r.blame(
            "compress",
            "`compress` means nothing without `protocol = \"relp\"`".to_owned(),
            Some(help.to_owned()),
        );
    }
    if r.has("tls") && ship.carrier == Carrier::Udp {
        let help = "write `protocol = \"relp\"` or `\"tcp\"`, or leave it out";
        r.blame("tls", "there is no TLS over UDP".to_owned(), Some(help.to_owned()));
    }
    if matches!(ship.format, DumpFormat::Msgpack)
        && ship.carrier == Carrier::Tcp
        && ship.framing == Framing::Lf
    {
        let help = "write `framing = \"octet-counting\"`";
        let message = "`MSGPACK` may hold line feeds that end nothing".to_owned();
        r.blame("format", message, Some(help.to_owned()));
    }
    if matches!(ship.format, DumpFormat::Es) {
        let help = "it is two lines, which no syslog server understands";
        r.blame("format", "`ES` is no format for syslog".to_owned(), Some(help.to_owned()));
    }
    ship
}

fn read_tls(r: &mut Reader<'_, '_>, beside: &Path) -> ForwardTls {
    let (certificate, key) = (r.path_if_any("cert", beside), r.path_if_any("key", beside));
    if certificate.is_some() != key.is_some() {
        let (has, needs) = if certificate.is_some() { ("cert", "key") } else { ("key", "cert") };
        r.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
    }
    let tls = ForwardTls {
        authorities: r.path_if_any("ca", beside),
        identity: certificate.zip(key),
        name: r.parsed_if_any("name", |text| match loggr_net::tls::server_name(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(error.to_string()),
        }),
        verify: r.bool("verify"),
    };
    if !tls.verify {
        for unused in ["ca", "name"].into_iter().filter(|key| r.has(key)).collect::<Vec<_>>() {
            r.blame(unused, format!("`{unused}` means nothing with `verify = false`"), None);
        }
    }
    tls
}
