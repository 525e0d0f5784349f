//! The sink against receivers of the test, which do what no real one can be asked for: they refuse, fall
//! silent and vanish in the middle. Real ones are in the integration tests.

mod pace;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loggr_event::DumpFormat;
use loggr_flow::contract::{self, MemoryRescue};
use loggr_flow::{Ack, Delivery, Quiet, Stop, Stopper, channel_source, pump};
use loggr_net::Address;
use loggr_wire::framing::{Framer, MAX_FRAME_BYTES, Mode};
use loggr_wire::relp::{Command, Reader, Server, ServerConfig, write_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::stats::Compression;
use super::*;
use crate::config::ship::{Balance, Carrier, Framing};

/// What a receiver does with a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Answer(u16, &'static str),
    /// It ends the connection, and says nothing to this line.
    Vanish,
    /// It does nothing from now on.
    Sleep,
    /// It says this or that from now on, and answers nothing.
    Chatter,
}

/// The lines that a receiver has got.
#[derive(Clone, Debug, Default)]
struct Got(Arc<Mutex<Vec<String>>>);

impl Got {
    fn add(&self, line: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
    }

    fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A receiver that speaks RELP; `does` is told how many lines came before, and the line.
async fn relp(does: impl Fn(usize, &str) -> Does + Send + Sync + 'static) -> (SocketAddr, Got) {
    relp_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), does)
}

fn relp_at(
    listener: TcpListener,
    does: impl Fn(usize, &str) -> Does + Send + Sync + 'static,
) -> (SocketAddr, Got) {
    let (address, got) = (listener.local_addr().unwrap(), Got::default());
    let (kept, does) = (got.clone(), Arc::new(does));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (kept, does) = (kept.clone(), does.clone());
            tokio::spawn(async move {
                let (mut reader, mut buffer) = (Reader::new(1 << 20), vec![0; 4096]);
                loop {
                    let n = stream.read(&mut buffer).await.unwrap_or(0);
                    if n == 0 {
                        return;
                    }
                    let (mut out, mut ends, mut sleeps, mut chatters) = (Vec::new(), false, false, false);
                    let mut say =
                        |txnr, text: &str| write_frame(&mut out, txnr, &Command::Rsp, text.as_bytes());
                    let fed = reader.feed(&buffer[..n], |frame| {
                        match frame.command {
                            _ if ends || sleeps || chatters => {}
                            Command::Open => say(frame.txnr, "200 OK\nrelp_version=0\ncommands=syslog"),
                            Command::Syslog => {
                                let text = String::from_utf8_lossy(frame.data);
                                let before = kept.texts().len();
                                match does(before, &text) {
                                    Does::Answer(code, words) => {
                                        kept.add(frame.data);
                                        say(frame.txnr, &format!("{code} {words}"));
                                    }
                                    Does::Vanish => ends = true,
                                    Does::Sleep => sleeps = true,
                                    Does::Chatter => chatters = true,
                                }
                            }
                            _ => say(frame.txnr, ""),
                        }
                        Ok(())
                    });
                    fed.unwrap();
                    if stream.write_all(&out).await.is_err() || ends {
                        return;
                    }
                    let mut often = tokio::time::interval(Duration::from_millis(20));
                    while chatters && stream.write_all(b"0 hello 0\n").await.is_ok() {
                        often.tick().await;
                    }
                    if sleeps {
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    (address, got)
}

/// A receiver of framed lines that closes each connection after so many.
async fn tcp(mode: Mode, lines: usize) -> (SocketAddr, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap(), Got::default());
    let kept = got.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut framer, mut buffer, mut seen) = (Framer::new(mode, MAX_FRAME_BYTES), vec![0; 4096], 0);
            while seen < lines {
                let n = stream.read(&mut buffer).await.unwrap_or(0);
                if n == 0 {
                    break;
                }
                framer.feed(&buffer[..n], |frame| {
                    kept.add(frame.bytes);
                    seen += 1;
                });
            }
        }
    });
    (address, got)
}

/// An address on which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn ship(carrier: Carrier, targets: &[SocketAddr]) -> SyslogShip {
    SyslogShip {
        carrier,
        targets: targets.iter().map(|at| Address::parse(&at.to_string()).unwrap()).collect(),
        balance: Balance::Failover,
        format: DumpFormat::Message,
        framing: Framing::OctetCounting,
        window: 100,
        bandwidth: None,
        timeout: Duration::from_secs(20),
        return_after: Duration::from_secs(600),
        compress: false,
        tls: None,
    }
}

fn sink(ship: &SyslogShip) -> SyslogSink {
    SyslogSink::new("siem", ship, None, Arc::new(ForwardStats::new(ship)), Stop::never())
}

fn to(carrier: Carrier, targets: &[SocketAddr]) -> SyslogSink {
    sink(&ship(carrier, targets))
}

/// Waits until a receiver has so many lines.
async fn has(got: &Got, count: usize) -> Vec<String> {
    while got.texts().len() < count {
        tokio::task::yield_now().await;
    }
    got.texts()
}

const OK: Does = Does::Answer(200, "OK");

#[tokio::test]
async fn over_relp_the_sink_keeps_the_contract() {
    let (address, got) = relp(|_, _| OK).await;
    contract::sink(to(Carrier::Relp, &[address]), |_| got.texts()).await;
}

/// Of what is acknowledged by the system alone the contract can only ask a little later.
#[tokio::test]
async fn over_tcp_every_line_arrives() {
    for (mode, framing) in [(Mode::OctetCounting, Framing::OctetCounting), (Mode::Lf, Framing::Lf)] {
        let (address, got) = tcp(mode, usize::MAX).await;
        let mut sink = sink(&SyslogShip { framing, ..ship(Carrier::Tcp, &[address]) });
        sink.store(&contract::lines(&["a", "b"])).await.map(drop).unwrap();
        sink.store(&contract::lines(&["c"])).await.map(drop).unwrap();
        assert_eq!(has(&got, 3).await, ["a", "b", "c"]);
        assert_eq!(sink.stats.unacknowledged.get(), 3);
    }
}

#[tokio::test]
async fn over_udp_every_line_is_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut sink = to(Carrier::Udp, &[socket.local_addr().unwrap()]);
    let long = "x".repeat(70_000);
    sink.store(&contract::lines(&["a", &long, "c"])).await.map(drop).unwrap();
    let (mut buffer, mut lengths) = (vec![0; 1 << 16], Vec::new());
    for _ in 0..3 {
        lengths.push(socket.recv(&mut buffer).await.unwrap());
    }
    assert_eq!(lengths, [1, 65_507, 1]);
    assert_eq!((sink.stats.cut.get(), sink.stats.unacknowledged.get()), (1, 3));
}

#[tokio::test]
async fn over_udp_events_wait_while_nobody_listens() {
    let mut sink = to(Carrier::Udp, &[nobody().await]);
    let error = sink.store(&contract::lines(&["a", "b"])).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)) && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn what_a_target_refuses_goes_to_the_rescue_and_the_rest_is_sent_once() {
    let refuses = |_: usize, text: &str| match text {
        "bad" => Does::Answer(500, "no room\u{1b}[2J"),
        "worse" => Does::Answer(500, "too long"),
        _ => OK,
    };
    let (address, got) = relp(refuses).await;
    let sink = to(Carrier::Relp, &[address]);
    let (stats, rescue) = (sink.stats.clone(), MemoryRescue::default());
    let (tx, source) = channel_source(1);
    tx.send(Delivery::new(contract::lines(&["a", "bad", "b", "worse", "bad"]), Ack::unreliable(|| ())))
        .await
        .unwrap();
    drop(tx);
    pump(source, sink, rescue.clone(), Stop::never(), Quiet).await.unwrap();
    assert_eq!(got.texts(), ["a", "bad", "b", "worse", "bad"], "each was sent once");
    let mut rescued = rescue.texts();
    rescued.sort();
    assert_eq!(rescued, ["bad", "bad", "worse"]);
    assert_eq!((stats.refused.get(), stats.resent.get()), (3, 0));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_target() {
    let (address, _got) = relp(|_, _| Does::Answer(500, "no room\u{1b}[2J")).await;
    let error = to(Carrier::Relp, &[address]).store(&contract::lines(&["a"])).await.map(drop).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("`{address}` has refused it: 500 no room")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn what_one_target_has_answered_does_not_go_to_the_next() {
    // It answers two, and vanishes with the third, however often it is asked.
    let (first, had) = relp(|before, _| if before < 2 { OK } else { Does::Vanish }).await;
    let (second, got) = relp(|_, _| OK).await;
    let mut sink = to(Carrier::Relp, &[first, second]);
    sink.store(&contract::lines(&["a", "b", "c", "d"])).await.map(drop).unwrap();
    assert_eq!((had.texts(), got.texts()), (vec!["a".into(), "b".into()], vec!["c".into(), "d".into()]));
    assert!(sink.stats.resent.get() >= 2);
    assert_eq!(sink.stats.current().map(|of| of.address.clone()), Some(second.to_string()));
    let trouble = sink.stats.targets[0].trouble().unwrap();
    assert!(trouble.contains(&first.to_string()), "{trouble}");
    // The next batch does not ask it again.
    sink.store(&contract::lines(&["e"])).await.map(drop).unwrap();
    assert_eq!(got.texts(), ["c", "d", "e"]);
}

#[tokio::test]
async fn what_was_answered_before_all_have_vanished_is_not_sent_again() {
    let (address, got) = relp(|before, text| match (before, text) {
        (0 | 3.., _) => OK,
        _ => Does::Vanish,
    })
    .await;
    let mut sink = to(Carrier::Relp, &[address]);
    let batch = contract::lines(&["a", "b"]);
    let error = sink.store(&batch).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    // The receiver is in order again.
    got.add(b"-");
    got.add(b"-");
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!(got.texts(), ["a", "-", "-", "b"]);
}

#[tokio::test]
async fn a_line_on_which_the_target_closes_is_refused_and_the_others_pass_once() {
    let (address, got) = relp(|_, text| if text == "bad" { Does::Vanish } else { OK }).await;
    let mut sink = to(Carrier::Relp, &[address]);
    let mut texts: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    texts.insert(200, "bad".to_owned());
    let batch = contract::lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut tries = 0;
    let (events, why) = loop {
        match sink.store(&batch).await.map(drop) {
            Err(StoreError::Transient(_)) => tries += 1,
            Err(StoreError::Refused { events, cause }) => break (events, cause.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert!((0..301).all(|at| events[at] == (at == 200)), "the one alone");
    let expect = format!(
        "`{address}` has closed the connection 3 times when it got this line alone, and has said nothing"
    );
    assert_eq!(why, expect);
    assert!(tries < 10, "{tries}");
    let found = got.texts();
    let mut each = found.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!((found.len(), each.len()), (300, 300), "each of the others was taken once");
    assert_eq!(sink.stats.refused.get(), 1);
}

#[tokio::test]
async fn a_target_that_closes_on_everything_is_at_fault_and_no_line() {
    let (address, _got) = relp(|_, _| Does::Vanish).await;
    let mut sink = to(Carrier::Relp, &[address]);
    let batch = contract::lines(&["a", "b", "c"]);
    let mut said = String::new();
    for _ in 0..100 {
        match sink.store(&batch).await.map(drop) {
            Err(error @ StoreError::Transient(_)) => said = error.to_string(),
            other => panic!("{other:?}"),
        }
    }
    assert!(said.contains("no event is to blame"), "{said}");
    assert_eq!(sink.stats.refused.get(), 0);
}

/// Two events on which the target closes, each of them alone in its batch, and no other one.
#[tokio::test]
async fn lines_alone_on_which_the_target_closes_go_to_the_rescue_one_after_the_other() {
    let (address, got) = relp(|_, text| if text.starts_with("bad") { Does::Vanish } else { OK }).await;
    let mut sink = to(Carrier::Relp, &[address]);
    for (at, text) in ["bad", "bad too", "bad as well"].into_iter().enumerate() {
        let (batch, mut tries) = (contract::lines(&[text]), 0);
        while let Err(StoreError::Transient(_)) = sink.store(&batch).await.map(drop) {
            tries += 1;
            assert!(tries < 20, "it waits for ever");
        }
        assert_eq!(sink.stats.refused.get(), at as u64 + 1);
    }
    let asked = got.texts();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|line| line.contains("asks whether it takes others")), "{asked:?}");
}

/// A receiver like another loggr, which stores what it gets and answers once for each frame.
async fn another(damages: bool) -> (SocketAddr, Got, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got, read) = (listener.local_addr().unwrap(), Got::default(), Arc::new(Mutex::new(0)));
    let (kept, bytes) = (got.clone(), read.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let config = ServerConfig { packed: true, ..ServerConfig::default() };
            let (mut server, mut buffer) = (Server::new(config), vec![0; 1 << 16]);
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                *bytes.lock().unwrap() += n;
                // As if the network had changed a byte of the compressed content.
                if damages && let Some(at) = buffer[..n].windows(9).position(|word| word == b" zsyslog ") {
                    buffer[at + 30] ^= 1;
                }
                server.feed(&buffer[..n], |message| kept.add(message.data)).unwrap();
                server.ack(usize::MAX);
                let mut out = Vec::new();
                server.take_output(&mut out);
                if stream.write_all(&out).await.is_err() {
                    break;
                }
            }
        }
    });
    (address, got, read)
}

/// Sends many lines that are much alike, twice; what arrived, and how many bytes that were.
async fn compressing(address: SocketAddr) -> SyslogSink {
    let mut sink = sink(&SyslogShip { compress: true, ..ship(Carrier::Relp, &[address]) });
    for round in 0..2 {
        let texts: Vec<String> =
            (0..1000).map(|n| format!("round {round}: the same words again and again {n}")).collect();
        let batch = contract::lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        sink.store(&batch).await.map(drop).unwrap();
    }
    sink
}

/// Each of the lines once, in their order.
fn assert_all(got: &Got) {
    let expect = (0..2).flat_map(|round| {
        (0..1000).map(move |n| format!("round {round}: the same words again and again {n}"))
    });
    assert_eq!(got.texts(), expect.collect::<Vec<_>>());
}

#[tokio::test]
async fn to_another_loggr_lines_go_compressed() {
    let (address, got, read) = another(false).await;
    let sink = compressing(address).await;
    assert_all(&got);
    let target = &sink.stats.targets[0];
    assert_eq!(target.now().compression, Some(Compression::Zstd));
    let (sent, plain) = (target.sent_bytes.get(), target.plain_bytes.get());
    assert!(sent * 5 < plain && *read.lock().unwrap() < 2 * sent as usize, "{sent} of {plain}");
    assert_eq!(target.sent.get(), 2000);
}

#[tokio::test]
async fn who_does_not_offer_it_gets_lines_as_they_are() {
    let (address, got) = relp(|_, _| OK).await;
    let sink = compressing(address).await;
    assert_all(&got);
    let target = &sink.stats.targets[0];
    assert_eq!(target.now().compression, Some(Compression::NotOffered));
    assert_eq!(target.sent_bytes.get(), target.plain_bytes.get());
}

#[tokio::test]
async fn compressed_lines_that_cannot_be_read_go_once_more_as_they_are() {
    let (address, got, _) = another(true).await;
    let sink = compressing(address).await;
    assert_all(&got);
    assert_eq!(sink.stats.targets[0].now().compression, Some(Compression::Refused));
    assert_eq!((sink.stats.refused.get(), sink.stats.resent.get()), (0, 1000));
}

#[tokio::test]
async fn a_target_that_falls_silent_is_left_and_so_is_one_that_only_chatters() {
    for does in [Does::Sleep, Does::Chatter] {
        let (first, _) = relp(move |_, _| does).await;
        let (second, got) = relp(|_, _| OK).await;
        let patience = Duration::from_millis(100);
        let mut sink = sink(&SyslogShip { timeout: patience, ..ship(Carrier::Relp, &[first, second]) });
        sink.store(&contract::lines(&["a"])).await.map(drop).unwrap();
        assert_eq!(got.texts(), ["a"]);
        let trouble = sink.stats.targets[0].trouble().unwrap();
        assert!(trouble.contains("has answered nothing for 0.1 s"), "{trouble}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_trouble_that_passes() {
    let (one, other) = (nobody().await, nobody().await);
    let error = to(Carrier::Relp, &[one]).store(&contract::lines(&["a"])).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)));
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot connect to `{one}`: Connection refused")), "{text}");
    assert!(text.ends_with("does the receiver run, and does it listen on this port?"), "{text}");
    let error = to(Carrier::Tcp, &[one, other]).store(&contract::lines(&["a"])).await.map(drop).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no target takes events: ") && text.contains(&other.to_string()), "{text}");
}

#[tokio::test]
async fn a_connection_that_ended_while_it_rested_costs_nothing() {
    let (address, got) = tcp(Mode::OctetCounting, 1).await;
    let mut sink = to(Carrier::Tcp, &[address]);
    for text in ["a", "b", "c"] {
        sink.store(&contract::lines(&[text])).await.map(drop).unwrap();
        has(&got, 1).await;
    }
    let found = has(&got, 3).await;
    let mut each = found.clone();
    each.dedup();
    assert_eq!(each, ["a", "b", "c"], "none is missing: {found:?}");
    assert!(sink.stats.reconnects.get() >= 1);
}

#[tokio::test]
async fn each_target_has_its_turn() {
    let (one, at_one) = relp(|_, _| OK).await;
    let (other, at_other) = relp(|_, _| OK).await;
    let mut sink = sink(&SyslogShip { balance: Balance::RoundRobin, ..ship(Carrier::Relp, &[one, other]) });
    for text in ["a", "b", "c", "d"] {
        sink.store(&contract::lines(&[text])).await.map(drop).unwrap();
    }
    assert_eq!(
        (at_one.texts(), at_other.texts()),
        (vec!["a".into(), "c".into()], vec!["b".into(), "d".into()])
    );
}

#[tokio::test]
async fn a_target_that_is_back_gets_events_again() {
    let address = nobody().await;
    let (second, got) = relp(|_, _| OK).await;
    let soon = Duration::from_millis(1);
    let mut sink = sink(&SyslogShip { return_after: soon, ..ship(Carrier::Tcp, &[address, second]) });
    // The second speaks RELP, but what it gets is seen by nobody.
    sink.store(&contract::lines(&["a"])).await.map(drop).unwrap();
    assert!(sink.stats.targets[0].trouble().is_some() && got.texts().is_empty());
    let listener = TcpListener::bind(address).await.unwrap();
    let mut sent = 0;
    while sink.stats.targets[0].trouble().is_some() {
        sink.store(&contract::lines(&["b"])).await.map(drop).unwrap();
        sent += 1;
        assert!(sent < 10_000, "it is never tried again");
        tokio::task::yield_now().await;
    }
    let (mut stream, _) = listener.accept().await.unwrap();
    sink.store(&contract::lines(&["back"])).await.map(drop).unwrap();
    // The event with which it was tried again may stand before it.
    let mut said = Vec::new();
    while !said.ends_with(b"4 back") {
        assert_ne!(stream.read_buf(&mut said).await.unwrap(), 0, "{said:?}");
    }
    assert!(b"1 b4 back".ends_with(&said), "{said:?}");
}

#[tokio::test]
async fn a_target_that_is_back_is_told_so_without_an_event() {
    let address = nobody().await;
    let (second, got) = relp(|_, _| OK).await;
    let soon = Duration::from_millis(1);
    let mut sink = sink(&SyslogShip { return_after: soon, ..ship(Carrier::Relp, &[address, second]) });
    sink.store(&contract::lines(&["a"])).await.map(drop).unwrap();
    assert_eq!(sink.stats.targets[0].now().state.keyword(), "failing");
    let (stopper, stop) = Stopper::new();
    let watching = tokio::spawn(sink.clone().watch(stop));
    let (back, had) = relp_at(TcpListener::bind(address).await.unwrap(), |_, _| OK);
    assert_eq!(back, address);
    while sink.stats.targets[0].trouble().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.stats.targets[0].now().state.keyword(), "waiting");
    sink.store(&contract::lines(&["b"])).await.map(drop).unwrap();
    assert_eq!((had.texts(), got.texts()), (vec!["b".to_owned()], vec!["a".to_owned()]));
    stopper.drain();
    watching.await.unwrap();
}

#[tokio::test]
async fn one_who_gives_up_takes_the_connection_along() {
    let (address, got) = relp(|before, _| if before == 0 { OK } else { Does::Sleep }).await;
    let mut sink = to(Carrier::Relp, &[address]);
    sink.store(&contract::lines(&["a"])).await.map(drop).unwrap();
    let mut other = sink.clone();
    let given_up =
        tokio::time::timeout(Duration::from_millis(50), other.store(&contract::lines(&["b"]))).await;
    assert!(given_up.is_err());
    // A fresh session, in which no answer to `b` can be taken for that to `c`.
    got.0.lock().unwrap().clear();
    sink.store(&contract::lines(&["c"])).await.map(drop).unwrap();
    assert_eq!(got.texts(), ["c"]);
}
