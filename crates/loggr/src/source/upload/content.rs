//! What a file is: a log, a log that is packed, or something else, told by how it begins.
//!
//! Not what its lines mean. A file is unpacked as it comes, so that a small one that unpacks to a large
//! one costs no memory. `loggr send` unpacks its files here, too.

use std::io::{BufReader, Cursor, Read};

use super::Ended;

/// So much of an unpacked file is looked at before anything of it is taken.
const LOOK_BYTES: usize = 8 << 10;
/// One control character among so many bytes is too many for a text.
const CONTROLS_IN: usize = 10;
/// What a packed file is read in.
const PACKED_BUFFER_BYTES: usize = 64 << 10;

/// How a file can be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, one member or several.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// Its word, which is that of `Content-Encoding`, and how it begins.
    const ALL: [(&str, Packing, &[u8]); 2] =
        [("gzip", Packing::Gzip, b"\x1f\x8b"), ("zstd", Packing::Zstd, b"\x28\xb5\x2f\xfd")];
    /// How a frame of zstd begins that has nothing of the text (RFC 8878, section 3.1.2), behind a byte
    /// whose upper half is 5.
    const SKIPPABLE: &[u8] = b"\x2a\x4d\x18";

    /// The packing of a word.
    pub fn of(word: &str) -> Option<Packing> {
        Packing::ALL.iter().find(|(known, ..)| *known == word).map(|(_, packing, _)| *packing)
    }

    /// How a file is packed that begins so.
    pub fn seen(beginning: &[u8]) -> Option<Packing> {
        if let [0x50..=0x5f, rest @ ..] = beginning
            && rest.starts_with(Packing::SKIPPABLE)
        {
            return Some(Packing::Zstd);
        }
        Packing::ALL.iter().find(|(.., magic)| beginning.starts_with(magic)).map(|(_, packing, _)| *packing)
    }
}

/// How files begin that are no logs, and what they are.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "it is a ZIP archive, or a document in one; unpack it first"),
    (b"\xfd7zXZ\0", "it is packed with xz, which is not unpacked here; unpack it first"),
    (b"BZh", "it is packed with bzip2, which is not unpacked here; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "it is a RAR archive; unpack it first"),
    (b"\x04\x22\x4d\x18", "it is packed with LZ4, which is not unpacked here; unpack it first"),
    (b"LPKSHHRH", "it is a journal of systemd; write it as text with `journalctl --file FILE -o json`"),
    (b"\x89PNG", "it is a picture"),
    (b"\xff\xd8\xff", "it is a picture"),
    (b"GIF8", "it is a picture"),
    (b"%PDF-", "it is a PDF document"),
    (b"\x7fELF", "it is a program"),
    (b"MZ\x90\0", "it is a program"),
    (b"SQLite format 3\0", "it is a database of SQLite"),
    (b"PAR1", "it is a Parquet file"),
    (b"ElfFile\0", "it is an event log of Windows; write it as text first"),
    (b"\xd4\xc3\xb2\xa1", "it is a capture of network packets"),
    (b"\x0a\x0d\x0d\x0a", "it is a capture of network packets"),
    (b"\xff\xfe", "its text is UTF-16; write it as UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "its text is UTF-16; write it as UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`"),
];

/// A file, unpacked.
pub struct Content {
    /// Its text.
    pub text: Box<dyn Read + Send>,
    /// Whether it was packed.
    pub is_packed: bool,
    /// What it is, if it is no log.
    pub no_log: Option<NoLog>,
}

/// What a file is that is no log.
#[derive(Debug)]
pub struct NoLog {
    /// What it is: `it is a picture`.
    pub text: String,
    /// It begins as such files begin. Otherwise it only looks like no text.
    pub is_sure: bool,
}

/// The text of a file, or why it has none. `claimed`: how it is packed for the way, beside which it may
/// be packed itself.
pub fn open(file: Box<dyn Read + Send>, claimed: Option<Packing>) -> Result<Box<dyn Read + Send>, Ended> {
    let Content { text, no_log, .. } = unpack(file, claimed)?;
    match no_log {
        None => Ok(text),
        Some(what) => Err(Ended::NoLog(what.text)),
    }
}

/// The same, for who also takes what looks like no log.
pub fn unpack(mut file: Box<dyn Read + Send>, claimed: Option<Packing>) -> Result<Content, Ended> {
    let mut unpacked = 0;
    loop {
        let (beginning, whole) = look(file)?;
        let seen = Packing::seen(&beginning);
        if let (Some(claimed), 0) = (claimed, unpacked)
            && seen != Some(claimed)
            && !beginning.is_empty()
        {
            return Err(Ended::Damaged(format!("it does not begin as `{}` does", word(claimed))));
        }
        file = match seen {
            None => {
                let no_log = judge(&beginning);
                return Ok(Content { text: whole, is_packed: unpacked > 0, no_log });
            }
            Some(_) if unpacked > usize::from(claimed.is_some()) => {
                return Err(Ended::NoLog("it is packed twice; unpack it first".to_owned()));
            }
            Some(Packing::Gzip) => {
                let packed = BufReader::with_capacity(PACKED_BUFFER_BYTES, whole);
                Box::new(flate2::bufread::MultiGzDecoder::new(packed))
            }
            Some(Packing::Zstd) => {
                let packed = BufReader::with_capacity(PACKED_BUFFER_BYTES, whole);
                let unpacking = zstd::stream::read::Decoder::with_buffer(packed);
                Box::new(unpacking.map_err(|error| Ended::Damaged(error.to_string()))?)
            }
        };
        unpacked += 1;
    }
}

fn word(packing: Packing) -> &'static str {
    Packing::ALL.iter().find(|(_, known, _)| *known == packing).map_or("", |(word, ..)| word)
}

/// The beginning of a file, and all of it.
fn look(mut file: Box<dyn Read + Send>) -> Result<(Vec<u8>, Box<dyn Read + Send>), Ended> {
    let mut beginning = Vec::new();
    file.by_ref().take(LOOK_BYTES as u64).read_to_end(&mut beginning).map_err(Ended::of)?;
    let whole = Cursor::new(beginning.clone()).chain(file);
    Ok((beginning, Box::new(whole)))
}

/// What is it, if this is not how a text begins?
pub fn judge(beginning: &[u8]) -> Option<NoLog> {
    let sure = |text: &str| Some(NoLog { text: text.to_owned(), is_sure: true });
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return sure(what);
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return sure("it is a tar archive; unpack it and send the files in it");
    }
    if let Some(at) = beginning.iter().position(|byte| *byte == 0) {
        return Some(NoLog { text: format!("it is binary: the byte {at} is a NUL"), is_sure: false });
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b);
    let controls = beginning.iter().filter(|byte| is_control(byte)).count();
    let text =
        || format!("it is binary: {controls} of its first {} bytes are control characters", beginning.len());
    (controls * CONTROLS_IN > beginning.len()).then(|| NoLog { text: text(), is_sure: false })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text(file: Vec<u8>, claimed: Option<Packing>) -> Result<String, Ended> {
        let mut text = String::new();
        open(Box::new(Cursor::new(file)), claimed)?.read_to_string(&mut text).map_err(Ended::of)?;
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[track_caller]
    fn check(file: &[u8], claimed: Option<Packing>, expect: &str) {
        assert_eq!(text(file.to_vec(), claimed).as_deref(), Ok(expect));
    }

    #[track_caller]
    fn check_none(file: &[u8], claimed: Option<Packing>, expect: &str) {
        let why = text(file.to_vec(), claimed).expect_err("it is no log").to_string();
        assert!(why.contains(expect), "{why}");
    }

    #[test]
    fn a_text_is_found_in_what_it_is_packed_in() {
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        check(b"one\ntwo\n", None, "one\ntwo\n");
        check(b"", None, "");
        check(b"", Some(Packing::Gzip), "");
        check(
            "\u{feff}h\u{e4}\u{df}\n\u{1b}[31mred\u{1b}[0m\n".as_bytes(),
            None,
            "\u{feff}h\u{e4}\u{df}\n\u{1b}[31mred\u{1b}[0m\n",
        );
        check(&gzip(b"one\n"), None, "one\n");
        check(&[gzip(b"one\n"), gzip(b"two\n")].concat(), None, "one\ntwo\n");
        check(&zstd(b"one\n"), None, "one\n");
        check(&gzip(b"one\n"), Some(Packing::Gzip), "one\n");
        check(&zstd(&gzip(b"one\n")), Some(Packing::Zstd), "one\n");
        // What zstd steps over is no text, wherever it stands.
        let skipped = |n: u8| [&[0x50 + n, 0x2a, 0x4d, 0x18, 3, 0, 0, 0], b"abc".as_slice()].concat();
        check(&skipped(0), None, "");
        check(&skipped(15), Some(Packing::Zstd), "");
        check(
            &[skipped(1), zstd(b"one\n"), skipped(2), zstd(b"two\n"), skipped(3)].concat(),
            None,
            "one\ntwo\n",
        );
    }

    #[test]
    fn what_is_no_log_is_named() {
        check_none(b"PK\x03\x04rest", None, "ZIP");
        check_none(b"\x89PNG\r\n\x1a\n", None, "picture");
        check_none(b"\xff\xfeh\0i\0", None, "UTF-16");
        check_none(b"text\0text", None, "the byte 4 is a NUL");
        check_none(&[1, 2, 3, b'a'], None, "control characters");
        check_none(&gzip(&gzip(b"one")), None, "packed twice");
        let mut tar = vec![b'x'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        check_none(&gzip(&tar), None, "tar archive");
    }

    #[test]
    fn what_is_packed_and_damaged_is_said_to_be() {
        let lines = b"a line that is long enough\n".repeat(100);
        let mut wrong_sum = gzip(&lines);
        let sum = wrong_sum.len() - 8;
        wrong_sum[sum] ^= 1;
        check_none(&wrong_sum, None, "damaged");
        check_none(b"plain", Some(Packing::Zstd), "does not begin as `zstd` does");
    }

    #[test]
    fn what_is_packed_and_ends_too_early_is_said_to_be_cut_off() {
        let lines = b"a line that is long enough\n".repeat(100);
        for whole in [gzip(&lines), zstd::encode_all(lines.as_slice(), 1).unwrap()] {
            check_none(&whole[..whole.len() / 2], None, "ends in its middle");
            check_none(&whole[..whole.len() - 1], None, "ends in its middle");
        }
        check_none(b"\x50\x2a\x4d\x18\x09\0\0\0too", None, "ends in its middle");
    }
}
