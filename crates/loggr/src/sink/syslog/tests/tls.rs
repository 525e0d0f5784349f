//! Targets over TCP with TLS 1.3 that look at who connects only when lines have come: their system has
//! taken these, and they have not.

use std::pin::Pin;
use std::task::{Context, Poll};

use loggr_net::tls::{Clients, Server, ServerFiles};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::ship::ForwardTls;

/// Lines of the batch, and bytes of them that have come before the target goes on.
const LINES: usize = 400;
const SOME_BYTES: u64 = 15_000;

/// A connection of which, after the first message of the handshake, nothing is read before lines have come.
struct Late {
    stream: TcpStream,
    reads: usize,
}

impl AsyncRead for Late {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.reads == 1 && rustix::io::ioctl_fionread(&self.stream)? < SOME_BYTES {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.reads += usize::from(read.is_ready());
        read
    }
}

impl AsyncWrite for Late {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The settings of a target, with and without the wish to see a certificate.
fn servers() -> [Arc<Server>; 2] {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, private) = (directory.path().join("a.crt"), directory.path().join("a.key"));
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap();
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    let asking = Clients { authorities: Some(certificate.clone()), must_show: true, ..Clients::default() };
    [asking, Clients::default()].map(|clients| {
        let files = ServerFiles { certificate: certificate.clone(), key: private.clone(), clients };
        Arc::new(Server::open(files, &[]).unwrap())
    })
}

#[tokio::test]
async fn lines_that_a_target_had_when_it_refused_us_go_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, got) = (listener.local_addr().unwrap(), Got::default());
    let (kept, [asking, open]) = (got.clone(), servers());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let refused = TlsAcceptor::from(asking.config()).accept(Late { stream, reads: 0 }).await;
        assert!(refused.is_err());
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(open.config()).accept(stream).await.unwrap();
        let mut framer = Framer::new(Mode::OctetCounting, MAX_FRAME_BYTES);
        let mut buffer = vec![0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            framer.feed(&buffer[..n], |frame| kept.add(frame.bytes));
        }
    });
    let files = ForwardTls { authorities: None, identity: None, name: None, verify: false };
    let ship = SyslogShip { tls: Some(files.clone()), ..ship(Carrier::Tcp, &[address]) };
    let tls = Tls::read(&files).unwrap();
    let stats = Arc::new(ForwardStats::new(&ship));
    let mut sink = SyslogSink::new("siem", &ship, Some(tls), stats, Stop::never());
    let texts: Vec<String> = (0..LINES).map(|n| format!("{n:060}")).collect();
    let batch = contract::lines(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let error = sink.store(&batch).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    assert!(error.to_string().contains("wants to see a certificate"), "{error}");
    assert_eq!((sink.stats.unacknowledged.get(), sink.stats.resent.get()), (0, LINES as u64));
    sink.store(&batch).await.map(drop).unwrap();
    assert_eq!(has(&got, LINES).await, texts);
    assert_eq!(sink.stats.unacknowledged.get(), LINES as u64);
}
