//! `kind = "files"`: into files.

use std::path::PathBuf;

use loggr_event::{DumpFormat, Template};

use crate::config::choice::choice;
use crate::config::keys::{GIB, KIB, Key, Takes, key, one_of};
use crate::config::reader::Reader;

/// What shippers of this kind alone have.
pub const KEYS: &[Key] = &[
    key(
        "path",
        Takes::PathTemplate,
        "\"${source}/${app_name}/${date}.log\"",
        "template of the path below `directory`, see `templates.md`; values cannot leave it",
    )
    .only(FILES),
    key(
        "format",
        Takes::LineFormat,
        "\"RSYSLOG\"",
        "`JSON`, `MSGPACK`, `RFC5424`, `RFC3164`, `RSYSLOG`, `ES`, `MESSAGE`, `RAW`, or a template such as \
         `$DATETIME $SOURCE $MESSAGE`, see `templates.md`",
    )
    .only(FILES),
    key(
        "compress",
        one_of::<Compress>(),
        "\"none\"",
        "how the files are compressed; where a file holds something else the lines go to one beside it, \
         with `.gz`, `.zst` or `.plain` added",
    )
    .only(FILES),
    key("file_mode", Takes::Mode, "\"0640\"", "permission bits of new files").only(FILES),
    key("directory_mode", Takes::Mode, "\"0750\"", "permission bits of new directories").only(FILES),
    key("max_open_files", Takes::Count(1, 100_000), "256", "files held open at one time").only(FILES),
    key(
        "batch_events",
        Takes::Count(1, 1_000_000),
        "10000",
        "events written and synced at once, at most; what waits is written at once, never kept for more",
    )
    .only(FILES),
    key("batch_size", Takes::Size(KIB, GIB), "\"4MiB\"", "bytes written and synced at once, at most")
        .only(FILES),
];

const FILES: &[&str] = &["files"];

choice!(Compress { None = "none", Gzip = "gzip", Zstd = "zstd" });

/// `kind = "files"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesShip {
    /// Every file lies below it.
    pub directory: PathBuf,
    /// The file's path below `directory`.
    pub path: Template,
    /// How a line looks.
    pub format: DumpFormat,
    /// How the files are compressed.
    pub compress: Compress,
    /// Permission bits of new files.
    pub file_mode: u32,
    /// Permission bits of new directories.
    pub directory_mode: u32,
    /// Files held open at one time.
    pub max_open_files: usize,
    /// Events written and synced at once, at most; what waits is never kept waiting for more.
    pub batch_events: usize,
    /// Bytes written and synced at once, at most.
    pub batch_bytes: usize,
}

/// How the files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compress {
    /// Not at all.
    #[default]
    None,
    /// One gzip member per batch (RFC 1952).
    Gzip,
    /// One zstd frame per batch, with checksum (RFC 8878).
    Zstd,
}

/// Reads the keys of the kind.
pub fn read(r: &mut Reader<'_, '_>, directory: PathBuf) -> FilesShip {
    FilesShip {
        directory,
        path: r.path_template("path"),
        format: r.line_format("format"),
        compress: r.choice("compress"),
        file_mode: r.mode("file_mode"),
        directory_mode: r.mode("directory_mode"),
        max_open_files: r.count("max_open_files"),
        batch_events: r.count("batch_events"),
        batch_bytes: r.bytes("batch_size"),
    }
}
