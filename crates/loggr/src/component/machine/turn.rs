//! Turns: what several workers do at one time leaves the machine in the order in which it came.
//!
//! Who waits for a turn waits for work that was dealt before, never for work that was dealt later, and every
//! worker takes its work in order: so somebody can always go on. A turn that is dropped, by a panic too, is over.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Gives turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    gate: Arc<Gate>,
    dealt: u64,
}

impl Turns {
    /// The next one.
    pub fn deal(&mut self) -> Turn {
        let number = self.dealt;
        self.dealt += 1;
        Turn { gate: self.gate.clone(), number }
    }
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Whose turn it is.
    now: u64,
    /// Turns that are over before they came.
    over: BTreeSet<u64>,
}

/// The right to hand something on after everybody before has done so. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Arc<Gate>,
    number: u64,
}

impl Turn {
    /// Blocks until all turns before are over.
    pub fn wait(&self) {
        let mut state = self.gate.state();
        while state.now < self.number {
            state = self.gate.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.over.insert(self.number);
        let before = state.now;
        while let State { now, over } = &mut *state
            && over.remove(now)
        {
            *now += 1;
        }
        let has_come = state.now > before;
        drop(state);
        if has_come {
            self.gate.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_come_in_their_order() {
        let mut turns = Turns::default();
        let (done, order) = mpsc::channel();
        let dealt: Vec<Turn> = (0..4).map(|_| turns.deal()).collect();
        let threads: Vec<_> = dealt
            .into_iter()
            .rev()
            .map(|turn| {
                let done = done.clone();
                std::thread::spawn(move || {
                    turn.wait();
                    done.send(turn.number).unwrap();
                })
            })
            .collect();
        drop(done);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_turn_that_is_lost_holds_nobody_up() {
        let mut turns = Turns::default();
        let (first, second) = (turns.deal(), turns.deal());
        let lost = std::thread::spawn(move || {
            let _first = first;
            panic!("a bug");
        });
        second.wait();
        assert!(lost.join().is_err());
    }

    proptest! {
        #[test]
        fn the_last_turn_comes_when_all_others_are_over(order in Just((0usize..9).collect::<Vec<_>>()).prop_shuffle()) {
            let mut turns = Turns::default();
            let mut dealt: Vec<Option<Turn>> = order.iter().map(|_| Some(turns.deal())).collect();
            let last = turns.deal();
            for at in order {
                dealt[at] = None;
            }
            last.wait();
            prop_assert!(last.gate.state().over.is_empty());
        }
    }
}
