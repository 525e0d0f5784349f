//! The files of a harvest that are in hand, and what becomes of each: counted, told, tried again.
//!
//! What is done with a file is [`Harvest::work`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};

use super::stats::{HarvestStats, Told};
use super::watch::{Found, Watch};
use super::{Done, Ended, Harvest};
use crate::clean::clean;
use crate::process::clock::now;

/// A file that cannot be taken at the moment is tried again after this time, and after ever longer ones.
const SHORTEST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// Files in hand, and what was seen of all others.
pub struct Hands {
    watch: Watch,
    /// What is done with files at the moment.
    pub jobs: JoinSet<Result<Done, Ended>>,
    in_hand: HashMap<Id, Found>,
}

impl Hands {
    /// None is in hand; files have to stand still for `stable`.
    pub fn new(stable: Duration) -> Hands {
        Hands { watch: Watch::new(stable), jobs: JoinSet::new(), in_hand: HashMap::new() }
    }

    /// What is complete and not in hand, the oldest first.
    pub fn complete(&mut self, found: Vec<Found>, stats: &HarvestStats) -> VecDeque<Found> {
        let names: HashSet<String> = found.iter().map(|f| f.path.to_string_lossy().into_owned()).collect();
        stats.keep_troubles(|path| names.contains(path));
        let complete = self.watch.look(found, Instant::now());
        let taken: HashSet<&PathBuf> = self.in_hand.values().map(|found| &found.path).collect();
        stats.saw(self.watch.len().saturating_sub(taken.len()), self.watch.temporary());
        complete.into_iter().filter(|found| !taken.contains(&found.path)).collect()
    }

    /// Takes one in hand, in a thread of its own.
    pub fn begin(&mut self, harvest: Arc<Harvest>, found: Found) {
        harvest.stats.in_hand.add(1);
        let of = found.clone();
        let job = self.jobs.spawn_blocking(move || harvest.work(&of));
        self.in_hand.insert(job.id(), found);
    }

    /// Counts and tells what became of a file.
    pub fn end(&mut self, harvest: &Harvest, ended: Result<(Id, Result<Done, Ended>), JoinError>) {
        let (id, done) = match ended {
            Ok((id, done)) => (id, done),
            Err(error) => {
                let why = "reading it failed because of a bug of loggr".to_owned();
                (error.id(), Err(Ended::Later(why)))
            }
        };
        let Some(found) = self.in_hand.remove(&id) else { return };
        let (stats, name) = (&harvest.stats, harvest.config.name.as_str());
        stats.in_hand.sub(1);
        let path = found.path.to_string_lossy().into_owned();
        let file = clean(&path).into_owned();
        let told = |what: String| Told { path: path.clone(), at: now(), what };
        match done {
            Ok(Done::Taken(lines)) => {
                stats.done.add(1);
                stats.took(told(loggr_event::counted(lines, "line")));
                tracing::debug!(harvest = name, file, lines, "took a file");
            }
            Ok(Done::Again(lines)) => {
                stats.again.add(1);
                stats.took(told("known".to_owned()));
                tracing::info!(
                    harvest = name,
                    file,
                    lines,
                    "a file is one that was taken before, and gives no events"
                );
            }
            Err(Ended::Refused(why)) => {
                stats.failed.add(1);
                stats.refused(told(why.clone()));
                let failed = harvest.config.failed.display();
                tracing::warn!(harvest = name, file, why = %clean(&why), "a file cannot be taken, and was moved to `{failed}`");
            }
            Err(Ended::Changed) => {
                tracing::debug!(
                    harvest = name,
                    file,
                    "a file has changed while it was read, and has to stand still again"
                );
                return self.watch.forget(&found.path);
            }
            Err(Ended::Busy) => {
                self.watch.rest(&found.path, Instant::now(), SHORTEST_REST, SHORTEST_REST);
                return;
            }
            Err(Ended::Later(why)) => {
                harvest.tell_trouble(&found.path, &why);
                self.watch.rest(&found.path, Instant::now(), SHORTEST_REST, LONGEST_REST);
                return;
            }
            Err(Ended::Gone | Ended::Stops) => {}
        }
        // Another file of this name is another file.
        self.watch.forget(&found.path);
    }
}
