//! Uploads: a file that somebody sends becomes events, as if a listener had read its lines.
//!
//! A file comes in pieces ([`Upload::feed`]), a thread looks at it and cuts it into lines (`reading`), and
//! what the bus holds durably of it is told ([`Upload::told`]). Not HTTP, and not what may be sent by
//! whom. Invariants: nothing is told as taken before it is on disk; of a file that is no log nothing is
//! taken; the last line of a file that did not come whole is not taken.

mod reading;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use loggr_bus::Publisher;
use loggr_event::{Assumed, InputFormat, Origin, Transport, UidGenerator, counted};
use loggr_flow::{Outcome, Phase, Settlements, Stop, channel_source, window};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinError;

pub use super::content::Packing;
use reading::{Job, Piece};

use super::connection::CONNECTION_WINDOW;
use super::intake::Intake;
use super::stats::ListenerStats;
use crate::config::UPLOAD;
use crate::seal::Sealing;

/// Files that may be on their way at one time; each user sends one.
pub const MAX_AT_ONCE: usize = 8;
/// The largest file in bytes, unpacked.
pub const MAX_FILE_BYTES: u64 = 64 << 30;
/// The longest line in bytes; a longer one is cut, and its event notes how long it was.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Pieces of a file that wait to be read.
const WAITING_PIECES: usize = 4;
/// A piece has to come within this time, when one is asked for.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long what comes behind the end is read on, and how much of it: who is still sending reads its
/// answer only then.
const LINGER: Duration = Duration::from_secs(20);
const LINGER_BYTES: u64 = 256 << 20;

/// Why the queue does not take lines while loggr goes on.
const GAVE_BACK: &str = "it gave some of them back";

/// What takes files.
#[derive(Debug)]
pub struct Uploads {
    /// What has come of them.
    pub stats: Arc<ListenerStats>,
    /// Where their lines can go: exchanges, the usual one first.
    ways: Vec<(String, Publisher)>,
    uids: Arc<UidGenerator>,
    stop: Stop,
    /// The zone of stamps that carry none, if nobody says it.
    timezone: String,
    places: Arc<Semaphore>,
    /// Who is sending a file.
    busy: Arc<Mutex<HashSet<String>>>,
}

/// What is said of a file that is going to be sent.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Who sends it.
    pub user: String,
    /// From where.
    pub from: Option<IpAddr>,
    /// What it is called.
    pub file: String,
    /// Where its lines go; the usual exchange if nobody says it.
    pub exchange: Option<String>,
    /// What its lines look like.
    pub format: InputFormat,
    /// The zone of stamps that carry none, if somebody says it.
    pub timezone: Option<String>,
    /// What holds for lines that do not say it themselves.
    pub assumed: Assumed,
    /// So many lines at its beginning were taken before.
    pub skip: u64,
    /// How it is packed for the way, if somebody says it.
    pub packing: Option<Packing>,
}

/// Why a file is not taken at all.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user is sending one.
    Busy,
    /// Too many are on their way.
    Crowded,
    /// There is no such exchange for them; these there are.
    NoExchange(Vec<String>),
    /// loggr stops.
    Stops,
}

/// How much of a file the bus holds durably.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Lines that have become events.
    pub lines: u64,
    /// Bytes of the unpacked file in which they stood.
    pub bytes: u64,
    /// Lines that were cut to the longest length.
    pub cut: u64,
}

/// How far a file has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing of it was taken, and it is not known yet whether it is a log.
    #[default]
    Looked,
    /// It is being taken.
    Taking,
    /// It was taken whole.
    Whole,
    /// It was not, or not whole.
    Ended(Ended),
}

/// Why a file was not taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is no log: this is what it is.
    NoLog(String),
    /// It is larger than [`MAX_FILE_BYTES`].
    TooLarge,
    /// What it is packed in is damaged: lines that came of it may be wrong.
    Damaged(String),
    /// What it is packed in ends in its middle.
    CutOff,
    /// It has so many lines, and more are to be left out.
    Shorter(u64),
    /// Its sender has gone, or sent nothing for too long.
    Broken(&'static str),
    /// The queue did not take all of its lines, and why.
    NotTaken(&'static str),
    /// loggr stops.
    Stops,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::NoLog(what) => write!(f, "the file is no log: {what}"),
            Ended::TooLarge => write!(f, "the file has more than {MAX_FILE_BYTES} bytes when it is unpacked"),
            Ended::Damaged(why) => write!(f, "the file is packed and damaged: {why}"),
            Ended::CutOff => f.write_str("the file is packed and ends in its middle"),
            Ended::Shorter(lines) => {
                let lines = counted(*lines, "line");
                write!(f, "the file has only {lines}, and `skip` leaves out more")
            }
            Ended::Broken(why) => write!(f, "the file did not come whole: {why}"),
            Ended::NotTaken(why) => write!(f, "the queue did not take all lines of the file: {why}"),
            Ended::Stops => f.write_str("loggr stops"),
        }
    }
}

/// How far, and how much.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How far it has come.
    pub state: State,
    /// What is durable of it.
    pub taken: Taken,
    /// Lines at its beginning that were left out.
    pub skipped: u64,
}

impl Told {
    /// Nothing more will be told.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Whole | State::Ended(_))
    }
}

/// A file that is on its way.
#[derive(Debug)]
pub struct Upload {
    /// How far it has come.
    pub told: watch::Receiver<Told>,
    pieces: mpsc::Sender<Piece>,
    stop: Stop,
}

impl Uploads {
    /// Over these ways; where there is none, nothing can be uploaded. `sealing`: what is done with seals.
    pub fn new(
        ways: Vec<(String, Publisher)>,
        uids: Arc<UidGenerator>,
        timezone: String,
        sealing: Option<Arc<Sealing>>,
        stop: Stop,
    ) -> Option<Uploads> {
        let stats = ListenerStats::new(UPLOAD, Transport::Upload.keyword());
        let stats = Arc::new(ListenerStats { sealing, ..stats });
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        let is_some = !ways.is_empty();
        is_some.then(|| Uploads { stats, ways, uids, stop, timezone, places, busy: Arc::default() })
    }

    /// Takes a file that is going to be sent. To be called in the runtime.
    ///
    /// # Errors
    /// It is not taken, and why.
    pub fn begin(&self, plan: Plan) -> Result<Upload, Refused> {
        if self.stop.phase() > Phase::Run {
            return Err(Refused::Stops);
        }
        let publisher = self.way(plan.exchange.as_deref())?.clone();
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refused::Crowded)?;
        let turn = Turn::take(&self.busy, &plan.user).ok_or(Refused::Busy)?;
        let intake = Arc::new(Intake {
            origin: self.origin(&plan),
            max_message_size: MAX_LINE_BYTES,
            allowed: Box::new(|_| true),
            trusted: Box::new(|_| false),
            publisher,
            uids: self.uids.clone(),
            stats: self.stats.clone(),
            rescue: None,
        });
        self.stats.connections.add(1);
        self.stats.connections_total.add(1);
        let (pieces, waiting) = mpsc::channel(WAITING_PIECES);
        let (tell, told) = watch::channel(Told { skipped: plan.skip, ..Told::default() });
        let (deliveries, source) = channel_source(CONNECTION_WINDOW);
        let pump = tokio::spawn(intake.pump(source, self.stop.clone()));
        let (window, settlements) = window(CONNECTION_WINDOW);
        let job = Job { intake, window, deliveries, skip: plan.skip, packing: plan.packing };
        let said = tell.clone();
        let reading = tokio::task::spawn_blocking(move || {
            reading::read(waiting, job, || said.send_modify(|told| told.state = State::Taking))
        });
        let (stats, stop) = (self.stats.clone(), self.stop.clone());
        tokio::spawn(async move {
            let is_whole = settle(settlements, &tell).await;
            let read = reading.await;
            // Only then are its batches out of the way of a stop.
            let pumped = pump.await;
            let ended = match read {
                Ok(Ok(())) if is_whole => State::Whole,
                Ok(Ok(()) | Err(Ended::NotTaken(_))) => State::Ended(not_taken(&pumped, stop.phase())),
                Ok(Err(ended)) => State::Ended(ended),
                Err(_) => State::Ended(Ended::Broken("reading it failed because of a bug of loggr")),
            };
            stats.connections.sub(1);
            drop(turn);
            tell.send_modify(|told| told.state = ended);
            drop(place);
        });
        Ok(Upload { told, pieces, stop: self.stop.clone() })
    }

    /// Takes nothing new; resolves when nothing is on its way any more.
    pub async fn drained(&self) {
        let all = u32::try_from(MAX_AT_ONCE).unwrap_or(u32::MAX);
        let all = self.places.acquire_many(all).await;
        self.places.close();
        drop(all);
    }

    fn way(&self, exchange: Option<&str>) -> Result<&Publisher, Refused> {
        let way = self.ways.iter().find(|(name, _)| exchange.is_none_or(|exchange| exchange == name));
        let known = || self.ways.iter().map(|(name, _)| name.clone()).collect();
        way.map(|(_, publisher)| publisher).ok_or_else(|| Refused::NoExchange(known()))
    }

    fn origin(&self, plan: &Plan) -> Origin {
        let from = plan.from.map(|from| format!("@{from}")).unwrap_or_default();
        let nothing = plan.assumed == Assumed::default();
        Origin {
            listener: UPLOAD.to_owned(),
            transport: Transport::Upload,
            peer: format!("{}{from} {}", plan.user, plan.file),
            format: plan.format,
            timezone: plan.timezone.clone().unwrap_or_else(|| self.timezone.clone()),
            assumed: (!nothing).then(|| Box::new(plan.assumed.clone())),
            ..Origin::default()
        }
    }
}

/// Why not all lines were taken, where nothing is wrong with the file.
fn not_taken(pumped: &Result<(), JoinError>, phase: Phase) -> Ended {
    match (pumped, phase) {
        (Err(_), _) => Ended::NotTaken("taking them failed because of a bug of loggr, and its log says more"),
        (Ok(()), Phase::Run) => Ended::NotTaken(GAVE_BACK),
        (Ok(()), _) => Ended::Stops,
    }
}

/// Tells what has become durable, until everything is settled. False when something was not: what
/// became durable behind it does not count, for the file counts from its beginning.
async fn settle(mut settlements: Settlements<Taken>, tell: &watch::Sender<Told>) -> bool {
    let mut is_whole = true;
    while let Some((taken, outcome)) = settlements.next().await {
        is_whole &= matches!(outcome, Outcome::Ack(_));
        if is_whole {
            tell.send_modify(|told| told.taken = taken);
        }
    }
    is_whole
}

impl Upload {
    /// Takes the pieces of the file from its sender, until its end, or until nobody wants them any more.
    pub async fn feed<E>(mut self, mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
        loop {
            let piece = tokio::select! {
                biased;
                () = self.stop.drain() => Piece::Broken(Ended::Stops),
                next = tokio::time::timeout(PIECE_TIMEOUT, body.next()) => match next {
                    Ok(Some(Ok(bytes))) => Piece::Bytes(bytes),
                    Ok(Some(Err(_))) => Piece::Broken(Ended::Broken("the connection broke")),
                    Ok(None) => Piece::End,
                    Err(_) => Piece::Broken(Ended::Broken("nothing came for a minute")),
                },
            };
            let is_last = !matches!(piece, Piece::Bytes(_));
            // While the bus takes nothing, nothing is read, and the sender has to wait.
            if self.pieces.send(piece).await.is_err() || is_last {
                break;
            }
        }
        drop(self.pieces);
        if self.stop.phase() > Phase::Run {
            return;
        }
        linger(body).await;
    }
}

/// Reads on for a while what nobody wants, so that who is still sending gets to its answer.
pub async fn linger<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let rest = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    drop(tokio::time::timeout(LINGER, rest).await);
}

/// The right of a user to send a file; it is given back when it is dropped.
struct Turn {
    busy: Arc<Mutex<HashSet<String>>>,
    user: String,
}

impl Turn {
    fn take(busy: &Arc<Mutex<HashSet<String>>>, user: &str) -> Option<Turn> {
        let is_new = busy.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned());
        is_new.then(|| Turn { busy: busy.clone(), user: user.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_not_taken_has_its_true_cause() {
        let fine = || async { tokio::spawn(async {}).await };
        let panicked = tokio::spawn(async { panic!("as a bug would") }).await;
        assert_eq!(not_taken(&fine().await, Phase::Drain), Ended::Stops);
        assert_eq!(not_taken(&fine().await, Phase::Run), Ended::NotTaken(GAVE_BACK));
        for phase in [Phase::Run, Phase::Drain] {
            let ended = not_taken(&panicked, phase);
            assert!(ended.to_string().contains("a bug of loggr"), "{ended}");
        }
    }
}
