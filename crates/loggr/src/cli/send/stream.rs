//! A connection of `loggr send` over TCP, with TLS or without: blocking.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_net::tls::{
    About, Alert, ClientConfig, Identity, Trust, client, is_alert, server_name, wrong_with,
};
use tokio_rustls::rustls::{CertificateError, ClientConnection, Error, StreamOwned};

use crate::exit::Usage;
use crate::hint::Advise;
use crate::sink::syslog::unacknowledged;

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

/// How long a receiver may be silent while TLS comes about: it may have many others to serve before.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(90);
/// How long it is waited until the receiver ends the connection, too, when its system takes nothing more.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether its system has taken everything.
const LOOK: Duration = Duration::from_millis(2);
/// How long it is waited for what a receiver says of a connection that it has broken.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// What is known of lines on a connection that did not end in order.
const UNKNOWN: &str = "the receiver may not have taken all lines";
/// What to do about it.
const RELP_KNOWS: &str =
    "its log may say why; over RELP (`relp://`, `relp+tls://`) it says which lines it has taken";

/// How a connection ends that does not end in order.
enum Unended {
    /// The receiver refuses everything.
    Refused(Refused),
    /// It is not there any more.
    Broken(io::Error),
}

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
        socket.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|error| no_tls(address, error))?;
        }
        socket.set_read_timeout(None)?;
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
        let until = Instant::now() + LAST_WORDS_TIMEOUT;
        match self.hear_out(address, until) {
            Err(Unended::Refused(refused)) => refused.into(),
            _ => error,
        }
    }

    /// Ends the connection in order and waits until the receiver has done so, too, but not for ever. What it
    /// has not read when it goes away the system tells by a reset; one that refuses says so at the end.
    ///
    /// `sends`: lines were sent. Where none were, it does not matter how it goes away.
    pub fn end(&mut self, address: &str, sends: bool) -> Result<()> {
        let finished = self.finish();
        let unended = match self.hear_to_the_end(address) {
            Err(Unended::Refused(refused)) => return Err(refused.into()),
            _ if !sends => return Ok(()),
            Err(Unended::Broken(error)) => error,
            // Whoever could not even be told the end has not read it.
            Ok(patience) => match finished.and_then(|()| self.is_taken(patience)) {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let seconds = END_TIMEOUT.as_secs();
                    return Err(anyhow!("`{address}` has taken nothing more for {seconds} s"))
                        .context(UNKNOWN)
                        .hint(RELP_KNOWS);
                }
                Err(error) => error,
            },
        };
        let why = match unended.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
                format!("`{address}` closed the connection before it had read everything")
            }
            _ => format!("the connection to `{address}` has broken: {unended}"),
        };
        Err(anyhow!(why)).context(UNKNOWN).hint(RELP_KNOWS)
    }

    /// Waits for the end of the connection as long as the receiver's system takes something. How long it is
    /// to be waited then for the rest.
    fn hear_to_the_end(&mut self, address: &str) -> Result<Duration, Unended> {
        let mut before = usize::MAX;
        loop {
            if self.hear_out(address, Instant::now() + END_TIMEOUT)? {
                return Ok(END_TIMEOUT);
            }
            let held = unacknowledged(self.socket()).map_err(Unended::Broken)?;
            if held == 0 || held >= before {
                return Ok(Duration::ZERO);
            }
            before = held;
        }
    }

    /// Reads until the receiver has nothing more to say, or the time is over: then it is false.
    fn hear_out(&mut self, address: &str, until: Instant) -> Result<bool, Unended> {
        let (mut buffer, mut is_first) = ([0; 512], true);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.socket().set_read_timeout(Some(left)).map_err(Unended::Broken)?;
            match self.hear(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(n) => {
                    let said = buffer.get(..n).unwrap_or_default();
                    if std::mem::take(&mut is_first) && self.is_plain() && is_alert(said) {
                        return Err(Unended::Refused(Refused::speaks_tls(address)));
                    }
                }
                // Many receivers, as rsyslog with GnuTLS, close without a word of TLS. Whether they had read
                // everything the socket knows.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Ok(false),
                Err(error) => {
                    return Err(match Refused::of(address, &error) {
                        Some(refused) => Unended::Refused(refused),
                        None => Unended::Broken(error),
                    });
                }
            }
        }
    }

    /// Reads, and writes nothing before: where nothing can be written any more, what the receiver has said
    /// lies there still. 0 is the end of the connection, not only that of TLS.
    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = match self {
            Stream::Plain(socket) => return socket.read(buffer),
            Stream::Tls(stream) => stream,
        };
        loop {
            match stream.conn.reader().read(buffer) {
                // It has said the end of TLS.
                Ok(0) => return stream.sock.read(buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                heard => return heard,
            }
            stream.conn.read_tls(&mut stream.sock)?;
            stream
                .conn
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Whether the receiver's system has taken every byte, and the end. If the receiver goes away before it
    /// has read them, that is an error.
    fn is_taken(&self, patience: Duration) -> io::Result<bool> {
        let (socket, until) = (self.socket(), Instant::now() + patience);
        loop {
            let held = unacknowledged(socket)?;
            // After the question: a connection that was reset holds nothing either.
            match socket.take_error()? {
                Some(error) => return Err(error),
                None if held == 0 => return Ok(true),
                None if Instant::now() >= until => return Ok(false),
                None => std::thread::sleep(LOOK),
            }
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Stream::Plain(_))
    }

    /// Nothing more will be written.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Stream::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.socket().shutdown(std::net::Shutdown::Write)
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
        None if is_timeout(&error) => {
            anyhow!("`{address}` does not answer to TLS within {} s", HANDSHAKE_TIMEOUT.as_secs())
        }
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
