//! The two regular expression engines for one form of an expression, and the limits of their work.
//!
//! PCRE2 counts the places at which it tries to go on, but not the text that it reads between them:
//! a million such steps may take a millisecond or a minute. So it first gets few steps, and then
//! four times as many each time, as long as the next try can be expected to stay within
//! [`MATCH_BUDGET`].

use std::sync::OnceLock;
use std::time::Duration;

use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};
use regex_automata::hybrid::dfa::Cache;
use rustix::time::{ClockId, clock_gettime};

use super::form::Form;
use super::guard::Guard;
use super::pcre::{print, print_compact};
use super::syntax::Expression;
use super::{GrokError, Limit};

/// Most steps that PCRE2 may take for one text.
pub const MATCH_LIMIT: u32 = 1_024_000;
/// Processor time that one pattern may take for one text, about.
pub const MATCH_BUDGET: Duration = Duration::from_millis(50);
/// The numbers of steps that PCRE2 gets, one after the other; each is [`STEP`] times the one
/// before.
const STEPS: [u32; 7] = [250, 1_000, 4_000, 16_000, 64_000, 256_000, MATCH_LIMIT];
const STEP: u32 = 4;
/// The index in [`STEPS`] with which texts begin that are not long.
const SHORT: usize = 2;
/// Texts of this length in bytes and longer begin with the fewest steps, because one step may read
/// all of it.
const LONG_TEXT_BYTES: usize = 4096;
/// Memory that PCRE2's compiled code may use for its stack, in bytes.
const MAX_STACK_BYTES: usize = 1 << 20;
/// Memory that PCRE2 may use where the processor cannot run compiled code, in KiB.
const MAX_HEAP_KIB: u32 = 16 << 10;
/// PCRE2's number for the error that the steps are used up.
const PCRE2_ERROR_MATCHLIMIT: i32 = -47;
/// After so many matches in a row PCRE2 is asked first.
const TRUSTED_AFTER: u32 = 32;

/// The engines for one form of an expression.
#[derive(Debug)]
pub(super) struct Engines {
    printed: String,
    form: Form,
    guard: Guard,
    /// By number of steps; most texts need one alone.
    tries: [OnceLock<Option<Regex>>; STEPS.len()],
}

/// Memory for one match at a time.
#[derive(Debug, Default)]
pub(super) struct Slot {
    tries: [Option<CaptureLocations>; STEPS.len()],
    guard: Option<Cache>,
    back: Option<Cache>,
    /// Matches in a row.
    streak: u32,
}

impl Engines {
    /// Compiles the parts that most texts need; the others are compiled when a text needs them.
    pub fn compile(expression: &Expression, form: Form, relaxed: String) -> Result<Engines, GrokError> {
        let mut printed = print(expression, form);
        let first = regex(&printed, form, SHORT).or_else(|error| {
            printed = print_compact(expression, form);
            regex(&printed, form, SHORT).map_err(|_| error)
        });
        let first =
            first.map_err(|e| GrokError::Syntax(format!("this expression cannot be used: {}", plain(&e))))?;
        let tries: [OnceLock<Option<Regex>>; STEPS.len()] = Default::default();
        if let Some(slot) = tries.get(SHORT) {
            slot.get_or_init(|| Some(first));
        }
        Ok(Engines { printed, form, guard: Guard::new(relaxed), tries })
    }

    /// Matches the text.
    pub fn find<'s>(&self, text: &str, slot: &'s mut Slot) -> Result<Option<&'s CaptureLocations>, Limit> {
        let bytes = text.as_bytes();
        // Texts that match often come in a row; then the guard would only do the work a second
        // time.
        let trusted = slot.streak >= TRUSTED_AFTER;
        if !trusted && !self.guard.may_match(bytes, &mut slot.guard) {
            slot.streak = 0;
            return Ok(None);
        }
        let mut found = self.attempt(bytes, 0, slot);
        if found.is_err() {
            // PCRE2 gave up on a text that the guard would have turned away.
            if trusted && !self.guard.may_match(bytes, &mut slot.guard) {
                slot.streak = 0;
                return Ok(None);
            }
            // Perhaps PCRE2 spent its steps on places where no match begins.
            if let Some(start) = self.guard.start(bytes, &mut slot.guard, &mut slot.back).filter(|s| *s > 0)
                && !self.printed.contains("\\G")
            {
                found = self.attempt(bytes, start, slot);
            }
        }
        match found {
            Ok(Some(number)) => {
                slot.streak = slot.streak.saturating_add(1);
                Ok(slot.tries.get(number).and_then(Option::as_ref))
            }
            Ok(None) => {
                slot.streak = 0;
                Ok(None)
            }
            Err(Limit) => {
                slot.streak = 0;
                Err(Limit)
            }
        }
    }

    /// Asks PCRE2, with more steps as long as there is time; gives which try found a match.
    fn attempt(&self, text: &[u8], start: usize, slot: &mut Slot) -> Result<Option<usize>, Limit> {
        let first = if text.len() > LONG_TEXT_BYTES { 0 } else { SHORT };
        let mut began = None;
        for number in first..STEPS.len() {
            let (Some(regex), Some(locations)) = (self.regex(number), slot.tries.get_mut(number)) else {
                return Err(Limit);
            };
            let locations = locations.get_or_insert_with(|| regex.capture_locations());
            match regex.captures_read_at(locations, text, start) {
                Ok(found) => return Ok(found.map(|_| number)),
                // PCRE2's stack is full, which more steps do not change.
                Err(error) if error.code() != PCRE2_ERROR_MATCHLIMIT => return Err(Limit),
                Err(_) => {
                    // The first try is too short to be measured.
                    let took = began.map(|began| processor_time().saturating_sub(began));
                    if took.is_some_and(|took| took * STEP > MATCH_BUDGET) {
                        return Err(Limit);
                    }
                    began = Some(processor_time());
                }
            }
        }
        Err(Limit)
    }

    fn regex(&self, number: usize) -> Option<&Regex> {
        self.tries.get(number)?.get_or_init(|| regex(&self.printed, self.form, number).ok()).as_ref()
    }

    #[cfg(test)]
    pub fn leave_guard(&mut self) {
        self.guard = Guard::none();
    }

    #[cfg(test)]
    pub fn has_guard(&self) -> bool {
        self.guard.is_there()
    }

    #[cfg(test)]
    pub fn make_small(&mut self, expression: &Expression) {
        self.printed = print_compact(expression, self.form);
        self.tries = Default::default();
    }

    #[cfg(test)]
    pub fn make_slow(&mut self) {
        self.printed = format!("(*NO_JIT)(*NO_START_OPT){}", self.printed);
        self.tries = Default::default();
    }
}

/// Processor time that this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

fn regex(printed: &str, form: Form, number: usize) -> Result<Regex, pcre2::Error> {
    let limit = STEPS.get(number).copied().unwrap_or(MATCH_LIMIT);
    RegexBuilder::new()
        .dotall(true)
        .multi_line(true)
        .utf(form == Form::Unicode)
        .jit_if_available(true)
        .max_jit_stack_size(Some(MAX_STACK_BYTES))
        .build(&format!("(*LIMIT_MATCH={limit})(*LIMIT_HEAP={MAX_HEAP_KIB}){printed}"))
}

/// PCRE2's message without its offset, which is one in the printed expression.
fn plain(error: &pcre2::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(": ").map_or(text.as_str(), |(_, last)| last);
    text.to_owned()
}
