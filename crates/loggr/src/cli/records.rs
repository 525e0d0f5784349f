//! Events on standard input, one after the other: each ends with a line feed, or with NUL.
//!
//! NUL is for events that have line feeds in them. What is printed for them stays one JSON
//! value a line, because JSON has no line feed of its own.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, StdinLock};

use anyhow::{Context, Result, anyhow};
use loggr_event::{Defect, Event, Origin, Timestamp, Transport, Uid, UidGenerator};

/// Longest event that is read from standard input, in bytes.
const MAX_EVENT_BYTES: usize = 64 << 20;

/// Reads standard input.
pub struct Records {
    input: BufReader<StdinLock<'static>>,
    end: u8,
    record: Vec<u8>,
}

impl Records {
    /// From here to the end of standard input.
    pub fn stdin(nul: bool) -> Records {
        let end = if nul { b'\0' } else { b'\n' };
        Records { input: BufReader::new(std::io::stdin().lock()), end, record: Vec::new() }
    }

    /// Reads the next event; there is none after the last.
    pub fn read(&mut self) -> Result<bool> {
        self.record.clear();
        loop {
            let read = self.input.fill_buf().context("cannot read stdin")?;
            if read.is_empty() {
                // The last one may lack its end; a line feed alone is none.
                return Ok(!self.record.is_empty() && self.record != b"\n");
            }
            let end = memchr::memchr(self.end, read);
            let length = end.unwrap_or(read.len());
            self.record.extend_from_slice(read.get(..length).unwrap_or_default());
            self.input.consume(length + usize::from(end.is_some()));
            if self.record.len() > MAX_EVENT_BYTES {
                return Err(anyhow!("an event on stdin has more than {MAX_EVENT_BYTES} bytes"));
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The event that was read, without its end.
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// Nothing more is there at the moment: what was printed should be seen.
    pub fn is_waiting(&self) -> bool {
        self.input.buffer().is_empty()
    }
}

/// Where events on standard input come from.
pub fn origin(timezone: &str) -> Origin {
    Origin {
        listener: "stdin".to_owned(),
        transport: Transport::File,
        trusted: true,
        timezone: timezone.to_owned(),
        ..Origin::default()
    }
}

/// Gives them their uids.
pub fn uids() -> Result<UidGenerator> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    Ok(UidGenerator::new(seed))
}

/// An event of which nothing is known but its message.
pub fn message_alone<'a>(line: &'a [u8], origin: &'a Origin, uid: Uid, now: Timestamp) -> Event<'a> {
    let mut event = Event::new(origin, uid, now);
    event.message = String::from_utf8_lossy(line);
    if matches!(event.message, Cow::Owned(_)) {
        event.raw = Some(Cow::Borrowed(line));
        event.defects.insert(Defect::NotUtf8);
    }
    event
}
