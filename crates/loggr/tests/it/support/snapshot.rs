//! What the program says, kept in a file: a change of it is a change that somebody reads.

use std::path::{Path, PathBuf};

/// Compares with `snapshots/NAME.txt`; `UPDATE_SNAPSHOTS=1` writes it instead.
#[track_caller]
pub fn snapshot(name: &str, text: &str) {
    let path = directory().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(directory()).expect("the directory");
        std::fs::write(&path, text).expect("the snapshot");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == text {
        return;
    }
    let differs = kept.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or(kept.lines().count().min(text.lines().count()));
    let at = |t: &str| t.lines().nth(line).unwrap_or("(end)").to_owned();
    panic!(
        "`{}` differs in line {}:\n  kept: {}\n  now:  {}\n\nthe whole text is now:\n{text}\n\
         UPDATE_SNAPSHOTS=1 accepts it; read the diff",
        path.display(),
        line + 1,
        at(&kept),
        at(text)
    );
}

/// Fails for kept files that no test compares with.
#[track_caller]
pub fn no_others(names: &[String]) {
    let kept = std::fs::read_dir(directory()).expect("the snapshots").flatten();
    let stale: Vec<PathBuf> = kept
        .map(|entry| entry.path())
        .filter(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            !names.contains(&stem)
        })
        .collect();
    assert!(stale.is_empty(), "snapshots that nothing uses: {stale:?}");
}

fn directory() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("tests/it/snapshots")
}
