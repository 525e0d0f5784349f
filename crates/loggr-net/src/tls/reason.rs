//! Why a handshake failed, in words for who runs the server: what the peer did, and what to do.
//!
//! The library's error is the input; nothing here decides who is let in.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::alert::{Alert, wrong_with};
use super::clients::Refusal;

/// What went wrong in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What the peer did, without a subject: `shows no certificate`.
    pub text: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
    /// The peer has said nothing wrong: it went away.
    pub is_quiet: bool,
}

impl Reason {
    /// The reason in an error of a handshake as a server.
    pub fn of(error: &io::Error) -> Reason {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match (inner, error.kind()) {
            (Some(error), _) => of_library(error),
            (
                None,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe,
            ) => Reason { is_quiet: true, ..told("closed the connection during the handshake", None) },
            (None, _) => told(format!("broke the connection during the handshake: {error}"), None),
        }
    }
}

fn told(text: impl Into<String>, hint: Option<&'static str>) -> Reason {
    Reason { text: text.into(), hint, is_quiet: false }
}

fn of_library(error: &Error) -> Reason {
    match error {
        Error::NoCertificatesPresented => told(
            "shows no certificate",
            Some(
                "give the sender a certificate and its key (rsyslog: `tls.myCert` and `tls.myPrivKey`, or \
                  `DefaultNetstreamDriverCertFile` and `…KeyFile`; syslog-ng: `cert-file` and `key-file`)",
            ),
        ),
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => told(
            "speaks no TLS",
            Some(
                "this port wants TLS from the first byte: switch it on at the sender, or send to a listener without `tls`",
            ),
        ),
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => told("offers no version of TLS that loggr speaks", Some("loggr speaks TLS 1.2 and 1.3")),
        Error::PeerIncompatible(_) => told(
            format!("offers nothing that loggr can use ({error})"),
            Some(
                "a sender without a certificate of its own may offer only anonymous cipher suites, as rsyslog's \
                  omrelp with nothing but `tls=\"on\"` does: set `tls.caCert`, `tls.myCert` and `tls.myPrivKey` \
                  there",
            ),
        ),
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => told(format!("broke the handshake: {error}"), None),
    }
}

fn of_alert(alert: AlertDescription) -> Reason {
    let hint = match alert {
        AlertDescription::UnknownCA => {
            Some("the sender must know the authority that has signed the certificate of this listener")
        }
        AlertDescription::DecryptError => Some(
            "the sender knows another authority of the same name: give it the file of the one that has signed the \
             certificate of this listener",
        ),
        AlertDescription::CertificateExpired => Some("the certificate of this listener has ended"),
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => Some(
            "the sender does not believe the certificate of this listener: compare its authority and the \
             name or fingerprint that the sender permits",
        ),
        _ => None,
    };
    let Alert { name, meaning, .. } = Alert::named(alert);
    let meaning = if meaning.is_empty() { String::new() } else { format!(": it {meaning}") };
    told(format!("refuses loggr's certificate or what loggr offers (alert `{name}`){meaning}"), hint)
}

fn of_certificate(error: &CertificateError) -> Reason {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => told(
            format!("shows a certificate that {}", wrong_with(error)),
            Some("the sender needs a new certificate; compare the clocks too"),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => told(
            format!("shows a certificate that {}", wrong_with(error)),
            Some("compare the clocks of both hosts"),
        ),
        CertificateError::Revoked => {
            told("shows a certificate that is revoked", Some("the sender needs a new one"))
        }
        // An authority of the same name has signed it, with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => told(
            "shows a certificate that no authority of `client_ca` has signed",
            Some(
                "add the authority to the file of `client_ca`, or the certificate's fingerprint to `allowed_peers`; \
                  a sender whose certificate was signed by an authority between must show that one too",
            ),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => told(
            "shows a certificate that is not for clients",
            Some("the certificate's extended key usage must contain `clientAuth`"),
        ),
        CertificateError::Other(other) => match other.0.downcast_ref::<Refusal>() {
            Some(refusal) => told(
                format!("is not allowed: {refusal}"),
                Some("add its name or fingerprint to `allowed_peers` if it may send"),
            ),
            None => told(format!("shows a certificate that cannot be used: {other:?}"), None),
        },
        error => told(format!("shows a certificate that {}", wrong_with(error)), None),
    }
}
