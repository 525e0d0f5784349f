//! A connection of `loggr send` over TCP, with TLS or without: blocking.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_net::tls::{
    About, Alert, ClientConfig, Identity, Trust, client, is_alert, server_name, wrong_with,
};
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

/// How long it is waited until the receiver ends the connection, too.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it is waited for what a receiver says of a connection that it has broken.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a receiver will never take anything on this connection: trying again would change nothing.
#[derive(Debug)]
pub struct Refused {
    what: String,
    /// What to do.
    pub hint: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// It speaks TLS where it was spoken to without.
    pub fn speaks_tls(address: &str) -> Refused {
        Refused {
            what: format!("`{address}` speaks TLS"),
            hint: "write relp+tls://HOST:PORT or tcp+tls://HOST:PORT, and see `--tls-ca`",
        }
    }

    /// What an error of TLS says, if it is one for good.
    fn of(address: &str, error: &io::Error) -> Option<Refused> {
        if let Some(alert) = Alert::of(error) {
            let hint = match alert.about {
                About::NoCertificate => "`--tls-cert` and `--tls-key` take the files of one that it trusts",
                About::Certificate => {
                    "`--tls-cert` needs a certificate that is valid, and for clients; compare the clocks, too"
                }
                About::Trust => {
                    "the receiver must know who has signed the certificate of `--tls-cert` (in loggr: `client_ca`), \
                     and let in its name (`allowed_peers`); its own log says more"
                }
                About::Offer => "it must speak TLS 1.2 or 1.3, and may want a certificate: see `--tls-cert`",
                About::Other => "the log of the receiver says more",
            };
            let meaning = if alert.meaning.is_empty() { "refuses the connection" } else { alert.meaning };
            return Some(Refused { what: format!("`{address}` {meaning} (alert `{}`)", alert.name), hint });
        }
        let (what, hint) = match error.get_ref()?.downcast_ref::<Error>()? {
            Error::InvalidCertificate(why) => {
                let hint = match why {
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                        "`--tls-name` takes the name that its certificate is for"
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                        "the receiver needs a newer one; is the clock of this host right?"
                    }
                    _ => "`--tls-ca` takes the file of the authority that has signed its certificate",
                };
                (format!("the certificate of `{address}` {}", wrong_with(why)), hint)
            }
            Error::InvalidMessage(_) => (
                format!("`{address}` does not speak TLS"),
                "is it the right port? otherwise leave `+tls` out",
            ),
            _ => return None,
        };
        Some(Refused { what, hint })
    }
}

/// An error of a connection, in words.
pub fn told(address: &str, error: io::Error, otherwise: &'static str) -> anyhow::Error {
    match Refused::of(address, &error) {
        Some(refused) => refused.into(),
        None => anyhow::Error::new(error).context(otherwise),
    }
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
            connection.complete_io(&mut socket).map_err(|error| no_tls(address, error))?;
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

    /// What the receiver has said before it broke the connection, if that tells more than the error.
    pub fn last_words(&mut self, address: &str, error: anyhow::Error) -> anyhow::Error {
        drop(self.socket().set_read_timeout(Some(LAST_WORDS_TIMEOUT)));
        let mut buffer = [0; 64];
        match self.read(&mut buffer) {
            Ok(n) if self.is_plain() && is_alert(buffer.get(..n).unwrap_or_default()) => {
                Refused::speaks_tls(address).into()
            }
            Ok(_) => error,
            Err(said) => Refused::of(address, &said).map_or(error, anyhow::Error::from),
        }
    }

    /// Waits until the receiver has ended the connection, too, but not for ever: one that refuses what it
    /// was sent says so at the end.
    pub fn ended(&mut self, address: &str) -> Result<()> {
        self.socket().set_read_timeout(Some(END_TIMEOUT))?;
        let (mut buffer, mut is_first) = ([0; 512], true);
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    let said = buffer.get(..n).unwrap_or_default();
                    if std::mem::take(&mut is_first) && self.is_plain() && is_alert(said) {
                        return Err(Refused::speaks_tls(address).into());
                    }
                }
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(());
                }
                Err(error) => return Err(told(address, error, "the receiver has broken the connection")),
            }
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Stream::Plain(_))
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
            Stream::Tls(stream) => match stream.read(buffer) {
                Ok(n) if n > 0 || buffer.is_empty() => Ok(n),
                ended => said(stream).map_or(ended, Err),
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes).map_err(|error| said(stream).unwrap_or(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// What the receiver has said before the connection ended. While something is written the library reads
/// an alert too, and keeps it for itself.
fn said(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> Option<io::Error> {
    let error = stream.conn.process_new_packets().err()?;
    Some(io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Why no TLS comes about.
fn no_tls(address: &str, error: io::Error) -> anyhow::Error {
    match Refused::of(address, &error) {
        Some(refused) => refused.into(),
        None => {
            let failed = Err::<(), _>(error).with_context(|| format!("no TLS with `{address}`"));
            let failed = failed.hint("does the receiver speak TLS on this port?").err();
            failed.unwrap_or_else(|| anyhow!("no TLS with `{address}`"))
        }
    }
}

/// Has nothing come within the time of the socket?
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
