//! The places on this host that a configuration names, by what the process does there.
//!
//! Only paths: whether they exist and where links lead is not looked at. What is part of every system,
//! such as its name servers, is not here either; `process/confine.rs` knows that.

use std::path::PathBuf;

use loggr_event::InputFormat;
use loggr_net::Endpoint;

use super::{Config, Registry};

/// Where container runtimes keep the files to which they make links elsewhere.
const CONTAINERS: &[&str] = &["/var/log/pods", "/var/lib/docker/containers"];
/// Permission bits of the directories to which harvests move files.
const LEFT_MODE: u32 = 0o750;

/// The places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Directories in which it makes, changes and removes files, and the permission bits with which it
    /// makes them itself where the configuration says so.
    pub kept: Vec<(PathBuf, Option<u32>)>,
    /// Directories of files, below which people may have put links to directories elsewhere.
    pub linked: Vec<PathBuf>,
    /// Directories into which it moves whatever others have made: links and pipes, too.
    pub aside: Vec<PathBuf>,
    /// Files that it reads, perhaps again when they have been replaced.
    pub read: Vec<PathBuf>,
    /// Directories in which others write what it reads.
    pub watched: Vec<PathBuf>,
    /// Files that were made while it was root and that it removes at its end.
    pub removed: Vec<PathBuf>,
}

impl Config {
    /// How far into the file system this configuration reaches.
    pub fn reach(&self) -> Reach {
        let aside = self.harvests.iter().map(|harvest| harvest.failed.clone()).collect();
        Reach {
            kept: self.kept(),
            linked: self.linked(),
            aside,
            read: self.read(),
            watched: self.watched(),
            removed: self.removed(),
        }
    }

    fn watched(&self) -> Vec<PathBuf> {
        let mut watched = Vec::new();
        for listener in &self.listeners {
            watched.extend(listener.journal.iter().flat_map(|journal| journal.directories.clone()));
            let Some(files) = &listener.files else { continue };
            watched.extend(files.paths.iter().map(|pattern| pattern.base().to_owned()));
            // The links of Kubernetes lead there.
            if matches!(listener.format, InputFormat::Docker | InputFormat::Cri) {
                watched.extend(CONTAINERS.iter().map(PathBuf::from));
            }
        }
        watched
    }

    fn kept(&self) -> Vec<(PathBuf, Option<u32>)> {
        let mut kept = vec![(self.data.directory.clone(), None)];
        if self.bus.rabbit.is_none() {
            kept.push((self.bus.directory.clone(), None));
        }
        kept.extend(self.spool.iter().map(|spool| (spool.directory.clone(), None)));
        for ship in &self.ships {
            kept.extend(ship.kind.directory().map(|path| (path.to_owned(), ship.kind.directory_mode())));
        }
        for harvest in &self.harvests {
            kept.push((harvest.directory.clone(), None));
            kept.extend(harvest.leaves_in().map(|(_, path)| (path.to_owned(), Some(LEFT_MODE))));
        }
        let logs = self.log.security.iter().filter_map(|file| file.parent());
        kept.extend(logs.map(|directory| (directory.to_owned(), None)));
        kept
    }

    fn linked(&self) -> Vec<PathBuf> {
        let files = self.ships.iter().filter(|ship| ship.kind.directory_mode().is_some());
        files.filter_map(|ship| ship.kind.directory()).map(ToOwned::to_owned).collect()
    }

    fn read(&self) -> Vec<PathBuf> {
        let mut read: Vec<PathBuf> = self.file.iter().cloned().collect();
        for tls in self.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            let clients = &tls.files.clients;
            read.extend([&tls.files.certificate, &tls.files.key].into_iter().cloned());
            read.extend(clients.authorities.iter().chain(&clients.revoked).cloned());
        }
        if let Some(web) = &self.web {
            read.extend(web.tls.iter().flat_map(both));
            let oidc = web.oidc.as_ref();
            read.extend(oidc.into_iter().flat_map(|o| o.tls_ca.iter().chain(&o.client_secret_file)).cloned());
        }
        for ship in &self.ships {
            read.extend(ship.kind.files());
        }
        if let Some(rabbit) = &self.bus.rabbit {
            read.extend(rabbit.tls_ca.iter().chain(&rabbit.password_file).cloned());
            read.extend(rabbit.tls_identity.iter().flat_map(both));
        }
        if let Registry::Redis(redis) = &self.registry {
            read.extend(redis.tls_ca.iter().chain(&redis.password_file).cloned());
            read.extend(redis.tls_identity.iter().flat_map(both));
        }
        read
    }

    fn removed(&self) -> Vec<PathBuf> {
        let sockets = self.listeners.iter().flat_map(|l| &l.listen).filter_map(Endpoint::path);
        sockets.map(ToOwned::to_owned).chain(self.process.pid_file.clone()).collect()
    }
}

/// Certificate and key.
pub fn both((certificate, key): &(PathBuf, PathBuf)) -> [PathBuf; 2] {
    [certificate.clone(), key.clone()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::read;

    #[track_caller]
    fn check(text: &str, kept: &[&str], read_: &[&str], removed: &[&str]) {
        let reach = read(text).reach();
        let shown = |paths: &[std::path::PathBuf]| {
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        // The first is the file of the configuration itself.
        let directories: Vec<_> = reach.kept.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(
            (shown(&directories), shown(reach.read.get(1..).unwrap_or_default()), shown(&reach.removed)),
            (
                kept.iter().map(|s| (*s).to_owned()).collect(),
                read_.iter().map(|s| (*s).to_owned()).collect(),
                removed.iter().map(|s| (*s).to_owned()).collect()
            ),
            "{text}"
        );
    }

    #[test]
    fn every_path_of_the_configuration_is_found() {
        check(
            "listener=[]\n[log]\nsecurity='/log/sec.log'\n[process]\npid_file='/run/l.pid'\n\
             [ship.a]\nkind='files'\ndirectory='/logs'\n[ship.search]\nenabled=false",
            &["/data", "/data/bus", "/logs", "/log"],
            &[],
            &["/run/l.pid"],
        );
        check(
            "[[listener]]\nprotocol='relp'\ntls={cert='c',key='/k/k',client_ca='ca',client_crl='/l/crl'}\n\
             [[listener]]\nprotocol='unix-dgram'\nlisten='/run/x/log'\n\
             [web]\ntls_cert='/w/c'\ntls_key='/w/k'\n[web.oidc]\nissuer='https://a.b'\nclient_id='l'\n\
             client_secret_file='oidc'\ndefault_role='viewer'\ntls_ca='/o/ca'",
            &["/data", "/data/bus", "/data/search"],
            &["/etc/loggr/c", "/k/k", "/etc/loggr/ca", "/l/crl", "/w/c", "/w/k", "/o/ca", "/etc/loggr/oidc"],
            &["/run/x/log"],
        );
        check(
            "listener=[]\n[bus]\nkind='rabbitmq'\nurls='amqps://u@h/v'\npassword_file='/p/mq'\ntls_ca='/r/ca'\n\
             tls_cert='/r/c'\ntls_key='/r/k'\n[registry]\nkind='redis'\nurl='rediss://u@h'\npassword_file='/p/red'\n\
             [ship.db]\nkind='postgres'\nurl='postgres://h/d'\npassword_file='/p/db'\nsslrootcert='/g/ca'\n\
             [ship.on]\nkind='syslog'\nprotocol='tcp'\ntargets='h:1'\ntls={ca='/f/ca',cert='/f/c',key='/f/k'}\n\
             [harvest.h]\ndirectory='/up'\nafter='move'\nfailed='/no'",
            &["/data", "/data/spool", "/up", "/up/done", "/no"],
            &["/g/ca", "/p/db", "/f/ca", "/f/c", "/f/k", "/r/ca", "/p/mq", "/r/c", "/r/k", "/p/red"],
            &[],
        );
    }

    #[test]
    fn the_directories_of_patterns_are_known() {
        let reach = read("[[listener]]\nprotocol='file'\npath=['/var/log/*/a.log','x.log']").reach();
        assert_eq!(reach.watched, [Path::new("/var/log"), Path::new("/data")]);
        let reach = read("[[listener]]\nprotocol='file'\nformat='cri'\npath='/l/c/*.log'").reach();
        assert!(reach.watched.contains(&"/var/log/pods".into()));
    }

    #[test]
    fn the_mode_of_a_directory_of_files_is_known() {
        let reach = read("[ship.a]\nkind='files'\ndirectory='/logs'\ndirectory_mode='0700'").reach();
        let mode = |path: &str| reach.kept.iter().find(|(kept, _)| kept == Path::new(path)).map(|(_, m)| *m);
        assert_eq!((mode("/logs"), mode("/data/search"), mode("/x")), (Some(Some(0o700)), Some(None), None));
        assert_eq!(reach.linked, [Path::new("/logs")]);
    }
}
