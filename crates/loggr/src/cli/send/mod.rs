//! `loggr send`: events to a receiver, over RELP, TCP, UDP or a unix socket.
//!
//! Sends one message, a file, stdin, or generated lines; counts what was
//! acknowledged. With `--count` it is also the load generator of the benchmarks.

mod fit;
mod job;
mod lines;
mod relp;
mod stream;
mod transport;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use loggr_event::counted;

use self::job::{Job, Target};
use self::lines::Lines;
use self::stream::TlsArgs;
use super::complain;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;

/// Most connections of one `loggr send`.
const MAX_CONNECTIONS: usize = 1024;

/// Lines that may be on their way over RELP if nothing is said.
const WINDOW: usize = 128;
/// For how long it is tried to connect if nothing is said.
const RETRY_SECONDS: u64 = 30;

/// Arguments of `loggr send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Send to this receiver: relp://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:PATH; with TLS
    /// relp+tls://HOST:PORT or tcp+tls://HOST:PORT
    #[arg(long, value_name = "URL")]
    to: String,
    /// Send one event with this message
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["file", "count"])]
    message: Option<String>,
    /// Send the lines of this file, each as an event [default: the lines of stdin]
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    file: Option<PathBuf>,
    /// How each line is sent [default: `raw` for the lines of a file or of stdin, `rfc5424` for
    /// `--message` and `--count`]
    #[arg(long, value_enum)]
    format: Option<LineFormat>,
    /// The name of the program that the events name; not for lines that are sent as they are
    /// [default: loggr-send]
    #[arg(long, value_name = "NAME")]
    app_name: Option<String>,
    /// The facility and severity of the events; not for lines that are sent as they are [default:
    /// user.notice]
    #[arg(short, long, value_name = "FACILITY.SEVERITY")]
    priority: Option<String>,
    /// Send this many generated lines, numbered with `seq=NNNNNNNNN`
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// With `--count`: the length of each line in bytes [default: 200]
    #[arg(long, value_name = "BYTES")]
    size: Option<usize>,
    /// Open this many connections at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    connections: usize,
    /// RELP: send at most this many lines on a connection before the first of them is acknowledged
    /// [default: 128]
    #[arg(long, value_name = "N")]
    window: Option<usize>,
    /// Send this many lines a second over all connections [default: as fast as the receiver takes them]
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// TCP and unix stream sockets: how the receiver finds the end of a line [default:
    /// octet-counting]
    #[arg(long, value_enum)]
    framing: Option<Framing>,
    /// Try for this many seconds to connect before giving up; over RELP also after a connection was
    /// lost; not over UDP [default: 30]
    #[arg(long, value_name = "SECONDS")]
    retry: Option<u64>,
    #[command(flatten)]
    tls: TlsArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LineFormat {
    /// Send the line as it is.
    Raw,
    /// Send the line as the message of an RFC 5424 event.
    Rfc5424,
    /// Send the line as the message of an RFC 3164 event.
    Rfc3164,
}

/// How lines are framed on a stream (RFC 6587).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Framing {
    /// Send the length of each line before it.
    OctetCounting,
    /// Send a line feed after each line.
    Lf,
}

/// Shared by the connections; read by the progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    sent: AtomicU64,
    acked: AtomicU64,
    resent: AtomicU64,
    refused: AtomicU64,
    /// Why the first of those was refused.
    reason: OnceLock<String>,
    /// The receiver is away, and that was said.
    away: AtomicBool,
}

impl Progress {
    /// A line that will never be taken; the others go on.
    fn refuse(&self, reason: impl FnOnce() -> String) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.reason.get_or_init(reason);
    }

    /// The receiver cannot be reached: said at once, and once by all connections.
    fn lost(&self, error: &anyhow::Error, left: Duration) {
        if !self.away.swap(true, Ordering::Relaxed) {
            complain(&format!("warning: {error:#}; trying again for {:.0} s\n", left.as_secs_f64().ceil()));
        }
    }

    /// It is there again.
    fn found(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            complain("the receiver can be reached again\n");
        }
    }
}

/// Sends, then reports.
pub fn run(args: &SendArgs) -> Result<Exit> {
    let (target, encrypted) = Target::parse(&args.to).usage()?;
    let tls = args.tls.read(encrypted)?;
    if args.connections == 0 || args.connections > MAX_CONNECTIONS {
        return Err(anyhow!(
            "`--connections` is {}, but must be from 1 to {MAX_CONNECTIONS}",
            args.connections
        ))
        .usage();
    }
    for (option, is_zero) in [("--window", args.window == Some(0)), ("--rate", args.rate == Some(0))] {
        if is_zero {
            return Err(anyhow!("`{option}` is 0, but must be at least 1")).usage();
        }
    }
    args.fits(&target)?;
    let lines = Lines::open(args)?;
    let progress = Arc::new(Progress::default());
    let started = Instant::now();
    let bar = bar(args, &progress);
    let threads: Vec<_> = (0..args.connections)
        .map(|_| {
            let job = Job {
                target: target.clone(),
                tls: tls.clone(),
                lines: lines.clone(),
                progress: progress.clone(),
                window: args.window.unwrap_or(WINDOW),
                framing: args.framing,
                // Each connection has its share of the rate.
                pace: args.rate.map(|r| Duration::from_secs_f64(args.connections as f64 / r as f64)),
                retry: Duration::from_secs(args.retry.unwrap_or(RETRY_SECONDS)),
            };
            std::thread::spawn(move || transport::send(job))
        })
        .collect();
    let mut latencies = Vec::new();
    let mut failed = None;
    for thread in threads {
        match thread.join() {
            Ok(Ok(mut measured)) => latencies.append(&mut measured),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => {
                failed =
                    Some(anyhow!("a connection of `loggr send` ended unexpectedly; this is a bug of loggr"))
            }
        }
    }
    if let Some((bar, done)) = bar {
        done.store(true, Ordering::Relaxed);
        drop(bar.join());
    }
    report(args, &target, &progress, started.elapsed(), latencies)?;
    if let Some(error) = failed {
        return Err(error);
    }
    match (progress.refused.load(Ordering::Relaxed), progress.reason.get()) {
        (0, _) | (_, None) => Ok(Exit::Fine),
        (refused, Some(reason)) => Err(anyhow!("{reason}"))
            .context(format!("the receiver refused {} for good", counted(refused, "line")))
            .hint("all other lines were sent"),
    }
}

type Bar = (std::thread::JoinHandle<()>, Arc<std::sync::atomic::AtomicBool>);

/// On a terminal alone, and not for a single message.
fn bar(args: &SendArgs, progress: &Arc<Progress>) -> Option<Bar> {
    if args.message.is_some() || args.json || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = match args.count {
        Some(count) => indicatif::ProgressBar::new(count),
        None => indicatif::ProgressBar::new_spinner(),
    };
    let (progress, done) = (progress.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stop = done.clone();
    let thread = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            bar.set_position(progress.sent.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(100));
        }
        bar.finish_and_clear();
    });
    Some((thread, done))
}

fn report(
    args: &SendArgs,
    target: &Target,
    progress: &Progress,
    took: Duration,
    mut latencies: Vec<u32>,
) -> Result<()> {
    use std::io::Write;
    let sent = progress.sent.load(Ordering::Relaxed);
    let acked = target.acknowledges().then(|| progress.acked.load(Ordering::Relaxed));
    let resent = progress.resent.load(Ordering::Relaxed);
    let refused = progress.refused.load(Ordering::Relaxed);
    let seconds = took.as_secs_f64();
    latencies.sort_unstable();
    let percentile = |p: f64| {
        let at = ((latencies.len() as f64 * p) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(at).map(|micros| f64::from(*micros) / 1000.0)
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let result = serde_json::json!({
            "sent": sent, "acked": acked, "resent": resent, "refused": refused, "seconds": seconds,
            "lines_per_second": sent as f64 / seconds,
            "ack_ms": { "p50": percentile(0.5), "p99": percentile(0.99), "max": percentile(1.0) },
        });
        writeln!(out, "{result}")?;
        return Ok(());
    }
    let lines = counted(sent, "line");
    match acked {
        Some(acked) => writeln!(out, "sent {lines}, {acked} acknowledged, in {seconds:.2} s")?,
        None => writeln!(out, "sent {lines} in {seconds:.2} s (this protocol acknowledges nothing)")?,
    }
    if resent > 0 {
        writeln!(out, "sent again after a lost connection: {}", counted(resent, "line"))?;
    }
    if let (true, Some(p50), Some(p99)) = (sent > 1, percentile(0.5), percentile(0.99)) {
        let rate = counted(format!("{:.0}", sent as f64 / seconds), "line");
        writeln!(out, "{rate} a second; acknowledged after {p50:.2} ms (median), {p99:.2} ms (99 %)")?;
    }
    Ok(())
}
