//! Files of a journal that a writer of these tests makes: what the journal's own tool would not write.

use std::os::unix::fs::FileExt;

use super::file::JournalFile;
use super::files::{Files, Notice};
use super::layout::{Header, Id};
use super::places::Places;
use super::trouble::Trouble;

/// A file in memory, in the form with long offsets.
struct Writer {
    bytes: Vec<u8>,
    entries: Vec<u64>,
    arrays: Vec<(u64, u64)>,
}

const HEAD: usize = 208;
/// Entries of the first array; the next have room for twice as many.
const FIRST_ARRAY: u64 = 2;

impl Writer {
    fn new(file: u8, series: u8) -> Writer {
        let mut bytes = vec![0; HEAD];
        bytes[..8].copy_from_slice(b"LPKSHHRH");
        bytes[16] = 1;
        bytes[24..40].fill(file);
        bytes[72..88].fill(series);
        let mut writer = Writer { bytes, entries: Vec::new(), arrays: Vec::new() };
        writer.put(88, HEAD as u64);
        writer
    }

    fn put(&mut self, at: u64, number: u64) {
        self.bytes[at as usize..at as usize + 8].copy_from_slice(&number.to_le_bytes());
    }

    fn object(&mut self, kind: u8, body: &[u8]) -> u64 {
        let at = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(at, 0);
        self.bytes.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend((body.len() as u64 + 16).to_le_bytes());
        self.bytes.extend(body);
        at as u64
    }

    fn entry(&mut self, seqnum: u64, realtime: u64, fields: &[&[u8]]) -> &mut Writer {
        let mut body = [seqnum, realtime, 0, 0, 0, 0].map(u64::to_le_bytes).concat();
        for field in fields {
            let mut data = vec![0; 48];
            data[40..48].copy_from_slice(&1u64.to_le_bytes());
            data.extend(*field);
            body.extend(self.object(1, &data).to_le_bytes());
            body.extend([0; 8]);
        }
        let at = self.object(3, &body);
        let room = self.arrays.iter().map(|(_, room)| room).sum::<u64>();
        if self.entries.len() as u64 == room {
            let new = self.arrays.last().map_or(FIRST_ARRAY, |(_, room)| room * 2);
            let array = self.object(6, &vec![0; 8 + 8 * new as usize]);
            match self.arrays.last() {
                None => self.put(176, array),
                Some((last, _)) => self.put(last + 16, array),
            }
            self.arrays.push((array, new));
        }
        let (array, room) = *self.arrays.last().unwrap();
        let before: u64 = self.arrays.iter().map(|(_, room)| room).sum::<u64>() - room;
        self.put(array + 24 + 8 * (self.entries.len() as u64 - before), at);
        self.entries.push(at);
        self.put(152, self.entries.len() as u64);
        if self.entries.len() == 1 {
            self.put(168, seqnum);
            self.put(184, realtime);
        }
        self.put(160, seqnum);
        self
    }

    fn numbered(&mut self, seqnums: std::ops::Range<u64>) -> &mut Writer {
        for seqnum in seqnums {
            self.entry(seqnum, 1_000_000 + seqnum, &[b"_COMM=app", format!("MESSAGE={seqnum}").as_bytes()]);
        }
        self
    }
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Directory {
        Directory(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, writer: &Writer) {
        std::fs::write(self.0.path().join(name), &writer.bytes).unwrap();
    }

    fn files(&self, places: Places) -> Files {
        Files::new(vec![self.0.path().to_owned()], places)
    }
}

/// What is read, by number, and what is told.
fn all(files: &mut Files) -> (Vec<u64>, Vec<String>) {
    let mut told = Vec::new();
    files.scan(&mut |notice| told.push(notice));
    let mut seqnums = Vec::new();
    while let Some(read) = files.next(&mut |notice| told.push(notice)) {
        seqnums.push(read.entry.seqnum);
    }
    (seqnums, told.iter().map(|notice| format!("{notice:?}")).collect())
}

#[test]
fn entries_come_in_the_order_of_the_file_whatever_the_clock_did() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    writer.entry(1, 5000, &[b"MESSAGE=a"]).entry(2, 100, &[b"MESSAGE=b"]).entry(3, 6000, &[b"MESSAGE=c"]);
    there.put("system.journal", &writer);
    let mut files = there.files(Places::new());
    assert_eq!(all(&mut files).0, [1, 2, 3]);
    // One whose clock went back is not taken for one that was read.
    writer.entry(4, 50, &[b"MESSAGE=d"]);
    there.put("system.journal", &writer);
    assert_eq!(all(&mut files).0, [4]);
}

#[test]
fn entries_of_several_files_come_by_their_time_and_each_once() {
    let there = Directory::new();
    let (mut one, mut other) = (Writer::new(1, 1), Writer::new(2, 1));
    for n in 0..40 {
        let writer = if n % 3 == 0 { &mut one } else { &mut other };
        writer.numbered(n..n + 1);
    }
    there.put("system.journal", &one);
    there.put("user-1.journal", &other);
    let mut files = there.files(Places::new());
    assert_eq!(all(&mut files), ((0..40).collect(), vec![]));
    let places = files.places().clone();
    assert_eq!(all(&mut there.files(places.clone())).0, [0; 0]);
    one.numbered(40..45);
    there.put("system.journal", &one);
    assert_eq!(all(&mut there.files(places.clone())).0, (40..45).collect::<Vec<_>>());
    // Back to where it was durable.
    assert_eq!(all(&mut files).0, (40..45).collect::<Vec<_>>());
    files.go_back(places);
    assert_eq!(all(&mut files).0, (40..45).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_deleted_while_it_is_open_is_read_to_its_end() {
    let there = Directory::new();
    there.put("system.journal", Writer::new(1, 1).numbered(0..10));
    let mut files = there.files(Places::new());
    files.scan(&mut |notice| panic!("{notice:?}"));
    std::fs::remove_file(there.0.path().join("system.journal")).unwrap();
    let (seqnums, told) = all(&mut files);
    assert_eq!((seqnums, told), ((0..10).collect(), vec![]));
    files.forget_gone();
}

#[track_caller]
fn check_gone(first: std::ops::Range<u64>, next: (u8, std::ops::Range<u64>), expect: &str) {
    let there = Directory::new();
    there.put("system.journal", Writer::new(1, 1).numbered(first));
    let mut files = there.files(Places::new());
    all(&mut files);
    let places = files.places().clone();
    there.put("system.journal", Writer::new(2, next.0).numbered(next.1));
    let mut files = there.files(places);
    let mut told = Vec::new();
    files.scan(&mut |notice| panic!("{notice:?}"));
    assert!(files.missing(&mut |notice: Notice| told.push(format!("{notice:?}"))));
    assert_eq!(told.join(";"), expect);
    assert!(!files.places().contains_key(&Id([1; 16])));
}

#[test]
fn how_many_entries_a_gap_has_is_told_by_their_numbers() {
    check_gone(0..10, (1, 10..20), "");
    check_gone(0..10, (1, 5..20), "");
    check_gone(0..10, (1, 14..20), "Gone(\"system.journal\", Some(4))");
    check_gone(0..10, (9, 14..20), "Gone(\"system.journal\", None)");
}

#[test]
fn a_damaged_entry_is_left_out_and_told_and_a_damaged_list_ends_the_file() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    writer.numbered(0..6);
    let (entry, array) = (writer.entries[2], writer.arrays[1].0);
    writer.bytes[entry as usize] = 99;
    there.put("a.journal", &writer);
    let (seqnums, told) = all(&mut there.files(Places::new()));
    assert_eq!((seqnums.as_slice(), told.len()), (&[0, 1, 3, 4, 5][..], 1), "{told:?}");
    writer.bytes[array as usize] = 1;
    there.put("a.journal", &writer);
    let mut files = there.files(Places::new());
    let (seqnums, told) = all(&mut files);
    assert_eq!(seqnums, [0, 1]);
    assert!(told[0].starts_with("Broken(") && told[0].ends_with(", 4)"), "{told:?}");
    // Said once, and not again.
    assert_eq!(all(&mut there.files(files.places().clone())), (vec![], vec![]));
}

#[test]
fn no_byte_that_is_wrong_makes_reading_end_badly() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    writer.numbered(0..5);
    let path = there.0.path().join("a.journal");
    for at in 0..writer.bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = writer.bytes.clone();
            bytes[at] = value;
            std::fs::write(&path, &bytes).unwrap();
            let Ok(mut file) = JournalFile::open(&path) else { continue };
            let mut steps = 0;
            loop {
                steps += 1;
                assert!(steps < 100, "byte {at} = {value}: it does not end");
                match file.next() {
                    Ok(Some(_)) | Err(Trouble::Entry(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
        }
    }
}

#[test]
fn an_entry_that_is_announced_and_not_there_yet_is_waited_for() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    writer.numbered(0..1);
    let (array, whole) = (writer.arrays[0].0, writer.bytes.clone());
    writer.put(array + 24, 0);
    there.put("a.journal", &writer);
    let path = there.0.path().join("a.journal");
    let mut file = JournalFile::open(&path).unwrap();
    assert!(file.next().unwrap().is_none());
    std::fs::File::options().write(true).open(&path).unwrap().write_all_at(&whole, 0).unwrap();
    let header = Header::read(&std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!((header.entries, header.is_compact), (1, false));
    assert_eq!(file.next().unwrap().unwrap().seqnum, 0);
}

#[test]
fn going_back_opens_files_again_that_were_read_whole() {
    let there = Directory::new();
    there.put("system@1.journal", Writer::new(1, 1).numbered(0..5));
    there.put("system.journal", Writer::new(2, 1).numbered(5..8));
    let mut files = there.files(Places::new());
    assert_eq!(all(&mut files).0, (0..8).collect::<Vec<_>>());
    files.go_back(Places::new());
    files.forget_gone();
    assert_eq!(all(&mut files).0, (0..8).collect::<Vec<_>>());
    files.go_back(files.places().clone());
    files.forget_gone();
    assert_eq!(all(&mut files).0, [0; 0]);
}

#[test]
fn what_is_there_can_be_taken_for_read() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    there.put("system.journal", writer.numbered(0..5));
    let mut files = there.files(Places::new());
    files.scan(&mut |notice| panic!("{notice:?}"));
    files.skip_all(&mut |notice| panic!("{notice:?}"));
    there.put("system.journal", writer.numbered(5..7));
    assert_eq!(all(&mut files).0, [5, 6]);
}

#[test]
fn a_journal_whose_file_system_is_away_is_not_read_again_when_it_is_back() {
    let there = Directory::new();
    let mut writer = Writer::new(1, 1);
    there.put("system.journal", writer.numbered(0..5));
    let mut files = there.files(Places::new());
    assert_eq!(all(&mut files).0, (0..5).collect::<Vec<_>>());
    std::fs::remove_file(there.0.path().join("system.journal")).unwrap();
    let mut files = there.files(files.places().clone());
    assert_eq!(all(&mut files), (vec![], vec![]));
    let mut told = Vec::new();
    assert!(!files.missing(&mut |notice| told.push(format!("{notice:?}"))));
    assert_eq!(told, ["Away(1)"]);
    files.forget_gone();
    there.put("system.journal", writer.numbered(5..7));
    assert_eq!(all(&mut files).0, [5, 6]);
    assert!(files.missing(&mut |notice| panic!("{notice:?}")));
}

#[test]
fn what_went_while_no_file_was_there_is_told_when_the_journal_is_back() {
    let there = Directory::new();
    there.put("system.journal", Writer::new(1, 1).numbered(0..10));
    let mut files = there.files(Places::new());
    assert_eq!(all(&mut files).0.len(), 10);
    std::fs::remove_file(there.0.path().join("system.journal")).unwrap();
    let mut files = there.files(files.places().clone());
    assert_eq!(all(&mut files), (vec![], vec![]));
    let mut told = Vec::new();
    assert!(!files.missing(&mut |notice| told.push(format!("{notice:?}"))));
    there.put("system.journal", Writer::new(2, 1).numbered(14..20));
    files.scan(&mut |notice| panic!("{notice:?}"));
    assert!(files.missing(&mut |notice| told.push(format!("{notice:?}"))));
    assert_eq!(told, ["Away(1)", "Gone(\"system.journal\", Some(4))"]);
    assert_eq!(all(&mut files).0.len(), 6);
}
