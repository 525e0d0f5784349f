//! What the other side of a connection says with an alert (RFC 8446, section 6), and what is wrong with a
//! certificate, in words.
//!
//! What to do about it says who knows the names of the settings: `reason.rs` for one who listens, the
//! program for one who connects.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// How a record with an alert begins: its type, and the major version of the protocol.
const ALERT_RECORD: [u8; 2] = [21, 3];

/// The library's name for a certificate that signs others and is shown as its owner's own.
const OF_AN_AUTHORITY: &str = "CaUsedAsEndEntity";

/// An alert of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name: `certificate required`.
    pub name: String,
    /// What it means, about the other side: `wants to see a certificate`. Empty where the name says it.
    pub meaning: &'static str,
    /// What it is about.
    pub about: About,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// No certificate was shown to it.
    NoCertificate,
    /// The certificate that was shown has ended, was revoked, or is of the wrong kind.
    Certificate,
    /// The certificate may be good, but the other side does not know or not allow it.
    Trust,
    /// Both sides have nothing in common.
    Offer,
    /// Anything else.
    Other,
}

impl Alert {
    /// The alert in an error of a connection.
    pub fn of(error: &io::Error) -> Option<Alert> {
        match error.get_ref()?.downcast_ref::<Error>()? {
            Error::AlertReceived(alert) => Some(Alert::named(*alert)),
            _ => None,
        }
    }

    /// The words of an alert.
    pub fn named(alert: AlertDescription) -> Alert {
        use AlertDescription as A;
        let (meaning, about) = match alert {
            A::CertificateRequired | A::NoCertificate => ("wants to see a certificate", About::NoCertificate),
            A::CertificateExpired => ("was shown a certificate that has ended", About::Certificate),
            A::CertificateRevoked => ("was shown a certificate that is revoked", About::Certificate),
            A::UnsupportedCertificate => {
                ("was shown a certificate that is not for this purpose", About::Certificate)
            }
            A::UnknownCA => ("does not know the authority that has signed the certificate", About::Trust),
            A::DecryptError => (
                "cannot check a signature: it knows an authority of the same name that has another key",
                About::Trust,
            ),
            A::BadCertificate | A::CertificateUnknown | A::AccessDenied => {
                ("does not let in the certificate that it was shown", About::Trust)
            }
            A::ProtocolVersion => ("speaks no version of TLS that is spoken here", About::Offer),
            A::HandshakeFailure | A::InsufficientSecurity => {
                ("finds nothing in what it was offered that it may use", About::Offer)
            }
            A::UnrecognisedName => ("is not called by this name", About::Other),
            _ => ("", About::Other),
        };
        Alert { name: words(&format!("{alert:?}")), meaning, about }
    }
}

/// Whether these first bytes of an answer are an alert: the other side speaks TLS.
pub fn is_alert(bytes: &[u8]) -> bool {
    bytes.starts_with(&ALERT_RECORD)
}

/// `CertificateRequired` as `certificate required`.
fn words(name: &str) -> String {
    let mut out = String::new();
    let mut was_small = false;
    for c in name.chars() {
        if c.is_uppercase() && was_small {
            out.push(' ');
        }
        was_small = c.is_lowercase();
        out.extend(c.to_lowercase());
    }
    out
}

/// What is wrong with a certificate that the other side has shown: `has ended (2026-01-31 12:00:00 UTC)`.
pub fn wrong_with(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired => "has ended".to_owned(),
        E::ExpiredContext { not_after, .. } => format!("has ended ({})", at(*not_after)),
        E::NotValidYet => "is not valid yet".to_owned(),
        E::NotValidYetContext { not_before, .. } => format!("is not valid yet ({})", at(*not_before)),
        E::Revoked => "is revoked".to_owned(),
        E::UnknownIssuer | E::BadSignature => "is signed by no authority that is known here".to_owned(),
        E::NotValidForName => "is for another name".to_owned(),
        E::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            match presented.is_empty() {
                true => format!("is for no name, and not for `{expected}`"),
                false => format!("is not for `{expected}`, but for {}", presented.join(", ")),
            }
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "is not for this purpose".to_owned(),
        E::BadEncoding => "cannot be read".to_owned(),
        E::Other(other) if format!("{other:?}").contains(OF_AN_AUTHORITY) => {
            "is that of an authority, and not of a host or program".to_owned()
        }
        E::Other(other) => format!("cannot be used: {other}"),
        error => format!("cannot be used: {error}"),
    }
}

/// The time of day in words.
fn at(time: UnixTime) -> String {
    let (days, seconds) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a number of days since 1970-01-01. Years begin in March, so that the day that some
/// of them have more is their last.
fn civil(days: u64) -> (u64, u64, u64) {
    // Since 0000-03-01; 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn alerts_have_words() {
        for (alert, name, about) in [
            (AlertDescription::CertificateRequired, "certificate required", About::NoCertificate),
            (AlertDescription::UnknownCA, "unknown ca", About::Trust),
            (AlertDescription::DecryptError, "decrypt error", About::Trust),
            (AlertDescription::CertificateExpired, "certificate expired", About::Certificate),
            (AlertDescription::ProtocolVersion, "protocol version", About::Offer),
            (AlertDescription::InternalError, "internal error", About::Other),
        ] {
            let told = Alert::named(alert);
            assert_eq!((told.name.as_str(), told.about), (name, about));
        }
        let inside =
            io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(AlertDescription::UnknownCA));
        assert_eq!(Alert::of(&inside).map(|alert| alert.about), Some(About::Trust));
        assert_eq!(Alert::of(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
        assert!(is_alert(&[21, 3, 3, 0, 2, 2, 10]) && !is_alert(b"1 rsp") && !is_alert(&[21]));
    }

    #[test]
    fn times_are_days_and_hours() {
        let check = |seconds, expect: &str| {
            assert_eq!(at(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expect);
        };
        check(0, "1970-01-01 00:00:00 UTC");
        check(951_782_399, "2000-02-28 23:59:59 UTC");
        check(951_782_400, "2000-02-29 00:00:00 UTC");
        check(951_868_800, "2000-03-01 00:00:00 UTC");
        check(1_796_083_200, "2026-12-01 00:00:00 UTC");
        check(4_107_542_400, "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn certificates_are_wrong_in_words() {
        let ended = CertificateError::ExpiredContext {
            time: UnixTime::since_unix_epoch(Duration::from_secs(1_796_083_200)),
            not_after: UnixTime::since_unix_epoch(Duration::from_secs(951_782_400)),
        };
        assert_eq!(wrong_with(&ended), "has ended (2000-02-29 00:00:00 UTC)");
        assert_eq!(
            wrong_with(&CertificateError::UnknownIssuer),
            "is signed by no authority that is known here"
        );
    }
}
