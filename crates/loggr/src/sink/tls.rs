//! The settings of TLS of shippers that send to servers: their files are read while the process may still read
//! them. Not the handshake.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use loggr_net::tls::{ClientFiles, Connector};

use crate::config::Ship;
use crate::config::ship::ForwardTls;
use crate::exit::Usage;

/// The settings of TLS of one shipper; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The files, which are read again; each new connection takes what they say then.
    pub connector: Arc<Connector>,
    /// The name that certificates must be for; `None`: the host.
    pub name: Option<String>,
    /// Certificates are looked at.
    pub verify: bool,
}

impl Tls {
    /// Reads the files.
    pub(super) fn read(tls: &ForwardTls) -> Result<Tls> {
        let ForwardTls { authorities, identity, name, verify } = tls.clone();
        let connector = Connector::open(ClientFiles { authorities, identity, verify })?;
        Ok(Tls { connector: Arc::new(connector), name, verify })
    }

    /// Reads the files of all shippers that have some, by the shipper's name. Perhaps only root may read
    /// them.
    pub fn of<'c>(ships: impl Iterator<Item = &'c Ship>) -> Result<HashMap<String, Tls>> {
        let with_tls = ships.filter_map(|ship| ship.kind.tls().map(|tls| (ship, tls)));
        let read = |(ship, tls): (&Ship, &ForwardTls)| {
            let read = Tls::read(tls).with_context(|| format!("cannot start the shipper `{}`", ship.name));
            Ok((ship.name.clone(), read.usage()?))
        };
        with_tls.map(read).collect()
    }
}
