//! A connection of `loggr send` over TCP, with TLS or without: blocking.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_net::tls::{ClientConfig, Identity, Trust, client, server_name};
use tokio_rustls::rustls::{CertificateError, ClientConnection, Error, StreamOwned};

use crate::exit::Usage;
use crate::hint::Advise;

/// The options of TLS.
#[derive(Debug, Default, Args)]
pub struct TlsArgs {
    /// TLS: trust receivers whose certificate an authority in this file (PEM) has signed [default:
    /// those that this system trusts]
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// TLS: show the certificate in this file (PEM) to the receiver
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS: the file (PEM) with the private key of `--tls-cert`
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// TLS: the name that the receiver's certificate must be for [default: the host in `--to`]
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
}

/// How connections are encrypted; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: Option<String>,
}

impl TlsArgs {
    /// The settings, where the URL asks for TLS.
    pub fn read(&self, encrypted: bool) -> Result<Option<Tls>> {
        if !encrypted {
            let given = [("--tls-ca", self.tls_ca.is_some()), ("--tls-cert", self.tls_cert.is_some())];
            let given = given.into_iter().chain([("--tls-name", self.tls_name.is_some())]);
            return match given.into_iter().find(|(_, given)| *given) {
                None => Ok(None),
                Some((option, _)) => Err(anyhow!("`{option}` means nothing without TLS"))
                    .hint("write relp+tls://HOST:PORT or tcp+tls://HOST:PORT")
                    .usage(),
            };
        }
        if let Some(name) = &self.tls_name {
            server_name(name).usage()?;
        }
        let identity = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let identity = identity.map(|(chain, key)| Identity::read(chain, key)).transpose().usage()?;
        let trust = Trust::of(self.tls_ca.as_deref()).usage()?;
        let config = client(&trust, identity.as_ref()).usage()?;
        Ok(Some(Tls { config, name: self.tls_name.clone() }))
    }
}

/// A connection, encrypted or not.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects.
    pub fn connect(address: &str, tls: Option<&Tls>) -> Result<Stream> {
        let mut socket = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to `{address}`"))
            .hint("is the receiver running, and does it listen on that address?")?;
        socket.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Stream::Plain(socket)) };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = server_name(tls.name.as_deref().unwrap_or(host))?;
        let mut connection = ClientConnection::new(tls.config.clone(), name)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|error| refused(address, error))?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    /// Nothing more will be written.
    pub fn finish(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
        drop(self.socket().shutdown(std::net::Shutdown::Write));
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// Why no TLS comes about, and what to do.
fn refused(address: &str, error: io::Error) -> anyhow::Error {
    let hint = match error.get_ref().and_then(|inside| inside.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "`--tls-name` takes the name that its certificate is for",
        Some(Error::InvalidCertificate(_)) => {
            "`--tls-ca` takes the file of the authority that has signed its certificate"
        }
        Some(Error::AlertReceived(_)) => "it may want to know who you are: see `--tls-cert` and `--tls-key`",
        _ => "does the receiver speak TLS on this port?",
    };
    let failed = Err::<(), _>(error).with_context(|| format!("no TLS with `{address}`")).hint(hint);
    failed.err().unwrap_or_else(|| anyhow!("no TLS with `{address}`"))
}
