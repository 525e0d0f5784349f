//! Lines on which a target ends the connection without a word: found one by one, and given up in the end.
//!
//! Over RELP a target that does not want a line says so. Some close the connection instead, and would get the
//! same batch for ever. So after some closings fewer lines are under way, and then one alone; a line that was
//! under way alone when the connection ended goes behind the others, and is tried again. Where the target
//! takes others meanwhile it is this line that it does not want. Not here: connections, and what else fails.

use std::collections::HashMap;

use super::work::{Key, Work};

/// So many closings, none of them behind an answer, until fewer lines are under way at one time.
pub const CLOSINGS_BEFORE_CARE: u32 = 3;
/// How many they are then. After one closing more it is one.
pub const CAREFUL_LINES: usize = 64;
/// A line goes to the rescue when the connection has ended so often while it was under way alone, and the
/// target took others meanwhile.
pub const MAX_CLOSINGS_ON_A_LINE: u32 = 3;
/// The same where there was no other line that it could have taken.
pub const MAX_CLOSINGS_ALONE: u32 = 20;

/// What is known of the closings on an unfinished batch.
#[derive(Clone, Debug, Default)]
pub struct Caution {
    closings: u32,
    blamed: HashMap<Key, Blame>,
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
    fn is_enough(&self) -> bool {
        self.closings >= if self.others { MAX_CLOSINGS_ON_A_LINE } else { MAX_CLOSINGS_ALONE }
    }
}

impl Caution {
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
        let Some(ended) = work.ended() else { return };
        let is_careful = self.closings >= CLOSINGS_BEFORE_CARE;
        // As long as something gets through at full width the connection is to blame, not a line.
        self.closings = if progress && !is_careful { 0 } else { self.closings.saturating_add(1) };
        if let Some(key) = ended.alone.filter(|_| work.width() == 1) {
            let blame = self.blamed.entry(key).or_default();
            blame.closings = blame.closings.saturating_add(1);
            blame.target.clone_from(&ended.target);
        }
        if progress {
            self.blamed.values_mut().for_each(|blame| blame.others = true);
        }
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

    /// A target that closes on these texts: each line of the others is taken. What became of the batch, and
    /// how many tries it took; `tries`: at most so many.
    #[track_caller]
    fn check(texts: &[&str], closes_on: &[&str], tries: u32, refused: &[&str]) {
        let batch = contract::lines(texts);
        let (mut caution, mut settled) = (Caution::default(), super::super::work::Settled::default());
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
                let (_, flags) = work.refusal().unwrap_or_default();
                let found: Vec<&str> =
                    texts.iter().zip(flags).filter(|(_, refused)| *refused).map(|(text, _)| *text).collect();
                assert_eq!(found, refused);
                return;
            }
            caution.note(&work);
            work.remember(&mut settled);
        }
        assert!(refused.is_empty(), "it goes on for ever");
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
    fn a_target_that_closes_on_everything_gives_no_line_to_the_rescue_soon() {
        check(&["a", "b", "c"], &["a", "b", "c"], MAX_CLOSINGS_ALONE, &[]);
    }
}
