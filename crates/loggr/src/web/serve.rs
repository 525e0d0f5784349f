//! HTTP connections: how many, how long a handshake and a head may take, how long nobody may say anything.
//!
//! Not what is answered. On the web address the connection that is idle for longest gives its place at once
//! to one that finds none (`crowd.rs`). Where nobody gives way it waits until a place is free, which the
//! time-outs see to: half a request, half a body, a connection kept open for nothing, and an answer that nobody reads end
//! by themselves.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use loggr_net::tls::Server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::crowd::{Answering, BODY_STILL, Crowd, Seat};
use super::door::Peer;
use super::moves::{Coming, Look, Moving};
use crate::process::gate::{Gate, Place};
use crate::process::told::Told;

/// A TLS handshake takes so long at most; it has a place like a connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// From one answer, or the beginning, to the end of the next request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection of the web address on which no byte moves for so long ends, unless its answer is being made.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether a peer reads; so long one that does not keeps its place from others.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is looked whether one that was asked to end still has something to take.
const LEAVE_LOOK: Duration = Duration::from_millis(100);
/// How long to wait before accepting again when the system has no descriptor or memory for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where HTTP is served, and within which limits.
pub struct Door<L> {
    /// What it is called in the log.
    pub name: &'static str,
    /// Bound and listening.
    pub listener: L,
    /// Its places.
    pub gate: Gate,
    /// Who is connected.
    pub crowd: Arc<Crowd>,
    /// Strangers come here: on the control socket an answer may take its time, and nobody gives way.
    pub is_public: bool,
    /// What TLS is spoken with, if it is.
    pub tls: Option<Arc<Server>>,
}

/// Either kind of listening socket.
pub trait Listener {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next one, and from where it comes.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Option<IpAddr>)>> + Send;
}

impl Listener for TcpListener {
    type Io = tokio::net::TcpStream;
    async fn accept(&self) -> io::Result<(Self::Io, Option<IpAddr>)> {
        TcpListener::accept(self).await.map(|(stream, from)| (stream, Some(from.ip().to_canonical())))
    }
}

impl Listener for UnixListener {
    type Io = tokio::net::UnixStream;
    async fn accept(&self) -> io::Result<(Self::Io, Option<IpAddr>)> {
        UnixListener::accept(self).await.map(|(stream, _)| (stream, None))
    }
}

/// Serves until the stop, then waits for the requests that are being answered.
pub async fn serve<L: Listener>(door: Door<L>, app: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut failing = false;
    // Half requests come and go in waves: each wave is no news.
    let (crowded, crowding) = (Told::default(), Told::default());
    let address = door.name;
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = door.listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, ip) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(address, %error, "cannot accept connections; trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        if door.is_public && !door.crowd.lets_in(ip) {
            let from = ip.map(|ip| ip.to_string()).unwrap_or_default();
            if let Some(unsaid) = crowding.tell(&from) {
                tracing::warn!(
                    address,
                    from,
                    unsaid,
                    "a connection is closed, because its address has as many as one may have, all of them in use"
                );
            }
            continue;
        }
        let place = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            place = place(&door, &crowded) => place,
        };
        let seat = door.crowd.join(ip);
        let is_public = door.is_public;
        let (tls, app, stopped) = (door.tls.clone(), app.clone(), stopped.clone());
        let peer = Peer { ip, tls: tls.is_some() };
        connections.spawn(async move {
            match tls {
                None => connection(stream, peer, &seat, app, is_public, stopped).await,
                Some(tls) => {
                    let tls = TlsAcceptor::from(tls.config());
                    if let Some(stream) = handshake(&tls, stream, &seat, stopped.clone()).await {
                        connection(stream, peer, &seat, app, is_public, stopped).await;
                    }
                }
            }
            drop(seat);
            drop(place);
        });
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// A place: a free one, or else that of who is idle for longest.
async fn place<L>(door: &Door<L>, crowded: &Told) -> Place {
    loop {
        let idled = door.crowd.idled();
        if let Some(place) = door.gate.try_enter() {
            return place;
        }
        let waits = !door.is_public || !door.crowd.give_way();
        if waits && crowded.tell(door.name).is_some() {
            let (address, limit) = (door.name, door.gate.limit());
            tracing::warn!(
                address,
                limit,
                "no more connections are accepted for now, because all places are taken; new ones wait"
            );
        }
        tokio::select! {
            biased;
            place = door.gate.enter() => return place,
            () = idled, if waits && door.is_public => {}
            // Nobody says when the rest of a body does not come.
            () = tokio::time::sleep(BODY_STILL), if waits && door.is_public => {}
            // The one who was asked to end had asked for something meanwhile, and gets it.
            () = tokio::time::sleep(LOOK), if !waits => {}
        }
    }
}

/// The stream inside TLS. What can be wrong with a handshake is the peer's matter.
async fn handshake<S>(
    tls: &TlsAcceptor,
    stream: S,
    seat: &Seat,
    mut stopped: watch::Receiver<bool>,
) -> Option<tokio_rustls::server::TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => shaken.ok()?.ok(),
        () = seat.asked_to_leave() => None,
        _ = stopped.wait_for(|stopped| *stopped) => None,
    }
}

async fn connection<S>(
    stream: S,
    peer: Peer,
    seat: &Arc<Seat>,
    app: Router,
    is_public: bool,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let moves = seat.moves().clone();
    let io = TokioIo::new(Moving { stream, moves: moves.clone() });
    let app = TowerToHyperService::new(app);
    let coming = moves.clone();
    let answer = service_fn(move |mut request: axum::http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let request = request.map(|body| Coming { body, moves: coming.clone() });
        let (answering, answer) = (seat.answers(), app.call(request));
        async move {
            let answer = answer.await?;
            let answer = answer.map(|body| Body::new(Answered { body, _answering: answering }));
            Ok::<_, Infallible>(answer)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(io, answer);
    let mut serving = std::pin::pin!(serving);
    let (mut stopping, mut leaving) = (false, false);
    let (mut look, mut next_look) = (Look::default(), Instant::now() + LOOK);
    loop {
        tokio::select! {
            biased;
            // However it ended: what can be wrong with a connection is the peer's matter.
            ended = serving.as_mut() => return drop(ended),
            _ = stopped.wait_for(|stopped| *stopped), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
            () = seat.asked_to_leave(), if !leaving => {
                leaving = true;
                serving.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(if leaving { LEAVE_LOOK } else { LOOK }) => {
                // A store may think for long about a question: nothing moves then, and somebody waits.
                let waits_for_us = seat.is_answering() && !moves.is_stuck() && !moves.is_awaited();
                if is_public && !waits_for_us && moves.still() >= IDLE_TIMEOUT {
                    return;
                }
                if Instant::now() >= next_look {
                    next_look = Instant::now() + LOOK;
                    seat.reads(!look.is_slow(&moves));
                }
            }
        }
        // A request that has come meanwhile is answered; who is idle says goodbye.
        let has_ended = poll_fn(|cx| Poll::Ready(serving.as_mut().poll(cx).is_ready()));
        if leaving && (has_ended.await || !seat.lingers()) {
            return;
        }
    }
}

/// An answer that is being given until its body has come to an end.
struct Answered {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::{Semaphore, mpsc};

    const NOBODY: Peer = Peer { ip: None, tls: false };

    /// What comes back when this is sent and nothing more.
    async fn answer(sent: &str) -> String {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let app = Router::new().route("/", get(|| async { "hello" }));
        let (_stop, stopped) = watch::channel(false);
        let seat = Crowd::new(1, Vec::new()).join(None);
        let serving = tokio::spawn(async move {
            connection(ours, NOBODY, &seat, app, true, stopped).await;
        });
        theirs.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.unwrap();
        serving.await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_request_ends_by_itself() {
        for half in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
            let answer = answer(half).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_kept_open_for_nothing_ends_by_itself() {
        let answer = answer("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_by_itself() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let app = Router::new().route("/", get(|| async { "x".repeat(100_000) }));
        let (_stop, stopped) = watch::channel(false);
        let seat = Crowd::new(1, Vec::new()).join(None);
        let serving = tokio::spawn(async move {
            connection(ours, NOBODY, &seat, app, true, stopped).await;
        });
        theirs.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_body_ends_by_itself() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let app = Router::new().route("/", post(async |body: Bytes| format!("{}", body.len())));
        let (_stop, stopped) = watch::channel(false);
        let seat = Crowd::new(1, Vec::new()).join(None);
        let serving = tokio::spawn(async move {
            connection(ours, NOBODY, &seat, app, true, stopped).await;
        });
        let half = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf of it";
        theirs.write_all(half).await.unwrap();
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_longer_than_nothing_may_move() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let slow = || async {
            tokio::time::sleep(IDLE_TIMEOUT * 4).await;
            "at last"
        };
        let app = Router::new().route("/", get(slow));
        let (_stop, stopped) = watch::channel(false);
        let seat = Crowd::new(1, Vec::new()).join(None);
        let serving = tokio::spawn(async move {
            connection(ours, NOBODY, &seat, app, true, stopped).await;
        });
        theirs.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("at last"), "{answer}");
        serving.await.unwrap();
    }

    /// Who connects, without a network: each with its address.
    struct Street(tokio::sync::Mutex<mpsc::Receiver<(DuplexStream, IpAddr)>>);

    impl Listener for Street {
        type Io = DuplexStream;
        async fn accept(&self) -> io::Result<(DuplexStream, Option<IpAddr>)> {
            match self.0.lock().await.recv().await {
                Some((stream, from)) => Ok((stream, Some(from))),
                None => std::future::pending().await,
            }
        }
    }

    /// An answer that always has something to send.
    fn endless() -> Body {
        Body::from_stream(futures_util::stream::repeat_with(|| {
            io::Result::Ok(Bytes::from(vec![b'x'; 1 << 16]))
        }))
    }

    struct House {
        street: mpsc::Sender<(DuplexStream, IpAddr)>,
        begun: Instant,
        _stop: watch::Sender<bool>,
    }

    /// Four places, three of them for one address at most.
    fn house() -> House {
        let (street, came) = mpsc::channel(64);
        let (stop, stopped) = watch::channel(false);
        let gate = Gate::new(4, 4, &Arc::new(Semaphore::new(0)));
        let listener = Street(tokio::sync::Mutex::new(came));
        let crowd = Crowd::new(3, Vec::new());
        let door = Door { name: "web address", listener, gate, crowd, is_public: true, tls: None };
        let forever = || async { Body::from_stream(futures_util::stream::pending::<io::Result<Bytes>>()) };
        let app = Router::new().route("/", get(|| async { "hello" })).route("/forever", get(forever));
        let app = app.route("/much", get(|| async { endless() }));
        let app = app.route("/take", post(async |body: Bytes| format!("hello {}", body.len())));
        tokio::spawn(serve(door, app, stopped));
        House { street, begun: Instant::now(), _stop: stop }
    }

    impl House {
        /// Somebody from 10.0.0.`from` asks for this and keeps the connection; with the head of the answer.
        async fn ask(&self, from: u8, path: &str) -> (DuplexStream, String) {
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            self.street.send((ours, IpAddr::from([10, 0, 0, from]))).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            theirs.write_all(request.as_bytes()).await.unwrap_or_default();
            let (mut answer, mut piece) = (String::new(), [0; 1024]);
            while !(answer.contains("hello") || path == "/forever" && answer.contains("\r\n\r\n")) {
                match theirs.read(&mut piece).await.unwrap_or(0) {
                    0 => break,
                    n => answer.push_str(&String::from_utf8_lossy(&piece[..n])),
                }
            }
            (theirs, answer)
        }
    }

    #[track_caller]
    fn check_answered(house: &House, answer: &str) {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert_eq!(house.begun.elapsed(), Duration::ZERO, "nobody waits for a time-out");
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_are_kept_open_for_nothing_keep_nobody_away() {
        let house = house();
        let mut kept = Vec::new();
        for n in 0..20 {
            let (stream, answer) = house.ask(n % 3, "/").await;
            check_answered(&house, &answer);
            kept.push(stream);
        }
        // The first has ended in order, the last one is still there.
        assert_eq!(kept[0].read(&mut [0; 8]).await.unwrap(), 0);
        let last = kept.last_mut().unwrap();
        last.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(last.read(&mut [0; 8]).await.unwrap(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_does_not_take_all_places_by_asking() {
        let house = house();
        let mut kept = Vec::new();
        for _ in 0..3 {
            let (stream, answer) = house.ask(1, "/forever").await;
            check_answered(&house, &answer);
            kept.push(stream);
        }
        let (_, answer) = house.ask(1, "/forever").await;
        assert_eq!(answer, "", "it has its share");
        for _ in 0..3 {
            let (stream, answer) = house.ask(2, "/").await;
            check_answered(&house, &answer);
            kept.push(stream);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_being_answered_gives_no_place_up_and_a_new_one_waits() {
        let house = Arc::new(house());
        let mut kept = Vec::new();
        for from in 1..=4 {
            kept.push(house.ask(from, "/forever").await.0);
        }
        let asks = house.clone();
        let waits = tokio::spawn(async move { asks.ask(5, "/").await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!waits.is_finished());
        kept.pop();
        check_answered(&house, &waits.await.unwrap().1);
    }
    #[tokio::test(start_paused = true)]
    async fn half_requests_of_many_addresses_keep_nobody_away() {
        let house = house();
        let mut halves = Vec::new();
        for n in 0..20 {
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            house.street.send((ours, IpAddr::from([10, 0, 0, n % 7]))).await.unwrap();
            theirs.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap_or_default();
            halves.push(theirs);
        }
        let (_kept, answer) = house.ask(9, "/").await;
        check_answered(&house, &answer);
        // The oldest has ended for it, the youngest has not.
        assert_eq!(halves[0].read(&mut [0; 8]).await.unwrap(), 0);
        let youngest = halves.last_mut().unwrap();
        youngest.write_all(b"alhost\r\n\r\n").await.unwrap();
        assert_eq!(youngest.read(&mut [0; 8]).await.unwrap(), 8);
    }

    /// Of a body of 100 bytes.
    async fn half_a_body(house: &House, from: u8) -> DuplexStream {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        house.street.send((ours, IpAddr::from([10, 0, 0, from]))).await.unwrap();
        let half = "POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf of it";
        theirs.write_all(half.as_bytes()).await.unwrap_or_default();
        theirs
    }

    #[tokio::test(start_paused = true)]
    async fn half_bodies_of_many_addresses_keep_nobody_away() {
        let house = house();
        let mut halves = Vec::new();
        for from in 1..=4 {
            halves.push(half_a_body(&house, from).await);
        }
        let (_kept, answer) = house.ask(5, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        let waited = house.begun.elapsed();
        assert!(waited <= 2 * BODY_STILL, "the virtual time until it was seen: {waited:?}");
        // The oldest has ended for it, the youngest has not.
        assert_eq!(halves[0].read(&mut [0; 8]).await.unwrap(), 0);
        let youngest = halves.last_mut().unwrap();
        youngest.write_all(&[b'x'; 90]).await.unwrap();
        let mut answer = [0; 8];
        youngest.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1");
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_sending_a_body_gives_no_place_up_and_who_stops_does() {
        let house = Arc::new(house());
        let mut kept = Vec::new();
        for from in 1..=3 {
            kept.push(house.ask(from, "/forever").await.0);
        }
        let mut sender = half_a_body(&house, 4).await;
        let asks = house.clone();
        let waits = tokio::spawn(async move { asks.ask(5, "/").await });
        for _ in 0..20 {
            tokio::time::sleep(BODY_STILL / 2).await;
            sender.write_all(b"x").await.unwrap();
        }
        assert!(!waits.is_finished());
        let (_kept, answer) = waits.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert_eq!(sender.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_an_answer_gives_way_and_who_hears_nothing_does_not() {
        let house = house();
        let mut kept = Vec::new();
        for from in 1..=3 {
            kept.push(house.ask(from, "/forever").await.0);
        }
        let (ours, mut deaf) = tokio::io::duplex(64);
        house.street.send((ours, IpAddr::from([10, 0, 0, 4]))).await.unwrap();
        deaf.write_all(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let (_kept, answer) = house.ask(5, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        let waited = house.begun.elapsed();
        assert!(waited <= 2 * LOOK, "the virtual time until it was seen: {waited:?}");
        for stream in &mut kept {
            // They are still there: nothing more comes, and no end.
            let more = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut [0; 8])).await;
            assert!(more.is_err(), "{more:?}");
        }
    }
}
