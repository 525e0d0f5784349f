//! The stores that this process can ask, by the names of their shippers.
//!
//! A store is opened when it is first asked for, so that one that is away or damaged keeps nobody from
//! asking another one. Secrets are read at start, while the process may still read them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use loggr_store::Store;
use loggr_store::postgres::Database;

use crate::config::{Config, Ship, ShipKind, nearest};

/// Every store of the configuration.
#[derive(Debug)]
pub struct Stores {
    ships: Vec<Ship>,
    chosen: Option<String>,
    databases: HashMap<String, Result<Database, String>>,
    open: Mutex<HashMap<String, Store>>,
}

/// There is no such store, or it cannot be opened.
#[derive(Debug)]
pub struct NoStore {
    what: String,
    hint: Option<String>,
}

impl NoStore {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Stores {
    /// Those of a configuration; none is opened yet, and the secrets of databases are read.
    pub fn new(config: &Config) -> Stores {
        let ships: Vec<Ship> =
            config.ships.iter().filter(|ship| ship.kind.store().is_some()).cloned().collect();
        let chosen = config.web.as_ref().and_then(|web| web.store.clone());
        let databases = ships.iter().filter_map(|ship| {
            let ShipKind::Postgres(postgres) = &ship.kind else { return None };
            let database = crate::store::database(postgres).map_err(|error| format!("{error:#}"));
            Some((ship.name.clone(), database))
        });
        Stores { chosen, databases: databases.collect(), ships, open: Mutex::default() }
    }

    /// Their names, the one that is asked if nothing is said first.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.ships.iter().map(|ship| ship.name.as_str()).collect();
        names.sort_by_key(|name| Some(*name) != self.chosen.as_deref());
        names
    }

    /// The store of this shipper; without a name the one of the configuration.
    pub fn get(&self, name: Option<&str>) -> Result<Store, NoStore> {
        let names = self.names();
        let Some(wanted) = name.or(names.first().copied()) else {
            return Err(NoStore {
                what:
                    "nothing can be searched: the configuration has no shipper of kind `search` or `postgres`"
                        .to_owned(),
                hint: Some("add `[ship.search]` with `kind = \"search\"`".to_owned()),
            });
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(wanted) {
            return Ok(store.clone());
        }
        let Some(ship) = self.ships.iter().find(|ship| ship.name == wanted) else {
            let near = nearest(wanted, names.iter().copied());
            return Err(NoStore {
                what: format!("no shipper of kind `search` or `postgres` is called `{wanted}`"),
                hint: Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", names.join(", ")),
                }),
            });
        };
        let store = self.open(ship).map_err(|why| NoStore {
            what: format!("the store of `{wanted}` cannot be opened: {why}"),
            hint: None,
        })?;
        open.insert(wanted.to_owned(), store.clone());
        Ok(store)
    }

    fn open(&self, ship: &Ship) -> Result<Store, String> {
        match (&ship.kind, self.databases.get(&ship.name)) {
            (ShipKind::Postgres(postgres), Some(database)) => {
                Ok(Store::of_database(database.clone()?, postgres.query_timeout))
            }
            _ => crate::store::open(ship).map_err(|error| format!("{error:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(text: &str) -> Stores {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("loggr.toml");
        std::fs::write(&file, text).unwrap();
        Stores::new(&Config::load(Some(&file), Some(directory.path())).unwrap())
    }

    #[test]
    fn a_store_is_found_by_name_and_the_first_one_without() {
        let stores = stores(
            "[ship.one]\nkind = 'search'\ndirectory = 'one'\n[ship.two]\nkind = 'search'\ndirectory = 'two'\n[web]\nstore = 'two'\n",
        );
        assert_eq!(stores.names(), ["two", "one"]);
        let refused = stores.get(Some("tow")).expect_err("there is none");
        assert_eq!(refused.hint(), Some("did you mean `two`?"));
    }
}
