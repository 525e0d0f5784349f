//! Opening an exchange: finds the end of its log, and what happened to it meanwhile.
//!
//! Reads every frame that a queue still needs, once, and believes none without its
//! checksum. Invariant: nothing is passed over silently; what cannot be read is
//! copied aside, counted and reported, and everything else is kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cursor::{self, Bindings, Counts, Cursor, CursorFile};
use super::fault::Faults;
use super::known;
use super::log::{Damage, Log, Position};
use super::queue::Queue;
use super::scan::{Scan, Track};
use super::segment::{Entry, Found, Segment};
use crate::binding::Binding;
use crate::topology::ExchangeSpec;

/// What was found when one exchange was opened.
#[derive(Clone, Debug, Default)]
pub struct ExchangeReport {
    /// Its name.
    pub name: String,
    /// True if it was not there before.
    pub created: bool,
    /// Bytes behind the end that a crash left half written; they were never acknowledged.
    pub torn_bytes: u64,
    /// Events that cannot be read any more.
    pub damage: Vec<Damage>,
    /// Events that are missing because a file is.
    pub missing_events: u64,
    /// What cannot be read now, in words; what is there waits in its queues.
    pub unreadable: Vec<String>,
    /// What else the operator should know, in words.
    pub notes: Vec<String>,
    /// Queues that were made now; those of an older exchange begin at its end.
    pub new_queues: Vec<String>,
    /// Queues on disk that the configuration does not name, and the events that wait
    /// in them. They are kept and hold space until they are deleted.
    pub unconfigured_queues: Vec<(String, u64)>,
}

/// What recovery makes.
pub(super) struct Recovered {
    pub log: Log,
    pub spare: Option<Segment>,
    pub free: Vec<PathBuf>,
    pub next_id: u64,
    pub report: ExchangeReport,
}

/// What becomes of a queue that does not know where it stands.
const ANEW: &str = "it begins at the oldest event kept and counts anew";

/// Opens the exchange in `dir`. `spec` is `None` for one that is only looked at;
/// then nothing is written.
pub(super) fn recover(
    dir: &Path,
    name: &str,
    spec: Option<&ExchangeSpec>,
    faults: &Faults,
) -> io::Result<Recovered> {
    let mut report = ExchangeReport { name: name.to_owned(), ..ExchangeReport::default() };
    let write = spec.is_some();
    if write {
        loggr_disk::make_directory(dir)?;
    }
    let (mut segments, mut free, mut queues, mut next_id) = (Vec::new(), Vec::new(), Vec::new(), 1);
    // Why the headers of some cannot be read.
    let mut headless = Vec::new();
    for (entry, path) in Entry::list(dir)? {
        match entry {
            Entry::Segment(id) => {
                next_id = next_id.max(id + 1);
                let shown = path.display();
                match Segment::open(&path, id, write, faults)? {
                    Found::Segment(segment) => segments.push(Arc::new(segment)),
                    Found::Foreign => {
                        report.notes.push(format!("`{shown}` is not a segment and was left alone"))
                    }
                    Found::Blind(segment, error) => {
                        let segment = Arc::new(segment);
                        headless.push((segment.clone(), error));
                        segments.push(segment);
                    }
                }
            }
            Entry::Free => free.push(path),
            Entry::Unfinished if write => std::fs::remove_file(&path)?,
            Entry::Cursor(queue) => queues.push((queue, path)),
            _ => {}
        }
    }
    segments.sort_by_key(|s| s.id);
    report.created = segments.is_empty() && queues.is_empty();

    let mut cursors = Vec::new();
    for (queue, path) in queues {
        let cursor::Opened { file, cursor, error } = CursorFile::open(&path, write, faults.clone())?;
        if let Some(error) = error {
            report.unreadable.push(format!("`{}`: {error}", path.display()));
        }
        if cursor.is_none() {
            report.notes.push(format!("queue `{queue}`: its position is lost: {ANEW}"));
        }
        cursors.push((queue, path, Some(file), cursor));
    }
    // One without a cursor is new only where nobody has known it before.
    let known = known::read(dir);
    for spec in spec.iter().flat_map(|s| &s.queues) {
        let is_lost = known.as_ref().is_none_or(|known| known.contains(&spec.name));
        if !report.created && is_lost && cursors.iter().all(|(name, ..)| *name != spec.name) {
            report.notes.push(format!("queue `{}`: its cursor is missing: {ANEW}", spec.name));
            cursors.push((spec.name.clone(), dir.join(format!("{}.queue", spec.name)), None, None));
        }
    }
    // A queue that does not know where it stands needs everything.
    let heads = || cursors.iter().map(|(_, _, _, cursor)| cursor.as_ref().map(|c| c.head));
    let from = if heads().any(|h| h.is_none()) { None } else { heads().flatten().min_by_key(|h| h.seq) };
    let newest_head = heads().flatten().map(|h| h.segment).max().unwrap_or(0);
    next_id = next_id.max(newest_head + 1);
    let tracks = cursors.iter().map(|(_, _, _, cursor)| Track::new(cursor.as_ref())).collect();
    let mut scan = Scan { write, report: &mut report, at: None, tracks };
    let (live, spares) = scan.segments(&segments, from)?;
    // Those that nobody else holds are spare.
    drop(segments);
    let mut end = scan.at.or(from).unwrap_or_default();
    let tracks = scan.tracks;
    for (segment, error) in headless {
        let what = match segment.is_blind() {
            true => "its beginning cannot be read, so nothing of it can",
            false => "its header cannot be read; the events in it can, and nothing more is written to it",
        };
        report.unreadable.push(format!("`{}`: {what}: {error}", segment.path.display()));
    }
    // Frames that the last process wrote and perhaps did not flush become durable now,
    // before anybody can acknowledge them.
    if write
        && let Some(last) = live.back()
        && let Err(error) = loggr_disk::sync(&last.segment.file)
    {
        // Nothing more is written there.
        last.segment.poison();
        report.unreadable.push(format!("`{}` cannot be flushed: {error}", last.segment.path.display()));
    }
    if let Some(last) = live.back() {
        end.segment = last.segment.id;
        end.offset = last.end;
    }
    let mut log = Log { end, live, ..Log::default() };

    for ((queue, path, file, cursor), track) in cursors.into_iter().zip(tracks) {
        let wanted = spec.and_then(|s| s.queues.iter().find(|q| q.name == queue));
        let mut cursor =
            cursor.unwrap_or_else(|| fresh(track.at.unwrap_or(end), wanted.map_or("#", |q| &q.binding)));
        if cursor.head.seq > end.seq {
            let behind = cursor.head.seq - end.seq;
            report
                .notes
                .push(format!("queue `{queue}` had read {behind} batches that are not in the log any more"));
            cursor.head = end;
        } else if let Some(at) = track.at {
            cursor.head = Position { seq: cursor.head.seq, events: cursor.head.events, ..at };
        }
        let mut file = match file {
            Some(file) => file,
            None => CursorFile::create(&path, &cursor, faults.clone())?,
        };
        if let Some(spec) = wanted
            && spec.binding != cursor.bindings.current()
        {
            rebind(&mut cursor, &queue, &spec.binding, end.seq, &mut report)?;
            file.write(&cursor)?;
            loggr_disk::sync(&file.file())?;
        }
        let made = Queue::new(&queue, path, wanted.is_some(), file, &cursor);
        made.reader().off_books = track.waits;
        made.published.fetch_add(track.events, Ordering::Relaxed);
        made.published_bytes.fetch_add(track.bytes, Ordering::Relaxed);
        if write && wanted.is_none() {
            report.unconfigured_queues.push((queue, track.events));
        }
        log.queues.push(Arc::new(made));
    }
    for spec in spec.iter().flat_map(|s| &s.queues) {
        if log.queues.iter().any(|q| q.name == spec.name) {
            continue;
        }
        // As in AMQP, a queue gets what is published after it was bound.
        let cursor = fresh(end, &spec.binding);
        let path = dir.join(format!("{}.queue", spec.name));
        let file = CursorFile::create(&path, &cursor, faults.clone())?;
        log.queues.push(Arc::new(Queue::new(&spec.name, path, true, file, &cursor)));
        report.new_queues.push(spec.name.clone());
    }
    let names = log.queues.iter().map(|q| q.name.clone()).collect();
    if write
        && known.as_ref() != Some(&names)
        && let Err(error) = known::write(dir, &names)
    {
        // A full disk, say: then a cursor that is lost later is taken for lost all the same.
        report.notes.push(format!("the names of its queues cannot be written down: {error}"));
    }

    let newest_live = log.live.back().map_or(0, |l| l.segment.id);
    let mut spare = None;
    for segment in spares {
        let Ok(segment) = Arc::try_unwrap(segment) else { continue };
        // Numbers are used in turn.
        let in_turn = segment.id > newest_live && segment.id >= newest_head;
        if in_turn && spare.is_none() && !segment.is_poisoned() {
            spare = Some(segment);
        } else if write {
            std::fs::remove_file(&segment.path)?;
        }
    }
    log.damaged = report.missing_events + report.damage.iter().map(|d| d.events).sum::<u64>();
    Ok(Recovered { log, spare, free, next_id, report })
}

/// From the end of the log on, another binding key is valid.
fn rebind(
    cursor: &mut Cursor,
    queue: &str,
    binding: &str,
    end: u64,
    report: &mut ExchangeReport,
) -> io::Result<()> {
    let before = cursor.bindings.current();
    report.notes.push(format!("queue `{queue}` is bound with `{binding}` now, before with `{before}`"));
    let binding = Binding::parse(binding).map_err(io::Error::other)?;
    if cursor.bindings.change(end, cursor.head.seq, binding) {
        return Ok(());
    }
    let what = "was changed too often while its events wait: put the old one back until it is empty";
    Err(io::Error::other(format!("the binding of queue `{queue}` {what}")))
}

pub(super) fn fresh(head: Position, binding: &str) -> Cursor {
    let binding = Binding::parse(binding).unwrap_or_else(|_| Binding::parse("#").expect("BUG: `#` is a key"));
    let counts = Counts::default();
    let bindings = Bindings::new(binding);
    Cursor { head, purged: None, counts, attempts: 0, bound_at: head.seq, bindings }
}
