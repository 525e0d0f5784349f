//! File systems in image files, mounted through loop devices: one that can be cut off from its
//! power, and one whose journal can be aborted.
//!
//! Where loop devices or mounts are not permitted the tests that want them are skipped with a
//! word. What is mounted is unmounted when its owner is dropped, also by a failing test; the loop
//! devices go with their mounts.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{skipped, until};

/// Bytes of the image that holds the other images, and of those; both are sparse.
const LOWER_BYTES: u64 = 6 << 30;
const INNER_BYTES: u64 = 2 << 30;
/// A file system that is in use just now may be unmounted a little later.
const BUSY_SECONDS: u64 = 60;

/// An ext4 on an image. Dropping it unmounts it.
pub struct Ext4 {
    image: PathBuf,
    at: PathBuf,
}

impl Ext4 {
    /// Makes one and mounts it; `None`, with a word about it, where that is not permitted.
    #[track_caller]
    pub fn new(image: &Path, at: &Path) -> Option<Ext4> {
        permitted(make_ext4(image)).and_then(|()| permitted(Ext4::mount(image, at)))
    }

    fn mount(image: &Path, at: &Path) -> Result<Ext4, String> {
        run("mount", &["-o", "loop"], &[image, at])?;
        Ok(Ext4 { image: image.to_owned(), at: at.to_owned() })
    }

    /// Ends its journal, as it does itself when the disk below reports an error.
    #[track_caller]
    pub fn abort(&self) {
        run("mount", &["-o", "remount,abort"], &[&self.at]).expect("it can be remounted");
    }

    /// What an operator does then: unmount, check, mount. Waits until nobody uses it.
    #[track_caller]
    pub fn repair(&self) {
        until("nobody uses the file system", BUSY_SECONDS, || run("umount", &[], &[&self.at]).is_ok());
        // 1: errors were corrected.
        run("e2fsck", &["-fy"], &[&self.image]).unwrap_or_else(|why| assert!(why.starts_with("1:"), "{why}"));
        run("mount", &["-o", "loop"], &[&self.image, &self.at]).expect("it can be mounted again");
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        // Somebody may still be in it.
        run("umount", &["-l"], &[&self.at]).unwrap_or_default();
    }
}

/// A disk with a cable that can be pulled: an ext4 image inside an XFS image, of which a reflink
/// clone holds what the kernel has really written, and nothing of the page cache.
pub struct Disk {
    // Unmounted in this order.
    inner: Option<Ext4>,
    lower: Mounted,
    at: PathBuf,
    cuts: u32,
    _directory: TempDir,
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &["-l"], &[&self.0]).unwrap_or_default();
    }
}

impl Disk {
    /// Makes one and mounts it; `None`, with a word about it, where that is not permitted.
    #[track_caller]
    pub fn mount(at: &Path) -> Option<Disk> {
        // Not in memory, where it would take what it pretends to keep.
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let (image, below) = (directory.path().join("lower.img"), directory.path().join("lower"));
        std::fs::create_dir(&below).expect("a directory");
        let lower = permitted(
            sparse(&image, LOWER_BYTES)
                .and_then(|()| run("mkfs.xfs", &["-q", "-m", "reflink=1"], &[&image]))
                .and_then(|()| run("mount", &["-o", "loop"], &[&image, &below])),
        )
        .map(|()| Mounted(below.clone()))?;
        let inner = Ext4::new(&below.join("0.img"), at)?;
        Some(Disk { inner: Some(inner), lower, at: at.to_owned(), cuts: 0, _directory: directory })
    }

    /// Clones what is on the disk at this moment.
    #[track_caller]
    pub fn cut(&mut self) {
        let [now, then] = [self.cuts, self.cuts + 1].map(|n| self.image(n));
        run("cp", &["--reflink=always"], &[&now, &then]).expect("a clone");
        self.cuts += 1;
    }

    /// Mounts the clone in the place of what goes on; who wrote there must be dead.
    #[track_caller]
    pub fn power_up(&mut self) {
        self.inner = None;
        let inner = Ext4::mount(&self.image(self.cuts), &self.at).expect("the clone can be mounted");
        self.inner = Some(inner);
        if let Some(old) = self.cuts.checked_sub(1) {
            // Still in use by its mount, perhaps; the space is wanted all the same.
            std::fs::remove_file(self.image(old)).expect("the old image");
        }
    }

    fn image(&self, number: u32) -> PathBuf {
        self.lower.0.join(format!("{number}.img"))
    }
}

fn make_ext4(image: &Path) -> Result<(), String> {
    sparse(image, INNER_BYTES)?;
    run("mkfs.ext4", &["-q", "-F"], &[image])
}

fn sparse(image: &Path, bytes: u64) -> Result<(), String> {
    std::fs::File::create(image).and_then(|file| file.set_len(bytes)).map_err(|e| e.to_string())
}

#[track_caller]
fn permitted<T>(done: Result<T, String>) -> Option<T> {
    done.map_err(|why| skipped(&format!("no file system on an image here: {why}"))).ok()
}

/// Runs a program; what it says and its exit code if it fails.
fn run(program: &str, words: &[&str], paths: &[&Path]) -> Result<(), String> {
    let mut command = Command::new(program);
    let search = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{search}:/usr/sbin:/sbin")).args(words).args(paths);
    let output = command.output().map_err(|e| format!("`{program}`: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(format!("{code}: {said}")),
        None => Err(said),
    }
}
