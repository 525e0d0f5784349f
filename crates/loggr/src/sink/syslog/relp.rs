//! A RELP session with a target: lines out, answers in.
//!
//! What is spoken is `loggr_wire`'s; here are the socket and its patience. A line is taken when the target
//! has answered 200, and refused when it has answered anything else; a line without an answer is the
//! caller's again when the session breaks. Another loggr may get many lines in one compressed frame: its one
//! answer is that to each of them, and where it cannot read the frame its lines go once more, one by one.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use loggr_wire::relp::{ClientConfig, ClientState, MAX_DATA_BYTES, Packer, SendError, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::connect::Wire;
use super::pace::Pace;
use super::stats::{Compression, TargetStats};
use super::trouble::Trouble;
use super::work::{Ended, Line, Work};
use crate::clean::clean;

/// Bytes gathered before more lines are added.
const WRITE_BYTES: usize = 64 << 10;
/// Bytes of answers read at a time.
const READ_BYTES: usize = 16 << 10;
/// Bytes of lines that are compressed together: more makes them hardly smaller.
const PACK_BYTES: usize = 256 << 10;
/// Bytes of a frame beside its data, about.
const FRAME_BYTES: usize = 24;

/// What one frame carries.
enum Parcel {
    Line(Line),
    Packed { lines: Vec<Line>, data: Vec<u8> },
}

impl AsRef<[u8]> for Parcel {
    fn as_ref(&self) -> &[u8] {
        match self {
            Parcel::Line(line) => line.as_ref(),
            Parcel::Packed { data, .. } => data,
        }
    }
}

impl Parcel {
    fn lines(&self) -> &[Line] {
        match self {
            Parcel::Line(line) => std::slice::from_ref(line),
            Parcel::Packed { lines, .. } => lines,
        }
    }

    /// Bytes of the frame.
    fn frame_bytes(&self) -> usize {
        self.as_ref().len() + FRAME_BYTES
    }
}

/// A session that is open.
pub struct Session {
    target: String,
    reader: ReadHalf<Box<dyn Wire>>,
    writer: WriteHalf<Box<dyn Wire>>,
    sender: Sender<Parcel>,
    /// Lines that no answer has come for.
    unanswered: usize,
    packing: Packing,
    timeout: Duration,
    buffer: Vec<u8>,
    /// What was written may wait for a flush.
    unflushed: bool,
}

/// Whether lines are compressed.
struct Packing {
    packer: Option<Packer>,
    agreed: Compression,
    /// Lines that are not worth it.
    plain: VecDeque<Line>,
    /// What waits for bandwidth; it goes before all others.
    held: Option<Parcel>,
}

impl Session {
    /// Opens a session on a fresh connection. `compress`: lines may be compressed, if the target offers it.
    pub async fn open(
        target: &str,
        wire: Box<dyn Wire>,
        window: usize,
        timeout: Duration,
        compress: bool,
    ) -> Result<Session, Trouble> {
        let (reader, writer) = tokio::io::split(wire);
        // How long a line may be is the target's to say: it cuts or refuses.
        let config = ClientConfig {
            window_frames: window,
            max_data_bytes: MAX_DATA_BYTES,
            packed: compress,
            ..ClientConfig::default()
        };
        let mut session = Session {
            target: target.to_owned(),
            reader,
            writer,
            sender: Sender::new(config),
            unanswered: 0,
            packing: Packing {
                packer: None,
                agreed: Compression::NotOffered,
                plain: VecDeque::new(),
                held: None,
            },
            timeout,
            buffer: vec![0; READ_BYTES],
            unflushed: false,
        };
        session.sender.connect();
        let mut deadline = session.deadline();
        while session.sender.state() != ClientState::Ready {
            session.step(&mut Work::default(), &mut deadline).await?;
        }
        if session.sender.takes_packed() {
            session.packing.packer = Packer::new();
            session.packing.agreed = Compression::Zstd;
        }
        Ok(session)
    }

    /// What was agreed on about compression.
    pub fn compression(&self) -> Compression {
        self.packing.agreed
    }

    /// Sends the lines that have to go and waits for their answers.
    pub async fn send(&mut self, work: &mut Work, stats: &TargetStats, pace: &Pace) -> Result<(), Trouble> {
        let sent = self.exchange(work, stats, pace).await;
        if let Err(trouble) = &sent {
            self.sender.lose();
            self.unanswered = 0;
            let mut unanswered: Vec<Line> = Vec::new();
            while let Some(parcel) = self.sender.again() {
                unanswered.extend_from_slice(parcel.lines());
            }
            if trouble.is_end() && !unanswered.is_empty() {
                let alone = <&[Line; 1]>::try_from(unanswered.as_slice()).ok().map(|[line]| line.key());
                work.set_ended(Ended { target: self.target.clone(), alone });
            }
            self.packing.give_back(work);
            work.again(&unanswered);
        }
        if self.packing.agreed == Compression::Refused {
            stats.set_compression(Some(Compression::Refused));
        }
        sent
    }

    async fn exchange(&mut self, work: &mut Work, stats: &TargetStats, pace: &Pace) -> Result<(), Trouble> {
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
            while self.packing.held.is_none()
                && self.sender.can_send()
                && self.sender.output().len() < WRITE_BYTES
                && self.unanswered < work.width()
            {
                let Some(parcel) = self.packing.next(work) else {
                    more = false;
                    break;
                };
                match pace.try_take(parcel.frame_bytes()) {
                    true => self.put(parcel, work, stats)?,
                    false => self.packing.held = Some(parcel),
                }
            }
            if !more && self.sender.unanswered() == 0 {
                return Ok(());
            }
            let held = self.packing.held.as_ref().map(Parcel::frame_bytes);
            tokio::select! {
                biased;
                stepped = self.step(work, &mut deadline) => {
                    stepped?;
                    continue;
                }
                () = pace.take(held.unwrap_or_default()), if held.is_some() => {}
            }
            if !self.is_owed() {
                // It had nothing to do while we waited.
                deadline = self.deadline();
            }
            if let Some(parcel) = self.packing.held.take() {
                self.put(parcel, work, stats)?;
            }
        }
    }

    /// Puts a frame into the output.
    fn put(&mut self, parcel: Parcel, work: &mut Work, stats: &TargetStats) -> Result<(), Trouble> {
        let plain: usize = parcel.lines().iter().map(|line| line.as_ref().len()).sum();
        let (lines, bytes) = (parcel.lines().len(), parcel.as_ref().len());
        let put = match matches!(parcel, Parcel::Packed { .. }) {
            true => self.sender.send_packed(parcel),
            false => self.sender.send(parcel),
        };
        match put {
            Ok(()) => {
                self.unanswered += lines;
                stats.sent_bytes.add(bytes as u64);
                stats.plain_bytes.add(plain as u64);
                Ok(())
            }
            Err((error @ SendError::TooLong { .. }, Parcel::Line(line))) => {
                work.refuse(&line, error.to_string());
                Ok(())
            }
            Err((error, parcel)) => {
                parcel.lines().iter().rev().for_each(|line| work.put_back(line));
                Err(Trouble::new(format!("cannot send to `{}`: {error}", self.target)))
            }
        }
    }

    /// Reads or writes once; who gives up in between has lost nothing. Who takes what is sent, or answers, has more time; other noise is no progress.
    async fn step(&mut self, work: &mut Work, deadline: &mut Instant) -> Result<(), Trouble> {
        let is_owed = self.is_owed();
        let Session { target, reader, writer, sender, buffer, unflushed, timeout, .. } = self;
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
            () = tokio::time::sleep_until(*deadline), if is_owed => {
                let seconds = timeout.as_secs_f64();
                return Err(Trouble::late(format!(
                    "`{target}` has answered nothing for {seconds} s; can it store what it receives?"
                )));
            }
        };
        let is_progress = match heard {
            None => true,
            Some(read) => {
                let before = (self.unanswered, self.sender.state());
                self.hear(read, work)?;
                before != (self.unanswered, self.sender.state())
            }
        };
        if is_progress {
            *deadline = self.deadline();
        }
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
        let Session { target, sender, buffer, unanswered, packing, .. } = self;
        let n = match read {
            Ok(0) => return Err(Trouble::closed(target)),
            Ok(n) => n,
            Err(error) => return Err(Trouble::broken(target, &error)),
        };
        let fed = sender.feed(buffer.get(..n).unwrap_or_default(), |parcel, answer| {
            *unanswered = unanswered.saturating_sub(parcel.lines().len());
            let said = || format!("{} {}", answer.code, clean(&String::from_utf8_lossy(answer.text)));
            match &parcel {
                _ if answer.is_ok() => parcel.lines().iter().for_each(|line| work.taken(line)),
                Parcel::Line(line) => work.refuse(line, format!("`{target}` has refused it: {}", said())),
                Parcel::Packed { lines, .. } => {
                    packing.refused(target, &said());
                    work.again(lines);
                }
            }
        });
        if let Err(error) = fed {
            let hint = error.hint().unwrap_or("does it speak RELP?");
            return Err(Trouble::new(format!("`{target}` breaks the rules of RELP: {error}; {hint}")));
        }
        match sender.state() {
            ClientState::Closed | ClientState::Dead => {
                Err(Trouble::new(format!("`{target}` has ended the session")).ending())
            }
            _ => Ok(()),
        }
    }

    /// The target has something to take or to answer.
    fn is_owed(&self) -> bool {
        let is_ready = self.sender.state() == ClientState::Ready;
        !is_ready || self.sender.unanswered() > 0 || !self.sender.output().is_empty() || self.unflushed
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

impl Packing {
    /// What the next frame carries.
    fn next(&mut self, work: &mut Work) -> Option<Parcel> {
        if let Some(line) = self.plain.pop_front() {
            return Some(Parcel::Line(line));
        }
        // Who looks for one line sends one line.
        let Some(packer) = self.packer.as_mut().filter(|_| work.width() == usize::MAX) else {
            return work.next().map(Parcel::Line);
        };
        let mut lines = Vec::new();
        while packer.len() < PACK_BYTES
            && let Some(line) = work.next()
        {
            if !packer.push(line.as_ref()) {
                work.put_back(&line);
                break;
            }
            lines.push(line);
        }
        if lines.is_empty() {
            // There is none, or one that no frame has room for.
            return work.next().map(Parcel::Line);
        }
        match packer.finish() {
            Some(data) => Some(Parcel::Packed { lines, data }),
            None => {
                self.plain.extend(lines);
                self.plain.pop_front().map(Parcel::Line)
            }
        }
    }

    /// The target cannot read what we have compressed.
    fn refused(&mut self, target: &str, said: &str) {
        self.packer = None;
        if self.agreed != Compression::Refused {
            self.agreed = Compression::Refused;
            tracing::warn!(
                target,
                said,
                "the target has refused compressed events; they go once more, without compression"
            );
        }
    }

    /// What was not sent is the caller's again.
    fn give_back(&mut self, work: &mut Work) {
        while let Some(line) = self.plain.pop_back() {
            work.put_back(&line);
        }
        if let Some(held) = self.held.take() {
            held.lines().iter().rev().for_each(|line| work.put_back(line));
        }
    }
}

/// Writes a part of the output; flushes where there is none.
async fn push(writer: &mut WriteHalf<Box<dyn Wire>>, output: &[u8]) -> io::Result<usize> {
    match output.is_empty() {
        true => writer.flush().await.map(|()| 0),
        false => writer.write(output).await,
    }
}
