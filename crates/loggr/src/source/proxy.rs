//! The PROXY protocol, versions 1 and 2: the head with which a load balancer says from where a
//! connection comes. Read from a named proxy before anything else.
//!
//! Not how a head is parsed, which the crate `proxy-header` knows, and not whom the listener lets in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use loggr_net::tls::Reason;
use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long the head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest head of version 1 is `PROXY UNKNOWN` and a line end.
const SHORTEST: usize = 15;
/// The longest head of version 1.
const MAX_LINE_BYTES: usize = 107;
/// The longest head of version 2: what follows the addresses is not needed, and is bounded.
const MAX_BINARY_BYTES: usize = 4096;
/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version, family, and the length of the rest.
const BINARY_HEAD: usize = 16;

/// The sender's address: that in the head, or `proxy` where the head says that the proxy speaks for itself.
/// Not a byte behind the head is read.
pub(super) async fn sender(
    stream: &mut (impl AsyncRead + Unpin),
    proxy: SocketAddr,
) -> Result<SocketAddr, Reason> {
    let head = match tokio::time::timeout(HEAD_TIMEOUT, head(stream)).await {
        Ok(Ok(head)) => head,
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(wrong(&error.to_string()));
        }
        Ok(Err(_)) => {
            let text = "closed the connection before its head of the PROXY protocol was complete".to_owned();
            return Err(Reason { text, hint: None, is_quiet: true });
        }
        Err(_) => return Err(wrong(&format!("its head did not come within {} s", HEAD_TIMEOUT.as_secs()))),
    };
    match ProxyHeader::parse(&head, ParseConfig::default()) {
        Ok((parsed, _)) => Ok(parsed.proxied_address().map_or(proxy, |addresses| addresses.source)),
        Err(error) => Err(malformed(&error)),
    }
}

/// It begins as a head does, and goes on otherwise.
fn malformed(error: &proxy_header::Error) -> Reason {
    let why = match error {
        proxy_header::Error::BufferTooShort => "something is missing in it",
        proxy_header::Error::Invalid => "its fields are not addresses and ports",
        proxy_header::Error::AddressFamilyMismatch => "one of its addresses is IPv4 and the other is IPv6",
        _ => "it is of a kind that is not known here",
    };
    reason(format!("sends a head of the PROXY protocol that cannot be read: {why}"))
}

fn wrong(why: &str) -> Reason {
    reason(format!("sends no head of the PROXY protocol: {why}"))
}

fn reason(text: String) -> Reason {
    Reason {
        text,
        hint: Some(
            "the networks of `proxy_from` must hold proxies alone, and these must send the head (HAProxy: \
             `send-proxy` or `send-proxy-v2`)",
        ),
        is_quiet: false,
    }
}

/// The bytes of the head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let invalid = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut head = vec![0; SHORTEST];
    // Somebody who speaks something else may say less and wait: the first byte tells.
    read(stream, &mut head, 0, 1).await?;
    if !matches!(head.first(), Some(b'P' | b'\r')) {
        return invalid("it begins with something else");
    }
    read(stream, &mut head, 1, SHORTEST).await?;
    if head.starts_with(SIGNATURE) {
        head.resize(BINARY_HEAD, 0);
        read(stream, &mut head, SHORTEST, BINARY_HEAD).await?;
        let length = match head.get(BINARY_HEAD - 2..) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        if BINARY_HEAD + length > MAX_BINARY_BYTES {
            return invalid("it is too long");
        }
        head.resize(BINARY_HEAD + length, 0);
        read(stream, &mut head, BINARY_HEAD, BINARY_HEAD + length).await?;
        return Ok(head);
    }
    if !head.starts_with(b"PROXY ") {
        return invalid("it begins with something else");
    }
    while !head.ends_with(b"\r\n") {
        if head.len() == MAX_LINE_BYTES {
            return invalid("its line does not end");
        }
        let end = head.len();
        head.push(0);
        read(stream, &mut head, end, end + 1).await?;
    }
    Ok(head)
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    head: &mut [u8],
    from: usize,
    to: usize,
) -> io::Result<()> {
    stream.read_exact(head.get_mut(from..to).unwrap_or_default()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sender and what is left to read; or why there is none.
    async fn told(sent: &[u8]) -> (Result<String, String>, Vec<u8>) {
        let mut rest = sent;
        let proxy = SocketAddr::from(([10, 0, 0, 9], 99));
        let sender =
            sender(&mut rest, proxy).await.map(|from| from.to_string()).map_err(|reason| reason.text);
        (sender, rest.to_vec())
    }

    #[tokio::test]
    async fn a_line_names_the_sender_and_nothing_behind_it_is_read() {
        for (head, expect) in [
            ("PROXY TCP4 192.0.2.7 192.0.2.1 5000 6514\r\n", "192.0.2.7:5000"),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 5000 6514\r\n", "[2001:db8::7]:5000"),
            ("PROXY UNKNOWN\r\n", "10.0.0.9:99"),
            ("PROXY UNKNOWN ff::1 ff::2 1 2\r\n", "10.0.0.9:99"),
        ] {
            let (sender, rest) = told(format!("{head}<13>hello\n").as_bytes()).await;
            assert_eq!((sender.as_deref(), rest.as_slice()), (Ok(expect), &b"<13>hello\n"[..]), "{head}");
        }
    }

    #[tokio::test]
    async fn a_binary_head_names_the_sender() {
        let mut head =
            [SIGNATURE.as_slice(), &[0x21, 0x11, 0, 12], &[192, 0, 2, 7, 192, 0, 2, 1, 0x13, 0x88, 0, 1]]
                .concat();
        let (sender, rest) = told(&[head.as_slice(), b"x"].concat()).await;
        assert_eq!((sender.as_deref(), rest.as_slice()), (Ok("192.0.2.7:5000"), &b"x"[..]));
        // What the proxy asks for itself, such as whether we live.
        head[12] = 0x20;
        assert_eq!(told(&head).await.0.as_deref(), Ok("10.0.0.9:99"));
    }

    #[tokio::test]
    async fn what_is_no_head_is_told() {
        for sent in [
            &b"<13>a line of syslog, not a head"[..],
            b"1 open 0 \n",
            b"PROXY TCP4 not an address at all\r\n",
            &[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(),
            &[SIGNATURE.as_slice(), &[0x21, 0x11, 0xff, 0xff]].concat(),
            &[SIGNATURE.as_slice(), &[0x31, 0x11, 0, 0]].concat(),
        ] {
            let (sender, _) = told(sent).await;
            let is_told = |why: String| {
                (why.starts_with("sends no head") || why.contains("that cannot be read"))
                    && !why.contains("buffer")
            };
            assert!(sender.is_err_and(is_told), "{sent:?}");
        }
        let (sender, _) = told(b"PROXY TCP4 1").await;
        assert!(sender.is_err_and(|why| why.starts_with("closed the connection")));
    }
}
