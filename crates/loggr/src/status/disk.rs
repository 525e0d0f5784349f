//! The file systems that loggr writes to, and their free space.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, count, metric};
use crate::config::Config;

/// A file system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Disk {
    /// The first directory on it that loggr writes to.
    pub name: String,
    /// Bytes that are free for loggr.
    pub free_bytes: u64,
    /// Bytes of the file system.
    pub size_bytes: u64,
    /// How many more files can be made.
    pub free_files: u64,
}

/// The file systems that this configuration writes to, each once.
pub fn of(config: &Config) -> Vec<Disk> {
    let mut directories: Vec<&Path> = vec![&config.data.directory];
    match (&config.bus.rabbit, &config.spool) {
        (None, _) => directories.push(&config.bus.directory),
        (Some(_), spool) => directories.extend(spool.as_ref().map(|spool| spool.directory.as_path())),
    }
    directories.extend(config.ships.iter().filter_map(|ship| ship.kind.directory()));
    let (mut seen, mut disks) = (Vec::new(), Vec::new());
    for directory in directories {
        let Some((there, device)) = existing(directory) else { continue };
        if seen.contains(&device) {
            continue;
        }
        let Ok(space) = rustix::fs::statvfs(&there) else { continue };
        seen.push(device);
        disks.push(Disk {
            name: directory.display().to_string(),
            free_bytes: space.f_bavail * space.f_frsize,
            size_bytes: space.f_blocks * space.f_frsize,
            free_files: space.f_favail,
        });
    }
    disks
}

/// The directory, or the nearest one above it that exists, with its device.
fn existing(directory: &Path) -> Option<(PathBuf, u64)> {
    directory.ancestors().find_map(|path| Some((path.to_owned(), std::fs::metadata(path).ok()?.dev())))
}

/// Their metrics.
pub const METRICS: &[Metric<Disk>] = &[
    metric("free_bytes", |d| count(d.free_bytes), "Bytes of the file system that are free for loggr's user."),
    metric("size_bytes", |d| count(d.size_bytes), "Size of the file system in bytes."),
    metric(
        "free_files",
        |d| count(d.free_files),
        "How many more files (inodes) can be made on the file system.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[test]
    fn a_disk_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = read("[ship.a]\nkind='files'\n[ship.b]\nkind='search'\n");
        config.data.directory = directory.path().to_owned();
        config.bus.directory = directory.path().join("not/there/yet");
        let disks = of(&config);
        assert_eq!(disks[0].name, directory.path().display().to_string());
        assert!(disks[0].size_bytes >= disks[0].free_bytes);
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert!(!names.contains(&&*config.bus.directory.display().to_string()), "{names:?}");
    }
}
