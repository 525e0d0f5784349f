//! Keeps one connection: when it is lost it is made again, with growing pauses, for ever.
//!
//! It is logged once when it is lost and once when it is back. Users of the connection look at its
//! state and wait for a change. Invariant: a connection that was lost is never used again, so
//! nothing of it (channels, delivery tags, confirms) can be taken for that of its successor.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use lapin::{Connection, Event};
use loggr_flow::Backoff;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connect::connect;
use super::error::{BrokerError, BrokerErrorKind};
use super::options::{BrokerAddress, RabbitOptions};

/// Pauses between tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that lasted this long was a good one, and the next pause is short again.
const GOOD_CONNECTION: Duration = Duration::from_secs(10);
/// How often the connection's own state is checked, in case the event of its end was missed.
const LOOK: Duration = Duration::from_millis(500);

/// The roles of connections. Publishing has a connection of its own, so that a broker that holds
/// back publishers does not hold back acknowledgements.
pub(super) const PUBLISH: &str = "publish";
pub(super) const CONSUME: &str = "consume";

/// How the connection stands.
#[derive(Clone, Debug)]
pub(super) enum LinkState {
    /// There is no connection; with the reason, if a try has failed.
    Down(Option<Arc<BrokerError>>),
    /// The connection works.
    Up(Up),
}

/// A connection that works.
#[derive(Clone, Debug)]
pub(super) struct Up {
    pub connection: Arc<Connection>,
    /// The address of the broker.
    pub address: Arc<str>,
    /// The broker takes no messages for now, and why.
    pub blocked: Option<Arc<str>>,
}

impl LinkState {
    /// Why nothing can be published now.
    pub fn trouble(&self) -> Option<Arc<BrokerError>> {
        match self {
            LinkState::Down(Some(error)) => Some(error.clone()),
            LinkState::Down(None) => Some(Arc::new(BrokerError::trouble("not connected to the broker yet"))),
            LinkState::Up(Up { blocked: Some(why), address, .. }) => {
                let what = format!("the broker `{address}` takes no messages for now");
                let error = BrokerError::trouble(what).because(why.to_string());
                Some(Arc::new(error.hint("it waits for memory or disk: see `rabbitmqctl list_alarms` there")))
            }
            LinkState::Up(Up { blocked: None, .. }) => None,
        }
    }
}

/// A kept connection. Clones share it; the last one closes it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    state: watch::Receiver<LinkState>,
    _keeper: Arc<Keeper>,
}

#[derive(Debug)]
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Keeps a connection for `role`, beginning with `first` if there is one.
    pub fn start(
        options: Arc<RabbitOptions>,
        role: &'static str,
        first: Option<(Connection, BrokerAddress)>,
    ) -> Link {
        let (state, watched) = watch::channel(LinkState::Down(None));
        let keeper = tokio::spawn(keep(options, role, first, state));
        Link { state: watched, _keeper: Arc::new(Keeper(keeper)) }
    }

    /// The state now.
    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// Whether no try to connect has ended yet.
    pub fn is_new(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Down(None))
    }

    /// Resolves when the state has changed since it was last looked at through this clone.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for a connection.
    pub async fn up(&mut self) -> Up {
        loop {
            if let LinkState::Up(up) = &*self.state.borrow_and_update() {
                return up.clone();
            }
            self.changed().await;
        }
    }

    /// Waits for a connection on which the broker takes messages.
    pub async fn open(&mut self) -> Up {
        loop {
            if let LinkState::Up(up) = &*self.state.borrow_and_update()
                && up.blocked.is_none()
            {
                return up.clone();
            }
            self.changed().await;
        }
    }
}

/// The connections of a process: each is made when it is first needed.
#[derive(Debug)]
pub(super) struct Links {
    options: Arc<RabbitOptions>,
    /// The connection that was used to check the broker at the start; the first user takes it.
    first: Mutex<Option<(Connection, BrokerAddress)>>,
    publishing: OnceLock<Link>,
    consuming: OnceLock<Link>,
}

impl Links {
    /// No connections yet, except `first`.
    pub fn new(options: Arc<RabbitOptions>, first: Option<(Connection, BrokerAddress)>) -> Links {
        Links { options, first: Mutex::new(first), publishing: OnceLock::new(), consuming: OnceLock::new() }
    }

    /// The connection for publishing.
    pub fn publishing(&self) -> &Link {
        self.publishing.get_or_init(|| self.start(PUBLISH))
    }

    /// The connection for consuming.
    pub fn consuming(&self) -> &Link {
        self.consuming.get_or_init(|| self.start(CONSUME))
    }

    /// The connections in use, the one for publishing first.
    pub fn in_use(&self) -> impl Iterator<Item = &Link> {
        self.publishing.get().into_iter().chain(self.consuming.get())
    }

    /// A connection that works, if there is one.
    pub fn working(&self) -> Option<Up> {
        self.in_use().find_map(|link| match link.state() {
            LinkState::Up(up) => Some(up),
            LinkState::Down(_) => None,
        })
    }

    fn start(&self, role: &'static str) -> Link {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        Link::start(self.options.clone(), role, first)
    }
}

async fn keep(
    options: Arc<RabbitOptions>,
    role: &'static str,
    mut first: Option<(Connection, BrokerAddress)>,
    state: watch::Sender<LinkState>,
) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, seed());
    // The last reason that was logged for the missing connection.
    let mut trouble: Option<String> = None;
    loop {
        let made = match first.take() {
            Some(made) => Ok(made),
            None => connect(&options, role).await,
        };
        let error = match made {
            Ok((connection, address)) => {
                let address = address.to_string();
                if trouble.take().is_some() {
                    tracing::info!(broker = address, role, "connected to the broker again");
                } else {
                    tracing::debug!(broker = address, role, "connected to the broker");
                }
                let begun = tokio::time::Instant::now();
                let error = last(connection, &address, &state).await;
                if begun.elapsed() >= GOOD_CONNECTION {
                    backoff.reset();
                }
                error
            }
            Err(error) => error,
        };
        // Logged once when the connection is lost, and again only if somebody has to do something
        // about it.
        let (kind, text) = (error.kind(), error.chain());
        let news = match &trouble {
            None => true,
            Some(before) => kind == BrokerErrorKind::Refused && *before != text,
        };
        if news {
            let hint = error.advice().unwrap_or("it is tried again until it works");
            tracing::error!(role, error = text, hint, "no connection to the broker");
            trouble = Some(text);
        }
        state.send_replace(LinkState::Down(Some(Arc::new(error))));
        tokio::time::sleep(backoff.wait()).await;
    }
}

/// Runs as long as the connection lasts; gives the reason of its end.
async fn last(connection: Connection, address: &str, state: &watch::Sender<LinkState>) -> BrokerError {
    let mut events = Box::pin(connection.events_listener());
    let (connection, address) = (Arc::new(connection), Arc::<str>::from(address));
    let up =
        |blocked| LinkState::Up(Up { connection: connection.clone(), address: address.clone(), blocked });
    state.send_replace(up(None));
    let mut why = None;
    loop {
        match tokio::time::timeout(LOOK, next(&mut events)).await {
            Ok(Some(Event::ConnectionBlocked(reason))) => {
                let reason = Arc::<str>::from(reason);
                tracing::warn!(broker = %address, %reason, "the broker takes no messages for now");
                state.send_replace(up(Some(reason)));
            }
            Ok(Some(Event::ConnectionUnblocked)) => {
                tracing::info!(broker = %address, "the broker takes messages again");
                state.send_replace(up(None));
            }
            // The error may be one of a channel; the state below decides.
            Ok(Some(Event::Error(error))) => why = Some(error),
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => tokio::time::sleep(LOOK).await,
        }
        if !connection.status().connected() {
            let error = BrokerError::trouble(format!("the connection to the broker `{address}` was lost"));
            return match why {
                Some(why) => error.because(why.to_string()),
                None => error,
            };
        }
    }
}

async fn next(events: &mut (impl Stream<Item = Event> + Unpin)) -> Option<Event> {
    events.next().await
}

/// A seed for the pauses, so that many processes that lost the same broker do not come back
/// together.
pub(super) fn seed() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness the pauses are the same everywhere, which does no harm here.
    if getrandom::fill(&mut bytes).is_err() {
        return u64::from(std::process::id());
    }
    u64::from_le_bytes(bytes)
}
