//! `[bus]` of kind `rabbitmq`, and `[spool]`: how the brokers are reached, and where events
//! wait while they are not. Not what is declared there: that is `topology.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use super::url::ServerUrl;

/// What a broker's URL may begin with, and the port it has then.
const SCHEMES: &[(&str, u16)] = &[("amqp", 5672), ("amqps", 5671)];

/// `kind = "rabbitmq"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RabbitBus {
    /// At least one; `amqps` is TLS.
    pub urls: Vec<ServerUrl>,
    /// The password's file.
    pub password_file: Option<PathBuf>,
    /// Certificates that the brokers' must lead to; `None`: those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// A broker silent for twice as long is given up.
    pub heartbeat: Duration,
}

/// `[spool]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Where it lies.
    pub directory: PathBuf,
    /// Bytes kept at most; a full spool stops reading from senders.
    pub max_size: u64,
}

/// Reads the keys of `[bus]` that are RabbitMQ's; `beside` is the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Option<Box<RabbitBus>> {
    let Some(urls) = r.urls_if_any("urls", SCHEMES) else {
        if !r.failed("urls") {
            let help = "write `urls = [\"amqp://USER@HOST/VHOST\"]`".to_owned();
            r.blame("", "a bus of kind `rabbitmq` needs its `urls`".to_owned(), Some(help));
        }
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
    let tls_ca = r.path_if_any("tls_ca", beside);
    let (cert, key) = (r.path_if_any("tls_cert", beside), r.path_if_any("tls_key", beside));
    if let (Some(_), None) | (None, Some(_)) = (&cert, &key) {
        let (has, needs) = if cert.is_some() { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
        r.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
    }
    let with_tls = ["tls_ca", "tls_cert", "tls_key"].into_iter().find(|key| r.has(key));
    if let Some(key) = with_tls.filter(|_| urls.iter().all(|url| url.scheme != "amqps")) {
        let message = format!("`{key}` means nothing without TLS");
        r.blame(key, message, Some("write `amqps://` in `urls`".to_owned()));
    }
    let heartbeat = r.duration("heartbeat");
    Some(Box::new(RabbitBus { urls, password_file, tls_ca, tls_identity: cert.zip(key), heartbeat }))
}

/// Reads `[spool]`; `rabbit`: the bus is RabbitMQ, which alone needs one.
pub fn spool(r: &mut Reader<'_, '_>, rabbit: bool, data: &Path) -> Option<Spool> {
    let enabled = r.bool("enabled");
    let spool = Spool {
        directory: r.path_if_any("directory", data).unwrap_or_else(|| data.join("spool")),
        max_size: r.size("max_size"),
    };
    if !rabbit && ["directory", "max_size"].into_iter().any(|key| r.has(key)) {
        let message = "the embedded bus needs no spool: it is on this host".to_owned();
        r.blame("", message, Some("leave `[spool]` out, or set `[bus] kind = \"rabbitmq\"`".to_owned()));
    }
    (enabled && rabbit).then_some(spool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};
    use loggr_bus::rabbit::Encoding;

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
        refused("[bus]\nkind='rabitmq'", "`rabitmq` is no `kind` | did you mean `rabbitmq`?");
        refused(
            "[bus]\nkind='rabbitmq'",
            "a bus of kind `rabbitmq` needs its `urls` | write `urls = [\"amqp://USER@HOST/VHOST\"]`",
        );
        refused("[bus]\nkind='rabbitmq'\nurls='mq1'", "a URL begins with `amqp://` or `amqps://`");
        refused(
            "[bus]\nkind='rabbitmq'\nurls='amqp://mq1'\nmax_size='1GB'",
            "`max_size` means nothing for the kind `rabbitmq` | it belongs to `embedded`",
        );
        refused(
            "[bus]\nurls='amqp://mq1'",
            "`urls` means nothing for the kind `embedded` | it belongs to `rabbitmq`",
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
            "the embedded bus has nobody else who could read JSON | set `[bus] kind = \"rabbitmq\"`, or leave \
             `encoding` out",
        );
        refused(
            "[machine.m]\nfilter='f'\nencoding='json'",
            "the embedded bus has nobody else who could read JSON | set `[bus] kind = \"rabbitmq\"`, or leave \
             `encoding` out",
        );
    }
}
