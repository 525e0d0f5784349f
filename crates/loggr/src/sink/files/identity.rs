//! Which file it is, whatever its name is by now.
//!
//! Its inode number alone does not say it: ext4 and XFS give a freed one to the next new file. So
//! the moment in which the file was made goes with it. Not every file system tells it: ext4 with
//! inodes of 128 bytes and some network file systems do not, nor does a kernel before 4.11.
//! Knows no names.

use std::fs::{File, Metadata};
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, StatxFlags};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    /// May be another number after a restart of the machine.
    pub dev: u64,
    pub ino: u64,
    /// When it was made, in nanoseconds since 1970, if the file system tells.
    pub born: Option<NonZeroU64>,
}

/// Is it that file?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    /// It has the inode number, and nothing else can be compared.
    Perhaps,
    Other,
}

impl Identity {
    /// `meta` is that of the open file.
    pub fn of(file: &File, meta: &Metadata) -> Identity {
        Identity { dev: meta.dev(), ino: meta.ino(), born: born(file) }
    }

    /// Not by the device.
    pub fn compare(&self, other: &Identity) -> Likeness {
        match (self.born, other.born) {
            _ if self.ino != other.ino => Likeness::Other,
            (Some(one), Some(other)) if one != other => Likeness::Other,
            (Some(_), Some(_)) => Likeness::Same,
            _ => Likeness::Perhaps,
        }
    }
}

fn born(file: &File) -> Option<NonZeroU64> {
    let told = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    if !StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME) {
        return None;
    }
    let seconds = u64::try_from(told.stx_btime.tv_sec).ok()?;
    let nanos = seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(told.stx_btime.tv_nsec.into())?;
    NonZeroU64::new(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: (u64, u64), other: (u64, u64), expect: Likeness) {
        let id = |(ino, born), dev| Identity { dev, ino, born: NonZeroU64::new(born) };
        assert_eq!(id(one, 1).compare(&id(other, 2)), expect, "{one:?} {other:?}");
    }

    #[test]
    fn an_inode_number_alone_is_no_identity() {
        check((7, 5), (7, 5), Likeness::Same);
        check((7, 5), (7, 6), Likeness::Other);
        check((7, 5), (8, 5), Likeness::Other);
        check((7, 0), (8, 0), Likeness::Other);
        check((7, 0), (7, 5), Likeness::Perhaps);
        check((7, 5), (7, 0), Likeness::Perhaps);
        check((7, 0), (7, 0), Likeness::Perhaps);
    }

    #[test]
    fn a_file_keeps_its_identity_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let made = File::create(&one).unwrap();
        let before = Identity::of(&made, &made.metadata().unwrap());
        std::fs::rename(&one, &two).unwrap();
        std::fs::write(&two, "x").unwrap();
        let again = File::open(&two).unwrap();
        assert_eq!(Identity::of(&again, &again.metadata().unwrap()), before);
    }
}
