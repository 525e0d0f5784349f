//! Tests of reading one file: stretches that come again, truncation, long and last lines.

use std::io::Write;

use super::*;
use crate::source::tail::identity::Inode;

const SHAPE: Shape = Shape { runtime: None, limit: 100, block: 1024 };

/// A file with this text, opened to be read from its beginning.
fn opened(text: &[u8]) -> (tempfile::NamedTempFile, Tailed) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let known = Known {
        path: file.path().into(),
        inode: Inode { dev: 0, ino: 0, born: None },
        fingerprint: Mark::default(),
        position: 0,
        guard: Mark::default(),
        is_packed: false,
        is_done: false,
        seen: 0,
        written: 0,
        ends: VecDeque::new(),
        stretches: Vec::new(),
    };
    let tailed = open_again(&file, known);
    (file, tailed)
}

fn open_again(file: &tempfile::NamedTempFile, known: Known) -> Tailed {
    let now = Instant::now();
    let mut tailed = Tailed::new(0, known, Arc::default(), file.path().to_owned(), now);
    tailed.adopt(Content::open(file.path()).unwrap(), file.path(), now).unwrap();
    tailed
}

/// Reads the next stretch, and gives its lines and whether it was read before.
fn step(tailed: &mut Tailed) -> Option<(Vec<String>, bool)> {
    let mut buffer = Vec::new();
    let Next::Stretch { start, end, at, again } = tailed.next(SHAPE, Instant::now(), &mut buffer).unwrap()
    else {
        return None;
    };
    let mut lines = Vec::new();
    tailed.cut(SHAPE, (start, end), &buffer[at..], |line| {
        lines.push(format!("{} {}", start + line.at as u64, String::from_utf8_lossy(&line.bytes)));
    });
    let made = Stretch { start, end, hashed: 0, hash: 0, at: 7, process: 1, first: 2 };
    tailed.depart(again.unwrap_or(made), at, &buffer);
    Some((lines, again.is_some()))
}

fn some(lines: &[&str], is_again: bool) -> Option<(Vec<String>, bool)> {
    Some((lines.iter().map(|line| (*line).to_owned()).collect(), is_again))
}

#[test]
fn what_was_not_settled_is_read_again_in_the_same_stretches() {
    let (mut file, mut tailed) = opened(b"one\ntwo\nthr");
    assert_eq!(step(&mut tailed), some(&["0 one", "4 two"], false));
    assert_eq!(step(&mut tailed), None);
    file.write_all(b"ee\nfour\n").unwrap();
    assert_eq!(step(&mut tailed), some(&["8 three", "14 four"], false));
    tailed.arrived(8);
    assert_eq!((tailed.known.position, tailed.known.stretches.len()), (8, 1));
    let mut again = open_again(&file, tailed.known.clone());
    assert_eq!(step(&mut again), some(&["8 three", "14 four"], true));
    assert_eq!(step(&mut again), None);
    again.arrived(19);
    assert!(again.known.stretches.is_empty() && again.is_settled());
}

#[test]
fn a_truncated_file_is_noticed_even_if_it_is_longer_by_now() {
    for text in [&b"x\n"[..], b"other\ntext\nthan before\n"] {
        let (file, mut tailed) = opened(b"one\ntwo\n");
        step(&mut tailed);
        std::fs::write(file.path(), text).unwrap();
        let next = tailed.next(SHAPE, Instant::now(), &mut Vec::new());
        assert_eq!(next.unwrap(), Next::Changed);
    }
}

#[test]
fn a_line_that_is_longer_than_a_block_is_one_stretch() {
    let long = [b"seq ".as_slice(), &b"x".repeat(9000), b"\nnext\n"].concat();
    let (file, mut tailed) = opened(&long);
    let (lines, _) = step(&mut tailed).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(tailed.read_to(), 9005);
    let mut again = open_again(&file, tailed.known.clone());
    assert_eq!(step(&mut again), Some((lines, true)));
    assert_eq!(step(&mut again), some(&["9005 next"], false));
}

#[test]
fn a_stretch_that_has_another_text_is_new() {
    let (file, mut tailed) = opened(b"one\ntwo\n");
    step(&mut tailed);
    std::fs::write(file.path(), b"one\nTWO\n").unwrap();
    let mut again = open_again(&file, tailed.known.clone());
    assert_eq!(step(&mut again), None);
    assert_eq!(step(&mut again), some(&["0 one", "4 TWO"], false));
}

#[test]
fn a_last_line_is_read_when_nothing_will_come() {
    let (_file, mut tailed) = opened(b"one\ntwo");
    assert_eq!(step(&mut tailed), some(&["0 one"], false));
    assert_eq!(step(&mut tailed), None);
    tailed.is_over = true;
    assert_eq!(step(&mut tailed), some(&["4 two"], false));
}
