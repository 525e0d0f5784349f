//! Reports the state of the process to the service manager: the datagrams of `sd_notify`, and the
//! watchdog.
//!
//! Without `NOTIFY_SOCKET` nothing happens. The protocol is a few words on a unix socket;
//! it needs no library.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use loggr_flow::Stop;

/// Reports that the process is ready for events.
pub fn ready() {
    notify("READY=1\nSTATUS=running");
}

/// Reports that files are being read again; [`ready`] ends it.
pub fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reading filters again"));
}

/// Reports that the process is draining, for at most `limit`.
pub fn stopping(limit: Duration) {
    notify(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=draining", limit.as_micros()));
}

/// Proves to the manager that the runtime still works: a timer fires, and a task that is
/// started then runs. Without a watchdog it ends at once.
pub async fn watchdog(mut stop: Stop) {
    let Some(interval) = interval() else { return };
    loop {
        tokio::select! {
            () = stop.drain() => return,
            () = tokio::time::sleep(interval / 2) => {}
        }
        if tokio::spawn(async {}).await.is_ok() {
            notify("WATCHDOG=1");
        }
    }
}

/// How long the manager waits for a sign of life.
fn interval() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(Duration::from_micros)
}

fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let path = path.into_encoded_bytes();
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::ffi::OsStr::new(&*String::from_utf8_lossy(&path))),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
