//! The registry: which processes an installation has, on this host and on others.
//!
//! The processes of one data directory find each other by their cards and control
//! sockets; those of several hosts through Redis. Invariant: no event waits for the
//! registry, and nothing about events is decided by what it says.

mod beat;
pub mod control;
mod local;
pub mod notices;
mod redis;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

pub use beat::beat;

use crate::config::{self, Config};
use redis::RedisStore;

/// How a process is doing, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was heard of as often as it should be.
    Running,
    /// It was not heard of for longer than it should.
    Late,
    /// It ended without stopping, or cannot reach the registry.
    Lost,
}

impl State {
    /// The word in the status.
    pub fn keyword(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Late => "late",
            State::Lost => "lost",
        }
    }
}

/// A process that somebody has seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its status; of a lost one only who it was.
    pub status: Value,
    /// How it is doing.
    pub state: State,
    /// Time since it was last heard of.
    pub age: Duration,
}

impl Seen {
    /// A process that speaks for itself, now.
    pub fn now(status: Value) -> Seen {
        Seen { status, state: State::Running, age: Duration::ZERO }
    }

    fn id(&self) -> Option<&str> {
        self.status["id"].as_str()
    }
}

/// Everything that is known about the installation.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The processes.
    pub seen: Vec<Seen>,
    /// Why others may be missing.
    pub problem: Option<String>,
}

/// The registry of one process.
#[derive(Debug)]
pub struct Registry {
    data: PathBuf,
    redis: Option<RedisStore>,
}

impl Registry {
    /// Reads the files that the configuration names; reaches for nobody.
    pub fn open(config: &Config) -> Result<Registry> {
        let redis = match &config.registry {
            config::Registry::Embedded => None,
            config::Registry::Redis(redis) => Some(RedisStore::open(redis)?),
        };
        Ok(Registry { data: config.data.directory.clone(), redis })
    }

    /// All processes but the one that asks and gives its own socket. Of one that is known
    /// twice its own word is taken.
    pub async fn known(&self, own_socket: Option<&Path>) -> Known {
        let (data, own) = (self.data.clone(), own_socket.map(Path::to_owned));
        let local = tokio::task::spawn_blocking(move || local::processes(&data, own.as_deref()));
        let mut known = Known { seen: local.await.unwrap_or_default(), problem: None };
        if let Some(redis) = &self.redis {
            match redis.read().await {
                Ok(others) => {
                    for other in others {
                        if known.seen.iter().all(|seen| seen.id() != other.id()) {
                            known.seen.push(other);
                        }
                    }
                }
                Err(error) => known.problem = Some(error.to_string()),
            }
        }
        known
    }

    /// Where it is, if it is a server.
    pub fn server(&self) -> Option<&str> {
        self.redis.as_ref().map(RedisStore::server)
    }

    /// What it is, for the status.
    pub fn describe(&self, problem: Option<&str>) -> Value {
        match &self.redis {
            None => json!({ "kind": "embedded" }),
            Some(redis) => json!({ "kind": "redis", "server": redis.server(), "problem": problem }),
        }
    }
}
