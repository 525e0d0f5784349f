//! The one table of endpoints, with what each demands of who asks.
//!
//! Nothing is answered that does not stand here. Paths are written as the router has them; `HEAD` is
//! `GET`. Not the endpoints themselves.

use axum::http::Method;

use crate::access::who::{May, Who};

/// What an endpoint demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing, and nobody is looked for: it says nothing about events.
    Nothing,
    /// Nothing, but who asks is found out.
    Asked,
    /// That somebody is logged in from whom nothing is hidden, or that it is asked from this host.
    LoggedInOrHere,
    /// That somebody is logged in.
    LoggedIn,
    /// The right to do such things.
    Right(May),
    /// The same, and that nothing of the events is hidden from them: it shows or takes all of them.
    Whole(May),
}

impl Demand {
    /// Is it met by somebody who was let in?
    pub fn is_met_by(self, who: &Who) -> bool {
        match self {
            Demand::Nothing | Demand::Asked | Demand::LoggedIn => true,
            Demand::LoggedInOrHere => !who.is_restricted(),
            Demand::Right(may) => who.may(may),
            Demand::Whole(may) => who.may(may) && !who.is_restricted(),
        }
    }
}

const SEARCH: Demand = Demand::Right(May::Search);
const WATCH: Demand = Demand::Whole(May::Search);
const ADMINISTER: Demand = Demand::Right(May::Administer);

/// Method, path, demand.
pub const TABLE: &[(&str, &str, Demand)] = &[
    ("GET", "/healthz", Demand::Nothing),
    ("GET", "/readyz", Demand::Nothing),
    ("GET", "/metrics", Demand::LoggedInOrHere),
    // The page: the same for everybody, without anything that was received.
    ("GET", "/", Demand::Nothing),
    ("GET", "/{*page}", Demand::Nothing),
    ("GET", "/api/openapi.json", Demand::Nothing),
    // Log-in.
    ("GET", "/api/me", Demand::Asked),
    ("POST", "/api/login", Demand::Asked),
    ("POST", "/api/login/link", Demand::Asked),
    ("GET", "/api/login/oidc", Demand::Asked),
    ("GET", "/api/login/oidc/return", Demand::Asked),
    ("POST", "/api/logout", Demand::Asked),
    ("POST", "/api/logout/all", Demand::LoggedIn),
    ("POST", "/api/me/password", Demand::LoggedIn),
    // Questions about events. Each joins the role's filter to what is asked.
    ("GET", "/api/search", SEARCH),
    ("GET", "/api/count", SEARCH),
    ("GET", "/api/histogram", SEARCH),
    ("GET", "/api/top", SEARCH),
    ("GET", "/api/fields", SEARCH),
    ("GET", "/api/values", SEARCH),
    ("GET", "/api/patterns", SEARCH),
    ("GET", "/api/compare", SEARCH),
    ("GET", "/api/verify", SEARCH),
    ("GET", "/api/context", SEARCH),
    ("GET", "/api/event/{uid}", SEARCH),
    ("GET", "/api/tail", SEARCH),
    ("GET", "/api/parse", SEARCH),
    ("GET", "/api/explain-nothing", SEARCH),
    // The same questions, as an assistant asks them: each tool demands what its path demands.
    ("POST", "/mcp", SEARCH),
    ("GET", "/api/span", SEARCH),
    ("GET", "/api/export", SEARCH),
    ("GET", "/api/saved", SEARCH),
    ("POST", "/api/saved", SEARCH),
    ("PUT", "/api/saved/{name}", SEARCH),
    ("DELETE", "/api/saved/{name}", SEARCH),
    // What is so: names of hosts and clients, whatever the filter of a role.
    ("GET", "/api/status", WATCH),
    ("GET", "/api/status/feed", WATCH),
    ("GET", "/api/notifications", WATCH),
    // What becomes of events.
    ("GET", "/api/queues/{name}/peek", Demand::Whole(May::Operate)),
    ("POST", "/api/queues/{name}/purge", Demand::Whole(May::Operate)),
    ("GET", "/api/rescue", Demand::Whole(May::Operate)),
    ("POST", "/api/rescue/replay", Demand::Whole(May::Operate)),
    ("POST", "/api/rescue/discard", Demand::Whole(May::Operate)),
    ("POST", "/api/upload", Demand::Right(May::Operate)),
    // Who may.
    ("GET", "/api/users", ADMINISTER),
    ("POST", "/api/users", ADMINISTER),
    ("PATCH", "/api/users/{name}", ADMINISTER),
    ("DELETE", "/api/users/{name}", ADMINISTER),
    ("POST", "/api/users/{name}/logout", ADMINISTER),
    ("GET", "/api/roles", ADMINISTER),
    ("POST", "/api/roles", ADMINISTER),
    ("PUT", "/api/roles/{name}", ADMINISTER),
    ("DELETE", "/api/roles/{name}", ADMINISTER),
    // Everybody has tokens of their own; an administrator sees all.
    ("GET", "/api/tokens", Demand::LoggedIn),
    ("POST", "/api/tokens", Demand::LoggedIn),
    ("DELETE", "/api/tokens/{id}", Demand::LoggedIn),
];

/// What is demanded for this method of this path; `None` where nothing is answered.
pub fn demand(method: &Method, path: &str) -> Option<Demand> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    TABLE.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, demand)| *demand)
}

#[cfg(test)]
mod tests {
    use loggr_store::query;

    use super::*;
    use crate::access::who::{Level, Via};

    #[track_caller]
    fn check(method: &str, path: &str, expect: Option<Demand>) {
        assert_eq!(demand(&method.parse().unwrap(), path), expect, "{method} {path}");
    }

    #[test]
    fn what_is_not_in_the_table_is_not_answered() {
        check("GET", "/api/search", Some(SEARCH));
        check("HEAD", "/api/search", Some(SEARCH));
        check("POST", "/api/search", None);
        check("OPTIONS", "/api/search", None);
        check("GET", "/api/process", None);
        check("POST", "/api/store/drop", None);
        check("GET", "/api/search/", None);
    }

    #[test]
    fn no_line_stands_twice() {
        for (at, (method, path, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|(m, p, _)| (m, p) != (method, path)), "{method} {path}");
        }
    }

    #[track_caller]
    fn check_met(demand: Demand, level: Level, filter: Option<&str>, expect: bool) {
        let filter = filter.map(|text| query::parse(text).unwrap());
        let who = Who { level, filter, ..Who::everything("x", Via::Session, None) };
        assert_eq!(demand.is_met_by(&who), expect, "{demand:?} {level:?}");
    }

    #[test]
    fn who_must_not_see_everything_gets_nothing_that_shows_everything() {
        check_met(SEARCH, Level::Viewer, Some("host:web*"), true);
        check_met(WATCH, Level::Viewer, None, true);
        check_met(WATCH, Level::Viewer, Some("host:web*"), false);
        check_met(Demand::Whole(May::Operate), Level::Operator, None, true);
        check_met(Demand::Whole(May::Operate), Level::Operator, Some("host:web*"), false);
        check_met(Demand::Right(May::Operate), Level::Operator, Some("host:web*"), true);
        check_met(Demand::Right(May::Operate), Level::Viewer, None, false);
        check_met(ADMINISTER, Level::Operator, None, false);
        check_met(ADMINISTER, Level::Admin, None, true);
    }
}
