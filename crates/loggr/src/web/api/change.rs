//! A change that goes on to its end, whether or not somebody still waits for the answer.
//!
//! Half of a discard or a replay would be a surprise, and nobody would know how far it went: the security
//! log has how it ended. Not a change of the accounts or of the saved searches, which is one write.

use std::future::Future;

use crate::access::security;
use crate::access::who::Who;
use crate::web::problem::Problem;

/// Makes the change apart from its request, and says in the security log how it ended.
///
/// `about`: on what; `how`: what was done, as `dropped=5`.
pub async fn to_its_end<T: Send + 'static>(
    who: &Who,
    what: &'static str,
    about: String,
    how: fn(&T) -> String,
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let who = who.clone();
    let changing = tokio::spawn(async move {
        let changed = change.await;
        let ended = match &changed {
            Ok(done) => how(done),
            Err(problem) => format!("ended={:?}", problem.detail()),
        };
        security::told(&who, what, format!("{about} {ended}"));
        changed
    });
    changing.await.map_err(Problem::internal)?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::access::who::Via;

    #[tokio::test(start_paused = true)]
    async fn a_change_goes_on_when_its_client_has_gone() {
        let (done, pause) = (Arc::new(AtomicBool::new(false)), std::time::Duration::from_secs(1));
        let (who, is_done) = (Who::everything("anna", Via::Session, None), done.clone());
        let change = async move {
            tokio::time::sleep(pause).await;
            is_done.store(true, Ordering::Relaxed);
            Ok(5)
        };
        let asked = to_its_end(&who, "purges", String::new(), |n: &u64| format!("dropped={n}"), change);
        assert!(tokio::time::timeout(pause / 2, asked).await.is_err(), "nobody waits any more");
        tokio::time::sleep(pause).await;
        assert!(done.load(Ordering::Relaxed));
    }
}
