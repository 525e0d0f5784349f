//! Deliveries: what is settled, split and joined.

use super::*;
use crate::contract::lines;
use crate::window::{Settlements, window};

fn stored(n: u64) -> Outcome {
    Outcome::Ack(Tally { stored: n, ..Tally::default() })
}

async fn delivery(texts: &[&str]) -> (Delivery, Settlements<u8>) {
    let (window, settlements) = window(1);
    let slot = window.reserve().await.unwrap();
    (Delivery::new(lines(texts), slot.ack(1)), settlements)
}

fn store(d: Delivery) {
    let receipt = Receipt::sign(d.batch());
    d.ack(receipt);
}

#[tokio::test]
async fn drop_panic_and_abort_all_nack() {
    let (d, mut s) = delivery(&["a"]).await;
    drop(d);
    assert_eq!(s.next().await, Some((1, Outcome::Nack)));

    let (d, mut s) = delivery(&["a"]).await;
    let panicked = tokio::spawn(async move {
        let _held = d;
        std::panic::resume_unwind(Box::new("boom"));
    });
    assert!(panicked.await.is_err());
    assert_eq!(s.next().await, Some((1, Outcome::Nack)));

    let (d, mut s) = delivery(&["a"]).await;
    let task = tokio::spawn(async move {
        let _held = d;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    task.abort();
    assert_eq!(s.next().await, Some((1, Outcome::Nack)));
}

#[tokio::test]
async fn fan_out_needs_every_receipt() {
    for (lose, expect) in [(false, stored(2)), (true, Outcome::Nack)] {
        let (d, mut s) = delivery(&["a", "b"]).await;
        for (i, part) in d.fan_out(2.try_into().unwrap()).into_iter().enumerate() {
            if lose && i == 1 { drop(part) } else { store(part) }
        }
        assert_eq!(s.next().await, Some((1, expect)));
    }
}

#[tokio::test]
async fn what_a_rule_drops_is_counted() {
    let (d, mut s) = delivery(&["a", "b", "c"]).await;
    store(d.retain(|r| r.payload.bytes() != b"b").unwrap());
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { stored: 2, rescued: 0, dropped: 1 }))));
    let (d, mut s) = delivery(&["a"]).await;
    assert!(d.retain(|_| false).is_none());
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { dropped: 1, ..Tally::default() }))));
}

#[tokio::test]
async fn what_is_sifted_is_counted_and_replaced() {
    let (d, mut s) = delivery(&["a", "b", "c"]).await;
    let sifted = d.sift(&[true, false, true], Some(lines(&["A", "C"]))).unwrap();
    let texts: Vec<_> = sifted.batch().records().map(|r| r.payload.bytes().to_vec()).collect();
    assert_eq!(texts, [b"A", b"C"]);
    store(sifted);
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { stored: 2, rescued: 0, dropped: 1 }))));
    let (d, mut s) = delivery(&["a"]).await;
    assert!(d.sift(&[false], None).is_none());
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { dropped: 1, ..Tally::default() }))));
}

#[tokio::test]
async fn settling_is_told_once_whatever_the_outcome() {
    for lose in [true, false] {
        let told = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let tell = told.clone();
        let (d, mut s) = delivery(&["a"]).await;
        let d = d.when_settled(move || {
            tell.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 0);
        if lose {
            d.nack()
        } else {
            store(d)
        }
        let expect = if lose { Outcome::Nack } else { stored(1) };
        assert_eq!(s.next().await, Some((1, expect)));
        assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn join_settles_every_origin_with_its_share() {
    let (a, mut sa) = delivery(&["a", "b"]).await;
    let (b, mut sb) = delivery(&["c"]).await;
    let (x, y) = Delivery::join(vec![a, b]).unwrap().halve().unwrap();
    assert_eq!((x.batch().len(), y.batch().len()), (1, 2));
    store(y);
    let receipt = Receipt::sign_rescue(x.batch());
    x.ack(receipt);
    assert_eq!(sa.next().await, Some((1, stored(2))));
    assert_eq!(sb.next().await, Some((1, Outcome::Ack(Tally { rescued: 1, ..Tally::default() }))));
}

#[tokio::test]
async fn partition_adds_up_and_keeps_order() {
    let (d, mut s) = delivery(&["a1", "b1", "a2"]).await;
    let parts = d.partition(|r| r.payload.bytes()[0]);
    let texts: Vec<Vec<&[u8]>> =
        parts.iter().map(|(_, d)| d.batch().records().map(|r| r.payload.bytes()).collect()).collect();
    assert_eq!(texts, [vec![&b"a1"[..], b"a2"], vec![b"b1"]]);
    parts.into_iter().for_each(|(_, d)| store(d));
    assert_eq!(s.next().await, Some((1, stored(3))));
}

#[tokio::test]
async fn a_delivery_that_is_split_is_settled_when_both_parts_are() {
    let (d, mut s) = delivery(&["a", "b", "c"]).await;
    let (first, rest) = d.split(1).unwrap();
    assert_eq!((first.batch().len(), rest.batch().len()), (1, 2));
    assert!(first.retain(|_| false).is_none());
    let (b, c) = rest.split(1).unwrap();
    store(c);
    store(b);
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { stored: 2, dropped: 1, rescued: 0 }))));
    let (d, mut s) = delivery(&["a", "b"]).await;
    let d = d.split(0).unwrap_err().split(2).unwrap_err();
    let (first, rest) = d.split(1).unwrap();
    store(first);
    rest.nack();
    assert_eq!(s.next().await, Some((1, Outcome::Nack)));
}

#[tokio::test]
async fn a_packed_event_settles_all_it_was_made_of() {
    let (d, mut s) = delivery(&["a", "b", "c"]).await;
    store(d.pack(|_| Some(lines(&["a\nb\nc"]))).unwrap());
    assert_eq!(s.next().await, Some((1, stored(3))));
    let (d, mut s) = delivery(&["a"]).await;
    assert!(d.pack(|_| None).is_none());
    assert_eq!(s.next().await, Some((1, Outcome::Ack(Tally { dropped: 1, ..Tally::default() }))));
}

#[tokio::test]
#[should_panic(expected = "another batch")]
async fn a_foreign_receipt_is_caught() {
    let d = Delivery::new(lines(&["a"]), Ack::unreliable(|| ()));
    d.ack(Receipt::sign(&lines(&["b"])));
}
