//! Asks name servers, on one thread of its own.
//!
//! The caller remembers answers and waits for them. The thread begins with the first question and
//! ends when the last handle is dropped. Invariant: each question is answered or its callback
//! dropped; the queue to the thread is bounded, and the caller bounds how many questions are open.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError as LookupError};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{TokioResolver, system_conf};
use tokio::sync::mpsc;

use crate::NetError;

/// Questions that wait for the thread, at most; further ones are not asked.
const MAX_WAITING_QUESTIONS: usize = 1024;
/// How long a name server has for one answer.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a question is asked again, of the next server if there is one.
const RETRIES: usize = 1;
/// Questions at a time on one connection to a name server.
const MAX_PER_CONNECTION: usize = 1024;

/// A handle to the thread that asks; clones share the thread.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    thread: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
}

/// One set of name servers, with the thread that asks them.
pub struct NameServers {
    resolver: Arc<TokioResolver>,
    asker: Asker,
}

/// An answer of the name servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Names in lower case without a dot at the end, or addresses. An empty list means that there
    /// are none.
    pub values: Vec<String>,
    /// How long the answer is valid, if the servers say so.
    pub ttl: Option<Duration>,
}

/// The callback that gets the answer, or `None` if no name server could answer.
type Tell = Box<dyn FnOnce(Option<Answer>) + Send>;

struct Job {
    resolver: Arc<TokioResolver>,
    question: Question,
    tell: Tell,
}

enum Question {
    NamesOf(IpAddr),
    AddressesOf(String),
}

impl Asker {
    /// Makes a set of name servers; an empty list means those of `/etc/resolv.conf`, after
    /// `/etc/hosts`.
    ///
    /// # Errors
    /// Those of the system cannot be read, or these cannot be used.
    pub fn open(&self, name_servers: &[SocketAddr]) -> Result<NameServers, NetError> {
        let (config, mut options) = match name_servers {
            [] => system_conf::read_system_conf().map_err(|e| {
                NetError::new("cannot use the name servers of `/etc/resolv.conf`").because(e.to_string())
            })?,
            some => (
                ResolverConfig::from_parts(None, vec![], some.iter().map(server).collect()),
                ResolverOpts::default(),
            ),
        };
        // The hosts file belongs to the system's name servers, not to others.
        options.use_hosts_file =
            if name_servers.is_empty() { ResolveHosts::Always } else { ResolveHosts::Never };
        // The caller remembers answers.
        options.cache_size = 0;
        options.timeout = SERVER_TIMEOUT;
        options.attempts = RETRIES;
        options.max_active_requests = MAX_PER_CONNECTION;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder
            .build()
            .map_err(|e| NetError::new("cannot use these name servers").because(e.to_string()))?;
        Ok(NameServers { resolver: Arc::new(resolver), asker: self.clone() })
    }

    fn ask(&self, job: Job) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            match begin() {
                Ok(sender) => *thread = Some(sender),
                Err(error) => {
                    tracing::error!(%error, "cannot start the thread that asks name servers");
                    return (job.tell)(None);
                }
            }
        }
        if let Some(Err(refused)) = thread.as_ref().map(|sender| sender.try_send(job)) {
            // There are too many questions, or the thread has ended; then the next question begins
            // another.
            if matches!(refused, mpsc::error::TrySendError::Closed(_)) {
                *thread = None;
            }
            (refused.into_inner().tell)(None);
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

impl NameServers {
    /// Asks for the names of an address, and comes back at once. `tell` gets the answer from any
    /// thread, at any time, or is dropped.
    pub fn names_of(&self, ip: IpAddr, tell: impl FnOnce(Option<Answer>) + Send + 'static) {
        self.ask(Question::NamesOf(ip), Box::new(tell));
    }

    /// Like [`NameServers::names_of`], for the addresses of a name.
    pub fn addresses_of(&self, name: String, tell: impl FnOnce(Option<Answer>) + Send + 'static) {
        self.ask(Question::AddressesOf(name), Box::new(tell));
    }

    fn ask(&self, question: Question, tell: Tell) {
        self.asker.ask(Job { resolver: self.resolver.clone(), question, tell });
    }
}

impl fmt::Debug for NameServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameServers").finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

/// Begins the thread. It ends when all senders are gone; open questions are then dropped.
fn begin() -> std::io::Result<mpsc::Sender<Job>> {
    let (sender, mut jobs) = mpsc::channel::<Job>(MAX_WAITING_QUESTIONS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("name servers".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Some(job) = jobs.recv().await {
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
    let seconds = |ttl: u32| Duration::from_secs(ttl.into());
    (job.tell)(match found {
        Ok((values, ttl)) => Some(Answer { values, ttl: Some(seconds(ttl)) }),
        Err(LookupError::Dns(DnsError::NoRecordsFound(nothing))) => {
            Some(Answer { values: Vec::new(), ttl: nothing.negative_ttl.map(seconds) })
        }
        Err(error) => {
            tracing::debug!(%error, "no name server has an answer");
            None
        }
    });
}

async fn names(resolver: &TokioResolver, ip: IpAddr) -> Result<(Vec<String>, u32), LookupError> {
    let found = resolver.reverse_lookup(ip).await?;
    let names = found.answers().iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some((name.0.to_lowercase().to_string(), record.ttl)),
        _ => None,
    });
    let (names, ttls): (Vec<String>, Vec<u32>) = names.unzip();
    let names = names.into_iter().map(|name| name.strip_suffix('.').unwrap_or(&name).to_owned()).collect();
    Ok((names, ttls.into_iter().min().unwrap_or(0)))
}

async fn addresses(resolver: &TokioResolver, mut name: String) -> Result<(Vec<String>, u32), LookupError> {
    // A name with a dot is complete; one without may be in this host's domain.
    if name.contains('.') {
        name.push('.');
    }
    let found = resolver.lookup_ip(name).await?;
    let ttl = found.as_lookup().answers().iter().map(|record| record.ttl).min();
    Ok((found.iter().map(|ip| ip.to_string()).collect(), ttl.unwrap_or(0)))
}

#[cfg(test)]
mod tests;
