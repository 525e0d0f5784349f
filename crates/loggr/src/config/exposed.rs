//! Finds files with secrets that other users of this host may read.
//!
//! Only permission bits are looked at, not the secrets.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Config, Registry, ShipKind};

/// The permission bits with which everybody may read or write.
const OTHERS: u32 = 0o006;

/// A sentence for each file with a secret that everybody may read or change, and the command that mends it.
pub fn exposed(config: &Config) -> Vec<(String, String)> {
    secrets(config).iter().filter_map(|(what, path)| told(what, path)).collect()
}

fn told(what: &str, path: &Path) -> Option<(String, String)> {
    // A missing file is reported where it is needed.
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let may = match mode & OTHERS {
        0 => return None,
        0o002 => "change",
        0o004 => "read",
        _ => "read and change",
    };
    let shown = path.display();
    let mend = format!("chmod o-rw {shown}");
    Some((format!("everybody on this host may {may} {what} `{shown}` (its mode is {mode:04o})"), mend))
}

/// The files with secrets: words for the content, and the path.
fn secrets(config: &Config) -> Vec<(&'static str, PathBuf)> {
    const PASSWORD: &str = "the password in";
    const KEY: &str = "the private key";
    const SECRET: &str = "the secret in";
    const SEAL_KEY: &str = "the key of seals in";
    let mut files = Vec::new();
    let mut in_the_file = false;
    if let Some(rabbit) = &config.bus.rabbit {
        files.extend(rabbit.password_file.clone().map(|file| (PASSWORD, file)));
        files.extend(rabbit.tls_identity.clone().map(|(_, key)| (KEY, key)));
        in_the_file |= rabbit.urls.iter().any(|url| url.password.is_some());
    }
    if let Registry::Redis(redis) = &config.registry {
        files.extend(redis.password_file.clone().map(|file| (PASSWORD, file)));
        files.extend(redis.tls_identity.clone().map(|(_, key)| (KEY, key)));
        in_the_file |= redis.url.password.is_some();
    }
    files.extend(config.web.iter().filter_map(|web| web.tls.clone()).map(|(_, key)| (KEY, key)));
    let listeners = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    files.extend(listeners.map(|tls| (KEY, tls.files.key.clone())));
    let http = config.listeners.iter().filter_map(|listener| listener.http.as_ref());
    files.extend(http.filter_map(|http| http.tokens_file.clone()).map(|file| (SECRET, file)));
    let oidc = config.web.iter().filter_map(|web| web.oidc.as_ref());
    files.extend(oidc.filter_map(|oidc| oidc.client_secret_file.clone()).map(|file| (SECRET, file)));
    files.extend(config.seal_keys.iter().map(|key| (SEAL_KEY, key.file.clone())));
    for ship in &config.ships {
        files.extend(ship.kind.private_key().map(|key| (KEY, key.to_owned())));
        files.extend(ship.kind.secret().map(|file| (SECRET, file.to_owned())));
        if let ShipKind::Postgres(postgres) = &ship.kind {
            in_the_file |= password_in(&postgres.database.url).is_some_and(|password| !password.is_empty());
        }
    }
    if in_the_file {
        files.extend(config.file.clone().map(|file| (PASSWORD, file)));
    }
    files
}

/// The password in a URL of PostgreSQL, `scheme://user:password@host…` or among its parameters, or
/// in the words `KEY=VALUE` that may stand in its place. It may be empty.
pub fn password_in(url: &str) -> Option<&str> {
    let Some((_, rest)) = url.split_once("://") else { return named(url) };
    let (authority, parameters) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').map(|(_, password)| password).or_else(|| named(parameters))
}

/// The value of `password=` among parameters or words.
fn named(words: &str) -> Option<&str> {
    words.split_once("password=").and_then(|(_, rest)| rest.split(['&', ' ']).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[track_caller]
    fn check(mode: u32, expect: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("redis.pass");
        std::fs::write(&path, "secret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let told = exposed(&read(&format!(
            "[registry]\nkind='redis'\nurl='redis://me@localhost'\npassword_file={path:?}\n"
        )));
        let expect = expect.map(|may| {
            let shown = path.display();
            let text = format!(
                "everybody on this host may {may} the password in `{shown}` (its mode is {mode:04o})"
            );
            (text, format!("chmod o-rw {shown}"))
        });
        assert_eq!(told, Vec::from_iter(expect));
    }

    #[test]
    fn a_password_that_others_may_read_is_told() {
        check(0o600, None);
        check(0o640, None);
        check(0o660, None);
        check(0o644, Some("read"));
        check(0o666, Some("read and change"));
        check(0o602, Some("change"));
    }

    #[test]
    fn passwords_in_urls() {
        let has = |url: &str| password_in(url).map(|password| !password.is_empty());
        for with in [
            "postgres://me:pw@db/logs",
            "postgres://db/logs?password=x",
            "postgres://db?password=x",
            "postgres://me:p@w@db",
            "postgres:///logs?user=dba&password=x",
            "host=db user=dba password=x",
        ] {
            assert_eq!(has(with), Some(true), "{with}");
        }
        for empty in ["postgres://me:@db/logs", "postgres://dba:@/logs", "host=db password="] {
            assert_eq!(has(empty), Some(false), "{empty}");
        }
        for without in [
            "postgres://me@db/logs",
            "postgres://db:5432/logs",
            "postgres://dba@[2001:db8::1]:5432/logs",
            "host=db user=dba",
            "db",
        ] {
            assert_eq!(has(without), None, "{without}");
        }
    }
}
