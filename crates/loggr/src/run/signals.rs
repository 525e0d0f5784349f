//! The reaction of the process to signals: stop, read again, or nothing. Every signal that would
//! end the process by default and that somebody may send by mistake has one of these reactions,
//! which is logged.
//!
//! Exceptions are SIGKILL, which cannot be caught, and signals that a fault of the program raises
//! (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP): going on after one of those is
//! worse than an end.

use std::future::poll_fn;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigSet, Signal as Name};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// Signals that stop the process; a second one ends the draining.
const STOP: [Name; 3] = [Name::SIGTERM, Name::SIGINT, Name::SIGQUIT];
/// Signals that do nothing.
const NOTHING: [Name; 10] = [
    Name::SIGUSR1,
    Name::SIGUSR2,
    Name::SIGALRM,
    Name::SIGVTALRM,
    Name::SIGPROF,
    Name::SIGIO,
    Name::SIGPWR,
    Name::SIGSTKFLT,
    // These two are limits of processor time and of a file's size: a write that is too long fails
    // with an error.
    Name::SIGXCPU,
    Name::SIGXFSZ,
];
/// Signals without a name, which end a process too.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// What a signal asks of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To stop.
    Stop,
    /// To read files again.
    Reload,
}

/// Blocks the signals until they are listened to. To be called before any thread is started:
/// threads inherit it, and the one that calls [`Signals::listen`] gets them.
pub fn hold() -> Result<()> {
    held().thread_block().context("cannot block signals during the start")
}

/// The signals that must not end the process.
fn held() -> SigSet {
    NOTHING.into_iter().chain([Name::SIGHUP]).collect()
}

/// Hears the signals of the process.
#[derive(Debug)]
pub struct Signals {
    stop: Vec<(String, Signal)>,
    reload: Signal,
    /// The signals that do nothing, each with whether that was logged.
    nothing: Vec<(String, Signal, bool)>,
}

impl Signals {
    /// From now on no signal ends the process by default; those that stop it are handled: see
    /// [`Signals::starting`].
    pub fn listen() -> Result<Signals> {
        let hear = |number: i32| signal(SignalKind::from_raw(number)).context("cannot listen to signals");
        let named = |name: Name| anyhow::Ok((name.as_str().to_owned(), hear(name as i32)?));
        let real_time = REAL_TIME.map(|number| anyhow::Ok((format!("signal {number}"), hear(number)?)));
        let nothing = NOTHING.into_iter().map(named).chain(real_time);
        let nothing = nothing.map(|heard| heard.map(|(name, signal)| (name, signal, false)));
        let signals = Signals {
            stop: STOP.into_iter().map(named).collect::<Result<_>>()?,
            reload: hear(Name::SIGHUP as i32)?,
            nothing: nothing.collect::<Result<_>>()?,
        };
        held().thread_unblock().context("cannot unblock signals after the start")?;
        Ok(signals)
    }

    /// While nothing is received yet a stop ends the process at once, which loses nothing; also where the
    /// start holds this thread for long. To be aborted when events begin to come in.
    pub fn starting() -> Result<JoinHandle<()>> {
        let mut signals = Signals::listen()?;
        Ok(tokio::spawn(async move {
            while signals.next().await != Asked::Stop {}
            tracing::info!("stopped by a signal before the start was complete");
            std::process::exit(0);
        }))
    }

    /// The next signal that asks for something; for each of the others it is logged once that it
    /// does nothing.
    pub async fn next(&mut self) -> Asked {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Asked> {
        for (signal, heard, said) in &mut self.nothing {
            while heard.poll_recv(cx).is_ready() {
                if !std::mem::replace(said, true) {
                    let signal = signal.as_str();
                    tracing::info!(signal, "loggr ignores this signal");
                }
            }
        }
        for (signal, heard) in &mut self.stop {
            if heard.poll_recv(cx).is_ready() {
                let signal = signal.as_str();
                tracing::info!(signal, "stopping, as a signal asks");
                return Poll::Ready(Asked::Stop);
            }
        }
        self.reload.poll_recv(cx).map(|_| Asked::Reload)
    }

    /// The next stop.
    pub async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}
