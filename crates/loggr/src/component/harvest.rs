//! `harvest NAME`: complete files of a directory → packers → the bus.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use loggr_bus::Bus;
use loggr_disk::Folder;
use loggr_flow::Stop;
use tokio::task::JoinSet;

use super::machine::Packing;
use crate::config::Harvest as Section;
use crate::exit::Usage;
use crate::hint::Advise;
use crate::source::harvest::Harvest;

/// Permission bits of the directories to which files are moved.
const LEFT_MODE: u32 = 0o750;

/// Checks that the directories are there into which files are uploaded. To be called before anything is made
/// for lack of a directory.
pub fn look<'c>(sections: impl Iterator<Item = &'c Section>) -> Result<()> {
    for section in sections {
        Folder::open(&section.directory)
            .with_context(|| no_directory(section))
            .hint("make the directory, and give it to the user that loggr runs as, or to a group of both")
            .usage()?;
    }
    Ok(())
}

fn no_directory(section: &Section) -> String {
    format!("the harvest `{}` has no directory `{}`", section.name, section.directory.display())
}

/// Begins to take files. While the broker is away they wait in their directory.
pub fn start(
    section: &Section,
    bus: &Bus,
    data: &Path,
    stop: &Stop,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<Harvest>> {
    let failed = || format!("cannot start the harvest `{}`", section.name);
    may_use(section).with_context(failed).usage()?;
    let ledger = data.join("harvest").join(&section.name);
    let publisher = bus.publisher_as(&section.exchange, &section.routing_key(), section.encoding);
    let publisher = publisher.with_context(failed)?;
    let packing: Vec<Packing> = section.packers.iter().map(Packing::new).collect();
    let packers = move || packing.iter().map(|of| (of.stage(), of.max_age())).collect();
    let harvest = Arc::new(Harvest::new(section.clone(), publisher, Box::new(packers), ledger, stop.clone()));
    let (running, progress, stop) = (harvest.clone(), harvest.stats.progress.clone(), stop.clone());
    tasks.spawn(async move {
        let taking = async {
            running.run().await;
            Ok::<(), std::convert::Infallible>(())
        };
        progress.watch(stop, "taking files", "it stopped by itself; the log says why", taking).await;
    });
    tracing::info!(harvest = section.name, directory = %section.directory.display(), "taking files");
    Ok(harvest)
}

/// Makes the directories to which files are moved, and checks that all of it can be done.
fn may_use(section: &Section) -> Result<()> {
    let directory = Folder::open(&section.directory).with_context(|| no_directory(section))?;
    let shown = section.directory.display();
    directory
        .may_change()
        .with_context(|| format!("files in the directory `{shown}` cannot be read and removed"))
        .hint(
            "the user that loggr runs as needs the rights `rwx` on it: `setfacl -m u:loggr:rwx DIRECTORY`",
        )?;
    for (key, path) in section.leaves_in() {
        let shown = path.display();
        loggr_disk::make_directory_with(path, LEFT_MODE, LEFT_MODE)
            .with_context(|| format!("cannot make the directory `{shown}` (`{key}`)"))?;
        let to = Folder::open(path).with_context(|| format!("cannot open the directory `{shown}`"))?;
        to.may_change()
            .with_context(|| format!("files cannot be moved to the directory `{shown}` (`{key}`)"))?;
        if to.looks()?.is.0 != directory.looks()?.is.0 {
            let where_from = section.directory.display();
            return Err(anyhow!("`{shown}` (`{key}`) is on another file system than `{where_from}`"))
                .hint("files are moved by renaming: choose a directory on the same file system");
        }
    }
    Ok(())
}
