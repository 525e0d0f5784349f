//! Lines without a head belong to whoever spoke before on their connection.

use super::*;

/// Lines as they come in on connections, and what leaves: host, program, severity and text.
#[track_caller]
fn check_lines(mut packer: Packer, transport: Transport, lines: &[(&str, &str)], expect: &[&str]) {
    let mut builder = BatchBuilder::default();
    for (number, (peer, line)) in lines.iter().enumerate() {
        let origin = Origin { peer: (*peer).to_owned(), transport, ..Origin::default() };
        let now = Timestamp::from_unix_micros(START);
        builder.push_line(&Arc::new(origin), uid(number as u8 + 1), now, line.as_bytes());
    }
    let heard = Heard::default();
    let tell = heard.clone();
    let ack = Ack::new(move |outcome| *tell.0.lock().unwrap() = Some(outcome));
    packer.feed(Delivery::new(builder.finish().unwrap(), ack), Instant::now());
    packer.flush();
    let mut out = Vec::new();
    while let Some(delivery) = packer.ready(Instant::now()) {
        for record in delivery.batch().records() {
            let e = record.event();
            let defects: Vec<_> = e.defects.words().collect();
            out.push(format!(
                "{} {} {} {} {}",
                e.source,
                e.app_name,
                e.severity,
                e.message,
                defects.join(",")
            ));
        }
        store(delivery);
    }
    let out: Vec<&str> = out.iter().map(|line| line.trim_end()).collect();
    assert_eq!(out, expect);
    assert_eq!(heard.get(), stored(lines.len() as u64));
}

const HEAD: &str = "<14>Nov 30 10:00:00 web7 shop[4]: java.lang.Error: x";
const TRACE: &str = "web7 shop info java.lang.Error: x\n\tat a.b(C.java:1)";

#[test]
fn lines_without_a_head_are_of_whom_spoke_before_on_the_connection() {
    let (a, b) = ("192.0.2.1:1000", "192.0.2.1:1001");
    let at = "\tat a.b(C.java:1)";
    let ready = "<14>Nov 30 10:00:01 web7 shop[4]: ready";
    let lines = [(a, HEAD), (a, at), (a, ready)];
    check_lines(java(), Transport::Tcp, &lines, &[TRACE, "web7 shop info ready"]);
    // Two connections of one relay, line by line in turn.
    let other = "<11>Nov 30 10:00:00 web8 shop[4]: java.lang.Error: y";
    let lines = [(a, HEAD), (b, other), (a, at), (b, "\tat d.e(F.java:2)"), (a, at)];
    let long = format!("{TRACE}\n{at}");
    check_lines(
        java(),
        Transport::Tcp,
        &lines,
        &[&long, "web8 shop err java.lang.Error: y\n\tat d.e(F.java:2)"],
    );
    // The same program over two connections.
    let lines = [(a, HEAD), (b, HEAD), (a, at), (b, "\tat d.e(F.java:2)"), (a, at)];
    let other = "web7 shop info java.lang.Error: x\n\tat d.e(F.java:2)";
    check_lines(java(), Transport::Tcp, &lines, &[&long, other]);
    // Another program of the same host in between: the frame is what follows its line.
    let cron = "<78>Nov 30 10:00:00 web7 cron[9]: (root) CMD (x)";
    let alone = "192.0.2.1  notice \tat a.b(C.java:1) unparsed,no_priority,no_timestamp,no_source";
    check_lines(
        java(),
        Transport::Tcp,
        &[(a, HEAD), (a, cron), (a, at)],
        &["web7 cron info (root) CMD (x)", alone, "web7 shop info java.lang.Error: x"],
    );
    // Nobody has spoken there, or every line is a message.
    check_lines(java(), Transport::Tcp, &[(a, HEAD), (b, at)], &[alone, "web7 shop info java.lang.Error: x"]);
    check_lines(
        java(),
        Transport::UnixStream,
        &[(a, HEAD), (a, at)],
        &[alone.trim_end_matches(",no_source"), "web7 shop info java.lang.Error: x"],
    );
    check_lines(java(), Transport::Udp, &[(a, HEAD), (a, at)], &[alone, "web7 shop info java.lang.Error: x"]);
}

#[test]
fn lines_without_a_head_need_not_be_selected() {
    let only = |packer: Packer| packer.only(Box::new(|event| event.app_name == "shop"));
    let a = "192.0.2.1:1000";
    check_lines(only(java()), Transport::Tcp, &[(a, HEAD), (a, "\tat a.b(C.java:1)")], &[TRACE]);
}
