//! Who asks, how that is known, and what they may: the answer of the door for one request.
//!
//! Not how it is found out: that is the door's (`web/door`). Whoever answers a question about events
//! joins [`Who::filter`] to it and leaves out the fields in [`Who::hidden`].

use std::fmt;
use std::net::IpAddr;

use loggr_store::query::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much somebody may, from little to much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Looks at events and at what is so.
    Viewer,
    /// Also rescues, purges and uploads.
    Operator,
    /// Also says who may.
    Admin,
}

impl Level {
    /// All of them, with their words.
    pub const WORDS: [(&str, Level); 3] =
        [("viewer", Level::Viewer), ("operator", Level::Operator), ("admin", Level::Admin)];

    /// The level of this word.
    pub fn of(word: &str) -> Option<Level> {
        Level::WORDS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Level::Viewer => "viewer",
            Level::Operator => "operator",
            Level::Admin => "admin",
        }
    }
}

/// A kind of thing that somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Ask about events.
    Search,
    /// Change what becomes of events: rescue, purge, upload.
    Operate,
    /// Say who may.
    Administer,
}

impl May {
    /// All of them, with their words.
    pub const WORDS: [(&str, May); 3] =
        [("search", May::Search), ("operate", May::Operate), ("administer", May::Administer)];

    /// The least level that may.
    pub fn least(self) -> Level {
        match self {
            May::Search => Level::Viewer,
            May::Operate => Level::Operator,
            May::Administer => Level::Admin,
        }
    }
}

/// How it is known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By the cookie of a log-in.
    Session,
    /// By a token in the request.
    Token,
    /// By a header from a trusted proxy.
    Proxy,
    /// It is somebody on this host, and there are no users.
    Loopback,
    /// It is the owner of the control socket.
    Control,
    /// It is a user of this host who may write the accounts.
    CommandLine,
}

impl Via {
    /// Its word in answers and in the log.
    pub fn word(self) -> &'static str {
        match self {
            Via::Session => "session",
            Via::Token => "token",
            Via::Proxy => "proxy",
            Via::Loopback => "loopback",
            Via::Control => "control",
            Via::CommandLine => "command line",
        }
    }
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user, or whose token it is.
    pub name: String,
    /// How the user is called in the page.
    pub display: String,
    /// The name of the role.
    pub role: String,
    /// What the role may.
    pub level: Level,
    /// Only events that this query finds may be seen. Joined to every question with [`Query::and`].
    pub filter: Option<Query>,
    /// Fields that must not be seen.
    pub hidden: Vec<String>,
    /// How it is known.
    pub via: Via,
    /// The id of the token that they show, if they do.
    pub token: Option<String>,
    /// From where; nothing on the control socket.
    pub from: Option<IpAddr>,
}

impl Who {
    /// Somebody who may everything, because nobody needs to log in.
    pub fn everything(name: &str, via: Via, from: Option<IpAddr>) -> Who {
        Who {
            name: name.to_owned(),
            display: name.to_owned(),
            role: Level::Admin.word().to_owned(),
            level: Level::Admin,
            filter: None,
            hidden: Vec::new(),
            via,
            token: None,
            from,
        }
    }

    /// May they?
    pub fn may(&self, what: May) -> bool {
        self.level >= what.least()
    }

    /// Is there anything of the events that they must not see? Then what shows events or hosts
    /// without a query is not for them.
    pub fn is_restricted(&self) -> bool {
        self.filter.is_some() || !self.hidden.is_empty()
    }
}

/// For the log: the name and how it is known.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.via.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: &str, expect: &[&str]) {
        let who = Who { level: Level::of(level).unwrap(), ..Who::everything("x", Via::Session, None) };
        let may: Vec<&str> =
            May::WORDS.iter().filter(|(_, may)| who.may(*may)).map(|(word, _)| *word).collect();
        assert_eq!(may, expect, "{level}");
        assert_eq!(who.level.word(), level);
    }

    #[test]
    fn what_each_level_may() {
        check("viewer", &["search"]);
        check("operator", &["search", "operate"]);
        check("admin", &["search", "operate", "administer"]);
        assert_eq!(Level::of("root"), None);
    }
}
