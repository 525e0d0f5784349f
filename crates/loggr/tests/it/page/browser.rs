//! Node, Chromium and the tests that they run: where they are, and what they say when one fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::skipped;

/// Debian's, unless `CHROMIUM` names another.
const CHROMIUM: &str = "/usr/bin/chromium";
/// All files of one run may take so long.
const RUN_SECONDS: u64 = 900;

/// What runs the tests of `ui/e2e`.
pub struct Browser {
    chromium: PathBuf,
    /// The directory of the page's sources.
    ui: PathBuf,
}

impl Browser {
    /// None, with a word about it, where Node, its packages or Chromium are missing.
    #[track_caller]
    pub fn new() -> Option<Browser> {
        let chromium = std::env::var_os("CHROMIUM").map_or(CHROMIUM.into(), PathBuf::from);
        let ui = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../ui");
        let browser = Browser { chromium, ui };
        let missing = if !browser.chromium.is_file() {
            "Chromium"
        } else if !browser.ui.join("node_modules/playwright-core").is_dir() {
            "playwright-core, a package of Node,"
        } else {
            return Some(browser);
        };
        skipped(&format!("{missing} is not here; `scripts/setup.sh test` fetches it"));
        None
    }

    /// Runs these files, with what they are told in their environment.
    #[track_caller]
    pub fn run(&self, files: &[&str], told: &[(&str, &str)]) {
        // The script finds a Node that is new enough.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", &RUN_SECONDS.to_string(), "../scripts/node.sh"]);
        command.args(["node", "node_modules/vitest/vitest.mjs", "run", "--config", "e2e/vitest.config.ts"]);
        command.args(files.iter().map(|file| format!("e2e/{file}.test.ts")));
        command.current_dir(&self.ui).env("CHROMIUM", &self.chromium).env("NO_COLOR", "1");
        command.envs(told.iter().copied()).stdin(Stdio::null());
        let output = command.output().expect("timeout starts");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{files:?}: {}\n{}", output.status, String::from_utf8_lossy(&said));
    }
}
