//! The heartbeat: a process writes its status to Redis again and again, and removes itself when it
//! stops.
//!
//! If Redis is away, the only effect is one log line when it goes and one when it is back.

use std::sync::Arc;
use std::time::Duration;

use loggr_flow::{Backoff, Stop};

use super::Registry;
use super::redis::{Failed, RedisStore};
use crate::status::Status;

/// First pause after a failed try; it doubles up to the interval of the heartbeat.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a process that stops waits for Redis.
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
    // The hint that was logged while Redis is away.
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
        // If this fails, the entry ends with its time to live.
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
