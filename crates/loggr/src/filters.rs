//! Reads filters from `filters/NAME.filter` and `patterns/*.grok` beside the configuration file.
//!
//! They are read and compiled here; a machine runs them and decides when they are read again.

mod names;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use loggr_filter::engines::{Environment, Route};
use loggr_filter::lang::Program;

use self::names::NameServers;
use crate::exit::Usage;
use crate::hint::Advise;

/// Largest filter or pattern file in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The word that the text of a filter has if it sends events to another exchange.
const ROUTER: &str = "router";
/// The word that it has if it takes statements of other filters.
const INCLUDE: &str = "include";
/// One of these words is in the text of a filter that reads files of its own.
const READERS: [&str; 6] = ["translate", "geoip", "useragent", "anonymize", "fingerprint", INCLUDE];

/// The files of which a filter is made.
#[derive(Clone, Debug)]
pub struct FilterFiles {
    filter: PathBuf,
    directory: PathBuf,
}

/// A file, and the marks that change when it does; `None` if it does not exist.
pub type Stamp = (PathBuf, Option<[i64; 6]>);

impl FilterFiles {
    /// The files of the filter of this name, beside the configuration in `directory`.
    pub fn named(directory: &Path, name: &str) -> FilterFiles {
        FilterFiles {
            filter: directory.join("filters").join(format!("{name}.filter")),
            directory: directory.to_owned(),
        }
    }

    /// The filter's file.
    pub fn path(&self) -> &Path {
        &self.filter
    }

    /// Reads and checks the filter.
    pub fn compile(&self) -> Result<Program> {
        let text = read(&self.filter)
            .with_context(|| format!("cannot read the filter `{}`", self.filter.display()))
            .hint("filters lie in `filters/NAME.filter` beside the configuration file")
            .usage()?;
        let environment = environment(&self.directory)?;
        Program::compile(&self.filter.display().to_string(), &text, &environment)
            .map_err(|e| anyhow!("{e}"))
            .usage()
    }

    /// The marks by which a change of the files is noticed.
    pub fn stamps(&self) -> Vec<Stamp> {
        stamps(std::iter::once(self.filter.clone()).chain(pattern_files(&self.directory)))
    }

    /// The marks of all filters beside this one.
    pub fn neighbours(&self) -> Vec<Stamp> {
        let directory = self.filter.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        stamps(paths)
    }
}

/// The marks of any files.
pub fn stamps(files: impl IntoIterator<Item = PathBuf>) -> Vec<Stamp> {
    let stamp = |path: PathBuf| {
        let stamp = std::fs::metadata(&path).ok().map(|m| {
            let [inode, bytes] = [m.ino(), m.len()].map(u64::cast_signed);
            [inode, bytes, m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()]
        });
        (path, stamp)
    };
    files.into_iter().map(stamp).collect()
}

/// Where the filter of this name sends events; `None` if it cannot be read or is wrong.
pub fn routes(directory: &Path, name: &str) -> Option<Vec<Route>> {
    let files = FilterFiles::named(directory, name);
    match read(&files.filter).ok()? {
        // A filter without the word is not compiled, because some commands only want to know where
        // the data are.
        text if !text.contains(ROUTER) && !text.contains(INCLUDE) => Some(Vec::new()),
        _ => files.compile().ok().map(|program| program.routes().to_vec()),
    }
}

/// The text of the filter of this name, if it can be read.
pub fn text(directory: &Path, name: &str) -> Option<String> {
    read(&FilterFiles::named(directory, name).filter).ok()
}

/// The files that a filter is made of and those that its engines read. Of one that is wrong, only the
/// former: the process will not start with it.
pub fn reads(directory: &Path, name: &str) -> Vec<PathBuf> {
    let files = FilterFiles::named(directory, name);
    let mut reads = pattern_files(directory);
    // A filter without the words is not compiled only to be asked.
    if read(&files.filter).is_ok_and(|text| READERS.iter().any(|word| text.contains(word))) {
        reads.extend(files.compile().iter().flat_map(Program::reads));
    }
    reads.push(files.filter);
    reads
}

/// Files below `directory`, with the patterns of `patterns/*.grok`.
pub fn environment(directory: &Path) -> Result<Environment> {
    let mut environment = Environment::new(directory);
    environment.resolvers = Some(Arc::new(NameServers::default()));
    for path in pattern_files(directory) {
        let context = || format!("cannot use the patterns of `{}`", path.display());
        let text = read(&path).with_context(context).usage()?;
        environment.add_patterns(&text).with_context(context).usage()?;
    }
    Ok(environment)
}

/// The files in order of name, because later ones replace patterns of earlier ones.
fn pattern_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("patterns")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "grok")).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<String> {
    loggr_disk::read_text_at_most(path, MAX_FILE_BYTES)?
        .ok_or_else(|| anyhow!("it has more than {MAX_FILE_BYTES} bytes"))
}
