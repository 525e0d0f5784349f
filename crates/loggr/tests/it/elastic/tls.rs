//! TLS to the double: an authority of one's own, a certificate that is shown, and what is said where they do not fit.

use std::sync::Arc;

use loggr_net::tls::{Clients, Server, ServerFiles};

use super::double::{Double, Script};
use super::shipping;
use crate::support::{Authority, Loggr, RelpSender, until};

fn double(authority: &Authority) -> Double {
    let authorities = Some(authority.path("ca.crt"));
    let clients = Clients { authorities, must_show: true, ..Clients::default() };
    let files = ServerFiles {
        certificate: authority.path("localhost.crt"),
        key: authority.path("localhost.key"),
        clients,
    };
    let server = Server::open(files, &[]).expect("the settings of a server");
    Double::start(Script { tls: Some(Arc::new(server)), ..Script::default() })
}

#[test]
fn documents_go_through_tls_with_certificates_on_both_sides() {
    let authority = Authority::new(&["localhost", "loggr.example.net"]);
    let double = double(&authority);
    let url = format!("https://localhost:{}", double.address.port());
    let ca = authority.path("ca.crt");
    let keys = format!(
        "urls = {url:?}\napi_key_file = \"key\"\ntls = {{ ca = {ca:?}, {} }}",
        authority.shown("loggr.example.net")
    );
    let mut loggr = Loggr::down(shipping(&keys));
    std::fs::write(loggr.config().with_file_name("key"), "id:key\n").expect("a key");
    loggr.up();
    RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    loggr.stored(100, 60);
    assert_eq!(double.texts().len(), 100);
    assert!(loggr.ask(&["check"]).contains(&format!("at {url}")));
    let certificates = loggr.status()["certificates"].to_string();
    assert!(certificates.contains("shipper `es`"), "{certificates}");
    double.assert_sound();
    loggr.stop();
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing_and_the_status_says_why() {
    let (authority, strangers) = (Authority::new(&["localhost"]), Authority::new(&["localhost"]));
    let double = double(&authority);
    let url = format!("https://localhost:{}", double.address.port());
    let keys = format!("urls = {url:?}\ntls = {{ ca = {:?} }}", strangers.path("ca.crt"));
    let mut loggr = Loggr::with(shipping(&keys));
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    let trouble = format!("trouble: shipper `es`: cannot trust the certificate of `{url}`");
    until("the status says why", 60, || loggr.status_text(&[]).contains(&trouble));
    assert_eq!((double.texts().len(), &loggr.status()["totals"]["rescued"]), (0, &0.into()));
    loggr.kill9();
}
