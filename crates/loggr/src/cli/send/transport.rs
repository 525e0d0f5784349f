//! One connection of `loggr send`: blocking sockets, one thread each. Here are those whose protocol has no
//! answers; RELP is in `relp.rs`.

use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use loggr_flow::Backoff;
use loggr_net::bind::Reach;
use loggr_wire::framing::{write_lf, write_octet_counted};

use super::job::{Job, Pacer, Target, WRITE_BYTES};
use super::stream::{Refused, Stream};
use super::{Framing, relp};
use crate::exit::Usage;
use crate::hint::Advise;

/// Sends until the lines end. Gives the microseconds from sending to answer of each line.
pub fn send(job: Job) -> Result<Vec<u32>> {
    match &job.target {
        Target::Relp(address) => relp::send(&job, address),
        Target::Tcp(address) => {
            let mut connected = patiently(&job, || Stream::connect(address, job.tls.as_ref()))?;
            let Some(pacer) = begin(&job) else { return Ok(Vec::new()) };
            let mut written = 0;
            let sent = stream(&job, pacer, &mut connected, &mut written);
            let done = match sent {
                Ok(()) => connected.end(address, written > 0),
                Err(error) => Err(connected.last_words(address, error)),
            };
            // Nobody says which of them the receiver has read.
            done.inspect_err(|_| job.progress.doubt(written)).map(|()| Vec::new())
        }
        Target::Udp(address) => {
            let socket = UdpSocket::bind(if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" })?;
            socket.connect(address.as_str()).with_context(|| format!("cannot reach `{address}`"))?;
            datagrams(&job, |line| socket.send(line)).map(|()| Vec::new())
        }
        Target::Unix(path) => match patiently(&job, || unix(path))? {
            Unix::Datagrams(_) if job.framing.is_some() => {
                let path = path.display();
                Err(anyhow!("`--framing` would change nothing: `{path}` takes each line as a datagram"))
                    .hint("leave it out")
                    .usage()
            }
            Unix::Datagrams(socket) => datagrams(&job, |line| socket.send(line)).map(|()| Vec::new()),
            Unix::Stream(connected) => {
                let Some(pacer) = begin(&job) else { return Ok(Vec::new()) };
                let mut written = 0;
                let sent = stream(&job, pacer, connected, &mut written);
                sent.inspect_err(|_| job.progress.doubt(written)).map(|()| Vec::new())
            }
        },
    }
}

/// Waits until the first line may leave: until all connections stand. `None` where one of them never will.
fn begin(job: &Job) -> Option<Pacer> {
    let begun = job.place.stands()?;
    let pacer = Pacer::new(job.pace, job.place.first(begun, job.pace));
    if let Some(wait) = pacer.early() {
        std::thread::sleep(wait);
    }
    Some(pacer)
}

/// Either kind of unix socket, connected.
enum Unix {
    Datagrams(UnixDatagram),
    Stream(UnixStream),
}

fn unix(path: &Path) -> Result<Unix> {
    let context = || format!("cannot reach `{}`", path.display());
    let socket = UnixDatagram::unbound()?;
    let reach = Reach::new(path).with_context(context)?;
    match socket.connect(reach.path()) {
        Ok(()) => Ok(Unix::Datagrams(socket)),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EPROTOTYPE as i32) => {
            UnixStream::connect(reach.path()).map(Unix::Stream).with_context(context)
        }
        Err(error) => Err(error).with_context(context),
    }
}

/// Tries again while the receiver may only be away, for as long as the job says.
fn patiently<T>(job: &Job, connect: impl Fn() -> Result<T>) -> Result<T> {
    let (began, mut backoff) = (Instant::now(), Backoff::default());
    loop {
        let error = match connect() {
            Ok(connected) => {
                job.progress.found();
                return Ok(connected);
            }
            Err(error) => error,
        };
        let left = job.retry.saturating_sub(began.elapsed());
        let for_ever = error.root_cause().downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::InvalidInput)
        });
        if left.is_zero() || for_ever || error.is::<Refused>() || job.is_off() {
            return Err(error);
        }
        job.progress.lost(&error, left);
        std::thread::sleep(backoff.wait().min(left));
    }
}

/// `written`: how many lines were.
fn stream(job: &Job, mut pacer: Pacer, mut to: impl Write, written: &mut u64) -> Result<()> {
    let (mut line, mut out) = (Vec::new(), Vec::with_capacity(WRITE_BYTES * 2));
    let mut waiting = 0;
    loop {
        let more = job.lines.next(&mut line)?.is_some();
        if more {
            job.progress.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
            match job.framing {
                None | Some(Framing::OctetCounting) => write_octet_counted(&mut out, &line),
                Some(Framing::Lf) => write_lf(&mut out, &line),
            }
            waiting += 1;
            pacer.sent();
        }
        let early = pacer.early();
        if out.len() >= WRITE_BYTES || early.is_some() || !more {
            *written += waiting;
            to.write_all(&out).context("the receiver closed the connection")?;
            job.progress.sent.fetch_add(std::mem::take(&mut waiting), Ordering::Relaxed);
            out.clear();
        }
        if !more {
            return Ok(());
        }
        if let Some(wait) = early {
            std::thread::sleep(wait);
        }
    }
}

fn datagrams(job: &Job, send: impl Fn(&[u8]) -> std::io::Result<usize>) -> Result<()> {
    let Some(mut pacer) = begin(job) else { return Ok(()) };
    let mut line = Vec::new();
    while job.lines.next(&mut line)?.is_some() {
        while let Err(error) = send(&line) {
            // A full socket buffer is a moment's matter.
            if error.raw_os_error() != Some(nix::errno::Errno::ENOBUFS as i32) {
                return Err(error).context("cannot send a datagram");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        job.progress.sent.fetch_add(1, Ordering::Relaxed);
        job.progress.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
        pacer.sent();
        if let Some(wait) = pacer.early() {
            std::thread::sleep(wait);
        }
    }
    Ok(())
}
