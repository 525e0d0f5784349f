//! What a file is: a log, a log that is packed, or something else, told by how it begins.
//!
//! Not what its lines mean, and not how much of it is taken. A file is unpacked as it comes, so that a small
//! one that unpacks to a large one costs no memory. Uploads, harvests and `loggr send` unpack their files
//! here.

use std::io::{self, BufReader, Cursor, Read};
use std::{error, fmt};

/// So much of an unpacked file is looked at before anything of it is taken.
const LOOK_BYTES: usize = 8 << 10;
/// One control character among so many bytes is too many for a text.
const CONTROLS_IN: usize = 10;
/// What a packed file is read in.
const PACKED_BUFFER_BYTES: usize = 64 << 10;
/// Memory in KiB that unpacking xz may take: `xz -9` needs 64 MiB and a little.
const XZ_MEMORY_KIB: u32 = 70 << 10;

/// How a file can be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip, one member or several.
    Gzip,
    /// zstd, one frame or several.
    Zstd,
    /// xz, one stream or several.
    Xz,
    /// bzip2, one stream or several.
    Bzip2,
}

impl Packing {
    /// Its word, which is that of `Content-Encoding`, and how it begins.
    const ALL: [(&str, Packing, &[u8]); 4] = [
        ("gzip", Packing::Gzip, b"\x1f\x8b"),
        ("zstd", Packing::Zstd, b"\x28\xb5\x2f\xfd"),
        ("xz", Packing::Xz, b"\xfd7zXZ\0"),
        ("bzip2", Packing::Bzip2, b"BZh"),
    ];
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
        let (_, packing, magic) = Packing::ALL.iter().find(|(.., magic)| beginning.starts_with(magic))?;
        // A line of text may begin with these letters: behind them stand the size of a block and its mark, or
        // that of the end.
        let is_block = |rest: &[u8]| matches!(rest, [b'1'..=b'9', mark @ ..] if mark.starts_with(b"1AY&SY") || mark.starts_with(b"\x17rE8P\x90"));
        let is_one = *packing != Packing::Bzip2 || beginning.get(magic.len()..).is_some_and(is_block);
        is_one.then_some(*packing)
    }

    /// What is packed so, unpacked while it is read.
    pub fn unpack(self, packed: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        let packed = BufReader::with_capacity(PACKED_BUFFER_BYTES, packed);
        Ok(match self {
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY_KIB)),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        })
    }
}

/// How files begin that are no logs, and what they are.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "it is a ZIP archive, or a document in one; unpack it first"),
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

/// Why a file has no text, or not all of it.
#[derive(Debug)]
pub enum Fault {
    /// It is no log: this is what it is.
    NoLog(String),
    /// What it is packed in is damaged: what came of it may be wrong.
    Damaged(String),
    /// What it is packed in ends in its middle.
    CutOff,
    /// It cannot be read, packed or not; see [`Unread`].
    Unread(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoLog(what) => write!(f, "the file is no log: {what}"),
            Fault::Damaged(why) => write!(f, "the file is packed and damaged: {why}"),
            Fault::CutOff => f.write_str("the file is packed and ends in its middle"),
            Fault::Unread(error) => write!(f, "the file cannot be read: {error}"),
        }
    }
}

impl error::Error for Fault {}

impl Fault {
    /// What an error while reading a text means.
    pub fn of(error: io::Error) -> Fault {
        let kind = error.kind();
        let said = error.to_string();
        match error.into_inner().map(|inner| inner.downcast::<Unread>()) {
            Some(Ok(unread)) => Fault::Unread(unread.0),
            Some(Err(_)) | None if kind == io::ErrorKind::UnexpectedEof => Fault::CutOff,
            Some(Err(_)) | None => Fault::Damaged(said),
        }
    }
}

/// An error of who reads the file as it is, which goes through what unpacks it: the packing has no part in
/// it.
#[derive(Debug)]
pub struct Unread(pub io::Error);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for Unread {}

/// The text of a file, or why it has none. `claimed`: how it is packed for the way, beside which it may
/// be packed itself.
pub fn open(file: Box<dyn Read + Send>, claimed: Option<Packing>) -> Result<Box<dyn Read + Send>, Fault> {
    let Content { text, no_log, .. } = unpack(file, claimed)?;
    match no_log {
        None => Ok(text),
        Some(what) => Err(Fault::NoLog(what.text)),
    }
}

/// The same, for who also takes what looks like no log.
pub fn unpack(mut file: Box<dyn Read + Send>, claimed: Option<Packing>) -> Result<Content, Fault> {
    let mut unpacked = 0;
    loop {
        let (beginning, whole) = look(file)?;
        let seen = Packing::seen(&beginning);
        if let (Some(claimed), 0) = (claimed, unpacked)
            && seen != Some(claimed)
            && !beginning.is_empty()
        {
            return Err(Fault::Damaged(format!("it does not begin as `{}` does", word(claimed))));
        }
        file = match seen {
            None => {
                let no_log = judge(&beginning);
                return Ok(Content { text: whole, is_packed: unpacked > 0, no_log });
            }
            Some(_) if unpacked > usize::from(claimed.is_some()) => {
                return Err(Fault::NoLog("it is packed twice; unpack it first".to_owned()));
            }
            Some(packing) => packing.unpack(whole).map_err(|error| Fault::Damaged(error.to_string()))?,
        };
        unpacked += 1;
    }
}

fn word(packing: Packing) -> &'static str {
    Packing::ALL.iter().find(|(_, known, _)| *known == packing).map_or("", |(word, ..)| word)
}

/// The beginning of a file, and all of it.
fn look(mut file: Box<dyn Read + Send>) -> Result<(Vec<u8>, Box<dyn Read + Send>), Fault> {
    let mut beginning = Vec::new();
    file.by_ref().take(LOOK_BYTES as u64).read_to_end(&mut beginning).map_err(Fault::of)?;
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
impl Packing {
    /// A text packed so, for tests.
    pub fn pack(self, text: &[u8]) -> Vec<u8> {
        use std::io::Write;
        fn all(mut to: impl Write, text: &[u8]) {
            to.write_all(text).and_then(|()| to.flush()).expect("memory takes all");
        }
        match self {
            Packing::Zstd => zstd::encode_all(text, 1).expect("memory takes all"),
            Packing::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                all(&mut out, text);
                out.finish().expect("memory takes all")
            }
            Packing::Xz => {
                let options = lzma_rust2::XzOptions::with_preset(1);
                let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).expect("the options are right");
                all(&mut out, text);
                out.finish().expect("memory takes all")
            }
            Packing::Bzip2 => {
                let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                all(&mut out, text);
                out.finish().expect("memory takes all")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text(file: Vec<u8>, claimed: Option<Packing>) -> Result<String, Fault> {
        let mut text = String::new();
        open(Box::new(Cursor::new(file)), claimed)?.read_to_string(&mut text).map_err(Fault::of)?;
        Ok(text)
    }

    #[track_caller]
    fn check(file: &[u8], claimed: Option<Packing>, expect: &str) {
        assert_eq!(text(file.to_vec(), claimed).unwrap(), expect);
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
        check(&Packing::Gzip.pack(b"one\n"), None, "one\n");
        check(&[Packing::Gzip.pack(b"one\n"), Packing::Gzip.pack(b"two\n")].concat(), None, "one\ntwo\n");
        check(&zstd(b"one\n"), None, "one\n");
        check(&Packing::Gzip.pack(b"one\n"), Some(Packing::Gzip), "one\n");
        check(&zstd(&Packing::Gzip.pack(b"one\n")), Some(Packing::Zstd), "one\n");
        check(&[zstd(b"one\n"), zstd(b"two\n")].concat(), None, "one\ntwo\n");
        check(&[Packing::Xz.pack(b"one\n"), Packing::Xz.pack(b"two\n")].concat(), None, "one\ntwo\n");
        check(&[Packing::Bzip2.pack(b"one\n"), Packing::Bzip2.pack(b"two\n")].concat(), None, "one\ntwo\n");
        check(&Packing::Bzip2.pack(b""), None, "");
        check(&Packing::Xz.pack(b""), None, "");
        check(b"BZh9 is a word of a log\n", None, "BZh9 is a word of a log\n");
        check(&Packing::Xz.pack(&Packing::Bzip2.pack(b"one\n")), Some(Packing::Xz), "one\n");
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
        check_none(&Packing::Gzip.pack(&Packing::Gzip.pack(b"one")), None, "packed twice");
        let mut tar = vec![b'x'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        check_none(&Packing::Gzip.pack(&tar), None, "tar archive");
    }

    #[test]
    fn what_is_packed_and_damaged_is_said_to_be() {
        let lines = b"a line that is long enough\n".repeat(100);
        let mut wrong_sum = Packing::Gzip.pack(&lines);
        let sum = wrong_sum.len() - 8;
        wrong_sum[sum] ^= 1;
        check_none(&wrong_sum, None, "damaged");
        for mut wrong in [
            Packing::Xz.pack(&lines),
            Packing::Bzip2.pack(&lines),
            zstd::encode_all(lines.as_slice(), 1).unwrap(),
        ] {
            let middle = wrong.len() / 2;
            wrong[middle] ^= 0xff;
            check_none(&wrong, None, "packed and");
        }
        check_none(
            &[Packing::Gzip.pack(b"one\n").as_slice(), b"no member of it, but a text"].concat(),
            None,
            "damaged",
        );
        check_none(b"plain", Some(Packing::Zstd), "does not begin as `zstd` does");
    }

    #[test]
    fn what_is_packed_and_ends_too_early_is_said_to_be_cut_off() {
        let lines = b"a line that is long enough\n".repeat(100);
        let zstd = zstd::encode_all(lines.as_slice(), 1).unwrap();
        for whole in [Packing::Gzip.pack(&lines), zstd, Packing::Xz.pack(&lines), Packing::Bzip2.pack(&lines)]
        {
            check_none(&whole[..whole.len() / 2], None, "ends in its middle");
            check_none(&whole[..whole.len() - 1], None, "ends in its middle");
        }
        check_none(b"\x50\x2a\x4d\x18\x09\0\0\0too", None, "ends in its middle");
    }
    #[test]
    fn what_cannot_be_read_is_not_called_damaged() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other(Unread(io::Error::from(io::ErrorKind::PermissionDenied))))
            }
        }
        for begins in [b"\x1f\x8b".as_slice(), b"text", b""] {
            let mut text = Vec::new();
            let read = unpack(Box::new(Cursor::new(begins).chain(Broken)), None)
                .and_then(|mut content| content.text.read_to_end(&mut text).map_err(Fault::of));
            assert!(matches!(read, Err(Fault::Unread(_))), "{read:?}");
        }
    }

    #[test]
    fn xz_may_not_take_all_memory() {
        let options = lzma_rust2::XzOptions {
            lzma_options: lzma_rust2::LzmaOptions {
                dict_size: 256 << 20,
                ..lzma_rust2::LzmaOptions::with_preset(1)
            },
            ..lzma_rust2::XzOptions::with_preset(1)
        };
        let mut packed = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        packed.write_all(b"one\n").unwrap();
        check_none(&packed.finish().unwrap(), None, "mem_limit");
    }
}
