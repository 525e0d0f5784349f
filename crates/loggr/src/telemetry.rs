//! loggr's own log: text or JSON lines on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How own log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to stderr. `LOGGR_LOG` overrides `level`; it takes filters such as
/// `debug` or `loggr_bus=trace,info`.
pub fn start(level: &str, format: LogFormat) {
    // What lapin has to say of a broken connection loggr says itself, once and in words.
    let filter = std::env::var("LOGGR_LOG").unwrap_or_else(|_| format!("{level},lapin=off"));
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    let started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start (tests in one process) leaves the first in place.
    drop(started);
}
