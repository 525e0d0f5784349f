//! The processes of one data directory: those that answer on their control sockets, and those whose
//! card is still there although they do not answer, which means that they were killed. Nothing
//! outside of this directory is asked.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::control::{Answer, STATUS_TIMEOUT, request};
use crate::process::place;
use crate::status::{Seen, State, Status};

/// Longest card in bytes.
const MAX_CARD_BYTES: u64 = 1 << 20;

/// All processes but the one with this socket.
pub fn processes(data: &Path, own: Option<&Path>) -> Vec<Seen> {
    let sockets = place::sockets(data).into_iter().filter(|socket| own != Some(socket));
    sockets.filter_map(|socket| process(&socket)).collect()
}

fn process(socket: &Path) -> Option<Seen> {
    match request(socket, "GET", "/api/process", STATUS_TIMEOUT) {
        Ok(Answer::Body(body)) => serde_json::from_slice(&body).ok().map(Seen::now),
        Ok(Answer::Nobody) => card(socket, State::Lost),
        // The process is there but gives no useful answer.
        Ok(Answer::NotHere(_)) | Err(_) => card(socket, State::Late),
    }
}

/// A process as the card that it left behind describes it.
fn card(socket: &Path, state: State) -> Option<Seen> {
    let path = place::card_of(socket);
    let meta = std::fs::metadata(&path).ok()?;
    let bytes = loggr_disk::read_at_most(&path, MAX_CARD_BYTES).ok()??;
    let left: Status = serde_json::from_slice(&bytes).ok()?;
    // Only its identity is shown: it does not listen on its addresses any more.
    let status = Status { identity: left.identity, ..Status::default() };
    let age = SystemTime::now().duration_since(meta.modified().ok()?).unwrap_or(Duration::ZERO);
    Some(Seen { status, state, age })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_without_a_process_is_a_lost_process() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        std::fs::create_dir(data.join("run")).unwrap();
        assert!(processes(data, None).is_empty());
        std::fs::write(data.join("run/server.sock"), "").unwrap();
        std::fs::write(data.join("run/server.json"), r#"{"pid":1,"component":"server","web":null}"#).unwrap();
        std::fs::write(data.join("run/web.sock"), "").unwrap();
        std::fs::write(data.join("run/web.json"), "{").unwrap();
        let seen = processes(data, None);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].state, State::Lost);
        let identity = &seen[0].status.identity;
        assert_eq!((identity.pid, identity.component.as_deref()), (Some(1), Some("server")));
        assert!(processes(data, Some(&data.join("run/server.sock"))).is_empty());
    }
}
