//! `[web]`: the web address, and who is let in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_net::http::Url;
use loggr_net::{Address, Network};

use super::diagnostics::nearest;
use super::keys::{DAY, SECOND, Section, Shape, Takes, key};
use super::oidc::Oidc;
use super::reader::Reader;
use super::ship::Ship;

/// Longest name of a header.
const MAX_HEADER_BYTES: usize = 64;
/// Longest name of a host (DNS).
const MAX_HOST_BYTES: usize = 253;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "web",
    shape: Shape::Once,
    about: "The web address, where loggr serves its page, its API, its status and its metrics over HTTP, and who \
            is let in there.",
    keys: &[&[
        key("enabled", Takes::Bool, "true", "with `false` the process serves nothing over HTTP"),
        key(
            "listen",
            Takes::Addresses,
            "\"127.0.0.1:8080\"",
            "the address, or addresses, of the web server; on an address that other hosts can reach, it answers \
             other hosts once there is a user",
        ),
        key(
            "store",
            Takes::Name,
            "",
            "the name of the shipper of kind `search` or `postgres` whose store the web page searches",
        )
        .without("the first such shipper in the file"),
        key(
            "tls_cert",
            Takes::Path,
            "",
            "the file (PEM) of the certificate that the web server shows, followed by the certificates that lead \
             to its authority; needs `tls_key`",
        )
        .without("the web server speaks HTTP without TLS"),
        key("tls_key", Takes::Path, "", "the file (PEM) of the key that belongs to `tls_cert`").without("none"),
        key(
            "hosts",
            Takes::Texts("host name"),
            "[]",
            "the names, such as `logs.example.net`, by which browsers may call the web server; addresses, \
             `localhost` and the name of this host are always allowed",
        ),
        key(
            "url",
            Takes::Text("URL"),
            "",
            "how browsers call the page, such as `https://logs.example.net`, where others have to be told",
        )
        .without("what the browser that asks has called it"),
        key(
            "session_timeout",
            Takes::Duration(60 * SECOND, 7 * DAY),
            "\"12h\"",
            "a log-in ends when it is not used for so long; it ends after 7 days in any case",
        ),
        key(
            "trusted_proxies",
            Takes::Networks,
            "[]",
            "the proxies in front of the web server; loggr believes what they say about the client's address and \
             about TLS",
        ),
        key(
            "proxy_header",
            Takes::Text("name of a header"),
            "",
            "the header in which a trusted proxy names the user that it has logged in, such as `X-Remote-User`; \
             loggr ignores it when it comes from others",
        )
        .without("proxies name no users"),
        key(
            "proxy_role",
            Takes::Name,
            "",
            "the role of users that a proxy names and that loggr does not know",
        )
        .without("such users are not let in"),
        key(
            "seal_uploads",
            Takes::Bool,
            "false",
            "with `true` the events of uploaded files are [sealed](../guide/seals.md) at reception, with the first \
             key of `[hmac]`. Seals that a file brings are not read",
        ),
        key("oidc", Takes::Section, "", "log-in through a provider: [`[web.oidc]`](#weboidc)")
            .without("users log in by password, or by a proxy"),
    ]],
};

/// `[web]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens, at least one.
    pub listen: Vec<Address>,
    /// Name of the ship whose store it shows, and that the command line asks; `None` when there is none.
    pub store: Option<String>,
    /// The files of its certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Names that it may be called by, in lower case.
    pub hosts: Vec<String>,
    /// How browsers call the page, without a slash at its end.
    pub url: Option<String>,
    /// A log-in ends after so long without use.
    pub session_timeout: Duration,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they name a user, in lower case.
    pub proxy_header: Option<String>,
    /// The role of users that only they know.
    pub proxy_role: Option<String>,
    /// Events of uploaded files are sealed.
    pub seal_uploads: bool,
    /// `[web.oidc]`; `None` where there is none.
    pub oidc: Option<Oidc>,
}

/// Reads the section; `None` where it is switched off. `has_keys`: there are keys of seals.
pub fn read(r: &mut Reader<'_, '_>, ships: &[Ship], has_keys: bool, beside: &Path) -> Option<Web> {
    let enabled = r.bool("enabled");
    let listen = r.addresses("listen");
    let stores: Vec<&str> =
        ships.iter().filter(|s| s.kind.store().is_some()).map(|s| s.name.as_str()).collect();
    let store = r.name_if_any("store");
    if let Some(name) = store.as_deref().filter(|name| !stores.contains(name)) {
        let help = match (nearest(name, stores.iter().copied()), ships.iter().any(|s| s.name == *name)) {
            (_, true) => "its kind is neither `search` nor `postgres`".to_owned(),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) => format!("write `[ship.{name}]` with `kind = \"search\"`"),
        };
        r.blame("store", format!("there is no store `{name}`"), Some(help));
    }
    let tls = tls(r, beside);
    let hosts = r.all_parsed("hosts", host);
    let url = r.parsed_if_any("url", |text| {
        Url::parse(text).map(|url| url.to_string()).map_err(|error| error.to_string())
    });
    let session_timeout = r.duration("session_timeout");
    let trusted_proxies = r.networks("trusted_proxies");
    let proxy_header = r.parsed_if_any("proxy_header", header);
    let proxy_role = r.name_if_any("proxy_role");
    if proxy_header.is_some() && trusted_proxies.is_empty() && !r.failed("trusted_proxies") {
        let help = "write `trusted_proxies = [\"127.0.0.1\"]` for one on this host".to_owned();
        r.blame("proxy_header", "`proxy_header` is believed from nobody".to_owned(), Some(help));
    }
    if proxy_role.is_some() && proxy_header.is_none() && !r.failed("proxy_header") {
        let help = "write `proxy_header = \"X-Remote-User\"`".to_owned();
        r.blame("proxy_role", "`proxy_role` is of no use without `proxy_header`".to_owned(), Some(help));
    }
    let seal_uploads = r.bool("seal_uploads");
    if seal_uploads && !has_keys {
        let help = "write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]`".to_owned();
        r.blame("seal_uploads", "`seal_uploads` needs a key".to_owned(), Some(help));
    }
    let store = store.or_else(|| stores.first().map(|s| (*s).to_owned()));
    enabled.then_some(Web {
        listen,
        store,
        tls,
        hosts,
        url,
        session_timeout,
        trusted_proxies,
        proxy_header,
        proxy_role,
        seal_uploads,
        oidc: None,
    })
}

fn tls(r: &mut Reader<'_, '_>, beside: &Path) -> Option<(PathBuf, PathBuf)> {
    let certificate = r.path_if_any("tls_cert", beside);
    let private = r.path_if_any("tls_key", beside);
    let alone = match (&certificate, &private) {
        (Some(_), None) => Some(("tls_cert", "tls_key")),
        (None, Some(_)) => Some(("tls_key", "tls_cert")),
        _ => None,
    };
    if let Some((has, needs)) = alone.filter(|(_, needs)| !r.failed(needs)) {
        r.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
    }
    certificate.zip(private)
}

/// A name without scheme, port or path.
fn host(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let good = |label: &str| {
        let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !label.is_empty() && label.bytes().all(byte)
    };
    match name.len() <= MAX_HOST_BYTES && name.split('.').all(good) {
        true => Ok(name),
        false => Err(format!("`{text}` is not the name of a host: write it without `https://` and port")),
    }
}

fn header(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let name = text.to_ascii_lowercase();
    // What browsers and every client send says nothing about who asks.
    let is_taken = ["authorization", "cookie", "host", "origin"].contains(&name.as_str());
    match name.is_empty() || name.len() > MAX_HEADER_BYTES || !name.bytes().all(good) || is_taken {
        true => Err(format!("`{text}` is not the name of a header for a user")),
        false => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn who_is_let_in() {
        let web = read(
            "[web]\nlisten='0.0.0.0:443'\ntls_cert='c'\ntls_key='/k'\nhosts=['Logs.example.net']\n\
             session_timeout='1h'\ntrusted_proxies=['10.0.0.0/8']\nproxy_header='X-Remote-User'\n\
             proxy_role='viewer'",
        );
        let web = web.web.unwrap();
        assert_eq!(web.tls, Some(("/etc/loggr/c".into(), "/k".into())));
        assert_eq!(
            (web.hosts, web.session_timeout),
            (vec!["logs.example.net".to_owned()], Duration::from_secs(3_600))
        );
        assert_eq!(web.trusted_proxies, [Network::parse("10.0.0.0/8").unwrap()]);
        assert_eq!(
            (web.proxy_header.as_deref(), web.proxy_role.as_deref()),
            (Some("x-remote-user"), Some("viewer"))
        );
        let web = read("").web.unwrap();
        assert_eq!((web.tls, web.session_timeout), (None, Duration::from_secs(12 * 3_600)));
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(problems(&format!("[web]\n{text}")), [expect]);
    }

    #[test]
    fn mistakes() {
        refused("tls_cert='c'", "`tls_cert` is of no use without `tls_key`");
        refused("tls_key='c'", "`tls_key` is of no use without `tls_cert`");
        refused(
            "hosts=['https://logs.example.net']",
            "`https://logs.example.net` is not the name of a host: write it without `https://` and port",
        );
        refused(
            "proxy_header='X-Remote-User'",
            "`proxy_header` is believed from nobody | write `trusted_proxies = [\"127.0.0.1\"]` for one on this host",
        );
        refused(
            "seal_uploads=true",
            "`seal_uploads` needs a key | write `keys = [{ id = \"2026a\", file = \"seal.key\" }]` in `[hmac]`",
        );
        assert!(read("[hmac]\nkeys=[{id='a',file='a'}]\n[web]\nseal_uploads=true").web.unwrap().seal_uploads);
        refused(
            "proxy_role='viewer'",
            "`proxy_role` is of no use without `proxy_header` | write `proxy_header = \"X-Remote-User\"`",
        );
        refused(
            "trusted_proxies=['10.0.0.1']\nproxy_header='Cookie'",
            "`Cookie` is not the name of a header for a user",
        );
    }
}
