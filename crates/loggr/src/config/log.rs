//! `[log]`: what loggr says about itself.

use std::path::{Path, PathBuf};

use super::choice::{Choice, choice};
use super::keys::{Section, Shape, Takes, key, one_of};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "log",
    shape: Shape::Once,
    about: "The log that loggr writes about its own work, on standard error.",
    keys: &[&[
        key(
            "level",
            one_of::<LogLevel>(),
            "\"info\"",
            "the least important level that is written: `error` writes least, `trace` writes most",
        ),
        key(
            "format",
            one_of::<LogFormat>(),
            "\"text\"",
            "how a line of the log looks: `text` for people to read, or `json`, one JSON object on each \
             line",
        ),
        key(
            "security",
            Takes::Path,
            "",
            "a file for the security log, which says who logged in, searched, exported or changed something, and \
             from where; the file may be renamed at any time, and loggr begins a new one",
        )
        .without("its lines are among the others, and have the field `security`"),
    ]],
};

choice!(LogLevel { Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" });
choice!(LogFormat { Text = "text", Json = "json" });

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
    /// The file of the security log.
    pub security: Option<PathBuf>,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something was not done.
    Error,
    /// Something will go wrong.
    Warn,
    /// Changes of state.
    Info,
    /// Decisions.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// The word in the file, which is also the word of the logging library.
    pub fn keyword(self) -> &'static str {
        self.word()
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the section.
pub fn read(r: &mut Reader<'_, '_>, data: &Path) -> Log {
    Log { level: r.choice("level"), format: r.choice("format"), security: r.path_if_any("security", data) }
}
