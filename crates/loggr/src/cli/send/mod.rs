//! `loggr send`: events to a receiver, over RELP, TCP, UDP or a unix socket.
//!
//! Sends one message, files, stdin, or generated lines; counts what was
//! acknowledged. With `--count` it is also the load generator of the benchmarks.

mod files;
mod fit;
mod interrupt;
mod job;
mod lines;
mod relp;
mod report;
mod resume;
mod start;
mod stream;
mod transport;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use loggr_event::counted;

use self::interrupt::Interrupt;
use self::job::{Job, Target};
use self::lines::Lines;
use self::report::Bar;
use self::start::Start;
use self::stream::{Refused, TlsArgs};
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
    /// Send the lines of these files, each as an event; a directory stands for all files below it, and what
    /// is packed with gzip, zstd, xz or bzip2 is unpacked [default: the lines of stdin]
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "count")]
    file: Vec<PathBuf>,
    /// RELP: note in this file which lines of the files were acknowledged, and go on behind them if it is
    /// there already
    #[arg(long, value_name = "STATE")]
    resume: Option<PathBuf>,
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
    /// Open this many connections at the same time; the first line is sent when all of them stand
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
    /// Bytes of the lines that were sent.
    bytes: AtomicU64,
    /// Lines on connections that broke where nothing is acknowledged.
    doubtful: AtomicU64,
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

    /// Nobody knows whether these lines have arrived.
    fn doubt(&self, lines: u64) {
        self.doubtful.fetch_add(lines, Ordering::Relaxed);
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
    let interrupt = Interrupt::listen()?;
    let lines = Lines::open(args, interrupt.clone())?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::start(args, &progress, &lines);
    let start = Start::new(args.connections);
    let (bring, brought) = std::sync::mpsc::channel();
    for place in start.places() {
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
            interrupt: interrupt.clone(),
            place,
        };
        let bring = bring.clone();
        // Nobody takes it any more where it comes too late.
        std::thread::spawn(move || drop(bring.send(transport::send(job))));
    }
    drop(bring);
    let (mut latencies, mut failed, mut ended) = (Vec::new(), None, 0);
    while let Some(done) = interrupt.next(&brought) {
        ended += 1;
        match done {
            Ok(mut measured) => latencies.append(&mut measured),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if ended < args.connections && !interrupt.is_asked() {
        let bug = "a connection of `loggr send` ended unexpectedly; this is a bug of loggr";
        failed = failed.or(Some(anyhow!(bug)));
    }
    drop(bar);
    // Before anything is printed: nobody may be there to read it.
    let closed = lines.close();
    report::print(args, &target, &progress, start.times(), latencies, interrupt.is_asked())?;
    if let Some(signal) = interrupt.signal() {
        closed?;
        interrupt::tell(args.resume.is_some());
        interrupt::end(signal);
    }
    if let Some(standing) = start.failed().filter(|_| args.connections > 1) {
        let all = args.connections;
        failed = failed.map(|error| {
            error.context(format!("{standing} of {all} connections stand, so that no line was sent"))
        });
    }
    if let Some(error) = failed {
        return match error.downcast_ref::<Refused>().map(|refused| refused.hint) {
            Some(hint) => Err(error).hint(hint),
            None => Err(error),
        };
    }
    closed?;
    match (progress.refused.load(Ordering::Relaxed), progress.reason.get()) {
        (0, _) | (_, None) => Ok(Exit::Fine),
        (refused, Some(reason)) => Err(anyhow!("{reason}"))
            .context(format!("the receiver refused {} for good", counted(refused, "line")))
            .hint("all other lines were sent"),
    }
}
