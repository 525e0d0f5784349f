//! `[registry]`: where the processes of an installation tell each other that they are
//! there. Not what they tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use super::url::ServerUrl;

/// What a Redis URL may begin with, and the port it has then.
const SCHEMES: &[(&str, u16)] = &[("redis", 6379), ("rediss", 6379)];

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
    let kind = r.choice("kind").unwrap_or("embedded");
    r.check_only("the kind", kind);
    if kind != "redis" {
        return Registry::Embedded;
    }
    let Some(url) = r.url_if_any("url", SCHEMES) else {
        if !r.failed("url") {
            let help = "write `url = \"redis://HOST:6379\"`".to_owned();
            r.blame("", "a registry of kind `redis` needs its `url`".to_owned(), Some(help));
        }
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
    let tls_ca = r.path_if_any("tls_ca", beside);
    let (cert, key) = (r.path_if_any("tls_cert", beside), r.path_if_any("tls_key", beside));
    if let (Some(_), None) | (None, Some(_)) = (&cert, &key) {
        let (has, needs) = if cert.is_some() { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
        r.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
    }
    let with_tls = ["tls_ca", "tls_cert", "tls_key"].into_iter().find(|key| r.has(key));
    if let Some(key) = with_tls.filter(|_| url.scheme != "rediss") {
        let message = format!("`{key}` means nothing without TLS");
        r.blame(key, message, Some("write `rediss://` in `url`".to_owned()));
    }
    Registry::Redis(Box::new(RedisRegistry {
        url,
        database,
        password_file,
        tls_ca,
        tls_identity: cert.zip(key),
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
