//! A limit of bandwidth: waiting for it is no fault of a target, whatever its time limit, and a process that
//! stops waits no longer.

use loggr_flow::Stopper;

use super::*;

/// Bytes of a line that needs two seconds at the limit of these tests.
const LONG: usize = 2 * RATE;
const RATE: usize = 2048;
/// Shorter than that.
const PATIENCE: Duration = Duration::from_secs(1);

fn limited(carrier: Carrier, address: SocketAddr) -> SyslogShip {
    let bandwidth = Some(RATE as u64);
    SyslogShip { bandwidth, timeout: PATIENCE, ..ship(carrier, &[address]) }
}

/// Sends a line that uses up all bandwidth for longer than targets may do nothing, and another one.
#[track_caller]
fn waits(ship: SyslogShip) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let mut sink = sink(&ship);
        let long = "x".repeat(LONG);
        sink.store(&contract::lines(&[&long, "short", "last"])).await.map(drop).unwrap();
        let target = &sink.stats.targets[0];
        assert_eq!(
            (target.trouble(), target.sent.get(), sink.stats.resent.get(), sink.stats.reconnects.get()),
            (None, 3, 0, 0),
            "{place}"
        );
    }
}

#[tokio::test]
async fn waiting_for_bandwidth_is_not_a_target_that_does_nothing() {
    let (relp, at_relp) = relp(|_, _| OK).await;
    let (packed, at_packed, _) = another(false).await;
    let (tcp, at_tcp) = tcp(Mode::OctetCounting, usize::MAX).await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let compressed = SyslogShip { compress: true, ..limited(Carrier::Relp, packed) };
    tokio::join!(
        waits(limited(Carrier::Relp, relp)),
        waits(compressed),
        waits(limited(Carrier::Tcp, tcp)),
        waits(limited(Carrier::Udp, udp.local_addr().unwrap())),
    );
    for got in [at_relp, at_packed, at_tcp] {
        let texts = has(&got, 3).await;
        assert_eq!(texts[1..], ["short", "last"]);
    }
}

#[tokio::test]
async fn a_line_that_waits_for_bandwidth_goes_to_the_next_target_when_the_first_ends() {
    // It ends the connection when the line behind the long one still waits.
    let (first, _) = relp(|_, _| Does::Vanish).await;
    let (second, got) = relp(|_, _| OK).await;
    let ship = SyslogShip {
        targets: vec![
            Address::parse(&first.to_string()).unwrap(),
            Address::parse(&second.to_string()).unwrap(),
        ],
        ..limited(Carrier::Relp, first)
    };
    let long = "x".repeat(RATE);
    let mut sink = sink(&ship);
    sink.store(&contract::lines(&[&long, "short", "last"])).await.map(drop).unwrap();
    assert_eq!(got.texts(), [&long, "short", "last"]);
}

#[tokio::test]
async fn who_stops_sends_what_is_in_hand_and_asks_for_no_more() {
    let (address, got) = relp(|_, _| OK).await;
    let ship = limited(Carrier::Relp, address);
    let (stopper, stop) = Stopper::new();
    let mut sink = SyslogSink::new("siem", &ship, None, Arc::new(ForwardStats::new(&ship)), stop);
    // Many minutes of bandwidth.
    let texts = vec!["x".repeat(10_000); 200];
    let batch = contract::lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut stopping = sink.clone();
    let stored = tokio::spawn(async move { stopping.store(&batch).await.map(drop) });
    has(&got, 1).await;
    assert!(!sink.has_enough());
    stopper.drain();
    stored.await.unwrap().unwrap();
    assert_eq!(got.texts().len(), 200);
    assert!(sink.has_enough());
    sink.store(&contract::lines(&["one more"])).await.map(drop).unwrap();
}
