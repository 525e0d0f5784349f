//! Talking to the running process over its control socket: one small HTTP request.
//!
//! HTTP/1.0, so the answer ends with the connection; nothing else is needed here.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// How long the running process may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// No answer is larger.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// `Ok(None)` when nothing runs on this data directory.
pub fn request(socket: &Path, method: &str, target: &str) -> Result<Option<Vec<u8>>> {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot reach loggr at `{}`", socket.display()));
        }
    };
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    write!(stream, "{method} {target} HTTP/1.0\r\nHost: loggr\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).context("loggr did not answer")?;
    let end =
        memchr::memmem::find(&answer, b"\r\n\r\n").ok_or_else(|| anyhow!("loggr's answer is cut off"))?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let body = answer.split_off(end + 4);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("loggr answered {status}: {}", String::from_utf8_lossy(&body).trim());
    }
    Ok(Some(body))
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
