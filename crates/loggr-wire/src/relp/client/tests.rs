//! The client's side of RELP.

use super::*;
use crate::relp::{ErrorKind, Server, ServerConfig};
use proptest::prelude::*;

fn client(window_frames: usize) -> Client {
    Client::new(ClientConfig {
        window_frames,
        max_data_bytes: 20,
        software: "me,1".to_owned(),
        packed: false,
    })
}

fn opened(window: usize) -> Client {
    let mut client = client(window);
    client.open();
    client.feed(b"1 rsp 22 200 OK\ncommands=syslog\n", |_| panic!("an answer")).expect("an answer to open");
    assert_eq!(client.state(), ClientState::Ready);
    output(&mut client);
    client
}

fn output(client: &mut Client) -> String {
    let mut out = Vec::new();
    client.take_output(&mut out);
    String::from_utf8(out).expect("text")
}

#[track_caller]
fn check_open(answer: &str, state: ClientState, error: Option<ErrorKind>) {
    let mut client = client(1);
    client.open();
    assert_eq!(client.feed(answer.as_bytes(), |_| {}).err().map(|error| error.kind()), error);
    assert_eq!(client.state(), state);
}

/// A session with messages 2, 3 and 4 unanswered: the answers told, and what is unanswered after them.
#[track_caller]
fn check(input: &str, answers: &[(u32, u16, &str)], left: &[u32], error: Option<ErrorKind>) {
    for size in 1..=input.len() {
        let mut client = opened(3);
        for data in [b"a", b"b", b"c"] {
            client.send(data).expect("room");
        }
        let mut told = Vec::new();
        let mut end = None;
        for read in input.as_bytes().chunks(size) {
            let tell = |a: Answer<'_>| {
                assert_eq!(a.is_ok(), a.code == 200);
                told.push((a.txnr, a.code, String::from_utf8_lossy(a.text).into_owned()));
            };
            end = client.feed(read, tell).err().map(|error| error.kind());
            if end.is_some() {
                break;
            }
        }
        let told: Vec<_> = told.iter().map(|(txnr, code, text)| (*txnr, *code, text.as_str())).collect();
        assert_eq!((told.as_slice(), end), (answers, error));
        assert_eq!(client.unanswered_txnrs().collect::<Vec<_>>(), left);
        assert_eq!(client.unanswered(), left.len());
    }
}

#[test]
fn open_offers_version_zero() {
    let mut client = client(1);
    client.open();
    client.open();
    assert_eq!(output(&mut client), "1 open 49 relp_version=0\nrelp_software=me,1\ncommands=syslog\n");
    assert_eq!(client.state(), ClientState::Opening);
}

#[test]
fn answers_to_open_come_in_two_forms() {
    check_open("1 rsp 22 200 OK\ncommands=syslog\n", ClientState::Ready, None);
    check_open("1 rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n", ClientState::Ready, None);
    check_open("1 rsp 37 200 OK relp_version=0\ncommands=syslog\n", ClientState::Ready, None);
    check_open("1 rsp 19 200 commands=syslog\n", ClientState::Ready, None);
    check_open("1 rsp 6 200 OK\n", ClientState::Dead, Some(ErrorKind::Refused));
    check_open(
        "1 rsp 37 200 OK\nrelp_version=1\ncommands=syslog\n",
        ClientState::Dead,
        Some(ErrorKind::Refused),
    );
    check_open("1 rsp 6 500 no\n", ClientState::Dead, Some(ErrorKind::Refused));
    check_open("1 rsp 0\n", ClientState::Dead, Some(ErrorKind::Order));
    check_open("2 rsp 6 200 OK\n", ClientState::Dead, Some(ErrorKind::Order));
    check_open("0 serverclose 0\n", ClientState::Closed, None);
    check_open("HTTP/1.1 400\r\n", ClientState::Dead, Some(ErrorKind::Frame));
}

#[test]
fn answers_are_matched_by_txnr() {
    check("2 rsp 6 200 OK\n", &[(2, 200, "OK")], &[3, 4], None);
    check("3 rsp 6 200 OK\n", &[(3, 200, "OK")], &[2, 4], None);
    check(
        "4 rsp 4 200 \n2 rsp 4 200 \n3 rsp 4 200 \n",
        &[(4, 200, ""), (2, 200, ""), (3, 200, "")],
        &[],
        None,
    );
    check("2 rsp 8 500 full\n", &[(2, 500, "full")], &[3, 4], None);
    check("2 rsp 11 200 OK\nmore\n", &[(2, 200, "OK")], &[3, 4], None);
    let long = "x".repeat(100);
    check(&format!("2 rsp 104 200 {long}\n"), &[(2, 200, &long[..80])], &[3, 4], None);
}

#[test]
fn an_answer_that_nobody_waits_for_ends_the_session() {
    check("5 rsp 6 200 OK\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
    check("1 rsp 6 200 OK\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
    check("2 rsp 6 200 OK\n2 rsp 6 200 OK\n", &[(2, 200, "OK")], &[3, 4], Some(ErrorKind::Order));
    check("3 rsp 6 200 OK\n3 rsp 6 200 OK\n", &[(3, 200, "OK")], &[2, 4], Some(ErrorKind::Order));
    check("2 syslog 1 a\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
}

#[test]
fn an_answer_without_a_code_leaves_its_message_unanswered() {
    check("2 rsp 0\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
    check("2 rsp 3 200\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
    check("2 rsp 6 20 OK!\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
    check("2 rsp 7 2000 OK\n", &[], &[2, 3, 4], Some(ErrorKind::Order));
}

#[test]
fn hints_are_taken_as_hints() {
    check("0 hello 1 a\n2 rsp 6 200 OK\n", &[(2, 200, "OK")], &[3, 4], None);
    check("0 serverclose 0\n2 rsp 6 200 OK\n", &[(2, 200, "OK")], &[3, 4], None);
}

#[test]
fn messages_go_out_within_the_window() {
    let mut client = client(2);
    assert_eq!(client.send(b"a"), Err(SendError::NotReady { state: ClientState::New }));
    let mut client = opened(2);
    assert_eq!((client.room(), client.send(b"a"), client.send(b"")), (2, Ok(2), Ok(3)));
    assert_eq!((client.can_send(), client.send(b"c")), (false, Err(SendError::WindowFull { frames: 2 })));
    assert_eq!(client.send(&[0; 21]), Err(SendError::TooLong { len: 21, limit: 20 }));
    assert_eq!(output(&mut client), "2 syslog 1 a\n3 syslog 0\n");
    client.feed(b"2 rsp 6 200 OK\n", |_| {}).expect("an answer");
    assert_eq!((client.room(), client.send(b"c")), (1, Ok(4)));
}

#[test]
fn the_last_txnr_is_for_close() {
    let mut client = opened(9);
    assert!(!client.needs_reconnect());
    client.session.next = MAX_TXNR - 1;
    assert!(client.needs_reconnect());
    assert_eq!((client.room(), client.send(b"a"), client.room()), (1, Ok(999_999_998), 0));
    assert_eq!(client.send(b"a"), Err(SendError::OutOfTxnrs));
    client.close();
    assert_eq!(output(&mut client), "999999998 syslog 1 a\n999999999 close 0\n");
}

#[track_caller]
fn check_close(answer: &str, unanswered: usize) {
    let mut client = opened(2);
    client.send(b"a").expect("room");
    client.close();
    client.close();
    assert_eq!(output(&mut client), "2 syslog 1 a\n3 close 0\n");
    assert_eq!((client.state(), client.can_send()), (ClientState::Closing, false));
    client.feed(answer.as_bytes(), |_| {}).expect("answers");
    assert_eq!((client.state(), client.unanswered()), (ClientState::Closed, unanswered));
}

#[test]
fn close_takes_an_empty_answer_or_200() {
    check_close("2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n", 0);
    check_close("2 rsp 6 200 OK\n3 rsp 6 200 OK\n", 0);
    check_close("3 rsp 0\n2 rsp 6 200 OK\n", 0);
    check_close("3 rsp 0\n", 1);
    check_close("0 serverclose 0\n", 1);
}

#[test]
fn a_session_can_be_closed_early() {
    let mut fresh = client(1);
    fresh.close();
    assert_eq!((fresh.state(), output(&mut fresh).as_str()), (ClientState::Closed, ""));
    let mut client = client(1);
    client.open();
    client.close();
    assert!(output(&mut client).ends_with("2 close 0\n"));
    client.feed(b"1 rsp 22 200 OK\ncommands=syslog\n2 rsp 0\n", |_| {}).expect("answers");
    assert_eq!(client.state(), ClientState::Closed);
}

#[test]
fn a_dead_session_stays_dead() {
    let mut client = opened(1);
    client.send(b"a").expect("room");
    assert!(client.feed(b"x", |_| {}).is_err());
    assert_eq!((client.state(), client.unanswered()), (ClientState::Dead, 1));
    assert!(client.feed(b"2 rsp 6 200 OK\n", |_| panic!("an answer")).is_err());
    assert_eq!(client.send(b"b"), Err(SendError::NotReady { state: ClientState::Dead }));
    client.close();
    assert_eq!(client.state(), ClientState::Dead);
}

proptest! {
    /// The two ends against each other: whatever the cuts and the moments of acknowledgement, the
    /// server gets what was sent, in order, and the client hears of each message once.
    #[test]
    fn the_two_ends_understand_each_other(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..40),
        window in 1usize..8, sizes in prop::collection::vec(1usize..50, 1..10), acks in prop::collection::vec(1usize..5, 1..10),
    ) {
        let mut client = client(window);
        let mut server = Server::new(ServerConfig::default());
        let (mut stored, mut answered) = (Vec::new(), Vec::new());
        let (mut next, mut turns) = (messages.iter(), sizes.iter().cycle().zip(acks.iter().cycle()));
        client.open();
        while client.state() != ClientState::Closed {
            let (size, acks) = turns.next().expect("endless");
            while client.can_send() {
                match next.next() {
                    Some(message) => prop_assert!(client.send(message).is_ok()),
                    None => client.close(),
                }
            }
            prop_assert!(client.unanswered() <= window);
            let part = client.output().get(..*size).unwrap_or(client.output()).to_vec();
            client.consume_output(part.len());
            server.feed(&part, |message| stored.push(message.data.to_vec())).expect("frames");
            server.ack(*acks);
            let part = server.output().get(..*size).unwrap_or(server.output()).to_vec();
            server.consume_output(part.len());
            client.feed(&part, |answer| answered.push((answer.txnr, answer.code))).expect("answers");
        }
        prop_assert_eq!(&stored, &messages);
        prop_assert_eq!(answered, (2..).zip(&messages).map(|(txnr, _)| (txnr, 200)).collect::<Vec<_>>());
        prop_assert_eq!(client.unanswered() + server.outstanding(), 0);
    }

    #[test]
    fn any_bytes_do_no_harm(reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5)) {
        let mut client = opened(3);
        client.send(b"a").expect("room");
        for read in reads {
            let result = client.feed(&read, |_| {});
            prop_assert_eq!(result.is_err(), client.state() == ClientState::Dead);
        }
    }
}

#[test]
fn compressed_frames_go_only_where_both_ends_have_offered_them() {
    let check = |asks: bool, answer: &str, offers: &str, takes: bool| {
        let mut client = Client::new(ClientConfig { packed: asks, ..ClientConfig::default() });
        client.open();
        let said = String::from_utf8_lossy(client.output()).into_owned();
        assert!(said.ends_with(&format!("commands={offers}\n")), "{said}");
        client.feed(format!("1 rsp {} {answer}\n", answer.len()).as_bytes(), |_| {}).expect("an answer");
        assert_eq!(client.takes_packed(), takes, "{answer}");
    };
    check(true, "200 OK\ncommands=syslog,zsyslog", "syslog,zsyslog", true);
    check(true, "200 OK\ncommands=syslog", "syslog,zsyslog", false);
    check(false, "200 OK\ncommands=syslog,zsyslog", "syslog", false);
}

#[test]
fn a_compressed_frame_has_one_answer() {
    let mut client = Client::new(ClientConfig { packed: true, ..ClientConfig::default() });
    client.open();
    let answer = "200 OK\ncommands=syslog,zsyslog";
    client.feed(format!("1 rsp {} {answer}\n", answer.len()).as_bytes(), |_| {}).expect("an answer");
    client.consume_output(client.output().len());
    assert_eq!((client.send_packed(b"abc"), client.send(b"d")), (Ok(2), Ok(3)));
    assert_eq!(client.output(), b"2 zsyslog 3 abc\n3 syslog 1 d\n");
    let long = vec![0; crate::relp::MAX_PACKED_BYTES + 1];
    assert!(matches!(client.send_packed(&long), Err(SendError::TooLong { .. })));
    let mut answers = Vec::new();
    let input = b"2 rsp 9 500 whole\n3 rsp 6 200 OK\n";
    client.feed(input, |answer| answers.push((answer.txnr, answer.code))).expect("answers");
    assert_eq!(answers, [(2, 500), (3, 200)]);
}
