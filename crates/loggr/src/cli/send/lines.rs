//! The lines that `loggr send` sends: one message, those of files or of stdin, or generated ones.

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use loggr_event::{DumpFormat, Event, Facility, Severity, Timestamp};

use super::files::{Files, MAX_LINE_BYTES, gather};
use super::interrupt::{Interrupt, Stdin};
use super::resume::{Book, Mark};
use super::{LineFormat, SendArgs};
use crate::exit::Usage;
use crate::process::clock::now;

/// What events are if nothing is said.
const PRIORITY: &str = "user.notice";
/// The program that they name then.
const APP_NAME: &str = "loggr-send";
/// Bytes of a generated line if nothing is said.
const LINE_BYTES: usize = 200;
/// The stamp of generated lines is renewed after so many.
const LINES_PER_STAMP: u64 = 256;

/// Shared by the connections; each takes the next line.
#[derive(Clone)]
pub struct Lines {
    feed: Arc<Mutex<Feed>>,
    book: Option<Arc<Book>>,
    read: Arc<AtomicU64>,
    /// Bytes that the files have, as they lie there.
    length: u64,
    interrupt: Interrupt,
}

struct Feed {
    from: From,
    format: LineFormat,
    template: Event<'static>,
    taken: u64,
}

enum From {
    One(Option<String>),
    Files(Files),
    Reader(Box<dyn BufRead + Send>),
    Generated { count: u64, prefix: Vec<u8>, size: usize },
}

impl Lines {
    /// Opens what the arguments name.
    pub fn open(args: &SendArgs, interrupt: Interrupt) -> Result<Lines> {
        let (facility, severity) = priority(args.priority.as_deref().unwrap_or(PRIORITY)).usage()?;
        let template = Event {
            facility,
            severity,
            source: loggr_net::bind::host_name().into(),
            app_name: args.app_name.clone().unwrap_or_else(|| APP_NAME.to_owned()).into(),
            procid: std::process::id().to_string().into(),
            ..Event::default()
        };
        let (read, mut length) = (Arc::<AtomicU64>::default(), 0);
        let book = args.resume.as_deref().map(|path| Book::open(path, &args.to)).transpose()?.map(Arc::new);
        let from = if let Some(text) = &args.message {
            From::One(Some(text.clone()))
        } else if let Some(count) = args.count {
            From::Generated { count, prefix: Vec::new(), size: args.size.unwrap_or(LINE_BYTES) }
        } else if !args.file.is_empty() {
            let (members, troubles) = gather(&args.file, book.as_deref())?;
            let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
            length = members.iter().map(|member| size(&member.path)).sum();
            From::Files(Files::new(members, troubles, book.clone(), read.clone()))
        } else {
            let stdin = Stdin::new(interrupt.clone()).context("cannot read standard input")?;
            From::Reader(Box::new(BufReader::new(stdin)))
        };
        let format = args.line_format();
        let feed = Feed { from, format, template, taken: 0 };
        Ok(Lines { feed: Arc::new(Mutex::new(feed)), book, read, length, interrupt })
    }

    /// How many bytes the files have, and how many of them were read; nothing where there are no files.
    pub fn read(&self) -> (u64, &AtomicU64) {
        (self.length, &self.read)
    }

    /// These were answered.
    pub fn answered(&self, marks: impl IntoIterator<Item = Mark>) {
        if let Some(book) = &self.book {
            book.answered(marks.into_iter().flatten());
        }
    }

    /// All is said and done: what was answered is written down, and what of the files could not be read
    /// is an error.
    pub fn close(&self) -> Result<()> {
        let closed = self.book.as_ref().map_or(Ok(()), |book| book.close());
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut feed.from {
            From::Files(files) => files.trouble().map_or(closed, Err),
            From::One(_) | From::Reader(_) | From::Generated { .. } => closed,
        }
    }

    /// Puts the next line into `line`, and says by what its answer is known; `None` at the end, or when nothing
    /// more is to be read.
    pub fn next(&self, line: &mut Vec<u8>) -> Result<Option<Mark>> {
        line.clear();
        if self.interrupt.is_asked() {
            return Ok(None);
        }
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = &mut *feed;
        let format = feed.format;
        let mut mark = None;
        match &mut feed.from {
            From::Generated { count, prefix, size } => {
                if feed.taken == *count {
                    return Ok(None);
                }
                if feed.taken.is_multiple_of(LINES_PER_STAMP) {
                    prefix.clear();
                    wrap(&feed.template, format, b"", prefix);
                    while prefix.last() == Some(&b' ') {
                        prefix.pop();
                    }
                }
                line.extend_from_slice(prefix);
                line.extend_from_slice(format!(" seq={:09} ", feed.taken).as_bytes());
                while line.len() < *size {
                    line.push(b'a' + (line.len() % 26) as u8);
                }
            }
            From::One(text) => match text.take() {
                Some(text) => wrap(&feed.template, format, text.as_bytes(), line),
                None => return Ok(None),
            },
            From::Files(files) => {
                let mut text = Vec::new();
                let Some(marked) = files.next(&mut text) else { return Ok(None) };
                mark = marked;
                wrap(&feed.template, format, text.strip_suffix(b"\n").unwrap_or(&text), line);
            }
            From::Reader(reader) => {
                let mut text = Vec::new();
                let n =
                    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut text).context("cannot read a line")?;
                if n == 0 {
                    return Ok(None);
                }
                let text = text.strip_suffix(b"\n").unwrap_or(&text);
                wrap(&feed.template, format, text, line);
            }
        }
        feed.taken += 1;
        Ok(Some(mark))
    }
}

fn wrap(template: &Event<'static>, format: LineFormat, text: &[u8], out: &mut Vec<u8>) {
    let dump = match format {
        LineFormat::Raw => return out.extend_from_slice(text),
        LineFormat::Rfc5424 => DumpFormat::Rfc5424,
        LineFormat::Rfc3164 => DumpFormat::Rfc3164,
    };
    let at: Timestamp = now();
    let message = String::from_utf8_lossy(text).into_owned().into();
    Event { timereported: at, timegenerated: at, message, ..template.clone() }.dump(&dump, out);
    while out.last() == Some(&b'\n') {
        out.pop();
    }
}

fn priority(text: &str) -> Result<(Facility, Severity)> {
    let (facility, severity) =
        text.split_once('.').ok_or_else(|| anyhow!("`{text}` is no priority: write `FACILITY.SEVERITY`"))?;
    let facility = Facility::from_name(facility).ok_or_else(|| anyhow!("`{facility}` is no facility"))?;
    let severity = Severity::from_name(severity).ok_or_else(|| anyhow!("`{severity}` is no severity"))?;
    Ok((facility, severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(u8, u8)>) {
        assert_eq!(priority(text).ok().map(|(f, s)| (f.code(), s.code())), expect);
    }

    #[test]
    fn priorities() {
        check("user.notice", Some((1, 5)));
        check("auth.err", Some((4, 3)));
        check("auth", None);
        check("nobody.err", None);
    }
}
