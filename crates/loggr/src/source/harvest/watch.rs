//! When a file is complete: it stands still, it was renamed from a temporary name, or its marker is there.
//!
//! Only what was seen, and when, given as arguments; nothing is opened. Not what a file holds. Invariant: a
//! file that grew or was touched between two looks is not complete, unless a name or a marker says so.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use loggr_disk::{Kind, Looks};

/// A file without a byte may be one whose upload begins just now: it has to stand still for this time, if
/// `stable` is shorter.
const EMPTY_STABLE: Duration = Duration::from_secs(60);

/// Something in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, from the directory of the harvest on.
    pub path: PathBuf,
    /// How it looks.
    pub looks: Looks,
    /// Its name is one of a file that is not whole yet.
    pub is_temporary: bool,
    /// Its marker is there; nothing where the harvest has no markers.
    pub is_marked: Option<bool>,
}

/// What was seen of a file.
#[derive(Debug)]
struct Seen {
    looks: Looks,
    /// Since when it looks so.
    since: Instant,
    /// It had a temporary name before.
    was_renamed: bool,
    /// Not before this time, because a try has failed.
    rests_until: Option<Instant>,
    /// Tries that have failed.
    tries: u32,
}

/// What was seen of all files.
#[derive(Debug)]
pub struct Watch {
    stable: Duration,
    seen: HashMap<PathBuf, Seen>,
    /// Device and inode of files with temporary names at the last look.
    temporary: HashSet<(u64, u64)>,
}

impl Watch {
    /// Files have to stand still for `stable`.
    pub fn new(stable: Duration) -> Watch {
        Watch { stable, seen: HashMap::new(), temporary: HashSet::new() }
    }

    /// Takes what is in the directory now, and gives what is complete, the oldest first.
    pub fn look(&mut self, found: Vec<Found>, now: Instant) -> Vec<Found> {
        let mut temporary = HashSet::new();
        let mut complete = Vec::new();
        let mut before = std::mem::take(&mut self.seen);
        for file in found {
            if file.is_temporary {
                temporary.insert(file.looks.is);
                continue;
            }
            let was_renamed = self.temporary.contains(&file.looks.is);
            let fresh = || Seen { looks: file.looks, since: now, was_renamed, rests_until: None, tries: 0 };
            let seen = match before.remove(&file.path) {
                Some(seen) if seen.looks == file.looks => seen,
                // It grows: the name was not the last word of its uploader.
                Some(seen) if seen.looks.is == file.looks.is => Seen { was_renamed: false, ..fresh() },
                _ => fresh(),
            };
            let rests = seen.rests_until.is_some_and(|until| now < until);
            if !rests && self.is_complete(&file, &seen, now) {
                complete.push(file.clone());
            }
            self.seen.insert(file.path, seen);
        }
        self.temporary = temporary;
        complete
            .sort_by(|one, other| (one.looks.changed, &one.path).cmp(&(other.looks.changed, &other.path)));
        complete
    }

    fn is_complete(&self, file: &Found, seen: &Seen, now: Instant) -> bool {
        let is_empty = file.looks.kind == Kind::File && file.looks.size == 0;
        let stable = if is_empty { self.stable.max(EMPTY_STABLE) } else { self.stable };
        match file.is_marked {
            Some(is_marked) => is_marked,
            None => seen.was_renamed || now.saturating_duration_since(seen.since) >= stable,
        }
    }

    /// A try with this file has failed: it rests for a while, longer each time. Gives how long.
    pub fn rest(&mut self, path: &Path, now: Instant, shortest: Duration, longest: Duration) -> Duration {
        let Some(seen) = self.seen.get_mut(path) else { return shortest };
        let pause = shortest.saturating_mul(1 << seen.tries.min(16)).min(longest);
        seen.tries += 1;
        seen.rests_until = Some(now + pause);
        pause
    }

    /// It has changed while it was looked at: it has to stand still again.
    pub fn forget(&mut self, path: &Path) {
        self.seen.remove(path);
    }

    /// Files that are there and not temporary.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Files with temporary names.
    pub fn temporary(&self) -> usize {
        self.temporary.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STABLE: Duration = Duration::from_secs(10);

    fn file(name: &str, inode: u64, size: u64, changed: i128) -> Found {
        let looks = Looks { kind: Kind::File, is: (1, inode), size, changed };
        let is_temporary = name.starts_with('.') || name.ends_with(".part");
        Found { path: name.into(), looks, is_temporary, is_marked: None }
    }

    /// What is complete after each look; the looks are so many seconds apart.
    #[track_caller]
    fn check(looks: &[(u64, &[Found])], expect: &[&str]) {
        let start = Instant::now();
        let mut watch = Watch::new(STABLE);
        let names: Vec<String> = looks
            .iter()
            .map(|(at, found)| {
                let complete = watch.look(found.to_vec(), start + Duration::from_secs(*at));
                complete.iter().map(|f| f.path.display().to_string()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(names, expect);
    }

    #[test]
    fn what_stands_still_is_complete() {
        let a = [file("a", 1, 5, 1)];
        check(&[(0, &a), (9, &a), (10, &a), (11, &a)], &["", "", "a", "a"]);
        // It grew, or was touched, or another one has its name.
        for other in [file("a", 1, 6, 1), file("a", 1, 5, 2), file("a", 2, 5, 1)] {
            let other = [other];
            check(&[(0, &a), (9, &other), (12, &other), (19, &other)], &["", "", "", "a"]);
        }
    }

    #[test]
    fn the_oldest_comes_first() {
        let all = [file("b", 1, 5, 2), file("a", 2, 5, 2), file("c", 3, 5, 1)];
        check(&[(0, &all), (10, &all)], &["", "c a b"]);
    }

    #[test]
    fn what_was_renamed_from_a_temporary_name_is_complete() {
        let (part, whole) = ([file("a.part", 1, 5, 1)], [file("a", 1, 9, 3)]);
        check(&[(0, &part), (1, &part), (2, &whole)], &["", "", "a"]);
        // Who goes on writing after that has to stand still.
        let more = [file("a", 1, 10, 4)];
        check(&[(0, &part), (2, &whole), (3, &more), (13, &more)], &["", "a", "", "a"]);
        let other = [file("a", 2, 9, 3)];
        check(&[(0, &part), (2, &other)], &["", ""]);
    }

    #[test]
    fn what_has_a_marker_is_complete_and_nothing_else() {
        let marked = |is| [Found { is_marked: Some(is), ..file("a", 1, 5, 1) }];
        check(&[(0, &marked(false)), (100, &marked(false)), (101, &marked(true))], &["", "", "a"]);
    }

    #[test]
    fn a_file_without_a_byte_may_be_one_that_begins() {
        let empty = [file("a", 1, 0, 1)];
        check(&[(0, &empty), (59, &empty), (60, &empty)], &["", "", "a"]);
    }

    #[test]
    fn what_has_failed_rests() {
        let (start, a) = (Instant::now(), file("a", 1, 5, 1));
        let mut watch = Watch::new(Duration::ZERO);
        let at = |seconds| start + Duration::from_secs(seconds);
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(3));
        let mut tries = Vec::new();
        for second in 0..10 {
            if !watch.look(vec![a.clone()], at(second)).is_empty() {
                tries.push(second);
                watch.rest(&a.path, at(second), shortest, longest);
            }
        }
        assert_eq!(tries, [0, 1, 3, 6, 9]);
        watch.forget(&a.path);
        assert_eq!((watch.len(), watch.look(vec![a], at(10)).len(), watch.len()), (0, 1, 1));
    }
}
