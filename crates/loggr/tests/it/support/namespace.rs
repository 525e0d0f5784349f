//! A network of a test's own: namespaces of the kernel, and a link between two of them that can be taken
//! down. Only where the tests may make them, which is root as a rule.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::{Daemon, say, until};

/// The name of the link in each namespace.
const LINK: &str = "loggr0";

/// A namespace. It ends with the value, and with the processes that were started in it.
pub struct Namespace {
    /// A process that does nothing but live there.
    holder: Daemon,
    _directory: TempDir,
}

impl Namespace {
    /// A namespace in which loopback works; none where that is not permitted.
    #[track_caller]
    pub fn new() -> Option<Namespace> {
        let permitted = Command::new("unshare").args(["--net", "true"]).output();
        if !permitted.is_ok_and(|output| output.status.success()) {
            say("network namespaces are not permitted here: the link is not tried");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("unshare");
        command.args(["--net", "sleep", "infinity"]);
        let holder = Daemon::start("a namespace", command, &directory.path().join("log"));
        let namespace = Namespace { holder, _directory: directory };
        let own = std::fs::read_link("/proc/self/ns/net").expect("our namespace");
        until("the namespace is there", 30, || {
            std::fs::read_link(namespace.file()).is_ok_and(|other| other != own)
        });
        namespace.ip("link set lo up");
        Some(namespace)
    }

    fn file(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.holder.pid()).into()
    }

    /// From now on this thread, those that it starts, and its processes are there.
    #[track_caller]
    pub fn enter(&self) {
        let file = File::open(self.file()).expect("the namespace");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("it lets us in");
    }

    /// Joins two of them: this one gets the address `10.0.0.1`, the other `10.0.0.2`.
    #[track_caller]
    pub fn join(&self, other: &Namespace) {
        self.ip(&format!("link add {LINK} type veth peer name {LINK} netns {}", other.holder.pid()));
        for (namespace, address) in [(self, "10.0.0.1/24"), (other, "10.0.0.2/24")] {
            namespace.ip(&format!("addr add {address} dev {LINK}"));
            namespace.link(true);
        }
    }

    /// Takes its end of the link up or down.
    #[track_caller]
    pub fn link(&self, up: bool) {
        self.ip(&format!("link set {LINK} {}", if up { "up" } else { "down" }));
    }

    #[track_caller]
    fn ip(&self, words: &str) {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.holder.pid().to_string(), "ip"]).args(words.split(' '));
        let output = command.output().expect("nsenter starts");
        assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
