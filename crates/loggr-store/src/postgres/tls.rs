//! TLS to the server with rustls: the connector that the client library asks for.
//!
//! Three kinds of trust, by libpq's words: `require` encrypts and believes any certificate,
//! `verify-full` wants one that a given authority signed for the host's name; `prefer` is
//! `require` where the server offers TLS and nothing where it does not. Channel binding is
//! not offered: `verify-full` is what protects against a server in between.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use loggr_net::NetError;
use loggr_net::tls::{ClientConfig, Identity, Trust};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;

use crate::{ErrorKind, StoreError};

/// Whether and how a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Where the server offers it; its certificate is not checked.
    #[default]
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always, with a certificate of a known authority for the name of the host.
    VerifyFull,
}

impl SslMode {
    /// The mode of a word.
    pub fn parse(word: &str) -> Option<SslMode> {
        Some(match word {
            "disable" => SslMode::Disable,
            "prefer" | "allow" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-full" => SslMode::VerifyFull,
            _ => return None,
        })
    }

    pub(super) fn as_library(self) -> tokio_postgres::config::SslMode {
        match self {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        }
    }
}

/// Makes TLS connections; cheap to clone.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads certificates and key. `client` is the certificate and key shown to the server.
    pub(super) fn new(
        mode: SslMode,
        authorities: Option<&Path>,
        client: Option<(&Path, &Path)>,
    ) -> Result<Tls, StoreError> {
        let trust = match (mode, authorities) {
            (SslMode::VerifyFull, None) => {
                return Err(StoreError::new(
                    ErrorKind::Refused,
                    "`sslmode = \"verify-full\"` needs the certificates of the authorities",
                )
                .hinted("name their file in `sslrootcert`"));
            }
            (SslMode::VerifyFull, Some(file)) => Trust::of(Some(file)).map_err(refused)?,
            (SslMode::Disable | SslMode::Prefer | SslMode::Require, _) => Trust::Anybody,
        };
        let identity = client.map(|(chain, key)| Identity::read(chain, key)).transpose().map_err(refused)?;
        loggr_net::tls::client(&trust, identity.as_ref()).map(Tls).map_err(refused)
    }
}

/// Without a working TLS configuration no connection is possible, so the error counts as a refusal
/// by the server.
fn refused(error: NetError) -> StoreError {
    let hint = error.hint().unwrap_or("look at `sslmode`, `sslrootcert`, `sslcert` and `sslkey`").to_owned();
    let what = error.to_string();
    let refused = match error.into_cause() {
        Some(cause) => StoreError::with(ErrorKind::Refused, what, cause),
        None => StoreError::new(ErrorKind::Refused, what),
    };
    refused.hinted(hint)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// TLS to one host.
pub(super) struct ToHost {
    connector: TlsConnector,
    host: String,
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type TlsConnect = ToHost;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<ToHost> {
        Ok(ToHost { connector: TlsConnector::from(self.0.clone()), host: host.to_owned() })
    }
}

impl<S> TlsConnect<S> for ToHost
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = loggr_net::tls::server_name(&self.host)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
            Ok(TlsStream(self.connector.connect(name, stream).await?))
        })
    }
}

/// An encrypted stream.
pub(super) struct TlsStream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for TlsStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
