//! Patterns of paths: `*`, `?` and `[…]` within a name, `**` for any number of directories.
//!
//! Only names are looked at here; walking through directories is in `source/tail/walk.rs`.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

/// What makes a name a pattern.
const WILD: [char; 3] = ['*', '?', '['];
/// Names in one pattern, at most.
const MAX_STEPS: usize = 64;
/// A dot at the beginning of a name has to be written.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The directory above the first name that is a pattern; of a plain path the one in which it is.
    base: PathBuf,
    /// The names below the base.
    steps: Vec<Step>,
}

/// One name of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This name.
    Name(String),
    /// The names that match.
    Names(glob::Pattern),
    /// Any number of directories, also none.
    Any,
}

impl Step {
    /// Does the name match? Any name does where directories are meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Step::Name(own) => own == name,
            Step::Names(pattern) => pattern.matches_with(name, OPTIONS),
            Step::Any => !name.starts_with('.'),
        }
    }
}

impl Pattern {
    /// Reads a pattern; one that is relative belongs to `directory`.
    pub fn parse(text: &str, directory: &Path) -> Result<Pattern, String> {
        let wrong = |why: &str| format!("`{text}` is not a pattern of paths: {why}");
        if text.is_empty() || text.ends_with('/') {
            return Err(wrong("it names no file"));
        }
        if text.contains('\0') {
            return Err(wrong("there is a NUL in it"));
        }
        if text == "~" || text.starts_with("~/") {
            return Err(format!("`{text}`: loggr does not know what `~` stands for; write the whole path"));
        }
        let whole = directory.join(text);
        let mut base = PathBuf::new();
        let mut steps = Vec::new();
        for component in whole.components() {
            let name = match component {
                Component::ParentDir => {
                    return Err(wrong("`..` leads out of the directory; write where it leads"));
                }
                Component::CurDir => continue,
                Component::RootDir | Component::Prefix(_) => {
                    base.push(component);
                    continue;
                }
                Component::Normal(name) => name.to_str().ok_or_else(|| wrong("it is not UTF-8"))?,
            };
            if steps.is_empty() && !name.contains(WILD) {
                base.push(name);
                continue;
            }
            steps.push(match name {
                "**" => Step::Any,
                _ if name.contains("**") => return Err(wrong("`**` stands for whole names: `a/**/b`")),
                _ if name.contains(WILD) => {
                    Step::Names(glob::Pattern::new(name).map_err(|error| wrong(error.msg))?)
                }
                _ => Step::Name(name.to_owned()),
            });
        }
        if steps.len() > MAX_STEPS {
            return Err(wrong("it has too many names"));
        }
        if steps.last() == Some(&Step::Any) {
            return Err(wrong("write `**/*` for all files below a directory"));
        }
        if steps.is_empty() {
            let name = base.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            steps.push(Step::Name(name.ok_or_else(|| wrong("it names no file"))?));
            base.pop();
        }
        let text = whole.to_string_lossy().into_owned();
        Ok(Pattern { text, base, steps })
    }

    /// The directory in which everything lies that matches.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Would a file of this path match?
    pub fn names(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.base) else { return false };
        let names: Option<Vec<&str>> = below.iter().map(|name| name.to_str()).collect();
        names.is_some_and(|names| fit(&self.steps, &names))
    }

    /// What the names below it have to be.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

fn fit(steps: &[Step], names: &[&str]) -> bool {
    match (steps, names) {
        ([], []) => true,
        // Two of them mean what one means.
        ([Step::Any, rest @ ..], _) if rest.first() == Some(&Step::Any) => fit(rest, names),
        ([any @ Step::Any, rest @ ..], _) => {
            let is_one_more = |name: &str, others: &[&str]| any.matches(name) && fit(steps, others);
            fit(rest, names) || names.split_first().is_some_and(|(name, others)| is_one_more(name, others))
        }
        ([step, rest @ ..], [name, others @ ..]) => step.matches(name) && fit(rest, others),
        _ => false,
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What files are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    pattern: glob::Pattern,
    /// Whole paths are compared, and otherwise names.
    of_paths: bool,
}

impl Exclusion {
    /// Reads a pattern of names, or with a `/` in it of paths.
    pub fn parse(text: &str, directory: &Path) -> Result<Exclusion, String> {
        let of_paths = text.contains('/');
        let whole =
            if of_paths { directory.join(text).to_string_lossy().into_owned() } else { text.to_owned() };
        if text.is_empty() {
            return Err("an empty pattern leaves nothing out".to_owned());
        }
        let pattern = glob::Pattern::new(&whole);
        let pattern =
            pattern.map_err(|error| format!("`{text}` is not a pattern of paths: {}", error.msg))?;
        Ok(Exclusion { pattern, of_paths })
    }

    /// Is the file left out?
    pub fn covers(&self, path: &Path) -> bool {
        let options = MatchOptions { require_literal_leading_dot: false, ..OPTIONS };
        match self.of_paths {
            true => self.pattern.matches_path_with(path, options),
            false => path
                .file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| self.pattern.matches_with(n, options)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, base: &str, steps: usize) {
        let pattern = Pattern::parse(text, Path::new("/d")).unwrap();
        assert_eq!((pattern.base().to_str(), pattern.steps().len()), (Some(base), steps), "{text}");
    }

    #[test]
    fn the_directory_above_the_first_wildcard_is_found() {
        check("/var/log/syslog", "/var/log", 1);
        check("/var/log/*.log", "/var/log", 1);
        check("/var/*/a/b.log", "/var", 3);
        check("/srv/**/app.log", "/srv", 2);
        check("in/?.log", "/d/in", 1);
        check("/syslog", "/", 1);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "/var/log/", "/a/**", "/a/b**c", "/a/[x", "/a/../b", "~/x", "/"] {
            assert!(Pattern::parse(text, Path::new("/d")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_can_be_left_out_by_name_or_path() {
        let covers =
            |text: &str, path: &str| Exclusion::parse(text, Path::new("/d")).unwrap().covers(Path::new(path));
        assert!(covers("*.gz", "/a/x.gz") && !covers("*.gz", "/a/x.gzip"));
        assert!(covers("/a/*", "/a/x") && !covers("/a/*", "/a/b/x") && covers("/a/**", "/a/b/x"));
    }
}
