//! What Ctrl-C does to `loggr send`: it reads no more, waits a moment for the answers to what is under way, and
//! ends as a program that was interrupted, with its summary and its state.
//!
//! The signals are blocked, and a thread takes them: no line is cut by a signal in the middle of a system call.
//! A second one ends the program at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};

use crate::cli::complain;

/// The signals that ask for an end.
const ASKED: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];
/// How long answers are waited for then.
const GRACE: Duration = Duration::from_secs(5);
/// How often who waits for something else looks whether the end was asked for.
const LOOK: Duration = Duration::from_millis(100);

/// Whether the end was asked for.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    signal: AtomicI32,
    at: OnceLock<Instant>,
}

impl Interrupt {
    /// Takes the signals from now on. To be called before any thread is started: threads inherit that they are
    /// blocked.
    pub fn listen() -> Result<Interrupt> {
        let signals: SigSet = ASKED.into_iter().collect();
        signals.thread_block().context("cannot block signals")?;
        let interrupt = Interrupt::default();
        let asked = interrupt.clone();
        std::thread::spawn(move || {
            while let Ok(signal) = signals.wait() {
                if asked.is_asked() {
                    end(signal);
                }
                asked.ask(signal);
            }
        });
        Ok(interrupt)
    }

    fn ask(&self, signal: Signal) {
        self.0.at.get_or_init(Instant::now);
        self.0.signal.store(signal as i32, Ordering::Release);
    }

    /// Nothing more is to be read.
    pub fn is_asked(&self) -> bool {
        self.0.signal.load(Ordering::Acquire) != 0
    }

    /// The signal that asked for the end, if one has.
    pub fn signal(&self) -> Option<Signal> {
        Signal::try_from(self.0.signal.load(Ordering::Acquire)).ok()
    }

    /// Nothing more is waited for.
    fn is_over(&self) -> bool {
        self.is_asked() && self.0.at.get().is_none_or(|at| at.elapsed() >= GRACE)
    }

    /// The next of what threads bring; `None` when all have ended, or when it is not waited any longer.
    pub fn next<T>(&self, brought: &Receiver<T>) -> Option<T> {
        loop {
            match brought.recv_timeout(LOOK) {
                Ok(one) => return Some(one),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if self.is_over() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Ends this process as the signal does: who has started it, such as a shell in a loop, learns that it was
/// interrupted. The exit code is 128 and the number of the signal to a shell.
pub fn end(signal: Signal) -> ! {
    let signals: SigSet = [signal].into_iter().collect();
    // Nobody has changed what the signals do: it ends here.
    if signals.thread_unblock().is_ok() {
        raise(signal).unwrap_or_default();
    }
    std::process::exit(128 + signal as i32)
}

/// Says what has become of the rest.
pub fn tell(has_state: bool) {
    complain(match has_state {
        true => "interrupted: the rest was not sent; the same command goes on behind what was acknowledged\n",
        false => "interrupted: the rest was not sent\n",
    });
}

/// Standard input, which ends when the end is asked for, also while nothing comes.
pub struct Stdin {
    file: File,
    interrupt: Interrupt,
}

impl Stdin {
    /// The standard input of this process, past the buffer of the library.
    pub fn new(interrupt: Interrupt) -> io::Result<Stdin> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Stdin { file, interrupt })
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
        loop {
            if self.interrupt.is_asked() {
                return Ok(0);
            }
            let mut waited = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            match poll(&mut waited, patience) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brought_is_waited_for_until_all_have_ended_or_the_time_is_over() {
        let interrupt = Interrupt::default();
        let (bring, brought) = std::sync::mpsc::channel();
        bring.send(1).unwrap();
        assert_eq!(interrupt.next(&brought), Some(1));
        let late = Interrupt::default();
        late.0.at.set(Instant::now().checked_sub(GRACE).unwrap()).unwrap();
        late.ask(Signal::SIGTERM);
        assert_eq!((late.next(&brought), late.signal()), (None, Some(Signal::SIGTERM)));
        drop(bring);
        assert_eq!((interrupt.next(&brought), interrupt.signal()), (None, None));
    }
}
