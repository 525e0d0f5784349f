//! Framing: cases, and any cutting of a stream gives the same frames.

use super::*;
use proptest::prelude::*;

/// A frame as text: `abc`, truncated `abc~12`, incomplete `abc!`, both `abc!~12`.
fn show(frame: Frame<'_>) -> String {
    let mut text = String::from_utf8_lossy(frame.bytes).into_owned();
    if frame.incomplete {
        text.push('!');
    }
    if let Some(len) = frame.original_len {
        text.push_str(&format!("~{len}"));
    }
    text
}

fn run<'a>(mode: Mode, max: usize, reads: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Stats) {
    let mut framer = Framer::new(mode, max);
    let mut frames = Vec::new();
    for read in reads {
        framer.feed(read, |frame| {
            assert!(!frame.bytes.is_empty() && frame.bytes.len() <= max && !frame.incomplete);
            assert_eq!(frame.is_truncated(), frame.original_len.is_some());
            frames.push(show(frame));
        });
        assert!(framer.buffered() <= max + MAX_COUNT_DIGITS + 6);
        assert_eq!(framer.is_between(), framer.buffered() == 0);
    }
    framer.finish(|frame| {
        assert!(!frame.bytes.is_empty() && frame.bytes.len() <= max && frame.incomplete);
        frames.push(show(frame));
    });
    assert!(framer.is_between());
    assert_eq!(framer.stats().frames, frames.len() as u64);
    (frames, framer.stats())
}

#[track_caller]
fn check_mode(mode: Mode, max: usize, input: &[u8], expect: &[&str]) {
    let whole = run(mode, max, std::iter::once(input));
    assert_eq!(whole.0, expect, "{:?}", input.escape_ascii().to_string());
    for size in 1..input.len() {
        assert_eq!(run(mode, max, input.chunks(size)), whole, "in reads of {size}");
    }
}

#[track_caller]
fn check(input: &str, expect: &[&str]) {
    check_mode(Mode::Auto, 1000, input.as_bytes(), expect);
}

#[track_caller]
fn check_short(input: &str, expect: &[&str]) {
    check_mode(Mode::Auto, 10, input.as_bytes(), expect);
}

#[test]
fn auto_takes_lines() {
    check("", &[]);
    check("<13>a\n<13>b\n", &["<13>a", "<13>b"]);
    check("<13>a\0<13>b\0", &["<13>a", "<13>b"]);
    check("<13>a\r\n<13>b\r\r\n", &["<13>a", "<13>b\r"]);
    check("<13>a\r\0", &["<13>a\r"]);
    check("\n\r\n\0\0a\n\n", &["a"]);
    check("é\n", &["é"]);
}

#[test]
fn auto_takes_counted_frames() {
    check("5 <13>a5 <13>b", &["<13>a", "<13>b"]);
    check("9 <13>a\nb\0c5 <13>b", &["<13>a\nb\0c", "<13>b"]);
    check("7 <13>a\r\n5 <13>b", &["<13>a\r\n", "<13>b"]);
    check("4 <13>4 <13>", &["<13>", "<13>"]);
    // Senders that end a counted frame with a line end that they do not count.
    check("5 <13>a\n5 <13>b\r\n5 <13>c\0", &["<13>a", "<13>b", "<13>c"]);
}

#[test]
fn auto_decides_for_each_frame() {
    check("5 <13>a<13>b\n5 <13>c<13>d\n", &["<13>a", "<13>b", "<13>c", "<13>d"]);
    check("2026 was\n5 <13>a7 up\n", &["2026 was", "<13>a", "7 up"]);
}

#[test]
fn auto_keeps_lines_that_begin_with_digits_whole() {
    check("2026-11-22 10:00:00 x\n", &["2026-11-22 10:00:00 x"]);
    check("404 not found\n", &["404 not found"]);
    check("404 <html>\n", &["404 <html>"]);
    check("3 <13>a\n", &["3 <13>a"]);
    check("1764000000 <13>a\n", &["1764000000 <13>a"]);
    check("0 <13>a\n", &["0 <13>a"]);
    check("12\n34 \n5 <\n6 <1\n7 <13\n", &["12", "34 ", "5 <", "6 <1", "7 <13"]);
    check("123456789\n1234567890\n", &["123456789", "1234567890"]);
    check("5\r\n5 \0", &["5", "5 "]);
}

#[test]
fn auto_takes_counted_text() {
    check("5 hello5 world", &["hello", "world"]);
    check("6 hello\n5 <13>a", &["hello\n", "<13>a"]);
    check("7 up\n", &["7 up"]);
    check("1 \n", &["1 "]);
}

#[test]
fn auto_takes_counted_json() {
    check("7 {\"a\":1}8 {\"b\":2}\n5 <13>a", &["{\"a\":1}", "{\"b\":2}\n", "<13>a"]);
    check("404 {\"error\":1}\n<13>a\n", &["404 {\"error\":1}", "<13>a"]);
    check("7 {\"a\":1,\"b\":2}\n", &["7 {\"a\":1,\"b\":2}"]);
    check("7 {\"a\":\n5 <13>a", &["7 {\"a\":", "<13>a"]);
    check("20 {\"a\":1", &["20 {\"a\":1!"]);
    check_short("11 {\"a\":\"xyz\"}5 <13>a", &["{\"a\":\"xyz\"~11", "<13>a"]);
    check_short("13 {\"a\":\"xyzzy\"}5 <13>a", &["{\"a\":\"xyzz~13", "<13>a"]);
    check_short("99 {\"a\":1}\n<13>a\n", &["99 {\"a\":1}", "<13>a"]);
}

#[test]
fn the_end_of_the_stream_loses_nothing() {
    check("<13>a\n<13>b", &["<13>a", "<13>b!"]);
    check("<13>a\r", &["<13>a\r!"]);
    check("9 <13>a", &["<13>a!~9"]);
    check("9 <13", &["9 <13!"]);
    check("9", &["9!"]);
    check("<13>a\n", &["<13>a"]);
    check_mode(Mode::OctetCounting, 10, b"9 ", &["9 !"]);
    check_mode(Mode::OctetCounting, 10, b"9 a", &["a!~9"]);
}

#[test]
fn oversize_keeps_what_fits_and_the_frames_behind_it() {
    check_short("0123456789\n<13>a\n", &["0123456789", "<13>a"]);
    check_short("0123456789\r\n<13>a\n", &["0123456789", "<13>a"]);
    check_short("0123456789\r\r\n<13>a\n", &["0123456789~11", "<13>a"]);
    check_short("0123456789a\n<13>a\n", &["0123456789~11", "<13>a"]);
    check_short("0123456789abc\r\n<13>a\n", &["0123456789~13", "<13>a"]);
    check_short("15 <13>0123456789a<13>a\n", &["<13>012345~15", "<13>a"]);
    check_short("0123456789abc", &["0123456789!~13"]);
    check_short("0123456789\r", &["0123456789!~11"]);
    check_short("99 <13>0123456789", &["<13>012345!~99"]);
    check_mode(Mode::Auto, 1, b"12\n5 <13>a5 <", &["1~2", "<~5", "5!~3"]);
}

#[test]
fn octet_counting_takes_any_content() {
    let check =
        |input: &str, expect: &[&str]| check_mode(Mode::OctetCounting, 1000, input.as_bytes(), expect);
    check("5 hello3 a\nb1 \n", &["hello", "a\nb", "\n"]);
    check("5 hello\n5 world", &["hello", "world"]);
    check("hello\n5 world", &["hello", "world"]);
    check("0 x\n5 world", &["0 x", "world"]);
}

#[test]
fn fixed_ends_leave_the_rest_alone() {
    check_mode(Mode::Lf, 100, b"5 <13>a\n\0b\n\r\nc\r\n", &["5 <13>a", "\0b", "c"]);
    check_mode(Mode::Nul, 100, b"5 <13>a\nb\0\0c\r\n\0d", &["5 <13>a\nb", "c\r\n", "d!"]);
}

#[test]
fn what_happened_is_counted() {
    let input = b"x\n\n5 <13>a0123456789abc\n\r\n9 <13>";
    let (_, stats) = run(Mode::Auto, 10, std::iter::once(&input[..]));
    let expect = Stats {
        frames: 4,
        counted: 2,
        truncated: 1,
        incomplete: 1,
        unframed: 0,
        empty: 2,
        discarded_bytes: 3,
    };
    assert_eq!(stats, expect);
    let (_, stats) = run(Mode::OctetCounting, 10, std::iter::once(&b"x\n1 y\r\nz"[..]));
    let expect = Stats { frames: 3, counted: 1, incomplete: 1, unframed: 2, empty: 1, ..Stats::default() };
    assert_eq!(stats, expect);
}

#[test]
fn a_long_run_of_line_ends_is_so_many_frames_without_content() {
    let check = |mode: Mode, end: &[u8], empty: u64| {
        let input = [b"a\n\0".as_slice(), &end.repeat(200), b"b\n\0"].concat();
        let (frames, stats) = run(mode, 10, std::iter::once(input.as_slice()));
        let (cut, cut_stats) = run(mode, 10, input.chunks(97));
        assert_eq!((&frames, stats), (&cut, cut_stats), "{mode:?} {end:?}");
        assert_eq!(stats.empty, empty, "{mode:?} {end:?}: {frames:?}");
    };
    check(Mode::Auto, b"\n", 202);
    check(Mode::Auto, b"\r\n", 202);
    check(Mode::Auto, b"\0", 202);
    check(Mode::OctetCounting, b"\n", 202);
    check(Mode::Nul, b"\0", 200);
    // Of lines, the first one begins with the NUL, and a CR before it is content.
    check(Mode::Lf, b"\n", 199);
    check(Mode::Lf, b"\r\n", 199);
}

#[test]
fn whole_frames_are_slices_of_the_input() {
    let input = b"<13>a\n5 <13>b7 {\"a\":1}<13>c\n<13>d";
    let range = input.as_ptr_range();
    let mut framer = Framer::new(Mode::Auto, 100);
    let mut frames = 0;
    framer.feed(input, |frame| {
        assert!(range.contains(&frame.bytes.as_ptr()));
        frames += 1;
    });
    assert_eq!((frames, framer.buffered()), (4, 5));
}

#[test]
fn a_claimed_length_reserves_nothing_and_a_long_frame_is_given_back() {
    let mut framer = Framer::new(Mode::Auto, MAX_FRAME_BYTES);
    framer.feed(b"999999999 <13>a", |_| {});
    assert!(framer.tail.capacity() < 1024);
    let mut framer = Framer::new(Mode::Auto, MAX_FRAME_BYTES);
    framer.feed(&vec![b'x'; MAX_FRAME_BYTES + 5], |_| {});
    assert_eq!(framer.buffered(), MAX_FRAME_BYTES);
    framer.feed(b"\n", |frame| assert_eq!(frame.original_len, Some(MAX_FRAME_BYTES as u64 + 5)));
    assert!(framer.tail.capacity() <= KEEP_BUFFER_BYTES);
}

#[test]
fn limits_are_brought_into_range() {
    assert_eq!(Framer::new(Mode::Auto, 0).max_frame(), 1);
    assert_eq!(Framer::new(Mode::Auto, usize::MAX).max_frame(), MAX_FRAME_BYTES);
}

/// Pieces of streams that stand near a decision.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\n", "\r\n", "\0", "\r", " ", "<13>", "5 <13>a", "4 <13>", "30 <165>", "12 {\"a\":1}", "7 {\"a\":1}", "8 {\"a\":1}\n",
            "9 {\"a\":1}\r\n", "5 ", "1", "0", "123456789", "999999999 <1>", "{", "}", "<", "text", "2026-11-22 ",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Auto, Mode::OctetCounting, Mode::Lf, Mode::Nul])
}

/// The stream in reads that end at `cuts`.
fn reads<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    ends.extend([0, stream.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cutting_gives_the_same_frames(
        stream in stream(), mode in any_mode(), max in 1usize..40,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = run(mode, max, std::iter::once(&stream[..]));
        prop_assert_eq!(&run(mode, max, reads(&stream, &cuts).into_iter()), &whole);
        prop_assert_eq!(&run(mode, max, stream.chunks(1)), &whole);
    }

    #[test]
    fn a_mixed_stream_comes_back(lines in prop::collection::vec((any::<bool>(), "[^\n\r\0]{0,30}"), 0..10)) {
        let (mut stream, mut expect) = (Vec::new(), Vec::new());
        for (counted, text) in lines {
            let line = format!("<13>{text}");
            let write = if counted { write_octet_counted } else { write_lf };
            write(&mut stream, line.as_bytes());
            expect.push(line);
        }
        prop_assert_eq!(run(Mode::Auto, 1000, std::iter::once(&stream[..])).0, expect);
    }

    #[test]
    fn every_byte_is_accounted_for(stream in stream(), max in 1usize..40) {
        // With LF alone the framing is a split, so content and line ends add up to the stream.
        let mut framer = Framer::new(Mode::Lf, max);
        let mut content = 0;
        framer.feed(&stream, |frame| content += frame.bytes.len() as u64);
        framer.finish(|frame| content += frame.bytes.len() as u64);
        let lines = stream.split_inclusive(|&b| b == b'\n');
        let ends: usize = lines.map(|line| {
            if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) }
        }).sum();
        prop_assert_eq!(content + framer.stats().discarded_bytes + ends as u64, stream.len() as u64);
    }
}
