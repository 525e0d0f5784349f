//! Opens an exchange: finds the end of its log, and any damage to it.
//!
//! It reads every frame that a queue still needs once, and trusts no frame without a correct
//! checksum. Invariant: nothing is skipped silently; bytes that cannot be read are copied aside,
//! counted and reported, and everything else is kept.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use loggr_event::counted;

use super::cursor::{Cursor, CursorFile};
use super::fault::Faults;
use super::known;
use super::log::Log;
use super::position::Position;
use super::queue::Queue;
use super::report::ExchangeReport;
use super::scan::{Scan, Track};
use super::segment::{Entry, Found, Segment};
use crate::binding::Binding;
use crate::topology::{ExchangeSpec, QueueSpec};

/// The opened exchange.
pub(super) struct Recovered {
    pub log: Log,
    pub spare: Option<Segment>,
    pub free: Vec<PathBuf>,
    pub next_id: u64,
    pub report: ExchangeReport,
}

/// The end of the messages about a queue whose position is lost.
const ANEW: &str = "it begins at the oldest event kept and counts anew";

/// Opens the exchange in `dir`. `spec` is `None` if the exchange is only looked at; then nothing is
/// written.
pub(super) fn recover(
    dir: &Path,
    name: &str,
    spec: Option<&ExchangeSpec>,
    faults: &Faults,
) -> io::Result<Recovered> {
    let report = ExchangeReport { name: name.to_owned(), ..ExchangeReport::default() };
    let mut recovery = Recovery { dir, spec, faults, report };
    let write = recovery.writes();
    if write {
        loggr_disk::make_directory(dir)?;
    }
    let Files { segments, headless, free, queues, next_id } = recovery.files()?;
    recovery.report.created = segments.is_empty() && queues.is_empty();
    let known = known::read(dir);
    let cursors = recovery.cursors(queues, known.as_ref())?;

    // A queue whose position is lost needs everything.
    let heads = || cursors.iter().map(|found| found.cursor.as_ref().map(|c| c.head));
    let from = if heads().any(|h| h.is_none()) { None } else { heads().flatten().min_by_key(|h| h.seq) };
    let newest_head = heads().flatten().map(|h| h.segment).max().unwrap_or(0);
    let tracks = cursors.iter().map(|found| Track::new(found.cursor.as_ref())).collect();
    let mut scan = Scan { write, report: &mut recovery.report, at: None, tracks };
    let (live, spares) = scan.segments(&segments, from)?;
    // Segments without any other owner can be used again.
    drop(segments);
    let Scan { at, tracks, .. } = scan;
    recovery.tell_headless(headless);
    let mut end = at.or(from).unwrap_or_default();
    if let Some(last) = live.back() {
        recovery.flush(&last.segment);
        end.segment = last.segment.id;
        end.offset = last.end;
    }

    let mut log = Log { end, live, ..Log::default() };
    for (found, track) in cursors.into_iter().zip(tracks) {
        log.queues.extend(recovery.queue(found, &track, end)?.map(Arc::new));
    }
    recovery.add_queues(&mut log)?;
    recovery.write_names(known.as_ref(), &log);
    let newest_live = log.live.back().map_or(0, |l| l.segment.id);
    let spare = recovery.spare(spares, newest_live, newest_head)?;
    let report = recovery.report;
    log.damaged = report.missing_events + report.damage.iter().map(|d| d.events).sum::<u64>();
    Ok(Recovered { log, spare, free, next_id: next_id.max(newest_head + 1), report })
}

/// One exchange while it is opened.
struct Recovery<'r> {
    dir: &'r Path,
    spec: Option<&'r ExchangeSpec>,
    faults: &'r Faults,
    report: ExchangeReport,
}

/// The files in the directory.
struct Files {
    /// In order of their numbers.
    segments: Vec<Arc<Segment>>,
    /// Segments whose header cannot be read, with the error.
    headless: Vec<(Arc<Segment>, io::Error)>,
    free: Vec<PathBuf>,
    /// Names of queues, and the files of their cursors.
    queues: Vec<(String, PathBuf)>,
    /// Above the number of every segment.
    next_id: u64,
}

/// The position of a queue, as far as its file could be read.
struct FoundCursor {
    queue: String,
    path: PathBuf,
    file: Option<CursorFile>,
    cursor: Option<Cursor>,
}

impl<'r> Recovery<'r> {
    /// False if the exchange is only looked at.
    fn writes(&self) -> bool {
        self.spec.is_some()
    }

    fn specs(&self) -> &'r [QueueSpec] {
        self.spec.map_or(&[], |spec| &spec.queues)
    }

    fn files(&mut self) -> io::Result<Files> {
        let (mut segments, mut headless) = (Vec::new(), Vec::new());
        let (mut free, mut queues, mut next_id) = (Vec::new(), Vec::new(), 1);
        for (entry, path) in Entry::list(self.dir)? {
            match entry {
                Entry::Segment(id) => {
                    next_id = next_id.max(id + 1);
                    match Segment::open(&path, id, self.writes(), self.faults)? {
                        Found::Segment(segment) => segments.push(Arc::new(segment)),
                        Found::Foreign => {
                            let note = format!("`{}` is not a segment and was left alone", path.display());
                            self.report.notes.push(note);
                        }
                        Found::Blind(segment, error) => {
                            let segment = Arc::new(segment);
                            headless.push((segment.clone(), error));
                            segments.push(segment);
                        }
                    }
                }
                Entry::Free => free.push(path),
                Entry::Unfinished if self.writes() => std::fs::remove_file(&path)?,
                Entry::Cursor(queue) => queues.push((queue, path)),
                _ => {}
            }
        }
        segments.sort_by_key(|s| s.id);
        Ok(Files { segments, headless, free, queues, next_id })
    }

    /// The cursors of the queues that exist, and of those that should exist. `known` are the queues
    /// that the exchange has had, if that is known.
    fn cursors(
        &mut self,
        queues: Vec<(String, PathBuf)>,
        known: Option<&BTreeSet<String>>,
    ) -> io::Result<Vec<FoundCursor>> {
        let mut cursors = Vec::new();
        for (queue, path) in queues {
            let opened = CursorFile::open(&path, self.writes(), self.faults.clone())?;
            if let Some(error) = opened.error {
                self.report.unreadable.push(format!("`{}`: {error}", path.display()));
            }
            if opened.cursor.is_none() {
                self.report.notes.push(format!("queue `{queue}`: its position is lost: {ANEW}"));
            }
            cursors.push(FoundCursor { queue, path, file: Some(opened.file), cursor: opened.cursor });
        }
        // A queue without a cursor is new only if its name is not among the known ones.
        for spec in self.specs() {
            let is_lost = known.is_none_or(|known| known.contains(&spec.name));
            if !self.report.created && is_lost && cursors.iter().all(|found| found.queue != spec.name) {
                self.report.notes.push(format!("queue `{}`: its cursor is missing: {ANEW}", spec.name));
                let (queue, path) = (spec.name.clone(), self.path(&spec.name));
                cursors.push(FoundCursor { queue, path, file: None, cursor: None });
            }
        }
        Ok(cursors)
    }

    /// The file of a queue's cursor.
    fn path(&self, queue: &str) -> PathBuf {
        self.dir.join(format!("{queue}.queue"))
    }

    fn tell_headless(&mut self, headless: Vec<(Arc<Segment>, io::Error)>) {
        for (segment, error) in headless {
            let what = match segment.is_blind() {
                true => "its beginning cannot be read, and so none of its events can be",
                false => "its header cannot be read; the events in it can, and nothing more is written to it",
            };
            self.report.unreadable.push(format!("`{}`: {what}: {error}", segment.path.display()));
        }
    }

    /// Frames that the last process wrote and perhaps did not flush become durable now,
    /// before anybody can acknowledge them.
    fn flush(&mut self, last: &Segment) {
        if self.writes()
            && let Err(error) = loggr_disk::sync(&last.file)
        {
            // Nothing more is written there.
            last.poison();
            self.report.unreadable.push(format!("`{}` cannot be flushed: {error}", last.path.display()));
        }
    }

    /// Makes the queue of a cursor; `track` is what the log holds for it. None if it was of no use any more.
    fn queue(&mut self, found: FoundCursor, track: &Track, end: Position) -> io::Result<Option<Queue>> {
        let FoundCursor { queue, path, file, cursor } = found;
        let wanted = self.specs().iter().find(|spec| spec.name == queue);
        let mut cursor = cursor.unwrap_or_else(|| {
            Cursor::fresh(track.at.unwrap_or(end), wanted.map_or("#", |spec| &spec.binding))
        });
        if cursor.head.seq > end.seq {
            let behind = cursor.head.seq - end.seq;
            let behind = counted(behind, "batch");
            let note = format!("queue `{queue}` had read on in the log by {behind} of which nothing is left");
            self.report.notes.push(note);
            cursor.head = end;
        } else if let Some(at) = track.at {
            cursor.head = Position { seq: cursor.head.seq, events: cursor.head.events, ..at };
        }
        let mut file = match file {
            Some(file) => file,
            None => CursorFile::create(&path, &cursor, self.faults.clone())?,
        };
        if let Some(spec) = wanted
            && spec.binding != cursor.bindings.current()
        {
            rebind(&mut cursor, &queue, &spec.binding, end.seq, &mut self.report)?;
            file.write(&cursor)?;
            loggr_disk::sync(&file.file())?;
        }
        if self.writes() && wanted.is_none() {
            let is_empty = track.events == 0 && !track.waits;
            if is_empty && std::fs::remove_file(&path).is_ok() {
                self.report
                    .notes
                    .push(format!("queue `{queue}` is not configured and was empty: it is removed"));
                return Ok(None);
            }
            retire(&mut cursor, end.seq, &mut file)?;
        }
        let made = Queue::new(&queue, path, wanted.is_some(), file, &cursor);
        made.reader().off_books = track.waits;
        made.published.fetch_add(track.events, Ordering::Relaxed);
        made.published_bytes.fetch_add(track.bytes, Ordering::Relaxed);
        if self.writes() && wanted.is_none() {
            self.report.unconfigured_queues.push((queue, track.events));
        }
        Ok(Some(made))
    }

    /// Makes the queues that are new. As in AMQP, one gets what is published after it was bound.
    fn add_queues(&mut self, log: &mut Log) -> io::Result<()> {
        for spec in self.specs() {
            if log.queues.iter().any(|q| q.name == spec.name) {
                continue;
            }
            let cursor = Cursor::fresh(log.end, &spec.binding);
            let path = self.path(&spec.name);
            let file = CursorFile::create(&path, &cursor, self.faults.clone())?;
            log.queues.push(Arc::new(Queue::new(&spec.name, path, true, file, &cursor)));
            self.report.new_queues.push(spec.name.clone());
        }
        Ok(())
    }

    fn write_names(&mut self, known: Option<&BTreeSet<String>>, log: &Log) {
        let names = log.queues.iter().map(|q| q.name.clone()).collect();
        if self.writes()
            && known != Some(&names)
            && let Err(error) = known::write(self.dir, &names)
        {
            // This happens if the disk is full, for example; a cursor that is lost later is still
            // recognised as lost.
            self.report.notes.push(format!("the names of its queues cannot be written down: {error}"));
        }
    }

    /// Chooses the first of the segments without frames as the next to be written to, and removes
    /// the others.
    fn spare(
        &self,
        spares: Vec<Arc<Segment>>,
        newest_live: u64,
        newest_head: u64,
    ) -> io::Result<Option<Segment>> {
        let mut spare = None;
        for segment in spares {
            let Ok(segment) = Arc::try_unwrap(segment) else { continue };
            // Segments must be used in the order of their numbers.
            let in_turn = segment.id > newest_live && segment.id >= newest_head;
            if in_turn && spare.is_none() && !segment.is_poisoned() {
                spare = Some(segment);
            } else if self.writes() {
                std::fs::remove_file(&segment.path)?;
            }
        }
        Ok(spare)
    }
}

/// Lets a queue that nobody reads any more get no more events, from the end of the log on: it would fill until
/// its exchange takes nothing.
fn retire(cursor: &mut Cursor, end: u64, file: &mut CursorFile) -> io::Result<()> {
    let before = cursor.bindings.clone();
    if before.is_retired() {
        return Ok(());
    }
    if !cursor.bindings.change(end, cursor.head.seq, Binding::nothing()) {
        // It has had too many keys while its events wait, and keeps the last.
        cursor.bindings = before;
        return Ok(());
    }
    file.write(cursor)?;
    loggr_disk::sync(&file.file())
}

/// Makes another binding key valid from the end of the log on.
fn rebind(
    cursor: &mut Cursor,
    queue: &str,
    binding: &str,
    end: u64,
    report: &mut ExchangeReport,
) -> io::Result<()> {
    let before = cursor.bindings.current();
    report.notes.push(match cursor.bindings.is_retired() {
        true => {
            format!("queue `{queue}` is configured again and gets the events that are published from now on")
        }
        false => format!("queue `{queue}` is bound with `{binding}` now, before with `{before}`"),
    });
    let binding = Binding::parse(binding).map_err(io::Error::other)?;
    if cursor.bindings.change(end, cursor.head.seq, binding) {
        return Ok(());
    }
    let what = "was changed too often while its events wait: put the old one back until it is empty";
    Err(io::Error::other(format!("the binding of queue `{queue}` {what}")))
}
