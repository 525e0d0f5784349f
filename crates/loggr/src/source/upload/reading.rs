//! Reads a file that comes in pieces: unpacks it, cuts it into lines, and gives them to the bus.
//!
//! In a thread of its own, because unpacking is work. Not who sends it, and not what is durable of it.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use loggr_flow::{Delivery, Window};
use loggr_wire::framing::{Frame, Framer, Mode};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Ended, GAVE_BACK, MAX_FILE_BYTES, Taken};
use crate::process::clock::now;
use crate::source::content::{self, Fault, Packing, Unread};
use crate::source::intake::{Intake, Lines, is_blank};

/// Largest read of the unpacked file in bytes; what is read at once becomes a batch.
const READ_BYTES: usize = 256 << 10;

/// A piece of a file.
#[derive(Debug)]
pub enum Piece {
    /// Its next bytes.
    Bytes(Bytes),
    /// It has come whole.
    End,
    /// The rest does not come.
    Broken(Ended),
}

/// What is to be done with it.
pub struct Job {
    /// What becomes of its lines.
    pub intake: Arc<Intake>,
    /// How many batches may be on their way.
    pub window: Window<Taken>,
    /// Where they go.
    pub deliveries: mpsc::Sender<Delivery>,
    /// So many lines at the beginning are left out.
    pub skip: u64,
    /// How the file is packed for the way, if somebody says it.
    pub packing: Option<Packing>,
}

/// Reads it to its end. `begins` is called when it is known to be a log, before anything of it is taken.
pub fn read(pieces: mpsc::Receiver<Piece>, mut job: Job, begins: impl FnOnce()) -> Result<(), Ended> {
    let file = Pieces { pieces, piece: Bytes::new(), is_over: false };
    let mut file = content::open(Box::new(file), job.packing)?;
    begins();
    let intake = job.intake.clone();
    let origin = Arc::new(intake.origin.clone());
    let mut framer = Framer::new(Mode::Lf, intake.max_message_size);
    let mut lines = Lines::new(&intake);
    let (mut taken, mut skip) = (Taken::default(), job.skip);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let n = match file.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Half a line at the end of what came is no line.
            Err(error) => return Err(Ended::of(error)),
        };
        let at = now();
        let mut take = |line: Frame<'_>| {
            if is_blank(&line) {
                return intake.stats.empty.add(1);
            }
            if skip > 0 {
                skip -= 1;
                return;
            }
            taken.lines += 1;
            taken.cut += u64::from(line.original_len.is_some());
            // The last line of a file needs no line end.
            lines.push(&origin, at, &Frame { incomplete: false, ..line });
        };
        match n {
            0 => framer.finish(&mut take),
            n => framer.feed(buffer.get(..n).unwrap_or_default(), &mut take),
        }
        taken.bytes += n as u64;
        job.deliver(&mut lines, taken)?;
        if n == 0 && skip > 0 {
            return Err(Ended::Shorter(job.skip - skip));
        }
        if n == 0 {
            return Ok(());
        }
        if taken.bytes > MAX_FILE_BYTES {
            return Err(Ended::TooLarge);
        }
    }
}

impl Job {
    /// Gives the lines to the bus, when it takes some: until then nothing is read.
    fn deliver(&mut self, lines: &mut Lines<'_>, taken: Taken) -> Result<(), Ended> {
        let Some(batch) = lines.end() else { return Ok(()) };
        Handle::current().block_on(async {
            let not_taken = || Ended::NotTaken(GAVE_BACK);
            let slot = self.window.reserve().await.ok_or_else(not_taken)?;
            let delivery = Delivery::new(batch, slot.ack(taken));
            self.deliveries.send(delivery).await.map_err(|_| not_taken())
        })
    }
}

/// The pieces as one text. An end that is none is an error.
struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    piece: Bytes,
    is_over: bool,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_over {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.piece = bytes,
                Some(Piece::End) => self.is_over = true,
                Some(Piece::Broken(why)) => return Err(unread(why)),
                None => return Err(unread(Ended::Broken("its sender has gone"))),
            }
        }
        let n = self.piece.len().min(out.len());
        self.piece.copy_to_slice(out.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}

/// What ended it before its end, through what unpacks it.
fn unread(why: Ended) -> io::Error {
    io::Error::other(Unread(io::Error::other(why)))
}

impl std::error::Error for Ended {}

impl Ended {
    /// What an error while reading means: it is ours, or what the file is packed in is damaged.
    pub fn of(error: io::Error) -> Ended {
        Fault::of(error).into()
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Ended {
        match fault {
            Fault::NoLog(what) => Ended::NoLog(what),
            Fault::Damaged(why) => Ended::Damaged(why),
            Fault::CutOff => Ended::CutOff,
            Fault::Unread(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Ended>()) {
                Some(ended) => ended.clone(),
                None => Ended::Damaged(error.to_string()),
            },
        }
    }
}
