//! One connection of `loggr send`: blocking sockets, one thread each.
//!
//! RELP keeps what is not answered and sends it again after a reconnection; the
//! other protocols have no answers.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use loggr_flow::Backoff;
use loggr_net::bind::Reach;
use loggr_wire::framing::{write_lf, write_octet_counted};
use loggr_wire::relp::{Client, ClientConfig, ClientState, SendError};

use super::lines::Lines;
use super::{Framing, Progress};
use crate::hint::Advise;

/// Bytes gathered before a write on a stream.
const WRITE_BYTES: usize = 64 << 10;
/// How long a receiver may leave a full window unanswered before the session is
/// given up; what deployed senders wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// Where to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// RELP over TCP.
    Relp(String),
    /// Framed syslog over TCP.
    Tcp(String),
    /// One datagram a line.
    Udp(String),
    /// A unix socket, datagram or stream, whichever it is.
    Unix(PathBuf),
}

impl Target {
    /// Reads `relp://H:P`, `tcp://H:P`, `udp://H:P` or `unix:PATH`.
    pub fn parse(url: &str) -> Result<Target> {
        let target = match url.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Some(Target::Unix(path.into())),
            Some((scheme, rest)) => rest.strip_prefix("//").and_then(|address| {
                let address = address.trim_end_matches('/').to_owned();
                address.contains(':').then_some(match scheme {
                    "relp" => Target::Relp(address),
                    "tcp" => Target::Tcp(address),
                    "udp" => Target::Udp(address),
                    _ => return None,
                })
            }),
            None => None,
        };
        target
            .ok_or_else(|| anyhow!("`{url}` names no receiver"))
            .hint("write relp://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:PATH")
    }

    /// Does the protocol answer?
    pub fn acknowledges(&self) -> bool {
        matches!(self, Target::Relp(_))
    }
}

/// What one connection does.
pub struct Job {
    pub target: Target,
    pub lines: Lines,
    pub progress: Arc<Progress>,
    pub window: usize,
    pub framing: Framing,
    pub pace: Option<Duration>,
    pub retry: Duration,
}

/// Sends until the lines end. Gives the microseconds from sending to answer of each line.
pub fn send(job: Job) -> Result<Vec<u32>> {
    match &job.target {
        Target::Relp(address) => relp(&job, address),
        Target::Tcp(address) => stream(&job, patiently(&job, || connect(address))?).map(|()| Vec::new()),
        Target::Udp(address) => {
            let socket = UdpSocket::bind(if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" })?;
            socket.connect(address.as_str()).with_context(|| format!("cannot reach `{address}`"))?;
            datagrams(&job, |line| socket.send(line)).map(|()| Vec::new())
        }
        Target::Unix(path) => match patiently(&job, || unix(path))? {
            Unix::Datagrams(socket) => datagrams(&job, |line| socket.send(line)).map(|()| Vec::new()),
            Unix::Stream(connected) => stream(&job, connected).map(|()| Vec::new()),
        },
    }
}

/// Either kind of unix socket, connected.
enum Unix {
    Datagrams(UnixDatagram),
    Stream(UnixStream),
}

fn unix(path: &Path) -> Result<Unix> {
    let context = || format!("cannot reach `{}`", path.display());
    let socket = UnixDatagram::unbound()?;
    let reach = Reach::new(path).with_context(context)?;
    match socket.connect(reach.path()) {
        Ok(()) => Ok(Unix::Datagrams(socket)),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EPROTOTYPE as i32) => {
            UnixStream::connect(reach.path()).map(Unix::Stream).with_context(context)
        }
        Err(error) => Err(error).with_context(context),
    }
}

/// Tries again while the receiver may only be away, for as long as the job says.
fn patiently<T>(job: &Job, connect: impl Fn() -> Result<T>) -> Result<T> {
    let (began, mut backoff) = (Instant::now(), Backoff::default());
    loop {
        let error = match connect() {
            Ok(connected) => {
                job.progress.found();
                return Ok(connected);
            }
            Err(error) => error,
        };
        let left = job.retry.saturating_sub(began.elapsed());
        let for_ever = error.root_cause().downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::InvalidInput)
        });
        if left.is_zero() || for_ever {
            return Err(error);
        }
        job.progress.lost(&error, left);
        std::thread::sleep(backoff.wait().min(left));
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .with_context(|| format!("cannot connect to `{address}`"))
        .hint("is the receiver running, and does it listen on that address?")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sleeps so that lines leave at the job's pace.
struct Pacer {
    pace: Option<Duration>,
    next: Instant,
}

impl Pacer {
    fn new(pace: Option<Duration>) -> Pacer {
        Pacer { pace, next: Instant::now() }
    }

    /// Is it too early for the next line?
    fn early(&self) -> Option<Duration> {
        self.pace?;
        let wait = self.next.saturating_duration_since(Instant::now());
        (wait > Duration::from_micros(500)).then_some(wait)
    }

    fn sent(&mut self) {
        if let Some(pace) = self.pace {
            self.next += pace;
        }
    }
}

fn stream(job: &Job, mut to: impl Write) -> Result<()> {
    let (mut line, mut out, mut pacer) =
        (Vec::new(), Vec::with_capacity(WRITE_BYTES * 2), Pacer::new(job.pace));
    let mut waiting = 0;
    loop {
        let more = job.lines.next(&mut line)?;
        if more {
            match job.framing {
                Framing::OctetCounting => write_octet_counted(&mut out, &line),
                Framing::Lf => write_lf(&mut out, &line),
            }
            waiting += 1;
            pacer.sent();
        }
        let early = pacer.early();
        if out.len() >= WRITE_BYTES || early.is_some() || !more {
            to.write_all(&out).context("the receiver closed the connection")?;
            job.progress.sent.fetch_add(std::mem::take(&mut waiting), Ordering::Relaxed);
            out.clear();
        }
        if !more {
            return Ok(());
        }
        if let Some(wait) = early {
            std::thread::sleep(wait);
        }
    }
}

fn datagrams(job: &Job, send: impl Fn(&[u8]) -> std::io::Result<usize>) -> Result<()> {
    let (mut line, mut pacer) = (Vec::new(), Pacer::new(job.pace));
    while job.lines.next(&mut line)? {
        while let Err(error) = send(&line) {
            // A full socket buffer is a moment's matter.
            if error.raw_os_error() != Some(nix::errno::Errno::ENOBUFS as i32) {
                return Err(error).context("cannot send a datagram");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        job.progress.sent.fetch_add(1, Ordering::Relaxed);
        pacer.sent();
        if let Some(wait) = pacer.early() {
            std::thread::sleep(wait);
        }
    }
    Ok(())
}

struct Pending {
    txnr: u32,
    line: Vec<u8>,
    at: Instant,
}

fn relp(job: &Job, address: &str) -> Result<Vec<u32>> {
    let mut session = Relp {
        job,
        pending: VecDeque::new(),
        again: VecDeque::new(),
        latencies: Vec::new(),
        spare: Vec::new(),
    };
    let mut backoff = Backoff::default();
    let mut lost: Option<Instant> = None;
    loop {
        let before = session.latencies.len();
        let connected = connect(address).inspect(|_| job.progress.found());
        let error = match connected.and_then(|stream| session.run(stream)) {
            Ok(()) => return Ok(session.latencies),
            Err(error) => error,
        };
        if session.latencies.len() > before {
            lost = None;
            backoff.reset();
        }
        // What was not answered is sent again, in order, before anything new.
        let unanswered = session.pending.len() as u64;
        while let Some(pending) = session.pending.pop_back() {
            session.again.push_front(pending.line);
        }
        let left = job.retry.saturating_sub(lost.get_or_insert_with(Instant::now).elapsed());
        if left.is_zero() {
            return Err(error
                .context(format!("gave up on `{address}` with {} lines unanswered", session.again.len())));
        }
        job.progress.resent.fetch_add(unanswered, Ordering::Relaxed);
        job.progress.lost(&error, left);
        std::thread::sleep(backoff.wait().min(left));
    }
}

struct Relp<'j> {
    job: &'j Job,
    pending: VecDeque<Pending>,
    again: VecDeque<Vec<u8>>,
    latencies: Vec<u32>,
    spare: Vec<Vec<u8>>,
}

impl Relp<'_> {
    /// One session, from `open` to `close`. `Ok` when everything is answered.
    fn run(&mut self, mut stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let config = ClientConfig { window_frames: self.job.window, ..ClientConfig::default() };
        let mut client = Client::new(config);
        client.open();
        let mut buffer = vec![0; WRITE_BYTES];
        let mut pacer = Pacer::new(self.job.pace);
        let mut more = true;
        loop {
            let mut early = None;
            while more && client.can_send() && client.output().len() < WRITE_BYTES {
                early = pacer.early();
                if early.is_some() || !self.take(&mut client, &mut more)? {
                    break;
                }
                pacer.sent();
            }
            let done = !more && self.pending.is_empty();
            if done || client.needs_reconnect() {
                client.close();
            }
            let n = client.output().len();
            stream.write_all(client.output()).context("the receiver closed the connection")?;
            client.consume_output(n);
            if done {
                drop(stream.shutdown(std::net::Shutdown::Write));
                return Ok(());
            }
            if let Some(wait) = early {
                // Answers are read while waiting for the next line's time.
                stream.set_read_timeout(Some(wait))?;
            }
            match stream.read(&mut buffer) {
                Ok(0) => bail!("the receiver closed the connection"),
                Ok(n) => self.answers(&mut client, buffer.get(..n).unwrap_or_default())?,
                Err(error) if early.is_some() && is_timeout(&error) => {}
                Err(error) => return Err(error).context("the receiver does not answer"),
            }
            if early.is_some() {
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            }
            if client.state() == ClientState::Closed {
                bail!("the receiver ended the session");
            }
        }
    }

    /// Sends one line, or sets it aside as refused; false when there is none.
    fn take(&mut self, client: &mut Client, more: &mut bool) -> Result<bool> {
        let mut line = self.spare.pop().unwrap_or_default();
        match self.again.pop_front() {
            Some(again) => line = again,
            None => {
                *more = self.job.lines.next(&mut line)?;
                if !*more {
                    return Ok(false);
                }
                self.job.progress.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        match client.send(&line) {
            Ok(txnr) => self.pending.push_back(Pending { txnr, line, at: Instant::now() }),
            Err(error @ SendError::TooLong { .. }) => self.job.progress.refuse(|| error.to_string()),
            Err(error) => {
                self.again.push_front(line);
                return Err(error.into());
            }
        }
        Ok(true)
    }

    fn answers(&mut self, client: &mut Client, bytes: &[u8]) -> Result<()> {
        let now = Instant::now();
        let Relp { job, pending, latencies, spare, .. } = self;
        let mut refused = None;
        let mut acked = 0;
        client.feed(bytes, |answer| {
            // Mostly the first: receivers answer in order, but need not.
            let at = pending.iter().position(|p| p.txnr == answer.txnr);
            let Some(done) = at.and_then(|at| pending.remove(at)) else { return };
            if answer.is_ok() {
                acked += 1;
                let waited = now.saturating_duration_since(done.at).as_micros();
                latencies.push(u32::try_from(waited).unwrap_or(u32::MAX));
            } else {
                let text = format!("{} {}", answer.code, String::from_utf8_lossy(answer.text));
                job.progress.refuse(|| text.clone());
                refused = Some(text);
            }
            spare.push(done.line);
        })?;
        job.progress.acked.fetch_add(acked, Ordering::Relaxed);
        match refused {
            Some(answer) => bail!("the receiver refused a line: {answer}"),
            None => Ok(()),
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<Target>) {
        assert_eq!(Target::parse(url).ok(), expect);
    }

    #[test]
    fn targets() {
        check("relp://127.0.0.1:2514", Some(Target::Relp("127.0.0.1:2514".into())));
        check("tcp://[::1]:1514/", Some(Target::Tcp("[::1]:1514".into())));
        check("unix:/dev/log", Some(Target::Unix("/dev/log".into())));
        check("http://x:1", None);
        check("relp://nowhere", None);
        check("127.0.0.1:514", None);
    }
}
