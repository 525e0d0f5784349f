//! The identity that loggr shows to a peer: a certificate, those that lead to its authority, and
//! the key.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{Certificate, Pem};
use crate::NetError;

/// A certificate and its key, checked: they belong to each other.
#[derive(Clone, Debug)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    certificates: Pem,
    secret: Pem,
}

impl Identity {
    /// Reads the files of the certificate, with those behind it, and of the key.
    ///
    /// # Errors
    /// A file cannot be read, holds something else, or the key is another certificate's.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity, NetError> {
        let (certificates, secret) = (Pem::read(certificate)?, Pem::read(key)?);
        let (chain, private) = (certificates.certificates()?, secret.key()?);
        let known = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => NetError::new(format!(
                    "the key in `{key}` is not that of the certificate in `{certificate}`"
                ))
                .hinted("name the key that was made for this certificate; of several certificates in the file, that of the key must stand first"),
                other => {
                    let hint = match &other {
                        // The library has no word of its own for version 1.
                        Error::InvalidCertificate(_) => {
                            "the certificate must be of version 3: `openssl x509 -req` makes one with `-extfile` and a `subjectAltName`"
                        }
                        _ => "keys may be RSA, ECDSA (P-256, P-384, P-521) or Ed25519",
                    };
                    NetError::new(format!(
                        "cannot use the certificate in `{certificate}` with the key in `{key}`"
                    ))
                    .because(other)
                    .hinted(hint)
                }
            }
        })?;
        Ok(Identity { key: Arc::new(known), certificates, secret })
    }

    /// The bytes of both files, certificates and key, for libraries that take nothing else.
    pub fn bytes(&self) -> (&[u8], &[u8]) {
        (self.certificates.bytes(), self.secret.bytes())
    }

    /// What its certificate says.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn certificate(&self) -> Result<Certificate, NetError> {
        let shown = self.key.cert.first().map_or(&[][..], |der| der.as_ref());
        Certificate::read(shown)
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

/// The one implementation of cryptography: aws-lc-rs.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
