//! Notices: changes in an installation, sent to everybody who listens at the moment.
//!
//! Notices are neither logged nor events: they are not kept, and a slow listener misses some.
//! Invariant: sending a notice never waits.

use std::sync::Arc;
use std::time::Duration;

use loggr_bus::rabbit::{Bulletin, RabbitOptions};
use loggr_event::Timestamp;
use loggr_flow::Stop;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use crate::status::{Identity, Troubles};

/// How many notices a slow listener may be behind.
const BACKLOG: usize = 256;
/// How often troubles are looked for; a shorter one gives no notice.
const LOOK: Duration = Duration::from_secs(1);

/// A change in the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The time of the change.
    pub time: Timestamp,
    /// The kind of change: `process.started`, `ship.failing`, …; also the routing key.
    pub kind: String,
    /// The name of the listener, machine or shipper that changed.
    pub subject: Option<String>,
    /// More about it in words.
    pub text: Option<String>,
}

/// Sends the notices of one process.
#[derive(Clone, Debug)]
pub struct Notices {
    /// The identity of the process: id, host, component and name.
    process: Arc<Value>,
    sender: broadcast::Sender<Arc<Value>>,
}

impl Notices {
    /// The notices of the process with this identity.
    pub fn new(process: &Identity) -> Notices {
        let process = serde_json::to_value(process).unwrap_or_default();
        Notices { process: Arc::new(process), sender: broadcast::channel(BACKLOG).0 }
    }

    /// Sends a notice to everybody who listens.
    pub fn tell(&self, notice: &Notice) {
        let mut time = Vec::new();
        notice.time.write_rfc3339(&mut time);
        let value = json!({
            "time": String::from_utf8_lossy(&time), "notice": notice.kind, "subject": notice.subject,
            "text": notice.text, "process": *self.process,
        });
        self.pass_on(Arc::new(value));
    }

    /// Passes on a notice of another process.
    pub fn pass_on(&self, notice: Arc<Value>) {
        // An error only means that nobody listens.
        drop(self.sender.send(notice));
    }

    /// All notices from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Value>> {
        self.sender.subscribe()
    }
}

/// Sends the notices of this process over the broker from now on, and, if it `hears`, passes on
/// those of other processes, until draining begins and earlier notices are sent.
pub fn exchange(
    notices: Notices,
    broker: RabbitOptions,
    hears: bool,
    stop: Stop,
) -> impl Future<Output = ()> + Send {
    let told = notices.listen();
    carry(notices, told, broker, hears, stop)
}

async fn carry(
    notices: Notices,
    mut told: broadcast::Receiver<Arc<Value>>,
    broker: RabbitOptions,
    hears: bool,
    mut stop: Stop,
) {
    let own = notices.process["id"].clone();
    let (heard, mut others) = mpsc::channel(BACKLOG);
    let bulletin = Bulletin::start(broker, hears.then_some(heard));
    let tell = |notice: &Value| {
        if notice["process"]["id"] == own {
            bulletin.tell(notice["notice"].as_str().unwrap_or_default(), notice.to_string());
        }
    };
    loop {
        tokio::select! {
            notice = told.recv() => match notice {
                Ok(notice) => tell(&notice),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            Some(text) = others.recv() => match serde_json::from_slice::<Value>(&text) {
                Ok(notice) if notice.is_object() && notice["process"]["id"] != own => {
                    notices.pass_on(Arc::new(notice));
                }
                // Our own notices come back to us; other messages are ignored.
                _ => {}
            },
            () = stop.drain() => break,
        }
    }
    while let Ok(notice) = told.try_recv() {
        tell(&notice);
    }
    bulletin.finish(LOOK).await;
}

/// Sends a notice for every trouble that comes or goes, until draining begins. `look` may read from
/// disk.
pub async fn watch<F>(notices: Notices, look: F, mut stop: Stop)
where
    F: Fn() -> Troubles + Send + Sync + 'static,
{
    let look = Arc::new(look);
    let mut before = Troubles::new();
    loop {
        let of = look.clone();
        // A look that panicked has been logged by the panic itself.
        if let Ok(now) = tokio::task::spawn_blocking(move || of()).await {
            for notice in changes(&before, &now, crate::process::clock::now()) {
                notices.tell(&notice);
            }
            before = now;
        }
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn changes(before: &Troubles, now: &Troubles, time: Timestamp) -> Vec<Notice> {
    let mut notices = Vec::new();
    for ((kind, name), trouble) in now {
        let known = before.get(&(*kind, name.clone())).and_then(Option::as_ref);
        let word = match (known, trouble) {
            (None, Some(_)) => "failing",
            (Some(_), None) => "recovered",
            _ => continue,
        };
        notices.push(Notice {
            time,
            kind: format!("{kind}.{word}"),
            subject: Some(name.clone()),
            text: trouble.clone(),
        });
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(all: &[(&str, Option<&str>)]) -> Troubles {
        all.iter().map(|(name, text)| (("ship", (*name).to_owned()), text.map(str::to_owned))).collect()
    }

    #[track_caller]
    fn check(before: &[(&str, Option<&str>)], now: &[(&str, Option<&str>)], expect: &[&str]) {
        let told: Vec<String> = changes(&troubles(before), &troubles(now), Timestamp::from_unix_micros(0))
            .into_iter()
            .map(|n| format!("{} {} {}", n.kind, n.subject.unwrap_or_default(), n.text.unwrap_or_default()))
            .collect();
        assert_eq!(told, expect);
    }

    #[test]
    fn troubles_are_told_when_they_come_and_when_they_go() {
        check(&[], &[("a", None)], &[]);
        check(&[("a", None)], &[("a", Some("disk full"))], &["ship.failing a disk full"]);
        check(&[], &[("a", Some("x")), ("b", None)], &["ship.failing a x"]);
        check(&[("a", Some("x"))], &[("a", Some("y"))], &[]);
        check(
            &[("a", Some("x")), ("b", Some("x"))],
            &[("a", None), ("b", Some("x"))],
            &["ship.recovered a "],
        );
    }

    #[tokio::test]
    async fn a_look_that_takes_long_stops_nobody_else() {
        let (stopper, stop) = loggr_flow::Stopper::new();
        let notices = Notices::new(&Identity { id: "h:server:/d".to_owned(), ..Identity::default() });
        let mut heard = notices.listen();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let look = move || {
            // Until the test goes on, on the only thread that drives tasks.
            wait.lock().unwrap().recv().ok();
            troubles(&[("a", Some("disk full"))])
        };
        let watching = tokio::spawn(watch(notices, look, stop));
        tokio::task::yield_now().await;
        drop(go);
        assert_eq!(heard.recv().await.unwrap()["notice"], "ship.failing");
        stopper.drain();
        watching.await.unwrap();
    }

    #[tokio::test]
    async fn who_listens_hears_and_nobody_is_no_error() {
        let notices = Notices::new(&Identity { id: "h:server:/d".to_owned(), ..Identity::default() });
        let notice = Notice {
            time: Timestamp::from_unix_micros(0),
            kind: "process.started".to_owned(),
            subject: None,
            text: None,
        };
        notices.tell(&notice);
        let mut heard = notices.listen();
        notices.tell(&notice);
        let value = heard.recv().await.unwrap();
        assert_eq!(value["notice"], "process.started");
        assert_eq!(value["process"]["id"], "h:server:/d");
        assert_eq!(value["time"], "1970-01-01T00:00:00.000000Z");
        assert!(heard.try_recv().is_err());
    }
}
