//! The errors of the store, in the few kinds to which callers react differently.
//!
//! A mistake in the text of a query is an error of its own, in `query`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

/// How to react to a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The disk is full, the directory is gone, an operation failed: try again later.
    Transient,
    /// Another process writes this store.
    Locked,
    /// Bytes on disk are not those that were written: `verify` and `repair`.
    Corrupt,
    /// The query was cancelled or asked for more than its limits allow.
    Limit,
    /// It will fail the same way each time.
    Permanent,
    /// A database refuses us, or lacks what we need: somebody has to change it or the
    /// configuration. At the start this is a reason to stop, later a reason to wait.
    Refused,
}

/// An error of the store: what failed, on which object, and why.
#[derive(Debug)]
pub struct StoreError {
    kind: ErrorKind,
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    hint: Option<String>,
}

impl StoreError {
    /// How to react.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// True if the same call may work later without a repair.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Transient
    }

    /// True if the events themselves are the cause, so that the same batch fails in the same way
    /// each time. If the cause is something else, such as a damaged store, a store that another
    /// process holds or a wrong password, the events wait until it is mended.
    pub fn blames_events(&self) -> bool {
        self.kind == ErrorKind::Permanent
    }

    /// What the operator can do about it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> StoreError {
        StoreError { kind, what: what.into(), source: None, hint: None }
    }

    /// The same error with a hint.
    pub(crate) fn hinted(self, hint: impl Into<String>) -> StoreError {
        StoreError { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn with(
        kind: ErrorKind,
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { kind, what: what.into(), source: Some(source.into()), hint: None }
    }

    /// An operation of the system failed: it may work later.
    pub(crate) fn io(what: &str, path: &Path, source: std::io::Error) -> StoreError {
        StoreError::with(ErrorKind::Transient, format!("cannot {what} `{}`", path.display()), source)
    }

    /// An operation failed on a file that could be written and read before: if the disk has lost
    /// the data it is damage, anything else may work later.
    pub(crate) fn disk(what: &str, path: &Path, source: std::io::Error) -> StoreError {
        match is_damage(&source) {
            true => StoreError::corrupt(path, format!("cannot {what} it: {source}")),
            false => StoreError::io(what, path, source),
        }
    }

    /// The bytes of a file are not those that were written.
    pub(crate) fn corrupt(path: &Path, what: impl fmt::Display) -> StoreError {
        StoreError::new(ErrorKind::Corrupt, format!("`{}` is damaged: {what}", path.display()))
    }

    /// An error of the Parquet library. A damaged block is passed on as such; any other error means
    /// a damaged file when reading, and a failed operation when writing.
    pub(crate) fn parquet(what: &str, path: &Path, source: parquet::errors::ParquetError) -> StoreError {
        if let parquet::errors::ParquetError::External(inner) = &source
            && let Some(block) = inner.downcast_ref::<DamagedBlock>()
        {
            return block.clone().into_error(path);
        }
        StoreError::with(ErrorKind::Corrupt, format!("cannot {what} `{}`", path.display()), source)
    }

    /// True when a file is missing that the manifest named when it was read: read it anew.
    pub(crate) fn is_missing_file(&self) -> bool {
        self.source
            .as_deref()
            .and_then(|s| s.downcast_ref::<std::io::Error>())
            .is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as &(dyn std::error::Error + 'static))
    }
}

/// A block of a file that cannot be read, or whose checksum does not fit; travels through the
/// Parquet library.
#[derive(Clone, Debug)]
pub(crate) struct DamagedBlock {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// The error of the system; `None` if the bytes could be read but are wrong.
    pub(crate) unreadable: Option<Arc<std::io::Error>>,
}

impl DamagedBlock {
    /// Makes an error about the file. An operation that may work later is not damage.
    pub(crate) fn into_error(self, path: &Path) -> StoreError {
        match self.unreadable {
            Some(e) if !is_damage(&e) => {
                let what = format!(
                    "cannot read {} bytes at offset {} of `{}`",
                    self.length,
                    self.offset,
                    path.display()
                );
                StoreError::with(ErrorKind::Transient, what, e)
            }
            _ => StoreError::corrupt(path, self),
        }
    }
}

/// Whether the error of a read says that the data are lost. Other errors, such as too many open
/// files, pass by themselves.
fn is_damage(e: &std::io::Error) -> bool {
    /// The errors of disks and file systems for blocks that they cannot read, and of names that are
    /// not files any more.
    const DAMAGE: &[Errno] = &[
        Errno::IO,
        Errno::NXIO,
        Errno::INVAL,
        Errno::ISDIR,
        Errno::NOTDIR,
        Errno::LOOP,
        Errno::NODATA,
        Errno::BADMSG,
        Errno::OVERFLOW,
        Errno::ILSEQ,
        Errno::UCLEAN,
        Errno::REMOTEIO,
        Errno::NOMEDIUM,
        Errno::MEDIUMTYPE,
    ];
    // Shorter than it was.
    e.kind() == std::io::ErrorKind::UnexpectedEof
        || e.raw_os_error().is_some_and(|code| DAMAGE.iter().any(|errno| errno.raw_os_error() == code))
}

impl fmt::Display for DamagedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unreadable {
            None => {
                write!(f, "the checksum of the {} bytes at offset {} does not fit", self.length, self.offset)
            }
            Some(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                write!(
                    f,
                    "the {} bytes at offset {} cannot be read: it ends before",
                    self.length, self.offset
                )
            }
            Some(e) => write!(f, "the {} bytes at offset {} cannot be read: {e}", self.length, self.offset),
        }
    }
}

impl std::error::Error for DamagedBlock {}
