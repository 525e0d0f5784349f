//! Certificates that are exchanged while events come in: no line is lost, no connection dropped.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{connect, connect_over, send_lines, start};
use crate::support::{Authority, numbered_line, until};

/// Signals of somebody who does not stop.
const STORM: usize = 1000;

#[test]
fn a_new_certificate_is_shown_under_load_and_no_line_is_lost() {
    const BATCHES: u64 = 200;
    let authority = Authority::new(&["localhost"]);
    let newer = Authority::new(&["localhost"]);
    let (mut loggr, address) = start("tcp", &authority.shown("localhost"), "");
    let is_exchanged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let exchanged = &is_exchanged;
        let authority = &authority;
        // One connection over all of it, which sends until the exchange is done and a little longer.
        let long = scope.spawn(move || {
            let mut sender = connect(address, authority, None).expect("it lets us in");
            let mut sent = 0;
            let mut after = 0;
            while after < BATCHES {
                let lines: Vec<String> = (sent..sent + 10).map(numbered_line).collect();
                sender.write_all((lines.join("\n") + "\n").as_bytes()).expect("the connection goes on");
                sender.flush().expect("the connection goes on");
                sent += 10;
                after += u64::from(exchanged.load(Ordering::Relaxed));
            }
            send_lines(&mut sender, &[numbered_line(sent)]).expect("it reads");
            sent + 1
        });
        authority.put(&newer.path("localhost.crt"), "localhost");
        loggr.daemon().signal(rustix::process::Signal::HUP);
        let trusts = newer.path("ca.crt");
        let newcomer =
            || connect_over(std::net::TcpStream::connect(address).expect("it accepts"), &trusts, None);
        until("the new certificate is shown", 30, || newcomer().is_ok());
        exchanged.store(true, Ordering::Relaxed);
        let sent = long.join().expect("the sender ends well");
        loggr.stored(sent, 60);
        let lines = loggr.lines();
        let counts = crate::support::count_seqs(lines.iter().map(String::as_str));
        assert_eq!((counts.len() as u64, lines.len() as u64), (sent, sent));
    });
    assert!(loggr.log().contains("the certificate was read again"), "{}", loggr.log());
}

#[test]
fn a_certificate_that_cannot_be_used_is_not_taken_and_said() {
    let (mut authority, other) = (Authority::new(&["localhost"]), Authority::new(&["localhost"]));
    let (mut loggr, address) = start("tcp", &authority.shown("localhost"), "");
    std::fs::copy(other.path("localhost.crt"), authority.path("localhost.crt")).expect("a copy");
    loggr.daemon().signal(rustix::process::Signal::HUP);
    until("it is said", 30, || {
        loggr.log().contains("cannot take the files of the certificate again; the old ones are kept")
    });
    assert!(connect(address, &authority, None).is_ok(), "the old one is shown");
    // However often somebody asks, it is an error once.
    for _ in 0..STORM {
        loggr.daemon().signal(rustix::process::Signal::HUP);
        std::thread::yield_now();
    }
    let text = loggr.status_text(&[]);
    assert!(text.contains("listener `secure`: a new certificate was not taken"), "{text}");
    authority.sign("localhost", (2020, 2100));
    loggr.daemon().signal(rustix::process::Signal::HUP);
    until("a right one is taken", 30, || loggr.log().contains("the certificate was read again"));
    let log = loggr.log();
    assert_eq!(log.matches("cannot take the files of the certificate again").count(), 1, "{log}");
    assert!(log.lines().count() < STORM, "{log}");
}

#[test]
fn an_end_that_is_near_is_said() {
    let mut authority = Authority::new(&[]);
    authority.sign("localhost", (2001, 2002));
    let (loggr, _) = start("tcp", &authority.shown("localhost"), "");
    until("it is said", 30, || loggr.log().contains("the certificate has ended, and senders refuse it"));
    let text = loggr.status_text(&[]);
    assert!(text.contains("has ended, and senders refuse it"), "{text}");
    // Also before anything is started.
    let checked = loggr.command(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    let file = authority.path("localhost.crt");
    let warning = format!(
        "warning: listener `secure`: its certificate `{}` has ended, and senders refuse it (",
        file.display()
    );
    assert!(
        checked.status.success() && said.contains(&warning) && said.contains(" days ago)\nhint: "),
        "{said}"
    );
}
