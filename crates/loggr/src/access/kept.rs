//! The accounts in the data directory, for several processes at a time.
//!
//! | file of `access/` | what |
//! | --- | --- |
//! | `accounts.json` | users, roles, tokens, the link of a first start |
//! | `sessions.json` | who is logged in, when a token was last used, known browsers (`session.rs`) |
//!
//! Each is replaced as a whole and durably, and only its owner may read it. Whoever changes the accounts
//! holds a lock on the directory; whoever reads them looks at the file first, so that what
//! `loggr user add` does holds at once in a server that runs. Invariant: accounts that cannot be read
//! are an error, never no accounts.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use loggr_disk::Lock;
use serde::{Deserialize, Serialize};

use super::accounts::Accounts;
use super::refused::{Kind, Refused};

/// The directory below the data directory.
const DIRECTORY: &str = "access";
/// Longest file of accounts.
const MAX_ACCOUNTS_BYTES: u64 = 32 << 20;
/// What this version of loggr writes and reads.
const VERSION: u32 = 1;
/// How long a change waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The accounts of an installation.
#[derive(Debug)]
pub struct Access {
    directory: PathBuf,
    read: Mutex<Option<(Look, Arc<Accounts>)>>,
}

/// Which file was read: another one has another number or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct File<A> {
    version: u32,
    #[serde(flatten)]
    accounts: A,
}

impl Access {
    /// Those of a data directory; nothing is read yet.
    pub fn new(data: &Path) -> Access {
        Access { directory: data.join(DIRECTORY), read: Mutex::new(None) }
    }

    /// Where the sessions are.
    pub fn sessions_file(&self) -> PathBuf {
        self.directory.join("sessions.json")
    }

    fn file(&self) -> PathBuf {
        self.directory.join("accounts.json")
    }

    /// Makes the directory, unless it is there.
    pub fn make_directory(&self) -> Result<(), Refused> {
        loggr_disk::make_private_directory(&self.directory).map_err(|error| {
            let text = format!("cannot create `{}`", self.directory.display());
            Refused::new(Kind::Broken, text).because(error)
        })
    }

    /// The accounts as they are now.
    pub fn accounts(&self) -> Result<Arc<Accounts>, Refused> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let look = self.look()?;
        match (&*read, look) {
            (Some((seen, accounts)), Some(look)) if *seen == look => return Ok(accounts.clone()),
            (_, None) => {
                *read = None;
                return Ok(Arc::default());
            }
            _ => {}
        }
        let (look, accounts) = self.load()?;
        let accounts = Arc::new(accounts);
        *read = look.map(|look| (look, accounts.clone()));
        Ok(accounts)
    }

    /// Changes the accounts, durably: all of the change, or nothing of it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Accounts) -> Result<T, Refused>) -> Result<T, Refused> {
        self.make_directory()?;
        let _lock =
            Lock::wait(&self.directory, OpenOptions::new().read(true), PATIENCE).map_err(|error| {
                let text = format!("cannot lock `{}`", self.directory.display());
                Refused::new(Kind::Broken, text).because(error)
            })?;
        let (_, mut accounts) = self.load()?;
        let done = change(&mut accounts)?;
        accounts.check()?;
        let file = File { version: VERSION, accounts: &accounts };
        let failed = || Refused::new(Kind::Broken, format!("cannot write `{}`", self.file().display()));
        let text = serde_json::to_string_pretty(&file).map_err(|error| failed().because(error))?;
        if text.len() as u64 > MAX_ACCOUNTS_BYTES {
            let text = format!("the accounts would take more than {MAX_ACCOUNTS_BYTES} bytes");
            return Err(Refused::new(Kind::Limit, text));
        }
        let replaced = loggr_disk::replace_private(&self.file(), text.as_bytes());
        replaced.map_err(|error| failed().because(error))?;
        Ok(done)
    }

    fn look(&self) -> Result<Option<Look>, Refused> {
        match std::fs::metadata(self.file()) {
            Ok(meta) => Ok(Some(Look {
                inode: meta.ino(),
                bytes: meta.len(),
                changed: (meta.ctime(), meta.ctime_nsec()),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable().because(error)),
        }
    }

    /// What is in the file, and which file that was.
    fn load(&self) -> Result<(Option<Look>, Accounts), Refused> {
        let Some(look) = self.look()? else { return Ok((None, Accounts::default())) };
        let text = loggr_disk::read_text_at_most(&self.file(), MAX_ACCOUNTS_BYTES);
        let text = text.map_err(|error| self.unreadable().because(error))?;
        let text = text.ok_or_else(|| self.unreadable().because("it is too long"))?;
        let file: File<Accounts> =
            serde_json::from_str(&text).map_err(|error| self.unreadable().because(error))?;
        if file.version != VERSION {
            let cause = format!("its version is {}, and this loggr knows {VERSION}", file.version);
            return Err(self.unreadable().because(cause));
        }
        Ok((Some(look), file.accounts))
    }

    fn unreadable(&self) -> Refused {
        let file = self.file();
        Refused::new(Kind::Broken, format!("cannot read the accounts in `{}`", file.display()))
            .hinted("put back a copy of the file; until then nobody is let in")
    }
}

#[cfg(test)]
mod tests {
    use super::super::user::NewUser;
    use super::*;

    fn admin(name: &str) -> NewUser {
        NewUser { name: name.to_owned(), role: "admin".to_owned(), ..NewUser::default() }
    }

    fn names(access: &Access) -> Vec<String> {
        access.accounts().unwrap().users.iter().map(|user| user.name.clone()).collect()
    }

    #[test]
    fn what_another_process_changes_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Access::new(directory.path()), Access::new(directory.path()));
        assert!(names(&ours).is_empty());
        for name in ["anna", "ben", "carl"] {
            theirs.change(|all| all.add_user(admin(name), 1)).unwrap();
            assert_eq!(names(&ours).last().map(String::as_str), Some(name));
        }
        ours.change(|all| all.remove_user("ben")).unwrap();
        assert_eq!(names(&theirs), ["anna", "carl"]);
        let mode = std::fs::metadata(ours.file()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let access = Access::new(directory.path());
        access.change(|all| all.add_user(admin("anna"), 1)).unwrap();
        let refused = access.change(|all| all.remove_user("anna")).unwrap_err();
        assert_eq!((refused.kind(), names(&access)), (Kind::Forbidden, vec!["anna".to_owned()]));
    }

    #[test]
    fn changes_at_the_same_time_all_hold() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let data = directory.path();
                scope.spawn(move || {
                    let access = Access::new(data);
                    access.change(|all| all.add_user(admin(&format!("u{n}")), 1)).unwrap();
                });
            }
        });
        assert_eq!(names(&Access::new(directory.path())).len(), 8);
    }

    #[test]
    fn accounts_that_cannot_be_read_are_not_none() {
        let directory = tempfile::tempdir().unwrap();
        let access = Access::new(directory.path());
        access.change(|all| all.add_user(admin("anna"), 1)).unwrap();
        let whole = std::fs::read_to_string(access.file()).unwrap();
        let newer = whole.replace("\"version\": 1", "\"version\": 2");
        for text in ["", "{}", "{\"version\":1,\"users\":[{}]}", &whole[..whole.len() - 5], &newer] {
            std::fs::write(access.file(), text).unwrap();
            assert_eq!(access.accounts().unwrap_err().kind(), Kind::Broken, "{text}");
            assert_eq!(access.change(|_| Ok(())).unwrap_err().kind(), Kind::Broken, "{text}");
        }
    }
}
