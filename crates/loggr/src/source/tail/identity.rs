//! Which file it is, whatever its name is by now, and how far it is known to be unchanged.
//!
//! | mark | over | says |
//! | --- | --- | --- |
//! | inode | device and number, and when the file was made where the file system tells | it is that file, renamed or not |
//! | fingerprint | the first bytes, at most [`FINGERPRINT_BYTES`] | it holds that text, here or in a copy |
//! | guard | the last bytes before an offset, at most [`GUARD_BYTES`] | what was read is still there |
//!
//! A fingerprint covers only what was read, so that it grows with a short file. An inode number alone is no
//! identity: a freed one is given to the next file, and a device may have another number after a restart.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, StatxFlags};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes at the beginning of a file by which its text is known.
pub const FINGERPRINT_BYTES: usize = 1024;
/// Bytes in front of an offset that show whether what was read is still there.
pub const GUARD_BYTES: usize = 256;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// What compressing programs write behind a name.
const PACKED: [&str; 5] = ["gz", "zst", "zstd", "xz", "bz2"];

/// Where a file lies in its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inode {
    /// May be another number after a restart of the machine, or when the file system comes back.
    pub dev: u64,
    /// Its number.
    pub ino: u64,
    /// When it was made, in nanoseconds since 1970, if the file system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<u64>,
}

impl Inode {
    /// That of an open file.
    pub fn of(file: &File, meta: &Metadata) -> Inode {
        Inode { dev: meta.dev(), ino: meta.ino(), born: born(file) }
    }

    /// May it be the same file? Its text decides.
    pub fn may_be(&self, other: &Inode) -> bool {
        let times = self.born.zip(other.born);
        self.ino == other.ino && times.is_none_or(|(one, other)| one == other)
    }

    /// It is certainly the same file: nothing but its text may have changed.
    pub fn is(&self, other: &Inode) -> bool {
        self.ino == other.ino && self.born.is_some() && self.born == other.born
    }
}

fn born(file: &File) -> Option<u64> {
    let told = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    if !StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME) {
        return None;
    }
    let seconds = u64::try_from(told.stx_btime.tv_sec).ok()?;
    let nanos = seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(told.stx_btime.tv_nsec.into())?;
    Some(nanos).filter(|nanos| *nanos > 0)
}

/// The hash of so many bytes at a certain place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// So many bytes.
    pub len: usize,
    /// Their hash.
    pub hash: u64,
}

impl Mark {
    /// The fingerprint of a text that begins so.
    pub fn fingerprint(beginning: &[u8]) -> Mark {
        Mark::over(beginning.get(..FINGERPRINT_BYTES).unwrap_or(beginning))
    }

    /// The guard of an offset in front of which these bytes stand.
    pub fn guard(before: &[u8]) -> Mark {
        Mark::over(before.get(before.len().saturating_sub(GUARD_BYTES)..).unwrap_or(before))
    }

    /// Of all these bytes.
    pub fn over(bytes: &[u8]) -> Mark {
        Mark { len: bytes.len(), hash: xxh3_64(bytes) }
    }

    /// Does a text that begins so have this fingerprint?
    pub fn begins(&self, beginning: &[u8]) -> bool {
        beginning.get(..self.len).is_some_and(|bytes| self.is_of(bytes))
    }

    /// Are these bytes, in front of the offset, those of this guard?
    pub fn ends(&self, before: &[u8]) -> bool {
        let from = before.len().checked_sub(self.len);
        from.and_then(|from| before.get(from..)).is_some_and(|bytes| self.is_of(bytes))
    }

    /// One of nothing fits anything.
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.len == 0 || xxh3_64(bytes) == self.hash
    }
}

/// Does a file of the first name become one of the second when it is rotated? `app.log` becomes `app.log.1`,
/// `app.log-20261201`, `app-20261201.log`, `app.log.1.gz`.
pub fn is_rotation(name: &OsStr, rotated: &OsStr) -> bool {
    let (Some(name), Some(rotated)) = (name.to_str(), rotated.to_str()) else { return false };
    if name == rotated {
        return false;
    }
    let plain = unpacked(rotated);
    if name == plain {
        return true;
    }
    let separates =
        |rest: &str| rest.starts_with(['.', '-', '_', '~']) || rest.starts_with(|c: char| c.is_ascii_digit());
    if plain.strip_prefix(name).is_some_and(separates) {
        return true;
    }
    let Some((stem, ending)) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return false;
    };
    let between = plain.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending)?.strip_suffix('.'));
    between.is_some_and(|between| {
        separates(between) && between.chars().all(|c| c.is_ascii_digit() || ".-_T:~".contains(c))
    })
}

/// The name without what a compressing program has written behind it.
fn unpacked(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((before, ending)) if PACKED.contains(&ending) => before,
        _ => name,
    }
}

/// Is it the name of a compressed file?
pub fn is_packed(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| unpacked(name) != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, rotated: &str, expect: bool) {
        assert_eq!(is_rotation(OsStr::new(name), OsStr::new(rotated)), expect, "{name} {rotated}");
    }

    #[test]
    fn the_names_of_rotated_files_are_known() {
        for rotated in [
            "app.log.1",
            "app.log.1.gz",
            "app.log-20261201",
            "app.log-20261201.gz",
            "app-20261201.log",
            "app-20261201.log.zst",
            "app.log.2.xz",
            "app-20261201.log.bz2",
            "app.log.gz",
            "app.log~",
            "app.log_old",
            "app.1.log",
            "app-2026-12-01T10.log",
        ] {
            check("app.log", rotated, true);
        }
        for other in
            ["app.log", "app2.logs", "application.log", "app-error.log", "ap.log", "app.logs", "b-app.log"]
        {
            check("app.log", other, false);
        }
        check("syslog", "syslog.1", true);
        check("syslog", "syslog-ng", true);
    }

    #[test]
    fn an_inode_number_alone_is_no_identity() {
        let inode = |ino, born| Inode { dev: 1, ino, born };
        assert!(inode(7, Some(5)).may_be(&Inode { dev: 2, ..inode(7, Some(5)) }));
        assert!(!inode(7, Some(5)).may_be(&inode(7, Some(6))));
        assert!(inode(7, None).may_be(&inode(7, Some(6))) && !inode(7, None).is(&inode(7, None)));
        assert!(!inode(7, Some(5)).may_be(&inode(8, Some(5))));
    }

    #[test]
    fn marks_recognise_what_they_were_made_of() {
        let text = b"x".repeat(5000);
        let (print, guard) = (Mark::fingerprint(&text), Mark::guard(&text));
        assert_eq!((print.len, guard.len), (FINGERPRINT_BYTES, GUARD_BYTES));
        assert!(print.begins(&text) && guard.ends(&text));
        assert!(!print.begins(&text[..100]) && !guard.ends(&text[..100]));
        let short = Mark::fingerprint(b"abc");
        assert!(short.begins(b"abcd") && !short.begins(b"abd") && !short.begins(b"ab"));
        assert!(Mark::default().begins(b"") && Mark::guard(b"").ends(b""));
    }

    #[test]
    fn a_file_keeps_its_inode_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let made = File::create(&one).unwrap();
        let before = Inode::of(&made, &made.metadata().unwrap());
        std::fs::rename(&one, &two).unwrap();
        let again = File::open(&two).unwrap();
        assert_eq!(Inode::of(&again, &again.metadata().unwrap()), before);
    }
}
