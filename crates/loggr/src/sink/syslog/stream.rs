//! Lines on a stream to a target that answers nothing (RFC 6587, RFC 5425).
//!
//! A line is taken when the target's system has acknowledged its last byte: then it no longer depends on
//! this host, nor on the network. Whether the program there has read it nobody knows. When the connection
//! breaks before, all lines of the batch go again. So they do when it breaks while the target may still refuse
//! us: its system takes bytes also for a program that lets nobody in.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use futures_util::FutureExt;
use loggr_wire::framing::{write_lf, write_octet_counted};
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::connect::Wire;
use super::pace::Pace;
use super::trouble::Trouble;
use super::work::{Line, Work};
use crate::config::ship::Framing;

/// Bytes gathered before a write.
const WRITE_BYTES: usize = 64 << 10;
/// With TLS 1.3 a target that does not like our certificate says so only after we believe that all is well:
/// so long it is waited for before anything is told to it. Most targets say before that they let us in.
const SECOND_THOUGHTS: Duration = Duration::from_millis(250);
/// So long it is waited for once more when it has the first lines: it may be slow, or far away.
const LATE_THOUGHTS: Duration = Duration::from_secs(2);
/// How often it is looked whether everything is acknowledged: at first, and later.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// A connection on which lines are sent.
pub struct Session {
    target: String,
    wire: Box<dyn Wire>,
    framing: Framing,
    timeout: Duration,
    /// The target will not refuse us any more.
    let_in: bool,
}

impl Session {
    /// A session on a fresh connection.
    pub async fn open(
        target: &str,
        wire: Box<dyn Wire>,
        framing: Framing,
        timeout: Duration,
    ) -> Result<Session, Trouble> {
        let mut session = Session { target: target.to_owned(), wire, framing, timeout, let_in: false };
        session.let_in = session.hears(SECOND_THOUGHTS).await?;
        Ok(session)
    }

    /// Waits until the target has let us in, but no longer; false if it has not said so.
    async fn hears(&mut self, patience: Duration) -> Result<bool, Trouble> {
        let (until, mut pause) = (Instant::now() + patience, LOOK.0);
        let mut byte = [0];
        while !self.wire.is_let_in() {
            let now = Instant::now();
            if now >= until {
                return Ok(false);
            }
            let heard = tokio::time::timeout_at(until.min(now + pause), self.wire.read(&mut byte)).await;
            pause = (pause * 2).min(LOOK.1);
            match heard {
                Ok(Ok(0)) => return Err(Trouble::closed(&self.target)),
                // Who says anything at all lets us in.
                Ok(Ok(_)) => return Ok(true),
                Ok(Err(error)) => return Err(Trouble::broken(&self.target, &error)),
                Err(_) => {}
            }
        }
        Ok(true)
    }

    /// Sends the lines that have to go and waits until they are acknowledged.
    pub async fn send(&mut self, work: &mut Work, pace: &Pace) -> Result<(), Trouble> {
        // Nothing is written to a target that has closed the connection while it rested.
        self.look()?;
        let lines: Vec<Line> = std::iter::from_fn(|| work.next()).collect();
        let sent = self.write(&lines, pace).await;
        match &sent {
            Ok(()) => lines.iter().for_each(|line| work.taken(line)),
            Err(_) => work.again(&lines),
        }
        sent
    }

    async fn write(&mut self, lines: &[Line], pace: &Pace) -> Result<(), Trouble> {
        let mut out = Vec::with_capacity(WRITE_BYTES * 2);
        for line in lines {
            let before = out.len();
            match self.framing {
                Framing::OctetCounting => write_octet_counted(&mut out, line.as_ref()),
                Framing::Lf => write_lf(&mut out, line.as_ref()),
            }
            let framed = out.len() - before;
            if !pace.try_take(framed) {
                self.push(out.get(..before).unwrap_or_default()).await?;
                out.drain(..before);
                pace.take(framed).await;
                self.look()?;
            }
            if out.len() >= WRITE_BYTES {
                self.push(&out).await?;
                out.clear();
            }
        }
        self.push(&out).await?;
        self.acknowledged().await?;
        if !self.let_in {
            self.hears(LATE_THOUGHTS).await?;
            // It has had the time to refuse us.
            self.let_in = true;
        }
        Ok(())
    }

    /// Gives bytes to the system.
    async fn push(&mut self, mut bytes: &[u8]) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            let written = tokio::time::timeout(self.timeout, self.wire.write(bytes)).await;
            match written {
                Ok(Ok(n)) if n > 0 => bytes = bytes.get(n..).unwrap_or_default(),
                Ok(Ok(_)) => return Err(Trouble::closed(&self.target)),
                Ok(Err(error)) => return Err(Trouble::broken(&self.target, &error)),
                Err(_) => return Err(self.late()),
            }
        }
        match tokio::time::timeout(self.timeout, self.wire.flush()).await {
            Ok(flushed) => flushed.map_err(|error| Trouble::broken(&self.target, &error)),
            Err(_) => Err(self.late()),
        }
    }

    /// Waits until the target's system has everything.
    async fn acknowledged(&mut self) -> Result<(), Trouble> {
        let (mut pause, mut before) = (LOOK.0, usize::MAX);
        let mut deadline = Instant::now() + self.timeout;
        loop {
            let held = unacknowledged(self.wire.socket());
            let held = held.map_err(|error| Trouble::broken(&self.target, &error))?;
            // After the question: a connection that was reset holds nothing either.
            self.look()?;
            if held == 0 {
                return Ok(());
            }
            if held < before {
                deadline = Instant::now() + self.timeout;
            } else if Instant::now() >= deadline {
                return Err(self.late());
            }
            before = held;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
        }
    }

    fn late(&self) -> Trouble {
        let seconds = self.timeout.as_secs_f64();
        Trouble::late(format!("`{}` has taken nothing for {seconds} s; does it still read?", self.target))
    }

    /// Has the target closed or reset the connection? What it says is no answer, and is dropped.
    fn look(&mut self) -> Result<(), Trouble> {
        let mut said = [0; 512];
        let target = &self.target;
        let socket = self.wire.socket().as_raw_fd();
        match recv(socket, &mut said, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return Err(Trouble::closed(target)),
            Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(Trouble::broken(target, &error.into())),
        }
        match self.wire.read(&mut said).now_or_never() {
            Some(Ok(0)) => Err(Trouble::closed(target)),
            Some(Err(error)) => Err(Trouble::broken(target, &error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Says farewell.
    pub async fn close(mut self) {
        drop(self.wire.shutdown().await);
    }
}

/// Bytes that the system holds because the other end has not acknowledged them.
pub fn unacknowledged(socket: &impl AsRawFd) -> io::Result<usize> {
    let mut held: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as its socket, and the call writes one `int`.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut held) };
    match done {
        0 => Ok(usize::try_from(held).unwrap_or_default()),
        _ => Err(io::Error::last_os_error()),
    }
}
