//! Reads a file whole before anything of it is taken: whether it is a log, whole, and not too large; and
//! what it holds.
//!
//! Nothing of it is kept but a hash, so that memory does not depend on its size. Nothing is taken here.
//! Invariant: a file that is damaged anywhere gives no event.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::Ended;
use super::identity::Hash;
use crate::source::content::{self, Content, Fault, Unread};

/// Bytes that are read at once.
pub const READ_BYTES: usize = 256 << 10;
/// A packed file may be so large without a look at how much larger it has become.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// How large a file may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes, unpacked.
    pub max_size: u64,
    /// Times that it may become larger when it is unpacked.
    pub max_ratio: u64,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Examined {
    /// Hash of its unpacked content.
    pub content: Hash,
    /// Length of its unpacked content.
    pub length: u64,
    /// The index, among the contents that were asked for, of the longest with which it begins.
    pub begins_with: Option<usize>,
}

/// Reads it. `known`: contents, by length and hash, with which it may begin. `goes_on` is asked now and
/// then.
pub fn examine(
    file: File,
    limits: Limits,
    known: &[(u64, Hash)],
    goes_on: impl Fn() -> bool,
) -> Result<Examined, Ended> {
    let packed = Arc::new(AtomicU64::new(0));
    let Content { mut text, is_packed, no_log } = open(file, &packed)?;
    if let Some(what) = no_log {
        return Err(Ended::Refused(Fault::NoLog(what.text).to_string()));
    }
    let mut marks: Vec<usize> = (0..known.len()).collect();
    marks.sort_by_key(|at| known.get(*at).map(|(length, _)| *length));
    let mut marks = marks.into_iter().peekable();
    let (mut hash, mut length, mut begins_with) = (Sha256::new(), 0, None);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if !goes_on() {
            return Err(Ended::Stops);
        }
        let n = read_full(&mut text, &mut buffer).map_err(ended)?;
        let mut rest = buffer.get(..n).unwrap_or_default();
        while let Some((at, (mark, content))) = marks.peek().and_then(|at| Some((*at, known.get(*at)?)))
            && *mark <= length + rest.len() as u64
        {
            let (before, behind) = rest.split_at(usize::try_from(mark - length).unwrap_or_default());
            hash.update(before);
            length += before.len() as u64;
            rest = behind;
            if hash.clone().finalize().as_slice() == content {
                begins_with = Some(at);
            }
            marks.next();
        }
        hash.update(rest);
        length += rest.len() as u64;
        if length > limits.max_size {
            return Err(Ended::Refused(format!(
                "it has more than {} bytes when it is unpacked (`max_size`)",
                limits.max_size
            )));
        }
        let packed = packed.load(Ordering::Relaxed).max(1);
        if is_packed && length > RATIO_FREE_BYTES && length / packed > limits.max_ratio {
            return Err(Ended::Refused(format!(
                "it becomes more than {} times larger when it is unpacked (`max_ratio`)",
                limits.max_ratio
            )));
        }
        if n < buffer.len() {
            return Ok(Examined { content: hash.finalize().into(), length, begins_with });
        }
    }
}

/// A file, unpacked; `packed` counts the bytes that were read of it.
pub fn open(file: File, packed: &Arc<AtomicU64>) -> Result<Content, Ended> {
    let counted = Counted { file, read: packed.clone() };
    content::unpack(Box::new(counted), None).map_err(fault)
}

/// Fills the buffer, if there is so much left.
pub fn read_full(text: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match text.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What an error while reading a text means for the file.
pub fn ended(error: io::Error) -> Ended {
    fault(Fault::of(error))
}

fn fault(fault: Fault) -> Ended {
    match fault {
        Fault::Unread(error) => Ended::Later(format!("it cannot be read: {error}")),
        Fault::NoLog(_) | Fault::Damaged(_) | Fault::CutOff => Ended::Refused(fault.to_string()),
    }
}

/// Counts what is read of a file, and marks its errors as its own.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(Unread(error)),
        })?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    const LIMITS: Limits = Limits { max_size: 1 << 30, max_ratio: 100 };

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn hash(bytes: &[u8]) -> Hash {
        Sha256::digest(bytes).into()
    }

    #[track_caller]
    fn check(bytes: &[u8], known: &[&[u8]], expect: Option<usize>, text: &[u8]) {
        let known: Vec<(u64, Hash)> = known.iter().map(|text| (text.len() as u64, hash(text))).collect();
        let examined = examine(file(bytes), LIMITS, &known, || true).unwrap();
        let length = text.len() as u64;
        assert_eq!(examined, Examined { content: hash(text), length, begins_with: expect });
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], limits: Limits, expect: &str) {
        match examine(file(bytes), limits, &[], || true) {
            Err(Ended::Refused(why)) => assert!(why.contains(expect), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_it_holds_and_begins_with_is_known() {
        let long = b"a line of some length\n".repeat(50_000);
        check(b"", &[], None, b"");
        check(b"", &[b""], Some(0), b"");
        check(b"one\ntwo\n", &[b"two\n", b"one\n", b"on", b"one\ntwo\nthree\n"], Some(1), b"one\ntwo\n");
        check(&long, &[&long, &long[..READ_BYTES], &long[..READ_BYTES + 1], b"x"], Some(0), &long);
        let packed = zstd::encode_all(long.as_slice(), 1).unwrap();
        check(&packed, &[&long[..700_000]], Some(0), &long);
    }

    #[test]
    fn what_is_too_large_or_damaged_is_refused_as_a_whole() {
        let zeros = vec![b'0'; 70 << 20];
        let bomb = zstd::encode_all(zeros.as_slice(), 1).unwrap();
        check_refused(&bomb, LIMITS, "more than 100 times larger");
        check_refused(&bomb, Limits { max_size: 1 << 20, ..LIMITS }, "more than 1048576 bytes");
        check_refused(&bomb[..bomb.len() - 1], Limits { max_ratio: 1 << 20, ..LIMITS }, "ends in its middle");
        check_refused(b"\x89PNG\r\n", LIMITS, "the file is no log: it is a picture");
    }

    #[test]
    fn who_stops_does_not_read_on() {
        assert!(matches!(examine(file(b"a\n"), LIMITS, &[], || false), Err(Ended::Stops)));
    }
}
