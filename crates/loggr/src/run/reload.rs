//! The work of SIGHUP: filters and certificates are read again, and changes of the configuration are reported.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::process::systemd;
use crate::status::Live;

/// Reads filters and certificates again. The configuration is only read at the start, so changes in it are reported.
pub async fn reload(live: Arc<Live>, file: Arc<ReadAtStart>) {
    systemd::reloading();
    drop(tokio::task::spawn_blocking(move || file.tell_changes()).await);
    let certificates = live.certificates.clone();
    drop(tokio::task::spawn_blocking(move || certificates.look(true)).await);
    if live.machines.is_empty() && live.certificates.iter().next().is_none() {
        tracing::info!(
            "nothing was read again: no machine has a filter, nothing shows a certificate, and the configuration file is read only at the start"
        );
    }
    for machine in live.machines.clone() {
        drop(tokio::task::spawn_blocking(move || machine.reload()).await);
    }
    systemd::ready();
}

/// The configuration file as it was when the process started.
#[derive(Debug)]
pub struct ReadAtStart {
    file: Option<PathBuf>,
    text: Option<Vec<u8>>,
}

impl ReadAtStart {
    /// Reads it.
    pub fn now(file: Option<&Path>) -> ReadAtStart {
        // The configuration of the process has just been read from this file.
        ReadAtStart { file: file.map(Path::to_owned), text: file.and_then(|file| std::fs::read(file).ok()) }
    }

    /// Logs whether the file has changed, and whether the process would start with it.
    fn tell_changes(&self) {
        let Some(path) = &self.file else { return };
        let file = path.display().to_string();
        match std::fs::read(path) {
            Ok(text) if Some(&text) == self.text.as_ref() => {}
            Ok(_) => match Config::load_with_filters(Some(path), None) {
                Ok(_) => tracing::warn!(
                    file,
                    "the configuration file has changed; it takes effect at the next start"
                ),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        file,
                        error,
                        "the configuration file has changed and has mistakes, so the next start would fail; `loggr check` shows them"
                    );
                }
            },
            Err(error) => {
                tracing::warn!(file, %error, "cannot read the configuration file, which the next start needs");
            }
        }
    }
}
