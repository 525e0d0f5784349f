//! Files of all kinds, and handshakes in memory between our client and a server of the test.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// A directory with `ca.crt`, and `NAME.crt` and `NAME.key` for each name, signed by it.
struct Files {
    directory: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(names: &[&str]) -> Files {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        let named = names.join(" ");
        authority.distinguished_name.push(rcgen::DnType::CommonName, format!("authority of {named}"));
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
        let files = Files { directory: tempfile::tempdir().unwrap(), authority };
        files.write("ca.crt", files.authority.pem());
        for name in names {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![(*name).to_owned()]).unwrap();
            files.write(&format!("{name}.crt"), params.signed_by(&key, &files.authority).unwrap().pem());
            files.write(&format!("{name}.key"), key.serialize_pem());
        }
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A server that is `localhost`.
    fn server(&self, clients: Clients) -> ServerFiles {
        ServerFiles { certificate: self.path("localhost.crt"), key: self.path("localhost.key"), clients }
    }

    /// One more certificate, valid from the first of these years to the second.
    fn dated(&self, name: &str, (from, to): (i32, i32)) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.crt"), params.signed_by(&key, &self.authority).unwrap().pem());
        self.write(&format!("{name}.key"), key.serialize_pem());
    }

    /// A list of the authority with this certificate in it, `ca.crl`.
    fn revoke(&self, name: &str) {
        let pem = Pem::read(&self.path(&format!("{name}.crt"))).unwrap().certificates().unwrap();
        let (_, read) = x509_parser::parse_x509_certificate(&pem[0]).unwrap();
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from_slice(read.raw_serial()),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("ca.crl", list.signed_by(&self.authority).unwrap().pem().unwrap());
    }

    fn identity(&self, name: &str) -> Identity {
        Identity::read(&self.path(&format!("{name}.crt")), &self.path(&format!("{name}.key"))).unwrap()
    }

    fn trust(&self) -> Trust {
        Trust::of(Some(&self.path("ca.crt"))).unwrap()
    }

    /// The error in a line, the directory left out.
    fn shown(&self, error: String) -> String {
        error.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

fn told<T>(result: Result<T, crate::NetError>) -> String {
    result.map_or_else(|e| e.in_one_line(), |_| "fine".to_owned())
}

#[test]
fn a_file_that_holds_something_else_is_named_with_what_to_do() {
    let files = Files::new(&["a", "b"]);
    let certificates =
        |name: &str| files.shown(told(Pem::read(&files.path(name)).and_then(|pem| pem.certificates())));
    let key = |name: &str| files.shown(told(Pem::read(&files.path(name)).and_then(|pem| pem.key())));
    assert_eq!(certificates("a.crt"), "fine");
    assert_eq!(key("a.key"), "fine");
    files.write("empty", "");
    assert_eq!(certificates("empty"), "`empty` holds no certificate in PEM form; it is empty");
    files.write("text", "no PEM");
    assert_eq!(
        certificates("text"),
        "`text` holds no certificate in PEM form; a certificate begins with a line such as `-----BEGIN CERTIFICATE-----`"
    );
    assert_eq!(
        key("a.crt"),
        "`a.crt` holds no private key in PEM form; it holds a certificate: name the file with the key that belongs to it"
    );
    assert_eq!(
        certificates("a.key"),
        "`a.key` holds no certificate in PEM form; it holds a key: name the file with the certificate that belongs to it"
    );
    files.write("der", [0x30, 0x82, 1, 2]);
    assert_eq!(
        key("der"),
        "`der` holds no private key in PEM form; it seems to be in DER form: `openssl pkey -inform der` makes PEM of it"
    );
    files.write(
        "locked",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    assert_eq!(
        key("locked"),
        "`locked` holds no private key in PEM form; its key is encrypted: `openssl pkey -in locked -out KEY` makes one without a passphrase of it"
    );
    files.write(
        "older",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
    );
    assert_eq!(
        key("older"),
        "`older` holds no private key in PEM form; its key is encrypted: `openssl pkey -in older -out KEY` makes one without a passphrase of it"
    );
    files.write("request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    assert_eq!(
        certificates("request"),
        "`request` holds no certificate in PEM form; it holds a request for a certificate: name the file that the authority makes of it"
    );
    files.write("cut", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n");
    assert_eq!(key("cut"), "`cut` holds no private key in PEM form; it is damaged: copy it again");
    files.write("long", vec![b'a'; 1 + MAX_PEM_BYTES as usize]);
    assert_eq!(
        key("long"),
        "cannot read `long`: it has more than 1048576 bytes; name a file that holds certificates, or a key, in PEM form and nothing else"
    );
    let pipe = std::process::Command::new("mkfifo").arg(files.path("pipe")).status().unwrap();
    assert!(pipe.success());
    assert!(certificates("pipe").starts_with("cannot read `pipe`: it is no regular file; "));
    let missing = certificates("missing");
    assert!(missing.starts_with("cannot read `missing`: No such file"), "{missing}");
    assert!(!format!("{:?}", Pem::read(&files.path("a.key")).unwrap()).contains("BEGIN"));
}

#[test]
fn a_key_must_be_that_of_the_certificate() {
    let files = Files::new(&["a", "b"]);
    let identity =
        |cert: &str, key: &str| files.shown(told(Identity::read(&files.path(cert), &files.path(key))));
    assert_eq!(identity("a.crt", "a.key"), "fine");
    assert_eq!(
        identity("a.crt", "b.key"),
        "the key in `b.key` is not that of the certificate in `a.crt`; name the key that was made for this certificate; of several certificates in the file, that of the key must stand first"
    );
    let shown = format!("{:?}", files.identity("a"));
    assert!(!shown.contains("BEGIN"), "{shown}");
}

#[test]
fn authorities_that_cannot_be_used_are_told() {
    let files = Files::new(&[]);
    let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    files.write("odd.crt", odd);
    let with = |name: &str| {
        files.shown(told(Trust::of(Some(&files.path(name))).and_then(|trust| client(&trust, None))))
    };
    assert!(
        with("odd.crt").starts_with("`odd.crt` holds no certificate that can be used; "),
        "{}",
        with("odd.crt")
    );
    // One that is odd among others is no reason to believe nobody.
    let both = [odd.as_bytes(), &std::fs::read(files.path("ca.crt")).unwrap()].concat();
    files.write("both.crt", both);
    assert_eq!(with("both.crt"), "fine");
}

/// A handshake with a server that is `localhost` and, if it asks, believes only what its own
/// authority signed: what our side, or the server, says against it.
fn handshake(
    server: &Files,
    asks: bool,
    trust: &Trust,
    identity: Option<&Identity>,
    host: &str,
) -> Result<(), String> {
    let builder = ServerConfig::builder_with_provider(identity::provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(Pem::read(&server.path("ca.crt")).unwrap().certificates().unwrap());
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), identity::provider());
    let builder = match asks {
        true => builder.with_client_cert_verifier(clients.build().unwrap()),
        false => builder.with_no_client_auth(),
    };
    let chain = Pem::read(&server.path("localhost.crt")).unwrap().certificates().unwrap();
    let key = Pem::read(&server.path("localhost.key")).unwrap().key().unwrap();
    let mut server = ServerConnection::new(Arc::new(builder.with_single_cert(chain, key).unwrap())).unwrap();
    let config = client(trust, identity).map_err(|e| e.in_one_line())?;
    let name = server_name(host).map_err(|e| e.in_one_line())?;
    let mut client = ClientConnection::new(config, name).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|e| format!("the server: {e}"))?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|e| e.to_string())?;
    }
    Ok(())
}

#[test]
fn whom_we_believe_and_who_believes_us() {
    let (server, other) = (Files::new(&["localhost", "me"]), Files::new(&["me"]));
    #[track_caller]
    fn check(got: Result<(), String>, expect: &str) {
        match got {
            Ok(()) => assert_eq!(expect, "fine"),
            Err(error) => assert!(error.contains(expect), "`{expect}` is not in `{error}`"),
        }
    }
    check(handshake(&server, false, &server.trust(), None, "localhost"), "fine");
    check(handshake(&server, false, &other.trust(), None, "localhost"), "UnknownIssuer");
    check(handshake(&server, false, &Trust::System, None, "localhost"), "");
    check(handshake(&server, false, &server.trust(), None, "db.example.net"), "not valid for name");
    check(handshake(&server, false, &server.trust(), None, "127.0.0.1"), "not valid for name");
    check(
        handshake(&server, false, &server.trust(), None, "a b"),
        "no certificate can be for the host `a b`",
    );
    check(handshake(&server, false, &Trust::Anybody, None, "db.example.net"), "fine");
    check(handshake(&server, true, &server.trust(), Some(&server.identity("me")), "localhost"), "fine");
    check(handshake(&server, true, &Trust::Anybody, Some(&server.identity("me")), "localhost"), "fine");
    check(
        handshake(&server, true, &server.trust(), None, "localhost"),
        "the server: peer sent no certificates",
    );
    check(
        handshake(&server, true, &server.trust(), Some(&other.identity("me")), "localhost"),
        "the server: ",
    );
}

/// What a client of this version that speaks these protocols gets: version, protocol, certificate.
fn shaken(
    files: &Files,
    server: &Server,
    version: &'static rustls::SupportedProtocolVersion,
    protocols: &[&str],
) -> (Option<rustls::ProtocolVersion>, Option<String>, Vec<u8>) {
    let builder = rustls::ClientConfig::builder_with_provider(identity::provider())
        .with_protocol_versions(&[version])
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(Pem::read(&files.path("ca.crt")).unwrap().certificates().unwrap());
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), server_name("localhost").unwrap()).unwrap();
    let mut server = ServerConnection::new(server.config()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    let protocol = server.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    (server.protocol_version(), protocol, client.peer_certificates().unwrap()[0].to_vec())
}

#[test]
fn one_who_listens_speaks_1_2_and_1_3_and_what_both_know() {
    let files = Files::new(&["localhost"]);
    let server = Server::open(files.server(Clients::default()), &["http/1.1"]).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (protocols, expect) in [(&["h2", "http/1.1"][..], Some("http/1.1")), (&[], None)] {
            let (spoken, protocol, _) = shaken(&files, &server, version, protocols);
            assert_eq!((spoken, protocol.as_deref()), (Some(version.version), expect));
        }
    }
}

#[test]
fn another_certificate_is_shown_without_a_restart_and_a_wrong_one_is_not_taken() {
    let files = Files::new(&["localhost"]);
    let server = Server::open(files.server(Clients::default()), &[]).unwrap();
    let shown = |files: &Files| shaken(files, &server, &rustls::version::TLS13, &[]).2;
    let before = shown(&files);
    assert!(!server.reload().unwrap(), "nothing has changed");
    let newer = Files::new(&["localhost"]);
    files.write("localhost.crt", std::fs::read(newer.path("localhost.crt")).unwrap());
    assert!(told(server.reload().map(drop)).contains("is not that of the certificate"));
    assert_eq!(shown(&files), before);
    files.write("localhost.key", std::fs::read(newer.path("localhost.key")).unwrap());
    assert!(server.reload().unwrap());
    assert_ne!(shown(&newer), before);
}

/// What a server that asks says of a client that shows this: the name that it has, or why it is refused.
fn let_in(server: &Server, files: &Files, shows: Option<(&Files, &str)>) -> Result<Option<String>, Reason> {
    let identity = shows.map(|(files, name)| files.identity(name));
    let config = client(&files.trust(), identity.as_ref()).unwrap();
    let mut client = ClientConnection::new(config, server_name("localhost").unwrap()).unwrap();
    let mut session = ServerConnection::new(server.config()).unwrap();
    while client.is_handshaking() || session.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        session.read_tls(&mut wire.as_slice()).unwrap();
        session.process_new_packets().map_err(|error| Reason::of(&std::io::Error::other(error)))?;
        let mut wire = Vec::new();
        session.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    let shown = session.peer_certificates().and_then(|chain| chain.first());
    Ok(shown.map(|der| server.files().clients.name_of(&Certificate::read(der).unwrap())))
}

#[test]
fn who_is_let_in_and_why_others_are_not() {
    let files = Files::new(&["localhost", "web1.example.net", "mail.example.net"]);
    let strangers = Files::new(&["web1.example.net"]);
    files.dated("old.example.net", (2001, 2002));
    files.dated("early.example.net", (2100, 2101));
    files.revoke("mail.example.net");
    let clients = |allowed: &[&str]| Clients {
        authorities: Some(files.path("ca.crt")),
        revoked: Some(files.path("ca.crl")),
        must_show: true,
        allowed: allowed.iter().map(|peer| PeerPattern::parse(peer).unwrap()).collect(),
    };
    #[track_caller]
    fn check(got: Result<Option<String>, Reason>, expect: &str) {
        match got {
            Ok(name) => assert_eq!(name.as_deref().unwrap_or("nobody"), expect),
            Err(reason) => assert!(reason.text.contains(expect), "{expect}: {reason:?}"),
        }
    }
    let open = |clients| Server::open(files.server(clients), &[]).unwrap();
    let server = open(clients(&[]));
    check(let_in(&server, &files, Some((&files, "web1.example.net"))), "web1.example.net");
    check(let_in(&server, &files, None), "shows no certificate");
    check(
        let_in(&server, &files, Some((&strangers, "web1.example.net"))),
        "that no authority of `client_ca` has signed",
    );
    check(let_in(&server, &files, Some((&files, "old.example.net"))), "that has ended");
    check(let_in(&server, &files, Some((&files, "early.example.net"))), "not valid yet");
    check(let_in(&server, &files, Some((&files, "mail.example.net"))), "that is revoked");
    let server = open(clients(&["web*.example.net"]));
    check(let_in(&server, &files, Some((&files, "web1.example.net"))), "web1.example.net");
    check(
        let_in(&server, &files, Some((&files, "localhost"))),
        "is not allowed: no allowed peer has the name `localhost`",
    );
    let server = open(Clients { must_show: false, ..clients(&[]) });
    check(let_in(&server, &files, None), "nobody");
    check(let_in(&server, &files, Some((&strangers, "web1.example.net"))), "that no authority");
    // A fingerprint needs nobody who signs, and lets nobody else in.
    let stranger = strangers.identity("web1.example.net").certificate().unwrap();
    let pin = format!("SHA256:{}", stranger.sha256);
    let pinned =
        Clients { must_show: true, allowed: vec![PeerPattern::parse(&pin).unwrap()], ..Clients::default() };
    let server = open(pinned);
    check(let_in(&server, &files, Some((&strangers, "web1.example.net"))), "web1.example.net");
    check(let_in(&server, &files, Some((&files, "web1.example.net"))), "is not allowed");
    let server = open(clients(&[&pin]));
    check(let_in(&server, &files, Some((&strangers, "web1.example.net"))), "web1.example.net");
    check(let_in(&server, &files, Some((&files, "web1.example.net"))), "is not allowed");
}

#[test]
fn files_for_clients_that_cannot_be_used_are_told() {
    let files = Files::new(&["localhost"]);
    let with = |clients: Clients| files.shown(told(Server::open(files.server(clients), &[])));
    let authorities = |name: &str| Clients { authorities: Some(files.path(name)), ..Clients::default() };
    assert!(
        with(authorities("localhost.crt"))
            .starts_with("`localhost.crt` holds a certificate that is not that of an authority; ")
    );
    assert!(with(authorities("missing")).starts_with("cannot read `missing`"));
    let revoked = Clients { revoked: Some(files.path("ca.crt")), ..authorities("ca.crt") };
    assert!(with(revoked).starts_with("`ca.crt` holds no list of revoked certificates in PEM form"));
}

#[test]
fn a_peer_that_speaks_something_else_is_told_apart() {
    let files = Files::new(&["localhost"]);
    let server = Server::open(files.server(Clients::default()), &[]).unwrap();
    let said = |mut bytes: &[u8]| {
        let mut session = ServerConnection::new(server.config()).unwrap();
        session.read_tls(&mut bytes).unwrap();
        let error = session.process_new_packets().unwrap_err();
        Reason::of(&std::io::Error::other(error)).text
    };
    for plain in [
        "<13>Nov 30 12:00:00 host app: hello\n",
        "1 open 85 relp_version=0\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(said(plain.as_bytes()), "speaks no TLS", "{plain}");
    }
}

#[test]
fn a_certificate_that_has_ended_does_not_take_the_place_of_a_valid_one() {
    let files = Files::new(&["localhost"]);
    let server = Server::open(files.server(Clients::default()), &[]).unwrap();
    files.dated("localhost", (2001, 2002));
    assert!(told(server.reload().map(drop)).contains("has ended, or is not valid yet"));
    assert!(server.certificate().ends > 1_800_000_000);
    // Where nothing else is known, it is better than nothing.
    assert!(Server::open(files.server(Clients::default()), &[]).is_ok());
}

#[test]
fn one_who_connects_takes_new_files_and_keeps_the_old_ones_where_they_are_wrong() {
    let (files, other) = (Files::new(&["client"]), Files::new(&["client"]));
    let identity = Some((files.path("client.crt"), files.path("client.key")));
    let named = ClientFiles { authorities: Some(files.path("ca.crt")), identity, verify: true };
    let connector = Connector::open(named).unwrap();
    assert!(!connector.reload().unwrap(), "nothing has changed");
    let first = connector.certificate().unwrap().sha256;
    // Half of an exchange.
    std::fs::copy(other.path("client.crt"), files.path("client.crt")).unwrap();
    assert!(told(connector.reload().map(drop)).contains("is not that of the certificate"));
    assert_eq!(connector.certificate().unwrap().sha256, first);
    std::fs::copy(other.path("client.key"), files.path("client.key")).unwrap();
    assert!(connector.reload().unwrap());
    let second = connector.certificate().unwrap().sha256;
    assert_ne!(second, first);
    // The authority alone.
    std::fs::copy(other.path("ca.crt"), files.path("ca.crt")).unwrap();
    assert!(connector.reload().unwrap() && !connector.reload().unwrap());
    // One that has ended.
    files.dated("client", (2001, 2002));
    assert!(told(connector.reload().map(drop)).contains("has ended, or is not valid yet"));
    assert_eq!(connector.certificate().unwrap().sha256, second);
    std::fs::remove_file(files.path("client.key")).unwrap();
    assert!(told(connector.reload().map(drop)).contains("cannot read"));
}

#[test]
fn one_who_connects_needs_no_files() {
    let none = ClientFiles { authorities: None, identity: None, verify: false };
    let connector = Connector::open(none).unwrap();
    assert!(!connector.reload().unwrap() && connector.certificate().is_none());
}
