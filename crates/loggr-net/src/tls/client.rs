//! The TLS settings of a client: which servers it trusts, and the certificate that it shows.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::identity::provider;
use super::{Identity, Pem};
use crate::NetError;

/// The servers that a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Servers with a certificate for their name, signed by an authority that this system knows.
    System,
    /// Servers with a certificate for their name, signed by an authority in this file.
    Authorities(Pem),
    /// All servers, whatever their certificate. This protects against eavesdropping, but not
    /// against a server in between.
    Anybody,
}

impl Trust {
    /// The authorities of a file, or those of the system if there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: Option<&Path>) -> Result<Trust, NetError> {
        file.map_or(Ok(Trust::System), |file| Pem::read(file).map(Trust::Authorities))
    }
}

/// The settings of a client, with TLS 1.2 and 1.3.
///
/// # Errors
/// There is no authority to trust.
pub fn client(trust: &Trust, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, NetError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| NetError::new("cannot set up TLS").because(e))?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(authorities_of_system()?),
        Trust::Authorities(file) => builder.with_root_certificates(authorities(file)?),
        Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider))),
    };
    Ok(Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key()))),
    }))
}

/// The name that a server's certificate has to be for: a name, or an address without brackets.
///
/// # Errors
/// No certificate can be for it.
pub fn server_name(host: &str) -> Result<ServerName<'static>, NetError> {
    ServerName::try_from(host.to_owned()).map_err(|e| {
        NetError::new(format!("no certificate can be for the host `{host}`"))
            .because(e)
            .hinted("write a name such as `db.example.net`, or an address")
    })
}

/// The authorities that can be used; the others are logged.
fn authorities(file: &Pem) -> Result<RootCertStore, NetError> {
    let mut roots = RootCertStore::empty();
    let (usable, ignored) = roots.add_parsable_certificates(file.certificates()?);
    let shown = file.path().display();
    if usable == 0 {
        return Err(NetError::new(format!("`{shown}` holds no certificate that can be used"))
            .hinted("it must hold X.509 certificates of version 3; `openssl x509 -text` shows one"));
    }
    if ignored > 0 {
        tracing::warn!(file = %shown, ignored, "certificates of authorities that cannot be used");
    }
    Ok(roots)
}

fn authorities_of_system() -> Result<RootCertStore, NetError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    for error in &found.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    if roots.is_empty() {
        let failed = NetError::new("this system knows no authority that signs certificates")
            .hinted("install the package `ca-certificates`, or name a file with the authority's certificate");
        return Err(match found.errors.into_iter().next() {
            Some(error) => failed.because(error),
            None => failed,
        });
    }
    Ok(roots)
}

/// Accepts every certificate, but checks signatures: the peer must own the key of the certificate
/// that it shows.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
