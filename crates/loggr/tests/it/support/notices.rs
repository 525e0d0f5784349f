//! What the web address of a process tells: its notices, as they come.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Something has to be heard so often, be it only a sign of life.
const SILENCE: Duration = Duration::from_secs(60);
/// The next notice has to come within this, whatever the signs of life.
const PATIENCE: Duration = Duration::from_secs(120);

/// Notices, until the process ends the stream.
pub struct Notices {
    lines: Lines<BufReader<TcpStream>>,
}

impl Notices {
    /// Listens: whatever happens after this is told.
    #[track_caller]
    pub fn listen(address: SocketAddr) -> Notices {
        let mut stream = TcpStream::connect(address).expect("it accepts");
        stream.set_read_timeout(Some(SILENCE)).expect("a time limit");
        stream.write_all(b"GET /api/notifications HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
        let mut lines = BufReader::new(stream).lines();
        let mut line = || lines.next().expect("the head goes on").expect("it answers");
        let status = line();
        assert!(status.contains(" 200 "), "{status}");
        // It is sent by who listens already.
        while !line().is_empty() {}
        Notices { lines }
    }
}

impl Iterator for Notices {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let begun = Instant::now();
        loop {
            let line = self.lines.next()?.ok()?;
            let text = line.strip_prefix("data: ");
            if let Some(notice) = text.and_then(|text| serde_json::from_str(text).ok()) {
                return Some(notice);
            }
            assert!(begun.elapsed() < PATIENCE, "no notice came within {PATIENCE:?}");
        }
    }
}
