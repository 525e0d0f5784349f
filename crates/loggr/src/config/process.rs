//! `[process]`: how the process behaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{HOUR, Section, Shape, Takes, key};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "process",
    shape: Shape::Once,
    about: "How a loggr process starts and stops, and as which user it runs.",
    keys: &[&[
        key(
            "drain_timeout",
            Takes::Duration(0, HOUR),
            "\"10s\"",
            "how long a stopping process goes on storing what it has received; events that are still in a \
             queue then stay there for the next start",
        ),
        key(
            "user",
            Takes::Account,
            "",
            "the user that a process started as root changes to, once it has bound its sockets; it keeps \
             only the capability `CAP_NET_BIND_SERVICE`, and only if one of its ports needs it. With `root` it \
             stays root, with a warning. `--user` of `loggr run` goes before it",
        )
        .without("the process keeps the user that started it; root does not start"),
        key("group", Takes::Account, "", "the group that the process changes to; needs `user`")
            .without("the main group of `user`"),
        key(
            "confine",
            Takes::Bool,
            "true",
            "the process confines itself (with Landlock, where the kernel has it) to the directories that this \
             file names and to those of the system that it needs to read; whatever its user may reach beyond \
             them, it may not. `false` switches this off, for example where directories come only after the start",
        ),
        key(
            "pid_file",
            Takes::Path,
            "",
            "a file into which the process writes its process id, relative to the data directory; a process \
             that runs one component adds its name: `loggr run server` writes `loggr-server.pid` where \
             `pid_file` says `loggr.pid`",
        )
        .without("no such file"),
    ]],
};

/// `[process]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// How long a stop waits for the events that were received to be stored.
    pub drain_timeout: Duration,
    /// The user that it changes to once its sockets are bound.
    pub user: Option<String>,
    /// The group; the user's own without it.
    pub group: Option<String>,
    /// It confines itself to the directories that the file names.
    pub confine: bool,
    /// Where its process id is written.
    pub pid_file: Option<PathBuf>,
}

/// Reads the section.
pub fn read(r: &mut Reader<'_, '_>, data: &Path) -> Process {
    let process = Process {
        drain_timeout: r.duration("drain_timeout"),
        user: r.account_if_any("user"),
        group: r.account_if_any("group"),
        confine: r.bool("confine"),
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
