//! A private SSH server on a free port of loopback: own keys, own directory, ended by its process id.
//!
//! It is an ordinary child of the test, and lets only the user in who runs the test, by a key that is made for
//! it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Daemon, Tool, free_port, sftp, ssh_keygen, sshd, until};

/// The directory that a server of root changes its root to; the service would make it.
const EMPTY: &str = "/run/sshd";

/// A running server.
pub struct Ssh {
    _daemon: Daemon,
    sftp: Tool,
    directory: TempDir,
    port: u16,
}

impl Ssh {
    /// `None`, with a word about it, when server or client is not here.
    #[track_caller]
    pub fn start() -> Option<Ssh> {
        let (server, client, keygen) = (sshd()?, sftp()?, ssh_keygen()?);
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for key in ["host", "user"] {
            let mut command = keygen.command();
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key));
            assert!(command.status().expect("ssh-keygen starts").success(), "a key is made");
        }
        std::fs::copy(at("user.pub"), at("authorized")).expect("a file");
        if rustix::process::geteuid().is_root() {
            std::fs::create_dir_all(EMPTY).expect("the empty directory of the server");
        }
        let port = free_port();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nMaxStartups 100\n\
             Subsystem sftp internal-sftp\n",
            at("host").display(),
            at("authorized").display()
        );
        std::fs::write(at("config"), text).expect("a file");
        let mut command = server.command();
        command.args(["-D", "-e", "-f"]).arg(at("config"));
        let daemon = Daemon::start("sshd", command, &at("log"));
        until("sshd listens", 30, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(Ssh { _daemon: daemon, sftp: client, directory, port })
    }

    /// Uploads files into a directory, one after the other, as `sftp` does it.
    #[track_caller]
    pub fn put(&self, files: &[PathBuf], to: &Path) {
        let at = |name: &str| self.directory.path().join(name);
        let lines: String =
            files.iter().map(|file| format!("put {} {}/\n", file.display(), to.display())).collect();
        std::fs::write(at("batch"), lines).expect("a file");
        let mut command: Command = self.sftp.command();
        command.args(["-q", "-P", &self.port.to_string(), "-b"]).arg(at("batch")).arg("-i").arg(at("user"));
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "LogLevel=ERROR",
        ] {
            command.args(["-o", option]);
        }
        let output = command.arg("127.0.0.1").stdin(Stdio::null()).output().expect("sftp starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let log = std::fs::read_to_string(at("log")).unwrap_or_default();
        assert!(output.status.success(), "sftp: {errors}\n{log}");
    }
}
