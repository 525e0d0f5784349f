//! A program that writes numbered lines into its log all the time, and opens it anew when it is rotated.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// It writes so often.
const TICK: Duration = Duration::from_millis(5);
/// So many lines each time: 20,000 in a second.
const LINES: u64 = 100;

/// When it opens its log anew.
#[derive(Clone, Copy, Debug)]
pub enum Reopens {
    /// When somebody makes a file of its log's name and `.reopen`, which it removes then.
    WhenAsked,
    /// So long after its log was renamed.
    Late(Duration),
    /// Never.
    Never,
}

/// The program.
pub struct Writer {
    stop: Sender<()>,
    thread: JoinHandle<u64>,
}

impl Writer {
    /// Begins to write.
    pub fn start(path: &Path, reopens: Reopens) -> Writer {
        let (stop, stopped) = channel();
        let path = path.to_owned();
        let thread = std::thread::spawn(move || {
            let mut log = open(&path);
            let (mut next, mut renamed) = (0, None);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                match reopens {
                    Reopens::Never => {}
                    Reopens::WhenAsked => {
                        let asked = asking(&path);
                        if asked.exists() {
                            log = open(&path);
                            std::fs::remove_file(asked).expect("it was there");
                        }
                    }
                    Reopens::Late(by) => {
                        let own = log.metadata().expect("it is open").ino();
                        let is_own = std::fs::metadata(&path).is_ok_and(|meta| meta.ino() == own);
                        let since = *renamed.get_or_insert_with(Instant::now);
                        if is_own {
                            renamed = None;
                        } else if since.elapsed() >= by {
                            (log, renamed) = (open(&path), None);
                        }
                    }
                }
                log.write_all(super::lines(next..next + LINES).as_bytes()).expect("it is written");
                next += LINES;
            }
            next
        });
        Writer { stop, thread }
    }

    /// Ends it; the number of lines that it has written.
    pub fn end(self) -> u64 {
        drop(self.stop);
        self.thread.join().expect("it writes")
    }
}

/// The file by which a writer is asked to open its log anew.
pub fn asking(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".reopen");
    name.into()
}

fn open(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).expect("its log")
}
