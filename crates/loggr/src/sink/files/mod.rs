//! The `files` sink: events as lines in files, durable before the receipt, each once.
//!
//! Not a rotation tool: a file ends where its name ends (`${date}`, `${hour}` in the
//! template), and one that was renamed or deleted from outside is reopened.
//! Not a lock on the files: two sinks must not write the same directory.
//! Invariant: the receipt is signed after the lines and the names of new files and
//! directories are on the disk.
//!
//! An event that the queue delivers again, within this process or after `kill -9` or a power
//! cut, is recognised by its uid with the help of the intent journal (`journal`).

mod again;
mod error;
mod fault;
mod identity;
mod journal;
mod line;
mod member;
mod path;
mod promises;
mod targets;
mod uids;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use loggr_flow::{Batch, Receipt, Sink, StoreError};
use tokio::sync::{mpsc, oneshot};

pub use error::OpenError;

use crate::config::ship::FilesShip;
use path::Paths;
use targets::Modes;
use worker::Worker;

/// Longest name of the base directory, so that no path below it is too long (PATH_MAX is 4096).
pub const MAX_DIRECTORY_BYTES: usize = 1024;

/// What a `files` sink needs to know.
#[derive(Clone, Debug)]
pub struct FilesOptions {
    /// Name of the shipper, for its thread and its messages.
    pub name: String,
    /// Where and how it writes. The directory is created at `open` if it is missing, never later.
    pub files: FilesShip,
    /// The intent journal; one of its own for each sink.
    pub state: PathBuf,
}

impl FilesOptions {
    fn worker(&self) -> Result<Worker, OpenError> {
        let files = &self.files;
        let modes = Modes {
            file: files.file_mode,
            dir: files.directory_mode,
            max_open: files.max_open_files.max(1),
            compress: files.compress,
        };
        let paths = Paths::new(files.path.clone())?;
        let (format, state) = (files.format.clone(), self.state.clone());
        Worker::open(files.directory.clone(), paths, format, files.compress, modes, state)
    }
}

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Writes batches into files, on a thread of its own. Clones share the thread.
#[derive(Clone, Debug)]
pub struct FilesSink {
    name: String,
    // One place: a store that was cancelled while its batch is being written leaves
    // that batch to finish; the next one waits here.
    jobs: mpsc::Sender<Job>,
}

impl FilesSink {
    /// Creates the directory if it is missing, takes the journal's lock, starts the thread.
    ///
    /// # Errors
    /// [`OpenError`] if the template leaves the directory, or a file or lock refuses.
    pub fn open(options: FilesOptions) -> Result<FilesSink, OpenError> {
        if options.files.directory.as_os_str().len() > MAX_DIRECTORY_BYTES {
            let what = format!("the directory has more than {MAX_DIRECTORY_BYTES} bytes");
            return Err(OpenError::options(what, "choose a shorter path"));
        }
        create_base(&options).map_err(|e| {
            OpenError::io(format!("cannot create the directory `{}`", options.files.directory.display()), e)
        })?;
        let worker = options.worker()?;
        let name = options.name.clone();
        let (jobs, queue) = mpsc::channel(1);
        std::thread::Builder::new()
            .name(format!("files {name}"))
            .spawn(move || serve(worker, &options, queue))
            .map_err(|e| OpenError::io(format!("cannot start the thread of `{name}`"), e))?;
        Ok(FilesSink { name, jobs })
    }
}

impl Sink for FilesSink {
    async fn store(&mut self, batch: &Batch) -> Result<Receipt, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = |name: &str| StoreError::transient(format!("the thread of `{name}` has ended"));
        let job = Job { batch: batch.clone(), reply };
        self.jobs.send(job).await.map_err(|_| gone(&self.name))?;
        answer.await.map_err(|_| gone(&self.name))??;
        // DURABLE: the worker's `Ok` comes after the last sync.
        Ok(Receipt::sign(batch))
    }
}

/// The directory and what is above it, each with the mode that was asked for.
fn create_base(options: &FilesOptions) -> std::io::Result<()> {
    let FilesShip { directory, directory_mode, .. } = &options.files;
    // DURABLE: the name of the directory.
    loggr_disk::make_directory_with(directory, *directory_mode, *directory_mode)
}

fn serve(worker: Worker, options: &FilesOptions, mut queue: mpsc::Receiver<Job>) {
    let mut worker = Some(worker);
    // What is missing of the last batches is told at once, and not with the next event.
    if let Some(worker) = &mut worker {
        worker.look_back();
    }
    while let Some(Job { batch, reply }) = queue.blocking_recv() {
        if reply.is_closed() {
            continue;
        }
        let stored = match worker.take().map_or_else(|| options.worker(), Ok) {
            Ok(mut healthy) => match catch_unwind(AssertUnwindSafe(|| healthy.store(&batch))) {
                Ok(stored) => {
                    worker = Some(healthy);
                    stored
                }
                // As after a crash: forget everything and ask the journal.
                Err(_) => Err(StoreError::transient("BUG: writing the batch panicked")),
            },
            Err(error) => Err(StoreError::transient(error)),
        };
        if reply.send(stored).is_err() {
            tracing::debug!(sink = options.name, "nobody waited for the batch any more");
        }
    }
}

#[cfg(test)]
mod tests;
