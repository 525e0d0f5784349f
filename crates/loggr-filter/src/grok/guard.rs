//! A linear-time engine that turns away texts which cannot match, before PCRE2 sees them.
//!
//! It is a lazily built automaton of bounded memory. If it would have to be built anew again and
//! again for a text it gives up at once, and PCRE2 decides within its limit.

use std::sync::OnceLock;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind, nfa::thompson};

/// Memory of one automaton's states, in bytes.
const MAX_STATES_BYTES: usize = 1 << 20;
/// Largest compiled expression in bytes.
const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// How often the states may be thrown away for one text before the automaton gives up.
const MAX_RESTARTS: usize = 3;

/// An expression that matches at least what the original does; compiled when the first text needs
/// it.
#[derive(Debug)]
pub(super) struct Guard {
    relaxed: String,
    dfa: OnceLock<Option<DFA>>,
    /// Reads a text from its end to its beginning.
    back: OnceLock<Option<DFA>>,
}

impl Guard {
    pub fn new(relaxed: String) -> Guard {
        Guard { relaxed, dfa: OnceLock::new(), back: OnceLock::new() }
    }

    fn dfa(&self) -> Option<&DFA> {
        self.dfa.get_or_init(|| compile(&self.relaxed, false)).as_ref()
    }

    /// False if nothing in this text can match.
    pub fn may_match(&self, text: &[u8], memory: &mut Option<Cache>) -> bool {
        let Some(dfa) = self.dfa() else { return true };
        let cache = memory.get_or_insert_with(|| dfa.create_cache());
        let input = Input::new(text).anchored(Anchored::No).earliest(true);
        !matches!(dfa.try_search_fwd(cache, &input), Ok(None))
    }

    /// The first place where something may match; before it nothing does.
    pub fn start(&self, text: &[u8], forward: &mut Option<Cache>, back: &mut Option<Cache>) -> Option<usize> {
        let dfa = self.dfa()?;
        let forward = forward.get_or_insert_with(|| dfa.create_cache());
        let end = dfa.try_search_fwd(forward, &Input::new(text)).ok()??.offset();
        let dfa = self.back.get_or_init(|| compile(&self.relaxed, true)).as_ref()?;
        let back = back.get_or_insert_with(|| dfa.create_cache());
        let input = Input::new(text).anchored(Anchored::Yes).range(..end);
        Some(dfa.try_search_rev(back, &input).ok()??.offset())
    }

    /// A guard that turns nothing away.
    #[cfg(test)]
    pub fn none() -> Guard {
        Guard { relaxed: String::new(), dfa: OnceLock::from(None), back: OnceLock::from(None) }
    }

    #[cfg(test)]
    pub fn is_there(&self) -> bool {
        self.dfa().is_some()
    }
}

fn compile(relaxed: &str, reverse: bool) -> Option<DFA> {
    // Backwards, the longest way leads to the first beginning.
    let kind = if reverse { MatchKind::All } else { MatchKind::LeftmostFirst };
    let config = DFA::config()
        .match_kind(kind)
        .cache_capacity(MAX_STATES_BYTES)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(MAX_RESTARTS))
        .minimum_bytes_per_state(Some(10));
    DFA::builder()
        .configure(config)
        .syntax(syntax::Config::new().utf8(false).unicode(false))
        .thompson(
            thompson::Config::new().utf8(false).reverse(reverse).nfa_size_limit(Some(MAX_PROGRAM_BYTES)),
        )
        .build(relaxed)
        .ok()
}
