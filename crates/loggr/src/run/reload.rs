//! The work of SIGHUP: filters and certificates are read again, and changes of the configuration are reported.
//!
//! However often somebody asks, one reading goes on at a time, and what is wrong is an error in the log once,
//! until it is wrong otherwise or right.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::process::systemd;
use crate::status::Live;

/// Who asks after a reading waits so long for the next; whoever asks meanwhile gets the same one.
const REST: Duration = Duration::from_secs(1);

/// Reads again when somebody asks for it, until this is dropped.
#[derive(Debug)]
pub struct Reloads {
    asked: Arc<Notify>,
    _reads: JoinSet<()>,
}

impl Reloads {
    /// Waits for somebody to ask. To be called in the runtime.
    pub fn of(live: Arc<Live>, file: Arc<ReadAtStart>) -> Reloads {
        let (asked, mut reads) = (Arc::new(Notify::new()), JoinSet::new());
        let asks = asked.clone();
        reads.spawn(async move {
            loop {
                asks.notified().await;
                reload(&live, file.clone()).await;
                tokio::time::sleep(REST).await;
            }
        });
        Reloads { asked, _reads: reads }
    }

    /// Asks.
    pub fn ask(&self) {
        self.asked.notify_one();
    }
}

/// Reads filters and certificates again. The configuration is only read at the start, so changes in it are reported.
async fn reload(live: &Live, file: Arc<ReadAtStart>) {
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
    /// What was last said of it, so that it is said once.
    said: Mutex<Said>,
}

/// How the file is, compared with how it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    Changed,
    Wrong(String),
    Unreadable(String),
}

impl ReadAtStart {
    /// Reads it.
    pub fn now(file: Option<&Path>) -> ReadAtStart {
        // The configuration of the process has just been read from this file.
        let text = file.and_then(|file| std::fs::read(file).ok());
        ReadAtStart { file: file.map(Path::to_owned), text, said: Mutex::default() }
    }

    /// Logs whether the file has changed, and whether the process would start with it.
    fn tell_changes(&self) {
        let Some(path) = &self.file else { return };
        let now = match std::fs::read(path) {
            Ok(text) if Some(&text) == self.text.as_ref() => Said::Nothing,
            Ok(_) => match Config::load_with_filters(Some(path), None) {
                Ok(_) => Said::Changed,
                Err(error) => Said::Wrong(format!("{error:#}")),
            },
            Err(error) => Said::Unreadable(error.to_string()),
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != now {
            now.say(&path.display().to_string());
            *said = now;
        }
    }
}

impl Said {
    fn say(&self, file: &str) {
        match self {
            Said::Nothing => {
                tracing::info!(file, "the configuration file is again as it was at the start");
            }
            Said::Changed => {
                tracing::warn!(file, "the configuration file has changed; it takes effect at the next start");
            }
            Said::Wrong(error) => {
                tracing::error!(
                    file,
                    error,
                    "the configuration file has changed and has mistakes, so the next start would fail; `loggr check` shows them"
                );
            }
            Said::Unreadable(error) => {
                tracing::warn!(file, error, "cannot read the configuration file, which the next start needs");
            }
        }
    }
}
