//! A RELP session: lines in, answers out, an answer only for what is durable.
//!
//! The state machine is `loggr_wire::relp::Server`; here are the socket, the window
//! and the stop. A line whose delivery is nacked is never answered: the connection
//! ends, and the sender sends it again. However a session ends, what was durable before is answered, and
//! the answers are given the time to arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loggr_event::Origin;
use loggr_flow::{Delivery, Outcome, Settlements, Window, window};
use loggr_wire::framing::Frame;
use loggr_wire::relp::{Server, ServerConfig, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::clients::Client;
use super::connection::{CONNECTION_WINDOW, Connection, SPEAKS_TLS, is_handshake};
use super::intake::{Intake, Lines};
use crate::process::clock::now;

/// While so many bytes of answers wait for the peer to read them, nothing more is read.
const MAX_UNREAD_ANSWERS_BYTES: usize = 64 << 10;
/// How long the last answers may take to leave when the session ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long the peer may go on sending after the last answer. A socket that is closed with something unread
/// in it is reset, and the answers that are on their way would be lost.
const LINGER: Duration = Duration::from_secs(2);
/// The same while draining: the peer is in order, and others wait for the stop. And the time for both where
/// nothing has moved for long: what can leave leaves at once.
const BRIEF: Duration = Duration::from_millis(200);

/// Runs until the peer closes or breaks the protocol, an answer cannot be given, nothing moves
/// any more, or draining has answered all that was read.
pub(super) async fn session(connection: Connection<'_>) {
    let Connection { stream, mut buffer, origin, client, intake, deliveries, idle_timeout, mut stop } =
        connection;
    let (mut reader, mut writer) = tokio::io::split(stream);
    // A few octets of a compressed frame are many events: strangers are not offered it.
    let packed = origin.trusted;
    let config = ServerConfig { max_data_bytes: intake.max_message_size, packed, ..ServerConfig::default() };
    let (window, mut settlements) = window::<Handed>(CONNECTION_WINDOW);
    let mut session = Session {
        server: Server::new(config),
        lines: Lines::new(intake),
        window,
        window_bytes: buffer.window_bytes,
        held: 0,
        origin,
        client,
        intake,
        still_since: Some(client.moved()),
        refused: false,
    };
    let (mut draining, mut gone, mut still) = (false, false, false);
    // What of the buffer was read and not looked at: more came out of what stands before it than is handed on
    // at once.
    let mut unseen = 0..0;
    loop {
        if !unseen.is_empty() && session.has_room() && !session.is_over() {
            let used = session.feed(buffer.bytes.get(unseen.clone()).unwrap_or_default());
            unseen.start += used;
            if !session.deliver(&deliveries).await {
                break;
            }
            continue;
        }
        let server = &session.server;
        let answers = server.output().len();
        let done = match server.state() {
            State::Closed | State::Dead => true,
            State::Waiting | State::Open | State::Closing => draining && server.outstanding() == 0,
        };
        if done {
            break;
        }
        let reading = !draining
            && matches!(server.state(), State::Waiting | State::Open)
            && answers < MAX_UNREAD_ANSWERS_BYTES
            && unseen.is_empty()
            && session.has_room();
        tokio::select! {
            biased;
            Some(settled) = settlements.next() => {
                if !session.answer(settled, &mut settlements) {
                    break;
                }
                // Mostly the socket takes it at once; the rest waits its turn below.
                let output = session.server.output();
                let written = tokio::time::timeout(Duration::ZERO, writer.write(output)).await;
                match written {
                    Ok(Ok(n)) => session.server.consume_output(n),
                    Ok(Err(_)) => {
                        gone = true;
                        break;
                    }
                    Err(_) => {}
                }
            }
            written = writer.write(session.server.output()), if answers > 0 => match written {
                Ok(n) if n > 0 => {
                    session.server.consume_output(n);
                    session.moved();
                }
                _ => {
                    gone = true;
                    break;
                }
            },
            () = stop.drain(), if !draining => draining = true,
            read = reader.read(&mut buffer.bytes), if reading => {
                let n = match read {
                    Ok(n) if n > 0 => n,
                    _ => {
                        gone = true;
                        break;
                    }
                };
                let used = session.feed(buffer.bytes.get(..n).unwrap_or_default());
                unseen = used..n;
                if unseen.is_empty() {
                    buffer.adapt(n);
                }
                if !session.deliver(&deliveries).await {
                    break;
                }
            }
            // Others wait for the place.
            () = client.leave() => {
                still = true;
                break;
            }
            // Neither does the peer send, nor does it read its answers.
            () = idled(session.still_since, idle_timeout) => {
                still = true;
                break;
            }
        }
    }
    drop(deliveries);
    let farewell = if still { BRIEF } else { FAREWELL };
    session.part(&mut settlements, &mut writer, farewell).await;
    if !gone {
        let linger = if draining || still { BRIEF } else { LINGER };
        let rest = async { while matches!(reader.read(&mut buffer.bytes).await, Ok(n) if n > 0) {} };
        drop(tokio::time::timeout(linger, rest).await);
    }
}

/// A peer without its port.
fn address_of(peer: &str) -> &str {
    peer.rsplit_once(':').map_or(peer, |(address, _port)| address)
}

/// Resolves when nothing has moved for as long as is allowed.
async fn idled(still_since: Option<Instant>, allowed: Option<Duration>) {
    match (still_since, allowed) {
        (Some(since), Some(allowed)) => tokio::time::sleep(allowed.saturating_sub(since.elapsed())).await,
        _ => std::future::pending().await,
    }
}

/// A batch on its way to the bus.
#[derive(Clone, Copy, Debug)]
struct Handed {
    lines: usize,
    bytes: usize,
}

struct Session<'s> {
    server: Server,
    lines: Lines<'s>,
    window: Window<Handed>,
    /// So many bytes may be on their way.
    window_bytes: usize,
    /// So many are. What comes out of one compressed frame is the most by which they go beyond.
    held: usize,
    origin: Arc<Origin>,
    client: &'s Client,
    intake: &'s Intake,
    /// When something moved last; `None` while the peer waits for answers that are ours to give.
    still_since: Option<Instant>,
    /// A delivery was nacked: what comes after it must not be answered either, for
    /// answers go out in order.
    refused: bool,
}

impl Session<'_> {
    /// Something came, became durable or left.
    fn moved(&mut self) {
        self.still_since = if self.server.outstanding() == 0 {
            Some(self.client.moved())
        } else {
            self.client.busy();
            None
        };
    }

    /// One more batch may be on its way.
    fn has_room(&self) -> bool {
        self.window.free() > 0 && self.held < self.window_bytes
    }

    /// Nothing that comes now counts any more.
    fn is_over(&self) -> bool {
        !matches!(self.server.state(), State::Waiting | State::Open)
    }

    /// Takes lines; how much of the bytes was looked at.
    fn feed(&mut self, bytes: &[u8]) -> usize {
        let at = now();
        let Session { server, lines, origin, client, intake, .. } = self;
        client.saw(at);
        let fed = server.feed_part(bytes, |line| {
            let line = Frame { bytes: line.data, original_len: line.original_len, incomplete: false };
            lines.push(origin, at, &line);
        });
        if let Some(damage) = server.take_damage() {
            intake.stats.protocol_errors.add(1);
            let (listener, peer) = (intake.stats.name(), origin.peer.as_str());
            if let Some(unsaid) = intake.stats.told_breach.tell(address_of(peer)) {
                let unsaid = (unsaid > 0).then_some(unsaid);
                tracing::warn!(
                    listener,
                    peer,
                    error = %damage,
                    unsaid,
                    "refused compressed events; their sender sends them again without compression"
                );
            }
        }
        let used = *fed.as_ref().unwrap_or(&bytes.len());
        if let Err(error) = fed {
            intake.stats.protocol_errors.add(1);
            let (listener, peer) = (intake.stats.name(), origin.peer.as_str());
            let hint = match is_handshake(bytes) {
                true => SPEAKS_TLS,
                false => error.hint().unwrap_or("the peer breaks the rules of RELP"),
            };
            if let Some(unsaid) = intake.stats.told_breach.tell(address_of(peer)) {
                let unsaid = (unsaid > 0).then_some(unsaid);
                tracing::warn!(listener, peer, %error, hint, unsaid, "closing a RELP connection");
            }
        }
        if server.state() != State::Waiting {
            client.prove();
        }
        self.moved();
        used
    }

    /// False when nobody takes deliveries any more.
    async fn deliver(&mut self, deliveries: &mpsc::Sender<Delivery>) -> bool {
        let Some(batch) = self.lines.end() else { return true };
        self.client.brought(batch.len());
        // A slot was free before the read, and only this task takes slots.
        let Some(slot) = self.window.try_reserve() else { return false };
        let handed = Handed { lines: batch.len(), bytes: batch.byte_len() };
        self.held += handed.bytes;
        let ack = slot.ack(handed);
        deliveries.send(Delivery::new(batch, ack)).await.is_ok()
    }

    /// Answers what is durable. False when a delivery was nacked: the connection ends
    /// without an answer, which makes the sender send again.
    fn answer(&mut self, first: (Handed, Outcome), settlements: &mut Settlements<Handed>) -> bool {
        let mut next = Some(first);
        while let Some((handed, outcome)) = next {
            self.held = self.held.saturating_sub(handed.bytes);
            match outcome {
                Outcome::Ack(_) if self.refused => {}
                Outcome::Ack(_) => {
                    self.server.ack(handed.lines);
                }
                Outcome::Nack => self.refused = true,
            }
            next = settlements.try_next();
        }
        self.moved();
        !self.refused
    }

    /// Answers what still becomes durable, says farewell and ends the answers.
    async fn part(
        mut self,
        settlements: &mut Settlements<Handed>,
        writer: &mut (impl tokio::io::AsyncWrite + Unpin),
        patience: Duration,
    ) {
        // The pump settles everything in flight, then the window's last ack is gone.
        let (closed, _) = window::<Handed>(1);
        self.window = closed;
        while let Some(settled) = settlements.next().await {
            self.answer(settled, settlements);
        }
        if !self.refused {
            self.server.serverclose();
        }
        let farewell = async {
            writer.write_all(self.server.output()).await?;
            writer.shutdown().await
        };
        // A peer that is gone needs no farewell.
        drop(tokio::time::timeout(patience, farewell).await);
    }
}

#[cfg(test)]
mod tests;
