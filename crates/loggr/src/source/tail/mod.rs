//! Files of this host that other programs write: found by patterns, read on as they grow, and through their
//! rotations.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `walk` | which files the patterns name |
//! | `identity` | which file it is, whatever its name is by now |
//! | `scan`, `admit` | which files there are now, and which of the known ones they are |
//! | `search`, `done` | where a known file has gone; when nothing will come into it any more |
//! | `content`, `lines`, `fragments` | bytes of a file, lines of them |
//! | `file` | how far one file was read, and what comes next |
//! | `round` | what is on its way to the bus |
//! | `positions` | what was written down |
//! | `container` | what a path says of a container |
//!
//! One thread does all of it for a listener, one thing after the other: what is at rest costs a look at the
//! names of files each second.
//!
//! Each line once, also after `kill -9`: before a batch is published it is written down which stretch of which
//! file is in it, what its bytes hash to, and what its uids and its time are made of. What is read again is
//! read in the same stretches, and gets the same uids, by which stores recognise it. If the bytes are others by
//! then, they are other events. A position moves behind the acknowledgement.

mod admit;
mod container;
mod content;
mod done;
mod file;
mod fragments;
mod identity;
mod lines;
mod memory;
mod positions;
mod round;
mod scan;
mod search;
mod walk;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use loggr_event::InputFormat;
use loggr_flow::{Stop, channel_source};
use tokio::sync::oneshot;

use crate::config::Files;
use crate::source::intake::Intake;
use work::{SLOTS, Tail};

/// What a listener of files has to do.
#[derive(Debug)]
pub struct Tailing {
    /// Which files, and how.
    pub files: Files,
    /// What their lines are.
    pub format: InputFormat,
    /// Bytes that may be on their way at one time.
    pub window_bytes: usize,
    /// Where it is written down how far each was read.
    pub positions: PathBuf,
    /// What becomes of the lines.
    pub intake: Intake,
}

/// Starts a thread that reads until draining has begun. What it gives pumps what was read, and resolves when
/// all of it is with the bus.
///
/// # Errors
/// No thread can be started.
pub fn tail(tailing: Tailing, stop: Stop) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let (deliveries, source) = channel_source(SLOTS);
    let pumping = tailing.intake.pump(source, stop.clone());
    let (done, joined) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Handle::current();
    let stats: Arc<_> = tailing.intake.stats.clone();
    // Before loggr says that it runs: what is made from then on is read, whatever ends it.
    let opened = Tail::open(tailing);
    std::thread::Builder::new().name("loggr-file".to_owned()).spawn(move || {
        let listener = stats.name();
        match opened {
            Ok(tail) => tail.run(&runtime, stop, &deliveries),
            Err(error) => tracing::error!(listener, "no file is read: {error:#}"),
        }
        drop((deliveries, done));
    })?;
    Ok(async move {
        pumping.await;
        // The thread drops its end when it is done.
        drop(joined.await);
    })
}
