//! A bounded memory of values by key, which all workers of an engine share.
//!
//! The engine decides what is remembered and for how long. Invariant: there are never more keys
//! than the capacity. A key that has not been used since the clock hand last passed it makes room
//! for a new one; its value is forgotten, and an engine must give right answers without it. A lock
//! is held for one look at one key.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::{Arguments, BuildError, Call, Kind, Parameter, optional};

/// Parts with a lock of their own.
const SHARDS: usize = 16;
/// Keys below which one part is enough, so that the capacity is exact.
const ONE_SHARD_KEYS: usize = 1024;

/// 128 bits of two SipHashes under keys of this process: nobody who writes log lines can make
/// two keys equal, and by chance no two ever are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

/// The memory: values by key.
pub(super) struct Keyed<V> {
    states: [RandomState; 2],
    shards: Vec<Mutex<Shard<V>>>,
    shard_keys: usize,
}

struct Shard<V> {
    places: HashMap<Key, usize, BuildHasherDefault<Taken>>,
    slots: Vec<Slot<V>>,
    hand: usize,
}

struct Slot<V> {
    key: Key,
    used: bool,
    value: V,
}

impl<V> Keyed<V> {
    pub fn new(capacity: usize) -> Keyed<V> {
        let shards = if capacity < ONE_SHARD_KEYS { 1 } else { SHARDS };
        let empty = || Mutex::new(Shard { places: HashMap::default(), slots: Vec::new(), hand: 0 });
        Keyed {
            states: [RandomState::new(), RandomState::new()],
            shards: (0..shards).map(|_| empty()).collect(),
            shard_keys: (capacity / shards).max(1),
        }
    }

    /// The key of some values. A missing value differs from an empty one.
    pub fn key<'p>(&self, parts: impl Iterator<Item = Option<&'p str>>) -> Key {
        let mut hashers = [self.states[0].build_hasher(), self.states[1].build_hasher()];
        for part in parts {
            for hasher in &mut hashers {
                match part {
                    Some(text) => {
                        hasher.write_usize(text.len());
                        hasher.write(text.as_bytes());
                    }
                    None => hasher.write_usize(usize::MAX),
                }
            }
        }
        Key(hashers[0].finish(), hashers[1].finish())
    }

    /// Calls `work` with the value of a key, which is made if there is none.
    pub fn with<R>(&self, key: Key, new: impl FnOnce() -> V, work: impl FnOnce(&mut V) -> R) -> R {
        // The lower bits find the place in the map.
        let shard = (key.0 >> 48) as usize % self.shards.len();
        let Some(shard) = self.shards.get(shard) else { return work(&mut new()) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match shard.places.get(&key) {
            Some(place) => {
                let place = *place;
                if let Some(slot) = shard.slots.get_mut(place) {
                    slot.used = true;
                }
                place
            }
            None => shard.insert(key, new(), self.shard_keys),
        };
        let slot = shard.slots.get_mut(place).expect("BUG: a key has a place that does not exist");
        work(&mut slot.value)
    }

    /// The value of a key, if there is one.
    pub fn get<R>(&self, key: Key, look: impl FnOnce(&V) -> R) -> Option<R> {
        let shard = self.shards.get((key.0 >> 48) as usize % self.shards.len())?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let place = *shard.places.get(&key)?;
        let slot = shard.slots.get_mut(place)?;
        slot.used = true;
        Some(look(&slot.value))
    }

    /// How many keys there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).slots.len()).sum()
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: Key, value: V, most: usize) -> usize {
        // A key counts as used only when it comes again, so that keys that come once make room
        // first.
        let slot = Slot { key, used: false, value };
        if self.slots.len() < most {
            self.slots.push(slot);
            self.places.insert(key, self.slots.len() - 1);
            return self.slots.len() - 1;
        }
        let place = loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            match self.slots.get_mut(place) {
                Some(slot) if slot.used => slot.used = false,
                _ => break place,
            }
        };
        if let Some(old) = self.slots.get_mut(place) {
            self.places.remove(&old.key);
            *old = slot;
        }
        self.places.insert(key, place);
        place
    }
}

/// A hasher that takes the key as it is, because the key is a hash already.
#[derive(Default)]
struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, part: u64) {
        self.0 ^= part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The values of some operands; `None` if the event has none of them.
pub(super) fn parts<'c>(
    call: &'c Call<'_, '_>,
    places: &'c [usize],
) -> Option<impl Iterator<Item = Option<&'c str>>> {
    let values = || places.iter().map(|p| call.operands.get(*p).and_then(|v| v.as_deref()));
    values().any(|v| v.is_some()).then(values)
}

/// The argument `max_keys`.
pub(super) const MAX_KEYS: Parameter = optional(
    "max_keys",
    Kind::Number,
    "100000",
    "how many keys loggr remembers (about 100 bytes each); when there are more it forgets those that came \
     up least recently",
);

/// Most keys that a filter may ask for.
const MAX_MAX_KEYS: u64 = 10_000_000;

/// The value of [`MAX_KEYS`].
pub(super) fn max_keys(arguments: &Arguments) -> Result<usize, BuildError> {
    Ok(whole(arguments, "max_keys", MAX_MAX_KEYS)?.unwrap_or(1) as usize)
}

/// A whole number from 1; `None` where it was left out.
pub(super) fn whole(arguments: &Arguments, name: &'static str, most: u64) -> Result<Option<u64>, BuildError> {
    match arguments.number(name) {
        None => Ok(None),
        Some(n) if n >= 1.0 && n <= most as f64 && n.fract() == 0.0 => Ok(Some(n as u64)),
        Some(_) => {
            Err(BuildError::argument(name, format!("`{name}` must be a whole number from 1 to {most}")))
        }
    }
}

/// A duration in microseconds.
pub(super) fn micros(arguments: &Arguments, name: &'static str) -> i64 {
    (arguments.number(name).unwrap_or(0.0) * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(keyed: &Keyed<u32>, text: &str) -> Key {
        keyed.key([Some(text)].into_iter())
    }

    #[test]
    fn parts_do_not_run_together() {
        let keyed = Keyed::<u32>::new(10);
        let all = [
            vec![Some("ab"), Some("c")],
            vec![Some("a"), Some("bc")],
            vec![Some("abc")],
            vec![Some("abc"), None],
            vec![Some("abc"), Some("")],
            vec![None, Some("abc")],
            vec![],
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                let [a, b] = [a, b].map(|parts| keyed.key(parts.iter().copied()));
                assert_eq!(a == b, i == j, "{i} {j}");
            }
        }
    }

    #[test]
    fn what_comes_once_makes_room_before_what_comes_often() {
        let keyed = Keyed::new(100);
        let often = key(&keyed, "often");
        for n in 0..10_000 {
            keyed.with(often, || 0, |v| *v += 1);
            keyed.with(key(&keyed, &n.to_string()), || 0, |_| ());
        }
        assert_eq!(keyed.len(), 100);
        assert_eq!(keyed.get(often, |v| *v), Some(10_000));
        assert_eq!(keyed.get(key(&keyed, "17"), |v| *v), None);
    }

    #[test]
    fn there_are_never_more_keys_than_the_capacity() {
        for capacity in [1, 2, 1023, 1024, 5000] {
            let keyed = Keyed::new(capacity);
            for n in 0..20_000 {
                keyed.with(key(&keyed, &n.to_string()), || 0, |_| ());
            }
            assert!(
                keyed.len() <= capacity && keyed.len() > capacity * 9 / 10,
                "{capacity}: {}",
                keyed.len()
            );
        }
    }
}
