//! The files that a process has in its data directory while it runs: a card that says who it is and
//! where it listens, its control socket, and a lock for each part that it runs.
//!
//! | file | what |
//! |---|---|
//! | `run.json`, `control.sock` | card and control socket of a process that runs everything |
//! | `run/PART.json`, `run/PART.sock` | those of a process that runs one part, such as `ship-archive` |
//! | `run/PART.lock` | locked while a process runs the part; holds its process id |
//! | `[process] pid_file` | the process id, for init scripts; locked as well |
//!
//! The bus has a lock of its own. Invariant: a part runs once on a data directory, and no process
//! writes another's files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use loggr_disk::{Holder, Lock, LockError};
use loggr_flow::Stop;
use serde_json::Value;

use super::part::Part;
use crate::config::{Config, Ship};
use crate::hint::Advise;
use crate::process::privileges::Identity;

/// Permission bits of the data directory: everybody may reach a listener's socket in it.
const DATA_MODE: u32 = 0o751;
/// Permission bits of the directory of cards, locks and control sockets.
const RUN_MODE: u32 = 0o750;
/// Permission bits of missing directories above it.
const WAY_MODE: u32 = 0o755;

/// How long to wait before a card that could not be written is tried again.
const CARD_AGAIN: Duration = Duration::from_secs(5);

/// The hint for a user who may not read the data directory.
pub const WHO_MAY_LOOK: &str = "run it as root or as the user that loggr runs as, for example with `sudo`";

/// The files of one process. Dropping it removes the card; the locks end with it.
#[derive(Debug)]
pub struct Place {
    card: Card,
    socket: PathBuf,
    pid_file: Option<(PathBuf, Lock)>,
    _locks: Vec<Lock>,
}

impl Place {
    /// Makes the directory and locks every part that the process is going to run. The files belong
    /// to `owner`, if it is another user.
    pub fn claim(config: &Config, part: &Part, owner: Option<&Identity>) -> Result<Place> {
        let data = &config.data.directory;
        let run = data.join("run");
        for (directory, mode) in [(data, DATA_MODE), (&run, RUN_MODE)] {
            let is_new = !directory.exists();
            make_directory(directory, mode)
                .with_context(|| format!("cannot create the data directory `{}`", data.display()))
                .hint("choose another directory with `--data-dir`, or make its parent directory writable")?;
            if let Some(owner) = owner.filter(|_| is_new) {
                owner.give(directory)?;
            }
        }
        let locks = part.claims(config).iter().map(|claimed| lock(data, claimed)).collect::<Result<_>>()?;
        let socket = match part {
            Part::Everything => data.join("control.sock"),
            one => run.join(format!("{}.sock", one.id())),
        };
        let pid_file = config.process.pid_file.as_deref().map(|path| pid_file(path, part)).transpose()?;
        if let Some(owner) = owner {
            for claimed in part.claims(config) {
                owner.give(&run.join(format!("{}.lock", claimed.id())))?;
            }
        }
        Ok(Place { card: Card(card_of(&socket)), socket, pid_file, _locks: locks })
    }

    /// The control socket, on which it answers commands.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The card, which tells scripts and tests where everything listens.
    pub fn card(&self) -> &Card {
        &self.card
    }
}

/// The file that says who the process is and where it listens.
#[derive(Clone, Debug)]
pub struct Card(PathBuf);

impl Card {
    /// Writes the card anew; the old one stays until the new one is complete.
    ///
    /// # Errors
    /// The file cannot be written; the disk may be full.
    pub fn write(&self, card: &Value) -> Result<()> {
        // It need not survive a power cut, because it is about this process.
        loggr_disk::replace_unsynced(&self.0, format!("{card:#}\n").as_bytes())
            .with_context(|| format!("cannot write `{}`", self.0.display()))
    }

    /// Tries until the card is written, or until draining begins.
    pub async fn keep_writing(self, card: Value, mut stop: Stop) {
        loop {
            tokio::select! {
                () = stop.drain() => return,
                () = tokio::time::sleep(CARD_AGAIN) => {}
            }
            if self.write(&card).is_ok() {
                tracing::info!(card = %self.0.display(), "wrote the file in which scripts find the addresses of this process");
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The card may never have been written.
        drop(std::fs::remove_file(&self.card.0));
        if let Some((path, file)) = &self.pid_file
            && std::fs::remove_file(path).is_err()
        {
            // The directory may belong to root, and we are not root any more.
            drop(file.set_len(0));
        }
    }
}

/// Makes the directories of shippers that do not exist yet, with what is missing above them, where their owner
/// could not. Whatever is made belongs to that user.
pub fn make_of_ships<'c>(ships: impl Iterator<Item = &'c Ship>, owner: &Identity) -> Result<()> {
    for ship in ships {
        let Some(directory) = ship.kind.directory() else { continue };
        let made = make_for(directory, ship.kind.directory_mode().unwrap_or(RUN_MODE), owner);
        // A store that cannot be opened is told later, and waited for.
        if let (Err(error), Some(_)) = (made, ship.kind.directory_mode()) {
            let what = format!("cannot create the directory `{}`", directory.display());
            return Err(error)
                .context(what)
                .with_context(|| format!("cannot start the shipper `{}`", ship.name))
                .hint("make the directory, or name another one as `directory` of the shipper");
        }
    }
    Ok(())
}

/// Makes a directory that another user is to own, and those above it. Below what belongs to that user already
/// nothing is made as root: there the user may do it, and may put a link in the place of anything.
fn make_for(directory: &Path, mode: u32, owner: &Identity) -> Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    let Some(above) = missing.last().and_then(|highest| highest.parent()) else { return Ok(()) };
    if owner.owns(above)? {
        return Ok(());
    }
    loggr_disk::make_directory_with(directory, mode, mode)?;
    missing.into_iter().try_for_each(|made| owner.give(made))
}

/// Makes the data directory, unless it exists, for commands that write into it before anything has run.
pub fn make_data(config: &Config) -> Result<()> {
    let data = &config.data.directory;
    if data.exists() {
        return Ok(());
    }
    make_directory(data, DATA_MODE)
        .with_context(|| format!("cannot create the data directory `{}`", data.display()))?;
    match Identity::find(config)? {
        Some(owner) => owner.give(data),
        None => Ok(()),
    }
}

/// Makes a directory, unless it exists, and missing ones above it, which everybody may pass. The
/// modes do not depend on the umask.
pub fn make_directory(path: &Path, mode: u32) -> std::io::Result<()> {
    loggr_disk::make_directory_with(path, mode, WAY_MODE)
}

/// The control sockets of all processes on a data directory, those of dead processes included; the
/// one of a process that runs everything comes first.
pub fn sockets(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("run")).into_iter().flatten().flatten();
    let mut sockets: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sock")).collect();
    sockets.sort();
    sockets.insert(0, data.join("control.sock"));
    sockets
}

/// Gives an error if this user may not look into the directory: seeing no process would not mean
/// that none runs.
pub fn permitted(data: &Path) -> Result<()> {
    use std::io::ErrorKind::PermissionDenied;
    let denied = |path: &Path| {
        let looked = std::fs::metadata(path).and_then(|_| match path.extension() {
            Some(_) => std::os::unix::net::UnixStream::connect(path).map(drop),
            None => std::fs::read_dir(path).map(drop),
        });
        looked.err().filter(|error| error.kind() == PermissionDenied)
    };
    let places = [data.join("control.sock"), data.join("run")];
    let Some(error) = places.iter().find_map(|place| denied(place)) else { return Ok(()) };
    Err(anyhow::Error::new(error)
        .context(format!("cannot look into the data directory `{}`", data.display())))
    .hint(WHO_MAY_LOOK)
}

/// Whether the path exists; an error if this user may not look, which would not mean that it does
/// not exist.
pub fn exists(path: &Path) -> Result<bool> {
    path.try_exists().with_context(|| format!("cannot find out whether `{}` exists", path.display()))
}

/// The card of the process with this socket.
pub fn card_of(socket: &Path) -> PathBuf {
    match socket.file_name().is_some_and(|name| name == "control.sock") {
        true => socket.with_file_name("run.json"),
        false => socket.with_extension("json"),
    }
}

fn lock(data: &Path, part: &Part) -> Result<Lock> {
    hold(&data.join("run").join(format!("{}.lock", part.id())), |holder| {
        Err(anyhow!("`{part}` already runs with the data directory `{}`, as {holder}", data.display()))
            .hint("stop that process, or give this one another data directory with `--data-dir`")
    })
}

/// The pid file of a part: its id is put before the ending.
fn pid_file(path: &Path, part: &Part) -> Result<(PathBuf, Lock)> {
    let path = match part {
        Part::Everything => path.to_owned(),
        part => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let ending = path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
            path.with_file_name(format!("{stem}-{}{ending}", part.id()))
        }
    };
    let file = hold(&path, |holder| {
        Err(anyhow!("the pid file `{}` is in use by {holder}", path.display()))
            .hint("another installation on this host has the same `[process] pid_file`")
    })?;
    Ok((path, file))
}

/// Locks a file and writes our process id into it.
fn hold(path: &Path, held: impl Fn(Holder) -> Result<Lock>) -> Result<Lock> {
    let context = || format!("cannot lock `{}`", path.display());
    let lock = match Lock::take(path) {
        Ok(lock) => lock,
        Err(LockError::Held(holder)) => return held(holder),
        Err(LockError::Io(error)) => return Err(error).with_context(context),
    };
    lock.write_process_id().with_context(context)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
        let first = Place::claim(&config, &a, None).unwrap();
        let second = Place::claim(&config, &b, None).unwrap();
        assert_ne!(first.socket(), second.socket());
        for part in [&a, &Part::Everything] {
            let error = crate::hint::render(&Place::claim(&config, part, None).unwrap_err());
            let expect = format!(
                "error: `ship a` already runs with the data directory `{}`, as process {}\nhint: stop that process, \
                 or give this one another data directory with `--data-dir`\n",
                directory.path().display(),
                std::process::id()
            );
            assert_eq!(error, expect);
        }
        drop((first, second));
        Place::claim(&config, &Part::Everything, None).map(drop).unwrap();
    }

    #[test]
    fn what_is_made_has_its_mode_whatever_the_umask() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.data.directory = directory.path().join("way/data");
        let _place = Place::claim(&config, &Part::Server, None).unwrap();
        let modes = ["way", "way/data", "way/data/run"].map(|name| {
            std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o7777
        });
        assert_eq!(modes, [0o755, 0o751, 0o750]);
    }

    #[test]
    fn a_card_goes_with_its_process() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let place = Place::claim(&config, &Part::Server, None).unwrap();
        place.card().write(&serde_json::json!({ "pid": 1 })).unwrap();
        let card = directory.path().join("run/server.json");
        assert!(std::fs::read_to_string(&card).unwrap().contains("\"pid\": 1"));
        drop(place);
        assert!(!card.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_card_that_cannot_be_written_is_written_later() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run");
        let (card, content) = (Card(run.join("server.json")), serde_json::json!({ "pid": 1 }));
        assert!(card.write(&content).is_err());
        let writing = tokio::spawn(card.clone().keep_writing(content, Stop::never()));
        tokio::time::sleep(CARD_AGAIN * 3).await;
        assert!(!writing.is_finished());
        std::fs::create_dir(&run).unwrap();
        writing.await.unwrap();
        assert!(std::fs::read_to_string(&card.0).unwrap().contains("\"pid\": 1"));
    }

    #[test]
    fn pid_files_of_parts_do_not_meet() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        let path = directory.path().join("loggr.pid");
        config.process.pid_file = Some(path.clone());
        let server = Place::claim(&config, &Part::Server, None).unwrap();
        let ship = Place::claim(&config, &Part::Ship("a".to_owned()), None).unwrap();
        let written = |name: &str| std::fs::read_to_string(directory.path().join(name)).ok();
        let own = Some(format!("{}\n", std::process::id()));
        assert_eq!((written("loggr-server.pid"), written("loggr-ship-a.pid")), (own.clone(), own));
        drop((server, ship));
        assert_eq!(written("loggr-server.pid"), None);
        let other = tempfile::tempdir().unwrap();
        let _whole = Place::claim(&config, &Part::Everything, None).unwrap();
        config.data.directory = other.path().to_owned();
        let error = Place::claim(&config, &Part::Everything, None).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the pid file `{}` is in use by process {}", path.display(), std::process::id())
        );
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

    #[test]
    fn directories_of_shippers_are_made_for_their_owner() {
        use std::os::unix::fs::MetadataExt;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.process.user = Some("nobody".to_owned());
        let owner = Identity::find(&config).unwrap().unwrap();
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
        let seen = |path: &str| {
            let meta = std::fs::metadata(directory.path().join(path)).ok()?;
            Some((meta.uid() == nobody, meta.mode() & 0o777))
        };
        let shipping = |text: &str| {
            let ships = read(&text.replace("/T", directory.path().to_str().unwrap())).ships;
            make_of_ships(ships.iter().filter(|ship| !ship.built_in), &owner)
        };
        shipping("[ship.a]\nkind='files'\ndirectory='/T/way/out'\ndirectory_mode='0755'").unwrap();
        assert_eq!((seen("way/out"), seen("way")), (Some((true, 0o755)), Some((true, 0o755))));
        // What the user may make is left to the user.
        shipping("[ship.a]\nkind='files'\ndirectory='/T/way/other'").unwrap();
        assert_eq!(seen("way/other"), None);
        std::fs::write(directory.path().join("file"), "").unwrap();
        let refused = shipping("[ship.a]\nkind='files'\ndirectory='/T/file/out'").unwrap_err();
        assert!(crate::hint::render(&refused).contains("cannot start the shipper `a`"), "{refused:#}");
    }
}
