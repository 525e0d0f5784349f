//! Each role at each endpoint of the table, and what else lets somebody in or not.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::table::{Demand, TABLE};
use super::{Keeper, Peer, enter};
use crate::access::role::Role;
use crate::access::sight::Sight;
use crate::access::token::NewToken;
use crate::access::user::NewUser;
use crate::access::who::{Level, May, Who};
use crate::config::tests::read;

/// The roles of the matrix: the built-in ones, and one that sees a part.
const ROLES: [&str; 4] = ["viewer", "operator", "admin", "part"];

struct House {
    _data: tempfile::TempDir,
    keeper: Arc<Keeper>,
    app: TowerToHyperService<Router>,
    /// A token for each role.
    tokens: Vec<String>,
}

/// Every line of the table with an endpoint that says who was let in, and some that the table does not have.
fn house(keys: &str, has_users: bool) -> House {
    let data = tempfile::tempdir().unwrap();
    let mut config = read(&format!("[web]\n{keys}"));
    config.data.directory = data.path().to_owned();
    let keeper = Keeper::open(&config, config.web.as_ref().unwrap(), serde_json::Map::new(), None);
    let keeper = Arc::new(keeper.unwrap());
    let mut tokens = Vec::new();
    if has_users {
        let sight = Sight { filter: Some("host:web*".to_owned()), hidden: Vec::new() };
        let part = Role { name: "part".to_owned(), level: Level::Operator, sight };
        let user = NewUser { name: "anna".to_owned(), role: "admin".to_owned(), ..NewUser::default() };
        let token =
            |role: &str| NewToken { name: role.to_owned(), role: role.to_owned(), ..NewToken::default() };
        let made = keeper.access.change(|all| {
            all.add_user(user, 1)?;
            all.add_role(part)?;
            ROLES.iter().map(|role| all.add_token(token(role), 1).map(|(_, secret)| secret)).collect()
        });
        tokens = made.unwrap();
    }
    let endpoint = |who: Option<axum::Extension<Who>>| async move {
        who.map_or_else(|| "nobody".to_owned(), |who| who.0.to_string())
    };
    let mut app = Router::new();
    let more = [("GET", "/api/secret", Demand::Nothing), ("DELETE", "/api/search", Demand::Nothing)];
    for (method, path, _) in TABLE.iter().chain(&more) {
        let method = MethodFilter::try_from(method.parse::<Method>().unwrap()).unwrap();
        app = app.route(path, on(method, endpoint));
    }
    let app = TowerToHyperService::new(app.layer(from_fn_with_state(keeper.clone(), enter)));
    House { _data: data, keeper, app, tokens }
}

impl House {
    async fn ask(&self, from: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer { ip: from.parse::<IpAddr>().ok(), tls: false });
        self.app.call(request).await.unwrap().status().as_u16()
    }

    async fn bearer(&self, token: &str, method: &str, path: &str) -> u16 {
        self.ask("192.0.2.1", method, path, &[("authorization", &format!("Bearer {token}"))]).await
    }
}

/// What a role may, written once more.
fn may(role: &str, demand: Demand) -> bool {
    match demand {
        Demand::Nothing | Demand::Asked | Demand::LoggedIn => true,
        Demand::Right(May::Search) => true,
        Demand::Whole(May::Search) | Demand::LoggedInOrHere => role != "part",
        Demand::Right(May::Operate) => role != "viewer",
        Demand::Whole(May::Operate) => matches!(role, "operator" | "admin"),
        Demand::Right(May::Administer) | Demand::Whole(May::Administer) => role == "admin",
    }
}

#[tokio::test]
async fn each_role_at_each_endpoint() {
    let house = house("", true);
    for (method, path, demand) in TABLE {
        let path = path.replace("{*page}", "assets/x.js").replace(['{', '}'], "");
        for (role, token) in ROLES.iter().zip(&house.tokens) {
            let expect = if may(role, *demand) { 200 } else { 403 };
            assert_eq!(house.bearer(token, method, &path).await, expect, "{role} {method} {path}");
        }
        let open = matches!(demand, Demand::Nothing | Demand::Asked);
        let here = open || *demand == Demand::LoggedInOrHere;
        for (from, open) in [("192.0.2.1", open), ("127.0.0.1", here)] {
            let expect = if open { 200 } else { 401 };
            assert_eq!(house.ask(from, method, &path, &[]).await, expect, "nobody {method} {path} {from}");
        }
        let expect = if open { 200 } else { 401 };
        assert_eq!(house.bearer("loggr_x", method, &path).await, expect, "a bad token {method} {path}");
    }
}

#[tokio::test]
async fn what_the_table_does_not_have_is_not_answered() {
    let house = house("", true);
    for (method, path) in
        [("GET", "/api/secret"), ("DELETE", "/api/search"), ("GET", "/api"), ("GET", "/api/"), ("POST", "/x")]
    {
        assert_eq!(house.bearer(&house.tokens[2], method, path).await, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn without_users_only_this_host_is_let_in() {
    let house = house("", false);
    for (from, expect) in [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.1", 401)] {
        assert_eq!(house.ask(from, "GET", "/api/users", &[]).await, expect, "{from}");
    }
    // A foreign page in a browser on this host.
    for header in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(house.ask("127.0.0.1", "POST", "/api/users", &[header]).await, 403, "{header:?}");
    }
    assert_eq!(house.ask("127.0.0.1", "POST", "/api/users", &[]).await, 200);
}

#[tokio::test]
async fn whoever_comes_through_a_proxy_is_not_on_this_host() {
    let house = house("trusted_proxies=['127.0.0.1']", false);
    assert_eq!(house.ask("127.0.0.1", "GET", "/api/users", &[]).await, 401);
    assert_eq!(house.ask("127.0.0.1", "GET", "/metrics", &[]).await, 401);
    assert_eq!(house.ask("::1", "GET", "/api/users", &[]).await, 200);
    let says = [("x-forwarded-for", "127.0.0.1")];
    assert_eq!(house.ask("127.0.0.1", "GET", "/api/users", &says).await, 401);
}

#[tokio::test]
async fn accounts_that_cannot_be_read_let_nobody_in() {
    let house = house("", true);
    let file = house.keeper.access.sessions_file().with_file_name("accounts.json");
    std::fs::write(file, "{").unwrap();
    assert_eq!(house.ask("127.0.0.1", "GET", "/api/users", &[]).await, 500);
    assert_eq!(house.bearer(&house.tokens[2], "GET", "/api/users").await, 500);
    assert_eq!(house.ask("192.0.2.1", "GET", "/healthz", &[]).await, 200);
}
