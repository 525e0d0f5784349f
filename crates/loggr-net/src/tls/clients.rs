//! Which clients a server lets in by their certificates: authorities, lists of revoked certificates,
//! and the peers that are meant. What is wrong with one is said in the words of [`Refusal`].
//!
//! Not the handshake, and not what becomes of the name.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::identity::provider;
use super::names::MAX_NAME_BYTES;
use super::{Certificate, PeerPattern, Pem};
use crate::NetError;

/// What a server asks of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// The file (PEM) with the authorities that sign clients' certificates. Without one, fingerprints
    /// alone let in.
    pub authorities: Option<PathBuf>,
    /// The file (PEM) with lists of revoked certificates.
    pub revoked: Option<PathBuf>,
    /// A client without a certificate is refused.
    pub must_show: bool,
    /// The peers that may come; empty: everybody whom an authority has signed.
    pub allowed: Vec<PeerPattern>,
}

impl Clients {
    /// Whether a server asks its clients for a certificate at all.
    pub fn asks(&self) -> bool {
        self.authorities.is_some() || !self.allowed.is_empty()
    }

    /// The name of a client that was let in: that which is meant, else its first one.
    pub fn name_of(&self, certificate: &Certificate) -> String {
        let meant = self.allowed.iter().find_map(|peer| peer.find(certificate));
        meant.unwrap_or_else(|| certificate.name())
    }
}

/// The files of [`Clients`], read.
pub(super) struct Read {
    authorities: Option<Pem>,
    revoked: Option<Pem>,
}

impl Read {
    pub(super) fn files(clients: &Clients) -> Result<Read, NetError> {
        Ok(Read {
            authorities: clients.authorities.as_deref().map(Pem::read).transpose()?,
            revoked: clients.revoked.as_deref().map(Pem::read).transpose()?,
        })
    }

    /// The bytes, to see whether they have changed.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.authorities.iter().chain(&self.revoked).map(Pem::bytes)
    }

    pub(super) fn verifier(&self, clients: &Clients) -> Result<Arc<dyn ClientCertVerifier>, NetError> {
        if !clients.asks() {
            return Ok(WebPkiClientVerifier::no_client_auth());
        }
        let signed = self.authorities.as_ref().map(|file| self.signed(file)).transpose()?;
        Ok(Arc::new(Verifier {
            signed,
            must_show: clients.must_show,
            allowed: clients.allowed.clone(),
            provider: provider(),
        }))
    }

    fn signed(&self, file: &Pem) -> Result<Arc<dyn ClientCertVerifier>, NetError> {
        let shown = file.path().display();
        let mut roots = RootCertStore::empty();
        for der in file.certificates()? {
            if !Certificate::read(&der).is_ok_and(|read| read.is_authority) {
                return Err(NetError::new(format!("`{shown}` holds a certificate that is not that of an authority"))
                    .hinted("name the file with the certificate of the authority (`CA:TRUE`) that has signed those of the clients"));
            }
            roots.add(der).map_err(|e| {
                NetError::new(format!("`{shown}` holds a certificate that cannot be used")).because(e)
            })?;
        }
        let lists = self.revoked.as_ref().map(lists).transpose()?.unwrap_or_default();
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .with_crls(lists)
            // An authority between may have no list of its own.
            .allow_unknown_revocation_status()
            .build()
            .map_err(|e| NetError::new(format!("cannot use the authorities in `{shown}`")).because(e))
    }
}

/// The lists of revoked certificates in a file.
fn lists(file: &Pem) -> Result<Vec<CertificateRevocationListDer<'static>>, NetError> {
    let failed = || {
        NetError::new(format!(
            "`{}` holds no list of revoked certificates in PEM form",
            file.path().display()
        ))
    };
    let hint = "a list begins with the line `-----BEGIN X509 CRL-----`; `openssl crl -inform der` makes PEM of one in DER form";
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(file.bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(failed().hinted(hint)),
        Err(error) => Err(failed().because(error).hinted(hint)),
    }
}

/// Why a client is refused whose certificate is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The names in its certificate.
    pub names: Vec<String>,
    /// Names in it that do not count.
    pub ignored: usize,
    /// The SHA-256 of it.
    pub sha256: String,
}

/// Names of a certificate that are told in a refusal; of others their number.
const MAX_TOLD_NAMES: usize = 8;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<&str> = self.names.iter().take(MAX_TOLD_NAMES).map(String::as_str).collect();
        let more = self.names.len() - told.len();
        f.write_str("no allowed peer has ")?;
        if !told.is_empty() {
            write!(f, "the name `{}`", told.join("`, `"))?;
            if more > 0 {
                write!(f, " or one of {more} others")?;
            }
            f.write_str(" or ")?;
        }
        write!(f, "the fingerprint SHA256:{}", self.sha256)?;
        match (self.ignored, told.is_empty()) {
            (0, true) => f.write_str(
                "; its certificate has no name: no DNS name and no address, and a common name counts only where it is \
                 the only one and there are no alternative names",
            ),
            (0, false) => Ok(()),
            (ignored, _) => write!(
                f,
                "; names of its certificate that count for nothing: {ignored}, because they have more than \
                 {MAX_NAME_BYTES} bytes or characters that cannot be shown, are text of an address, or are common \
                 names beside others"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

struct Verifier {
    /// Who must have signed; `None`: fingerprints alone let in.
    signed: Option<Arc<dyn ClientCertVerifier>>,
    must_show: bool,
    allowed: Vec<PeerPattern>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A fingerprint names one certificate, so nobody else has to vouch for it. It ends all the same.
    fn is_pinned(&self, certificate: &Certificate) -> bool {
        let mut pins = self.allowed.iter().filter(|peer| peer.is_fingerprint());
        pins.any(|peer| peer.find(certificate).is_some())
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Who is let in by fingerprint may have been signed by anybody: a client that goes by this list
        // would show nothing.
        match &self.signed {
            Some(signed) if !self.allowed.iter().any(PeerPattern::is_fingerprint) => {
                signed.root_hint_subjects()
            }
            _ => &[],
        }
    }

    fn client_auth_mandatory(&self) -> bool {
        self.must_show
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate =
            Certificate::read(shown).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let refused = || {
            let refusal = Refusal {
                names: certificate.names.clone(),
                ignored: certificate.ignored_names,
                sha256: certificate.sha256.clone(),
            };
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
        };
        if self.is_pinned(&certificate) {
            let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            return match () {
                () if seconds > certificate.ends => Err(Error::InvalidCertificate(CertificateError::Expired)),
                () if seconds < certificate.begins => {
                    Err(Error::InvalidCertificate(CertificateError::NotValidYet))
                }
                () => Ok(ClientCertVerified::assertion()),
            };
        }
        let Some(signed) = &self.signed else { return Err(refused()) };
        let verified = signed.verify_client_cert(shown, between, now)?;
        let is_meant =
            self.allowed.is_empty() || self.allowed.iter().any(|peer| peer.find(&certificate).is_some());
        if is_meant { Ok(verified) } else { Err(refused()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: usize, ignored: usize, expect: &str) {
        let names = (0..names).map(|n| format!("web{n}")).collect();
        let told = Refusal { names, ignored, sha256: "ab".to_owned() }.to_string();
        assert_eq!(told.split("; ").next(), Some(expect));
        assert!(
            told.len() < 1000 && told.contains("count") == (ignored > 0 || told.contains("no name")),
            "{told}"
        );
    }

    #[test]
    fn a_refusal_is_short_whatever_the_certificate_says() {
        check(1, 0, "no allowed peer has the name `web0` or the fingerprint SHA256:ab");
        check(2, 1, "no allowed peer has the name `web0`, `web1` or the fingerprint SHA256:ab");
        check(0, 3, "no allowed peer has the fingerprint SHA256:ab");
        check(0, 0, "no allowed peer has the fingerprint SHA256:ab");
        let names: Vec<String> = (0..MAX_TOLD_NAMES).map(|n| format!("`web{n}`")).collect();
        let expect = format!(
            "no allowed peer has the name {} or one of 3992 others or the fingerprint SHA256:ab",
            names.join(", ")
        );
        check(4000, 0, &expect);
    }
}
