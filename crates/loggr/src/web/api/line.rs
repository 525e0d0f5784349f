//! The line of the security log about a question: who asked what, how many rows they were told, and how
//! it ended where it was not answered.
//!
//! It is written when it is dropped, so that no way out of an endpoint can forget it: a question holds
//! one ([`Asked`](super::ask::Asked)), and so does whoever reads a stream.

use crate::access::security;
use crate::access::who::Who;

/// How a stream ends whose reader may no longer read it.
pub const NO_LONGER: &str = "who asked is no longer logged in, or may no longer do this";

/// What will be said about a question.
#[derive(Debug)]
pub struct Line {
    who: Who,
    what: &'static str,
    asked: String,
    rows: Option<u64>,
    ended: Option<String>,
}

impl Line {
    /// About a question that is asked now: `GET /api/top field="app"`.
    pub fn new(who: &Who, asked: String) -> Line {
        Line { who: who.clone(), what: "searched", asked, rows: None, ended: None }
    }

    /// Says at once that something begins that may last, and at its end what it was.
    pub fn begins(&mut self, begins: &'static str, ended: &'static str) {
        security::told(&self.who, begins, &self.asked);
        (self.what, self.rows) = (ended, Some(0));
        self.ended = Some("its client went".to_owned());
    }

    /// So many more rows were told.
    pub fn rows(&mut self, rows: u64) {
        *self.rows.get_or_insert(0) += rows;
    }

    /// How it ended.
    pub fn ended(&mut self, how: impl Into<String>) {
        self.ended = Some(how.into());
    }

    fn about(&self) -> String {
        let mut about = self.asked.clone();
        if let Some(rows) = self.rows {
            about.push_str(&format!(" rows={rows}"));
        }
        match (&self.ended, self.rows) {
            (Some(how), _) => about.push_str(&format!(" ended={how:?}")),
            (None, None) => about.push_str(" ended=\"without an answer\""),
            (None, Some(_)) => {}
        }
        about
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        security::told(&self.who, self.what, self.about());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::who::Via;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Line), expect: &str) {
        let mut line =
            Line::new(&Who::everything("anna", Via::Session, None), "GET /api/x q=\"a\"".to_owned());
        change(&mut line);
        assert_eq!(format!("{} {}", line.what, line.about()), expect);
    }

    #[test]
    fn a_line_says_what_was_asked_and_how_it_ended() {
        check(|_| {}, "searched GET /api/x q=\"a\" ended=\"without an answer\"");
        check(|line| line.rows(7), "searched GET /api/x q=\"a\" rows=7");
        let read = |line: &mut Line| {
            line.begins("follows", "followed");
            line.rows(2);
            line.rows(3);
        };
        check(read, "followed GET /api/x q=\"a\" rows=5 ended=\"its client went\"");
        let ended = |line: &mut Line| {
            read(line);
            line.ended("loggr stops");
        };
        check(ended, "followed GET /api/x q=\"a\" rows=5 ended=\"loggr stops\"");
    }
}
