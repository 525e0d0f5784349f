//! What is so, once or again and again, and what changes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::call::{Answer, Api, Call, json};
use super::watched::{Watching, WithTroubles};
use crate::web::problem::Problem;

/// `GET /api/status`
pub async fn status(call: Call) -> Answer {
    let site = &call.api.site;
    json(&WithTroubles::look(site).await)
}

/// `GET /api/status/feed`
pub async fn feed(call: Call) -> Answer {
    let ear = call.api.ears.for_status()?;
    let watching = call.api.watched.join(&call.api.site);
    let feed = statuses(watching, call.api.stopped.clone(), ear);
    Ok(Sse::new(feed).keep_alive(KeepAlive::default()).into_response())
}

fn statuses(
    watching: Arc<Watching>,
    stopped: watch::Receiver<bool>,
    ear: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let told = watching.listen();
    unfold((told, stopped, watching, ear), |(mut told, mut stopped, watching, ear)| async move {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return None,
            changed = told.changed() => changed.ok()?,
        }
        let data = told.borrow_and_update().clone();
        Some((Ok(Event::default().event("status").data(data)), (told, stopped, watching, ear)))
    })
}

/// `GET /api/notifications`
pub async fn notifications(call: Call) -> Answer {
    Ok(notices(&call.api)?.into_response())
}

/// Everything that changes, as server-sent events.
pub fn notices(api: &Api) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Problem> {
    let ear = api.ears.for_notices()?;
    let told = told(api.site.notices.listen(), api.stopped.clone(), ear);
    Ok(Sse::new(told).keep_alive(KeepAlive::default()))
}

/// Everything that is told, until the stop and what was told before it.
fn told(
    told: broadcast::Receiver<Arc<Value>>,
    stopped: watch::Receiver<bool>,
    ear: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    unfold((told, stopped, ear), |(mut told, mut stopped, ear)| async move {
        let notice = tokio::select! {
            // What was told before the stop goes out before the end.
            biased;
            notice = told.recv() => notice,
            _ = stopped.wait_for(|stopped| *stopped) => return None,
        };
        let event = match notice {
            Ok(notice) => Event::default().data(notice.to_string()),
            Err(RecvError::Lagged(missed)) => Event::default().comment(format!("{missed} were missed")),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (told, stopped, ear)))
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use futures_util::StreamExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_was_told_before_the_stop_goes_out() {
        let (sender, told) = broadcast::channel(64);
        let (stop, stopped) = watch::channel(false);
        let ear = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let listening = super::told(told, stopped, ear);
        for n in 0..50 {
            sender.send(Arc::new(json!(n))).unwrap();
        }
        stop.send_replace(true);
        assert_eq!(listening.count().await, 50);
    }
}
