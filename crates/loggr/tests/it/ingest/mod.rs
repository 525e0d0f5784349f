//! Events over HTTP: each way in which requests bring them, the programs that send them, kills in the middle, and
//! what is refused.

mod chain;
mod crash;
mod refused;
mod requests;
mod rsyslog;
mod senders;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Answer, Setup, read};

/// A program with a listener `http` on this port beside the others; `keys` are more of its keys.
fn listening(port: u16, keys: &str) -> Setup {
    Setup {
        more: format!(
            "[[listener]]\nname = \"http\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:{port}\"\n{keys}\n"
        ),
        ..Setup::default()
    }
}

/// What is answered to a request; or that it cannot be asked.
fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.is_empty() {
        true => Err(std::io::ErrorKind::UnexpectedEof.into()),
        false => Ok(read(&answer)),
    }
}

/// What is answered to a request with events.
#[track_caller]
fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    ask(address, "POST", path, headers, body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
}
