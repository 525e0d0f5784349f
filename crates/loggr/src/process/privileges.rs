//! Gives up the privileges of root once the sockets are bound, because the rest of the work does
//! not need them.
//!
//! Called while the process has one thread only: capabilities belong to threads, and those that
//! start later inherit what is left. Invariant: a process whose configuration names a user never
//! goes on as root, not even after an error.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::{Gid, Group, Uid, User, initgroups, setgid, setuid};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs,
};

use crate::config::{Config, nearest};
use crate::exit::Usage;
use crate::hint::Advise;

/// First port on which every user may listen, unless the kernel says otherwise.
const FIRST_FREE_PORT: u16 = 1024;
/// The file in which the kernel says it.
const FIRST_FREE_PORT_FILE: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

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

    /// Makes it the owner of a file or directory.
    pub fn give(&self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .with_context(|| format!("cannot give `{}` to `{}`", path.display(), self.user))
    }

    /// Changes to this user. The only capability that is kept is the one that the ports of the
    /// configuration need.
    pub fn assume(&self, config: &Config) -> Result<()> {
        let keep = needed(config);
        let context = || format!("cannot become the user `{}`", self.user);
        for one in CapabilitySet::all().iter().filter(|one| !keep.contains(*one)) {
            match remove_capability_from_bounding_set(one) {
                // The kernel is older than the list of capabilities.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(error) => return Err(error).with_context(context),
            }
        }
        set_keep_capabilities(true).with_context(context)?;
        let name = std::ffi::CString::new(self.user.as_str()).with_context(context)?;
        initgroups(&name, self.gid).with_context(context)?;
        setgid(self.gid).with_context(context)?;
        setuid(self.uid).with_context(context)?;
        let sets = CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets).with_context(context)?;
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

/// Makes sure that no program that this one could start gains privileges.
pub fn forbid_more() -> Result<()> {
    set_no_new_privs(true).context("cannot set `no_new_privs`")
}

/// Whether the process runs as root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// The capabilities that binding the sockets again needs.
fn needed(config: &Config) -> CapabilitySet {
    let text = std::fs::read_to_string(FIRST_FREE_PORT_FILE).unwrap_or_default();
    let first_free = text.trim().parse().unwrap_or(FIRST_FREE_PORT);
    match lowest_port(config).is_some_and(|port| port < first_free) {
        true => CapabilitySet::NET_BIND_SERVICE,
        false => CapabilitySet::empty(),
    }
}

/// The lowest port of the listeners. With port 0 the system chooses one that is never privileged.
fn lowest_port(config: &Config) -> Option<u16> {
    let listeners = config.listeners.iter().flat_map(|l| &l.listen).filter_map(|e| e.address());
    let web = config.web.iter().flat_map(|web| &web.listen);
    listeners.chain(web).map(|address| address.port()).filter(|port| *port != 0).min()
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

    #[track_caller]
    fn check(text: &str, expect: Option<u16>) {
        assert_eq!(lowest_port(&read(text)), expect);
    }

    #[test]
    fn ports_that_need_power() {
        check("", Some(1514));
        check("[[listener]]\nprotocol='udp'\nlisten=[':1514', ':514']", Some(514));
        check("[[listener]]\nprotocol='udp'\nlisten=':0'\n[web]\nlisten='127.0.0.1:80'", Some(80));
        check("[[listener]]\nprotocol='unix-dgram'\n[web]\nenabled=false", None);
    }

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
