//! What the integration tests stand on: the real program, real neighbours, and patience.
//!
//! Everything lies in a temporary directory and listens on a free port or a socket below it.
//! Every process that is started here ends with the value that owns it, by its own id.

mod authority;
mod cut;
mod daemon;
mod disk;
mod elastic;
pub mod images;
mod journal;
mod loggr;
mod namespace;
mod notices;
mod oidc;
mod packed;
mod ports;
mod postgres;
mod rabbitmq;
mod redis;
mod relp;
mod root;
mod rsyslog;
mod snapshot;
mod ssh;
mod tools;
mod wait;
mod web;

use std::io::Write;

pub use authority::Authority;
pub use cut::Cut;
pub use daemon::Daemon;
pub use disk::SmallDisk;
pub use elastic::{Engine, SearchServer};
pub use journal::{BEGUN, JournalTool};
pub use loggr::{Loggr, PROGRAM, Setup, count_seqs};
pub use namespace::Namespace;
pub use notices::Notices;
pub use oidc::Provider;
pub use packed::{bzip2, xz};
pub use ports::free_port;
pub use postgres::{Database, own_postgres, postgres};
pub use rabbitmq::{Broker, GUEST, PASSWORD, STRANGER, USER, Vhost};
pub use redis::Redis;
pub use relp::{Load, RelpSender, Sent};
pub use root::stays_root;
pub use rsyslog::Rsyslog;
pub use snapshot::{no_others, snapshot};
pub use ssh::Ssh;
pub use tools::{
    Tool, duckdb, elasticsearch_client, graypy, loggen, logger, logrotate, loki_handler, long, noida_db,
    oidc_provider, omelasticsearch, opentelemetry, osmem_server, redis_server, rsync, rsyslogd, schemathesis,
    sftp, skipped, ssh_keygen, sshd, syslog_ng, systemd_analyze,
};
pub use wait::{Random, eventually, random_moment, until};
pub use web::{Answer, Browser, read};

/// A number of one event that is found again in its text: `seq=000000042`.
pub fn seq_of(text: &str) -> Option<u64> {
    let at = text.find("seq=")?;
    let digits: String = text[at + 4..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A numbered RFC 5424 line, its facility and severity going round with the number.
pub fn numbered_line(seq: u64) -> String {
    let priority = seq % 192;
    format!(
        "<{priority}>1 2026-03-{:02}T{:02}:{:02}:{:02}.{:06}Z web{:02} shop-{} {} ID{} [sd@32473 n=\"{seq}\"] seq={seq:09} order shipped to customer",
        1 + seq % 28,
        seq / 3600 % 24,
        seq / 60 % 60,
        seq % 60,
        seq % 1_000_000,
        seq % 20,
        seq % 5,
        1000 + seq % 9000,
        seq % 7,
    )
}

/// Says something that is seen although the test passes, under its name.
pub fn say(text: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    // Straight to the stream: what a passing test prints is not shown.
    drop(std::io::stderr().lock().write_all(format!("{name}: {text}\n").as_bytes()));
}
