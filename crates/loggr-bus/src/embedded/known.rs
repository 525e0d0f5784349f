//! The names of the queues that an exchange has had since it was made: the file `queues`.
//!
//! How far each queue has been read is in its cursor. With these names a queue whose cursor is lost
//! can be told from a new one: the former needs every event that is kept, the latter none.
//!
//! Text: a first line `loggr queues 1`, a name in each line, and at the end `crc` and the
//! CRC-32C of everything before in eight hexadecimal digits.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The file's name.
const NAME: &str = "queues";
const TITLE: &str = "loggr queues 1";
/// A longer file was not written by loggr: this is enough for many names of the greatest length.
const MAX_BYTES: u64 = 1 << 20;

/// The names; `None` if they were never written, or cannot be read.
pub(super) fn read(dir: &Path) -> Option<BTreeSet<String>> {
    parse(&loggr_disk::read_text_at_most(&dir.join(NAME), MAX_BYTES).ok()??)
}

fn parse(text: &str) -> Option<BTreeSet<String>> {
    let (body, crc) = text.rsplit_once("crc ")?;
    if u32::from_str_radix(crc.trim_end(), 16).ok()? != crc32c::crc32c(body.as_bytes()) {
        return None;
    }
    let mut lines = body.lines();
    (lines.next() == Some(TITLE)).then(|| lines.map(str::to_owned).collect())
}

fn render(names: &BTreeSet<String>) -> String {
    let mut text = format!("{TITLE}\n");
    for name in names {
        text.push_str(name);
        text.push('\n');
    }
    let crc = crc32c::crc32c(text.as_bytes());
    text + &format!("crc {crc:08x}\n")
}

/// Writes the names down, in the place of those from before.
pub(super) fn write(dir: &Path, names: &BTreeSet<String>) -> io::Result<()> {
    // DURABLE: before any cursor can be lost.
    Ok(loggr_disk::replace(&dir.join(NAME), render(names).as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_damage_is_seen() {
        let names: BTreeSet<String> = ["crc 1", "a.b", "z"].map(str::to_owned).into();
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        write(dir.path(), &names).unwrap();
        assert_eq!(read(dir.path()), Some(names.clone()));
        let text = render(&names);
        assert_eq!(parse(&text.replace("a.b", "a.c")), None);
        assert_eq!(parse(&text[..text.len() - 12]), None);
        assert_eq!(parse(""), None);
    }
}
