//! Ports for neighbours that cannot be told to choose one themselves, and for what comes back to
//! the port that it had.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to connections and to listeners on port 0: a
/// neighbour that was killed finds its own free when it comes back.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port of loopback that nobody has, over TCP or UDP, and that this process gives to nobody else.
#[track_caller]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs at the same time begin at places of their own.
    let start = (std::process::id().wrapping_mul(7919) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + ((u32::from(start) + u32::from(step)) % u32::from(COUNT)) as u16;
        let at = ("127.0.0.1", port);
        if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
            return port;
        }
    }
    panic!("no port of loopback between {FIRST} and {} is free", FIRST + COUNT);
}
