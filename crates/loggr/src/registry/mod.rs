//! The registry: which processes an installation has, on this host and on others.
//!
//! The processes of one data directory find each other by their cards and control sockets; those of
//! several hosts through Redis. Invariant: no event waits for the registry, and nothing about
//! events depends on it.

mod beat;
pub mod control;
mod local;
pub mod notices;
mod redis;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

pub use beat::beat;

use crate::config::{self, Config};
use crate::status::{self, Installation, Live, Seen};
use redis::RedisStore;

/// The processes of the installation, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The processes.
    pub seen: Vec<Seen>,
    /// Why some may be missing.
    pub problem: Option<String>,
}

/// The registry of one process.
#[derive(Debug)]
pub struct Registry {
    data: PathBuf,
    redis: Option<RedisStore>,
}

impl Registry {
    /// Reads the files that the configuration names; does not connect yet.
    pub fn open(config: &Config) -> Result<Registry> {
        let redis = match &config.registry {
            config::Registry::Embedded => None,
            config::Registry::Redis(redis) => Some(RedisStore::open(redis)?),
        };
        Ok(Registry { data: config.data.directory.clone(), redis })
    }

    /// All processes but the caller, which gives its own socket. If a process is known twice, its
    /// own answer counts.
    pub async fn known(&self, own_socket: Option<&Path>) -> Known {
        let (data, own) = (self.data.clone(), own_socket.map(Path::to_owned));
        let local = tokio::task::spawn_blocking(move || local::processes(&data, own.as_deref()));
        let mut known = Known { seen: local.await.unwrap_or_default(), problem: None };
        if let Some(redis) = &self.redis {
            match redis.read().await {
                Ok(others) => {
                    for other in others {
                        if known.seen.iter().all(|seen| seen.status.identity.id != other.status.identity.id) {
                            known.seen.push(other);
                        }
                    }
                }
                Err(error) => known.problem = Some(error.to_string()),
            }
        }
        known
    }

    /// The address of the server, if the registry is one.
    pub fn server(&self) -> Option<&str> {
        self.redis.as_ref().map(RedisStore::server)
    }

    /// The status of the whole installation, as this process knows it.
    pub async fn installation(&self, live: &Arc<Live>, own_socket: &Path) -> Installation {
        let known = self.known(Some(own_socket)).await;
        let of = live.clone();
        let status = tokio::task::spawn_blocking(move || {
            let seen = std::iter::once(Seen::now(status::online(&of))).chain(known.seen).collect();
            status::whole(&of.config, seen)
        });
        let registry = Some(self.describe(known.problem));
        Installation { registry, ..status.await.unwrap_or_default() }
    }

    /// The status of the whole installation for a caller that is no part of it, such as the command
    /// line.
    pub async fn seen_from_outside(&self, config: &Config) -> Installation {
        let known = self.known(None).await;
        let registry = Some(self.describe(known.problem));
        Installation { registry, ..status::whole(config, known.seen) }
    }

    fn describe(&self, problem: Option<String>) -> status::Registry {
        let kind = if self.redis.is_some() { "redis" } else { "embedded" };
        status::Registry { kind: kind.to_owned(), server: self.server().map(str::to_owned), problem }
    }
}
