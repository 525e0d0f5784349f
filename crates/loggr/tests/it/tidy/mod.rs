//! House rules that a machine checks: a rule without a check is a wish.
//!
//! Not a linter: what rustfmt, clippy or the compiler can see is theirs.

mod circles;
mod crates;
mod documents;
mod kinds;
mod rooms;
mod sources;

use std::path::{Path, PathBuf};

/// A text file of the repository.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// Folders of what is built, found, or left by `make run`.
const SKIPPED: [&str; 5] = ["target", "node_modules", "corpus", "artifacts", "loggr-data"];

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../..")
        .canonicalize()
        .expect("the repository's root")
}

/// Every text file with one of these endings below these folders of the root; hidden and
/// built things are left out.
fn files(folders: &[&str], endings: &[&str]) -> Vec<File> {
    fn walk(root: &Path, directory: &Path, endings: &[&str], out: &mut Vec<File>) {
        let Ok(entries) = std::fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || SKIPPED.contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, endings, out);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                out.push(File { path, text });
            }
        }
    }
    let root = root();
    let mut out = Vec::new();
    for folder in folders {
        walk(&root, &root.join(folder), endings, &mut out);
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!out.is_empty(), "no file in {folders:?}: has the layout changed?");
    out
}

/// Fails with everything that is wrong at once.
#[track_caller]
fn none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}\n", wrong.join("\n  "));
}
