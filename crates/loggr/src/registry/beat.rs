//! The heartbeat: a process tells Redis how it is, again and again, and takes its leave
//! when it stops.
//!
//! Redis away has no effect but one log line when it goes and one when it is back.

use std::sync::Arc;
use std::time::Duration;

use loggr_flow::{Backoff, Stop};

use super::Registry;
use super::redis::{Failed, RedisStore};
use crate::status::Status;

/// First pause after a failed try; it doubles up to the interval of the heartbeat.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A process that stops does not wait longer for Redis.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs until draining begins. `status` may read from disk.
pub async fn beat<F>(registry: Arc<Registry>, status: F, mut stop: Stop)
where
    F: Fn() -> Status + Send + Sync + 'static,
{
    let Some(redis) = &registry.redis else { return };
    let status = Arc::new(status);
    let interval = redis.interval();
    let mut pause = Backoff::new(FIRST_PAUSE.min(interval), interval, u64::from(std::process::id()));
    // What the operator was told to do about it.
    let mut away: Option<Option<&'static str>> = None;
    let mut id = String::new();
    loop {
        let wait = match speak(redis, &status, &mut id).await {
            Ok(()) => {
                if away.take().is_some() {
                    tracing::info!(server = redis.server(), "the registry is reachable again");
                }
                pause.reset();
                interval
            }
            Err(failed) => {
                if away != Some(failed.hint) {
                    let hint = failed.hint.unwrap_or("events are not affected, but `loggr status` does not show the processes of other hosts");
                    tracing::error!(error = %failed, hint, "the registry cannot be used; trying again");
                }
                away = Some(failed.hint);
                pause.wait()
            }
        };
        tokio::select! {
            () = stop.drain() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    if away.is_none() {
        // Without it the time to live ends what is left of us.
        drop(tokio::time::timeout(LEAVE_TIMEOUT, redis.remove(&id)).await);
    }
}

async fn speak<F>(redis: &RedisStore, status: &Arc<F>, id: &mut String) -> Result<(), Failed>
where
    F: Fn() -> Status + Send + Sync + 'static,
{
    let status = status.clone();
    let Ok(status) = tokio::task::spawn_blocking(move || status()).await else { return Ok(()) };
    id.clear();
    id.push_str(&status.identity.id);
    redis.write(&status).await
}
