//! The stores of the configuration: chooses the one that is meant, and opens it.
//!
//! The command line names the store, otherwise `[web] store` does, otherwise it is that of the
//! first shipper that has one. The questions are in `loggr-store`; the sinks write events to it.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use loggr_store::postgres::{Database, Settings};
use loggr_store::{ErrorKind, Store, StoreError};

use crate::config::ship::PostgresShip;
use crate::config::{Config, Secret, Ship, ShipKind, StoreShip, nearest};
use crate::exit::Usage;
use crate::hint::Advise;

/// The shipper whose store is meant. `name` is the one on the command line.
pub fn choose<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Ship> {
    let stores = || config.ships.iter().filter(|ship| ship.kind.store().is_some());
    let name = name.or(config.web.as_ref().and_then(|web| web.store.as_deref()));
    let Some(name) = name else {
        return stores()
            .next()
            .ok_or_else(|| anyhow!("the configuration has no shipper of kind `search` or `postgres`"))
            .hint("add `[ship.search]` with `kind = \"search\"`")
            .usage();
    };
    if let Some(ship) = stores().find(|ship| ship.name == name) {
        return Ok(ship);
    }
    let near = nearest(name, stores().map(|ship| ship.name.as_str()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`loggr check` shows what is configured".to_owned(),
    };
    Err(anyhow!("no shipper of kind `search` or `postgres` is called `{name}`")).hint(hint).usage()
}

/// The store of a shipper. A database is not connected to yet.
pub fn open(ship: &Ship) -> Result<Store> {
    match ship.kind.store() {
        Some(StoreShip::Search(search)) => told(Store::open(&search.directory)),
        Some(StoreShip::Postgres(postgres)) => {
            Ok(Store::of_database(database(postgres)?, postgres.query_timeout))
        }
        None => {
            let (name, kind) = (&ship.name, ship.kind.keyword());
            Err(anyhow!("the shipper `{name}` of kind `{kind}` has no store to search"))
        }
    }
}

/// The store's error with its hint; a mistake in the configuration is an error of usage.
pub fn told<T>(result: Result<T, StoreError>) -> Result<T> {
    let error = match result {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let (usage, hint) = (error.kind() == ErrorKind::Refused, error.hint().map(str::to_owned));
    let failed = Err(anyhow::Error::new(error));
    let failed = match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    };
    if usage { failed.usage() } else { failed }
}

/// The databases of shippers, by the shipper's name; not connected to yet. Reads their secrets,
/// which perhaps only root may read.
pub fn databases<'c>(ships: impl Iterator<Item = &'c Ship>) -> Result<HashMap<String, Database>> {
    let mut found = HashMap::new();
    for ship in ships {
        if let ShipKind::Postgres(postgres) = &ship.kind {
            let opened =
                database(postgres).with_context(|| format!("cannot start the shipper `{}`", ship.name))?;
            found.insert(ship.name.clone(), opened);
        }
    }
    Ok(found)
}

/// The database of a shipper; not connected to yet.
pub fn database(postgres: &PostgresShip) -> Result<Database> {
    let password = match &postgres.password_file {
        Some(file) => Some(Secret::read(file).usage()?),
        None => None,
    };
    database_with(&postgres.database, password)
}

/// Like [`database`], with a password that comes from elsewhere.
pub fn database_with(settings: &Settings, password: Option<Secret>) -> Result<Database> {
    let password = password.map(|secret| secret.expose().to_owned());
    told(Database::new(Settings { password, ..settings.clone() }))
}
