//! One datagram for each line (RFC 5426).
//!
//! A line is taken when it was given to the network. Nobody says whether it arrives; but where a target's
//! host says that nobody listens there, the lines wait and go again.

use std::io;

use loggr_net::Address;
use tokio::net::UdpSocket;

use super::pace::Pace;
use super::trouble::Trouble;
use super::work::{Line, Work};

/// The longest line over IPv4: 64 KiB without the headers of IP and UDP.
const MAX_IPV4_BYTES: usize = 65_507;
/// The same over IPv6, which does not count its header.
const MAX_IPV6_BYTES: usize = 65_527;

/// A socket that sends to one target.
pub struct Session {
    target: String,
    socket: UdpSocket,
    longest: usize,
}

impl Session {
    /// Looks the target up.
    pub async fn open(target: &Address) -> Result<Session, Trouble> {
        let failed = |error: io::Error| Trouble::unreachable(&target.to_string(), &error);
        let host = target.host();
        let mut found = tokio::net::lookup_host((host.as_str(), target.port())).await.map_err(failed)?;
        let peer =
            found.next().ok_or_else(|| Trouble::new(format!("the host of `{target}` has no address")))?;
        let (here, longest) = match peer.is_ipv4() {
            true => ("0.0.0.0:0", MAX_IPV4_BYTES),
            false => ("[::]:0", MAX_IPV6_BYTES),
        };
        let socket = UdpSocket::bind(here).await.map_err(failed)?;
        socket.connect(peer).await.map_err(failed)?;
        Ok(Session { target: target.to_string(), socket, longest })
    }

    /// Sends the lines that have to go. Gives how many had to be cut.
    pub async fn send(&mut self, work: &mut Work, pace: &Pace) -> Result<u64, Trouble> {
        let lines: Vec<Line> = std::iter::from_fn(|| work.next()).collect();
        match self.write(&lines, pace).await {
            Ok(cut) => {
                lines.iter().for_each(|line| work.taken(line));
                Ok(cut)
            }
            Err(error) => {
                work.again(&lines);
                Err(match error.kind() {
                    io::ErrorKind::ConnectionRefused => Trouble::unreachable(&self.target, &error),
                    _ => Trouble::new(format!("cannot send to `{}`: {error}", self.target)),
                })
            }
        }
    }

    async fn write(&self, lines: &[Line], pace: &Pace) -> io::Result<u64> {
        let mut cut = 0;
        for (at, line) in lines.iter().enumerate() {
            let whole = line.as_ref();
            let sent = shortened(whole, self.longest);
            if !pace.try_take(sent.len()) {
                pace.take(sent.len()).await;
                self.heard()?;
            }
            self.socket.send(sent).await?;
            cut += u64::from(sent.len() < whole.len());
            // Before all the others go the same way.
            if at == 0 {
                self.heard()?;
            }
        }
        self.heard()?;
        Ok(cut)
    }

    /// Has the target's host said that nobody listens there?
    fn heard(&self) -> io::Result<()> {
        self.socket.take_error()?.map_or(Ok(()), Err)
    }
}

/// At most so many bytes of a line, and no half character at its end.
fn shortened(line: &[u8], longest: usize) -> &[u8] {
    let Some(cut) = line.get(..longest) else { return line };
    if cut.len() == line.len() {
        return line;
    }
    // Where the first byte that is left out goes on with a character, its beginning goes too, which is at most
    // three bytes before. What is no text is cut where it must be.
    let goes_on = |at: usize| matches!(line.get(at), Some(0x80..=0xbf));
    let begin = (longest.saturating_sub(3)..=longest).rev().find(|at| !goes_on(*at));
    begin.and_then(|begin| line.get(..begin)).unwrap_or(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, longest: usize, expect: &str) {
        assert_eq!(shortened(line.as_bytes(), longest), expect.as_bytes());
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        check("abc", 3, "abc");
        check("abcd", 3, "abc");
        check("abé", 3, "ab");
        check("aéb", 3, "aé");
        check("ab€", 4, "ab");
        check("", 3, "");
    }
}
