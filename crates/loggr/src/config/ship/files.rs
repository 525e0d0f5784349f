//! `kind = "files"`: a shipper that stores events in files.

use std::path::PathBuf;

use loggr_event::{DumpFormat, Template};

use crate::config::choice::choice;
use crate::config::keys::{Key, Takes, key};
use crate::config::reader::Reader;

/// The keys that only shippers of this kind have.
pub const KEYS: &[Key] = &[
    key(
        "path",
        Takes::PathTemplate,
        "\"${source}/${app_name}/${date}.log\"",
        "the template of a file's path below `directory`, see `templates.md`; no value of an event can lead \
         out of `directory`",
    )
    .only(FILES),
    key("file_mode", Takes::Mode, "\"0640\"", "the permission bits of files that loggr makes").only(FILES),
    key("directory_mode", Takes::Mode, "\"0750\"", "the permission bits of directories that loggr makes")
        .only(FILES),
    key(
        "max_open_files",
        Takes::Count(1, 100_000),
        "256",
        "how many files the shipper keeps open at one time; beyond that it closes the one that it has not \
         used for longest",
    )
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
    /// Events written and synced together, at most; the shipper never waits for more to come.
    pub batch_events: usize,
    /// Bytes written and synced together, at most.
    pub batch_bytes: usize,
}

/// How files, or events on their way, are compressed.
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

/// Reads the keys of the kind. `format` and `compress`: those that several kinds share, if the file has them.
pub fn read(
    r: &mut Reader<'_, '_>,
    directory: PathBuf,
    format: Option<DumpFormat>,
    compress: Option<Compress>,
) -> FilesShip {
    FilesShip {
        directory,
        path: r.path_template("path"),
        format: format.unwrap_or(DumpFormat::Rsyslog),
        compress: compress.unwrap_or_default(),
        file_mode: r.mode("file_mode"),
        directory_mode: r.mode("directory_mode"),
        max_open_files: r.count("max_open_files"),
        batch_events: r.count("batch_events"),
        batch_bytes: r.bytes("batch_size"),
    }
}
