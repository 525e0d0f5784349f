//! Listeners that read what a shipper of the same configuration writes: each event would come again and again.
//!
//! Told from the configuration alone, with a made-up path of the shipper; which files there are is not looked at.

use std::path::PathBuf;

use loggr_event::Event;

use super::Config;
use super::ship::{FilesShip, ShipKind};

/// What stands for each variable of a path.
const VALUE: &[u8] = b"x";

impl Config {
    /// Sentences about listeners of files whose patterns name files of a shipper.
    pub fn loops(&self) -> Vec<String> {
        let mut found = Vec::new();
        for listener in &self.listeners {
            let Some(files) = &listener.files else { continue };
            for ship in &self.ships {
                let ShipKind::Files(to) = &ship.kind else { continue };
                let path = sample(to);
                let is_excluded = files.exclude.iter().any(|exclusion| exclusion.covers(&path));
                let Some(pattern) = files.paths.iter().find(|pattern| pattern.names(&path)) else { continue };
                if !is_excluded {
                    found.push(format!(
                        "the listener `{}` reads what the shipper `{}` writes, so that each event comes again and \
                         again: `{pattern}` names files below `{}`; name them in `exclude`, or choose another directory",
                        listener.name,
                        ship.name,
                        to.directory.display()
                    ));
                }
            }
        }
        found
    }
}

/// A path as the shipper would write it.
fn sample(files: &FilesShip) -> PathBuf {
    let mut below = Vec::new();
    files.path.render_with(&Event::default(), &mut below, |_, out| out.extend_from_slice(VALUE));
    files.directory.join(String::from_utf8_lossy(&below).as_ref())
}

#[cfg(test)]
mod tests {
    use crate::config::tests::read;

    #[track_caller]
    fn check(listener: &str, ship: &str, expect: bool) {
        let text = format!(
            "[[listener]]\nname='l'\nprotocol='file'\nformat='raw'\n{listener}\n[ship.s]\nkind='files'\n{ship}\n"
        );
        assert_eq!(!read(&text).loops().is_empty(), expect, "{text}");
    }

    #[test]
    fn a_listener_that_reads_its_own_shipper_is_told() {
        let ship = "directory='/var/log/hosts'\npath='${source}/${app_name}.log'";
        check("path='/var/log/**/*.log'", ship, true);
        check("path='/var/log/hosts/*/*'", ship, true);
        check("path='/var/log/hosts/**/*.log'", ship, true);
        check("path=['/srv/*.log', '/var/*/hosts/x/*.log']", ship, true);
        check("path='/var/log/*.log'", ship, false);
        check("path='/var/log/*/*.log'", ship, false);
        check("path='/var/log/hosts/*/*.json'", ship, false);
        check("path='/var/log/hosts/all.log'", ship, false);
        check("path='/var/log/hosts/all.log'", "directory='/var/log/hosts'\npath='all.log'", true);
        check("path='/var/log/**/*.log'\nexclude=['/var/log/hosts/*/*']", ship, false);
    }
}
