//! Lines on which a target ends the connection without a word: found one by one, and given up in the end.
//!
//! Over RELP a target that does not want a line says so. Some close the connection instead, and would get the
//! same batch for ever. So after some closings fewer lines are under way, and then one alone; a line that was
//! under way alone when the connection ended goes behind the others, and is tried again. A line is to blame
//! only where the target takes others: those beside it, or, where it has taken none, a line of loggr's own,
//! the question (`question.rs`). Where it closes on that too, it is not the line that is at fault but the
//! target: then all of them wait. Not here: connections, and what else fails.

use std::collections::HashMap;

use loggr_event::Uid;

use super::work::{Key, Work};

/// So many closings, none of them behind an answer, until fewer lines are under way at one time.
pub const CLOSINGS_BEFORE_CARE: u32 = 3;
/// How many they are then. After one closing more it is one.
pub const CAREFUL_LINES: usize = 64;
/// A line goes to the rescue when the connection has ended so often while it was under way alone, and the
/// target took others meanwhile.
pub const MAX_CLOSINGS_ON_A_LINE: u32 = 3;
/// So many closings on lines alone, while the target took none, until it is asked whether it takes any; and
/// until it is asked once more.
pub const CLOSINGS_BEFORE_QUESTION: u32 = 5;

/// What is known of the closings on an unfinished batch.
#[derive(Clone, Debug, Default)]
pub struct Caution {
    closings: u32,
    blamed: HashMap<Key, Blame>,
    /// Closings on lines alone since the target took one or was asked.
    unasked: u32,
    /// The target has ended the connection on the question, too.
    is_targets_fault: bool,
}

/// A line that was under way alone when the connection ended.
#[derive(Clone, Debug, Default)]
struct Blame {
    closings: u32,
    /// The target has taken other lines meanwhile.
    others: bool,
    target: String,
}

impl Blame {
    fn is_enough(&self) -> bool {
        self.others && self.closings >= MAX_CLOSINGS_ON_A_LINE
    }
}

impl Caution {
    /// The target ends the connection whatever it gets.
    pub fn is_targets_fault(&self) -> bool {
        self.is_targets_fault
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
        for (key, blame) in self.blamed.iter().filter(|(_, blame)| blame.is_enough()) {
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
            self.unasked = self.unasked.saturating_add(1);
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
        if self.is_targets_fault {
            self.blamed.clear();
        }
        (self.unasked, self.is_targets_fault) = (0, false);
    }

    /// It is time to ask the target whether it takes any line at all: the one about which it is.
    pub fn question(&mut self) -> Option<Uid> {
        if self.unasked < CLOSINGS_BEFORE_QUESTION {
            return None;
        }
        self.unasked = 0;
        self.blamed.iter().max_by_key(|(_, blame)| blame.closings).map(|((uid, _), _)| *uid)
    }

    /// The target has answered to the question. The closings before it may have had another reason: with one
    /// more a line is to blame.
    pub fn answered(&mut self) {
        self.is_targets_fault = false;
        for blame in self.blamed.values_mut() {
            (blame.closings, blame.others) = (blame.closings.min(MAX_CLOSINGS_ON_A_LINE - 1), true);
        }
    }

    /// The target has closed the connection on the question.
    pub fn closed(&mut self) {
        self.is_targets_fault = true;
    }

    /// The batch is done, or goes on without what was refused.
    pub fn calm(&mut self) {
        *self = Caution::default();
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::DumpFormat;
    use loggr_flow::contract;

    use super::super::work::{Ended, Line};
    use super::*;

    /// Hands a batch to a target that closes on these texts and takes all others, in so many tries at most.
    /// What was refused in the end; `None` where the batch still waits. The question it takes, if it takes
    /// `?`.
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
                caution.calm();
                let (_, flags) = work.refusal().unwrap_or_default();
                let refused = texts.iter().zip(flags).filter(|(_, refused)| *refused);
                return Some(refused.map(|(text, _)| (*text).to_owned()).collect());
            }
            caution.note(&work);
            work.remember(&mut settled);
            match caution.question() {
                Some(_) if closes_on.contains(&"?") => caution.closed(),
                Some(_) => caution.answered(),
                None => {}
            }
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

    /// So many tries until a line that is alone goes to the rescue.
    const ALONE: u32 = CLOSINGS_BEFORE_CARE + 1 + CLOSINGS_BEFORE_QUESTION + 1;

    #[test]
    fn a_line_that_has_no_other_beside_it_is_compared_with_the_question() {
        check(&["bad"], &["bad"], ALONE, &[]);
        check(&["bad"], &["bad"], ALONE + 1, &["bad"]);
    }

    #[test]
    fn of_two_that_are_all_there_is_both_are_found() {
        check(&["bad", "worse"], &["bad", "worse"], ALONE + 3, &["bad", "worse"]);
    }

    #[test]
    fn of_batches_with_one_line_one_goes_after_the_other() {
        let mut caution = Caution::default();
        for text in ["a", "b", "c"] {
            assert_eq!(
                through(&mut caution, &[text], &["a", "b", "c"], ALONE + 1),
                Some(vec![text.to_owned()])
            );
        }
    }

    #[test]
    fn a_target_that_closes_on_everything_gives_no_line_to_the_rescue() {
        for all in [&["a", "b", "c"][..], &["a"]] {
            let mut caution = Caution::default();
            assert_eq!(through(&mut caution, all, &["a", "b", "c", "?"], 1000), None);
            assert!(caution.is_targets_fault());
            // It takes lines again.
            assert_eq!(through(&mut caution, all, &[], 1), Some(Vec::new()));
            assert!(!caution.is_targets_fault());
        }
    }

    #[test]
    fn a_target_that_is_in_order_again_but_for_one_line() {
        let mut caution = Caution::default();
        let all = ["a", "b", "c"];
        assert_eq!(through(&mut caution, &all, &["a", "b", "c", "?"], 100), None);
        let tries = MAX_CLOSINGS_ON_A_LINE + 1;
        assert_eq!(through(&mut caution, &all, &["b"], tries), Some(vec!["b".to_owned()]));
        assert!(!caution.is_targets_fault());
    }
}
