//! What a process leaves in its data directory while it runs: a card that says who it is
//! and where it listens, its control socket, and a lock for each part that it runs.
//!
//! | file | what |
//! |---|---|
//! | `run.json`, `control.sock` | card and control socket of a process that runs everything |
//! | `run/PART.json`, `run/PART.sock` | those of a process that runs one part, such as `ship-archive` |
//! | `run/PART.lock` | held while somebody runs the part; holds its process id |
//!
//! Not the bus and its own lock. Invariant: a part runs once on a data directory, and no
//! process writes another's files.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use super::part::Part;
use crate::config::Config;
use crate::hint::Advise;

/// The files of one process. Dropping it removes the card; the locks end with it.
#[derive(Debug)]
pub struct Place {
    card: PathBuf,
    socket: PathBuf,
    _locks: Vec<File>,
}

impl Place {
    /// Makes the directory and locks every part that the process is going to run.
    pub fn claim(config: &Config, part: &Part) -> Result<Place> {
        let data = &config.data.directory;
        let run = data.join("run");
        std::fs::create_dir_all(&run)
            .with_context(|| format!("cannot create the data directory `{}`", data.display()))
            .hint("choose another one with `--data-dir`, or make its parent writable")?;
        let locks = part.claims(config).iter().map(|claimed| lock(data, claimed)).collect::<Result<_>>()?;
        let socket = match part {
            Part::Everything => data.join("control.sock"),
            one => run.join(format!("{}.sock", one.id())),
        };
        Ok(Place { card: card_of(&socket), socket, _locks: locks })
    }

    /// Where it answers commands.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Tells scripts and tests where everything listens.
    pub fn write_card(&self, card: &Value) -> Result<()> {
        let fresh = self.card.with_extension("json.new");
        std::fs::write(&fresh, format!("{card:#}\n"))
            .and_then(|()| std::fs::rename(&fresh, &self.card))
            .with_context(|| format!("cannot write `{}`", self.card.display()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may never have been written.
        drop(std::fs::remove_file(&self.card));
    }
}

/// The control sockets of all processes on a data directory, dead ones included; the one
/// of a process that runs everything stands first.
pub fn sockets(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("run")).into_iter().flatten().flatten();
    let mut sockets: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sock")).collect();
    sockets.sort();
    sockets.insert(0, data.join("control.sock"));
    sockets
}

/// The card of the process with this socket.
pub fn card_of(socket: &Path) -> PathBuf {
    match socket.file_name().is_some_and(|name| name == "control.sock") {
        true => socket.with_file_name("run.json"),
        false => socket.with_extension("json"),
    }
}

fn lock(data: &Path, part: &Part) -> Result<File> {
    let path = data.join("run").join(format!("{}.lock", part.id()));
    let context = || format!("cannot lock `{}`", path.display());
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(context)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            // Without the number the sentence is still true.
            drop(file.read_to_string(&mut pid));
            let holder = match pid.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(anyhow!("`{part}` runs already on `{}`, as {holder}", data.display()))
                .hint("stop that process, or give this one another directory with `--data-dir`");
        }
        Err(error) => return Err(error).with_context(context),
    }
    file.set_len(0).and_then(|()| file.rewind()).with_context(context)?;
    writeln!(file, "{}", std::process::id()).with_context(context)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    fn config(data: &Path) -> Config {
        let mut config = read("[ship.a]\nkind='files'\n[ship.b]\nkind='files'\ndirectory='other'\n");
        config.data.directory = data.to_owned();
        config
    }

    #[test]
    fn a_part_runs_once_on_a_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let (a, b) = (Part::Ship("a".to_owned()), Part::Ship("b".to_owned()));
        let first = Place::claim(&config, &a).unwrap();
        let second = Place::claim(&config, &b).unwrap();
        assert_ne!(first.socket(), second.socket());
        for part in [&a, &Part::Everything] {
            let error = crate::hint::render(&Place::claim(&config, part).unwrap_err());
            let expect = format!(
                "error: `ship a` runs already on `{}`, as process {}\nhint: stop that process, or give this one \
                 another directory with `--data-dir`\n",
                directory.path().display(),
                std::process::id()
            );
            assert_eq!(error, expect);
        }
        drop((first, second));
        Place::claim(&config, &Part::Everything).map(drop).unwrap();
    }

    #[test]
    fn a_card_goes_with_its_process() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let place = Place::claim(&config, &Part::Server).unwrap();
        place.write_card(&serde_json::json!({ "pid": 1 })).unwrap();
        let card = directory.path().join("run/server.json");
        assert!(std::fs::read_to_string(&card).unwrap().contains("\"pid\": 1"));
        drop(place);
        assert!(!card.exists());
    }

    #[test]
    fn sockets_are_found() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("run")).unwrap();
        for name in ["web.sock", "server.sock", "server.json"] {
            std::fs::write(directory.path().join("run").join(name), "").unwrap();
        }
        let names: Vec<_> = sockets(directory.path())
            .iter()
            .map(|p| p.strip_prefix(directory.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["control.sock", "run/server.sock", "run/web.sock"]);
    }
}
