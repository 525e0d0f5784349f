//! The settings of one who listens: who it is, and what is spoken inside.
//!
//! Any client may connect; who it is has to be found out otherwise. The certificate can be exchanged for
//! a newer one at any time; connections that stand keep theirs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Identity;
use super::identity::provider;
use crate::NetError;

/// TLS 1.2 and 1.3 as one who listens.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
}

impl Server {
    /// Shows this identity. `protocols` are those of ALPN, such as `http/1.1`.
    ///
    /// # Errors
    /// The library cannot be set up.
    pub fn new(identity: &Identity, protocols: &[&str]) -> Result<Server, NetError> {
        let shown = Arc::new(Shown(RwLock::new(identity.key())));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| NetError::new("cannot set TLS up").because(e))?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(Server { config: Arc::new(config), shown })
    }

    /// The settings, for a library that shakes hands.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Shows another identity from now on.
    pub fn show(&self, identity: &Identity) {
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = identity.key();
    }
}

/// What is shown to everybody.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}
