//! The documents of one batch on their way: which have still to go, and what became of the others.
//!
//! Every document has one verdict in the end. Not here: requests, and who the servers are.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use loggr_event::{DocumentNames, Template, Uid};
use loggr_flow::Batch;

use super::index::index;

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A server has it.
    Stored,
    /// A server will never take it, and says why.
    Refused(String),
}

/// How many documents of unfinished batches have a verdict that is remembered, at most. A batch has fewer: beyond
/// it all are forgotten, and may be sent twice, which does no harm.
const MAX_SETTLED: usize = 1 << 20;

/// The documents of batches that are not finished which went to a server, and their verdict if they have one: such
/// a batch comes again, whole or in parts.
#[derive(Debug, Default)]
pub struct Settled(HashMap<Uid, Option<Verdict>>);

impl Settled {
    /// The batch is done.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A document that has still to go, or had to.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its place in the batch.
    at: usize,
    /// Action and document, each with its line feed.
    pub lines: Bytes,
}

/// The documents of a batch.
#[derive(Debug, Default)]
pub struct Work {
    documents: Vec<Document>,
    // The following for each event of the batch.
    uids: Vec<Uid>,
    verdicts: Vec<Option<Verdict>>,
    sent: Vec<bool>,
    refused: u64,
    resent: u64,
}

impl Work {
    /// The documents of a batch, those apart whose verdict is known from an earlier try.
    pub fn new(batch: &Batch, template: &Template, names: DocumentNames, settled: &Settled) -> Work {
        let mut out = Vec::with_capacity(batch.byte_len() * 2);
        let (mut ends, mut uids) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let (mut verdicts, mut sent) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (at, record) in batch.records().enumerate() {
            uids.push(record.uid);
            let known = (!settled.0.is_empty()).then(|| settled.0.get(&record.uid)).flatten();
            sent.push(known.is_some());
            verdicts.push(known.cloned().flatten());
            if matches!(known, Some(Some(_))) {
                continue;
            }
            let event = record.event();
            let start = out.len();
            out.extend_from_slice(b"{\"create\":{\"_index\":\"");
            // Nothing in the name of an index needs an escape.
            out.extend_from_slice(index(template, &event).as_bytes());
            out.extend_from_slice(b"\",\"_id\":\"");
            out.extend_from_slice(record.uid.write_hyphenated(&mut [0; 36]).as_bytes());
            out.extend_from_slice(b"\"}}\n");
            event.write_document(names, &mut out);
            out.push(b'\n');
            ends.push((at, start..out.len()));
        }
        let whole = Bytes::from(out);
        let cut = |(at, lines): (usize, Range<usize>)| Document { at, lines: whole.slice(lines) };
        Work { documents: ends.into_iter().map(cut).collect(), uids, verdicts, sent, ..Work::default() }
    }

    /// How many documents had to go when the batch came.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// The document of a number below [`Work::len`].
    pub fn document(&self, number: usize) -> Option<&Document> {
        self.documents.get(number)
    }

    /// Those of a range of numbers that have no verdict yet, by their numbers.
    pub fn open(&self, range: Range<usize>) -> Vec<usize> {
        let is_open = |number: &usize| {
            let at = self.documents.get(*number).map(|document| document.at);
            at.and_then(|at| self.verdicts.get(at)).is_some_and(Option::is_none)
        };
        range.filter(is_open).collect()
    }

    /// These go to a server now; counts those that went before.
    pub fn goes(&mut self, numbers: &[usize]) {
        for number in numbers {
            let at = self.documents.get(*number).map(|document| document.at);
            if let Some(sent) = at.and_then(|at| self.sent.get_mut(at)) {
                self.resent += u64::from(std::mem::replace(sent, true));
            }
        }
    }

    /// A server has it.
    pub fn stored(&mut self, number: usize) {
        self.settle(number, Verdict::Stored);
    }

    /// A server will never take it.
    pub fn refuse(&mut self, number: usize, why: String) {
        self.settle(number, Verdict::Refused(why));
        self.refused += 1;
    }

    fn settle(&mut self, number: usize, verdict: Verdict) {
        let at = self.documents.get(number).map(|document| document.at);
        if let Some(place) = at.and_then(|at| self.verdicts.get_mut(at)) {
            *place = Some(verdict);
        }
    }

    /// Notes the verdicts for the next time.
    pub fn remember(&self, settled: &mut Settled) {
        if settled.0.len() + self.uids.len() > MAX_SETTLED {
            settled.clear();
        }
        let known = self.uids.iter().zip(&self.verdicts).zip(&self.sent).filter(|(_, sent)| **sent);
        for ((uid, verdict), _) in known.take(MAX_SETTLED) {
            settled.0.insert(*uid, verdict.clone());
        }
    }

    /// The first reason why a document was refused, and for each event of the batch whether it was refused for it.
    pub fn refusal(&self) -> Option<(String, Vec<bool>)> {
        let first = self.verdicts.iter().find_map(|verdict| match verdict {
            Some(Verdict::Refused(why)) => Some(why),
            Some(Verdict::Stored) | None => None,
        })?;
        let is_same =
            |verdict: &Option<Verdict>| matches!(verdict, Some(Verdict::Refused(why)) if why == first);
        Some((first.clone(), self.verdicts.iter().map(is_same).collect()))
    }

    /// Documents that were refused since the batch came.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Documents that went more than once since the batch came.
    pub fn resent(&self) -> u64 {
        self.resent
    }
}

#[cfg(test)]
mod tests {
    use loggr_flow::contract::lines;

    use super::*;

    fn work(batch: &Batch, settled: &Settled) -> Work {
        Work::new(batch, &Template::parse("logs").unwrap(), DocumentNames::Plain, settled)
    }

    #[test]
    fn a_document_is_an_action_and_a_line() {
        let batch = lines(&["one", "two\nlines"]);
        let work = work(&batch, &Settled::default());
        for (number, record) in batch.records().enumerate() {
            let lines = String::from_utf8(work.document(number).unwrap().lines.to_vec()).unwrap();
            let mut uid = [0; 36];
            let action = format!(
                "{{\"create\":{{\"_index\":\"logs\",\"_id\":\"{}\"}}}}",
                record.uid.write_hyphenated(&mut uid)
            );
            let [first, second, ""] = lines.split('\n').collect::<Vec<_>>()[..] else { panic!("{lines}") };
            assert_eq!(first, action);
            assert!(second.starts_with("{\"@timestamp\":\""), "{second}");
        }
        assert_eq!((work.len(), work.open(0..9)), (2, vec![0, 1]));
    }

    #[test]
    fn what_has_its_verdict_does_not_go_again() {
        let (batch, mut settled) = (lines(&["a", "b", "c", "d"]), Settled::default());
        let mut first = work(&batch, &settled);
        first.goes(&[0, 1, 2, 3]);
        first.stored(0);
        first.refuse(1, "bad".to_owned());
        first.refuse(2, "worse".to_owned());
        first.goes(&[3]);
        assert_eq!((first.refused(), first.resent(), first.open(0..4)), (2, 1, vec![3]));
        assert_eq!(first.refusal(), Some(("bad".to_owned(), vec![false, true, false, false])));
        first.remember(&mut settled);
        let mut again = work(&batch, &settled);
        again.goes(&[0]);
        assert_eq!((again.len(), again.resent()), (1, 1));
        assert!(again.document(0).unwrap().lines.ends_with(b"\n"));
        again.stored(0);
        assert_eq!(again.open(0..1), Vec::<usize>::new());
        assert_eq!(again.refusal(), Some(("bad".to_owned(), vec![false, true, false, false])));
        settled.clear();
        assert_eq!(work(&batch, &settled).len(), 4);
    }
}
