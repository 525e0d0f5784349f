//! Why a target takes nothing: sentences for operators, with what to do.

use std::error::Error;
use std::fmt;
use std::io;

use loggr_net::tls::{About, Alert, wrong_with};
use tokio_rustls::rustls::{self, CertificateError};

/// Why a target takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    text: String,
    late: bool,
    ends: bool,
}

impl Trouble {
    /// `text` names the target, and says what is wrong and what to do.
    pub fn new(text: impl Into<String>) -> Trouble {
        Trouble { text: text.into(), late: false, ends: false }
    }

    /// The target does nothing at all.
    pub fn late(text: impl Into<String>) -> Trouble {
        Trouble { text: text.into(), late: true, ends: false }
    }

    /// It was waited for in vain: to wait once more at once would help nobody.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// The other end has ended a connection that stood.
    pub fn is_end(&self) -> bool {
        self.ends
    }

    /// That is what it is.
    #[must_use]
    pub fn ending(self) -> Trouble {
        Trouble { ends: true, ..self }
    }

    /// No connection comes about.
    pub fn unreachable(target: &str, error: &io::Error) -> Trouble {
        let hint = match error.kind() {
            io::ErrorKind::ConnectionRefused => "does the receiver run, and does it listen on this port?",
            io::ErrorKind::PermissionDenied => "a firewall or a rule of this system forbids it",
            _ if error.raw_os_error().is_none() => {
                "is the name of the host right, and does it have an address?"
            }
            _ => "is the host up, and is this its address?",
        };
        Trouble::new(format!("cannot connect to `{target}`: {error}; {hint}"))
    }

    /// A connection has broken, or no TLS comes about.
    pub fn broken(target: &str, error: &io::Error) -> Trouble {
        match tls_error(error) {
            Some(tls) => Trouble::tls(target, tls),
            None => Trouble::new(format!("the connection to `{target}` has broken: {error}")).ending(),
        }
    }

    /// The target has ended the connection.
    pub fn closed(target: &str) -> Trouble {
        Trouble::new(format!("`{target}` has closed the connection")).ending()
    }

    /// It does so on each line that it gets.
    #[must_use]
    pub fn whatever_it_gets(self) -> Trouble {
        let text = format!(
            "{}; so it does on each line that it gets alone, also on one of loggr's own, so that no event is to \
             blame: all of them wait until it takes one, and its log may say why it does not",
            self.text
        );
        Trouble { text, ..self }
    }

    fn tls(target: &str, error: &rustls::Error) -> Trouble {
        let (what, hint) = match error {
            rustls::Error::InvalidCertificate(why) => {
                let hint = match why {
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                        "write a name that it has into `targets`, or as `name` of `tls`"
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                        "the target needs a newer one; is the clock of this host right?"
                    }
                    _ => "name the file of the authority that has signed it as `ca` of `tls`",
                };
                (format!("cannot trust the certificate of `{target}`"), hint)
            }
            rustls::Error::InvalidMessage(_) => {
                (format!("`{target}` does not speak TLS"), "is it the right port? otherwise leave `tls` out")
            }
            rustls::Error::AlertReceived(alert) => return Trouble::alert(target, &Alert::named(*alert)),
            _ => (format!("cannot speak TLS with `{target}`"), "does it speak TLS 1.2 or 1.3?"),
        };
        let error = match error {
            rustls::Error::InvalidCertificate(why) => format!("it {}", wrong_with(why)),
            error => error.to_string(),
        };
        Trouble::new(format!("{what}: {error}; {hint}"))
    }

    /// The target says with an alert that it takes nothing of us.
    fn alert(target: &str, alert: &Alert) -> Trouble {
        let hint = match alert.about {
            About::NoCertificate => {
                "name the files of a certificate that it trusts as `cert` and `key` of `tls`"
            }
            About::Certificate => "`cert` of `tls` needs a certificate that is valid, and for clients",
            About::Trust => {
                "it must know who has signed the certificate in `cert` of `tls`, and let in its name"
            }
            About::Offer => {
                "does it speak TLS 1.2 or 1.3? if it wants to know who connects, see `cert` and `key` of `tls`"
            }
            About::Other => "its own log says more",
        };
        let meaning = if alert.meaning.is_empty() { String::new() } else { format!("it {} ", alert.meaning) };
        let what = format!("`{target}` has refused the TLS connection");
        Trouble::new(format!("{what}: {meaning}(alert `{}`); {hint}", alert.name))
    }

    /// The target has ended the connection instead of answering to TLS.
    pub fn no_tls(target: &str, error: &io::Error) -> Trouble {
        match (tls_error(error), error.kind()) {
            (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => Trouble::new(format!(
                "`{target}` has closed the connection instead of answering to TLS; does it speak TLS on this port? \
                 otherwise leave `tls` out"
            )),
            _ => Trouble::broken(target, error),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Trouble {}

/// The error of TLS that an error of I/O has inside.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inside| inside.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: rustls::Error, expect: &str) {
        let told = Trouble::broken("a:1", &io::Error::new(io::ErrorKind::InvalidData, error)).to_string();
        assert_eq!(told, expect);
    }

    #[test]
    fn what_is_wrong_with_tls_is_said_with_what_to_do() {
        check(
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
            "cannot trust the certificate of `a:1`: it is signed by no authority that is known here; name the file \
             of the authority that has signed it as `ca` of `tls`",
        );
        check(
            rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired),
            "`a:1` has refused the TLS connection: it wants to see a certificate (alert `certificate required`); name \
             the files of a certificate that it trusts as `cert` and `key` of `tls`",
        );
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(Trouble::no_tls("a:1", &closed).to_string().ends_with("otherwise leave `tls` out"));
        check(
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
            "`a:1` does not speak TLS: received corrupt message of type InvalidContentType; is it the right port? \
             otherwise leave `tls` out",
        );
    }

    #[test]
    fn what_is_wrong_with_a_connection_is_said_with_what_to_do() {
        let refused = io::Error::from_raw_os_error(nix::errno::Errno::ECONNREFUSED as i32);
        assert_eq!(
            Trouble::unreachable("a:1", &refused).to_string(),
            "cannot connect to `a:1`: Connection refused (os error 111); does the receiver run, and does it listen \
             on this port?"
        );
    }
}
