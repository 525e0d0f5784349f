//! `tls` of a `[[listener]]`: the certificate that it shows, and the senders that it lets in.
//!
//! Only what the file says; the certificates are read by `loggr-net`.

use std::path::Path;

use loggr_net::tls::{Clients, PeerPattern, ServerFiles};

use super::keys::{Section, Shape, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "listener.tls",
    shape: Shape::Once,
    about: "TLS of the `[[listener]]` above it: 1.2 and 1.3, from the first byte. It may also be written as \
            `tls = { cert = \"server.crt\", key = \"server.key\" }`. The files are read again when they change, \
            and on SIGHUP; connections go on. See [the guide](../guide/tls.md).",
    keys: &[&[
        key(
            "cert",
            Takes::Path,
            "",
            "the file (PEM) of the certificate that the listener shows, followed by the certificates that lead to \
             its authority",
        )
        .without("must be given"),
        key("key", Takes::Path, "", "the file (PEM) of the key that belongs to `cert`").without("must be given"),
        key(
            "client_ca",
            Takes::Path,
            "",
            "the file (PEM) with the authorities that sign the certificates of senders",
        )
        .without("senders are not asked for a certificate, unless `allowed_peers` has fingerprints"),
        key(
            "client_crl",
            Takes::Path,
            "",
            "the file (PEM) with lists of certificates that `client_ca` has revoked",
        )
        .without("no certificate is revoked"),
        key(
            "require_client_cert",
            Takes::Bool,
            "true",
            "whether a sender without a certificate is refused, where certificates are asked for; with `false` it \
             may send, and its events have no `tls_name`",
        ),
        key(
            "allowed_peers",
            Takes::Texts("peer"),
            "[]",
            "the senders that may come, by what their certificates say: a name in which a `*` stands for any part \
             of one label, such as `web*.example.net`; an address; or a fingerprint, `SHA256:…` or `SHA1:…`, which \
             lets its one certificate in whoever has signed it. The common name counts where a certificate has no \
             other name. An empty list lets in all whom `client_ca` has signed",
        ),
        key(
            "trusted_peers",
            Takes::Texts("peer"),
            "[]",
            "the senders, written as in `allowed_peers`, from which loggr takes over tags, custom fields and \
             identities, as with `trust`",
        ),
    ]],
};

/// `tls` of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Its files, and whom it lets in.
    pub files: ServerFiles,
    /// Who is trusted by name, beside those of `trust`.
    pub trusted: Vec<PeerPattern>,
}

/// Reads it; `None` if a file that it needs is not named.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Option<Tls> {
    let certificate = r.path_if_any("cert", beside);
    let private = r.path_if_any("key", beside);
    for (name, is_there) in [("cert", certificate.is_some()), ("key", private.is_some())] {
        if !is_there {
            let help = format!(
                "name its file, such as `{name} = \"server.{}\"`",
                if name == "cert" { "crt" } else { "key" }
            );
            r.needs(name, format!("TLS needs `{name}`"), help);
        }
    }
    let clients = Clients {
        authorities: r.path_if_any("client_ca", beside),
        revoked: r.path_if_any("client_crl", beside),
        must_show: r.bool("require_client_cert"),
        allowed: r.all_parsed("allowed_peers", PeerPattern::parse),
    };
    let trusted = r.all_parsed("trusted_peers", PeerPattern::parse);
    if clients.authorities.is_none() && !r.failed("client_ca") {
        let named =
            |peers: &[PeerPattern]| peers.iter().find(|peer| !peer.is_fingerprint()).map(ToString::to_string);
        let help = "name the file with the authorities in `client_ca`, or write fingerprints: `SHA256:…`";
        if let Some(name) = named(&clients.allowed) {
            let message = format!("the name `{name}` is believed from nobody without `client_ca`");
            r.blame("allowed_peers", message, Some(help.to_owned()));
        }
        if clients.revoked.is_some() {
            let message = "`client_crl` is of no use without `client_ca`".to_owned();
            r.blame("client_crl", message, None);
        }
        if !clients.asks() && r.has("require_client_cert") && clients.must_show {
            let message = "no certificate of a sender can be checked without `client_ca`".to_owned();
            r.blame("require_client_cert", message, Some(help.to_owned()));
        }
        if let Some(peer) = trusted.first().filter(|_| !clients.asks()) {
            let message = format!("the peer `{peer}` is known by nothing without `client_ca`");
            r.blame("trusted_peers", message, Some(help.to_owned()));
        }
    }
    let files = ServerFiles { certificate: certificate?, key: private?, clients };
    Some(Tls { files, trusted })
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};

    #[test]
    fn a_table_or_a_section() {
        for text in [
            "[[listener]]\nprotocol='relp'\ntls={cert='c',key='/k',client_ca='ca',allowed_peers=['web*.x']}",
            "[[listener]]\nprotocol='relp'\n[listener.tls]\ncert='c'\nkey='/k'\nclient_ca='ca'\nallowed_peers=['web*.x']",
        ] {
            let config = read(text);
            let listener = &config.listeners[0];
            let tls = listener.tls.clone().unwrap();
            assert_eq!((tls.files.certificate, tls.files.key), ("/etc/loggr/c".into(), "/k".into()));
            assert!(tls.files.clients.must_show && tls.files.clients.asks());
            assert_eq!(listener.listen[0].to_string(), "127.0.0.1:6514");
        }
        assert!(read("[[listener]]\nprotocol='relp'").listeners[0].tls.is_none());
    }

    #[track_caller]
    fn refused(tls: &str, expect: &str) {
        assert_eq!(problems(&format!("[[listener]]\nprotocol='tcp'\ntls={{{tls}}}")), [expect]);
    }

    #[test]
    fn mistakes() {
        refused("cert='c'", "TLS needs `key` | name its file, such as `key = \"server.key\"`");
        refused(
            "cert='c',key='k',ca='x'",
            "unknown key `ca` in `tls` of `[[listener]]` | did you mean `client_ca`?",
        );
        refused("cert='c',key='k',client_crl='l'", "`client_crl` is of no use without `client_ca`");
        let help = " | name the file with the authorities in `client_ca`, or write fingerprints: `SHA256:…`";
        refused(
            "cert='c',key='k',allowed_peers=['a.b']",
            &format!("the name `a.b` is believed from nobody without `client_ca`{help}"),
        );
        refused(
            "cert='c',key='k',require_client_cert=true",
            &format!("no certificate of a sender can be checked without `client_ca`{help}"),
        );
        refused(
            "cert='c',key='k',client_ca='a',allowed_peers=['SHA256:00']",
            "`SHA256:00` is no fingerprint: SHA256 has 64 hexadecimal digits, with or without colons",
        );
        let on_udp = problems("[[listener]]\nprotocol='udp'\ntls={cert='c',key='k'}");
        assert_eq!(
            on_udp,
            ["`tls` is not a key of the protocol `udp` | it belongs to `tcp`, `relp`, `http`"]
        );
    }
}
