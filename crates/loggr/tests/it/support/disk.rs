//! A small disk that can be full: a tmpfs of its own, mounted where mounting is permitted.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::skipped;

/// A mounted tmpfs; unmounted when dropped.
pub struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// `None`, with a word about it, where this process may not mount.
    #[track_caller]
    pub fn mount(size: &str) -> Option<SmallDisk> {
        let directory = tempfile::tempdir().expect("a directory");
        match run(
            &["mount", "-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "loggr-test"],
            directory.path(),
        ) {
            Ok(()) => Some(SmallDisk { directory }),
            Err(why) => {
                skipped(&format!("a small disk cannot be mounted here: {why}"));
                None
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Gives it another size.
    #[track_caller]
    pub fn resize(&self, size: &str) {
        run(&["mount", "-o", &format!("remount,size={size}")], self.directory.path())
            .expect("it can be remounted");
    }

    /// Fills what is free with a file of this name.
    pub fn fill(&self, name: &str) {
        let mut file = std::fs::File::create(self.path().join(name)).expect("a file");
        let block = vec![0; 4096];
        while file.write_all(&block).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(run(&["umount", "-l"], self.directory.path()));
    }
}

fn run(words: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).arg(path).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
