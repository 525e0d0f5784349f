//! `[registry]`: the place where the processes of an installation report that they run. What they
//! report is in `status`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::choice;
use super::keys::{HOUR, SECOND, Section, Shape, Takes, key, one_of};
use super::reader::Reader;
use super::url::ServerUrl;

/// The schemes of a Redis URL, with their default ports.
const SCHEMES: &[(&str, u16)] = &[("redis", 6379), ("rediss", 6379)];

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "registry",
    shape: Shape::Once,
    about: "In the registry each loggr process reports that it runs and how it is doing; `loggr status` and \
         the web page show that. No event passes through it: loggr works the same while it cannot be \
         reached.",
    keys: &[&[
        key(
            "kind",
            one_of::<Kind>(),
            "\"embedded\"",
            "`embedded`: processes that use the same data directory see each other; `redis`: processes on \
             all hosts see each other through a Redis server",
        ),
        key(
            "url",
            Takes::Url,
            "",
            "the Redis server: `redis://USER@HOST:PORT/DATABASE`, or `rediss://` for TLS",
        )
        .without("must be given (redis)")
        .only(REDIS),
        key(
            "password_file",
            Takes::Path,
            "",
            "a file that holds the server's password and nothing else; relative to the directory of the \
             configuration file",
        )
        .without("no password")
        .only(REDIS),
        key(
            "tls_ca",
            Takes::Path,
            "",
            "a PEM file with the certificates of the authorities that loggr trusts: one of them must have \
             signed the server's certificate",
        )
        .without("the authorities that the system trusts")
        .only(REDIS),
        key(
            "tls_cert",
            Takes::Path,
            "",
            "a PEM file with the certificate that loggr shows to the server; needs `tls_key`",
        )
        .without("none")
        .only(REDIS),
        key("tls_key", Takes::Path, "", "a PEM file with the private key of `tls_cert`")
            .without("none")
            .only(REDIS),
        key(
            "prefix",
            Takes::Name,
            "\"loggr\"",
            "the first word of every key that loggr writes into Redis; installations that share a server \
             need different prefixes",
        )
        .only(REDIS),
        key(
            "ttl",
            Takes::Duration(3 * SECOND, HOUR),
            "\"15s\"",
            "a process that has not reported for this time counts as lost; each process reports three times \
             in it",
        )
        .only(REDIS),
    ]],
};

const REDIS: &[&str] = &["redis"];

choice!(Kind { Embedded = "embedded", Redis = "redis" });

/// The kind of the registry.
#[derive(Clone, Copy)]
enum Kind {
    Embedded,
    Redis,
}

/// `[registry]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    /// The data directory: the processes that use it see each other.
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
    /// Certificates of the authorities to trust; `None`: those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// First word of every key.
    pub prefix: String,
    /// A process that has not reported for this time is lost.
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
        refused("kind='reddis'", "`reddis` is not a valid `kind` | did you mean `redis`?");
        refused(
            "kind='redis'",
            "a registry of kind `redis` needs its `url` | write `url = \"redis://HOST:6379\"`",
        );
        refused("ttl='15s'", "`ttl` is not a key of the kind `embedded` | it belongs to `redis`");
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
