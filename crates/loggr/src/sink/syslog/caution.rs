//! Lines on which a target ends the connection without a word: found one by one, and given up in the end.
//!
//! Over RELP a target that does not want a line says so. Some close the connection instead, and would get the
//! same batch for ever. So after some closings fewer lines are under way, and then one alone; a line that was
//! under way alone when the connection ended goes behind the others, and is tried again. Where the target
//! takes others meanwhile it is this line that it does not want. Where it ends the connection on another line
//! too, and takes none, it is not the line that is at fault but the target: then all of them wait. Not here:
//! connections, and what else fails.

use std::collections::HashMap;

use super::work::{Key, Work};

/// So many closings, none of them behind an answer, until fewer lines are under way at one time.
pub const CLOSINGS_BEFORE_CARE: u32 = 3;
/// How many they are then. After one closing more it is one.
pub const CAREFUL_LINES: usize = 64;
/// A line goes to the rescue when the connection has ended so often while it was under way alone, and the
/// target took others meanwhile.
pub const MAX_CLOSINGS_ON_A_LINE: u32 = 3;
/// The same where there was no other line that it could have taken, nor one that it has ended the connection
/// on as well.
pub const MAX_CLOSINGS_ALONE: u32 = 20;

/// What is known of the closings on an unfinished batch.
#[derive(Clone, Debug, Default)]
pub struct Caution {
    closings: u32,
    blamed: HashMap<Key, Blame>,
    /// Lines on which it has ended, each of them alone, since the target took one last: two are enough to know.
    /// They may be of several batches.
    alone: Vec<Key>,
}

/// A line that was under way alone when the connection ended.
#[derive(Clone, Debug, Default)]
struct Blame {
    closings: u32,
    /// The target has taken other lines in one of the tries.
    others: bool,
    target: String,
}

impl Blame {
    fn is_enough(&self, is_targets_fault: bool) -> bool {
        match self.others {
            true => self.closings >= MAX_CLOSINGS_ON_A_LINE,
            false => self.closings >= MAX_CLOSINGS_ALONE && !is_targets_fault,
        }
    }
}

impl Caution {
    /// The target ends the connection whatever it gets.
    pub fn is_targets_fault(&self) -> bool {
        self.alone.len() > 1
    }

    /// Tells a batch how many lines may be under way; the blamed ones go last, or nowhere any more.
    pub fn apply(&self, work: &mut Work) {
        work.set_width(match self.closings {
            ..CLOSINGS_BEFORE_CARE => usize::MAX,
            CLOSINGS_BEFORE_CARE => CAREFUL_LINES,
            _ => 1,
        });
        if self.blamed.is_empty() {
            return;
        }
        work.put_last(|key| self.blamed.contains_key(key));
        let is_targets_fault = self.is_targets_fault();
        for (key, blame) in self.blamed.iter().filter(|(_, blame)| blame.is_enough(is_targets_fault)) {
            let Blame { closings, target, .. } = blame;
            work.give_up(
                key,
                format!("`{target}` has closed the connection {closings} times when it got this line alone, and has said nothing"),
            );
        }
    }

    /// A try has failed.
    pub fn note(&mut self, work: &Work) {
        let progress = work.counts().0 > 0;
        if progress {
            self.took_some();
        }
        let Some(ended) = work.ended() else { return };
        let is_careful = self.closings >= CLOSINGS_BEFORE_CARE;
        // As long as something gets through at full width the connection is to blame, not a line.
        self.closings = if progress && !is_careful { 0 } else { self.closings.saturating_add(1) };
        if let Some(key) = ended.alone.filter(|_| work.width() == 1) {
            if !self.is_targets_fault() && !self.alone.contains(&key) {
                self.alone.push(key);
            }
            let blame = self.blamed.entry(key).or_default();
            blame.closings = blame.closings.saturating_add(1);
            blame.target.clone_from(&ended.target);
        }
        if progress {
            self.blamed.values_mut().for_each(|blame| blame.others = true);
        }
    }

    /// The target has taken a line: what it did while it took none is no longer held against any.
    fn took_some(&mut self) {
        if self.is_targets_fault() {
            self.blamed.clear();
        }
        self.alone.clear();
    }

    /// The batch is done, or goes on without what was refused.
    pub fn calm(&mut self, work: &Work) {
        if work.counts().0 > 0 {
            self.alone.clear();
        }
        // What the target has done last counts for the next batch, too: it may have a single line.
        *self = Caution { alone: std::mem::take(&mut self.alone), ..Caution::default() };
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::DumpFormat;
    use loggr_flow::contract;

    use super::super::work::{Ended, Line};
    use super::*;

    /// Hands a batch to a target that closes on these texts and takes all others, in so many tries at most.
    /// What was refused in the end; `None` where the batch still waits.
    fn through(caution: &mut Caution, texts: &[&str], closes_on: &[&str], tries: u32) -> Option<Vec<String>> {
        let batch = contract::lines(texts);
        let mut settled = super::super::work::Settled::default();
        for _ in 0..tries {
            let mut work = Work::new(&batch, &DumpFormat::Message);
            work.recall(&settled);
            caution.apply(&mut work);
            let width = work.width();
            'session: loop {
                let lines: Vec<Line> =
                    std::iter::from_fn(|| work.next()).take(width.min(texts.len())).collect();
                if lines.is_empty() {
                    break;
                }
                // Like loggr: it answers when all that was read is stored.
                let bad = |line: &Line| closes_on.iter().any(|text| text.as_bytes() == line.as_ref());
                if lines.iter().any(bad) {
                    let alone = (lines.len() == 1).then(|| lines[0].key());
                    work.again(&lines);
                    work.set_ended(Ended { target: "a:1".to_owned(), alone });
                    break 'session;
                }
                lines.iter().for_each(|line| work.taken(line));
            }
            if work.is_settled() {
                caution.calm(&work);
                let (_, flags) = work.refusal().unwrap_or_default();
                let refused = texts.iter().zip(flags).filter(|(_, refused)| *refused);
                return Some(refused.map(|(text, _)| (*text).to_owned()).collect());
            }
            caution.note(&work);
            work.remember(&mut settled);
        }
        None
    }

    /// What is refused of a batch in so many tries; nothing: it waits.
    #[track_caller]
    fn check(texts: &[&str], closes_on: &[&str], tries: u32, refused: &[&str]) {
        let found = through(&mut Caution::default(), texts, closes_on, tries);
        assert_eq!(found.unwrap_or_default(), refused);
    }

    #[test]
    fn a_line_on_which_the_target_closes_is_found_among_many() {
        let many: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let tries = CLOSINGS_BEFORE_CARE + 1 + MAX_CLOSINGS_ON_A_LINE + 1;
        check(&many, &["0"], tries, &["0"]);
        check(&many, &["250"], tries, &["250"]);
        check(&many, &["499"], tries, &["499"]);
    }

    #[test]
    fn several_are_found_too() {
        let texts = ["a", "bad", "b", "worse", "c"];
        check(&texts, &["bad", "worse"], 30, &["bad", "worse"]);
    }

    #[test]
    fn a_line_that_has_no_other_beside_it_is_tried_longer() {
        let tries = CLOSINGS_BEFORE_CARE + 1 + MAX_CLOSINGS_ALONE;
        check(&["bad"], &["bad"], tries, &[]);
        check(&["bad"], &["bad"], tries + 1, &["bad"]);
    }

    #[test]
    fn a_target_that_closes_on_everything_gives_no_line_to_the_rescue() {
        let all = ["a", "b", "c"];
        let mut caution = Caution::default();
        assert_eq!(through(&mut caution, &all, &all, 20 * MAX_CLOSINGS_ALONE), None);
        assert!(caution.is_targets_fault());
        // It is in order again, but for one line.
        let tries = MAX_CLOSINGS_ON_A_LINE + 1;
        assert_eq!(through(&mut caution, &all, &["b"], tries), Some(vec!["b".to_owned()]));
        assert!(!caution.is_targets_fault());
    }

    #[test]
    fn of_batches_with_one_line_it_gives_one_at_most() {
        let mut caution = Caution::default();
        let tries = 20 * MAX_CLOSINGS_ALONE;
        assert_eq!(through(&mut caution, &["a"], &["a"], tries), Some(vec!["a".to_owned()]));
        assert_eq!(through(&mut caution, &["b"], &["b"], tries), None, "the target is at fault, and no line");
        assert!(caution.is_targets_fault());
        // It takes lines again: one on which it closes then is to blame.
        assert_eq!(through(&mut caution, &["b"], &[], 1), Some(Vec::new()));
        assert_eq!(through(&mut caution, &["c"], &["c"], tries), Some(vec!["c".to_owned()]));
    }
}
