//! What the sink says when it cannot open or cannot write: the object, the trouble, what to do.
//!
//! There is no error for a hostile name: every value becomes a safe component first.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::process::confine;

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
        let confined = confine::advice_on(&format!("{what}: {source}"));
        OpenError {
            configuration: false,
            hint: confined.or_else(|| advice(&source)),
            what,
            source: Some(source),
        }
    }

    pub(super) fn busy(state: &Path) -> OpenError {
        let what = format!("the journal `{}` is in use", state.display());
        let hint = Some(
            "another process runs this shipper already: stop it, or give this one another data directory",
        );
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

/// Why a batch could not be written. Worth another try, unless one path alone is to blame.
#[derive(Debug)]
pub(super) struct WriteError {
    verb: &'static str,
    path: PathBuf,
    advice: Option<&'static str>,
    source: Option<io::Error>,
    in_the_way: bool,
    of_the_file: bool,
    out_of_reach: bool,
}

impl WriteError {
    /// `verb` completes "cannot …": `write`, `sync`, `create the directory`.
    pub fn new(verb: &'static str, path: &Path, source: io::Error) -> WriteError {
        let confined = confine::advice(path, &source);
        WriteError {
            verb,
            path: path.to_owned(),
            advice: confined.or_else(|| advice(&source)),
            source: Some(source),
            in_the_way: false,
            of_the_file: false,
            out_of_reach: confined.is_some(),
        }
    }

    /// The same where it reads or changes nothing but the inode and the blocks of that one file.
    /// Not for syncs: what they tell of is the disk.
    pub fn of_the_file(verb: &'static str, path: &Path, source: io::Error) -> WriteError {
        WriteError { of_the_file: true, ..WriteError::new(verb, path, source) }
    }

    /// The same where the reason is not the system's.
    pub fn because(verb: &'static str, path: &Path, advice: &'static str) -> WriteError {
        WriteError {
            verb,
            path: path.to_owned(),
            advice: Some(advice),
            source: None,
            in_the_way: false,
            of_the_file: false,
            out_of_reach: false,
        }
    }

    /// Something stands where a file should be: `advice` says what.
    pub fn in_the_way(path: &Path, advice: &'static str) -> WriteError {
        WriteError { in_the_way: true, ..WriteError::because("write", path, advice) }
    }

    /// Is it the trouble of this path, while others may be well? Nothing mends it but somebody
    /// who takes away what stands there, gives a right, or chooses other names. A path that this
    /// process may not reach is none of these: a new start mends it, for which events wait.
    pub fn blames_the_path(&self) -> bool {
        let is_of_a_path = || {
            self.errno().is_some_and(|errno| {
                matches!(
                    errno,
                    Errno::LOOP
                        | Errno::ISDIR
                        | Errno::NOTDIR
                        | Errno::NXIO
                        | Errno::NAMETOOLONG
                        | Errno::INVAL
                        | Errno::ILSEQ
                        | Errno::ACCESS
                        | Errno::PERM
                        | Errno::TXTBSY
                        | Errno::FBIG
                )
            })
        };
        self.in_the_way || (!self.out_of_reach && is_of_a_path())
    }

    /// May one file be broken (a bad block, a damaged inode), while others may be well? The same
    /// is said where the whole disk fails.
    pub fn is_of_a_broken_file(&self) -> bool {
        self.of_the_file && matches!(self.errno(), Some(Errno::IO | Errno::UCLEAN | Errno::BADMSG))
    }

    /// May a file system that says so have lost what it had called synced before? One that is only
    /// full has not, nor is it lost where descriptors are short.
    pub fn casts_doubt(&self) -> bool {
        let is_harmless =
            matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE));
        self.source.is_some() && !is_harmless
    }

    fn errno(&self) -> Option<Errno> {
        self.source.as_ref().and_then(Errno::from_io_error)
    }

    /// Is it about this file?
    pub fn is_of(&self, path: &Path) -> bool {
        self.path == path
    }

    /// Has this process, or the system, no descriptor left?
    pub fn is_out_of_descriptors(&self) -> bool {
        matches!(self.errno(), Some(Errno::MFILE | Errno::NFILE))
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

/// Why events are refused while others are taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub first: WriteError,
    /// So many more files of the batch.
    pub others: usize,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.others {
            0 => write!(f, "{}", self.first),
            others => write!(f, "{}, and {others} more files", self.first),
        }
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.first.source.as_ref().map(|e| e as _)
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
        Errno::LOOP => "a symbolic link has this name, and loggr follows no links: move it away",
        Errno::MFILE | Errno::NFILE => {
            "too many open files: lower `max_open_files` or raise the limit of the process"
        }
        Errno::NXIO => "a socket or a device without a driver has this name: move it away or change the path",
        Errno::NAMETOOLONG => "the file system does not allow a name of this length: shorten the path",
        Errno::INVAL | Errno::ILSEQ => "the file system does not allow this name: change the path",
        Errno::IO => "the disk reports an error: look at the kernel's log",
        Errno::UCLEAN | Errno::BADMSG => "the file system is damaged: check it, or move the file away",
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
