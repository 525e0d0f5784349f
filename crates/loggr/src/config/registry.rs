//! `[registry]`: where the processes of an installation tell each other that they are
//! there. Not what they tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::choice;
use super::keys::{HOUR, SECOND, Section, Shape, Takes, key, one_of};
use super::reader::Reader;
use super::url::ServerUrl;

/// What a Redis URL may begin with, and the port it has then.
const SCHEMES: &[(&str, u16)] = &[("redis", 6379), ("rediss", 6379)];

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "registry",
    shape: Shape::Once,
    about: "Where processes tell each other that they are there: what `loggr status` shows. No event depends \
            on it.",
    keys: &[&[
        key(
            "kind",
            one_of::<Kind>(),
            "\"embedded\"",
            "`embedded`: the processes of one data directory know each other; `redis`: those of all hosts",
        ),
        key("url", Takes::Url, "", "the server: `redis://USER@HOST:PORT/DATABASE`, or `rediss://` with TLS")
            .without("must be given (redis)")
            .only(REDIS),
        key(
            "password_file",
            Takes::Path,
            "",
            "a file that holds the password; relative to the file's directory",
        )
        .without("no password")
        .only(REDIS),
        key("tls_ca", Takes::Path, "", "certificates (PEM) that the server's must lead to")
            .without("those that the system trusts")
            .only(REDIS),
        key("tls_cert", Takes::Path, "", "our own certificate (PEM), with `tls_key`")
            .without("none")
            .only(REDIS),
        key("tls_key", Takes::Path, "", "its key (PEM)").without("none").only(REDIS),
        key(
            "prefix",
            Takes::Name,
            "\"loggr\"",
            "first word of every key; installations that share a server need different ones",
        )
        .only(REDIS),
        key(
            "ttl",
            Takes::Duration(3 * SECOND, HOUR),
            "\"15s\"",
            "a process that is silent for so long counts as lost; it speaks three times as often",
        )
        .only(REDIS),
    ]],
};

const REDIS: &[&str] = &["redis"];

choice!(Kind { Embedded = "embedded", Redis = "redis" });

/// Where it is.
#[derive(Clone, Copy)]
enum Kind {
    Embedded,
    Redis,
}

/// `[registry]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    /// The data directory: its processes know each other.
    Embedded,
    /// A Redis server.
    Redis(Box<RedisRegistry>),
}

/// `kind = "redis"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisRegistry {
    /// Where it is; `rediss` is TLS.
    pub url: ServerUrl,
    /// Number of the database.
    pub database: u16,
    /// The password's file.
    pub password_file: Option<PathBuf>,
    /// Certificates that the server's must lead to; `None`: those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// First word of every key.
    pub prefix: String,
    /// A process that is silent for so long is lost.
    pub ttl: Duration,
}

/// Reads the section; `beside` is the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Registry {
    let kind = r.choice("kind");
    r.check_only("kind", kind);
    match kind {
        Kind::Embedded => Registry::Embedded,
        Kind::Redis => redis(r, beside),
    }
}

fn redis(r: &mut Reader<'_, '_>, beside: &Path) -> Registry {
    let Some(url) = r.url_if_any("url", SCHEMES) else {
        let help = "write `url = \"redis://HOST:6379\"`".to_owned();
        r.needs("url", "a registry of kind `redis` needs its `url`".to_owned(), help);
        return Registry::Embedded;
    };
    let database = match url.path.as_str() {
        "" => 0,
        number => number.parse().unwrap_or_else(|_| {
            let message = format!("`{number}` is no number of a database");
            r.blame("url", message, Some("Redis counts them from 0".to_owned()));
            0
        }),
    };
    let password_file = r.path_if_any("password_file", beside);
    if url.password.is_some() && password_file.is_some() {
        let message = "the password is in `url` already".to_owned();
        r.blame("password_file", message, Some("leave it out of `url`".to_owned()));
    }
    let (tls_ca, tls_identity) = r.tls(beside, "url", "rediss", url.scheme == "rediss");
    Registry::Redis(Box::new(RedisRegistry {
        url,
        database,
        password_file,
        tls_ca,
        tls_identity,
        prefix: r.name("prefix"),
        ttl: r.duration("ttl"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn what_a_registry_says() {
        assert_eq!(read("").registry, Registry::Embedded);
        let text = "[registry]\nkind='redis'\nurl='rediss://me@cache:7/3'\npassword_file='p'\ntls_ca='/ca'\n\
                    tls_cert='c'\ntls_key='k'\nttl='30s'\nprefix='logs'";
        let Registry::Redis(redis) = read(text).registry else { panic!("not redis") };
        assert_eq!(redis.url.to_string(), "rediss://cache:7/3");
        assert_eq!((redis.url.user.as_deref(), redis.database), (Some("me"), 3));
        assert_eq!(redis.password_file.as_deref(), Some(Path::new("/etc/loggr/p")));
        assert_eq!(redis.tls_ca.as_deref(), Some(Path::new("/ca")));
        assert_eq!(redis.tls_identity, Some(("/etc/loggr/c".into(), "/etc/loggr/k".into())));
        assert_eq!((redis.prefix.as_str(), redis.ttl), ("logs", Duration::from_secs(30)));
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(problems(&format!("[registry]\n{text}")), [expect]);
    }

    #[test]
    fn what_is_no_registry() {
        refused("kind='reddis'", "`reddis` is no `kind` | did you mean `redis`?");
        refused(
            "kind='redis'",
            "a registry of kind `redis` needs its `url` | write `url = \"redis://HOST:6379\"`",
        );
        refused("ttl='15s'", "`ttl` means nothing for the kind `embedded` | it belongs to `redis`");
        refused(
            "kind='redis'\nurl='http://x'",
            "the URL begins with `http://`, not with `redis://` or `rediss://`",
        );
        refused(
            "kind='redis'\nurl='redis://h/x'",
            "`x` is no number of a database | Redis counts them from 0",
        );
        refused(
            "kind='redis'\nurl='redis://u:p@h'\npassword_file='f'",
            "the password is in `url` already | leave it out of `url`",
        );
        refused(
            "kind='redis'\nurl='redis://h'\ntls_ca='f'",
            "`tls_ca` means nothing without TLS | write `rediss://` in `url`",
        );
        refused("kind='redis'\nurl='rediss://h'\ntls_key='f'", "`tls_key` is of no use without `tls_cert`");
    }
}
