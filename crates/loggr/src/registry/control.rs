//! Asks running processes over their control sockets, with one small HTTP request each.
//!
//! HTTP/1.0, so the answer ends with the connection; nothing else is needed here.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use loggr_net::bind::Reach;

use crate::hint::Advise;
use crate::process::place;

/// How long a running process may take for a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to answer with its status.
pub const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// The answer of a process.
pub enum Answer {
    /// No process listens on the socket.
    Nobody,
    /// The process runs, but does not have what was asked for.
    NotHere(String),
    /// The body of the answer.
    Body(Vec<u8>),
}

/// The answer of the process that has what is asked for; `Ok(None)` when nothing runs on
/// this data directory.
pub fn ask(data: &Path, method: &str, target: &str) -> Result<Option<Vec<u8>>> {
    place::permitted(data)?;
    let mut without = None;
    for socket in place::sockets(data) {
        match request(&socket, method, target, COMMAND_TIMEOUT)? {
            Answer::Nobody => {}
            Answer::NotHere(text) => without = without.or(Some(text)),
            Answer::Body(body) => return Ok(Some(body)),
        }
    }
    match without {
        None => Ok(None),
        Some(text) => Err(anyhow!(
            "no process that runs with the data directory `{}` can do this: {text}",
            data.display()
        ))
        .hint("`loggr status` shows which processes run"),
    }
}

/// Whether a process runs on this data directory; also if this user may not ask it.
pub fn is_anybody_there(data: &Path) -> bool {
    use std::io::ErrorKind::PermissionDenied;
    place::sockets(data).iter().any(|socket| {
        let connected = Reach::new(socket).and_then(|reach| UnixStream::connect(reach.path()));
        connected.map_or_else(|error| error.kind() == PermissionDenied, |_| true)
    })
}

/// Asks the process behind one socket.
pub fn request(socket: &Path, method: &str, target: &str, limit: Duration) -> Result<Answer> {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    let mut stream = match Reach::new(socket).and_then(|reach| UnixStream::connect(reach.path())) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(Answer::Nobody),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot reach loggr at `{}`", socket.display()));
        }
    };
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    write!(stream, "{method} {target} HTTP/1.0\r\nHost: loggr\r\n\r\n")?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut answer)
        .context("the running process of loggr did not answer")?;
    let end = memchr::memmem::find(&answer, b"\r\n\r\n")
        .ok_or_else(|| anyhow!("the answer of the running process of loggr is incomplete"))?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let body = answer.split_off(end + 4);
    let text = || String::from_utf8_lossy(&body).trim().to_owned();
    match head.split(' ').nth(1).unwrap_or_default() {
        "200" => Ok(Answer::Body(body)),
        "404" => Ok(Answer::NotHere(text())),
        status => bail!("the running process of loggr answered with status {status}: {}", text()),
    }
}

/// Escapes a value for a query string.
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
