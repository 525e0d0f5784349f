//! Shippers of kind `elastic`: what a section says, and the mistakes in it.

use loggr_event::DocumentNames;

use super::*;
use crate::config::ship::{ElasticShip, ForwardTls, Login};

/// The shipper `es` of a file.
#[track_caller]
fn ship(keys: &str) -> ElasticShip {
    let config = read(&format!("[ship.es]\nkind = 'elastic'\n{keys}\n"));
    let ship = config.ships.into_iter().find(|ship| ship.name == "es").expect("the shipper");
    match ship.kind {
        ShipKind::Elastic(elastic) => *elastic,
        other => panic!("{other:?}"),
    }
}

/// The mistakes of its keys.
#[track_caller]
fn check_mistakes(keys: &str, expect: &[&str]) {
    assert_eq!(problems(&format!("[ship.es]\nkind = 'elastic'\n{keys}\n")), expect);
}

#[test]
fn a_url_is_enough() {
    let said = ship("urls = 'http://es1:9200'");
    assert_eq!(said.urls.iter().map(ToString::to_string).collect::<Vec<_>>(), ["http://es1:9200"]);
    assert_eq!(said.index_text, "loggr-${year}.${month}.${day}");
    assert_eq!((said.names, said.gzip, said.connections), (DocumentNames::Ecs, true, 2));
    assert_eq!((said.batch_events, said.batch_bytes), (10_000, 4 << 20));
    assert_eq!((said.timeout, said.return_after), (Duration::from_secs(30), Duration::from_secs(60)));
    assert_eq!((said.login, said.pipeline, said.tls), (None, None, None));
}

#[test]
fn what_a_whole_section_says() {
    let said = ship(
        "urls = ['https://es1:9200', 'https://es2/search/']\nindex = 'logs-${source}'\nfields = 'plain'\npipeline = 'p'\n\
         user = 'loggr'\npassword_file = 'es.pass'\nconnections = 5\nbatch_events = 7\nbatch_size = '8KiB'\n\
         timeout = '5s'\nreturn_after = '2m'\ncompress = 'none'\ntls = { ca = 'ca.crt', cert = 'a.crt', key = 'a.key' }",
    );
    assert_eq!(
        said.urls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["https://es1:9200", "https://es2/search"]
    );
    assert_eq!(said.index, Template::parse("logs-${source}").unwrap());
    assert_eq!((said.names, said.gzip, said.connections), (DocumentNames::Plain, false, 5));
    assert_eq!((said.batch_events, said.batch_bytes), (7, 8 << 10));
    assert_eq!((said.timeout, said.return_after), (Duration::from_secs(5), Duration::from_secs(120)));
    assert_eq!(said.login, Some(Login::Password("loggr".to_owned(), "/etc/loggr/es.pass".into())));
    assert_eq!(said.pipeline.as_deref(), Some("p"));
    let tls = ForwardTls {
        authorities: Some("/etc/loggr/ca.crt".into()),
        identity: Some(("/etc/loggr/a.crt".into(), "/etc/loggr/a.key".into())),
        name: None,
        verify: true,
    };
    assert_eq!(said.tls, Some(tls));
    let keyed = ship("urls = 'http://es1:9200'\napi_key_file = 'key'");
    assert_eq!(keyed.login, Some(Login::ApiKey("/etc/loggr/key".into())));
    let token = ship("urls = 'http://es1:9200'\ntoken_file = 'key'");
    assert_eq!(token.login, Some(Login::Token("/etc/loggr/key".into())));
    assert_eq!(ship("urls = 'http://a:1'\ndata_stream = true").index_text, "logs-loggr-default");
    let of_system = ForwardTls { authorities: None, identity: None, name: None, verify: true };
    assert_eq!(ship("urls = 'https://a:1'").tls, Some(of_system));
}

#[test]
fn what_is_secret_and_what_is_read() {
    let config = read(
        "[ship.es]\nkind='elastic'\nurls='https://a:1'\napi_key_file='es.key'\ntls={ca='ca', cert='c', key='k'}",
    );
    let ship = config.ships.iter().find(|ship| ship.name == "es").unwrap();
    assert_eq!(ship.kind.private_key(), Some(Path::new("/etc/loggr/k")));
    assert_eq!(ship.kind.secret(), Some(Path::new("/etc/loggr/es.key")));
    let files = ["/etc/loggr/ca", "/etc/loggr/es.key", "/etc/loggr/c", "/etc/loggr/k"];
    assert_eq!(ship.kind.files(), files.map(std::path::PathBuf::from));
    assert_eq!(ship.kind.shown(), "index loggr-${year}.${month}.${day} at https://a:1");
}

#[test]
fn mistakes_of_urls() {
    check_mistakes("", &["`[ship.es]` needs its `urls` | write `urls = [\"https://HOST:9200\"]`"]);
    check_mistakes("urls = []", &["the list is empty"]);
    check_mistakes(
        "urls = 'es1:9200'",
        &["`es1:9200` is not the URL of a server: it begins with neither `https://` nor `http://` | write \
         `https://logs.example.net` or `http://127.0.0.1:8080`"],
    );
    check_mistakes(
        "url = 'http://es1'",
        &[
            "`url` is not a key of the kind `elastic` | it belongs to `postgres`",
            "`[ship.es]` needs its `urls` | write `urls = [\"https://HOST:9200\"]`",
        ],
    );
}

#[test]
fn mistakes_of_the_index() {
    let check =
        |index: &str, expect| check_mistakes(&format!("urls = 'http://a:1'\nindex = '{index}'"), &[expect]);
    check("Logs", "the name of an index is in lower case, and `Logs` is not");
    check("a b", "the name of an index cannot have ` `");
    check("a#b", "the name of an index cannot have `#`");
    check("_all", "the name of an index cannot begin as `_all` does");
    check("", "the name of the index is empty");
    check_mistakes(
        "urls = 'http://a:1'\ndata_stream = true\nindex = 'logs-${date}'",
        &[
            "the name of a data stream has no date | leave the variables out: the server begins new indexes by itself, as \
         its template says",
        ],
    );
    let found = problems("[ship.es]\nkind='elastic'\nurls='http://a:1'\nindex='logs-%Y.%m.%d'");
    assert!(found.len() == 1 && found[0].contains("write `logs-${year}.${month}.${day}`"), "{found:?}");
}

#[test]
fn keys_that_do_not_go_together() {
    let check = |keys: &str, expect: &str| check_mistakes(&format!("urls = 'http://a:1'\n{keys}"), &[expect]);
    check("user = 'x'", "`user` is of no use without `password_file`");
    check("password_file = 'x'", "`password_file` is of no use without `user`");
    check("user = 'a:b'\npassword_file = 'x'", "`a:b` has a `:`, which ends the name of a user");
    check(
        "api_key_file = 'x'\ntoken_file = 'y'",
        "`token_file` and `api_key_file` are two ways to log in | leave one of them out",
    );
    check("tls = {}", "`tls` means nothing without `https://` | write `https://` in `urls`, or leave it out");
    check("compress = 'zstd'", "no such server unpacks zstd | write `compress = \"gzip\"` or `\"none\"`");
    check("targets = 'x:1'", "`targets` is not a key of the kind `elastic` | it belongs to `syslog`");
    check("format = 'JSON'", "`format` is not a key of the kind `elastic` | it belongs to `files`, `syslog`");
}
