//! Asks name servers for filters, on one thread of its own.
//!
//! Not here: what is remembered and who waits; that is the engine's. The thread begins with
//! the first question and ends when the filter is gone. Invariant: a question is answered or
//! its reply dropped; the queue to the thread and what is on its way are bounded.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{TokioResolver, system_conf};
use loggr_filter::engines::{Question, Reply, Resolver, Resolvers};
use tokio::sync::mpsc;

/// Questions between filters and the thread; beyond that they are not asked.
const MAX_WAITING_QUESTIONS: usize = 1024;
/// How long a name server has for one answer.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a question is asked again, of the next server if there is one.
const RETRIES: usize = 1;
/// Questions at a time on one connection to a name server.
const MAX_PER_CONNECTION: usize = 1024;

/// Name servers for the filters of one program.
#[derive(Debug, Default)]
pub struct NameServers {
    thread: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
}

/// One set of name servers.
struct Asking {
    resolver: Arc<TokioResolver>,
    thread: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
}

struct Job {
    resolver: Arc<TokioResolver>,
    question: Question,
    reply: Reply,
}

impl Resolvers for NameServers {
    fn open(&self, name_servers: &[SocketAddr]) -> Result<Arc<dyn Resolver>, String> {
        let (config, mut options) = match name_servers {
            [] => system_conf::read_system_conf()
                .map_err(|e| format!("cannot use the name servers of `/etc/resolv.conf`: {e}"))?,
            some => (
                ResolverConfig::from_parts(None, vec![], some.iter().map(server).collect()),
                ResolverOpts::default(),
            ),
        };
        // The hosts file belongs to the system's name servers, not to others.
        options.use_hosts_file =
            if name_servers.is_empty() { ResolveHosts::Always } else { ResolveHosts::Never };
        // The engine remembers answers.
        options.cache_size = 0;
        options.timeout = SERVER_TIMEOUT;
        options.attempts = RETRIES;
        options.max_active_requests = MAX_PER_CONNECTION;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|e| format!("cannot use these name servers: {e}"))?;
        Ok(Arc::new(Asking { resolver: Arc::new(resolver), thread: self.thread.clone() }))
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl Resolver for Asking {
    fn ask(&self, question: Question, reply: Reply) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            match begin() {
                Ok(sender) => *thread = Some(sender),
                Err(error) => {
                    tracing::error!(%error, "cannot start the thread that asks name servers");
                    return reply.fail();
                }
            }
        }
        let job = Job { resolver: self.resolver.clone(), question, reply };
        if let Some(Err(refused)) = thread.as_ref().map(|sender| sender.try_send(job)) {
            // Too many at once; or the thread has ended, then the next question begins another.
            if matches!(refused, mpsc::error::TrySendError::Closed(_)) {
                *thread = None;
            }
            refused.into_inner().reply.fail();
        }
    }
}

/// The thread. It ends when all senders are gone; what is on its way then is dropped.
fn begin() -> std::io::Result<mpsc::Sender<Job>> {
    let (sender, mut jobs) = mpsc::channel::<Job>(MAX_WAITING_QUESTIONS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("name servers".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Some(job) = jobs.recv().await {
                // The engine bounds how many questions are open.
                tokio::spawn(answer(job));
            }
        });
    })?;
    Ok(sender)
}

async fn answer(job: Job) {
    let found = match job.question {
        Question::NamesOf(ip) => names(&job.resolver, ip).await,
        Question::AddressesOf(name) => addresses(&job.resolver, name).await,
    };
    match found {
        Ok((values, ttl)) => job.reply.answer(values, Some(Duration::from_secs(ttl.into()))),
        Err(NetError::Dns(DnsError::NoRecordsFound(nothing))) => {
            job.reply.answer(Vec::new(), nothing.negative_ttl.map(|ttl| Duration::from_secs(ttl.into())));
        }
        Err(error) => {
            tracing::debug!(%error, "no name server has an answer");
            job.reply.fail();
        }
    }
}

async fn names(resolver: &TokioResolver, ip: IpAddr) -> Result<(Vec<String>, u32), NetError> {
    let found = resolver.reverse_lookup(ip).await?;
    let names = found.answers().iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some((name.0.to_lowercase().to_string(), record.ttl)),
        _ => None,
    });
    let (names, ttls): (Vec<String>, Vec<u32>) = names.unzip();
    let names = names.into_iter().map(|name| name.strip_suffix('.').unwrap_or(&name).to_owned()).collect();
    Ok((names, ttls.into_iter().min().unwrap_or(0)))
}

async fn addresses(resolver: &TokioResolver, mut name: String) -> Result<(Vec<String>, u32), NetError> {
    // One with a dot is complete; one without may be of this host's domain.
    if name.contains('.') {
        name.push('.');
    }
    let found = resolver.lookup_ip(name).await?;
    let ttl = found.as_lookup().answers().iter().map(|record| record.ttl).min();
    Ok((found.iter().map(|ip| ip.to_string()).collect(), ttl.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc as std_mpsc;
    use std::time::Instant;

    use loggr_event::{Event, Origin, Timestamp, Uid};
    use loggr_filter::engines::Environment;
    use loggr_filter::lang::Program;

    use super::*;

    /// How long a test waits for what must come.
    const PATIENCE: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::from_unix_micros(1_800_000_000_000_000);
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

    fn program(call: &str, mock: &Mock) -> Program {
        let environment = Environment {
            resolvers: Some(Arc::new(NameServers::default())),
            ..Environment::new("/nonexistent")
        };
        let text = call.replace("MOCK", &format!("nameservers=\"{}\"", mock.address));
        Program::compile("x", &text, &environment).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Fields and tags of an event after the filter.
    fn after(program: &Program, value: &str) -> String {
        let origin = Origin::default();
        let mut event = Event::new(&origin, Uid::default(), NOW);
        event.set_field("v", value);
        program.run(&mut event, NOW, &mut program.counters());
        let fields = event.fields.iter().skip(1).map(|f| format!("{}={}", f.name, f.values.join("+")));
        fields.chain(event.tags.iter().map(|t| t.to_string())).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(call: &str, value: &str, expect: &str) {
        let mock = Mock::start(knows);
        let program = program(call, &mock);
        // From the name server, and from what is remembered.
        assert_eq!(after(&program, value), expect, "{value}");
        assert_eq!(after(&program, value), expect, "{value}");
        drop(program);
        let most = 2 * (1 + RETRIES);
        assert!(mock.questions() <= most, "it is asked once, for A and AAAA twice, or each once again");
    }

    const PATIENT: &str = "resolve([v], timeout=\"30s\", batch_limit=\"30s\", MOCK)";

    #[test]
    fn names_of_addresses() {
        check(PATIENT, "192.0.2.1", "resolved_name=one.example");
        check(PATIENT, "192.0.2.2", "resolved_name=two.example+zwei.example");
        check(PATIENT, "2001:db8::1", "resolved_name=six.example");
        check(PATIENT, "192.0.2.99", "");
        check(PATIENT, "192.0.2.3", "_resolvefailure");
    }

    #[test]
    fn addresses_of_names() {
        let forward = PATIENT.replace("MOCK", "kind=\"forward\", MOCK");
        check(&forward, "Web.example", "resolved_ip=192.0.2.1+192.0.2.2");
        check(&forward, "nowhere.example", "");
    }

    #[test]
    fn what_a_name_server_says_is_no_control_character() {
        let mock = Mock::start(knows);
        let found = after(&program(PATIENT, &mock), "192.0.2.5");
        assert!(found.starts_with("resolved_name=") && !found.contains('\n'), "{found:?}");
        mock.questions();
    }

    #[test]
    fn a_name_server_that_never_answers_holds_no_event_longer_than_its_time() {
        let (asked, questions) = std_mpsc::channel();
        let mock = Mock::start(move |name, _| {
            asked.send(name.to_owned()).unwrap();
            None
        });
        let program = program("resolve([v], timeout=\"10ms\", batch_limit=\"10ms\", MOCK)", &mock);
        for n in 1..=20 {
            assert_eq!(after(&program, &format!("192.0.2.{n}")), "_resolvetimeout");
        }
        // All of them are asked all the same.
        let mut seen = std::collections::HashSet::new();
        while seen.len() < 20 {
            seen.insert(questions.recv_timeout(PATIENCE).unwrap());
        }
        drop(program);
        mock.questions();
    }

    #[test]
    fn an_answer_that_comes_late_is_there_for_later_events() {
        let (go, may) = std_mpsc::channel::<()>();
        let mock = Mock::start(move |name, kind| {
            // Until the first event has gone on without it.
            may.recv().unwrap_or_default();
            knows(name, kind)
        });
        let program = program("resolve([v], timeout=\"5ms\", MOCK)", &mock);
        assert_eq!(after(&program, "192.0.2.1"), "_resolvetimeout");
        drop(go);
        let start = Instant::now();
        loop {
            match after(&program, "192.0.2.1").as_str() {
                "resolved_name=one.example" => break,
                other => assert_eq!(other, "_resolvetimeout"),
            }
            assert!(start.elapsed() < PATIENCE, "the answer never came");
        }
        mock.questions();
    }

    #[test]
    fn the_thread_ends_with_its_filter() {
        let mock = Mock::start(knows);
        let name_servers = NameServers::default();
        let thread = Arc::downgrade(&name_servers.thread);
        let environment =
            Environment { resolvers: Some(Arc::new(name_servers)), ..Environment::new("/nonexistent") };
        let text = PATIENT.replace("MOCK", &format!("nameservers=\"{}\"", mock.address));
        let program = Program::compile("x", &text, &environment).unwrap();
        drop(environment);
        assert_eq!(after(&program, "192.0.2.1"), "resolved_name=one.example");
        let sender = thread.upgrade().unwrap().lock().unwrap().clone().unwrap().downgrade();
        drop(program);
        let start = Instant::now();
        while sender.upgrade().is_some() {
            assert!(start.elapsed() < PATIENCE, "somebody still holds the thread");
            std::thread::yield_now();
        }
        mock.questions();
    }
}
