//! The lines of one batch on their way: which have still to go, and what became of the others.
//!
//! Every line has one verdict in the end. What a broken connection left without one goes again, in its old
//! order and before the rest. Not here: sockets, and who the targets are.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;
use loggr_event::{DumpFormat, Uid};
use loggr_flow::{Batch, Payload};

/// An event as it is sent.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its place in the batch.
    at: usize,
    uid: Uid,
    bytes: Bytes,
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// An event as it is sent, by its identity and a hash of its bytes.
pub type Key = (Uid, u64);

impl Line {
    /// By what it is known when it comes again.
    pub fn key(&self) -> Key {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.bytes);
        (self.uid, hasher.finish())
    }
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A target has it.
    Taken,
    /// A target will never take it, and says why.
    Refused(String),
}

/// How many lines of unfinished batches have a verdict that is remembered, at most. A batch has fewer: beyond
/// it all are forgotten, and may be sent twice.
pub const MAX_SETTLED_LINES: usize = 1 << 18;

/// The lines that have a verdict of batches that are not finished: such a batch comes again, whole or in
/// parts.
#[derive(Debug, Default)]
pub struct Settled(HashMap<Key, Verdict>);

impl Settled {
    /// The batch is done.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// How the last connection ended on which lines were under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub target: String,
    /// The line that was under way, if there was one alone.
    pub alone: Option<Key>,
}

/// The lines of a batch.
#[derive(Debug, Default)]
pub struct Work {
    lines: Vec<Line>,
    todo: VecDeque<usize>,
    verdicts: Vec<Option<Verdict>>,
    taken: u64,
    refused: u64,
    resent: u64,
    /// How many lines may be under way at one time; 0 is no limit.
    width: usize,
    ended: Option<Ended>,
}

impl Work {
    /// The lines of a batch in a format, all still to be sent.
    pub fn new(batch: &Batch, format: &DumpFormat) -> Work {
        let (mut out, mut ends) = (Vec::with_capacity(batch.byte_len() * 2), Vec::with_capacity(batch.len()));
        for record in batch.records() {
            let start = out.len();
            match (format, record.payload) {
                (DumpFormat::Raw, Payload::Line(received)) => {
                    out.extend_from_slice(received.strip_suffix(b"\n").unwrap_or(received));
                }
                // As rsyslog forwards: its file format has no priority.
                (DumpFormat::Rsyslog, _) => {
                    let event = record.event();
                    out.extend_from_slice(format!("<{}>", event.priority()).as_bytes());
                    event.dump(format, &mut out);
                }
                _ => record.event().dump(format, &mut out),
            }
            ends.push((record.uid, start, out.len()));
        }
        let whole = Bytes::from(out);
        let cut = |(at, (uid, start, end)): (usize, (Uid, usize, usize))| Line {
            at,
            uid,
            bytes: whole.slice(start..end),
        };
        let lines: Vec<Line> = ends.into_iter().enumerate().map(cut).collect();
        Work { todo: (0..lines.len()).collect(), verdicts: vec![None; lines.len()], lines, ..Work::default() }
    }

    /// Passes over the lines whose verdict is known from an earlier try, and refuses those of which nothing
    /// could be sent.
    pub fn recall(&mut self, settled: &Settled) {
        for at in 0..self.lines.len() {
            let Some(line) = self.lines.get(at) else { return };
            let known = (!settled.0.is_empty()).then(|| settled.0.get(&line.key())).flatten();
            let is_empty = matches!(&*line.bytes, b"" | b"\n");
            if let Some(verdict) = known.cloned() {
                self.settle(at, verdict);
            } else if is_empty {
                self.settle(at, Verdict::Refused("the line of the event is empty in this format".to_owned()));
                self.refused += 1;
            }
        }
    }

    /// Notes the verdicts for the next time.
    pub fn remember(&self, settled: &mut Settled) {
        if settled.0.len() + self.lines.len() > MAX_SETTLED_LINES {
            settled.clear();
        }
        for (line, verdict) in self.lines.iter().zip(&self.verdicts).take(MAX_SETTLED_LINES) {
            if let Some(verdict) = verdict {
                settled.0.insert(line.key(), verdict.clone());
            }
        }
    }

    /// At most so many lines may be under way at one time.
    pub fn set_width(&mut self, lines: usize) {
        self.width = lines;
    }

    /// How many lines may be under way at one time.
    pub fn width(&self) -> usize {
        if self.width == 0 { usize::MAX } else { self.width }
    }

    /// These go behind all others.
    pub fn put_last(&mut self, is_last: impl Fn(&Key) -> bool) {
        let lines = &self.lines;
        let goes_last = |at: &usize| lines.get(*at).is_some_and(|line| is_last(&line.key()));
        let (last, first): (Vec<usize>, Vec<usize>) = self.todo.iter().copied().partition(goes_last);
        self.todo = first.into_iter().chain(last).collect();
    }

    /// A line without a verdict is refused, whatever it was that no target has said.
    pub fn give_up(&mut self, key: &Key, why: String) {
        for at in 0..self.lines.len() {
            let is_open = self.verdicts.get(at).is_some_and(Option::is_none);
            if is_open && self.lines.get(at).is_some_and(|line| line.key() == *key) {
                self.settle(at, Verdict::Refused(why.clone()));
                self.refused += 1;
            }
        }
    }

    /// A connection has ended while lines were under way.
    pub fn set_ended(&mut self, ended: Ended) {
        self.ended = Some(ended);
    }

    /// How the last connection ended on which lines were under way.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// The next line that has to go.
    pub fn next(&mut self) -> Option<Line> {
        while let Some(at) = self.todo.pop_front() {
            if self.verdicts.get(at).is_some_and(Option::is_none) {
                return self.lines.get(at).cloned();
            }
        }
        None
    }

    /// It was not sent: it is the next.
    pub fn put_back(&mut self, line: &Line) {
        self.todo.push_front(line.at);
    }

    /// These were sent, in this order, and nobody knows whether they arrived.
    pub fn again(&mut self, lines: &[Line]) {
        self.resent += lines.len() as u64;
        lines.iter().rev().for_each(|line| self.put_back(line));
    }

    /// A target has it.
    pub fn taken(&mut self, line: &Line) {
        self.settle(line.at, Verdict::Taken);
        self.taken += 1;
    }

    /// A target will never take it.
    pub fn refuse(&mut self, line: &Line, why: String) {
        self.settle(line.at, Verdict::Refused(why));
        self.refused += 1;
    }

    fn settle(&mut self, at: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(at) {
            *place = Some(verdict);
        }
    }

    /// Every line has its verdict.
    pub fn is_settled(&self) -> bool {
        self.verdicts.iter().all(Option::is_some)
    }

    /// The first reason why a line was refused, and for each line whether it was refused for it.
    pub fn refusal(&self) -> Option<(String, Vec<bool>)> {
        let first = self.verdicts.iter().find_map(|verdict| match verdict {
            Some(refused @ Verdict::Refused(_)) => Some(refused),
            Some(Verdict::Taken) | None => None,
        })?;
        let Verdict::Refused(why) = first else { return None };
        let same = self.verdicts.iter().map(|verdict| verdict.as_ref() == Some(first));
        Some((why.clone(), same.collect()))
    }

    /// Lines that targets took since the batch came, refused, and that went more than once.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.taken, self.refused, self.resent)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loggr_event::{Event, Origin, Timestamp};
    use loggr_flow::{BatchBuilder, contract};

    use super::*;

    fn texts(work: &mut Work) -> Vec<String> {
        let next = std::iter::from_fn(|| work.next());
        next.map(|line| String::from_utf8_lossy(line.as_ref()).into_owned()).collect()
    }

    fn message() -> DumpFormat {
        DumpFormat::Message
    }

    #[test]
    fn what_is_put_back_goes_first_and_in_order() {
        let mut work = Work::new(&contract::lines(&["a", "b", "c"]), &message());
        let (a, b) = (work.next().unwrap(), work.next().unwrap());
        work.again(&[a, b]);
        assert_eq!(texts(&mut work), ["a", "b", "c"]);
        assert_eq!(work.counts(), (0, 0, 2));
        assert!(!work.is_settled());
    }

    #[test]
    fn verdicts_are_remembered_for_the_same_event_alone() {
        let (batch, other) = (contract::lines(&["a", "b", "a"]), contract::lines(&["a"]));
        let mut settled = Settled::default();
        let mut work = Work::new(&batch, &message());
        let (a, b) = (work.next().unwrap(), work.next().unwrap());
        work.taken(&a);
        work.refuse(&b, "no".to_owned());
        work.remember(&mut settled);
        let mut again = Work::new(&batch, &message());
        again.recall(&settled);
        assert_eq!(texts(&mut again), ["a"], "the third, which is another event than the first");
        assert_eq!(again.counts(), (0, 0, 0), "they count once");
        let mut another = Work::new(&other, &message());
        another.recall(&settled);
        assert_eq!(texts(&mut another), ["a"]);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let text = vec!["a"; 1000];
        let mut settled = Settled::default();
        let mut most = 0;
        for _ in 0..MAX_SETTLED_LINES / 1000 + 2 {
            let mut work = Work::new(&contract::lines(&text), &message());
            while let Some(line) = work.next() {
                work.taken(&line);
            }
            work.remember(&mut settled);
            most = most.max(settled.0.len());
        }
        assert!((MAX_SETTLED_LINES - 1000..=MAX_SETTLED_LINES).contains(&most), "{most}");
        assert!(settled.0.len() <= 2000, "it has begun anew: {}", settled.0.len());
    }

    #[test]
    fn refusals_of_one_reason_go_together() {
        let mut work = Work::new(&contract::lines(&["a", "b", "c", "d"]), &message());
        for why in ["", "too long", "no", "too long"] {
            let line = work.next().unwrap();
            match why {
                "" => work.taken(&line),
                why => work.refuse(&line, why.to_owned()),
            }
        }
        assert!(work.is_settled());
        assert_eq!(work.refusal(), Some(("too long".to_owned(), vec![false, true, false, true])));
    }

    #[track_caller]
    fn check(push: impl FnOnce(&mut BatchBuilder), format: &str, expect: &[&str]) {
        let mut builder = BatchBuilder::default();
        push(&mut builder);
        let mut work = Work::new(&builder.finish().unwrap(), &DumpFormat::parse(format).unwrap());
        work.recall(&Settled::default());
        assert_eq!(texts(&mut work), expect);
    }

    #[test]
    fn lines_of_all_formats() {
        let event = Event {
            source: "web".into(),
            app_name: "app".into(),
            message: "a\nb".into(),
            ..Event::default()
        };
        check(|b| b.push_event(&event), "MESSAGE", &["a#012b"]);
        check(|b| b.push_event(&event), "RSYSLOG", &["<13>1970-01-01T00:00:00.000000Z web app: a#012b"]);
        check(|b| b.push_event(&event), "RFC3164", &["<13>Jan  1 00:00:00 web app: a#012b"]);
        check(|b| b.push_event(&event), "<1>$SOURCE", &["<1>web"]);
        // An empty line cannot be sent: it is refused at once.
        check(|b| b.push_event(&event), "$PROCID", &[]);
        check(|b| b.push_event(&event), "$PROCID\n", &[]);
        let (origin, uid, now) = (Arc::new(Origin::default()), Uid::default(), Timestamp::default());
        check(|b| b.push_line(&origin, uid, now, b"<13>as it came\n"), "RAW", &["<13>as it came"]);
    }
}
