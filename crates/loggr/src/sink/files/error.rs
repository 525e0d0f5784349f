//! What the sink says when it cannot open or cannot write: the object, the trouble, what to do.
//!
//! There is no error for a hostile name: every value becomes a safe component first.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why a `files` sink cannot be opened.
#[derive(Debug)]
pub struct OpenError {
    configuration: bool,
    what: String,
    hint: Option<&'static str>,
    source: Option<io::Error>,
}

impl OpenError {
    pub(super) fn options(what: String, hint: &'static str) -> OpenError {
        OpenError { configuration: true, what, hint: Some(hint), source: None }
    }

    pub(super) fn io(what: String, source: io::Error) -> OpenError {
        OpenError { configuration: false, what, hint: advice(&source), source: Some(source) }
    }

    pub(super) fn busy(state: &Path) -> OpenError {
        let what = format!("the journal `{}` is in use", state.display());
        let hint = Some("another process runs this shipper; stop it, or give this one its own state");
        OpenError { configuration: false, what, hint, source: None }
    }

    /// True if the options are wrong, false if a file or directory refuses.
    pub fn is_configuration(&self) -> bool {
        self.configuration
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}

/// Why a batch could not be written now. Always worth another try.
#[derive(Debug)]
pub(super) struct WriteError {
    verb: &'static str,
    path: PathBuf,
    advice: Option<&'static str>,
    source: Option<io::Error>,
}

impl WriteError {
    /// `verb` completes "cannot …": `write`, `sync`, `create the directory`.
    pub fn new(verb: &'static str, path: &Path, source: io::Error) -> WriteError {
        WriteError { verb, path: path.to_owned(), advice: advice(&source), source: Some(source) }
    }

    /// The same where the reason is not the system's.
    pub fn because(verb: &'static str, path: &Path, advice: &'static str) -> WriteError {
        WriteError { verb, path: path.to_owned(), advice: Some(advice), source: None }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`", self.verb, self.path.display())?;
        match self.advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}

fn advice(error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::NOSPC | Errno::DQUOT => "the disk or quota is full: free some space",
        Errno::FBIG => "the file is larger than the file system or limit allows: put ${date} into the path",
        Errno::ACCESS | Errno::PERM => "not permitted: give the user of this process write access",
        Errno::ROFS => "the file system is read-only: mount it read-write",
        Errno::NOENT => "the directory is missing: mount or create it",
        Errno::NOTDIR => "a part of the path is a file: move it away or change the path",
        Errno::ISDIR => "a directory has this name: move it away or change the path",
        Errno::LOOP => "a symbolic link has this name: links are not followed, move it away",
        Errno::MFILE | Errno::NFILE => "too many open files: lower max_open_files or raise the limit",
        Errno::IO => "the disk reports an error: look at the kernel's log",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use loggr_flow::StoreError;

    #[track_caller]
    fn check(errno: Errno, expect: &str) {
        let error = WriteError::new("write", Path::new("/x/a.log"), errno.into());
        assert!(StoreError::transient(error).chain().starts_with(expect), "{expect}");
    }

    #[test]
    fn an_error_names_the_file_the_advice_and_the_cause() {
        check(
            Errno::NOSPC,
            "cannot write `/x/a.log` (the disk or quota is full: free some space): No space left on device",
        );
        check(Errno::ROFS, "cannot write `/x/a.log` (the file system is read-only");
        check(Errno::BADF, "cannot write `/x/a.log`: Bad file descriptor");
    }
}
