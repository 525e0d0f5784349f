//! What a writer has to know about the tables before it can write a row.
//!
//! It is a copy of what is in the database, taken when a writer starts and extended when something
//! new turns up. The copy may be out of date: what is missing in it is looked up in the database.

use std::collections::HashMap;

use loggr_event::Origin;

use super::schema::{Indexes, Promoted};
use super::text;

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// 0001-01-01 and 9999-12-31: what every tool can read. Odder times are kept in `rest`.
const FIRST_MICROS: i64 = -62_135_596_800_000_000;
const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// A time (microseconds since 1970) that a column can hold: the nearest one.
pub(super) fn storable(micros: i64) -> i64 {
    micros.clamp(FIRST_MICROS, LAST_MICROS)
}

/// Microseconds since 2000, as the protocol has them.
pub(super) fn to_wire(micros: i64) -> i64 {
    storable(micros) - POSTGRES_EPOCH
}

/// Microseconds since 1970.
pub(super) fn from_wire(wire: i64) -> i64 {
    wire.saturating_add(POSTGRES_EPOCH)
}

/// The tables as a writer knows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Promoted columns in the order of the table.
    pub(super) promoted: Vec<Promoted>,
    /// The partitions, by day, and which indexes each has.
    pub(super) days: HashMap<i64, Indexes>,
    /// The numbers of origins without their peers.
    pub(super) origins: HashMap<Origin, i32>,
    /// `events_minutes` cannot say the names of all programs; it is noted in `events_meta`.
    pub(super) long_names: bool,
}

/// An origin split into what many events share and the peer's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split<'o> {
    /// The peer as the row has it: without the port where it can be put together again.
    pub(super) peer: &'o str,
    /// The port, where it was split off.
    pub(super) port: Option<u16>,
}

/// The peer's address without its port, and the port. `None`: only the whole text gives it back.
pub(super) fn split_peer(origin: &Origin) -> Split<'_> {
    let host = origin.peer_host();
    if let Some((_, port)) = origin.peer.rsplit_once(':')
        && let Ok(port) = port.parse::<u16>()
        && join_peer(host, Some(port)) == origin.peer
    {
        return Split { peer: host, port: Some(port) };
    }
    Split { peer: host, port: None }
}

/// The peer as it was.
pub(super) fn join_peer(host: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What is shared, as `events_origins` has it. A peer that cannot be split stays in it.
pub(super) fn shared(origin: &Origin) -> Origin {
    let split = split_peer(origin);
    let peer = match split.port {
        Some(_) => String::new(),
        None if split.peer == origin.peer => String::new(),
        None => origin.peer.clone(),
    };
    Origin { peer, ..origin.clone() }
}

/// The JSON of a shared origin, and the key under which it is found.
pub(super) fn origin_row(shared: &Origin) -> (String, u128) {
    let stored = map_texts(shared, |t| text::encode(t).into_owned());
    let json = serde_json::to_string(&stored).expect("BUG: an origin always has a JSON form");
    let key = xxhash_rust::xxh3::xxh3_128(json.as_bytes());
    (json, key)
}

/// A shared origin from its JSON.
pub(super) fn origin_of(json: &str) -> Option<Origin> {
    let stored: Origin = serde_json::from_str(json).ok()?;
    Some(map_texts(&stored, |t| text::decode(t).into_owned()))
}

fn map_texts(origin: &Origin, map: impl Fn(&str) -> String) -> Origin {
    Origin {
        listener: map(&origin.listener),
        peer: map(&origin.peer),
        tls_name: origin.tls_name.as_deref().map(&map),
        timezone: map(&origin.timezone),
        ..origin.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, host: &str, port: Option<u16>, left: &str) {
        let origin = Origin { peer: peer.to_owned(), listener: "a\0b".to_owned(), ..Origin::default() };
        assert_eq!(split_peer(&origin), Split { peer: host, port });
        let shared = shared(&origin);
        assert_eq!(shared.peer, left);
        let back = if shared.peer.is_empty() { join_peer(host, port) } else { shared.peer.clone() };
        assert_eq!(back, peer);
        assert_eq!(origin_of(&origin_row(&shared).0), Some(shared));
    }

    #[test]
    fn peers_are_split_and_joined() {
        check("10.0.0.1:514", "10.0.0.1", Some(514), "");
        check("[2001:db8::1]:514", "2001:db8::1", Some(514), "");
        check("", "", None, "");
        check("host", "host", None, "");
        check("host:0514", "host", None, "host:0514");
        check("2001:db8::1", "2001:db8:", None, "2001:db8::1");
        check("[a:1", "a", None, "[a:1");
    }

    #[test]
    fn times_on_the_wire() {
        assert_eq!(to_wire(POSTGRES_EPOCH), 0);
        assert_eq!(from_wire(to_wire(1_795_305_600_000_001)), 1_795_305_600_000_001);
        assert_eq!(from_wire(to_wire(i64::MIN)), FIRST_MICROS);
        assert_eq!(from_wire(to_wire(i64::MAX)), LAST_MICROS);
    }
}
