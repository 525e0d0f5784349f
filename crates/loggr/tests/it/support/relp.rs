//! A RELP sender that remembers everything: what it sent how often and what was answered.
//!
//! Written for the tests alone, over blocking sockets and without loggr's own protocol code,
//! so that a mistake there does not excuse itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{numbered_line, until};

/// Frames that may be unanswered on one connection, as librelp has it.
const WINDOW: usize = 128;
/// Between two tries to connect.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// An answer may take so long, and so may a connection, unless its test says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of one numbered line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// How often its frame was written.
    pub times: u32,
    /// The receiver answered 200.
    pub acked: bool,
}

/// A load of numbered lines over several connections.
pub struct RelpSender {
    address: SocketAddr,
    connections: u64,
    line: fn(u64) -> String,
    /// Lines a second of each connection; none: as fast as they go.
    pace: Option<u64>,
    patience: Duration,
    acked: AtomicU64,
    /// No new line is sent from now on.
    enough: AtomicBool,
}

impl RelpSender {
    /// Nothing is sent yet.
    pub fn new(address: SocketAddr, connections: u64) -> RelpSender {
        RelpSender::of(address, connections, numbered_line)
    }

    /// The same with other lines, each made of its number.
    pub fn of(address: SocketAddr, connections: u64, line: fn(u64) -> String) -> RelpSender {
        RelpSender {
            address,
            connections,
            line,
            pace: None,
            patience: PATIENCE,
            acked: AtomicU64::new(0),
            enough: AtomicBool::new(false),
        }
    }

    /// Sends at most so many lines a second, over all connections.
    pub fn paced(self, lines: u64) -> RelpSender {
        RelpSender { pace: Some(lines / self.connections), ..self }
    }

    /// Waits so long for an answer or a connection, where a receiver is meant to be held up.
    pub fn patient(self, seconds: u64) -> RelpSender {
        RelpSender { patience: Duration::from_secs(seconds), ..self }
    }

    /// Sends the lines `first..first + count` and returns when each is answered. A connection
    /// that breaks is made again, and what was unanswered on it is sent again.
    pub fn run(&self, first: u64, count: u64) -> BTreeMap<u64, Sent> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|c| {
                    scope.spawn(move || {
                        self.connection((first + c..first + count).step_by(self.connections as usize))
                    })
                })
                .collect();
            threads.into_iter().flat_map(|t| t.join().expect("no connection fails for good")).collect()
        })
    }

    /// How many lines were answered so far, over all connections.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Sends without end while `work` is done, however that ends. What became of each line,
    /// once the last is answered.
    pub fn during(&self, work: impl FnOnce(&Load<'_>)) -> BTreeMap<u64, Sent> {
        std::thread::scope(|scope| {
            let load = Load { sender: self, thread: scope.spawn(|| self.run(0, u64::MAX / 2)) };
            let enough = Enough(&self.enough);
            work(&load);
            drop(enough);
            load.thread.join().expect("no connection fails for good")
        })
    }

    fn connection(&self, numbers: impl Iterator<Item = u64>) -> BTreeMap<u64, Sent> {
        let mut sent: BTreeMap<u64, Sent> = BTreeMap::new();
        let mut numbers = numbers.peekable();
        let mut again: Vec<u64> = Vec::new();
        let mut broken_since: Option<Instant> = None;
        loop {
            let open = !self.enough.load(Ordering::Relaxed) && numbers.peek().is_some();
            if !open && again.is_empty() {
                return sent;
            }
            match self.session(&mut numbers, &mut again, &mut sent) {
                Ok(()) => broken_since = None,
                Err(Broken { progress, why }) => {
                    let since = *broken_since.get_or_insert_with(Instant::now);
                    if progress {
                        broken_since = None;
                    }
                    let patience = self.patience;
                    assert!(since.elapsed() < patience, "no connection for {patience:?}: {why}");
                    std::thread::sleep(RETRY_PAUSE);
                }
            }
        }
    }

    /// One connection, until all is sent and answered or it breaks; `again` then holds what
    /// was unanswered, in order.
    fn session(
        &self,
        numbers: &mut impl Iterator<Item = u64>,
        again: &mut Vec<u64>,
        sent: &mut BTreeMap<u64, Sent>,
    ) -> Result<(), Broken> {
        let mut progress = false;
        let mut waiting: BTreeMap<u64, u64> = BTreeMap::new(); // txnr -> number
        let mut todo = std::mem::take(again).into_iter();
        let mut work = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(self.patience))?;
            stream.set_write_timeout(Some(self.patience))?;
            let mut answers = BufReader::new(stream.try_clone()?);
            let offers = "relp_version=0\nrelp_software=loggr-test,1,http://localhost\ncommands=syslog";
            stream.write_all(format!("1 open {} {offers}\n", offers.len()).as_bytes())?;
            let (txnr, code) = answer(&mut answers)?;
            assert_eq!((txnr, code), (1, 200), "the answer to open");
            let mut txnr = 1;
            let begun = Instant::now();
            loop {
                let mut frames = String::new();
                while waiting.len() < WINDOW {
                    let fresh = || (!self.enough.load(Ordering::Relaxed)).then(|| numbers.next()).flatten();
                    let Some(number) = todo.next().or_else(fresh) else { break };
                    txnr += 1;
                    let line = (self.line)(number);
                    frames.push_str(&format!("{txnr} syslog {} {line}\n", line.len()));
                    // Counted before it is written: a frame that was cut off may have arrived.
                    sent.entry(number).or_default().times += 1;
                    waiting.insert(txnr, number);
                }
                if let Some(pace) = self.pace {
                    let due = Duration::from_secs_f64(txnr as f64 / pace as f64);
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                }
                stream.write_all(frames.as_bytes())?;
                if waiting.is_empty() {
                    stream.write_all(format!("{} close 0\n", txnr + 1).as_bytes())?;
                    return Ok(());
                }
                loop {
                    let (txnr, code) = answer(&mut answers)?;
                    let number = waiting
                        .remove(&txnr)
                        .unwrap_or_else(|| panic!("an answer to {txnr}, which is not open"));
                    assert_eq!(code, 200, "line {number} was refused: its sender would forget it");
                    sent.entry(number).or_default().acked = true;
                    self.acked.fetch_add(1, Ordering::Relaxed);
                    progress = true;
                    if answers.buffer().is_empty() || waiting.is_empty() {
                        break;
                    }
                }
            }
        };
        let result = work();
        *again = waiting.into_values().chain(todo).collect();
        again.sort_unstable();
        result.map_err(|why| Broken { progress, why })
    }
}

/// What is being sent.
pub struct Load<'s> {
    sender: &'s RelpSender,
    thread: std::thread::ScopedJoinHandle<'s, BTreeMap<u64, Sent>>,
}

impl Load<'_> {
    /// Waits until so many lines more are answered.
    #[track_caller]
    pub fn goes_on(&self, lines: u64) {
        let goal = self.sender.acked() + lines;
        until("the load goes on", 60, || self.sender.acked() >= goal || self.thread.is_finished());
        assert!(!self.thread.is_finished(), "a connection failed for good");
    }

    /// No new line is sent from now on; what is unanswered still is.
    pub fn enough(&self) {
        self.sender.enough.store(true, Ordering::Relaxed);
    }
}

/// Ends the load even where its test fails.
struct Enough<'s>(&'s AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A session that ended too early.
struct Broken {
    progress: bool,
    why: std::io::Error,
}

/// `TXNR rsp LEN CODE TEXT\n`: the number and the code. `serverclose` and an end are errors.
fn answer(reader: &mut impl BufRead) -> std::io::Result<(u64, u32)> {
    let bad = |what: &str| std::io::Error::other(format!("{what} instead of an answer"));
    let mut word = || -> std::io::Result<String> {
        let mut bytes = Vec::new();
        loop {
            let mut one = [0];
            reader.read_exact(&mut one)?;
            match one[0] {
                b' ' | b'\n' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                byte if bytes.len() < 40 => bytes.push(byte),
                _ => return Err(bad("a long word")),
            }
        }
    };
    let (txnr, command, length) = (word()?, word()?, word()?);
    if command != "rsp" {
        return Err(bad(&command));
    }
    let length: usize = length.parse().map_err(|_| bad(&length))?;
    let mut data = vec![0; length + 1];
    reader.read_exact(&mut data)?;
    let code = String::from_utf8_lossy(data.get(..3).unwrap_or_default()).into_owned();
    Ok((txnr.parse().map_err(|_| bad(&txnr))?, code.parse().map_err(|_| bad(&code))?))
}
