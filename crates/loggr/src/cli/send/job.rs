//! What one connection of `loggr send` has to do: where to, which lines, how fast.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::interrupt::Interrupt;
use super::lines::Lines;
use super::start::Place;
use super::stream::Tls;
use super::{Framing, Progress};
use crate::hint::Advise;

/// Bytes gathered before a write on a stream.
pub const WRITE_BYTES: usize = 64 << 10;

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
    /// Reads `relp://H:P`, `tcp://H:P`, both also with `+tls`, `udp://H:P` or `unix:PATH`. Says whether TLS
    /// is asked for.
    pub fn parse(url: &str) -> Result<(Target, bool)> {
        let (plain, encrypted) = match url.split_once("+tls://") {
            Some((scheme @ ("relp" | "tcp"), rest)) => (format!("{scheme}://{rest}"), true),
            _ => (url.to_owned(), false),
        };
        let target = match plain.split_once(':') {
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
            .map(|target| (target, encrypted))
            .ok_or_else(|| anyhow!("`{url}` is not the address of a receiver"))
            .hint("write relp://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:PATH; with TLS relp+tls:// or tcp+tls://")
    }

    /// Does the protocol answer?
    pub fn acknowledges(&self) -> bool {
        matches!(self, Target::Relp(_))
    }
}

/// What one connection does.
pub struct Job {
    pub target: Target,
    pub tls: Option<Tls>,
    pub lines: Lines,
    pub progress: Arc<Progress>,
    pub window: usize,
    /// How lines are told apart on a stream, if somebody says it.
    pub framing: Option<Framing>,
    pub pace: Option<Duration>,
    pub retry: Duration,
    /// Whether it is to end.
    pub interrupt: Interrupt,
    /// Where it begins, together with the others.
    pub place: Place,
}

impl Job {
    /// No connection is worth waiting for any more.
    pub fn is_off(&self) -> bool {
        self.place.is_off() || self.interrupt.is_asked()
    }
}

/// Sleeps so that lines leave at the job's pace.
pub struct Pacer {
    pace: Option<Duration>,
    next: Instant,
}

impl Pacer {
    /// None: as fast as they are taken. `first`: when the first line may leave.
    pub fn new(pace: Option<Duration>, first: Instant) -> Pacer {
        Pacer { pace, next: first }
    }

    /// Is it too early for the next line?
    pub fn early(&self) -> Option<Duration> {
        self.pace?;
        let wait = self.next.saturating_duration_since(Instant::now());
        (wait > Duration::from_micros(500)).then_some(wait)
    }

    /// One has left.
    pub fn sent(&mut self) {
        if let Some(pace) = self.pace {
            self.next += pace;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<Target>) {
        assert_eq!(Target::parse(url).ok(), expect.map(|target| (target, url.contains("tls"))));
    }

    #[test]
    fn targets() {
        check("relp://127.0.0.1:2514", Some(Target::Relp("127.0.0.1:2514".into())));
        check("tcp://[::1]:1514/", Some(Target::Tcp("[::1]:1514".into())));
        check("relp+tls://logs:2514", Some(Target::Relp("logs:2514".into())));
        check("tcp+tls://logs:6514", Some(Target::Tcp("logs:6514".into())));
        check("udp+tls://logs:6514", None);
        check("unix:/dev/log", Some(Target::Unix("/dev/log".into())));
        check("http://x:1", None);
        check("relp://nowhere", None);
        check("127.0.0.1:514", None);
    }
}
