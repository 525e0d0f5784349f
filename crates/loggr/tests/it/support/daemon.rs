//! A process of the tests: what it says goes to a file, it ends by its own id, and a failing
//! test shows the end of what it said.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::until;

/// So much of its log is shown when a test fails.
const SHOWN_BYTES: usize = 6000;

/// A running process. Dropping it kills it.
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it; `log` takes what it writes to stdout and stderr, after what is there.
    #[track_caller]
    pub fn start(name: &str, mut command: Command, log: &Path) -> Daemon {
        let open = || std::fs::OpenOptions::new().create(true).append(true).open(log).expect("its log opens");
        let child = command
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        Daemon { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True until it ends.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|e| panic!("cannot signal {}: {e}", self.name));
    }

    /// Ends it as power loss would.
    pub fn kill9(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop and waits for it.
    #[track_caller]
    pub fn stop(&mut self, seconds: u64) -> ExitStatus {
        if self.runs() {
            self.signal(Signal::TERM);
        }
        until(&format!("{} stops", self.name), seconds, || !self.runs());
        self.child.wait().expect("its exit code")
    }

    /// Peak of its memory so far, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.runs() {
            self.kill9();
        }
        if std::thread::panicking() {
            let log = self.log();
            let mut from = log.len().saturating_sub(SHOWN_BYTES);
            while !log.is_char_boundary(from) {
                from += 1;
            }
            let text = format!("---- what {} said last ----\n{}\n", self.name, &log[from..]);
            drop(std::io::stderr().lock().write_all(text.as_bytes()));
        }
    }
}

/// What a program says that has to end by itself, and how it ends. One that goes on for so many
/// seconds is killed, and its test fails with what it said.
#[track_caller]
pub fn ends(name: &str, mut command: Command, seconds: u64) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let (said, errors) = (directory.path().join("said"), directory.path().join("errors"));
    let create = |path: &Path| File::create(path).expect("a file");
    command.stdin(Stdio::null()).stdout(create(&said)).stderr(create(&errors));
    let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
    let mut daemon = Daemon { name: name.to_owned(), child, log: errors.clone() };
    until(&format!("{name} ends by itself"), seconds, || !daemon.runs());
    let status = daemon.child.wait().expect("its exit code");
    let read = |path: &Path| std::fs::read(path).expect("what it said");
    Output { status, stdout: read(&said), stderr: read(&errors) }
}
