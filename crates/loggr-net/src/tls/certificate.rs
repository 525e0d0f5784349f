//! What a certificate says: names, fingerprints, from when and until when it holds.
//!
//! Not whether it may be believed: signatures are the library's matter.

use std::fmt::Write;
use std::path::Path;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::UnixTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::Names;
use crate::NetError;

/// The facts of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its names: DNS names and addresses of the subject's alternative names, or a common name.
    pub names: Vec<String>,
    /// So many names of it do not count: they are too long, or have characters that cannot be shown.
    pub ignored_names: usize,
    /// The SHA-256 of its bytes, in lower-case hexadecimal digits without colons.
    pub sha256: String,
    /// The same with SHA-1, with which other programs name certificates.
    pub sha1: String,
    /// When it begins to hold, in seconds since 1970.
    pub begins: i64,
    /// When it ends, in seconds since 1970.
    pub ends: i64,
    /// Whether it is that of an authority.
    pub is_authority: bool,
    /// Whether it is signed with its own key, as far as its names say.
    pub is_self_signed: bool,
}

impl Certificate {
    /// Reads a certificate in DER form.
    ///
    /// # Errors
    /// It is no X.509 certificate.
    pub fn read(der: &[u8]) -> Result<Certificate, NetError> {
        let (_, read) = X509Certificate::from_der(der)
            .map_err(|e| NetError::new("this is no X.509 certificate").because(e))?;
        let names = Names::of(&read);
        let validity = read.validity();
        Ok(Certificate {
            names: names.good,
            ignored_names: names.ignored,
            sha256: hex(&SHA256, der),
            sha1: hex(&SHA1_FOR_LEGACY_USE_ONLY, der),
            begins: validity.not_before.timestamp(),
            ends: validity.not_after.timestamp(),
            is_authority: read.is_ca(),
            is_self_signed: read.subject().as_raw() == read.issuer().as_raw(),
        })
    }

    /// Whether it holds at this time, in seconds since 1970.
    pub fn is_valid_at(&self, now: i64) -> bool {
        (self.begins..=self.ends).contains(&now)
    }

    /// Whether this one, which was read from a file, may take the place of one that is shown: not where it
    /// is not valid now and the other is.
    pub(super) fn may_replace(&self, shown: &Certificate, file: &Path) -> Result<(), NetError> {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        if self.is_valid_at(now) || !shown.is_valid_at(now) {
            return Ok(());
        }
        let file = file.display();
        Err(NetError::new(format!("the certificate in `{file}` has ended, or is not valid yet"))
            .hinted("put one there that is valid now; compare the clock of this host"))
    }

    /// Its first name, or else its fingerprint.
    pub fn name(&self) -> String {
        self.names.first().cloned().unwrap_or_else(|| format!("SHA256:{}", self.sha256))
    }
}

fn hex(algorithm: &'static Algorithm, bytes: &[u8]) -> String {
    digest(algorithm, bytes).as_ref().iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("BUG: a string takes everything");
        out
    })
}
