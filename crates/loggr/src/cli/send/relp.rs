//! One RELP connection of `loggr send`, made again when it is lost.
//!
//! What is spoken, and what goes again, is `loggr_wire`'s; here are the blocking socket, the pace and the
//! counting.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use loggr_event::counted;
use loggr_flow::Backoff;
use loggr_net::tls::is_alert;
use loggr_wire::relp::{ClientConfig, ClientState, SendError, Sender};

use super::job::{Job, Pacer, WRITE_BYTES};
use super::resume::Mark;
use super::stream::{Refused, Stream, is_timeout, told};

/// How long a receiver may leave a full window unanswered before the session is
/// given up; what deployed senders wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a receiver may take to answer to `open`, which it can at once.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// What is said where the receiver has gone.
const CLOSED: &str = "the receiver closed the connection";

/// Sends until the lines end. Gives the microseconds from sending to answer of each line.
pub fn send(job: &Job, address: &str) -> Result<Vec<u32>> {
    let config = ClientConfig { window_frames: job.window, ..ClientConfig::default() };
    let sender = Sender::new(config);
    let mut relp = Relp { job, sender, begun: None, latencies: Vec::new(), spare: Vec::new() };
    let mut backoff = Backoff::default();
    let mut lost: Option<Instant> = None;
    loop {
        let before = relp.latencies.len();
        if job.is_off() {
            return Ok(relp.latencies);
        }
        let connected = Stream::connect(address, job.tls.as_ref());
        let error = match connected.and_then(|stream| relp.run(stream, address)) {
            Ok(()) => return Ok(relp.latencies),
            Err(error) => error,
        };
        if relp.latencies.len() > before {
            lost = None;
            backoff.reset();
        }
        let resent = relp.sender.lose() as u64;
        let left = job.retry.saturating_sub(lost.get_or_insert_with(Instant::now).elapsed());
        if error.is::<Refused>() {
            return Err(error);
        }
        // The summary says what has no answer.
        if job.interrupt.is_asked() {
            return Ok(relp.latencies);
        }
        if left.is_zero() {
            let left = counted(relp.sender.unanswered(), "line");
            return Err(error.context(format!("gave up on `{address}`; not acknowledged: {left}")));
        }
        job.progress.resent.fetch_add(resent, Ordering::Relaxed);
        job.progress.lost(&error, left);
        std::thread::sleep(backoff.wait().min(left));
    }
}

/// A line, by what its answer is noted, and when it was sent last.
struct Sent {
    line: Vec<u8>,
    mark: Mark,
    at: Instant,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.line
    }
}

struct Relp<'j> {
    job: &'j Job,
    sender: Sender<Sent>,
    /// When all connections stood.
    begun: Option<Instant>,
    latencies: Vec<u32>,
    spare: Vec<Vec<u8>>,
}

impl Relp<'_> {
    /// One session, from `open` to `close`. `Ok` when everything is answered.
    fn run(&mut self, mut stream: Stream, address: &str) -> Result<()> {
        stream.socket().set_read_timeout(Some(OPEN_TIMEOUT))?;
        self.sender.connect();
        let mut buffer = vec![0; WRITE_BYTES];
        let mut pacer = None;
        let (mut more, mut is_first) = (true, true);
        loop {
            let mut early = None;
            // The receiver has answered to `open`: this connection stands.
            if pacer.is_none() && self.sender.can_send() {
                pacer = self.begin();
                more &= pacer.is_some();
            }
            while let Some(pacer) = &mut pacer
                && more
                && self.sender.can_send()
                && self.sender.output().len() < WRITE_BYTES
            {
                early = pacer.early();
                if early.is_some() {
                    break;
                }
                more = self.take()?;
                if more {
                    pacer.sent();
                }
            }
            let done = !more && self.sender.unanswered() == 0;
            if done || self.sender.needs_reconnect() {
                self.sender.close();
            }
            let n = self.sender.output().len();
            if let Err(error) = stream.write_all(self.sender.output()) {
                return Err(stream.last_words(address, told(address, error, CLOSED)));
            }
            self.sender.consume_output(n);
            if done {
                // Every line was answered: how the receiver goes away does not matter.
                drop(stream.finish());
                return Ok(());
            }
            if let Some(wait) = early {
                // Answers are read while waiting for the next line's time.
                stream.socket().set_read_timeout(Some(wait))?;
            }
            match stream.read(&mut buffer) {
                Ok(0) => bail!(CLOSED),
                Ok(n) => {
                    let bytes = buffer.get(..n).unwrap_or_default();
                    if std::mem::take(&mut is_first) {
                        stream.socket().set_read_timeout(Some(ANSWER_TIMEOUT))?;
                        if self.job.tls.is_none() && is_alert(bytes) {
                            return Err(Refused::speaks_tls(address).into());
                        }
                        // Only one who answers lets us in.
                        self.job.progress.found();
                    }
                    self.answers(bytes)?;
                }
                Err(error) if early.is_some() && is_timeout(&error) => {}
                Err(error) if is_timeout(&error) => {
                    let (seconds, hint) = match is_first {
                        true => (OPEN_TIMEOUT.as_secs(), "; does it speak RELP?"),
                        false => (ANSWER_TIMEOUT.as_secs(), ""),
                    };
                    bail!("the receiver has answered nothing for {seconds} s{hint}");
                }
                Err(error) => return Err(stream.last_words(address, told(address, error, CLOSED))),
            }
            if early.is_some() {
                stream.socket().set_read_timeout(Some(ANSWER_TIMEOUT))?;
            }
            if self.sender.state() == ClientState::Closed {
                bail!("the receiver ended the session");
            }
        }
    }

    /// When lines may leave: when all connections stand, or at once where they stood before. `None` where one
    /// of them never will.
    fn begin(&mut self) -> Option<Pacer> {
        let known = self.begun;
        let begun = known.or_else(|| self.job.place.stands())?;
        self.begun = Some(begun);
        let first = known.map_or_else(|| self.job.place.first(begun, self.job.pace), |_| Instant::now());
        Some(Pacer::new(self.job.pace, first))
    }

    /// Sends one line, or sets it aside as refused; false when there is none. There is room for it.
    fn take(&mut self) -> Result<bool> {
        let (line, mark) = match self.sender.again() {
            Some(again) => (again.line, again.mark),
            None => {
                let mut line = self.spare.pop().unwrap_or_default();
                let Some(mark) = self.job.lines.next(&mut line)? else { return Ok(false) };
                self.job.progress.sent.fetch_add(1, Ordering::Relaxed);
                self.job.progress.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
                (line, mark)
            }
        };
        match self.sender.send(Sent { line, mark, at: Instant::now() }) {
            Ok(()) => {}
            Err((error @ SendError::TooLong { .. }, sent)) => {
                self.job.progress.refuse(|| error.to_string());
                self.job.lines.answered([sent.mark]);
            }
            Err((error, sent)) => {
                self.sender.keep(sent);
                return Err(error.into());
            }
        }
        Ok(true)
    }

    fn answers(&mut self, bytes: &[u8]) -> Result<()> {
        let now = Instant::now();
        let Relp { job, sender, latencies, spare, .. } = self;
        let (mut acked, mut marks) = (0, Vec::new());
        let fed = sender.feed(bytes, |done, answer| {
            marks.push(done.mark);
            if answer.is_ok() {
                acked += 1;
                let waited = now.saturating_duration_since(done.at).as_micros();
                latencies.push(u32::try_from(waited).unwrap_or(u32::MAX));
            } else {
                // The session goes on: the others are not this line's matter.
                let said = || String::from_utf8_lossy(answer.text);
                job.progress.refuse(|| format!("the receiver refused a line: {} {}", answer.code, said()));
            }
            spare.push(done.line);
        });
        job.progress.acked.fetch_add(acked, Ordering::Relaxed);
        job.lines.answered(marks);
        Ok(fed?)
    }
}
