//! Where a page ended: opaque to who asks, so that the next page begins exactly there.
//!
//! It holds the event that came last and the range as moments, so that paging through `now-15m`
//! neither moves nor shows an event twice while new ones come.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use loggr_event::{Event, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::web::problem::Problem;

/// The place behind an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// When it was received, in microseconds since 1970.
    t: i64,
    /// Which it is.
    u: String,
    /// Where the range begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<i64>,
    /// Where the range ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<i64>,
}

impl Cursor {
    /// Behind this event, in this range.
    pub fn behind(event: &Event<'_>, from: Option<i64>, to: Option<i64>) -> Cursor {
        Cursor::at((event.timegenerated, event.uid), from, to)
    }

    /// Behind the event of this key, in this range.
    pub fn at((time, uid): (Timestamp, Uid), from: Option<i64>, to: Option<i64>) -> Cursor {
        Cursor { t: time.unix_micros(), u: uid.to_string(), from, to }
    }

    /// What is written.
    pub fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what was written.
    pub fn read(name: &str, text: &str) -> Result<Cursor, Problem> {
        let wrong = || {
            Problem::parameter(name, format!("`{name}` is none that was given here"))
                .hint("take the one of the answer before, or leave it out for the first page")
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        Uid::parse(&cursor.u).ok_or_else(wrong)?;
        Ok(cursor)
    }

    /// The key of the event that came last.
    pub fn key(&self) -> Option<(Timestamp, Uid)> {
        Some((Timestamp::from_unix_micros(self.t), Uid::parse(&self.u)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let cursor =
            Cursor { t: 5, u: "01a22bb3-6558-7000-8000-00517dd1084d".to_owned(), from: Some(1), to: None };
        assert_eq!(Cursor::read("cursor", &cursor.write()).expect("ours"), cursor);
        assert!(cursor.key().is_some());
        for wrong in ["", "x", "e30", "eyJ0Ijo1LCJ1IjoieCJ9", "\u{202e}", &"A".repeat(1000)] {
            assert!(Cursor::read("cursor", wrong).is_err(), "{wrong}");
        }
    }
}
