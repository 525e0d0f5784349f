//! Logs the same thing once in a while, and not as often as a peer makes it happen.
//!
//! It is for things that any sender can cause as often as it likes: a refused address, a broken
//! frame. The counters count each; the log shows the first of each peer, and after a while how many
//! more there were. States of our own have a [`Flag`](crate::process::meter::Flag).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The earliest time after which the same is logged again for a peer.
const QUIET: Duration = Duration::from_secs(600);
/// Peers that are remembered; nothing is logged about further ones until the memory begins anew.
const MAX_PEERS: usize = 256;

/// The memory of log lines of one kind.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<String, Last>>);

#[derive(Debug)]
struct Last {
    at: Instant,
    unsaid: u64,
}

impl Told {
    /// Whether to log it for this peer: if so, how often it was left out since the last time.
    pub fn tell(&self, peer: &str) -> Option<u64> {
        self.tell_at(peer, Instant::now())
    }

    fn tell_at(&self, peer: &str, now: Instant) -> Option<u64> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = peers.get_mut(peer) {
            if now.saturating_duration_since(last.at) < QUIET {
                last.unsaid += 1;
                return None;
            }
            last.at = now;
            return Some(std::mem::take(&mut last.unsaid));
        }
        if peers.len() >= MAX_PEERS {
            peers.retain(|_, last| now.saturating_duration_since(last.at) < QUIET);
        }
        if peers.len() >= MAX_PEERS {
            return None;
        }
        peers.insert(peer.to_owned(), Last { at: now, unsaid: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_once_in_a_while_with_what_was_not_said() {
        let (told, start) = (Told::default(), Instant::now());
        assert_eq!(told.tell_at("a", start), Some(0));
        assert_eq!(told.tell_at("b", start), Some(0));
        assert_eq!(told.tell_at("a", start + QUIET / 2), None);
        assert_eq!(told.tell_at("a", start + QUIET / 2), None);
        assert_eq!(told.tell_at("a", start + QUIET), Some(2));
        assert_eq!(told.tell_at("a", start + QUIET), None);
    }

    #[test]
    fn a_crowd_of_peers_is_not_told_one_by_one_for_ever() {
        let (told, start) = (Told::default(), Instant::now());
        let said = |at: Instant| (0..5000).filter(|n| told.tell_at(&n.to_string(), at).is_some()).count();
        assert_eq!(said(start), MAX_PEERS);
        assert_eq!(said(start + QUIET / 2), 0);
        assert_eq!(said(start + QUIET), MAX_PEERS);
    }
}
