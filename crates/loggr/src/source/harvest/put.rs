//! Puts files away: removes them, moves them to `done`, or to `failed` with the reason beside it.
//!
//! Everything is durable when it returns. Not whether a file was taken. Invariants: a file that is not the one
//! that was looked at stays where it is; nothing is overwritten; nothing in `failed` is without its reason.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use loggr_disk::{Folder, Looks};

use super::names::{REASON, harmless, numbered, with};

/// Files of one name in `done` or `failed`, at most.
const MAX_TWINS: u32 = 10_000;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was put away.
    Away,
    /// It is no longer there, or another one has its name.
    Gone,
    /// Its bytes were changed since it was looked at: it stays.
    Changed,
}

/// The directory and the name of a path below a folder.
pub fn find(folder: &Folder, path: &Path) -> io::Result<(Folder, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((folder.below(path.parent().unwrap_or(Path::new("")))?, name.to_owned()))
}

/// Puts a file away that was taken: into `done`, if there is one; with its marker, if it has one.
pub fn away(
    folder: &Folder,
    path: &Path,
    looks: &Looks,
    done: Option<&Path>,
    marker: Option<&str>,
) -> io::Result<Put> {
    let (inside, name) = match find(folder, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Put::Gone),
        found => found?,
    };
    let put = match inside.look(&name)? {
        Some(now) if now == *looks => Put::Away,
        Some(now) if now.is == looks.is => return Ok(Put::Changed),
        Some(_) | None => Put::Gone,
    };
    if put == Put::Away {
        match done {
            None => inside.remove(&name)?,
            Some(done) => {
                let to = Folder::open(done)?.make_below(path.parent().unwrap_or(Path::new("")))?;
                let name = (name.as_os_str(), harmless(&name));
                twin(&name.1, |new| inside.move_to(name.0, &to, new))?;
            }
        }
    }
    // The marker of another file of this name stays with that.
    if let Some(marker) = marker.filter(|_| inside.look(&name).is_ok_and(|now| now.is_none())) {
        inside.remove(&with(&name, marker))?;
    }
    Ok(put)
}

/// Moves what cannot be taken to `failed`, whatever it is, with the reason beside it.
pub fn refuse(
    folder: &Folder,
    path: &Path,
    looks: &Looks,
    failed: &Path,
    marker: Option<&str>,
    reason: &str,
) -> io::Result<Put> {
    let (inside, name) = match find(folder, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Put::Gone),
        found => found?,
    };
    if inside.look(&name)?.is_none_or(|now| now.is != looks.is) {
        return Ok(Put::Gone);
    }
    let to = Folder::open(failed)?;
    twin(&harmless(&name), |new| {
        if to.look(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // First the reason: a file in `failed` is never without one.
        let told = with(new, REASON);
        to.write_new(&told, format!("{reason}\n").as_bytes())?;
        inside.move_to(&name, &to, new).inspect_err(|_| drop(to.remove(&told)))
    })?;
    if let Some(marker) = marker {
        inside.remove(&with(&name, marker))?;
    }
    Ok(Put::Away)
}

/// Tries one name after the other until nothing has it.
fn twin(name: &str, mut put: impl FnMut(&OsStr) -> io::Result<()>) -> io::Result<()> {
    for n in 1..MAX_TWINS {
        match put(&numbered(name, n)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
    Err(io::Error::other(format!("{MAX_TWINS} files are called `{name}` there")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Place {
            let place = Place(tempfile::tempdir().unwrap());
            ["in/sub", "done", "failed"]
                .iter()
                .for_each(|way| std::fs::create_dir_all(place.at(way)).unwrap());
            place
        }

        fn at(&self, way: &str) -> PathBuf {
            self.0.path().join(way)
        }

        fn write(&self, name: &str) -> (Folder, Looks) {
            std::fs::write(self.at("in").join(name), name).unwrap();
            let folder = Folder::open(&self.at("in")).unwrap();
            let (inside, base) = find(&folder, Path::new(name)).unwrap();
            let looks = inside.look(&base).unwrap().unwrap();
            (folder, looks)
        }

        /// What is in it, below it, in order.
        fn all(&self, way: &str) -> String {
            let mut found = Vec::new();
            let mut left = vec![self.at(way)];
            while let Some(directory) = left.pop() {
                for entry in std::fs::read_dir(directory).unwrap() {
                    let entry = entry.unwrap();
                    match entry.file_type().unwrap().is_dir() {
                        true => left.push(entry.path()),
                        false => {
                            found.push(entry.path().strip_prefix(self.at(way)).unwrap().display().to_string())
                        }
                    }
                }
            }
            found.sort();
            found.join(" ")
        }
    }

    #[test]
    fn what_was_taken_is_removed_or_moved() {
        let place = Place::new();
        let (folder, looks) = place.write("a.log");
        place.write("a.log.ok");
        assert_eq!(away(&folder, Path::new("a.log"), &looks, None, Some(".ok")).unwrap(), Put::Away);
        assert_eq!(place.all("in"), "");
        assert_eq!(away(&folder, Path::new("a.log"), &looks, None, None).unwrap(), Put::Gone);
        for _ in 0..3 {
            let (folder, looks) = place.write("sub/a");
            away(&folder, Path::new("sub/a"), &looks, Some(&place.at("done")), None).unwrap();
        }
        assert_eq!(place.all("done"), "sub/a sub/a.2 sub/a.3");
        assert_eq!(away(&folder, Path::new("no/a"), &looks, None, None).unwrap(), Put::Gone);
    }

    #[test]
    fn another_file_of_its_name_stays_with_its_marker() {
        let place = Place::new();
        let (folder, looks) = place.write("a");
        let old = std::fs::File::open(place.at("in/a")).unwrap();
        std::fs::remove_file(place.at("in/a")).unwrap();
        let (_, other) = place.write("a");
        place.write("a.ok");
        assert_ne!(looks.is, other.is);
        assert_eq!(away(&folder, Path::new("a"), &looks, None, Some(".ok")).unwrap(), Put::Gone);
        let grown = Looks { size: 0, ..other };
        assert_eq!(away(&folder, Path::new("a"), &grown, None, Some(".ok")).unwrap(), Put::Changed);
        assert_eq!(place.all("in"), "a a.ok");
        drop(old);
    }

    #[test]
    fn what_cannot_be_taken_is_kept_with_the_reason() {
        let place = Place::new();
        for _ in 0..2 {
            let (folder, looks) = place.write("b\n\u{1b}[2J");
            let path = Path::new("b\n\u{1b}[2J");
            assert_eq!(refuse(&folder, path, &looks, &place.at("failed"), None, "why").unwrap(), Put::Away);
        }
        std::os::unix::fs::symlink("/etc/passwd", place.at("in/link")).unwrap();
        let folder = Folder::open(&place.at("in")).unwrap();
        let looks = folder.look(OsStr::new("link")).unwrap().unwrap();
        refuse(&folder, Path::new("link"), &looks, &place.at("failed"), None, "a link").unwrap();
        assert_eq!(place.all("in"), "");
        assert_eq!(place.all("failed"), "b__[2J b__[2J.2 b__[2J.2.reason b__[2J.reason link link.reason");
        assert_eq!(std::fs::read_to_string(place.at("failed/link.reason")).unwrap(), "a link\n");
    }
}
