//! The settings of one who connects: whom it trusts and whom it shows itself as, and how both are read
//! again from their files while connections go on.
//!
//! Not the handshake. A connection that stands keeps what was agreed on it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ClientConfig;

use super::{Certificate, Identity, Pem, Trust, client};
use crate::NetError;

/// The files of one who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The file (PEM) of the authorities that are trusted; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// The files (PEM) of our certificate, with those that lead to its authority, and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Certificates of servers are looked at.
    pub verify: bool,
}

impl ClientFiles {
    /// The file of our certificate, or else of the authorities.
    pub fn first(&self) -> Option<&Path> {
        let own = self.identity.as_ref().map(|(certificate, _)| certificate.as_path());
        own.or(self.authorities.as_deref())
    }
}

/// TLS 1.2 and 1.3 as one who connects.
#[derive(Debug)]
pub struct Connector {
    files: ClientFiles,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    certificate: Option<Certificate>,
    /// What was read, to see whether it has changed.
    read: Vec<Vec<u8>>,
}

impl Connector {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, holds something else than it should, or does not belong to the others.
    pub fn open(files: ClientFiles) -> Result<Connector, NetError> {
        let current = Current::read(&files)?;
        Ok(Connector { files, current: RwLock::new(current) })
    }

    /// The settings for the next handshake.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.current().config.clone()
    }

    /// The certificate that is shown, if any.
    pub fn certificate(&self) -> Option<Certificate> {
        self.current().certificate.clone()
    }

    /// Its files.
    pub fn files(&self) -> &ClientFiles {
        &self.files
    }

    /// Reads the files again: whether they have changed. What is wrong with them changes nothing. The
    /// authorities of the system are read once.
    ///
    /// # Errors
    /// Those of [`Connector::open`]; or our certificate is not valid now, and the one that is shown is.
    pub fn reload(&self) -> Result<bool, NetError> {
        // What has not changed is not looked into: the authorities of a system are many.
        if raw(&self.files)? == self.current().read {
            return Ok(false);
        }
        let new = Current::read(&self.files)?;
        if let (Some(new), Some(shown), Some(file)) =
            (&new.certificate, &self.current().certificate, self.files.first())
        {
            new.may_replace(shown, file)?;
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    fn current(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn read(files: &ClientFiles) -> Result<Current, NetError> {
        let read = raw(files)?;
        let trust = if files.verify { Trust::of(files.authorities.as_deref())? } else { Trust::Anybody };
        let identity = files.identity.as_ref().map(|(chain, key)| Identity::read(chain, key)).transpose()?;
        let config = client(&trust, identity.as_ref())?;
        let certificate = identity.as_ref().map(Identity::certificate).transpose()?;
        Ok(Current { config, certificate, read })
    }
}

/// The bytes of all files.
fn raw(files: &ClientFiles) -> Result<Vec<Vec<u8>>, NetError> {
    let own = files.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
    let all = files.authorities.iter().filter(|_| files.verify).chain(own);
    all.map(|file| Pem::read(file).map(|pem| pem.bytes().to_vec())).collect()
}
