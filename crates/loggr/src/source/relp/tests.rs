//! The session against a peer that sends more than it is to hold.

use std::collections::VecDeque;

use loggr_bus::{BusOptions, ExchangeSpec, Publisher, QueueSpec, Topology, embedded};
use loggr_event::UidGenerator;
use loggr_flow::contract::MemorySink;
use loggr_flow::{Sink, Stopper};
use loggr_wire::relp::{MAX_UNPACKED_BYTES, Packer};
use tokio::net::{TcpListener, TcpStream};

use super::super::connection::{ReadBuffer, Stream};
use super::super::stats::ListenerStats;
use super::*;

/// Compressed frames that are sent, and what is in each.
const FRAMES: usize = 24;
const LINES: usize = 2000;
const LINE_BYTES: usize = 500;
/// What may be on its way.
const WINDOW_BYTES: usize = 64 << 10;
/// What is kept beside each line, at most.
const ENVELOPE_BYTES: usize = 64;

fn intake(directory: &std::path::Path) -> Intake {
    let queues = vec![QueueSpec { name: "q".to_owned(), binding: "#".to_owned() }];
    let topology = Topology { exchanges: vec![ExchangeSpec { name: "x".to_owned(), queues }] };
    let options = BusOptions { segment_size: 32 << 10, max_size: 1 << 20, ..BusOptions::default() };
    let (bus, _) = embedded::Bus::open(directory, &topology, &options).unwrap();
    Intake {
        origin: Origin::default(),
        max_message_size: 64 << 10,
        allowed: Box::new(|_| true),
        trusted: Box::new(|_| true),
        publisher: Publisher::Embedded(bus.publisher("x", "k").unwrap()),
        uids: Arc::new(UidGenerator::new([1; 8])),
        stats: Arc::new(ListenerStats::new("relp", "relp")),
        rescue: None,
    }
}

/// A whole session: `open`, and the frames.
fn said() -> Vec<u8> {
    let offers = "relp_version=0\ncommands=syslog,zsyslog";
    let mut said = format!("1 open {} {offers}\n", offers.len()).into_bytes();
    let mut packer = Packer::new().unwrap();
    for at in 0..FRAMES {
        let line = format!("<13>1 - - - - - - {}", "x".repeat(LINE_BYTES - 18));
        for _ in 0..LINES {
            assert!(packer.push(line.as_bytes()));
        }
        let data = packer.finish().unwrap();
        said.extend_from_slice(format!("{} zsyslog {} ", at + 2, data.len()).as_bytes());
        said.extend_from_slice(&data);
        said.push(b'\n');
    }
    said
}

#[tokio::test]
async fn what_comes_out_of_compressed_frames_counts_against_the_window() {
    let directory = tempfile::tempdir().unwrap();
    let intake = intake(directory.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let origin = Arc::new(Origin { trusted: true, ..Origin::default() });
    let client = intake.stats.clients.enter(1, &origin, false, intake.stats.senders.of("peer"));
    let (deliveries, mut given) = mpsc::channel(CONNECTION_WINDOW);
    let (_stopper, stop) = Stopper::new();
    let connection = Connection {
        stream: Stream::Tcp(stream),
        buffer: ReadBuffer::within(WINDOW_BYTES),
        origin,
        client: &client,
        intake: &intake,
        deliveries,
        idle_timeout: None,
        stop,
    };
    let sending = async move {
        let said = said();
        // All frames together are less than one of them is inside.
        assert!(said.len() < LINES * LINE_BYTES, "{}", said.len());
        peer.write_all(&said).await.unwrap();
        let (mut heard, answer) = (Vec::new(), b" rsp 6 200 OK\n");
        while memchr::memmem::find_iter(&heard, answer).count() < FRAMES {
            assert_ne!(peer.read_buf(&mut heard).await.unwrap(), 0, "it ended: {}", heard.escape_ascii());
        }
    };
    // Nothing is settled as long as more comes.
    let taking = async {
        let (mut held, mut most, mut lines) = (VecDeque::<Delivery>::new(), 0, 0);
        let mut sink = MemorySink::default();
        loop {
            match tokio::time::timeout(Duration::from_millis(20), given.recv()).await {
                Ok(Some(delivery)) => {
                    lines += delivery.batch().len();
                    held.push_back(delivery);
                    most = most.max(held.iter().map(|held| held.batch().byte_len()).sum());
                }
                Ok(None) => return (most, lines),
                Err(_) => {
                    if let Some(delivery) = held.pop_front() {
                        let receipt = sink.store(delivery.batch()).await.unwrap();
                        delivery.ack(receipt);
                    }
                }
            }
        }
    };
    let ((), (), (most, lines)) = tokio::join!(session(connection), sending, taking);
    assert_eq!(lines, FRAMES * LINES);
    let limit = WINDOW_BYTES + MAX_UNPACKED_BYTES + LINES * ENVELOPE_BYTES;
    assert!(most <= limit, "{most} bytes were held, and {limit} are allowed");
}
