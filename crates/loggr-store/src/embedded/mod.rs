//! The embedded store: Parquet files with indexes of their own, and a manifest that names them.
//!
//! [`Writer`] is the one writer of a directory, [`Reader`] reads it, in any process, while it is
//! written; [`repair`] mends what is damaged. `docs/format/store.md` describes the files for
//! strangers. Synchronous: whoever calls it has a thread that may block. Not here: what a query means
//! (`query`), what the answers are made of (`answer`).
//!
//! From the bytes up: `blocks` and `datafile` read a file, `data_writer` writes one, `index` says which
//! row groups may match; `schema`, `encode` and `rows` turn events to columns and back; `manifest` names the files.
//! Above them stand the writer's side (`shared`, `writer`, `compaction`, `upkeep`) and the reader's
//! (`reader`, `exec`, and a file for each question).

mod blocks;
mod checksum;
mod compaction;
mod conform;
mod count;
mod data_writer;
mod datafile;
mod dedupe;
mod distinct;
mod encode;
mod exec;
#[doc(hidden)]
pub mod fault;
mod fields_of;
mod histogram;
mod histogram_by;
mod index;
mod lookup;
mod manifest;
mod orphans;
mod pages;
mod patterns;
mod presence;
mod reader;
mod rows;
mod schema;
mod search;
mod selection;
mod shapes;
mod shared;
mod top;
mod upkeep;
mod values;
mod verify;
mod writer;
mod writer_lock;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use compaction::Compactor;
pub use exec::THREADS_PER_QUERY;
pub use reader::Reader;
pub use schema::MAX_FIELD_COLUMNS;
pub use shared::WriterOptions;
pub use upkeep::{Watch, summary};
pub use verify::{DAMAGED, Damage, Missing, Repaired, SetAside, Verified, repair, repair_and_forget};
pub use writer::Writer;

/// Takes a lock whose holder may have panicked: what it guards is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
