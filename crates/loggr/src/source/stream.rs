//! A session of framed syslog over TCP or a unix stream socket (RFC 6587).
//!
//! The protocol has no acknowledgement: what was read and cannot be published any
//! more is counted as lost. While the queue takes nothing, nothing is read, and the
//! sender's socket fills.

use std::time::Duration;

use loggr_wire::framing::{Framer, Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::{Connection, SPEAKS_RELP, SPEAKS_TLS, is_handshake, is_relp};
use super::intake::{Intake, Lines};
use crate::process::clock::now;

/// How long saying farewell to a peer that has ended the connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Counts a connection on which something else is spoken, and says so once in a while for each address.
fn breach(intake: &Intake, peer: &str, hint: &str, what: &str) {
    intake.stats.protocol_errors.add(1);
    let listener = intake.stats.name();
    let address = peer.rsplit_once(':').map_or(peer, |(address, _port)| address);
    if let Some(unsaid) = intake.stats.told_breach.tell(address) {
        let unsaid = (unsaid > 0).then_some(unsaid);
        tracing::warn!(listener, peer, unsaid, hint, "{what}");
    }
}

/// Runs until the peer closes, the connection idles out, or draining has taken what
/// was there when it began: a peer that goes on sending does not hold it up.
pub(super) async fn session(connection: Connection<'_>, mode: Mode) {
    let Connection { mut stream, mut buffer, origin, client, intake, deliveries, idle_timeout, mut stop } =
        connection;
    let mut framer = Framer::new(mode, intake.max_message_size);
    let mut lines = Lines::new(intake);
    let idle = idle_timeout.unwrap_or(Duration::from_secs(u32::MAX.into()));
    let (mut empty, mut is_first, mut has_ended) = (0, true, false);
    // Bytes to take still, once draining has begun.
    let mut rest = None;
    loop {
        let read = if let Some(rest) = rest {
            if rest == 0 {
                break;
            }
            match tokio::time::timeout(Duration::ZERO, stream.read(&mut buffer.bytes)).await {
                Ok(read) => read,
                Err(_) => break,
            }
        } else {
            tokio::select! {
                biased;
                () = stop.drain() => {
                    rest = Some(stream.waiting());
                    continue;
                }
                read = tokio::time::timeout(idle, stream.read(&mut buffer.bytes)) => match read {
                    Ok(read) => read,
                    Err(_) => break,
                },
                // Others wait for the place. What has come by now was read before.
                () = client.leave() => break,
            }
        };
        let n = match read {
            Ok(0) => {
                has_ended = true;
                break;
            }
            Ok(n) => n,
            Err(error) => {
                let (listener, peer) = (intake.stats.name(), origin.peer.as_str());
                tracing::debug!(listener, peer, %error, "a connection was lost");
                break;
            }
        };
        if std::mem::take(&mut is_first) {
            let begins = buffer.bytes.get(..n).unwrap_or_default();
            if is_handshake(begins) {
                // No line begins so, and what follows would be torn into events.
                breach(intake, &origin.peer, SPEAKS_TLS, "closing a connection on which no syslog came");
                return;
            }
            if is_relp(begins) {
                let what =
                    "a sender gets no answers, and may keep its events; what it sends is kept line by line";
                breach(intake, &origin.peer, SPEAKS_RELP, what);
                // A frame of RELP ends with a line feed, too; its number is no count of octets.
                framer = Framer::new(Mode::Lf, intake.max_message_size);
            }
        }
        rest = rest.map(|rest| rest.saturating_sub(n));
        let at = now();
        client.saw(at);
        framer.feed(buffer.bytes.get(..n).unwrap_or_default(), |line| lines.push_if_any(&origin, at, &line));
        buffer.adapt(n);
        let stats = framer.stats();
        intake.stats.empty.add(stats.empty - std::mem::replace(&mut empty, stats.empty));
        if stats.frames > 0 {
            client.prove();
        }
        client.busy();
        client.brought(lines.len());
        if let Some(delivery) = lines.end_unanswered()
            && deliveries.send(delivery).await.is_err()
        {
            return;
        }
        client.moved();
    }
    let at = now();
    framer.finish(|line| lines.push_if_any(&origin, at, &line));
    if let Some(delivery) = lines.end_unanswered() {
        // Where nobody takes it any more, it counts as lost.
        drop(deliveries.send(delivery).await);
    }
    // A sender that waits for the end of TLS learns that everything was read.
    if has_ended {
        drop(tokio::time::timeout(FAREWELL, stream.shutdown()).await);
    }
}
