//! The settings of one who listens: whom it shows itself as, which clients it lets in, and how both are
//! read again from their files while connections go on.
//!
//! Not the handshake. Who is connected already keeps what was agreed with it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;

use super::clients::Read;
use super::identity::provider;
use super::{Certificate, Clients, Identity};
use crate::NetError;

/// The files of a server, and what it asks of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The file (PEM) of its certificate and those that lead to the authority.
    pub certificate: PathBuf,
    /// The file (PEM) of its key.
    pub key: PathBuf,
    /// Which clients it lets in.
    pub clients: Clients,
}

/// TLS 1.2 and 1.3 as one who listens.
#[derive(Debug)]
pub struct Server {
    files: ServerFiles,
    protocols: Vec<Vec<u8>>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    certificate: Certificate,
    /// What was read, to see whether it has changed.
    read: Vec<Vec<u8>>,
}

impl Server {
    /// Reads the files. `protocols` are those of ALPN, such as `http/1.1`.
    ///
    /// # Errors
    /// A file cannot be read, holds something else than it should, or does not belong to the others.
    pub fn open(files: ServerFiles, protocols: &[&str]) -> Result<Server, NetError> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let current = Current::read(&files, &protocols)?;
        Ok(Server { files, protocols, current: RwLock::new(current) })
    }

    /// The settings for the next handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current().config.clone()
    }

    /// The certificate that is shown.
    pub fn certificate(&self) -> Certificate {
        self.current().certificate.clone()
    }

    /// Its files.
    pub fn files(&self) -> &ServerFiles {
        &self.files
    }

    /// Reads the files again: whether they have changed. What is wrong with them changes nothing.
    ///
    /// # Errors
    /// Those of [`Server::open`]; or the certificate is not valid now, and the one that is shown is.
    pub fn reload(&self) -> Result<bool, NetError> {
        let new = Current::read(&self.files, &self.protocols)?;
        new.certificate.may_replace(&self.current().certificate, &self.files.certificate)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = current.read != new.read;
        if has_changed {
            *current = new;
        }
        Ok(has_changed)
    }

    fn current(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn read(files: &ServerFiles, protocols: &[Vec<u8>]) -> Result<Current, NetError> {
        let identity = Identity::read(&files.certificate, &files.key)?;
        let clients = Read::files(&files.clients)?;
        let certificate = identity.certificate()?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| NetError::new("cannot set TLS up").because(e))?
            .with_client_cert_verifier(clients.verifier(&files.clients)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key())));
        config.alpn_protocols = protocols.to_vec();
        if files.clients.asks() {
            // Who resumes a session shows no certificate, and so would outlive its end or its revocation.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let (certificates, key) = identity.bytes();
        let read = [certificates, key].into_iter().chain(clients.bytes()).map(<[u8]>::to_vec).collect();
        Ok(Current { config: Arc::new(config), certificate, read })
    }
}
