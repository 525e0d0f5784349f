//! Reading the text of a query, which may cost much: its expressions are compiled.
//!
//! Apart from the tasks of the reactor, so that receiving goes on, and with expressions in it one query
//! at a time. Not what a query means (`loggr_store::query`), nor whose turn it is (`turns`).

use std::sync::{Mutex, PoisonError};

use loggr_store::query::{self, Part, Query, QueryError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// One query with expressions is read at a time, whoever asks.
static EXPRESSIONS: Mutex<()> = Mutex::new(());

/// Reads a query.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    apart(text, || query::parse(text))
}

/// The parts of a query's text.
pub fn paint(text: &str) -> Vec<Part> {
    apart(text, || query::paint(text))
}

fn apart<T>(text: &str, read: impl FnOnce() -> T) -> T {
    // Only what stands between slashes is an expression.
    if !text.contains('/') {
        return read();
    }
    let alone = || {
        let _alone = EXPRESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        read()
    };
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(alone),
        _ => alone(),
    }
}
