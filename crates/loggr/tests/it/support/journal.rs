//! Files of systemd's journal, written by the journal's own tool.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::tools::{Tool, journal_remote};

/// The time of the first entry, in microseconds.
pub const BEGUN: u64 = 1_795_341_600_000_000;

/// Writes entries as the journal does.
pub struct JournalTool(Tool);

impl JournalTool {
    /// `None`, with a word about it, where `systemd-journal-remote` is not here.
    pub fn find() -> Option<JournalTool> {
        journal_remote().map(JournalTool)
    }

    /// Writes a file of entries with the messages `line N`, their time `N` milliseconds behind the beginning.
    #[track_caller]
    pub fn write(&self, file: &Path, numbers: std::ops::Range<u64>, variables: &[(&str, &str)]) {
        let mut text = String::new();
        for n in numbers {
            let at = BEGUN + n * 1000;
            // Every tenth is long enough to be packed.
            let more = if n.is_multiple_of(10) { " long".repeat(200) } else { String::new() };
            write!(
                text,
                "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={at}\n_BOOT_ID={boot}\n_MACHINE_ID={boot}\n_HOSTNAME=web1\n\
                 _PID={pid}\n_COMM=app\n_SYSTEMD_UNIT=app.service\nPRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=app\n\
                 CODE_FUNC=main\nMESSAGE=line {n}{more}\n\n",
                boot = "0123456789abcdef0123456789abcdef",
                pid = n % 7 + 1,
            )
            .expect("a text grows");
        }
        self.add(file, &text, variables);
    }

    /// Appends entries in the format of `journalctl -o export`.
    #[track_caller]
    pub fn add(&self, file: &Path, export: &str, variables: &[(&str, &str)]) {
        let input = file.with_extension("export");
        std::fs::write(&input, export).expect("the entries");
        let mut command = self.0.command();
        command.envs(variables.iter().copied());
        command.arg("-o").arg(file).arg(&input).stdout(Stdio::null()).stderr(Stdio::piped());
        let output = command.output().expect("the tool starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_file(&input).expect("the entries");
    }
}
