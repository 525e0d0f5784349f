//! What `loggr send` shows: how far it is, on a terminal, and what became of the lines.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use loggr_event::counted;

use super::job::Target;
use super::lines::Lines;
use super::start::Times;
use super::{Progress, SendArgs};

/// How often it is drawn anew.
const DRAW: Duration = Duration::from_millis(100);
/// What it shows of files.
const OF_FILES: &str = "{wide_bar} {bytes}/{total_bytes}, {msg}, {eta} left";

/// How far it is; ends when it is dropped.
pub struct Bar {
    thread: Option<JoinHandle<()>>,
    done: Arc<AtomicBool>,
}

impl Bar {
    /// On a terminal alone, and not for a single message.
    pub fn start(args: &SendArgs, progress: &Arc<Progress>, lines: &Lines) -> Option<Bar> {
        if args.message.is_some() || args.json || !std::io::stderr().is_terminal() {
            return None;
        }
        let of_files = !args.file.is_empty();
        let bar = match (args.count, of_files) {
            (Some(count), _) => ProgressBar::new(count),
            (None, true) => {
                let style =
                    ProgressStyle::with_template(OF_FILES).unwrap_or_else(|_| ProgressStyle::default_bar());
                ProgressBar::new(lines.read().0).with_style(style)
            }
            (None, false) => ProgressBar::new_spinner(),
        };
        let (progress, lines, done) = (progress.clone(), lines.clone(), Arc::new(AtomicBool::new(false)));
        let stop = done.clone();
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let sent = progress.sent.load(Ordering::Relaxed);
                match of_files {
                    true => {
                        bar.set_position(lines.read().1.load(Ordering::Relaxed));
                        bar.set_message(counted(sent, "line"));
                    }
                    false => bar.set_position(sent),
                }
                std::thread::sleep(DRAW);
            }
            bar.finish_and_clear();
        });
        Some(Bar { thread: Some(thread), done })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Prints what became of the lines.
pub fn print(
    args: &SendArgs,
    target: &Target,
    progress: &Progress,
    times: Times,
    mut latencies: Vec<u32>,
    is_interrupted: bool,
) -> Result<()> {
    let sent = progress.sent.load(Ordering::Relaxed);
    let acked = target.acknowledges().then(|| progress.acked.load(Ordering::Relaxed));
    let resent = progress.resent.load(Ordering::Relaxed);
    let refused = progress.refused.load(Ordering::Relaxed);
    let bytes = progress.bytes.load(Ordering::Relaxed);
    let doubtful = progress.doubtful.load(Ordering::Relaxed);
    let open = acked.map_or(doubtful, |acked| sent.saturating_sub(acked).saturating_sub(refused));
    let (seconds, connecting) = (times.sending.as_secs_f64(), times.connecting.as_secs_f64());
    let rate = if seconds > 0.0 { sent as f64 / seconds } else { 0.0 };
    latencies.sort_unstable();
    let percentile = |p: f64| {
        let at = ((latencies.len() as f64 * p) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(at).map(|micros| f64::from(*micros) / 1000.0)
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let result = serde_json::json!({
            "sent": sent, "acked": acked, "resent": resent, "refused": refused, "unacknowledged": open,
            "bytes": bytes, "connect_seconds": connecting, "seconds": seconds, "lines_per_second": rate,
            "interrupted": is_interrupted,
            "ack_ms": { "p50": percentile(0.5), "p99": percentile(0.99), "max": percentile(1.0) },
        });
        writeln!(out, "{result}")?;
        return Ok(());
    }
    let lines = counted(sent, "line");
    if args.connections > 1 {
        writeln!(out, "{} in {connecting:.2} s", counted(args.connections, "connection"))?;
    }
    match acked {
        Some(acked) => writeln!(out, "sent {lines}, {acked} acknowledged, in {seconds:.2} s")?,
        None => writeln!(out, "sent {lines} in {seconds:.2} s (this protocol acknowledges nothing)")?,
    }
    for (what, lines) in [
        ("sent again after a lost connection", resent),
        ("refused", refused),
        ("not acknowledged", if acked.is_some() { open } else { 0 }),
        ("on a connection that broke, and perhaps lost", if acked.is_some() { 0 } else { open }),
    ] {
        if lines > 0 {
            writeln!(out, "{what}: {}", counted(lines, "line"))?;
        }
    }
    if sent > 1 {
        let rate = counted(format!("{rate:.0}"), "line");
        let megabytes = bytes as f64 / 1e6;
        match (percentile(0.5), percentile(0.99)) {
            (Some(p50), Some(p99)) => writeln!(
                out,
                "{megabytes:.1} MB, {rate} a second; acknowledged after {p50:.2} ms (median), {p99:.2} ms (99 %)"
            )?,
            _ => writeln!(out, "{megabytes:.1} MB, {rate} a second")?,
        }
    }
    Ok(())
}
