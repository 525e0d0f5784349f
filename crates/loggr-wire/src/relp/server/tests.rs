//! The server's side of RELP.

use super::*;
use crate::relp::ErrorKind;
use crate::relp::packed::packed_of;
use proptest::prelude::*;

const OPEN: &str = "1 open 15 commands=syslog\n";

fn server() -> Server {
    Server::new(ServerConfig { max_data_bytes: 20, software: "me,1".to_owned(), packed: false })
}

fn opened() -> Server {
    let mut server = server();
    server.feed(OPEN.as_bytes(), |_| panic!("no message")).expect("open");
    server.take_output(&mut Vec::new());
    server
}

fn output(server: &mut Server) -> String {
    let mut out = Vec::new();
    server.take_output(&mut out);
    assert!(server.output().is_empty());
    String::from_utf8(out).expect("text")
}

/// Feeds and acknowledges as told by `steps`: a number is an acknowledgement, anything else input.
/// Returns all output, and the last error.
fn play(server: &mut Server, steps: &[&str]) -> (String, Option<ErrorKind>) {
    let mut end = None;
    for step in steps {
        match step.parse() {
            Ok(count) => {
                server.ack(count);
            }
            Err(_) => end = server.feed(step.as_bytes(), |_| {}).err().map(|error| error.kind()),
        }
    }
    (output(server), end)
}

/// An open session: what comes out, and where it stands.
#[track_caller]
fn check(steps: &[&str], out: &str, state: State) {
    let mut server = opened();
    assert_eq!(play(&mut server, steps), (out.to_owned(), None));
    assert_eq!(server.state(), state);
}

/// An open session that an error ends.
#[track_caller]
fn check_dead(steps: &[&str], out: &str) {
    let mut server = opened();
    assert_eq!(play(&mut server, steps), (out.to_owned(), Some(ErrorKind::Order)));
    assert_eq!(server.state(), State::Dead);
}

#[track_caller]
fn check_open(input: &str, out: &str, error: Option<ErrorKind>) {
    let mut server = server();
    assert_eq!(play(&mut server, &[input]), (out.to_owned(), error));
    assert_eq!(server.state(), if error.is_some() { State::Dead } else { State::Open });
}

const ANSWER: &str = "rsp 56 200 OK\nrelp_version=0\nrelp_software=me,1\ncommands=syslog\n";

#[test]
fn open_is_answered_with_version_zero() {
    check_open(OPEN, &format!("1 {ANSWER}"), None);
    check_open("1 open 20 commands=relp,syslog\n", &format!("1 {ANSWER}"), None);
    check_open("1 open 30 relp_version=1\ncommands=syslog\n", &format!("1 {ANSWER}"), None);
    check_open("0 hello 0\n1 open 15 commands=syslog\n", &format!("1 {ANSWER}"), None);
}

#[test]
fn open_without_syslog_is_refused_in_words() {
    let refusal = "1 rsp 35 500 the offers lack commands=syslog\n0 serverclose 0\n";
    check_open("1 open 0\n", refusal, Some(ErrorKind::Refused));
    check_open("1 open 14 relp_version=0\n", refusal, Some(ErrorKind::Refused));
}

#[test]
fn nothing_comes_before_open() {
    check_open("1 syslog 1 a\n", "", Some(ErrorKind::Order));
    check_open("1 close 0\n", "", Some(ErrorKind::Order));
    check_open("2 open 15 commands=syslog\n", "", Some(ErrorKind::Order));
    check_open("GET / HTTP/1.1\r\n", "", Some(ErrorKind::Frame));
    let offers = "x".repeat(MAX_OFFERS_BYTES + 1);
    check_open(&format!("1 open {} {offers}\n", offers.len()), "", Some(ErrorKind::Order));
}

#[test]
fn a_message_is_answered_when_it_is_acknowledged() {
    check(&["2 syslog 1 a\n"], "", State::Open);
    check(&["2 syslog 1 a\n", "1"], "2 rsp 6 200 OK\n", State::Open);
    check(&["2 syslog 1 a\n3 syslog 0\n", "1"], "2 rsp 6 200 OK\n", State::Open);
    check(&["2 syslog 1 a\n3 syslog 1 b\n", "1", "1"], "2 rsp 6 200 OK\n3 rsp 6 200 OK\n", State::Open);
    check(&["2 syslog 1 a\n3 syslog 1 b\n", "9"], "2 rsp 6 200 OK\n3 rsp 6 200 OK\n", State::Open);
    check(&["9", "2 syslog 1 a\n"], "", State::Open);
}

#[test]
fn close_is_answered_after_all_before_it() {
    let end = "4 rsp 0\n0 serverclose 0\n";
    check(&["2 close 0\n"], "2 rsp 0\n0 serverclose 0\n", State::Closed);
    check(&["2 syslog 1 a\n3 syslog 1 b\n4 close 0\n", "1"], "2 rsp 6 200 OK\n", State::Closing);
    let all = format!("2 rsp 6 200 OK\n3 rsp 6 200 OK\n{end}");
    check(&["2 syslog 1 a\n3 syslog 1 b\n4 close 0\n", "2"], &all, State::Closed);
    check_dead(&["2 close 0\n3 syslog 1 a\n"], "2 rsp 0\n0 serverclose 0\n");
    let behind = "2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n";
    check_dead(&["2 syslog 1 a\n3 close 0\n4 syslog 1 a\n", "1"], behind);
}

#[test]
fn an_unknown_command_is_answered_in_its_turn() {
    let unknown = "rsp 19 500 unknown command\n";
    check(&["2 hello 1 a\n3 syslog 1 a\n", "1"], &format!("2 {unknown}3 rsp 6 200 OK\n"), State::Open);
    check(&["2 syslog 1 a\n3 hello 0\n"], "", State::Open);
    let mixed = format!("2 rsp 6 200 OK\n3 {unknown}4 rsp 6 200 OK\n");
    check(&["2 syslog 1 a\n3 hello 0\n4 syslog 1 b\n", "1", "1"], &mixed, State::Open);
    check(&["2 syslog 1 a\n3 hello 0\n4 syslog 1 b\n", "2"], &mixed, State::Open);
    check_dead(&["2 rsp 6 200 OK\n"], "");
}

#[test]
fn a_txnr_out_of_order_ends_the_session() {
    check_dead(&["3 syslog 1 a\n"], "");
    check_dead(&["1 syslog 1 a\n"], "");
    check_dead(&["2 syslog 1 a\n2 syslog 1 a\n", "9"], "2 rsp 6 200 OK\n");
    check_dead(&["0 syslog 1 a\n"], "");
    check(&["0 hint 1 a\n2 syslog 1 a\n", "1"], "2 rsp 6 200 OK\n", State::Open);
}

#[test]
fn what_was_earned_before_an_error_stays_in_the_output() {
    check_dead(&["2 syslog 1 a\n", "1", "4 syslog 1 a\n"], "2 rsp 6 200 OK\n");
}

#[test]
fn a_dead_session_stays_dead() {
    let mut server = opened();
    assert!(server.feed(b"2 syslog 1 a\nx", |_| {}).is_err());
    assert!(server.feed(b"3 syslog 1 a\n", |_| panic!("a message")).is_err());
    assert_eq!((server.outstanding(), server.ack(9), server.outstanding()), (1, 1, 0));
    assert_eq!((output(&mut server).as_str(), server.state()), ("2 rsp 6 200 OK\n", State::Dead));
}

/// Fifty messages and then `bad`, in one read: how many of them wait, and all answers.
#[track_caller]
fn check_window(bad: &str, kind: ErrorKind) {
    let mut server = opened();
    let mut input = Vec::new();
    (2..52).for_each(|txnr| write_frame(&mut input, txnr, &Command::Syslog, b"good"));
    input.extend_from_slice(bad.as_bytes());
    let mut messages = 0;
    let error = server.feed(&input, |_| messages += 1).expect_err("a bad frame");
    assert_eq!((error.kind(), messages, server.outstanding()), (kind, 50, 50), "{bad:?}");
    assert_eq!((server.ack(20), server.ack(usize::MAX), server.state()), (20, 30, State::Dead));
    let expect: String = (2..52).map(|txnr| format!("{txnr} rsp 6 200 OK\n")).collect();
    assert_eq!(output(&mut server), expect, "{bad:?}");
}

#[test]
fn good_frames_before_a_bad_one_are_answered() {
    check_window("x", ErrorKind::Frame);
    check_window("52 syslog 9999999999 x\n", ErrorKind::Frame);
    check_window("52 syslog 3 abcdef\n", ErrorKind::Frame);
    check_window("52 syslog 3 abc53 syslog 1 a\n", ErrorKind::Frame);
    check_window("52 syslog -1 a\n", ErrorKind::Frame);
    check_window("52 sys1og 1 a\n", ErrorKind::Frame);
    check_window("\u{16}\u{3}\u{1}\0\u{7f}", ErrorKind::Frame);
    check_window("9999999999 syslog 1 a\n", ErrorKind::Frame);
    check_window("51 syslog 1 a\n", ErrorKind::Order);
    check_window("53 syslog 1 a\n53 syslog 1 b\n", ErrorKind::Order);
    check_window("0 syslog 1 a\n", ErrorKind::Order);
    check_window("52 rsp 6 200 OK\n", ErrorKind::Order);
    check_window("52 open 14 relp_version=0\n", ErrorKind::Refused);
}

#[test]
fn a_repeated_open_is_tolerated() {
    check(&[OPEN, "2 syslog 1 a\n", "1"], &format!("1 {ANSWER}2 rsp 6 200 OK\n"), State::Open);
    check(
        &["2 open 15 commands=syslog\n3 syslog 1 a\n", "1"],
        &format!("2 {ANSWER}3 rsp 6 200 OK\n"),
        State::Open,
    );
    let behind = format!("2 rsp 6 200 OK\n1 {ANSWER}2 rsp 6 200 OK\n");
    check(&["2 syslog 1 a\n", OPEN, "2 syslog 1 b\n", "2"], &behind, State::Open);
}

#[test]
fn txnr_one_follows_the_last() {
    let mut server = opened();
    server.session.expected = 999_999_998;
    let steps = ["999999998 syslog 1 a\n999999999 syslog 1 b\n1 syslog 1 c\n2 syslog 1 d\n", "4"];
    let out = "999999998 rsp 6 200 OK\n999999999 rsp 6 200 OK\n1 rsp 6 200 OK\n2 rsp 6 200 OK\n";
    assert_eq!(play(&mut server, &steps), (out.to_owned(), None));
}

#[test]
fn a_message_beyond_the_limit_is_cut_and_answered() {
    let mut server = opened();
    let mut seen = Vec::new();
    let input = b"2 syslog 25 0123456789012345678901234\n3 syslog 1 a\n";
    server.feed(input, |m| seen.push((m.txnr, m.data.len(), m.original_len))).expect("frames");
    assert_eq!(seen, [(2, 20, Some(25)), (3, 1, None)]);
    assert_eq!(server.ack(2), 2);
    assert_eq!(output(&mut server), "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
}

#[test]
fn a_connection_without_a_byte_is_a_probe() {
    let mut server = server();
    server.feed(b"", |_| {}).expect("nothing");
    assert!(server.is_probe() && server.is_between());
    server.feed(b"1", |_| {}).expect("a beginning");
    assert!(!server.is_probe() && !server.is_between());
    assert_eq!((server.received_bytes(), server.buffered()), (1, 1));
}

#[test]
fn a_stopping_server_says_so_once() {
    let mut server = opened();
    server.serverclose();
    server.serverclose();
    assert_eq!(output(&mut server), "0 serverclose 0\n");
    let mut fresh = self::server();
    fresh.serverclose();
    assert_eq!(output(&mut fresh), "");
}

#[test]
fn commands_that_wait_behind_a_message_are_bounded() {
    let mut server = opened();
    let mut input = b"2 syslog 1 a\n".to_vec();
    (3..3000).for_each(|txnr| write_frame(&mut input, txnr, &Command::Open, b"commands=syslog"));
    let error = server.feed(&input, |_| {}).expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::Order);
    assert!(server.output().is_empty());
}

#[test]
fn the_peers_offers_are_told() {
    let mut server = server();
    server.feed(b"1 open 35 relp_software=x\ncommands=syslog,abc\n", |_| {}).expect("open");
    assert_eq!(server.offers().software.as_deref(), Some("x"));
}

proptest! {
    #[test]
    fn acknowledgements_are_written_as_frames_are(first in 1u32..=999_999_000, count in 0usize..300) {
        let (mut quick, mut plain) = (Vec::new(), Vec::new());
        write_acks(&mut quick, first, count);
        (first..).take(count).for_each(|txnr| write_frame(&mut plain, txnr, &Command::Rsp, b"200 OK"));
        prop_assert_eq!(quick, plain);
    }

    #[test]
    fn acknowledgements_count_across_digits(digits in 1u32..9, count in 0usize..30) {
        let first = 10u32.pow(digits) - 10;
        let (mut quick, mut plain) = (Vec::new(), Vec::new());
        write_acks(&mut quick, first.max(1), count);
        (first.max(1)..).take(count).for_each(|txnr| write_frame(&mut plain, txnr, &Command::Rsp, b"200 OK"));
        prop_assert_eq!(quick, plain);
    }

    #[test]
    fn answers_keep_the_order_however_they_are_acknowledged(
        messages in prop::collection::vec(any::<bool>(), 1..40), acks in prop::collection::vec(0usize..5, 0..60), size in 1usize..40,
    ) {
        let mut input = Vec::new();
        let mut expect = Vec::new();
        for (txnr, message) in (2..).zip(&messages) {
            let (command, answer) = if *message {
                (Command::Syslog, &b"200 OK"[..])
            } else {
                (Command::from_letters(b"hello").expect("letters"), &b"500 unknown command"[..])
            };
            write_frame(&mut input, txnr, &command, b"x");
            write_frame(&mut expect, txnr, &Command::Rsp, answer);
        }
        let mut server = opened();
        let mut acks = acks.into_iter();
        let mut answered = 0;
        for read in input.chunks(size) {
            server.feed(read, |_| {}).expect("frames");
            answered += server.ack(acks.next().unwrap_or(0));
        }
        prop_assert_eq!(answered + server.outstanding(), messages.iter().filter(|m| **m).count());
        prop_assert!(expect.starts_with(server.output()));
        server.ack(usize::MAX);
        prop_assert_eq!(server.output(), expect);
    }

    #[test]
    fn any_bytes_do_no_harm(reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5), begun: bool) {
        let mut server = if begun { opened() } else { server() };
        for read in reads {
            let result = server.feed(&read, |_| {});
            prop_assert_eq!(result.is_err(), server.state() == State::Dead);
        }
    }
}

/// An open session on which both ends have offered compressed frames.
fn packing() -> Server {
    let mut server =
        Server::new(ServerConfig { max_data_bytes: 20, packed: true, ..ServerConfig::default() });
    server.feed(b"1 open 23 commands=syslog,zsyslog\n", |_| panic!("no message")).expect("open");
    assert!(output(&mut server).ends_with("commands=syslog,zsyslog\n"));
    server
}

/// A compressed frame.
fn zsyslog(txnr: u32, messages: &[&str]) -> Vec<u8> {
    let messages: Vec<Vec<u8>> = messages.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut out = Vec::new();
    write_frame(&mut out, txnr, &Command::Packed, &packed_of(&messages));
    out
}

fn texts(server: &mut Server, input: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    let take = |message: Syslog<'_>| seen.push(String::from_utf8_lossy(message.data).into_owned());
    server.feed(input, take).expect("frames");
    seen
}

#[test]
fn a_compressed_frame_is_answered_once_when_all_its_messages_are_acknowledged() {
    let mut server = packing();
    assert_eq!(texts(&mut server, &zsyslog(2, &["a", "b", "c\n"])), ["a", "b", "c\n"]);
    assert_eq!(texts(&mut server, b"3 syslog 1 d\n"), ["d"]);
    assert_eq!((server.outstanding(), server.ack(2), output(&mut server).as_str()), (4, 2, ""));
    assert_eq!((server.ack(1), output(&mut server).as_str()), (1, "2 rsp 6 200 OK\n"));
    assert_eq!((server.ack(9), output(&mut server).as_str()), (1, "3 rsp 6 200 OK\n"));
}

#[test]
fn a_compressed_frame_that_was_not_agreed_on_is_an_unknown_command() {
    let frame = zsyslog(2, &["a"]);
    for mut server in [opened(), {
        let mut server = Server::new(ServerConfig { packed: true, ..ServerConfig::default() });
        server.feed(OPEN.as_bytes(), |_| {}).expect("open");
        assert!(output(&mut server).ends_with("commands=syslog\n"), "it was not asked for");
        server
    }] {
        assert!(texts(&mut server, &frame).is_empty());
        assert_eq!(output(&mut server), "2 rsp 19 500 unknown command\n");
    }
}

#[test]
fn a_damaged_compressed_frame_is_said_and_harms_no_other() {
    let mut server = packing();
    let mut bad = Vec::new();
    write_frame(&mut bad, 3, &Command::Packed, b"\0\0\0\x01\0\0\0\x05hello");
    let input = [&zsyslog(2, &["a"])[..], &bad, &zsyslog(4, &["b"])].concat();
    assert_eq!(texts(&mut server, &input), ["a", "b"]);
    assert_eq!((server.take_damage(), server.take_damage()), (Some(Damage::Content), None));
    assert_eq!((server.ack(2), server.state()), (2, State::Open));
    let said = "3 rsp 49 500 a compressed frame does not hold what it says\n";
    assert_eq!(output(&mut server), format!("2 rsp 6 200 OK\n{said}4 rsp 6 200 OK\n"));
}

#[test]
fn a_message_of_a_compressed_frame_is_cut_like_any_other() {
    let mut server = packing();
    let mut seen = Vec::new();
    let frame = zsyslog(2, &[&"x".repeat(25), "y"]);
    server.feed(&frame, |message| seen.push((message.data.len(), message.original_len))).expect("a frame");
    assert_eq!(seen, [(20, Some(25)), (1, None)]);
}

#[test]
fn what_comes_out_of_a_small_input_comes_in_parts() {
    let mut server = packing();
    let half = vec![0; PART_BYTES / 2];
    let frame = |txnr| {
        let mut out = Vec::new();
        write_frame(&mut out, txnr, &Command::Packed, &packed_of(std::slice::from_ref(&half)));
        out
    };
    let input: Vec<u8> = (2..7).flat_map(frame).collect();
    assert!(input.len() < 1000);
    let (mut rest, mut parts) = (input.as_slice(), Vec::new());
    while !rest.is_empty() {
        let mut messages = 0;
        let used = server.feed_part(rest, |_| messages += 1).expect("frames");
        parts.push(messages);
        rest = &rest[used..];
    }
    assert_eq!(parts, [2, 2, 1]);
    assert_eq!(server.buffered(), 0);
}

/// What a client may send.
#[derive(Clone, Debug)]
enum Sent {
    Message,
    Packed(Vec<Vec<u8>>),
    Damaged(Vec<u8>),
    Unknown,
}

fn sent() -> impl Strategy<Value = Sent> {
    let message = || prop::collection::vec(any::<u8>(), 1..30);
    prop_oneof![
        Just(Sent::Message),
        prop::collection::vec(message(), 1..6).prop_map(Sent::Packed),
        message().prop_map(Sent::Damaged),
        Just(Sent::Unknown),
    ]
}

proptest! {
    /// The model: a row of answers, each with how many messages it waits for.
    #[test]
    fn answers_keep_the_order_with_compressed_frames_too(
        sent in prop::collection::vec(sent(), 1..25), acks in prop::collection::vec(0usize..7, 0..60), size in 1usize..60,
    ) {
        let (mut input, mut model, mut messages) = (Vec::new(), VecDeque::new(), Vec::new());
        for (txnr, sent) in (2..).zip(&sent) {
            let answer = |text: &str| {
                let mut out = Vec::new();
                write_frame(&mut out, txnr, &Command::Rsp, text.as_bytes());
                out
            };
            match sent {
                Sent::Message => {
                    write_frame(&mut input, txnr, &Command::Syslog, b"x");
                    messages.push(b"x".to_vec());
                    model.push_back((1, answer("200 OK")));
                }
                Sent::Packed(packed) => {
                    write_frame(&mut input, txnr, &Command::Packed, &packed_of(packed));
                    messages.extend(packed.iter().map(|message| message[..message.len().min(20)].to_vec()));
                    model.push_back((packed.len(), answer("200 OK")));
                }
                Sent::Damaged(data) => {
                    write_frame(&mut input, txnr, &Command::Packed, data);
                    let damage = unpack(data).expect_err("it is no frame of zstd");
                    model.push_back((0, answer(&format!("500 {damage}"))));
                }
                Sent::Unknown => {
                    write_frame(&mut input, txnr, &Command::from_letters(b"hello").expect("letters"), b"x");
                    model.push_back((0, answer("500 unknown command")));
                }
            }
        }
        let mut server = packing();
        let (mut seen, mut acks) = (Vec::new(), acks.into_iter());
        for read in input.chunks(size) {
            server.feed(read, |message| seen.push(message.data.to_vec())).expect("frames");
            server.ack(acks.next().unwrap_or(0));
        }
        prop_assert_eq!(&seen, &messages);
        let mut acknowledged = messages.len() - server.outstanding();
        // What is answered now, and what is in the end.
        for last in [false, true] {
            if last {
                acknowledged += server.ack(usize::MAX);
            }
            let (mut left, mut expect) = (acknowledged, Vec::new());
            for (waits_for, answer) in &model {
                if *waits_for > left {
                    break;
                }
                left -= waits_for;
                expect.extend_from_slice(answer);
            }
            prop_assert_eq!(server.output(), expect);
        }
        prop_assert_eq!(acknowledged, messages.len());
    }
}
