//! What became of the events of a delivery, in numbers.
//!
//! Not who counts: see [`Delivery`](super::Delivery).

/// What became of the events of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Events that a sink holds durably.
    pub stored: u64,
    /// Events that the rescue holds durably.
    pub rescued: u64,
    /// Events that an explicit rule dropped.
    pub dropped: u64,
}

impl Tally {
    /// All of them.
    pub fn total(self) -> u64 {
        self.stored + self.rescued + self.dropped
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.stored += other.stored;
        self.rescued += other.rescued;
        self.dropped += other.dropped;
    }

    /// Takes `n` events out of the tally, for one of several origins.
    pub(super) fn take(&mut self, n: u64) -> Tally {
        let stored = self.stored.min(n);
        let rescued = self.rescued.min(n - stored);
        let dropped = self.dropped.min(n - stored - rescued);
        self.stored -= stored;
        self.rescued -= rescued;
        self.dropped -= dropped;
        Tally { stored, rescued, dropped }
    }

    /// The same outcome for another number of events, since a packer makes one of many.
    pub(super) fn scaled_to(self, n: u64) -> Tally {
        let rescued = self.rescued.min(n);
        let dropped = self.dropped.min(n - rescued);
        Tally { stored: n - rescued - dropped, rescued, dropped }
    }
}
