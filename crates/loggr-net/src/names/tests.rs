//! Name servers against a mock on loopback that speaks DNS and says what a test wants.

use std::net::UdpSocket;
use std::sync::mpsc as std_mpsc;
use std::time::Instant;

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);
const A: u16 = 1;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;

/// What the mock says to a question: a code, answers, and the authority's SOA.
type Said = Option<(u8, Vec<(u16, Vec<u8>)>, bool)>;

/// A mock of a name server on loopback: it speaks the format and knows what the test says.
struct Mock {
    address: SocketAddr,
    stop: UdpSocket,
    thread: Option<std::thread::JoinHandle<usize>>,
}

impl Mock {
    fn start(mut says: impl FnMut(&str, u16) -> Said + Send + 'static) -> Mock {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let serve = move || {
            let (mut buffer, mut questions) = ([0; 1500], 0);
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if length == 0 {
                    return questions;
                }
                questions += 1;
                let (name, kind, end) = question(&buffer[..length]);
                let Some((code, answers, authority)) = says(&name, kind) else { continue };
                let counts = [1, answers.len() as u8, u8::from(authority), 0];
                let mut out = vec![buffer[0], buffer[1], 0x81, 0x80 | code];
                counts.iter().for_each(|n| out.extend([0, *n]));
                out.extend(&buffer[12..end]);
                answers.iter().for_each(|(kind, data)| record(&mut out, *kind, data));
                if authority {
                    record(&mut out, SOA, &[&[0, 0][..], &[0; 16], &120u32.to_be_bytes()].concat());
                }
                socket.send_to(&out, from).unwrap();
            }
        };
        Mock {
            address,
            stop: UdpSocket::bind("127.0.0.1:0").unwrap(),
            thread: Some(std::thread::spawn(serve)),
        }
    }

    /// Ends it and gives how many questions came.
    fn questions(mut self) -> usize {
        self.stop.send_to(&[], self.address).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

/// Name, type, and where the question ends.
fn question(message: &[u8]) -> (String, u16, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while message[at] != 0 {
        let length = usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..=at + length]).to_lowercase());
        at += 1 + length;
    }
    (labels.join("."), u16::from_be_bytes([message[at + 1], message[at + 2]]), at + 5)
}

/// Of the name that was asked for, good for 300 s.
fn record(out: &mut Vec<u8>, kind: u16, data: &[u8]) {
    out.extend([0xc0, 12]);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1, 0, 0, 1, 44, 0, data.len() as u8]);
    out.extend(data);
}

fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn knows(name: &str, kind: u16) -> Said {
    let ptr = |names: &[&str]| Some((0, names.iter().map(|n| (PTR, labels(n))).collect(), false));
    match (name, kind) {
        ("1.2.0.192.in-addr.arpa", PTR) => ptr(&["One.Example"]),
        ("2.2.0.192.in-addr.arpa", PTR) => ptr(&["two.example", "zwei.example"]),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", PTR) => {
            ptr(&["six.example"])
        }
        ("5.2.0.192.in-addr.arpa", PTR) => ptr(&["<b>.\n.example"]),
        ("web.example", A) => Some((0, vec![(A, vec![192, 0, 2, 1]), (A, vec![192, 0, 2, 2])], false)),
        ("web.example", AAAA) => Some((0, vec![], true)),
        ("3.2.0.192.in-addr.arpa", _) => Some((2, vec![], false)),
        _ => Some((3, vec![], true)),
    }
}

/// Asks for the names of an address or the addresses of a name: those, and how long they are good.
fn asked(servers: &NameServers, value: &str) -> String {
    let (tell, told) = std_mpsc::channel();
    let tell = move |answer| tell.send(answer).unwrap();
    match value.parse() {
        Ok(ip) => servers.names_of(ip, tell),
        Err(_) => servers.addresses_of(value.to_owned(), tell),
    }
    match told.recv_timeout(PATIENCE).unwrap() {
        Some(Answer { values, ttl }) => format!("{} {}", values.join("+"), ttl.unwrap_or_default().as_secs()),
        None => "nobody could say".to_owned(),
    }
}

#[track_caller]
fn check(value: &str, expect: &str) {
    let mock = Mock::start(knows);
    let servers = Asker::default().open(&[mock.address]).unwrap();
    assert_eq!(asked(&servers, value), expect, "{value}");
    let most = 2 * (1 + RETRIES);
    assert!(mock.questions() <= most, "it is asked once, for A and AAAA twice, or each once again");
}

#[test]
fn names_of_addresses() {
    check("192.0.2.1", "one.example 300");
    check("192.0.2.2", "two.example+zwei.example 300");
    check("2001:db8::1", "six.example 300");
    check("192.0.2.99", " 120");
    check("192.0.2.3", "nobody could say");
}

#[test]
fn addresses_of_names() {
    check("Web.example", "192.0.2.1+192.0.2.2 300");
    check("nowhere.example", " 120");
}

#[test]
fn what_a_name_server_says_is_no_control_character() {
    let mock = Mock::start(knows);
    let servers = Asker::default().open(&[mock.address]).unwrap();
    let found = asked(&servers, "192.0.2.5");
    assert_eq!(found, "\\<b\\>.\\012.example 300");
    mock.questions();
}

#[test]
fn all_questions_are_asked_though_nobody_answers_the_first() {
    let (seen, questions) = std_mpsc::channel();
    let mock = Mock::start(move |name, _| {
        seen.send(name.to_owned()).unwrap();
        None
    });
    let servers = Asker::default().open(&[mock.address]).unwrap();
    for n in 1..=20 {
        servers.names_of(IpAddr::from([192, 0, 2, n]), drop);
    }
    let mut names = std::collections::HashSet::new();
    while names.len() < 20 {
        names.insert(questions.recv_timeout(PATIENCE).unwrap());
    }
    mock.questions();
}

#[test]
fn the_thread_ends_when_nobody_can_ask_any_more() {
    let mock = Mock::start(knows);
    let asker = Asker::default();
    let servers = asker.open(&[mock.address]).unwrap();
    assert_eq!(asked(&servers, "192.0.2.1"), "one.example 300");
    let sender = asker.thread.lock().unwrap().clone().unwrap().downgrade();
    drop((asker, servers));
    let start = Instant::now();
    while sender.upgrade().is_some() {
        assert!(start.elapsed() < PATIENCE, "somebody still holds the thread");
        std::thread::yield_now();
    }
    mock.questions();
}
