//! Saved searches: name, query, range, columns and view, of somebody alone or for all.
//!
//! One file in the data directory, replaced as a whole and durably. Who may see or change which is
//! decided here; who asks is the caller's to know. What was saved while there were no users is nobody's:
//! everybody sees it, and once there are users an administrator removes it. Not what a search finds.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Saved searches, at most, of all users.
const MAX_SAVED: usize = 10_000;
/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Saved searches of one user, at most.
const MAX_OF_ONE: usize = 200;
/// Longest column or time, in bytes.
const MAX_WORD_BYTES: usize = 256;
/// Columns of one search, at most.
const MAX_COLUMNS: usize = 100;
/// Longest file.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A search that somebody keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// How it is called.
    pub name: String,
    /// The query.
    pub q: String,
    /// Where the range begins, as it was written: `now-1h`.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// The columns that are shown beside the usual ones.
    pub cols: Vec<String>,
    /// How it is shown: `explore` or `patterns`.
    pub view: View,
    /// Everybody may see it.
    pub shared: bool,
    /// It is what its owner sees first.
    pub start: bool,
}

/// How a search is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// As lines.
    #[default]
    Explore,
    /// By the shapes of the messages.
    Patterns,
}

/// A saved search and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What was saved.
    #[serde(flatten)]
    pub search: Search,
    /// By whom; none: there were no users.
    #[serde(deserialize_with = "owner")]
    pub owner: Option<String>,
}

/// Who asks for a saved search.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The user; none while there are no users.
    pub user: Option<String>,
    /// May they remove what they share with others, and what is nobody's?
    pub administers: bool,
}

impl Asker {
    /// Is it theirs?
    pub fn owns(&self, saved: &Saved) -> bool {
        saved.owner == self.user
    }

    /// May they remove it?
    pub fn removes(&self, saved: &Saved) -> bool {
        self.owns(saved) || (self.administers && saved.search.shared)
    }
}

/// Whoever asked from this host without users was once written so.
const NOBODY_ONCE: &str = "loopback";

fn owner<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|owner| owner != NOBODY_ONCE))
}

/// Why a search cannot be saved, changed or removed.
#[derive(Debug)]
pub enum Refused {
    /// There is none of this name that the asker may change.
    NotFound,
    /// Something of it is wrong; the name of the part, and what.
    Wrong(&'static str, String),
    /// The file cannot be read or written.
    Failed(anyhow::Error),
}

/// All saved searches of an installation.
#[derive(Debug)]
pub struct SavedSearches {
    file: PathBuf,
    change: Mutex<()>,
    read: Mutex<Option<(Look, Arc<Vec<Saved>>)>>,
}

/// Which file was read: one that another process wrote has another number or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl SavedSearches {
    /// Those of a data directory.
    pub fn new(data: &Path) -> SavedSearches {
        SavedSearches { file: data.join("saved.json"), change: Mutex::default(), read: Mutex::default() }
    }

    /// What somebody may see, by name.
    pub fn of(&self, asker: &Asker) -> Result<Vec<Saved>> {
        let all = self.read()?;
        let seen = all.iter().filter(|saved| asker.owns(saved) || saved.search.shared);
        let mut all: Vec<Saved> = seen.cloned().collect();
        all.sort_by(|a, b| a.search.name.cmp(&b.search.name).then(a.owner.cmp(&b.owner)));
        Ok(all)
    }

    /// Keeps a new one.
    pub fn add(&self, asker: &Asker, search: Search) -> Result<Saved, Refused> {
        let search = checked(search, asker)?;
        self.changed(|all| {
            if all.iter().filter(|known| asker.owns(known)).count() >= MAX_OF_ONE {
                return Err(Refused::Wrong("name", format!("you have saved {MAX_OF_ONE} searches already")));
            }
            if all.len() >= MAX_SAVED {
                return Err(Refused::Wrong("name", format!("{MAX_SAVED} searches are saved already")));
            }
            if all.iter().any(|known| asker.owns(known) && known.search.name == search.name) {
                let text = format!("you have saved a search `{}` already", search.name);
                return Err(Refused::Wrong("name", text));
            }
            let saved = Saved { search, owner: asker.user.clone() };
            all.push(saved.clone());
            Ok(saved)
        })
    }

    /// Puts another one in the place of one's own of this name.
    pub fn change(&self, asker: &Asker, name: &str, search: Search) -> Result<Saved, Refused> {
        let search = checked(search, asker)?;
        self.changed(|all| {
            let taken = |known: &Saved| asker.owns(known) && known.search.name == search.name;
            if search.name != name && all.iter().any(taken) {
                let text = format!("you have saved a search `{}` already", search.name);
                return Err(Refused::Wrong("name", text));
            }
            let known = all.iter_mut().find(|known| asker.owns(known) && known.search.name == name);
            let known = known.ok_or(Refused::NotFound)?;
            known.search = search;
            Ok(known.clone())
        })
    }

    /// Removes one's own of this name; who administers removes a shared one of somebody else, or nobody's, too.
    pub fn remove(&self, asker: &Asker, name: &str) -> Result<(), Refused> {
        self.changed(|all| {
            let own = |known: &Saved| asker.owns(known) && known.search.name == name;
            let other = |known: &Saved| asker.removes(known) && known.search.name == name;
            let at = all.iter().position(own).or_else(|| all.iter().position(other));
            all.remove(at.ok_or(Refused::NotFound)?);
            Ok(())
        })
    }

    fn changed<T>(&self, change: impl FnOnce(&mut Vec<Saved>) -> Result<T, Refused>) -> Result<T, Refused> {
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = (*self.read().map_err(Refused::Failed)?).clone();
        let done = change(&mut all)?;
        self.write(&all).map_err(Refused::Failed)?;
        Ok(done)
    }

    /// All of them; the file is read only where it is another one than the last time.
    fn read(&self) -> Result<Arc<Vec<Saved>>> {
        let what = || format!("cannot read the saved searches in `{}`", self.file.display());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let look = match std::fs::metadata(&self.file) {
            Ok(meta) => {
                Look { inode: meta.ino(), bytes: meta.len(), changed: (meta.ctime(), meta.ctime_nsec()) }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(error).with_context(what),
        };
        if let Some((_, all)) = read.as_ref().filter(|(then, _)| *then == look) {
            return Ok(all.clone());
        }
        // A change in between is seen the next time: the look is the older one.
        let text = loggr_disk::read_text_at_most(&self.file, MAX_FILE_BYTES).with_context(what)?;
        let text =
            text.ok_or_else(|| anyhow!("it has more than {MAX_FILE_BYTES} bytes")).with_context(what)?;
        let mut all = serde_json::from_str::<Vec<Saved>>(&text).with_context(what)?;
        for saved in all.iter_mut().filter(|saved| saved.owner.is_none()) {
            saved.search.shared = true;
        }
        let all = Arc::new(all);
        *read = Some((look, all.clone()));
        Ok(all)
    }

    fn write(&self, all: &[Saved]) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(all)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            bail!("the saved searches would have more than {MAX_FILE_BYTES} bytes");
        }
        loggr_disk::replace(&self.file, &bytes)
            .map_err(|error| anyhow!("cannot write the saved searches to `{}`: {error}", self.file.display()))
    }
}

fn checked(mut search: Search, asker: &Asker) -> Result<Search, Refused> {
    let wrong = |part, text: &str| Err(Refused::Wrong(part, text.to_owned()));
    search.name = search.name.trim().to_owned();
    // What is nobody's is everybody's.
    search.shared |= asker.user.is_none();
    if search.name.is_empty() {
        return wrong("name", "a saved search needs a name");
    }
    if search.name.chars().count() > MAX_NAME || search.name.contains(char::is_control) {
        return wrong("name", "a name has at most 100 characters and no control character");
    }
    if let Err(error) = crate::reading::parse(&search.q) {
        return wrong("q", &format!("the query cannot be read: {error}"));
    }
    let texts = [&search.from, &search.to].into_iter().chain(&search.cols);
    if search.cols.len() > MAX_COLUMNS || texts.into_iter().any(|text| text.len() > MAX_WORD_BYTES) {
        return wrong("cols", "there are too many columns, or one of the texts is too long");
    }
    Ok(search)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(name: &str, shared: bool) -> Search {
        Search { name: name.to_owned(), q: "severity:err".to_owned(), shared, ..Search::default() }
    }

    fn user(name: &str) -> Asker {
        Asker { user: Some(name.to_owned()), administers: false }
    }

    fn admin(name: &str) -> Asker {
        Asker { administers: true, ..user(name) }
    }

    const NOBODY: Asker = Asker { user: None, administers: true };

    fn names(saved: &SavedSearches, name: &str) -> Vec<String> {
        let of = |s: Saved| format!("{} of {}", s.search.name, s.owner.as_deref().unwrap_or("nobody"));
        saved.of(&user(name)).unwrap().into_iter().map(of).collect()
    }

    #[test]
    fn what_was_saved_without_users_is_everybodys_and_an_administrator_removes_it() {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedSearches::new(directory.path());
        saved.add(&NOBODY, search("first", false)).unwrap();
        saved.change(&NOBODY, "first", search("second", false)).unwrap();
        assert_eq!(names(&saved, "anna"), ["second of nobody"]);
        assert!(matches!(saved.change(&admin("anna"), "second", search("x", true)), Err(Refused::NotFound)));
        assert!(matches!(saved.remove(&user("bert"), "second"), Err(Refused::NotFound)));
        saved.remove(&admin("anna"), "second").unwrap();
        assert!(names(&saved, "anna").is_empty());
        // So it was written once.
        let old = r#"[{"name":"old","q":"","owner":"loopback","shared":false}]"#;
        std::fs::write(directory.path().join("saved.json"), old).unwrap();
        assert_eq!(names(&saved, "anna"), ["old of nobody"]);
    }

    #[test]
    fn each_sees_their_own_and_what_is_shared() {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedSearches::new(directory.path());
        saved.add(&user("anna"), search("errors", true)).unwrap();
        saved.add(&user("anna"), search("mine", false)).unwrap();
        saved.add(&user("bert"), search("errors", false)).unwrap();
        assert_eq!(names(&saved, "anna"), ["errors of anna", "mine of anna"]);
        assert_eq!(names(&saved, "bert"), ["errors of anna", "errors of bert"]);
        assert!(matches!(saved.change(&user("bert"), "mine", search("x", false)), Err(Refused::NotFound)));
        assert!(matches!(saved.remove(&admin("bert"), "mine"), Err(Refused::NotFound)));
        saved.change(&user("anna"), "mine", search("renamed", false)).unwrap();
        saved.remove(&admin("cora"), "errors").unwrap();
        let again = SavedSearches::new(directory.path());
        assert_eq!(
            (names(&again, "anna"), names(&again, "bert")),
            (vec!["renamed of anna".into()], vec!["errors of bert".into()])
        );
    }

    #[test]
    fn the_file_is_read_again_only_when_it_is_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedSearches::new(directory.path());
        saved.add(&user("anna"), search("errors", true)).unwrap();
        let first = saved.read().unwrap();
        assert!(Arc::ptr_eq(&first, &saved.read().unwrap()));
        SavedSearches::new(directory.path()).add(&user("bert"), search("his", true)).unwrap();
        assert_eq!(names(&saved, "anna"), ["errors of anna", "his of bert"]);
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_part_that_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedSearches::new(directory.path());
        saved.add(&user("anna"), search("errors", true)).unwrap();
        let check = |search: Search, expect: &str| match saved.add(&user("anna"), search) {
            Err(Refused::Wrong(part, _)) => assert_eq!(part, expect),
            other => panic!("{other:?}"),
        };
        check(search("", false), "name");
        check(search("errors", false), "name");
        check(search("a\u{1b}[0m", false), "name");
        check(Search { q: "(".to_owned(), ..search("x", false) }, "q");
        check(Search { cols: vec![String::new(); MAX_COLUMNS + 1], ..search("x", false) }, "cols");
    }
}
