//! A RELP session with a target: lines out, answers in.
//!
//! What is spoken is `loggr_wire`'s; here are the socket and its patience. A line is taken when the target
//! has answered 200, and refused when it has answered anything else; a line without an answer is the
//! caller's again when the session breaks.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use loggr_wire::relp::{ClientConfig, ClientState, MAX_DATA_BYTES, SendError, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::connect::Wire;
use super::trouble::Trouble;
use super::work::{Line, Work};
use crate::clean::clean;

/// Bytes gathered before more lines are added.
const WRITE_BYTES: usize = 64 << 10;
/// Bytes of answers read at a time.
const READ_BYTES: usize = 16 << 10;

/// A session that is open.
pub struct Session {
    target: String,
    reader: ReadHalf<Box<dyn Wire>>,
    writer: WriteHalf<Box<dyn Wire>>,
    sender: Sender<Line>,
    timeout: Duration,
    buffer: Vec<u8>,
    /// What was written may wait for a flush.
    unflushed: bool,
}

impl Session {
    /// Opens a session on a fresh connection.
    pub async fn open(
        target: &str,
        wire: Box<dyn Wire>,
        window: usize,
        timeout: Duration,
    ) -> Result<Session, Trouble> {
        let (reader, writer) = tokio::io::split(wire);
        // How long a line may be is the target's to say: it cuts or refuses.
        let config =
            ClientConfig { window_frames: window, max_data_bytes: MAX_DATA_BYTES, ..ClientConfig::default() };
        let mut session = Session {
            target: target.to_owned(),
            reader,
            writer,
            sender: Sender::new(config),
            timeout,
            buffer: vec![0; READ_BYTES],
            unflushed: false,
        };
        session.sender.connect();
        let mut deadline = session.deadline();
        while session.sender.state() != ClientState::Ready {
            session.step(&mut Work::default(), &mut deadline).await?;
        }
        Ok(session)
    }

    /// Sends the lines that have to go and waits for their answers.
    pub async fn send(&mut self, work: &mut Work) -> Result<(), Trouble> {
        let sent = self.exchange(work).await;
        if sent.is_err() {
            self.sender.lose();
            let unanswered: Vec<Line> = std::iter::from_fn(|| self.sender.again()).collect();
            work.again(&unanswered);
        }
        sent
    }

    async fn exchange(&mut self, work: &mut Work) -> Result<(), Trouble> {
        if self.sender.needs_reconnect() {
            return Err(Trouble::new(format!(
                "the numbers of the session with `{}` are used up",
                self.target
            )));
        }
        self.look(work)?;
        let mut deadline = self.deadline();
        loop {
            let mut more = true;
            while self.sender.can_send() && self.sender.output().len() < WRITE_BYTES {
                let Some(line) = work.next() else {
                    more = false;
                    break;
                };
                match self.sender.send(line) {
                    Ok(()) => {}
                    Err((error @ SendError::TooLong { .. }, line)) => work.refuse(&line, error.to_string()),
                    Err((error, line)) => {
                        work.put_back(&line);
                        return Err(Trouble::new(format!("cannot send to `{}`: {error}", self.target)));
                    }
                }
            }
            if !more && self.sender.unanswered() == 0 {
                return Ok(());
            }
            self.step(work, &mut deadline).await?;
        }
    }

    /// Reads or writes once.
    async fn step(&mut self, work: &mut Work, deadline: &mut Instant) -> Result<(), Trouble> {
        let Session { target, reader, writer, sender, buffer, unflushed, timeout } = self;
        let writes = !sender.output().is_empty();
        let mut heard = None;
        tokio::select! {
            biased;
            read = reader.read(buffer) => heard = Some(read),
            pushed = push(writer, sender.output()), if writes || *unflushed => match pushed {
                Ok(0) if writes => return Err(Trouble::closed(target)),
                Ok(n) => {
                    sender.consume_output(n);
                    *unflushed = writes;
                }
                Err(error) => return Err(Trouble::broken(target, &error)),
            },
            () = tokio::time::sleep_until(*deadline) => {
                let seconds = timeout.as_secs_f64();
                return Err(Trouble::late(format!(
                    "`{target}` has answered nothing for {seconds} s; can it store what it receives?"
                )));
            }
        };
        if let Some(read) = heard {
            self.hear(read, work)?;
        }
        *deadline = self.deadline();
        Ok(())
    }

    /// Nothing is sent into a session that has ended while it rested.
    fn look(&mut self, work: &mut Work) -> Result<(), Trouble> {
        while let Some(read) = self.reader.read(&mut self.buffer).now_or_never() {
            self.hear(read, work)?;
        }
        Ok(())
    }

    /// Takes what was read.
    fn hear(&mut self, read: io::Result<usize>, work: &mut Work) -> Result<(), Trouble> {
        let Session { target, sender, buffer, .. } = self;
        let n = match read {
            Ok(0) => return Err(Trouble::closed(target)),
            Ok(n) => n,
            Err(error) => return Err(Trouble::broken(target, &error)),
        };
        let fed = sender.feed(buffer.get(..n).unwrap_or_default(), |line, answer| {
            if answer.is_ok() {
                work.taken(&line);
            } else {
                let text = String::from_utf8_lossy(answer.text);
                work.refuse(&line, format!("`{target}` has refused it: {} {}", answer.code, clean(&text)));
            }
        });
        if let Err(error) = fed {
            let hint = error.hint().unwrap_or("does it speak RELP?");
            return Err(Trouble::new(format!("`{target}` breaks the rules of RELP: {error}; {hint}")));
        }
        match sender.state() {
            ClientState::Closed | ClientState::Dead => {
                Err(Trouble::new(format!("`{target}` has ended the session")))
            }
            _ => Ok(()),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Says farewell.
    pub async fn close(mut self) {
        self.sender.close();
        let mut deadline = self.deadline();
        while self.sender.state() == ClientState::Closing {
            if self.step(&mut Work::default(), &mut deadline).await.is_err() {
                break;
            }
        }
        drop(self.writer.shutdown().await);
    }
}

/// Writes a part of the output; flushes where there is none.
async fn push(writer: &mut WriteHalf<Box<dyn Wire>>, output: &[u8]) -> io::Result<usize> {
    match output.is_empty() {
        true => writer.flush().await.map(|()| 0),
        false => writer.write(output).await,
    }
}
