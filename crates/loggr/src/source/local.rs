//! Who is at the other end of a unix socket: the numbers that the kernel vouches for, and what `/proc` says
//! of the process while it is there.
//!
//! Not what a line says of itself. The numbers are of the moment of sending; the names are read when the line
//! comes, so that a process that has ended since has none, and one that has started another program in
//! between is called after that. A name is believed for [`BELIEVED`].

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::Origin;
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt};

/// Processes whose names are remembered; beyond, the memory begins anew.
const MAX_PROCESSES: usize = 4096;
/// For so long a process keeps the names that were read: its number may be another's later.
const BELIEVED: Duration = Duration::from_secs(1);
/// Bytes of a name or a command line at most; the rest is left out.
const MAX_NAME_BYTES: u64 = 4 << 10;

/// A process, as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) pid: i32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Peer {
    /// Of a datagram.
    pub(super) fn of(told: UnixCredentials) -> Option<Peer> {
        Peer { pid: told.pid(), uid: told.uid(), gid: told.gid() }.known()
    }

    /// Of a connection: who has opened it.
    pub(super) fn connected(socket: &impl AsFd) -> Option<Peer> {
        let told = getsockopt(socket, sockopt::PeerCredentials).ok()?;
        Peer { pid: told.pid(), uid: told.uid(), gid: told.gid() }.known()
    }

    /// The kernel gives the number 0 to a process that it cannot name here: one outside of this container.
    fn known(self) -> Option<Peer> {
        (self.pid > 0).then_some(self)
    }

    /// Its fields, named as rsyslog and the journal name them: the numbers first, then what `/proc` says.
    pub(super) fn fields(self) -> Vec<(String, String)> {
        let numbers =
            [("_PID", self.pid.to_string()), ("_UID", self.uid.to_string()), ("_GID", self.gid.to_string())];
        let numbers = numbers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let directory = format!("/proc/{}", self.pid);
        let exe = std::fs::read_link(format!("{directory}/exe"));
        let exe = exe.ok().map(|path| path.to_string_lossy().into_owned());
        let names = [
            ("_COMM", read(&format!("{directory}/comm"))),
            ("_EXE", exe),
            ("_CMDLINE", read(&format!("{directory}/cmdline"))),
        ];
        let names = names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        numbers.chain(names.filter(|(_, value)| !value.is_empty())).collect()
    }
}

/// A file of `/proc`: the words of a command line are separated by NULs.
fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_NAME_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end_matches(['\0', '\n']).replace('\0', " "))
}

/// The origins of the lines of each process.
#[derive(Debug, Default)]
pub(super) struct Processes(HashMap<Peer, (Arc<Origin>, Instant)>);

impl Processes {
    /// The origin of its lines, which is `base` and the process.
    pub(super) fn origin_of(&mut self, peer: Peer, base: &Origin) -> &Arc<Origin> {
        if self.0.len() >= MAX_PROCESSES && !self.0.contains_key(&peer) {
            self.0.clear();
        }
        let make = || Origin { process: peer.fields(), ..base.clone() };
        let (origin, read) = self.0.entry(peer).or_insert_with(|| (Arc::new(make()), Instant::now()));
        if read.elapsed() > BELIEVED {
            let new = make();
            // One allocation goes on for the same words, so that a batch has them once.
            if **origin != new {
                *origin = Arc::new(new);
            }
            *read = Instant::now();
        }
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_its_numbers_and_names() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let fields = Peer { pid, uid: 7, gid: 8 }.fields();
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["_PID", "_UID", "_GID", "_COMM", "_EXE", "_CMDLINE"]);
        assert_eq!(
            (fields[0].1.as_str(), fields[1].1.as_str(), fields[2].1.as_str()),
            (&*pid.to_string(), "7", "8")
        );
        let exe = std::env::current_exe().unwrap();
        assert_eq!(fields[4].1, exe.display().to_string());
        let program = std::env::args().next().unwrap();
        assert!(!fields[5].1.contains('\0') && fields[5].1.starts_with(&program), "{}", fields[5].1);
    }

    #[test]
    fn a_process_that_is_gone_has_its_numbers_alone() {
        let fields = Peer { pid: i32::MAX, uid: 0, gid: 0 }.fields();
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn whom_the_kernel_cannot_name_is_nobody() {
        assert_eq!(Peer { pid: 0, uid: 65534, gid: 65534 }.known(), None);
    }

    #[test]
    fn a_process_keeps_its_origin_and_the_memory_is_bounded() {
        let mut processes = Processes::default();
        let base = Origin { listener: "log".to_owned(), ..Origin::default() };
        let peer = |n: usize| Peer { pid: i32::MAX - i32::try_from(n).unwrap(), uid: 1, gid: 1 };
        let first = processes.origin_of(peer(0), &base).clone();
        assert!(Arc::ptr_eq(&first, processes.origin_of(peer(0), &base)));
        assert_eq!((first.listener.as_str(), first.process[1].1.as_str()), ("log", "1"));
        for n in 1..=MAX_PROCESSES {
            processes.origin_of(peer(n), &base);
        }
        assert!(processes.0.len() <= MAX_PROCESSES);
    }
}
