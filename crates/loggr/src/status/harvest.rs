//! The status of a harvest: its files, waiting, in hand, done and failed, and its troubles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, flag, metric, millis, said};
use super::stamp;
use crate::source::harvest::{self, HarvestStats};

/// A harvest since the process started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Harvest {
    /// Its name in the configuration.
    pub name: String,
    /// The directory into which files are uploaded.
    pub directory: String,
    /// Files that are there and were not begun: they are not complete yet, or wait for their turn.
    pub waiting: u64,
    /// Files with temporary names.
    pub temporary: u64,
    /// Files that are being read.
    pub in_hand: u64,
    /// Files all of whose lines were taken.
    pub done: u64,
    /// Files that were taken before, and gave no events.
    pub again: u64,
    /// Files that went to `failed`.
    pub failed: u64,
    /// Lines read; after a crash some are read again.
    pub received: u64,
    /// Lines that the queue holds.
    pub accepted: u64,
    /// Bytes of those lines.
    pub bytes: u64,
    /// Lines cut to the limit.
    pub truncated: u64,
    /// The last file that was taken.
    pub last: Option<File>,
    /// The last file that went to `failed`.
    pub last_failed: Option<File>,
    /// Milliseconds from reading lines until they are on disk, over the last minutes: half of the batches took
    /// no longer.
    pub ack_p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub ack_p99_ms: Option<f64>,
    /// The bus stores nothing at the moment.
    pub stalled: bool,
    /// Why it has ended.
    pub ended: Option<String>,
    /// Another trouble: the directory cannot be seen, or a file not be taken.
    pub trouble: Option<String>,
    /// Tries with a file, or looks at the directory, that failed.
    pub troubles: u64,
}

/// A file of a harvest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "HarvestedFile")]
pub struct File {
    /// Its path below the directory.
    pub path: String,
    /// When it was taken or refused, in RFC 3339.
    pub at: String,
    /// How many lines it had, or why it failed.
    pub what: String,
}

impl Harvest {
    /// The status of a harvest now.
    pub fn of(running: &harvest::Harvest) -> Harvest {
        let stats: &HarvestStats = &running.stats;
        let progress = &stats.progress;
        let latency = progress.latency.quantiles();
        let (waiting, temporary) = stats.seen();
        let (last, last_failed) = stats.last();
        let file = |told: harvest::Told| File { path: told.path, at: stamp(told.at), what: told.what };
        Harvest {
            name: progress.name.clone(),
            directory: running.directory().display().to_string(),
            waiting,
            temporary,
            in_hand: stats.in_hand.get(),
            done: stats.done.get(),
            again: stats.again.get(),
            failed: stats.failed.get(),
            received: stats.lines.get(),
            accepted: progress.stored.get(),
            bytes: stats.bytes.get(),
            truncated: stats.truncated.get(),
            last: last.map(file),
            last_failed: last_failed.map(file),
            ack_p50_ms: millis(latency.map(|of| of.half)),
            ack_p99_ms: millis(latency.map(|of| of.most)),
            stalled: progress.failing.is_raised(),
            ended: progress.ended(),
            trouble: stats.worry(),
            troubles: stats.troubles_total.get(),
        }
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Harvest>] = &[
    metric(
        "waiting_files",
        |h| count(h.waiting),
        "Files in the directory that were not begun: they are not complete yet, or wait for their turn.",
    ),
    metric("temporary_files", |h| count(h.temporary), "Files in the directory that have temporary names."),
    metric("in_hand_files", |h| count(h.in_hand), "Files that are being read now."),
    metric("done_files_total", |h| count(h.done), "Files all of whose lines were taken."),
    metric(
        "again_files_total",
        |h| count(h.again),
        "Files that were taken before (`known_by`, `remember`), and gave no events.",
    ),
    metric(
        "failed_files_total",
        |h| count(h.failed),
        "Files that could not be taken and were moved to `failed`, each with its reason.",
    ),
    metric(
        "received_events_total",
        |h| count(h.received),
        "Lines that the harvest has read; after a crash some are read again, and are the same events.",
    ),
    metric(
        "received_bytes_total",
        |h| count(h.bytes),
        "Bytes of the lines that the harvest has read, with the envelope of each.",
    ),
    metric(
        "accepted_events_total",
        |h| count(h.accepted),
        "Events of the harvest that the bus has stored durably.",
    ),
    metric(
        "truncated_events_total",
        |h| count(h.truncated),
        "Lines that were longer than `max_message_size` and were cut to it.",
    ),
    metric(
        "ack_p50_seconds",
        |h| Some(h.ack_p50_ms? / 1e3),
        "Time from reading lines until they are on disk, over the last one to two minutes: half of the batches \
         took no longer. Missing if nothing came.",
    ),
    metric("ack_p99_seconds", |h| Some(h.ack_p99_ms? / 1e3), "The same for 99 of 100 batches."),
    metric(
        "stalled",
        |h| flag(h.stalled),
        "1 while files wait because the bus cannot store events (its disk is full, or the broker is away).",
    ),
    metric(
        "troubled",
        |h| said(&h.trouble),
        "1 while the directory cannot be listed, or a file in it cannot be taken or put away.",
    ),
    metric(
        "troubles_total",
        |h| count(h.troubles),
        "Tries with a file, or looks at the directory, that failed and are repeated.",
    ),
    metric(
        "ended",
        |h| said(&h.ended),
        "1 when the harvest has ended because of an error; it takes nothing until loggr is started again.",
    ),
];
