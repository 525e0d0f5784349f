//! `[web.oidc]`: log-in through a provider of OpenID Connect.

use std::path::{Path, PathBuf};

use loggr_net::http::Url;

use super::keys::{Section, Shape, Takes, key};
use super::reader::Reader;

/// Longest text of a key.
const MAX_TEXT_BYTES: usize = 256;
/// Longest name of the provider, which stands on a button.
const MAX_SHOWN_CHARACTERS: usize = 40;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "web.oidc",
    shape: Shape::Once,
    about: "A provider of OpenID Connect (Keycloak, Entra ID, Okta, Google and others), by which users log in to the \
            page. The provider must know `URL/api/login/oidc/return` as an address to return to, where `URL` is \
            how browsers call the page. [The guide](../guide/users.md#log-in-through-a-provider) has an example.",
    keys: &[&[
        key(
            "issuer",
            Takes::Text("URL"),
            "",
            "the URL of the provider, below which its `.well-known/openid-configuration` is",
        )
        .without("the section must have it"),
        key("client_id", Takes::Text("text"), "", "the name under which the provider knows loggr")
            .without("the section must have it"),
        key(
            "client_secret_file",
            Takes::Path,
            "",
            "the file with the secret that the provider has given for `client_id`",
        )
        .without("the provider knows loggr as a public client"),
        key(
            "name",
            Takes::Text("text"),
            "\"OpenID Connect\"",
            "how the log-in page calls the provider: \"Continue with …\"",
        ),
        key(
            "scopes",
            Takes::Texts("scope"),
            "[\"profile\", \"email\"]",
            "what loggr asks for beside `openid`; some providers tell groups only with a scope for them",
        ),
        key(
            "user_claim",
            Takes::Text("name of a claim"),
            "\"preferred_username\"",
            "the claim that is the user's name in loggr; an `email` that the provider calls unverified is refused",
        ),
        key(
            "role_claim",
            Takes::Text("name of a claim"),
            "\"groups\"",
            "the claim, a text or a list of them, whose values give the role; dots lead into objects, as in \
             `realm_access.roles`",
        ),
        key(
            "roles",
            Takes::Pairs("value", "role"),
            "{}",
            "which value of `role_claim` gives which role; if several match, the first in the file counts",
        ),
        key("default_role", Takes::Name, "", "the role of users of whose values none matches")
            .without("such users are not let in"),
        key(
            "tls_ca",
            Takes::Path,
            "",
            "the file (PEM) with the authority that has signed the provider's certificate",
        )
        .without("the authorities of this system"),
    ]],
};

/// `[web.oidc]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// The URL of the provider, as it calls itself.
    pub issuer: String,
    /// The name under which it knows loggr.
    pub client_id: String,
    /// The file with the secret that belongs to the name.
    pub client_secret_file: Option<PathBuf>,
    /// How people call it.
    pub name: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the user's name.
    pub user_claim: String,
    /// The claim whose values give the role.
    pub role_claim: String,
    /// Value and role, the first that matches counts.
    pub roles: Vec<(String, String)>,
    /// The role if none matches.
    pub default_role: Option<String>,
    /// The file with the authority that it is trusted by.
    pub tls_ca: Option<PathBuf>,
}

/// Reads the section; `None` where there is none.
pub fn read(r: &mut Reader<'_, '_>, beside: &Path) -> Option<Oidc> {
    let issuer = r.parsed_if_any("issuer", issuer);
    let client_id = r.parsed_if_any("client_id", text);
    let oidc = Oidc {
        issuer: issuer.unwrap_or_default(),
        client_id: client_id.unwrap_or_default(),
        client_secret_file: r.path_if_any("client_secret_file", beside),
        name: r.parsed("name", shown),
        scopes: r.all_parsed("scopes", scope),
        user_claim: r.parsed("user_claim", text),
        role_claim: r.parsed("role_claim", text),
        roles: r.pairs("roles", role),
        default_role: r.parsed_if_any("default_role", role),
        tls_ca: r.path_if_any("tls_ca", beside),
    };
    if !r.is_there() {
        return None;
    }
    for (key, example) in [("issuer", "https://login.example.net/realms/main"), ("client_id", "loggr")] {
        if !r.has(key) {
            let help = format!("write `{key} = \"{example}\"`");
            r.needs(key, format!("`[web.oidc]` has no `{key}`"), help);
        }
    }
    if oidc.roles.is_empty() && oidc.default_role.is_none() && !r.failed("roles") && !r.failed("default_role")
    {
        let help = "write `roles = { \"log-admins\" = \"admin\" }` or `default_role = \"viewer\"`".to_owned();
        r.blame(
            "",
            "`[web.oidc]` gives nobody a role, so it would let in only users that loggr knows".to_owned(),
            Some(help),
        );
    }
    Some(oidc)
}

/// As it is written: the provider says in each token who it is, and a slash more or less is somebody else.
fn issuer(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.is_tls() || url.is_loopback() {
        true => Ok(text.trim().to_owned()),
        false => Err(format!("everybody between here and `{url}` could log in as anybody: write `https://`")),
    }
}

fn text(text: &str) -> Result<String, String> {
    match text.is_empty() || text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
        true => Err(format!("it must be one line of 1 to {MAX_TEXT_BYTES} bytes")),
        false => Ok(text.to_owned()),
    }
}

fn shown(name: &str) -> Result<String, String> {
    match name.chars().count() > MAX_SHOWN_CHARACTERS {
        true => Err(format!("the name has more than {MAX_SHOWN_CHARACTERS} characters")),
        false => text(name),
    }
}

fn scope(scope: &str) -> Result<String, String> {
    match scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) {
        true => text(scope),
        false => Err(format!("`{scope}` is not a scope")),
    }
}

fn role(name: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'+');
    match name.bytes().all(good) {
        true => text(name),
        false => Err(format!("`{name}` is not the name of a role")),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};

    const NEEDED: &str = "[web.oidc]\nissuer='https://login.example.net/realms/main'\nclient_id='loggr'\n";

    #[test]
    fn a_provider() {
        let web = read(&format!(
            "{NEEDED}client_secret_file='oidc.secret'\nroles={{ ops='operator', 'log admins'='admin' }}\n\
             [web]\nurl='https://logs.example.net/'"
        ));
        let web = web.web.unwrap();
        assert_eq!(web.url.as_deref(), Some("https://logs.example.net"));
        let oidc = web.oidc.unwrap();
        assert_eq!(oidc.issuer, "https://login.example.net/realms/main");
        assert_eq!(oidc.client_secret_file, Some("/etc/loggr/oidc.secret".into()));
        assert_eq!((oidc.name.as_str(), oidc.user_claim.as_str()), ("OpenID Connect", "preferred_username"));
        let roles: Vec<(&str, &str)> = oidc.roles.iter().map(|(v, r)| (v.as_str(), r.as_str())).collect();
        assert_eq!(roles, [("ops", "operator"), ("log admins", "admin")]);
        assert_eq!(read("[web]").web.unwrap().oidc, None);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(problems(text), [expect]);
    }

    #[test]
    fn mistakes() {
        refused(
            &format!("{NEEDED}default_rolle='viewer'\ndefault_role='viewer'"),
            "unknown key `default_rolle` in `[web.oidc]` | did you mean `default_role`?",
        );
        refused(
            "[web.oidc]\nclient_id='x'\ndefault_role='viewer'",
            "`[web.oidc]` has no `issuer` | write `issuer = \"https://login.example.net/realms/main\"`",
        );
        refused(
            "[web.oidc]\nissuer='login.example.net'\nclient_id='x'\ndefault_role='viewer'",
            "`login.example.net` is not the URL of a server: it begins with neither `https://` nor `http://`",
        );
        refused(
            &format!("{}default_role='viewer'", NEEDED.replace("https", "http")),
            "everybody between here and `http://login.example.net/realms/main` could log in as anybody: write `https://`",
        );
        refused(
            NEEDED,
            "`[web.oidc]` gives nobody a role, so it would let in only users that loggr knows | write `roles = { \
             \"log-admins\" = \"admin\" }` or `default_role = \"viewer\"`",
        );
        refused(&format!("{NEEDED}roles={{ ops='a role' }}"), "`a role` is not the name of a role");
        refused(
            &format!("{NEEDED}roles=['ops']"),
            "a list stands where a table such as `{ \"value\" = \"role\" }` is expected",
        );
        refused("[web]\noidc='x'", "`oidc` is a section | write `[web.oidc]`");
        refused(
            "[web]\nurl='logs'",
            "`logs` is not the URL of a server: it begins with neither `https://` nor `http://`",
        );
    }
}
