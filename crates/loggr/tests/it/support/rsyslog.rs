//! A private rsyslogd: own configuration, own work directory, no system socket, port 0.

use std::io::Write;
use std::net::TcpStream;

use tempfile::TempDir;

use super::{Daemon, eventually, rsyslogd};

/// A running rsyslogd that takes lines over TCP and forwards them as its action says.
pub struct Rsyslog {
    daemon: Daemon,
    _directory: TempDir,
    port: u16,
}

impl Rsyslog {
    /// `None`, with a word about it, when rsyslogd is not here. `modules` are loaded, `action`
    /// is the one thing that it does with every line.
    #[track_caller]
    pub fn start(modules: &str, action: &str) -> Option<Rsyslog> {
        let tool = rsyslogd()?;
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        let config = at.join("rsyslog.conf");
        let text = format!(
            "global(workDirectory=\"{work}\" net.enableDNS=\"off\" maxMessageSize=\"64k\")\n\
             module(load=\"imtcp\")\n{modules}\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"0\" listenPortFileName=\"{work}/port\")\n{action}\n",
            work = at.display()
        );
        std::fs::write(&config, text).expect("its configuration");
        let mut command = tool.command();
        command.arg("-n").arg("-iNONE").arg("-f").arg(&config).current_dir(at);
        if let Some(modules) = tool.modules() {
            command.arg("-M").arg(modules);
        }
        let mut daemon = Daemon::start("rsyslogd", command, &at.join("rsyslogd.log"));
        let port = eventually("rsyslogd listens", 20, || {
            assert!(daemon.runs(), "rsyslogd ended: {}", daemon.log());
            std::fs::read_to_string(at.join("port")).ok()?.trim().parse().ok()
        });
        Some(Rsyslog { daemon, _directory: directory, port })
    }

    /// The port on which it takes lines.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives it lines to forward.
    pub fn feed<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("rsyslogd accepts");
        for line in lines {
            // Octet counting: a line may hold anything.
            stream.write_all(format!("{} {line}", line.len()).as_bytes()).expect("rsyslogd reads");
        }
    }

    /// Stops it in order: it sends what it still holds.
    #[track_caller]
    pub fn stop(mut self) {
        self.daemon.stop(30);
    }
}
