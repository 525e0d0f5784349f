//! Reading the text of a query that somebody sent, which may cost much: its expressions are compiled.
//!
//! Apart from the tasks of the reactor, so that receiving goes on, and with expressions in it one query
//! at a time. What is read again and again, as the filter of a role, is compiled once and kept. Not what a
//! query means (`loggr_store::query`), nor whose turn it is (`web/api/turns.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use loggr_store::query::{self, Part, Query, QueryError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// One query with expressions is read at a time, whoever asks.
static EXPRESSIONS: Mutex<()> = Mutex::new(());

/// Texts whose queries are kept; one too many begins anew.
const MAX_KEPT: usize = 256;
/// Queries that were kept.
static KEPT: Mutex<Option<HashMap<String, Arc<Query>>>> = Mutex::new(None);

/// Reads a query that is read again and again.
pub fn parse_kept(text: &str) -> Result<Arc<Query>, QueryError> {
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(query) = kept().as_ref().and_then(|all| all.get(text)) {
        return Ok(query.clone());
    }
    // Nobody who wants another one waits for this.
    let query = Arc::new(parse(text)?);
    let mut kept = kept();
    let all = kept.get_or_insert_default();
    if all.len() >= MAX_KEPT {
        all.clear();
    }
    all.insert(text.to_owned(), query.clone());
    Ok(query)
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    apart(text, || query::parse(text))
}

/// Reads a query, and gives the parts of its text.
pub fn parse_painted(text: &str) -> (Result<Query, QueryError>, Vec<Part>) {
    apart(text, || query::parse_painted(text))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_again_is_compiled_once() {
        let text = "message:/a{1,50}b{1,50}/";
        let first = parse_kept(text).unwrap();
        assert!(Arc::ptr_eq(&first, &parse_kept(text).unwrap()));
        assert!(parse_kept("(a OR").is_err() && parse_kept("(a OR").is_err());
        for n in 0..MAX_KEPT * 2 {
            parse_kept(&format!("x{n}")).unwrap();
        }
        assert!(KEPT.lock().unwrap().as_ref().unwrap().len() <= MAX_KEPT);
        assert_eq!(first.to_string(), parse_kept(text).unwrap().to_string());
    }
}
