//! What one listener, machine or shipper does with the seals of a delivery.
//!
//! It needs the processor: an event is parsed, hashed, and encoded where it changes. Whoever calls it
//! must be off the reactor.

use std::borrow::Cow;
use std::sync::Arc;

use loggr_event::{Defect, Event, SealKeys, Timestamp, Verdict};
use loggr_flow::{Batch, BatchBuilder, Delivery, Record};

use crate::config::Seal;
use crate::process::clock::now;
use crate::process::meter::Counter;
use crate::process::telemetry::SECURITY;
use crate::process::told::Told;

/// Bytes of a batch that sealing has made, at most, and one event more: a sealed event is larger.
const MAX_SEALED_BYTES: usize = 8 << 20;

/// Why an event goes to the rescue where a good seal is required. The rescue counts by these texts.
const BROKEN: &str = "the seal is broken, and `seal = \"require\"` demands a good one";
const MISSING: &str = "the event has no seal, and `seal = \"require\"` demands a good one";

/// What a listener, a machine or a shipper does with seals, and what it has found.
#[derive(Debug)]
pub struct Sealing {
    /// Its counters.
    pub stats: SealStats,
    keys: Arc<SealKeys>,
    mode: Seal,
    /// `listener`, `machine` or `ship`.
    kind: &'static str,
    name: String,
    told: Told,
}

/// Counted since the process started.
#[derive(Debug, Default)]
pub struct SealStats {
    /// Events that were sealed here.
    pub signed: Counter,
    /// Events that came with a good seal.
    pub good: Counter,
    /// Events that came with a broken one.
    pub broken: Counter,
    /// Events that came with none.
    pub unsealed: Counter,
    /// Events that went to the rescue for want of a good seal.
    pub refused: Counter,
}

/// What is to be done with one event.
struct Judged<'r> {
    /// The event, if it is another one than before.
    changed: Option<Event<'r>>,
    /// Why it goes to the rescue.
    refused: Option<&'static str>,
}

impl Sealing {
    /// For a part of this kind and name; `None` where it does nothing with seals.
    pub fn new(
        mode: Option<Seal>,
        keys: &Arc<SealKeys>,
        kind: &'static str,
        name: &str,
    ) -> Option<Arc<Sealing>> {
        let (name, keys) = (name.to_owned(), keys.clone());
        let of =
            |mode| Sealing { stats: SealStats::default(), keys, mode, kind, name, told: Told::default() };
        mode.map(of).map(Arc::new)
    }

    /// `listener`, `machine` or `ship`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name of the listener, machine or shipper.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does it seal?
    pub fn signs(&self) -> bool {
        self.mode == Seal::Sign
    }

    /// Looks at all events, and seals those without a seal if it is told to. Gives what is left of the
    /// delivery in parts; one of events that are refused is unfit and says why.
    pub fn work(&self, delivery: Delivery) -> Vec<Delivery> {
        self.each(delivery, self.signs())
    }

    /// The same, and seals nothing.
    pub fn look(&self, delivery: Delivery) -> Vec<Delivery> {
        self.each(delivery, false)
    }

    /// Seals an event that leaves; `before` is what it was when it came, and had been looked at. True
    /// if it is another one now.
    pub fn finish<'e>(&self, before: &Seen<'e>, event: &mut Event<'e>) -> bool {
        if let Some((hmac, time)) = &before.broken {
            // A seal that is broken stays, whatever a filter has changed.
            if event.hmac == *hmac && event.timehmac == *time {
                return false;
            }
            (event.hmac, event.timehmac) = (hmac.clone(), *time);
            return true;
        }
        self.signs() && event.hmac.is_none() && self.sign(event, now())
    }

    fn sign(&self, event: &mut Event<'_>, at: Timestamp) -> bool {
        let is_signed = self.keys.seal(event, at);
        self.stats.signed.add(u64::from(is_signed));
        is_signed
    }

    fn each(&self, delivery: Delivery, signs: bool) -> Vec<Delivery> {
        // It is on its way to the rescue.
        if delivery.unfit_reason().is_some() {
            return vec![delivery];
        }
        let (mut parts, mut rest) = (Vec::new(), Some(delivery));
        while let Some(delivery) = rest.take() {
            let Done { looked_at, made, refused } = self.batch(delivery.batch(), signs);
            let delivery = match delivery.split(looked_at) {
                Ok((done, later)) => {
                    rest = Some(later);
                    done
                }
                Err(whole) => whole,
            };
            let delivery = match made {
                Some(made) => delivery.sift(&vec![true; looked_at], Some(made)),
                None => Some(delivery),
            };
            let Some(delivery) = delivery else { continue };
            if refused.iter().all(Option::is_none) {
                parts.push(delivery);
                continue;
            }
            let mut why = refused.into_iter();
            let split = delivery.partition(|_| why.next().flatten());
            parts.extend(split.into_iter().map(|(why, part)| match why {
                Some(why) => part.unfit(why),
                None => part,
            }));
        }
        parts
    }

    /// Works on the first records of a batch: on all, unless they grow too large.
    fn batch(&self, batch: &Batch, signs: bool) -> Done {
        let at = now();
        let mut done = Done { looked_at: 0, made: None, refused: Vec::with_capacity(batch.len()) };
        let mut making: Option<BatchBuilder> = None;
        for record in batch.records() {
            if making.as_ref().is_some_and(|made| made.byte_len() >= MAX_SEALED_BYTES) {
                break;
            }
            let Judged { changed, refused } = self.judge(&record, at, signs);
            match (&changed, &mut making) {
                (Some(event), Some(made)) => made.push_changed(&record, event),
                (None, Some(made)) => made.push_record(&record),
                (Some(event), None) => {
                    // What came before is as it was.
                    let mut made = BatchBuilder::with_capacity(batch.byte_len());
                    batch.records().take(done.looked_at).for_each(|before| made.push_record(&before));
                    made.push_changed(&record, event);
                    making = Some(made);
                }
                (None, None) => {}
            }
            done.looked_at += 1;
            done.refused.push(refused);
        }
        done.made = making.and_then(|mut made| made.finish());
        done
    }

    fn judge<'r>(&self, record: &Record<'r>, at: Timestamp, signs: bool) -> Judged<'r> {
        let mut event = record.event();
        let requires = self.mode == Seal::Require;
        match self.keys.verify(&event) {
            Verdict::Good => {
                self.stats.good.add(1);
                Judged { changed: None, refused: None }
            }
            // Its seal was broken before, and went lost since: it gets no new one.
            Verdict::Unsealed if event.defects.contains(Defect::BadHmac) => self.broken(event, false),
            Verdict::Bad => {
                let is_new = !event.defects.contains(Defect::BadHmac);
                event.defects.insert(Defect::BadHmac);
                self.broken(event, is_new)
            }
            Verdict::Unsealed => {
                self.stats.unsealed.add(1);
                self.stats.refused.add(u64::from(requires));
                let is_signed = signs && self.sign(&mut event, at);
                Judged { changed: is_signed.then_some(event), refused: requires.then_some(MISSING) }
            }
        }
    }

    /// An event whose seal is broken; `is_new`: nobody had noticed.
    fn broken<'r>(&self, event: Event<'r>, is_new: bool) -> Judged<'r> {
        let requires = self.mode == Seal::Require;
        self.stats.broken.add(1);
        self.stats.refused.add(u64::from(requires));
        self.tell(&event);
        Judged { changed: is_new.then_some(event), refused: requires.then_some(BROKEN) }
    }

    /// Says it in the security log: once in a while for each peer.
    fn tell(&self, event: &Event<'_>) {
        let peer = event.origin.as_deref().map_or("", |origin| origin.peer_host());
        let Some(unsaid) = self.told.tell(peer) else { return };
        let unsaid = (unsaid > 0).then_some(unsaid);
        let (kind, name, uid) = (self.kind, self.name.as_str(), event.uid.to_string());
        let (source, app_name) = (cut(&event.source), cut(&event.app_name));
        tracing::warn!(
            target: SECURITY,
            security = "bad_hmac",
            kind,
            name,
            peer,
            uid,
            source,
            app_name,
            unsaid,
            "the seal of an event is broken: it was changed after it was sealed, or sealed with a key that is not here"
        );
    }
}

/// Characters of a text from an event that the log shows.
const MAX_SHOWN: usize = 100;

fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN).map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

/// What is done with the first records of a batch.
struct Done {
    looked_at: usize,
    /// They, where one of them has changed.
    made: Option<Batch>,
    /// For each of them, why it goes to the rescue.
    refused: Vec<Option<&'static str>>,
}

/// What is remembered of an event's seal while a filter works on it.
#[derive(Debug)]
pub struct Seen<'e> {
    /// The seal, if it is known to be broken.
    broken: Option<(Option<Cow<'e, str>>, Option<Timestamp>)>,
}

impl<'e> Seen<'e> {
    /// Of an event as it came.
    pub fn of(event: &Event<'e>) -> Seen<'e> {
        let broken = event.defects.contains(Defect::BadHmac);
        Seen { broken: broken.then(|| (event.hmac.clone(), event.timehmac)) }
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::Uid;
    use loggr_flow::Ack;

    use super::*;

    const TIME: Timestamp = Timestamp::from_unix_micros(1_795_341_600_000_000);

    fn keys(all: &[&'static str]) -> Arc<SealKeys> {
        Arc::new(SealKeys::new(all.iter().map(|key| (*key, key.as_bytes()))))
    }

    fn sealing(mode: Seal) -> Arc<Sealing> {
        Sealing::new(Some(mode), &keys(&["new", "old"]), "ship", "s").unwrap()
    }

    /// An event for each word: what its seal is like.
    fn delivery(words: &str) -> Delivery {
        let mut made = BatchBuilder::default();
        for (number, word) in words.split(' ').enumerate() {
            let mut event = Event { message: word.to_owned().into(), ..Event::default() };
            event.uid = Uid::from_bytes([number as u8; 16]);
            match word {
                "none" => {}
                "lost" => event.defects.insert(Defect::BadHmac),
                "changed" => {
                    event.seal(b"new", TIME);
                    event.facility = loggr_event::Facility::KERN;
                }
                key => event.seal(key.as_bytes(), TIME),
            }
            made.push_event(&event);
        }
        Delivery::new(made.finish().unwrap(), Ack::unreliable(|| ()))
    }

    /// Each part: its events with their verdicts, and why it is refused.
    fn shown(parts: &[Delivery], keys: &SealKeys) -> String {
        let event = |record: Record<'_>| {
            let event = record.event();
            let verdict = match keys.verify(&event) {
                Verdict::Good => keys.key_of(&event).unwrap_or_default(),
                Verdict::Bad => "broken",
                Verdict::Unsealed => "unsealed",
            };
            let mark = if event.defects.contains(Defect::BadHmac) { "!" } else { "" };
            format!("{}={verdict}{mark}", event.message)
        };
        let part = |part: &Delivery| {
            let events: Vec<String> = part.batch().records().map(event).collect();
            let why =
                part.unfit_reason().map(|why| format!(": {}", why.split(',').next().unwrap_or_default()));
            events.join(" ") + &why.unwrap_or_default()
        };
        parts.iter().map(part).collect::<Vec<_>>().join(" | ")
    }

    #[track_caller]
    fn check(mode: Seal, words: &str, expect: &str) {
        let sealing = sealing(mode);
        assert_eq!(shown(&sealing.work(delivery(words)), &sealing.keys), expect, "{mode:?} {words}");
    }

    #[test]
    fn each_mode() {
        let all = "none new old other changed lost";
        check(Seal::Sign, all, "none=new new=new old=old other=broken! changed=broken! lost=unsealed!");
        check(
            Seal::Verify,
            all,
            "none=unsealed new=new old=old other=broken! changed=broken! lost=unsealed!",
        );
        check(
            Seal::Require,
            all,
            "new=new old=old | none=unsealed: the event has no seal | other=broken! changed=broken! lost=unsealed!: \
             the seal is broken",
        );
        check(Seal::Require, "new old", "new=new old=old");
    }

    #[test]
    fn what_does_not_change_is_not_made_anew() {
        for (mode, words) in [(Seal::Verify, "none new"), (Seal::Sign, "new old"), (Seal::Require, "new")] {
            let delivery = delivery(words);
            let bytes = delivery.batch().chunks()[0].record_bytes().as_ptr();
            let parts = sealing(mode).work(delivery);
            assert_eq!(parts[0].batch().chunks()[0].record_bytes().as_ptr(), bytes, "{words}");
        }
    }

    #[test]
    fn everything_is_counted() {
        let sealing = sealing(Seal::Require);
        drop(sealing.work(delivery("none none new other changed lost")));
        let SealStats { signed, good, broken, unsealed, refused } = &sealing.stats;
        let counted = [signed, good, broken, unsealed, refused].map(Counter::get);
        assert_eq!(counted, [0, 1, 3, 2, 5]);
    }

    #[test]
    fn a_delivery_that_goes_to_the_rescue_is_left_alone() {
        let parts = sealing(Seal::Sign).work(delivery("none").unfit("cannot be read"));
        assert_eq!(shown(&parts, &keys(&[])), "none=unsealed: cannot be read");
    }

    #[test]
    fn batches_that_grow_too_large_are_cut() {
        let mut made = BatchBuilder::default();
        let text = "x".repeat(MAX_SEALED_BYTES / 3);
        for _ in 0..8 {
            made.push_event(&Event { message: text.as_str().into(), ..Event::default() });
        }
        let delivery = Delivery::new(made.finish().unwrap(), Ack::unreliable(|| ()));
        let parts = sealing(Seal::Sign).work(delivery);
        assert_eq!(parts.iter().map(|part| part.batch().len()).collect::<Vec<_>>(), [3, 3, 2]);
    }

    /// What becomes of an event that a filter changes.
    #[track_caller]
    fn check_changed(mode: Seal, word: &str, expect: &str) {
        let sealing = sealing(mode);
        let came = sealing.look(delivery(word));
        let record = came[0].batch().records().next().unwrap();
        let mut event = record.event();
        let before = Seen::of(&event);
        event.source = "elsewhere".into();
        (event.hmac, event.timehmac) = (None, None);
        sealing.finish(&before, &mut event);
        let mut made = BatchBuilder::default();
        made.push_changed(&record, &event);
        let left = Delivery::new(made.finish().unwrap(), Ack::unreliable(|| ()));
        assert_eq!(shown(&[left], &sealing.keys), expect, "{mode:?} {word}");
    }

    #[test]
    fn a_machine_seals_what_leaves_it() {
        check_changed(Seal::Sign, "none", "none=new");
        check_changed(Seal::Sign, "old", "old=new");
        check_changed(Seal::Sign, "other", "other=broken!");
        check_changed(Seal::Sign, "changed", "changed=broken!");
        check_changed(Seal::Sign, "lost", "lost=unsealed!");
        check_changed(Seal::Verify, "old", "old=unsealed");
        check_changed(Seal::Verify, "other", "other=broken!");
    }
}
