//! `[bus]` of kind `rabbitmq`: how loggr reaches the brokers and how it writes events for them. The
//! queues that it declares there are in `topology.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_bus::rabbit::Encoding;

use super::choice::choice;
use super::keys::{Key, SECOND, Takes, key, one_of};
use super::reader::Reader;
use super::url::ServerUrl;

/// The schemes of a broker's URL, with their default ports.
const SCHEMES: &[(&str, u16)] = &[("amqp", 5672), ("amqps", 5671)];

/// The keys of `[bus]` that the embedded one does not have.
pub const KEYS: &[Key] = &[
    key(
        "urls",
        Takes::Urls,
        "",
        "the brokers of one RabbitMQ cluster, which loggr tries in this order: \
         `amqp://USER@HOST:PORT/VHOST`, or `amqps://` for TLS",
    )
    .without("must be given (rabbitmq)")
    .only(RABBITMQ),
    key(
        "password_file",
        Takes::Path,
        "",
        "a file that holds the broker's password and nothing else; relative to the directory of the \
         configuration file",
    )
    .without("the password of `urls`")
    .only(RABBITMQ),
    key(
        "tls_ca",
        Takes::Path,
        "",
        "a PEM file with the certificates of the authorities that loggr trusts: one of them must have signed \
         the broker's certificate",
    )
    .without("the authorities that the system trusts")
    .only(RABBITMQ),
    key(
        "tls_cert",
        Takes::Path,
        "",
        "a PEM file with the certificate that loggr shows to the broker; needs `tls_key`",
    )
    .without("none")
    .only(RABBITMQ),
    key("tls_key", Takes::Path, "", "a PEM file with the private key of `tls_cert`")
        .without("none")
        .only(RABBITMQ),
    key(
        "heartbeat",
        Takes::Duration(SECOND, 10 * 60 * SECOND),
        "\"10s\"",
        "how often loggr and the broker send each other a sign of life; if nothing comes from the broker for \
         twice this time, loggr closes the connection and connects again",
    )
    .only(RABBITMQ),
];

/// The key of the sections that publish events: listeners and machines.
pub const ENCODING: Key = key(
    "encoding",
    one_of::<Encoding>(),
    "\"batch\"",
    "how events are written into RabbitMQ's messages: `batch` puts many events into each message, in a form \
     that only loggr reads; `json` makes one message for each event, which other programs can read, at about \
     a tenth of the rate",
);

const RABBITMQ: &[&str] = &["rabbitmq"];

choice!(Encoding { Batch = "batch", Json = "json" });

/// `kind = "rabbitmq"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RabbitBus {
    /// At least one; `amqps` is TLS.
    pub urls: Vec<ServerUrl>,
    /// The password's file.
    pub password_file: Option<PathBuf>,
    /// Certificates of the authorities to trust; `None`: those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// A broker that is silent for twice this time counts as lost.
    pub heartbeat: Duration,
}

/// Reads the keys of `[bus]` that are RabbitMQ's; `beside` is the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Option<Box<RabbitBus>> {
    let Some(urls) = r.urls_if_any("urls", SCHEMES) else {
        let help = "write `urls = [\"amqp://USER@HOST/VHOST\"]`".to_owned();
        r.needs("urls", "a bus of kind `rabbitmq` needs its `urls`".to_owned(), help);
        return None;
    };
    let password_file = r.path_if_any("password_file", beside);
    if urls.iter().any(|url| url.password.is_some()) && password_file.is_some() {
        let message = "the password is in `urls` already".to_owned();
        r.blame("password_file", message, Some("leave it out of `urls`".to_owned()));
    }
    if password_file.is_some() && urls.iter().any(|url| url.user.is_none()) {
        let message = "`password_file` is of no use without a user".to_owned();
        r.blame("urls", message, Some("write `amqp://USER@HOST/VHOST`".to_owned()));
    }
    let (tls_ca, tls_identity) = r.tls(beside, "urls", "amqps", urls.iter().any(|url| url.scheme == "amqps"));
    let heartbeat = r.duration("heartbeat");
    Some(Box::new(RabbitBus { urls, password_file, tls_ca, tls_identity, heartbeat }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn what_a_broker_is() {
        assert_eq!((read("").bus.rabbit, read("").spool), (None, None));
        let text = "[bus]\nkind='rabbitmq'\nurls=['amqps://loggr@mq1/logs','amqps://loggr@mq2:7/logs']\n\
                    password_file='p'\ntls_ca='/ca'\ntls_cert='c'\ntls_key='k'\nheartbeat='30s'\n\
                    [[listener]]\nprotocol='tcp'\nencoding='json'\n[spool]\nmax_size='1GB'";
        let config = read(text);
        let rabbit = config.bus.rabbit.unwrap();
        let urls: Vec<String> = rabbit.urls.iter().map(ToString::to_string).collect();
        assert_eq!(urls, ["amqps://mq1:5671/logs", "amqps://mq2:7/logs"]);
        assert_eq!(rabbit.password_file.as_deref(), Some(Path::new("/etc/loggr/p")));
        assert_eq!(rabbit.tls_ca.as_deref(), Some(Path::new("/ca")));
        assert_eq!(rabbit.tls_identity, Some(("/etc/loggr/c".into(), "/etc/loggr/k".into())));
        assert_eq!(rabbit.heartbeat, Duration::from_secs(30));
        assert_eq!(config.listeners[0].encoding, Encoding::Json);
        let spool = config.spool.unwrap();
        assert_eq!((spool.directory, spool.max_size), (config.data.directory.join("spool"), 1_000_000_000));
        let off = "[bus]\nkind='rabbitmq'\nurls='amqp://mq'\n[spool]\nenabled=false";
        assert_eq!(read(off).spool, None);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(problems(text), [expect]);
    }

    #[test]
    fn what_is_no_broker() {
        refused("[bus]\nkind='rabitmq'", "`rabitmq` is not a valid `kind` | did you mean `rabbitmq`?");
        refused(
            "[bus]\nkind='rabbitmq'",
            "a bus of kind `rabbitmq` needs its `urls` | write `urls = [\"amqp://USER@HOST/VHOST\"]`",
        );
        refused(
            "[bus]\nkind='rabbitmq'\nurls='mq1'",
            "this is not a URL: a URL begins with `amqp://` or `amqps://`",
        );
        refused(
            "[bus]\nkind='rabbitmq'\nurls='amqp://mq1'\nmax_size='1GB'",
            "`max_size` is not a key of the kind `rabbitmq` | it belongs to `embedded`",
        );
        refused(
            "[bus]\nurls='amqp://mq1'",
            "`urls` is not a key of the kind `embedded` | it belongs to `rabbitmq`",
        );
        refused(
            "[bus]\nkind='rabbitmq'\nurls='amqp://u:p@mq1'\npassword_file='p'",
            "the password is in `urls` already | leave it out of `urls`",
        );
        refused(
            "[bus]\nkind='rabbitmq'\nurls='amqp://mq1'\npassword_file='p'",
            "`password_file` is of no use without a user | write `amqp://USER@HOST/VHOST`",
        );
        refused(
            "[bus]\nkind='rabbitmq'\nurls='amqp://mq1'\ntls_ca='p'",
            "`tls_ca` means nothing without TLS | write `amqps://` in `urls`",
        );
        refused(
            "[spool]\nmax_size='1GB'",
            "the embedded bus needs no spool: it is on this host | leave `[spool]` out, or set `[bus] kind = \
             \"rabbitmq\"`",
        );
        refused(
            "[[listener]]\nprotocol='tcp'\nencoding='json'",
            "`encoding = \"json\"` is for other programs that read from RabbitMQ, and this bus is embedded \
             | set `[bus] kind = \"rabbitmq\"`, or leave `encoding` out",
        );
        refused(
            "[machine.m]\nfilter='f'\nencoding='json'",
            "`encoding = \"json\"` is for other programs that read from RabbitMQ, and this bus is embedded \
             | set `[bus] kind = \"rabbitmq\"`, or leave `encoding` out",
        );
    }
}
