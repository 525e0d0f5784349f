//! Checks with `pread` whether LMDB's file can be used, before anything is mapped.
//!
//! A mapping gives no errors. A block that the disk cannot read, or a damaged page, ends the
//! process that meets it; and that process may be the one that receives events. So every page that
//! a tree leads to is read here first, and nothing in it is trusted. This file knows LMDB's layout,
//! but not what loggr keeps in it.
//!
//! | page | at 0 | 8 | 10 | 12 | 14 | 16 |
//! |---|---|---|---|---|---|---|
//! | all | number (8) | 0 (2) | flags (2) | | | |
//! | branch, leaf | | | | end of the offsets (2) | begin of the nodes (2) | offsets of nodes (2 each) |
//! | overflow | | | | number of pages (4) | | bytes |
//! | meta (0 and 1) | | | | | | magic, version (4 each), address, size (8 each), two trees (48 each), last page, transaction (8 each) |
//!
//! A node is: low and high half of a length (2 each), flags (2), length of the key (2), key,
//! data. In a branch length and flags are the number of the page below. A tree is: padding
//! (4; in the first of a meta page the size of pages), flags, depth (2 each), pages of each
//! kind and entries (8 each), root (8).

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use loggr_disk::read_at;

/// LMDB's files.
pub(super) const DATA: &str = "data.mdb";
pub(super) const LOCK: &str = "lock.mdb";

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
const HEADER: usize = 16;
const TREE_BYTES: usize = 48;
const META_BYTES: usize = 136;
const NODE: usize = 8;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const OVERFLOW: u16 = 4;
const BIG: u16 = 1;
const SUB: u16 = 2;
/// No page: the root of a tree without entries.
const NONE: u64 = u64::MAX;
/// The deepest tree that LMDB makes.
const MAX_DEPTH: u16 = 32;
/// LMDB's own limit for a key.
const MAX_KEY_BYTES: usize = 511;
/// Sizes of pages that LMDB can have.
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=32_768;
/// How often a look is repeated while others commit. Damage counts only if two looks at the same
/// state find it.
const LOOKS: u32 = 4;

/// Why the files cannot be used.
#[derive(Debug)]
pub(super) struct Unfit {
    pub file: PathBuf,
    pub why: Why,
}

#[derive(Debug)]
pub(super) enum Why {
    Io(io::Error),
    Damaged(String),
    /// Others commit faster than the file can be checked.
    Busy,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.why {
            Why::Io(error) => write!(f, "cannot read `{file}`: {error}"),
            Why::Damaged(what) => write!(f, "`{file}` is damaged: {what}"),
            Why::Busy => write!(f, "`{file}` changes faster than it can be looked at"),
        }
    }
}

/// Reads every page that is in use. A file that does not exist yet is fine.
///
/// Only for a process that has not opened LMDB: closing any descriptor of its lock file releases
/// all locks of the process on it, and the next process would take the file for unused.
pub(super) fn check(dir: &Path) -> Result<(), Unfit> {
    check_lock(dir, &mut None)?;
    check_data(dir, Pages::Free)
}

/// Reads LMDB's lock file through `kept`, which is opened anew where the name is another file's.
pub(super) fn check_lock(dir: &Path, kept: &mut Option<File>) -> Result<(), Unfit> {
    let path = dir.join(LOCK);
    let mut read = || {
        let named = match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            named => named?,
        };
        let same =
            |file: &File| file.metadata().is_ok_and(|is| (is.dev(), is.ino()) == (named.dev(), named.ino()));
        if !kept.as_ref().is_some_and(same) {
            *kept = Some(File::open(&path)?);
        }
        let Some(file) = kept else { return Ok(()) };
        let len = file.metadata()?.len().min(1 << 20);
        read_at(file, 0, len as usize).map(drop)
    };
    read().map_err(|error| Unfit { file: path.clone(), why: Why::Io(error) })
}

/// Whether pages may change during a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    /// Others may use pages again that the look has not reached yet.
    Free,
    /// A reader keeps the pages of the newest state from being used again.
    Held,
}

/// Reads every page of LMDB's data file that is in use.
pub(super) fn check_data(dir: &Path, pages: Pages) -> Result<(), Unfit> {
    look(dir, |file| check_file(file, &|at, len| read_at(file, at, len), pages))
}

/// Reads what LMDB itself reads when it begins a transaction.
pub(super) fn check_begin(dir: &Path) -> Result<(), Unfit> {
    look(dir, |file| Meta::read(&|at, len| read_at(file, at, len)).map(drop))
}

fn look(dir: &Path, check: impl FnOnce(&File) -> Result<(), Why>) -> Result<(), Unfit> {
    let path = dir.join(DATA);
    let looked = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.map_err(Why::Io).and_then(|file| check(&file)),
    };
    looked.map_err(|why| Unfit { file: path, why })
}

/// Reads a number of bytes from an offset.
type Read<'r> = dyn Fn(u64, usize) -> io::Result<Vec<u8>> + 'r;

fn check_file(file: &File, read: &Read<'_>, pages: Pages) -> Result<(), Why> {
    if file.metadata().map_err(Why::Io)?.len() == 0 {
        return Ok(());
    }
    let mut meta = Meta::read(read)?;
    let mut failed = None;
    for _ in 0..LOOKS {
        let len = file.metadata().map_err(Why::Io)?.len();
        match Walk::new(read, len, &meta).all(&meta) {
            Ok(()) => return Ok(()),
            Err(why) if failed == Some(meta.transaction) => return Err(why),
            Err(_) => failed = Some(meta.transaction),
        }
        if pages == Pages::Free {
            meta = Meta::read(read)?;
        }
    }
    Err(Why::Busy)
}

fn damaged<T>(what: impl Into<String>) -> Result<T, Why> {
    Err(Why::Damaged(what.into()))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

/// The newest meta page.
struct Meta {
    page_bytes: usize,
    trees: [Tree; 2],
    last_page: u64,
    transaction: u64,
}

#[derive(Clone, Copy)]
struct Tree {
    depth: u16,
    root: u64,
}

impl Tree {
    fn read(bytes: &[u8]) -> Tree {
        Tree { depth: u16_at(bytes, 6), root: u64_at(bytes, 40) }
    }
}

impl Meta {
    fn read(read: &Read<'_>) -> Result<Meta, Why> {
        let first = Meta::at(read, 0)?;
        let second = Meta::at(read, first.page_bytes as u64)?;
        Ok(if first.transaction > second.transaction { first } else { second })
    }

    fn at(read: &Read<'_>, offset: u64) -> Result<Meta, Why> {
        let page = read(offset, HEADER + META_BYTES).map_err(Why::Io)?;
        let Some(meta) = page.get(HEADER..).filter(|meta| meta.len() == META_BYTES) else {
            return damaged("it is too short");
        };
        if u32_at(meta, 0) != MAGIC || u32_at(meta, 4) != VERSION {
            return damaged("it does not begin as it should");
        }
        let page_bytes = u32_at(meta, 24) as usize;
        if !PAGE_BYTES.contains(&page_bytes) || !page_bytes.is_power_of_two() {
            return damaged(format!("its pages have {page_bytes} bytes"));
        }
        let tree = |at: usize| Tree::read(meta.get(at..at + TREE_BYTES).unwrap_or_default());
        Ok(Meta {
            page_bytes,
            trees: [tree(24), tree(24 + TREE_BYTES)],
            last_page: u64_at(meta, 120),
            transaction: u64_at(meta, 128),
        })
    }
}

/// Called with the flags, the key and the data of an entry.
type Entry<'e> = dyn FnMut(u16, &[u8], &[u8]) -> Result<(), Why> + 'e;

struct Walk<'r> {
    read: &'r Read<'r>,
    page_bytes: usize,
    pages: u64,
    /// A bit for each page, because no page may be reached twice.
    seen: Vec<u64>,
}

impl Walk<'_> {
    /// A walk through a file of `len` bytes.
    fn new<'r>(read: &'r Read<'r>, len: u64, meta: &Meta) -> Walk<'r> {
        let pages = (len / meta.page_bytes as u64).min(meta.last_page.saturating_add(1));
        let seen = vec![0; usize::try_from(pages / 64 + 1).unwrap_or(0)];
        Walk { read, page_bytes: meta.page_bytes, pages, seen }
    }

    /// The tree of free pages, and that of the trees with names.
    fn all(&mut self, meta: &Meta) -> Result<(), Why> {
        let [free, main] = meta.trees;
        self.tree(free, &mut |_, key, data| match (key.len(), data.len() / 8) {
            // A list of numbers of pages, with their count before them.
            (8, words @ 1..) if u64_at(data, 0) < words as u64 => {
                let mut pages = (1..=u64_at(data, 0) as usize).map(|i| u64_at(data, 8 * i));
                match pages.all(|page| (2..=meta.last_page).contains(&page)) {
                    true => Ok(()),
                    false => damaged("a page that is not there is free"),
                }
            }
            _ => damaged("the list of free pages is not valid"),
        })?;
        let mut named = Vec::new();
        self.tree(main, &mut |flags, _, data| {
            if flags & SUB == 0 || data.len() != TREE_BYTES {
                return damaged("the entry of a table is not valid");
            }
            named.push(Tree::read(data));
            Ok(())
        })?;
        for tree in named {
            self.tree(tree, &mut |_, _, _| Ok(()))?;
        }
        Ok(())
    }

    /// Reads every leaf of a tree.
    fn tree(&mut self, tree: Tree, entry: &mut Entry<'_>) -> Result<(), Why> {
        if tree.root == NONE {
            return Ok(());
        }
        if tree.depth > MAX_DEPTH {
            return damaged("a tree is too deep");
        }
        let mut todo = vec![(tree.root, 1)];
        while let Some((number, depth)) = todo.pop() {
            let page = self.page(number, 1)?;
            let flags = u16_at(&page, 10);
            let is_leaf = match flags & (BRANCH | LEAF | OVERFLOW) {
                LEAF if depth == tree.depth => true,
                BRANCH if depth < tree.depth => false,
                _ => return damaged(format!("page {number} is of another kind")),
            };
            for node in nodes(&page, number)? {
                let (low, high) = (u64::from(u16_at(node, 0)), u64::from(u16_at(node, 2)));
                let (flags, key_len) = (u16_at(node, 4), usize::from(u16_at(node, 6)));
                let Some((key, data)) = node.get(NODE..).and_then(|rest| rest.split_at_checked(key_len))
                else {
                    return damaged(format!("a key of page {number} is cut off"));
                };
                if key_len > MAX_KEY_BYTES {
                    return damaged(format!("a key of page {number} is too long"));
                }
                if !is_leaf {
                    todo.push((low | high << 16 | u64::from(flags) << 32, depth + 1));
                    continue;
                }
                let len = (low | high << 16) as usize;
                if flags & BIG == 0 {
                    let Some(data) = data.get(..len) else {
                        return damaged(format!("an entry of page {number} is cut off"));
                    };
                    entry(flags, key, data)?;
                } else {
                    if data.len() < 8 {
                        return damaged(format!("an entry of page {number} is cut off"));
                    }
                    let large = self.large(u64_at(data, 0), len)?;
                    entry(flags, key, large.get(HEADER..HEADER + len).unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    /// Reads an entry that has pages of its own.
    fn large(&mut self, number: u64, len: usize) -> Result<Vec<u8>, Why> {
        let pages = (HEADER + len).div_ceil(self.page_bytes) as u64;
        let page = self.page(number, pages)?;
        match u16_at(&page, 10) & OVERFLOW != 0 && u64::from(u32_at(&page, 12)) >= pages {
            true => Ok(page),
            false => damaged(format!("page {number} is of another kind")),
        }
    }

    fn page(&mut self, number: u64, count: u64) -> Result<Vec<u8>, Why> {
        if number < 2 || count > self.pages || number > self.pages - count {
            return damaged(format!("page {number} is not there"));
        }
        for page in number..number + count {
            let Some(word) = self.seen.get_mut((page / 64) as usize) else { continue };
            if *word & 1 << (page % 64) != 0 {
                return damaged(format!("page {page} is used twice"));
            }
            *word |= 1 << (page % 64);
        }
        let len = count as usize * self.page_bytes;
        let bytes = (self.read)(number * self.page_bytes as u64, len).map_err(Why::Io)?;
        if bytes.len() < len || u64_at(&bytes, 0) != number {
            return damaged(format!("page {number} has the number of another page"));
        }
        Ok(bytes)
    }
}

/// The nodes of a page, each up to the end of the page.
fn nodes(page: &[u8], number: u64) -> Result<Vec<&[u8]>, Why> {
    let (lower, upper) = (usize::from(u16_at(page, 12)), usize::from(u16_at(page, 14)));
    if lower < HEADER || lower > upper || upper > page.len() || !lower.is_multiple_of(2) {
        return damaged(format!("the offsets in page {number} are not valid"));
    }
    let offsets = (HEADER..lower).step_by(2).map(|at| usize::from(u16_at(page, at)));
    let node =
        |at: usize| page.get(at..).filter(|node| at >= upper && at.is_multiple_of(2) && node.len() >= NODE);
    let all: Option<Vec<&[u8]>> = offsets.map(node).collect();
    match all {
        Some(nodes) if !nodes.is_empty() => Ok(nodes),
        _ => damaged(format!("the entries of page {number} are not valid")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt;

    use loggr_flow::contract::lines;
    use loggr_flow::{Reason, Rescue};

    use super::*;
    use crate::rescue::{Leaving, RescueStore};

    /// A rescue with small and large entries and free pages.
    async fn filled(dir: &Path) {
        let store = RescueStore::open(dir, 64 << 20).unwrap();
        let mut db = store.rescue_for("db").unwrap();
        let reason = Reason { text: "no".to_owned(), attempts: 1 };
        let large = "x".repeat(20_000);
        for round in 0..6 {
            let texts: Vec<String> = (0..40).map(|i| format!("{round} {i}")).collect();
            let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            texts.push(&large);
            db.rescue(&lines(&texts), &reason).await.map(drop).unwrap();
        }
        let ids: Vec<_> = store.list("db", None, 100).unwrap().iter().map(|r| r.id).collect();
        store.remove("db", &ids, Leaving::Discarded).unwrap();
    }

    #[tokio::test]
    async fn what_lmdb_writes_is_fit() {
        let dir = tempfile::tempdir().unwrap();
        check(dir.path()).unwrap();
        filled(dir.path()).await;
        check(dir.path()).unwrap();
    }

    #[tokio::test]
    async fn pages_of_nonsense_are_seen_before_lmdb_meets_them() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        let path = dir.path().join(DATA);
        let good = std::fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let (mut seen, mut fit) = (0, Vec::new());
        for (fill, len) in [(0x00, 4096), (0xff, 4096), (0x5a, 4096), (0xff, 16), (0x00, 32)] {
            for page in 0..good.len() / 4096 {
                let at = page * 4096;
                file.write_all_at(&vec![fill; len], at as u64).unwrap();
                match check(dir.path()) {
                    Ok(()) => fit.push(page),
                    Err(_) => seen += 1,
                }
                file.write_all_at(&good[at..at + 4096], at as u64).unwrap();
            }
        }
        assert!(seen > 50, "{seen} were seen");
        // Pages that no tree leads to may hold anything: LMDB never reads those.
        fit.sort_unstable();
        fit.dedup();
        for page in fit.into_iter().filter(|page| *page > 1) {
            file.write_all_at(&[0xff; 4096], page as u64 * 4096).unwrap();
            assert_eq!(RescueStore::open(dir.path(), 64 << 20).unwrap().count("db").unwrap(), 146);
            file.write_all_at(&good[page * 4096..page * 4096 + 4096], page as u64 * 4096).unwrap();
        }
        check(dir.path()).unwrap();
    }

    /// A look at a rescue in which others rescue and discard during the look.
    #[track_caller]
    fn check_busy(pages: Pages) -> Result<(), Why> {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(filled(dir.path()));
        let store = RescueStore::open(dir.path(), 64 << 20).unwrap();
        let db = store.rescue_for("db").unwrap();
        let others = std::cell::RefCell::new(db);
        let file = File::open(dir.path().join(DATA)).unwrap();
        let reads = std::cell::Cell::new(0u64);
        // Others are other processes, or other threads of this one.
        let read = |at: u64, len: usize| {
            reads.set(reads.get() + 1);
            if reads.get() % 4 == 3 {
                std::thread::scope(|scope| {
                    let (store, mut db) = (store.clone(), others.borrow_mut().clone());
                    scope.spawn(move || {
                        let oldest = store.list("db", None, 30).unwrap();
                        let ids: Vec<_> = oldest.iter().map(|r| r.id).collect();
                        store.remove("db", &ids, Leaving::Discarded).unwrap();
                        let texts: Vec<String> = (0..30).map(|i| format!("{at} {i}")).collect();
                        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                        let reason = Reason { text: "no".to_owned(), attempts: 1 };
                        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                        runtime.block_on(db.rescue(&lines(&texts), &reason)).map(drop).unwrap();
                    });
                });
            }
            read_at(&file, at, len)
        };
        let held = store.room.enter().unwrap();
        let _reader = (pages == Pages::Held).then(|| held.env.read_txn().unwrap());
        check_file(&file, &read, pages)
    }

    #[test]
    fn a_healthy_rescue_is_not_damaged_while_others_write_it() {
        let seen = check_busy(Pages::Free);
        assert!(matches!(seen, Err(Why::Busy) | Ok(())), "{seen:?}");
        check_busy(Pages::Held).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_was_cut_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        let path = dir.path().join(DATA);
        let good = std::fs::read(&path).unwrap();
        for len in [1, 100, 4096, 8192, good.len() / 2] {
            std::fs::write(&path, &good[..len]).unwrap();
            check(dir.path()).unwrap_err();
        }
        std::fs::write(&path, "").unwrap();
        check(dir.path()).unwrap();
    }
}
