//! The status of a certificate that a process shows: whose it is, and until when.

use loggr_event::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, metric, said};
use super::stamp;
use crate::process::certificates::{Shown, days_left, seconds_now};

/// A certificate.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificate {
    /// Where it is shown, such as `` listener `tls` `` or `` shipper `siem` ``.
    pub place: String,
    /// Its first name.
    pub name: String,
    /// Its SHA-256.
    pub fingerprint: String,
    /// Until when it is valid, in RFC 3339.
    pub ends: String,
    /// The same in seconds since 1970.
    pub ends_unix: i64,
    /// Days until then; negative behind it.
    pub days_left: i64,
    /// What is wrong with it, or with its files.
    pub trouble: Option<String>,
}

impl Certificate {
    /// The status of a certificate now. None of one who connects without a certificate, while all is well.
    pub fn of(shown: &Shown) -> Option<Certificate> {
        let file = shown.holder.file().map(|file| file.display().to_string()).unwrap_or_default();
        let time = shown.trouble().map(|time| format!("its certificate `{file}` {time}"));
        let error = shown.error().map(|error| format!("a new certificate was not taken: {error}"));
        let status = Certificate { place: shown.place.clone(), ..Certificate::default() };
        let Some(certificate) = shown.holder.certificate() else {
            return error.map(|error| Certificate { trouble: Some(error), ..status });
        };
        Some(Certificate {
            name: certificate.name(),
            fingerprint: format!("SHA256:{}", certificate.sha256),
            ends: stamp(Timestamp::from_unix_micros(certificate.ends.saturating_mul(1_000_000))),
            ends_unix: certificate.ends,
            days_left: days_left(&certificate, seconds_now()),
            trouble: error.or(time),
            ..status
        })
    }
}

/// Its metrics.
pub const METRICS: &[Metric<Certificate>] = &[
    metric(
        "end_timestamp_seconds",
        |c| (!c.ends.is_empty()).then_some(c.ends_unix as f64),
        "Until when the certificate is valid that is shown at the place that the label names, in seconds since \
         1970.",
    ),
    metric(
        "troubled",
        |c| said(&c.trouble),
        "1 when the certificate has ended, ends in less than 7 days or is not valid yet, or when its new files \
         cannot be used.",
    ),
];
