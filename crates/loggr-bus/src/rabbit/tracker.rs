//! Tracks which messages of one channel are settled, and which acknowledgements the broker must
//! get.
//!
//! This is pure bookkeeping: tags go in, acknowledgements come out. Tags belong to one channel and
//! mean nothing on another, so each channel has a tracker of its own. Invariant: a message is
//! acknowledged only when everything that came from it is settled.

use std::collections::VecDeque;

/// An acknowledgement for the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckUpTo {
    pub tag: u64,
    /// All messages before it are acknowledged too.
    pub multiple: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The message is in this process and not settled.
    InHand,
    /// Settled.
    Done,
    /// It will not be settled here: the broker gets it back when the channel closes.
    Returned,
}

/// The messages of one channel that are not acknowledged yet.
#[derive(Debug)]
pub(super) struct Tracker {
    /// In the order of their tags.
    messages: VecDeque<(u64, State)>,
    in_hand: usize,
    prefetch: usize,
}

impl Tracker {
    /// A tracker for a channel that may have `prefetch` messages in flight.
    pub fn new(prefetch: usize) -> Tracker {
        Tracker { messages: VecDeque::new(), in_hand: 0, prefetch }
    }

    /// Notes a message that has arrived.
    pub fn arrived(&mut self, tag: u64) {
        self.messages.push_back((tag, State::InHand));
        self.in_hand += 1;
    }

    /// Notes messages that are settled.
    pub fn done(&mut self, tags: &[u64]) {
        tags.iter().for_each(|tag| self.set(*tag, State::Done));
    }

    /// Notes messages that will not be settled here.
    pub fn returned(&mut self, tags: &[u64]) {
        tags.iter().for_each(|tag| self.set(*tag, State::Returned));
    }

    /// How many messages are still held here.
    pub fn in_hand(&self) -> usize {
        self.in_hand
    }

    /// The broker sends nothing more until something is acknowledged.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= self.prefetch
    }

    /// The acknowledgements to send now: one for all messages that are settled from the oldest on.
    /// Settled messages behind one that is not wait for it, unless the broker would send nothing
    /// more.
    pub fn acks(&mut self) -> Vec<AckUpTo> {
        let full = self.is_full();
        self.collect(full)
    }

    /// The last acknowledgements of this channel, also for messages behind one that is not settled.
    pub fn all_acks(&mut self) -> Vec<AckUpTo> {
        self.collect(true)
    }

    fn collect(&mut self, behind_gaps: bool) -> Vec<AckUpTo> {
        let mut acks = Vec::new();
        let done = self.messages.iter().take_while(|(_, state)| *state == State::Done).count();
        if let Some((tag, _)) = done.checked_sub(1).and_then(|last| self.messages.get(last)) {
            acks.push(AckUpTo { tag: *tag, multiple: done > 1 });
            self.messages.drain(..done);
        }
        if behind_gaps {
            self.messages.retain(|(tag, state)| {
                let done = *state == State::Done;
                if done {
                    acks.push(AckUpTo { tag: *tag, multiple: false });
                }
                !done
            });
        }
        acks
    }

    fn set(&mut self, tag: u64, to: State) {
        let Ok(at) = self.messages.binary_search_by_key(&tag, |(tag, _)| *tag) else { return };
        if let Some((_, state)) = self.messages.get_mut(at)
            && *state == State::InHand
        {
            *state = to;
            self.in_hand -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(prefetch: usize, done: &[u64], expect: &[(u64, bool)]) {
        let mut tracker = Tracker::new(prefetch);
        (1..=5).for_each(|tag| tracker.arrived(tag));
        tracker.done(done);
        let acks: Vec<(u64, bool)> = tracker.acks().iter().map(|a| (a.tag, a.multiple)).collect();
        assert_eq!(acks, expect);
        assert_eq!(tracker.acks(), []);
        let told: Vec<u64> = expect.iter().map(|(tag, _)| *tag).collect();
        let behind = done.iter().filter(|tag| !told.iter().any(|t| *tag <= t));
        let mut behind: Vec<u64> = behind.copied().collect();
        behind.sort_unstable();
        let last: Vec<u64> = tracker.all_acks().iter().map(|a| a.tag).collect();
        assert_eq!(last, behind, "the last words");
    }

    #[test]
    fn one_word_for_many() {
        check(9, &[], &[]);
        check(9, &[1], &[(1, false)]);
        check(9, &[3, 1, 2], &[(3, true)]);
        check(9, &[2, 3], &[]);
        check(9, &[1, 3, 4], &[(1, false)]);
    }

    #[test]
    fn a_gap_does_not_stop_a_full_window() {
        check(5, &[2, 4], &[(2, false), (4, false)]);
        check(4, &[1, 3], &[(1, false), (3, false)]);
    }

    #[test]
    fn what_is_returned_is_never_acknowledged() {
        let mut tracker = Tracker::new(9);
        (1..=3).for_each(|tag| tracker.arrived(tag));
        tracker.returned(&[1]);
        tracker.done(&[1, 2, 3, 77]);
        assert_eq!((tracker.acks(), tracker.in_hand()), (vec![], 0));
    }

    proptest! {
        /// Whatever the order of settling: at the end each message was acknowledged once,
        /// and none before it was settled.
        #[test]
        fn every_message_is_acknowledged_once(
            order in Just((1u64..=30).collect::<Vec<_>>()).prop_shuffle(), prefetch in 1usize..40,
        ) {
            let mut tracker = Tracker::new(prefetch);
            (1..=30).for_each(|tag| tracker.arrived(tag));
            let (mut settled, mut acked) = (Vec::new(), Vec::new());
            for tag in order {
                tracker.done(&[tag]);
                settled.push(tag);
                for ack in tracker.acks() {
                    let from = if ack.multiple { 1 } else { ack.tag };
                    let new: Vec<u64> = (from..=ack.tag).filter(|t| !acked.contains(t)).collect();
                    prop_assert!(new.iter().all(|t| settled.contains(t)), "{:?} of {:?}", new, settled);
                    acked.extend(new);
                }
            }
            acked.sort_unstable();
            prop_assert_eq!(acked, (1..=30).collect::<Vec<_>>());
            prop_assert_eq!(tracker.in_hand(), 0);
        }
    }
}
