//! The stores that can be searched: the embedded one and PostgreSQL, behind one set of questions.
//!
//! Which of them is asked is said by the command line, else by `[web] store`, else it is the first
//! shipper that has one. Not how events get in: that is the sinks'.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use loggr_store::postgres::{Database, Settings};
use loggr_store::query::{Field, Query};
use loggr_store::{
    Counted, ErrorKind, Found, Histogram, KnownField, Partition, Reader, SearchOptions, StoreError, Top,
};

use crate::config::{Config, PostgresShip, Secret, Ship, ShipKind, nearest};
use crate::exit::Usage;
use crate::hint::Advise;

/// A store to ask.
#[derive(Clone, Debug)]
pub enum Store {
    /// The files of a shipper of kind `search`.
    Embedded(Arc<Reader>),
    /// The database of a shipper of kind `postgres`.
    Postgres(Box<Asked>),
}

/// A database and how long it may take to answer.
#[derive(Clone, Debug)]
pub struct Asked {
    database: Database,
    timeout: std::time::Duration,
}

/// The shipper whose store is meant. `name`: what the command line says.
pub fn choose<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Ship> {
    let stores = || config.ships.iter().filter(|ship| ship.kind.is_store());
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

impl Store {
    /// Opens the store of a shipper. A database is not connected to yet.
    pub fn open(ship: &Ship) -> Result<Store> {
        match &ship.kind {
            ShipKind::Search(search) => Ok(Store::Embedded(Arc::new(told(Reader::open(&search.directory))?))),
            ShipKind::Postgres(postgres) => Ok(Store::Postgres(Box::new(Asked {
                database: database(postgres)?,
                timeout: postgres.query_timeout,
            }))),
            ShipKind::Files(_) => {
                Err(anyhow!("the shipper `{}` writes files, which are not searched", ship.name))
            }
        }
    }

    /// Matching events, a page of them.
    pub async fn search(&self, query: &Query, options: &SearchOptions) -> Result<Found> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.search(&query, &options)).await
            }
            Store::Postgres(asked) => told(asked.database.search(query, &asked.limited(options)).await),
        }
    }

    /// How many events match.
    pub async fn count(&self, query: &Query, options: &SearchOptions) -> Result<Counted> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.count(&query, &options)).await
            }
            Store::Postgres(asked) => told(asked.database.count(query, &asked.limited(options)).await),
        }
    }

    /// Matching events in buckets of `width` microseconds, by severity.
    pub async fn histogram(&self, query: &Query, width: i64, options: &SearchOptions) -> Result<Histogram> {
        match self {
            Store::Embedded(reader) => {
                let (query, options) = (query.clone(), options.clone());
                blocking(reader, move |reader| reader.histogram(&query, width, &options)).await
            }
            Store::Postgres(asked) => {
                told(asked.database.histogram(query, width, &asked.limited(options)).await)
            }
        }
    }

    /// The `n` most frequent values of a field among matching events.
    pub async fn top(&self, query: &Query, field: &Field, n: usize, options: &SearchOptions) -> Result<Top> {
        match self {
            Store::Embedded(reader) => {
                let (query, field, options) = (query.clone(), field.clone(), options.clone());
                blocking(reader, move |reader| reader.top(&query, &field, n, &options)).await
            }
            Store::Postgres(asked) => {
                told(asked.database.top(query, field, n, &asked.limited(options)).await)
            }
        }
    }

    /// The names of custom fields in a span of time.
    pub async fn fields(&self, since: Option<i64>, until: Option<i64>) -> Result<Vec<KnownField>> {
        match self {
            Store::Embedded(reader) => blocking(reader, move |reader| reader.fields(since, until)).await,
            Store::Postgres(asked) => told(asked.database.fields(since, until).await),
        }
    }

    /// The days of the store, oldest first.
    pub async fn partitions(&self) -> Result<Vec<Partition>> {
        match self {
            Store::Embedded(reader) => blocking(reader, Reader::partitions).await,
            Store::Postgres(asked) => told(asked.database.partitions().await),
        }
    }

    /// A number that changes when something new can be found. `None`: only asking tells.
    pub async fn generation(&self) -> Result<Option<u64>> {
        match self {
            Store::Embedded(reader) => {
                blocking(reader, |reader| {
                    reader.refresh()?;
                    Ok(Some(reader.generation()))
                })
                .await
            }
            Store::Postgres(_) => Ok(None),
        }
    }
}

impl Asked {
    fn limited(&self, options: &SearchOptions) -> SearchOptions {
        let mut options = options.clone();
        let end = Instant::now() + self.timeout;
        options.limits.deadline = Some(options.limits.deadline.map_or(end, |d| d.min(end)));
        options
    }
}

/// Files are read where nobody else waits.
async fn blocking<T: Send + 'static>(
    reader: &Arc<Reader>,
    question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T> {
    let reader = Arc::clone(reader);
    told(tokio::task::spawn_blocking(move || question(&reader)).await?)
}

/// The store's error with its hint; what is wrong with the configuration is an error of usage.
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
    database_with(postgres, password)
}

/// The same with a password from elsewhere.
pub fn database_with(postgres: &PostgresShip, password: Option<Secret>) -> Result<Database> {
    told(Database::new(Settings {
        url: postgres.url.clone(),
        password: password.map(|secret| secret.expose().to_owned()),
        sslmode: postgres.sslmode,
        sslrootcert: postgres.sslrootcert.clone(),
        client_certificate: postgres.client_certificate.clone(),
        table: postgres.table.clone(),
        columns: postgres.columns.clone(),
        indexes: postgres.indexes,
        connections: postgres.connections,
    }))
}
