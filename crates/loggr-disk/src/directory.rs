//! Makes directories so that their names are durable, also those of the directories above.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use crate::name::sync_parent;

/// Makes a directory, unless it is there, and whatever is missing above it, with the modes that
/// the umask leaves.
///
/// # Errors
/// The error of the disk, or that something else has the name.
pub fn make_directory(path: &Path) -> io::Result<()> {
    make(path, None)
}

/// Like [`make_directory`], with these permission bits, whatever the umask: `mode` for the
/// directory, `above` for missing ones above it. A directory that exists keeps its own.
///
/// # Errors
/// The error of the disk, or that something else has the name.
pub fn make_directory_with(path: &Path, mode: u32, above: u32) -> io::Result<()> {
    make(path, Some((mode, above)))
}

fn make(path: &Path, modes: Option<(u32, u32)>) -> io::Result<()> {
    let missing = |d: &&Path| !d.as_os_str().is_empty() && !d.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(missing).collect();
    for directory in missing.into_iter().rev() {
        let mode = modes.map(|(mode, above)| if directory == path { mode } else { above });
        match DirBuilder::new().mode(mode.unwrap_or(0o777)).create(directory) {
            Ok(()) => {}
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        if let Some(mode) = mode {
            std::fs::set_permissions(directory, Permissions::from_mode(mode))?;
        }
        // DURABLE: what is flushed in a directory without a name is lost with it.
        sync_parent(directory)?;
    }
    // A file of this name is no directory.
    std::fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_made_has_its_mode_and_what_is_there_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let [way, end] = ["way", "way/end"].map(|name| dir.path().join(name));
        make_directory_with(&end, 0o777, 0o705).unwrap();
        assert_eq!([mode(&way), mode(&end)], [0o705, 0o777]);
        make_directory_with(&end, 0o700, 0o700).unwrap();
        make_directory(&end).unwrap();
        assert_eq!([mode(&way), mode(&end)], [0o705, 0o777]);
        make_directory(&end.join("a/b")).unwrap();
        assert!(end.join("a/b").is_dir());
        std::fs::write(end.join("file"), "").unwrap();
        assert!(make_directory(&end.join("file")).is_err());
        assert!(make_directory(&end.join("file/below")).is_err());
    }
}
