//! The servers of a shipper: which of them is asked, and how the documents are divided among requests.
//!
//! A request goes to the first server of the list that works. One that has failed is left alone for a while, as
//! long as another one works, and is then asked on the side whether it is back. When none works all are tried, and
//! the caller waits.

use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use loggr_flow::Stop;
use loggr_net::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use loggr_net::http::{Client, Method, Request, Url};
use loggr_net::tls::Trust;

use super::answer::{Said, Told, Trouble, said};
use super::documents::{Verdict, Work};
use super::login::Authorization;
use crate::config::ship::ElasticShip;
use crate::news::is_same;
use crate::sink::syslog::ForwardStats;
use crate::sink::tls::Tls;

/// Bytes of one request before it is compressed, at most; a single document may have more.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// A server that finds requests too large gets no smaller ones than these, single documents apart.
const MIN_REQUEST_BYTES: usize = 64 << 10;
/// Bytes of one answer, at most: some hundred for each of the most documents that a request has.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// How often it is looked whether a server that has failed is to be tried again.
const LOOK: Duration = Duration::from_secs(1);
const AGENT: &str = concat!("loggr/", env!("CARGO_PKG_VERSION"));

/// How a server is doing.
#[derive(Default)]
struct Health {
    /// When it has failed last; `None` while it works.
    failed: Option<Instant>,
    /// Somebody looks whether it works again.
    tried: bool,
    /// The trouble that was logged.
    said: Option<String>,
}

struct Server {
    url: Url,
    health: Mutex<Health>,
}

/// All servers of a shipper.
pub struct Servers {
    name: String,
    ship: ElasticShip,
    tls: Option<Tls>,
    login: Option<Authorization>,
    /// Path and query behind the URL.
    target: String,
    client: Mutex<Option<Client>>,
    servers: Vec<Server>,
    stats: Arc<ForwardStats>,
    /// Bytes of a request at most; less when a server has found one too large.
    most: AtomicUsize,
    /// A server has taken documents since one was blamed for a request that cannot be read.
    takes: AtomicBool,
}

impl Servers {
    /// Nothing is connected yet. `name` is the shipper's.
    pub fn new(
        name: &str,
        ship: ElasticShip,
        tls: Option<Tls>,
        login: Option<Authorization>,
        stats: Arc<ForwardStats>,
    ) -> Servers {
        let server = |url: &Url| Server { url: url.clone(), health: Mutex::default() };
        let servers = ship.urls.iter().map(server).collect();
        let pipeline = ship.pipeline.as_deref().map(|name| format!("?pipeline={}", escaped(name)));
        let target = format!("/_bulk{}", pipeline.unwrap_or_default());
        let (client, most, takes) =
            (Mutex::default(), AtomicUsize::new(MAX_REQUEST_BYTES), AtomicBool::new(false));
        Servers { name: name.to_owned(), ship, tls, login, target, client, servers, stats, most, takes }
    }

    /// Sends the documents that have to go. In the end all have a verdict, or the trouble says why some wait.
    pub async fn send(&self, work: &mut Work) -> Result<(), Trouble> {
        let mut todo = Vec::from([Range { start: 0, end: work.len() }]);
        while let Some(range) = todo.pop() {
            let numbers = work.open(range.clone());
            let bytes: usize = numbers.iter().filter_map(|at| Some(work.document(*at)?.lines.len())).sum();
            if numbers.is_empty() {
                continue;
            }
            if numbers.len() > 1 && bytes > self.most.load(Ordering::Relaxed) {
                todo.extend(halves(&range));
                continue;
            }
            work.goes(&numbers);
            let (at, said) = self.ask(self.body(work, &numbers).await?, bytes, numbers.len()).await?;
            match (said, numbers.as_slice()) {
                (Said::Each(told), _) => self.settle(at, work, &numbers, told)?,
                (Said::TooLarge, [only]) => {
                    let why =
                        format!("the server takes no request of {bytes} bytes, which this document has");
                    work.refuse(*only, why);
                }
                (Said::Unreadable(why), [only]) => {
                    // It may be the server that reads nothing any more, whatever it is.
                    if !self.takes.swap(false, Ordering::Relaxed) {
                        return Err(self.trouble(at, &format!("it cannot read what it gets: {why}")));
                    }
                    work.refuse(*only, why);
                }
                (Said::TooLarge, _) => {
                    let less = (bytes / 2).max(MIN_REQUEST_BYTES);
                    self.most.fetch_min(less, Ordering::Relaxed);
                    todo.extend(halves(&range));
                }
                (Said::Unreadable(_), _) => todo.extend(halves(&range)),
                (Said::Nothing(why), _) => return Err(self.trouble(at, &why)),
            }
        }
        Ok(())
    }

    /// Notes what a server said to each document.
    fn settle(&self, at: usize, work: &mut Work, numbers: &[usize], told: Vec<Told>) -> Result<(), Trouble> {
        let (mut stored, mut refused, mut waits) = (0, 0, None);
        for (number, told) in numbers.iter().zip(told) {
            match told {
                Told::Settled(Verdict::Stored) => {
                    work.stored(*number);
                    stored += 1;
                }
                Told::Settled(Verdict::Refused(why)) => {
                    work.refuse(*number, why);
                    refused += 1;
                }
                Told::Waits(why) => {
                    waits.get_or_insert((0, why)).0 += 1;
                }
            }
        }
        if let Some(stats) = self.stats.targets.get(at) {
            stats.sent.add(stored);
            stats.refused.add(refused);
        }
        if stored > 0 {
            self.takes.store(true, Ordering::Relaxed);
        }
        match waits {
            None => Ok(()),
            Some((1, why)) => Err(self.trouble(at, &format!("a document waits: {why}"))),
            Some((waiting, why)) => Err(self.trouble(at, &format!("{waiting} documents wait: {why}"))),
        }
    }

    fn trouble(&self, at: usize, why: &str) -> Trouble {
        let url = self.servers.get(at).map(|server| server.url.to_string());
        Trouble(format!("`{}` does not take events: {why}", url.unwrap_or_default()))
    }

    /// The body of a request of these documents.
    async fn body(&self, work: &Work, numbers: &[usize]) -> Result<Vec<u8>, Trouble> {
        let lines: Vec<_> =
            numbers.iter().filter_map(|number| Some(work.document(*number)?.lines.clone())).collect();
        if !self.ship.gzip {
            return Ok(lines.concat());
        }
        // Compressing is no work for the reactor.
        let packed = tokio::task::spawn_blocking(move || {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            lines.iter().try_for_each(|lines| packed.write_all(lines))?;
            packed.finish()
        });
        let packed = packed.await.map_err(std::io::Error::other).and_then(|packed| packed);
        packed.map_err(|error| Trouble(format!("cannot compress a request: {error}")))
    }

    /// Asks one server after the other until one says something about the request: which, and what.
    async fn ask(&self, body: Vec<u8>, plain: usize, documents: usize) -> Result<(usize, Said), Trouble> {
        let mut troubles = Vec::new();
        for at in self.order() {
            match self.through(at, body.clone(), plain, documents).await {
                Ok(said) => return Ok((at, said)),
                Err(trouble) => troubles.push(trouble.0),
            }
        }
        Err(match <[String; 1]>::try_from(troubles) {
            Ok([only]) => Trouble(only),
            Err(all) => Trouble(format!("no server takes events: {}", all.join("; "))),
        })
    }

    /// The servers in the order in which they are tried: first those that work.
    fn order(&self) -> Vec<usize> {
        let (good, bad): (Vec<usize>, Vec<usize>) =
            (0..self.servers.len()).partition(|at| self.health(*at).is_some_and(|of| of.failed.is_none()));
        good.into_iter().chain(bad).collect()
    }

    async fn through(
        &self,
        at: usize,
        body: Vec<u8>,
        plain: usize,
        documents: usize,
    ) -> Result<Said, Trouble> {
        let bytes = body.len();
        let said = match self.request(at, Method::POST, &self.target, body).await {
            Ok((status, body)) => match said(status, &body, documents, self.login.is_some()) {
                Said::Nothing(why) => Err(self.trouble(at, &why)),
                said => Ok(said),
            },
            Err(trouble) => Err(trouble),
        };
        match &said {
            Ok(_) => {
                self.recovered(at);
                self.stats.uses(at);
                if let Some(stats) = self.stats.targets.get(at) {
                    stats.sent_bytes.add(bytes as u64);
                    stats.plain_bytes.add(plain as u64);
                }
            }
            Err(trouble) => self.failed(at, trouble),
        }
        said
    }

    async fn request(
        &self,
        at: usize,
        method: Method,
        target: &str,
        body: Vec<u8>,
    ) -> Result<(loggr_net::http::StatusCode, Vec<u8>), Trouble> {
        let told = |error: loggr_net::NetError| Trouble(error.in_one_line());
        let Some(server) = self.servers.get(at) else {
            return Err(Trouble("there is no such server".to_owned()));
        };
        let mut request: Request<Vec<u8>> = server.url.request(method, target, body).map_err(told)?;
        let is_packed = self.ship.gzip && !request.body().is_empty();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(login) = &self.login {
            login.show(&mut request);
        }
        let answer = self.client().map_err(told)?.send(request).await.map_err(told)?;
        let (head, body) = answer.whole(MAX_ANSWER_BYTES).await.map_err(told)?.into_parts();
        Ok((head.status, body))
    }

    /// The client, made anew when the files of TLS have changed.
    fn client(&self) -> Result<Client, loggr_net::NetError> {
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |client: &&Client| self.tls.as_ref().is_none_or(|tls| client.is_of(&tls.connector));
        if let Some(client) = held.as_ref().filter(is_current) {
            return Ok(client.clone());
        }
        let new = match &self.tls {
            Some(tls) => Client::of(&tls.connector, tls.name.as_deref())?,
            None => Client::new(&Trust::Anybody)?,
        };
        // Documents may be sent twice: they are created once.
        Ok(held.insert(new.with_patience(self.ship.timeout).with_repeats()).clone())
    }

    fn health(&self, at: usize) -> Option<MutexGuard<'_, Health>> {
        self.servers.get(at).map(|server| server.health.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failed(&self, at: usize, trouble: &Trouble) {
        let (Some(mut health), Some(stats)) = (self.health(at), self.stats.targets.get(at)) else { return };
        health.failed = Some(Instant::now());
        stats.fails(trouble.0.clone());
        // The only server's trouble is the shipper's, which says it itself.
        if self.servers.len() > 1 && !health.said.as_deref().is_some_and(|last| is_same(last, &trouble.0)) {
            let (ship, server, error) = (self.name.as_str(), stats.address.as_str(), trouble.0.as_str());
            tracing::warn!(ship, server, error, "a server takes no events; the others are asked");
            health.said = Some(trouble.0.clone());
        }
    }

    fn recovered(&self, at: usize) {
        let (Some(mut health), Some(stats)) = (self.health(at), self.stats.targets.get(at)) else { return };
        if health.failed.take().is_some() {
            stats.recovers();
        }
        if health.said.take().is_some() {
            tracing::info!(ship = self.name, server = stats.address, "the server takes events again");
        }
    }

    /// Asks servers that have failed whether they are back, on the side, so that no event waits for that.
    pub async fn watch(self: Arc<Self>, mut stop: Stop) {
        let mut look = tokio::time::interval(LOOK.min(self.ship.return_after));
        loop {
            tokio::select! {
                () = stop.drain() => return,
                _ = look.tick() => {}
            }
            for at in (0..self.servers.len()).filter(|at| self.is_due(*at)) {
                let all = self.clone();
                // It ends by itself: nothing in it takes longer than its time limits.
                drop(tokio::spawn(async move { all.look(at).await }));
            }
        }
    }

    /// It has failed so long ago that it may work again, and nobody looks.
    fn is_due(&self, at: usize) -> bool {
        let Some(mut health) = self.health(at) else { return false };
        let due = health.failed.is_some_and(|failed| failed.elapsed() >= self.ship.return_after);
        due && !std::mem::replace(&mut health.tried, true)
    }

    /// Asks a server for itself: where it answers, it gets events again.
    async fn look(&self, at: usize) {
        match self.request(at, Method::GET, "/", Vec::new()).await {
            Ok((status, _)) if status.is_success() => self.recovered(at),
            Ok((status, _)) => self.failed(at, &self.trouble(at, &format!("it answers {status}"))),
            Err(trouble) => self.failed(at, &trouble),
        }
        if let Some(mut health) = self.health(at) {
            health.tried = false;
        }
    }
}

fn halves(range: &Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    // The first is taken from the end.
    [middle..range.end, range.start..middle]
}

/// A name as it may stand in a query.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
