//! `[process]`: how the process behaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{HOUR, Section, Shape, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "process",
    shape: Shape::Once,
    about: "How the process behaves.",
    keys: &[&[
        key(
            "drain_timeout",
            Takes::Duration(0, HOUR),
            "\"10s\"",
            "how long a stop waits for what was received to be stored; what is in the queue then waits there",
        ),
        key(
            "user",
            Takes::Account,
            "",
            "whom a process that is started as root becomes once its sockets are bound; of root's powers it \
             keeps `CAP_NET_BIND_SERVICE`, and only where a port needs it",
        )
        .without("it stays who it is"),
        key("group", Takes::Account, "", "the group, with `user`").without("the user's own"),
        key(
            "pid_file",
            Takes::Path,
            "",
            "where its process id is written, relative to the data directory; a process that runs one part \
             puts the part before the ending: `loggr-server.pid`",
        )
        .without("nowhere"),
    ]],
};

/// `[process]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// How long a stop waits for the events that were received to be stored.
    pub drain_timeout: Duration,
    /// Whom it becomes once its sockets are bound.
    pub user: Option<String>,
    /// The group; the user's own without it.
    pub group: Option<String>,
    /// Where its process id is written.
    pub pid_file: Option<PathBuf>,
}

/// Reads the section.
pub fn read(r: &mut Reader<'_, '_>, data: &Path) -> Process {
    let process = Process {
        drain_timeout: r.duration("drain_timeout"),
        user: r.account_if_any("user"),
        group: r.account_if_any("group"),
        pid_file: r.path_if_any("pid_file", data),
    };
    if process.group.is_some() && process.user.is_none() && !r.failed("user") {
        let message = "`group` is of no use without `user`".to_owned();
        r.blame("group", message, Some("name the user as well".to_owned()));
    }
    process
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn who_the_process_becomes() {
        let config = read("[process]\nuser='log_gr'\ngroup='adm'\npid_file='a.pid'");
        assert_eq!(
            (config.process.user.as_deref(), config.process.group.as_deref()),
            (Some("log_gr"), Some("adm"))
        );
        assert_eq!(config.process.pid_file.as_deref(), Some(Path::new("/data/a.pid")));
        assert_eq!(problems("[process]\nuser='-x'"), ["`-x` is not the name of a user or group"]);
        assert_eq!(problems("[process]\nuser='a:b'"), ["`a:b` is not the name of a user or group"]);
        assert_eq!(
            problems("[process]\ngroup='x'"),
            ["`group` is of no use without `user` | name the user as well"]
        );
    }
}
