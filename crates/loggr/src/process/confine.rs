//! Confines the process to the directories that its configuration names, with the kernel's Landlock:
//! what its user may reach beyond them, it may not.
//!
//! Not about the network: a port says nothing of a host, targets may be added by a provider's own
//! documents, and datagrams are not covered. Called while the process has one thread only; those
//! that start later inherit it. Invariant: a process that could not be confined runs all the same,
//! and says so.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use crate::config::Config;
use crate::filters;

/// Rights are those of this version of Landlock, as far as the kernel has them.
const RIGHTS: ABI = ABI::V5;
/// What every process reads of its system: accounts, hosts and name services, certificates, time zones,
/// libraries that are loaded late, and the numbers of the kernel. The files that matter are replaced by
/// renaming, so that only their directory can be allowed.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/var/lib/ca-certificates",
];
/// Files of the system that may be links to where another program replaces them.
const SYSTEM_FILES: &[&str] =
    &["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime", "/etc/ssl/certs"];
/// Variables that name such places.
const SYSTEM_VARIABLES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR"];
/// Names that are looked at below directories of files, for links; at the start, once.
const MOST_LOOKED_AT: usize = 200_000;
/// Devices without anything behind them.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];

/// The hint for who is refused by it.
const HINT: &str = "this process may only reach the directories that its configuration names, as they were when it \
                    started: name the directory there and restart loggr, or set `confine = false` in `[process]`";

/// Where the process may still reach; empty before it is confined.
static ALLOWED: OnceLock<Vec<Allowed>> = OnceLock::new();

/// A directory that may be reached.
struct Allowed {
    path: PathBuf,
    /// Device and inode: another directory of this name may not.
    is: (u64, u64),
    /// Files in it may be made, changed and removed.
    writes: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confined {
    /// The configuration does not want it.
    Off,
    /// It was not possible.
    Not(String),
    /// To these directories.
    To {
        /// The version of Landlock.
        abi: i32,
        /// Where it may make, change and remove files.
        writes: Vec<PathBuf>,
        /// Where it may read, beside the system's own.
        reads: Vec<PathBuf>,
        /// Where it may remove files, beside these: its sockets and its pid file.
        removes: Vec<PathBuf>,
    },
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Confined::Off => f.write_str("not confined (`confine = false`)"),
            Confined::Not(why) => write!(f, "not confined: {why}"),
            Confined::To { abi, writes, reads, removes } => {
                write!(f, "confined by Landlock {abi} to writing in {}", listed(writes))?;
                if !removes.is_empty() {
                    write!(f, ", removing in {}", listed(removes))?;
                }
                match reads.is_empty() {
                    true => f.write_str(" and reading the system's files"),
                    false => write!(f, " and reading in {} and the system's files", listed(reads)),
                }
            }
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The directories of one purpose, and files that stand for themselves; each once, none below another.
#[derive(Debug, Default)]
struct Directories(Vec<PathBuf>);

impl Directories {
    /// Is it, where links lead, one of them or below one?
    fn holds(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.0.iter().any(|known| real.starts_with(known)))
    }

    /// Adds one that is there; its real path.
    fn add(&mut self, path: &Path) {
        let Ok(real) = path.canonicalize() else { return };
        if !self.0.iter().any(|known| real.starts_with(known)) {
            self.0.retain(|known| !known.starts_with(&real));
            self.0.push(real);
        }
    }

    /// Adds the directory of a file, and where links lead: files are replaced by renaming.
    fn add_of(&mut self, file: &Path) {
        self.add_parent(file);
        if let Ok(real) = file.canonicalize() {
            self.add_parent(&real);
        }
    }

    /// Below the root lies everything: of a file in it only itself.
    fn add_parent(&mut self, file: &Path) {
        match file.parent() {
            Some(parent) if parent.parent().is_some() => self.add(parent),
            _ => self.add(file),
        }
    }

    fn without(mut self, others: &[PathBuf]) -> Vec<PathBuf> {
        self.0.retain(|path| !others.iter().any(|other| path.starts_with(other)));
        self.0
    }
}

/// Confines the process. The directories that it writes to are made before, where they are missing.
pub fn confine(config: &Config) -> Confined {
    if !config.process.confine {
        return Confined::Off;
    }
    // Versions without this right refuse every renaming from one directory to another.
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let Ok(rules) = rules.handle_access(AccessFs::Refer) else {
        return Confined::Not("this kernel has no Landlock, which Linux has since 5.19".to_owned());
    };
    let writes = written(config);
    let reads = read(config).without(&[&writes[..], &paths(SYSTEM)].concat());
    let removes = removed(config).without(&writes);
    let abi = match restrict(rules, &writes, &config.reach().aside, &reads, &removes) {
        Ok(Some(abi)) => abi,
        Ok(None) => return Confined::Not("the kernel does not enforce it".to_owned()),
        Err(error) => return Confined::Not(format!("{error:#}")),
    };
    let system = paths(SYSTEM);
    let purposes = [(&writes, true), (&reads, false), (&system, false)];
    let allowed = purposes.iter().flat_map(|(paths, writes)| paths.iter().map(|path| (path, *writes)));
    let allowed = allowed.filter_map(|(path, writes)| {
        let meta = std::fs::metadata(path).ok()?;
        Some(Allowed { path: path.canonicalize().ok()?, is: (meta.dev(), meta.ino()), writes })
    });
    drop(ALLOWED.set(allowed.collect()));
    Confined::To { abi, writes, reads, removes }
}

fn paths(texts: &[&str]) -> Vec<PathBuf> {
    texts.iter().map(PathBuf::from).collect()
}

fn written(config: &Config) -> Vec<PathBuf> {
    let mut directories = Directories::default();
    for (directory, mode) in config.reach().kept {
        // Into what a harvest has no directory nobody uploads: the part that needs it says so.
        let is_uploaded_into = config.harvests.iter().any(|h| !h.directory.exists() && h.owns(&directory));
        if !directory.exists() && !is_uploaded_into {
            // What cannot be made is told by the part that needs it.
            drop(match mode {
                Some(mode) => loggr_disk::make_directory_with(&directory, mode, mode),
                None => loggr_disk::make_directory(&directory),
            });
        }
        directories.add(&directory);
    }
    let mut look = MOST_LOOKED_AT;
    for directory in config.reach().linked {
        add_links(&mut directories, &directory, &mut look);
    }
    directories.0
}

/// Adds where links to directories lead, wherever they are below this one. loggr makes no links: what it
/// finds, the administrator has put there to keep files on another disk.
fn add_links(directories: &mut Directories, below: &Path, look: &mut usize) {
    let mut left = vec![below.to_owned()];
    while let Some(directory) = left.pop() {
        // What cannot be read cannot be reached either.
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.filter_map(Result::ok) {
            if *look == 0 {
                let directory = below.display();
                tracing::warn!(
                    %directory,
                    most = MOST_LOOKED_AT,
                    "not all of this directory was searched for links to directories, because it holds too much"
                );
                return;
            }
            *look -= 1;
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(path),
                Ok(kind) if kind.is_symlink() && path.is_dir() && !directories.holds(&path) => {
                    directories.add(&path);
                    left.push(path);
                }
                _ => {}
            }
        }
    }
}

/// Where sockets and pid files lie that were made by root and are removed at the end.
fn removed(config: &Config) -> Directories {
    let mut directories = Directories::default();
    for directory in config.reach().removed.iter().filter_map(|file| file.parent()) {
        directories.add(directory);
    }
    directories
}

fn read(config: &Config) -> Directories {
    let mut directories = Directories::default();
    // A configuration in the root is named itself, below.
    if config.directory.parent().is_some() {
        directories.add(&config.directory);
    }
    for name in ["filters", "patterns"] {
        directories.add(&config.directory.join(name));
    }
    let filters = config.machines.iter().filter_map(|machine| machine.filter.as_deref());
    let of_filters = filters.flat_map(|name| filters::reads(&config.directory, name));
    for file in config.reach().read.into_iter().chain(of_filters) {
        directories.add_of(&file);
    }
    for directory in config.reach().watched {
        add_watched(&mut directories, &directory);
    }
    for file in SYSTEM_FILES {
        directories.add_of(Path::new(file));
    }
    let variables = SYSTEM_VARIABLES.iter().filter_map(std::env::var_os);
    for named in variables.map(PathBuf::from) {
        match named.is_dir() {
            true => directories.add(&named),
            false => directories.add_of(&named),
        }
    }
    // The program itself, for the names of functions when it panics.
    if let Ok(program) = std::env::current_exe() {
        directories.add(&program);
    }
    directories
}

/// A directory in which others write. Where it is missing, what is above it is allowed, and where a file
/// system is mounted or may be, too: one that is mounted there later is another directory.
fn add_watched(directories: &mut Directories, directory: &Path) {
    let is_inner = |path: &&Path| path.parent().is_some();
    let Some(there) = directory.ancestors().take_while(is_inner).find(|path| path.exists()) else {
        return if directory.parent().is_none() {
            directories.add(directory)
        };
    };
    directories.add(there);
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    let is_empty = std::fs::read_dir(there).is_ok_and(|mut entries| entries.next().is_none());
    if let Some(above) = there.parent().filter(is_inner)
        && (is_empty || device(above) != device(there))
    {
        directories.add(above);
    }
}

/// The version of Landlock with which the kernel enforces it, if it does.
fn restrict(
    rules: Ruleset,
    writes: &[PathBuf],
    aside: &[PathBuf],
    reads: &[PathBuf],
    removes: &[PathBuf],
) -> Result<Option<i32>> {
    let reading = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let writing = reading
        | make_bitflags!(AccessFs::{
            WriteFile | Truncate | MakeReg | MakeDir | MakeSock | RemoveFile | RemoveDir | Refer
        });
    // What is moved there counts as made there.
    let odd = make_bitflags!(AccessFs::{MakeSym | MakeFifo});
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate});
    let removing = make_bitflags!(AccessFs::{RemoveFile});
    // What is handled and allowed nowhere: executing programs, making devices, pipes and links, and
    // commands to devices.
    let mut rules = rules
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))
        .and_then(|rules| rules.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .context("cannot set up Landlock")?;
    for (those, rights) in [
        (writes, writing),
        (aside, odd),
        (reads, reading),
        (&paths(SYSTEM)[..], reading),
        (&paths(DEVICES)[..], device),
        (removes, removing),
    ] {
        for path in those {
            rules = allow(rules, path, rights)?;
        }
    }
    let status = rules.restrict_self().context("cannot confine the process")?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi }
            if status.ruleset != RulesetStatus::NotEnforced =>
        {
            Some(kernel_abi.unwrap_or(effective_abi as i32))
        }
        _ => None,
    })
}

/// Allows it below a path, if that is there.
fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> Result<RulesetCreated> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    // Of a file nothing can be listed.
    let rights = if path.is_dir() { rights } else { rights & !AccessFs::ReadDir };
    let shown = || format!("cannot allow `{}`", path.display());
    rules.add_rule(PathBeneath::new(opened, rights)).with_context(shown)
}

/// The hint for an error of writing at this path, if it says that something is forbidden and the path is
/// not one where the process may write.
pub fn advice(path: &Path, error: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind::{CrossesDevices, PermissionDenied};
    let is_refused = matches!(error.kind(), PermissionDenied | CrossesDevices);
    (is_refused && is_out_of_reach(path, true)).then_some(HINT)
}

/// The same for what may not be read.
pub fn reading_advice(path: &Path) -> Option<&'static str> {
    is_out_of_reach(path, false).then_some(HINT)
}

/// The same for an error of reading that is only text, with its paths between backticks.
pub fn advice_on(text: &str) -> Option<&'static str> {
    let says_so = text.contains("Permission denied");
    let mut named = text.split('`').skip(1).step_by(2).filter(|word| word.starts_with('/'));
    (says_so && named.any(|path| is_out_of_reach(Path::new(path), false))).then_some(HINT)
}

/// Whether the process is confined and the path is elsewhere than where it may read, or write.
fn is_out_of_reach(path: &Path, to_write: bool) -> bool {
    let Some(allowed) = ALLOWED.get() else { return false };
    // Of a file that is not there yet, the directory counts.
    let Some(real) = path.ancestors().find_map(|above| above.canonicalize().ok()) else { return false };
    !allowed.iter().filter(|allowed| allowed.writes || !to_write).any(|allowed| {
        let is_same = || std::fs::metadata(&allowed.path).is_ok_and(|m| (m.dev(), m.ino()) == allowed.is);
        real.starts_with(&allowed.path) && is_same()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_counts_once_and_where_links_lead() {
        let there = tempfile::tempdir().unwrap();
        let root = there.path().canonicalize().unwrap();
        for name in ["a/b", "real"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("real/server.crt"), "x").unwrap();
        std::os::unix::fs::symlink(root.join("real/server.crt"), root.join("a/b/server.crt")).unwrap();
        let mut directories = Directories::default();
        directories.add_of(&root.join("a/b/server.crt"));
        assert_eq!(directories.0, [root.join("a/b"), root.join("real")]);
        directories.add(&root.join("a"));
        directories.add(&root.join("a/b"));
        directories.add(&root.join("missing"));
        assert_eq!(directories.0, [root.join("real"), root.join("a")]);
        assert_eq!(directories.without(&[root.join("real")]), [root.join("a")]);
        let mut at_the_root = Directories::default();
        at_the_root.add_of(Path::new("/proc"));
        assert_eq!(at_the_root.0, [Path::new("/proc")], "not everything");
    }

    #[test]
    fn links_to_directories_are_followed_once_and_not_for_ever() {
        let there = tempfile::tempdir().unwrap();
        let root = there.path().canonicalize().unwrap();
        for name in ["logs/web1", "disk2/web2/old", "disk3"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(root.join(to), root.join(at)).unwrap();
        link("disk2/web2", "logs/web1/web2");
        link("disk3", "disk2/web2/old/web3");
        link("logs", "disk3/round");
        link("nowhere", "logs/broken");
        std::fs::write(root.join("disk3/file"), "x").unwrap();
        link("disk3/file", "logs/file");
        let mut directories = Directories::default();
        directories.add(&root.join("logs"));
        add_links(&mut directories, &root.join("logs"), &mut 100);
        assert_eq!(directories.0, ["logs", "disk2/web2", "disk3"].map(|name| root.join(name)));
        let mut few = Directories::default();
        add_links(&mut few, &root.join("logs"), &mut 1);
        assert!(few.0.len() <= 1);
    }

    #[test]
    fn who_is_not_confined_is_not_told_of_it() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(advice(Path::new("/x"), &denied), None);
        assert_eq!(advice_on("cannot read `/x`: Permission denied (os error 13)"), None);
    }

    #[test]
    fn what_came_of_it_is_said() {
        let to = |reads: &[&str], removes: &[&str]| Confined::To {
            abi: 7,
            writes: paths(&["/a", "/b"]),
            reads: paths(reads),
            removes: paths(removes),
        };
        assert_eq!(
            to(&["/etc/loggr"], &["/run"]).to_string(),
            "confined by Landlock 7 to writing in /a, /b, removing in /run and reading in /etc/loggr and the system's files"
        );
        assert_eq!(
            to(&[], &[]).to_string(),
            "confined by Landlock 7 to writing in /a, /b and reading the system's files"
        );
        assert_eq!(Confined::Off.to_string(), "not confined (`confine = false`)");
    }
}
