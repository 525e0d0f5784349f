//! The page in a real browser, on the real program fed by a real rsyslog, over both stores.
//!
//! What is looked at stands in `ui/e2e`. Here are the servers that it is looked at on, and what is
//! done to them between two files of it.

mod browser;

use std::path::Path;

use serde_json::json;

use self::browser::Browser;
use crate::access::{link, typed};
use crate::support::{Database, Loggr, Provider, Rsyslog, Setup, postgres};

/// A program, the rsyslog that sends to it, and the browser that looks at it.
struct Stage {
    browser: Browser,
    rsyslog: Rsyslog,
    loggr: Loggr,
}

/// What every event passes; both rules are seen in the status.
const FILTER: &str = "json(skip_invalid=true)\nif message ~ \"healthcheck\" {\n    drop\n}\n";

/// A stage with the search store, and beside it PostgreSQL if there is a database. The page asks the
/// store that is named. None where a neighbour is missing.
fn stage(database: Option<&Database>, asked: &'static str, listen: Option<&str>) -> Option<Stage> {
    let more = database.map_or(String::new(), |database| {
        let url = database.url();
        format!(
            "[ship.db]\nkind = \"postgres\"\nexchange = \"events\"\nurl = {url:?}\ncommit_age = \"50ms\"\n"
        )
    });
    stage_with(more, "", asked, listen)
}

/// The same with these sections in its configuration, and these keys of its listener `tcp`.
fn stage_with(more: String, tcp_keys: &str, asked: &'static str, listen: Option<&str>) -> Option<Stage> {
    let browser = Browser::new()?;
    let loggr = Loggr::with(Setup {
        // As another loggr, the tests bring events of the past and large ones.
        tcp_keys: format!("trust = true\nframing = \"lf\"\nmax_message_size = \"1MiB\"\n{tcp_keys}"),
        filter: Some(FILTER.to_owned()),
        listen: listen.map(str::to_owned),
        asked,
        more,
        ..Setup::default()
    });
    let action = format!(
        "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{}\" template=\"RSYSLOG_SyslogProtocol23Format\")",
        loggr.address("relp").port()
    );
    let modules = "module(load=\"omrelp\")\nglobal(parser.escapeControlCharactersOnReceive=\"off\")";
    let rsyslog = Rsyslog::start(modules, &action)?;
    Some(Stage { browser, rsyslog, loggr })
}

impl Stage {
    /// Runs these files of `ui/e2e`, one after the other.
    #[track_caller]
    fn run(&self, files: &[&str], more: &[(&str, &str)]) {
        let (web, tcp) = (self.loggr.address("web"), self.loggr.address("tcp").port().to_string());
        let (url, rsyslog) = (format!("http://{web}/"), self.rsyslog.port().to_string());
        let mut told =
            vec![("LOGGR_PAGE_URL", &*url), ("LOGGR_PAGE_TCP", &tcp), ("LOGGR_PAGE_RSYSLOG", &rsyslog)];
        told.extend(more);
        self.browser.run(files, &told);
    }

    #[track_caller]
    fn ends_well(mut self) {
        self.rsyslog.stop();
        self.loggr.assert_balanced();
        self.loggr.stop();
    }
}

/// A listener that follows a file, and a harvest that takes one upload and cannot take another: their
/// sections.
fn read_files(directory: &Path) -> String {
    let (log, uploads) = (directory.join("app.log"), directory.join("uploads"));
    std::fs::create_dir(&uploads).expect("a directory");
    let write = |path: &Path, text: &[u8]| std::fs::write(path, text).expect("a file");
    write(&log, b"one\ntwo\n");
    write(&uploads.join("whole.log"), b"three\n");
    // The head of a gzip, and no more of it.
    write(&uploads.join("damaged.gz"), b"\x1f\x8b\x08\0\0\0");
    format!(
        "[[listener]]\nname = \"app\"\nprotocol = \"file\"\nexchange = \"received\"\npath = {log:?}\n\
         [harvest.uploads]\ndirectory = {uploads:?}\nstable = \"200ms\"\n"
    )
}

/// Explore and Patterns.
const VIEWS: &[&str] = &["search", "rows", "address", "patterns", "tail"];

#[test]
fn explore_and_patterns_over_the_search_store() {
    let Some(stage) = stage(None, "search", None) else { return };
    stage.run(VIEWS, &[]);
    stage.ends_well();
}

#[test]
fn explore_and_patterns_over_postgresql() {
    let Some(database) = postgres() else { return };
    let Some(stage) = stage(Some(&database), "db", None) else { return };
    stage.run(VIEWS, &[]);
    stage.ends_well();
}

#[test]
fn the_seal_of_an_event_is_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = directory.path().join("seal.key");
    // As `ui/e2e/seals.test.ts` has it.
    std::fs::write(&key, "aa".repeat(32)).expect("a key");
    let hmac = format!("[hmac]\nkeys = [{{ id = \"2026a\", file = {key:?} }}]\n");
    let Some(stage) = stage_with(hmac, "seal = \"verify\"", "search", None) else { return };
    stage.run(&["seals"], &[]);
    stage.ends_well();
}

#[test]
fn files_that_are_read_are_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(stage) = stage_with(read_files(directory.path()), "", "search", None) else { return };
    stage.run(&["files"], &[]);
    stage.ends_well();
}

#[test]
fn log_in_roles_status_rescue_and_upload() {
    let Some(database) = postgres() else { return };
    let Some(stage) = stage(Some(&database), "search", Some("0.0.0.0")) else { return };
    let poison = "ALTER TABLE events ADD CONSTRAINT no_poison CHECK (message NOT LIKE 'poison%')";
    database.sql(poison);
    let link = link(&stage.loggr).expect("a link");
    let code = link.split_once("code=").expect("a code").1;
    stage.run(&["first"], &[("LOGGR_PAGE_CODE", code)]);
    stage.run(&["people", "status", "rescue", "upload"], &[]);
    database.sql("ALTER TABLE events DROP CONSTRAINT no_poison");
    stage.run(&["replayed"], &[]);
    stage.ends_well();
}

#[test]
fn every_view_by_keys_on_a_phone_and_with_hostile_events() {
    let Some(stage) = stage(None, "search", None) else { return };
    stage.run(&["looks", "keyboard", "saved", "hostile"], &[("LOGGR_PAGE_HOSTILE", "1")]);
    stage.ends_well();
}

/// As `ui/e2e/support/server.ts` has it.
const PASSWORD: &str = "correct horse battery";

#[test]
fn log_in_through_a_provider() {
    let Some(provider) = Provider::start() else { return };
    for (name, group) in [("paula", "staff"), ("ben", "guests")] {
        let claims = json!({ "preferred_username": name, "groups": [group], "name": format!("The {name}") });
        provider.user(name, &claims);
    }
    let (issuer, secret) = (provider.issuer(), provider.secret_key());
    let keys = format!(
        "[web.oidc]\nname = \"Company\"\nissuer = \"{issuer}\"\nclient_id = \"loggr\"\n{secret}\
         roles = {{ staff = \"operator\" }}\n"
    );
    let Some(stage) = stage_with(keys, "", "search", None) else { return };
    let arguments = ["user", "add", "anna", "--role", "admin", "--password-stdin"];
    assert_eq!(typed(&stage.loggr, &arguments, PASSWORD).0, 0);
    // Another site than the provider's, for the browser.
    let page = format!("http://localhost:{}/", stage.loggr.address("web").port());
    stage.run(&["provider"], &[("LOGGR_PAGE_PROVIDER", &issuer), ("LOGGR_PAGE_URL", &page)]);
    stage.ends_well();
}
