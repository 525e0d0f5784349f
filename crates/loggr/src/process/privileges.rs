//! Gives up the privileges of root once the sockets are bound, because the rest of the work does
//! not need them.
//!
//! Called while the process has one thread only: capabilities belong to threads, and those that
//! start later inherit what is left. Which are left says `capabilities.rs`, where the process may
//! still reach `confine.rs`. Invariants: nobody is root unsaid; a process whose configuration names
//! a user never goes on as root, not even after an error.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::{Gid, Group, Uid, User, initgroups, setgid, setuid};
use rustix::thread::{CapabilitySet, set_keep_capabilities, set_no_new_privs};

use super::capabilities;
use super::confine::{Confined, confine};
use crate::config::{Config, nearest};
use crate::exit::Usage;
use crate::hint::Advise;

/// The user and group that the process changes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    user: String,
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// The user and group of the configuration, if it names them and this host has them.
    pub fn named(config: &Config) -> Result<Option<Identity>> {
        let Some(name) = config.process.user.as_deref() else { return Ok(None) };
        let user = user_named(name).usage()?;
        let group = config.process.group.as_deref().map(group_named).transpose().usage()?;
        Ok(Some(Identity { user: user.name, uid: user.uid, gid: group.map_or(user.gid, |group| group.gid) }))
    }

    /// Like [`Identity::named`], but also `None` if the process is that user already.
    pub fn find(config: &Config) -> Result<Option<Identity>> {
        let Some(identity) = Identity::named(config)? else { return Ok(None) };
        let is = Uid::effective();
        if is == identity.uid && (Gid::effective() == identity.gid || !is.is_root()) {
            return Ok(None);
        }
        if !is.is_root() {
            return Err(anyhow!("cannot become the user `{}`: this process is not root", identity.user))
                .hint("start it as root, or remove `user` from `[process]` and start it as that user")
                .usage();
        }
        Ok(Some(identity))
    }

    /// Whether it owns a file or directory.
    pub fn owns(&self, path: &Path) -> Result<bool> {
        let meta = std::fs::metadata(path).with_context(|| format!("cannot look at `{}`", path.display()))?;
        Ok(std::os::unix::fs::MetadataExt::uid(&meta) == self.uid.as_raw())
    }

    /// Makes it the owner of a file or directory; of a link that has come in its place, and not of where that
    /// leads.
    pub fn give(&self, path: &Path) -> Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .with_context(|| format!("cannot give `{}` to `{}`", path.display(), self.user))
    }

    /// Changes to this user, who keeps these capabilities.
    fn assume(&self, keep: CapabilitySet) -> Result<()> {
        let context = || format!("cannot become the user `{}`", self.user);
        set_keep_capabilities(true).with_context(context)?;
        let name = std::ffi::CString::new(self.user.as_str()).with_context(context)?;
        initgroups(&name, self.gid).with_context(context)?;
        setgid(self.gid).with_context(context)?;
        setuid(self.uid).with_context(context)?;
        capabilities::keep_only(keep).with_context(context)?;
        set_keep_capabilities(false).with_context(context)?;
        if !self.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
            bail!("the user `{}` could become root again", self.user);
        }
        Ok(())
    }

    /// Checks that it can write to the data directory, before anything is opened there.
    pub fn check_data(&self, data: &Path) -> Result<()> {
        let meta = std::fs::metadata(data);
        let owner =
            meta.map(|meta| meta.uid()).with_context(|| format!("cannot look at `{}`", data.display()));
        if rustix::fs::access(data, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok() {
            return Ok(());
        }
        let shown = data.display();
        Err(anyhow!("the user `{}` cannot write into `{shown}`, which is of user {}", self.user, owner?))
            .hint(format!("`chown -R {}: {shown}` gives the directory to that user", self.user))
    }
}

/// What the process may still do.
#[derive(Clone, Debug)]
pub struct Privileges {
    /// Who it is.
    user: String,
    /// The capabilities that it has kept.
    kept: Vec<&'static str>,
    /// How many it has given up.
    dropped: usize,
    /// Where it may reach.
    confined: Confined,
}

impl Privileges {
    /// Becomes the user, if it is to become one, and gives up all that the configuration does not need.
    /// `identity`: who it is to become.
    pub fn settle(config: &Config, identity: Option<&Identity>) -> Result<Privileges> {
        let stays_root = identity.map_or_else(is_root, |identity| identity.uid.is_root());
        let keep = capabilities::needed(config, stays_root);
        let before = capabilities::held();
        let context = "cannot give up capabilities";
        capabilities::bound(keep).context(context)?;
        match identity {
            Some(identity) => {
                identity.assume(keep)?;
                identity.check_data(&config.data.directory)?;
            }
            None => capabilities::keep_only(keep).context(context)?,
        }
        // No program that this one could start gains any again.
        set_no_new_privs(true).context("cannot set `no_new_privs`")?;
        let kept = capabilities::held();
        Ok(Privileges {
            user: named(Uid::effective()),
            kept: capabilities::names(kept),
            dropped: before.difference(kept).iter().count(),
            confined: confine(config),
        })
    }

    /// Says it in the log.
    pub fn tell(&self) {
        let (user, dropped, confined) = (&self.user, self.dropped, &self.confined);
        tracing::info!(user, kept = self.capabilities(), dropped, %confined, "privileges were given up");
        if is_root() {
            tracing::warn!(
                "this process runs as root; set `user` in `[process]` to a user with fewer rights, such as `loggr`"
            );
        }
    }

    fn capabilities(&self) -> String {
        if self.kept.is_empty() { "none".to_owned() } else { self.kept.join(" ") }
    }
}

impl fmt::Display for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}, capabilities: {}, {}", self.user, self.capabilities(), self.confined)
    }
}

/// The name of a user, or the number where it has none.
fn named(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// The name of the user as which the process runs.
pub fn user() -> String {
    named(Uid::effective())
}

/// Refuses to run as root where nobody has said that it shall.
pub fn refuse_root(config: &Config) -> Result<()> {
    if !is_root() || config.process.user.is_some() {
        return Ok(());
    }
    Err(anyhow!("root has started loggr, and no configuration says which user it is to become"))
        .hint(
            "set `user = \"loggr\"` in `[process]`, or start it with `--user loggr`: it binds its sockets and becomes \
             that user; `root` in this place lets it stay root",
        )
        .usage()
}

/// Whether the process runs as root.
fn is_root() -> bool {
    Uid::effective().is_root()
}

fn user_named(name: &str) -> Result<User> {
    let found = User::from_name(name).with_context(|| format!("cannot look up the user `{name}`"))?;
    found.ok_or_else(|| anyhow!("there is no user `{name}`")).hint(near(
        name,
        "/etc/passwd",
        "adduser --system",
    ))
}

fn group_named(name: &str) -> Result<Group> {
    let found = Group::from_name(name).with_context(|| format!("cannot look up the group `{name}`"))?;
    found.ok_or_else(|| anyhow!("there is no group `{name}`")).hint(near(
        name,
        "/etc/group",
        "addgroup --system",
    ))
}

/// A hint: the name that was probably meant, or how to make one.
fn near(name: &str, file: &str, make: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(':').next());
    match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`{make} {name}` creates it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[test]
    fn users_that_are_not_there() {
        let find = |text: &str| crate::hint::render(&Identity::find(&read(text)).unwrap_err());
        assert_eq!(
            find("[process]\nuser='nobdy'"),
            "error: there is no user `nobdy`\nhint: did you mean `nobody`?\n"
        );
        assert_eq!(
            find("[process]\nuser='nobody'\ngroup='qqqqqqqqqqqqq'"),
            "error: there is no group `qqqqqqqqqqqqq`\nhint: `addgroup --system qqqqqqqqqqqqq` creates it\n"
        );
        assert_eq!(Identity::find(&read("")).unwrap(), None);
    }
}
