//! `[data]`: the directory in which loggr keeps its data.

use std::path::{Path, PathBuf};

use super::keys::{Section, Shape, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "data",
    shape: Shape::Once,
    about: "The directory in which loggr keeps everything: queues, stores, the rescue and its own state.",
    keys: &[&[key(
        "directory",
        Takes::Path,
        "",
        "the data directory; relative to the directory of the configuration file",
    )
    .without("`$XDG_DATA_HOME/loggr` or `~/.local/share/loggr`; `/var/lib/loggr` for root")]],
};

/// `[data]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The data directory, absolute.
    pub directory: PathBuf,
}

/// The data directory, if the file says one; `beside` is the directory of the file.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Option<PathBuf> {
    r.path_if_any("directory", beside)
}
