//! PostgreSQL as store and destination, with a real server.

mod agreement;
mod contract;
mod patience;
mod retention;
mod shipper;
mod tables;
mod tls;
mod wrong;

use crate::support::{Database, Loggr, Setup};

/// The program with a shipper `db` beside the others; `keys` are more of its keys.
fn with_database(url: &str, keys: &str) -> Setup {
    Setup {
        more: format!(
            "[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\nurl = {url:?}\ncommit_age = \"50ms\"\n{keys}\n"
        ),
        ..Setup::default()
    }
}

/// The same, started.
#[track_caller]
fn start(database: &Database, keys: &str) -> Loggr {
    Loggr::with(with_database(&database.url(), keys))
}
