//! Files that are done, and those that are closed for a while.
//!
//! A file is done when it has none of the names that are looked for, was read to its end, and nothing has come
//! for the grace time. What is known of it stays for a month, so that a copy of it is recognised.

use std::time::Instant;

use super::memory::seconds_now;
use super::positions::Id;
use super::work::Tail;
use crate::process::descriptors::MAX_WATCHED_FILES;

/// What is known of a file is forgotten when it was not seen for so long.
const FORGET_SECONDS: u64 = 30 * 86_400;

impl Tail {
    /// Files that were renamed or removed are done when they were read and nothing has come for a while.
    pub(super) fn finish(&mut self, now: Instant) {
        let grace = self.wanted.grace;
        let mut done = Vec::new();
        for (id, file) in &mut self.files {
            let Some(missing) = file.missing else { continue };
            let is_binary = self.binary.contains_key(id);
            if file.is_lost {
                let directory = file.known.path.to_path();
                let is_there = directory.parent().is_some_and(|parent| parent.is_dir());
                if now.duration_since(missing) >= grace && is_there && file.is_settled() {
                    done.push(*id);
                }
                continue;
            }
            let is_packed = file.known.is_packed;
            let is_quiet = is_packed || is_binary || now.duration_since(file.grown.max(missing)) >= grace;
            if is_quiet && file.is_over && file.due.is_none() && file.is_settled() {
                done.push(*id);
            } else if is_quiet && !file.is_over {
                file.is_over = true;
                file.wake(now);
            } else if !is_quiet {
                file.is_over = false;
                file.wake(now);
            }
        }
        let awake: Vec<Id> =
            self.files.values().filter(|file| file.due.is_some()).map(|file| file.id).collect();
        for id in awake {
            self.activate(id);
        }
        for id in done {
            self.done(id);
        }
        let seconds = seconds_now();
        self.known.retain(|_, known| known.seen + FORGET_SECONDS >= seconds);
    }

    fn done(&mut self, id: Id) {
        let Some(mut file) = self.files.remove(&id) else { return };
        let (listener, path) = (self.intake.stats.name(), file.known.path.to_path());
        let missing = file.size.saturating_sub(file.read_to());
        if file.is_lost && missing > 0 {
            if let Some(stats) = self.stats() {
                stats.gaps.add(1);
                stats.gap_bytes.add(missing);
            }
            let file = path.display();
            tracing::warn!(listener, %file, missing, "the rest of a file is gone: it is nowhere to be found");
        }
        if let Some(name) = self.binary.remove(&id)
            && let Some(stats) = self.stats()
        {
            stats.fine(&name);
        }
        self.by_inode.retain(|_, of| *of != id);
        (file.known.is_done, file.known.seen) = (true, seconds_now());
        self.known.insert(id, file.known);
        self.dirty.insert(id);
        self.scanning.heirs.remove(&id);
    }

    /// One more file is going to be open. If there are too many, those are closed that have been quiet for
    /// longest.
    pub(super) fn make_room(&mut self) {
        self.open += 1;
        if self.open < MAX_WATCHED_FILES {
            return;
        }
        let mut open: Vec<(Instant, Id)> = self
            .files
            .values()
            .filter(|file| file.content.is_some() && file.missing.is_none() && file.is_settled())
            .map(|file| (file.grown, file.id))
            .collect();
        open.sort_unstable();
        for (_, id) in open.iter().take(open.len().div_ceil(4)) {
            if let Some(file) = self.files.get_mut(id) {
                file.content = None;
            }
        }
        self.open = self.files.values().filter(|file| file.content.is_some()).count();
    }
}
