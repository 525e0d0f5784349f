//! Answers are made apart from the reactor: reading a query, looking at what a role sees, and writing JSON
//! may take long, and whoever asks how the process is, wants a file of the page or sends events waits for
//! none of it.
//!
//! Each answer has a thread for blocking work while it is made. Connections are limited, so these are,
//! too. Not whose turn it is (`turns.rs`), nor the reading of the store, which has threads and lanes of its own.

use std::convert::Infallible;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::call::Answer;
use crate::web::problem::Problem;

/// Makes an answer on a thread of its own. It ends when nobody waits for it any more.
pub async fn apart(answer: impl Future<Output = Answer> + Send + 'static) -> Answer {
    let runtime = Handle::current();
    let (_waits, gone) = oneshot::channel::<Infallible>();
    let made = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                // An error says that nobody waits.
                _ = gone => None,
                answer = answer => Some(answer),
            }
        })
    });
    match made.await {
        Ok(Some(answer)) => answer,
        Ok(None) => Err(Problem::internal("BUG: an answer ended while somebody waited for it")),
        Err(error) => Err(Problem::internal(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use axum::response::IntoResponse;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn who_asks_something_small_does_not_wait_for_what_takes_long() {
        let (small, done) = mpsc::channel();
        // It takes as long as it takes until somebody else was served.
        let long = tokio::spawn(apart(async move {
            done.recv_timeout(PATIENCE).map_err(Problem::internal)?;
            Ok("long".into_response())
        }));
        tokio::spawn(async move { small.send(()) }).await.unwrap().unwrap();
        assert!(long.await.unwrap().is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_answer_that_nobody_waits_for_ends() {
        let (held, dropped) = oneshot::channel::<Infallible>();
        let (begin, begun) = oneshot::channel();
        let answer = tokio::spawn(apart(async move {
            let _held = held;
            begin.send(()).unwrap();
            std::future::pending().await
        }));
        begun.await.unwrap();
        answer.abort();
        assert!(tokio::time::timeout(PATIENCE, dropped).await.expect("it ends").is_err());
    }

    #[tokio::test]
    async fn an_answer_that_panics_is_an_error() {
        let answer = apart(async { panic!("as a bug would") }).await;
        assert!(answer.is_err());
    }
}
