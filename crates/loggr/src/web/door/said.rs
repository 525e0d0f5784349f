//! What is said at the door, either way: the bodies and the answers of its endpoints, as types.
//!
//! The OpenAPI document is made of them (`web/api/people.rs`). Not what is done with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::who::Level;

/// A log-in.
#[derive(Deserialize, JsonSchema)]
pub struct Login {
    /// The name of the user.
    pub user: String,
    /// Their password.
    pub password: String,
}

/// The first administrator.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "FirstLogin")]
pub struct First {
    /// What stands behind `code=` in the link.
    pub code: String,
    /// The name that the user shall have.
    pub user: String,
    /// The password, of at least 8 characters.
    pub password: String,
}

/// Another password of one's own.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewPassword")]
pub struct Password {
    /// The one until now.
    pub old: String,
    /// The one from now on, of at least 8 characters.
    pub new: String,
}

/// How somebody can log in here.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LoginWays")]
pub struct Ways {
    /// With a name and a password.
    pub form: bool,
    /// What the provider of OpenID Connect is called here, if there is one.
    pub oidc: Option<String>,
    /// There is no user yet.
    pub first: bool,
    /// Why the last log-in of this browser through the provider came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Who asks.
#[derive(Serialize, JsonSchema)]
pub struct Me {
    /// The user, or whose token it is.
    pub user: String,
    /// How the page calls them.
    pub display: String,
    /// The name of the role.
    pub role: String,
    /// What the role may: `viewer`, `operator` or `admin`.
    pub level: Level,
    /// They see only events that this query finds.
    pub filter: Option<String>,
    /// Fields that they do not see.
    pub hidden: Vec<String>,
    /// A filter or hidden fields keep something from them; what shows all is not for them.
    pub restricted: bool,
    /// How it is known who they are: `session`, `token`, `proxy`, `loopback`.
    pub via: &'static str,
    /// What they may: `search`, `operate`, `administer`.
    pub may: Vec<&'static str>,
    /// What the header `X-Loggr-Csrf` has to say with a change.
    pub csrf: String,
    /// When the session ends if it is not used any more.
    pub session_ends: Option<String>,
    /// The version of loggr.
    pub version: &'static str,
    /// Shippers whose stores can be asked.
    pub stores: Vec<String>,
    /// How one can log in.
    pub login: Ways,
    /// What is the same for everybody.
    #[serde(flatten)]
    #[schemars(with = "About")]
    pub about: Map<String, Value>,
}

/// What is the same for everybody who asks.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is needed")]
struct About {
    /// The name of the host.
    installation: String,
    /// The process takes files.
    uploads: bool,
    /// How much may be asked for.
    limits: Limits,
}

/// How much may be asked for.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is needed")]
struct Limits {
    /// How long a query may take.
    timeout_seconds: u64,
    /// Events of one page.
    rows: u64,
    /// Queries of one user at one time.
    queries: u64,
    /// The size of a file that is uploaded, unpacked.
    upload_bytes: u64,
}

/// A user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct ShownUser {
    /// The name to log in with.
    pub name: String,
    /// How the page calls them.
    pub display: String,
    /// The name of the role.
    pub role: String,
    /// They see only events that this query finds, beside what the role sees.
    pub filter: Option<String>,
    /// Fields that they do not see.
    pub hidden: Vec<String>,
    /// They may not log in.
    pub disabled: bool,
    /// They have a password; else a proxy or a provider logs them in.
    pub password: bool,
    /// When the user was made.
    pub created: String,
    /// In how many browsers they are logged in.
    pub sessions: usize,
}

/// All users.
#[derive(Serialize, JsonSchema)]
pub struct Users {
    /// In the order in which they were made.
    pub users: Vec<ShownUser>,
}

/// A user who is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
pub struct PostUser {
    /// The name to log in with: letters, digits and `-`, `_`, `.`, `@`, `+`.
    pub name: String,
    /// How the page calls them; the name if it is left out.
    pub display: Option<String>,
    /// The name of the role; that of the first user has to be `admin`.
    pub role: String,
    /// The password, of at least 8 characters; none for who is logged in by a proxy or a provider.
    pub password: Option<String>,
    /// They see only events that this query finds.
    pub filter: Option<String>,
    /// Fields that they do not see.
    #[serde(default)]
    pub hidden: Vec<String>,
    /// They may not log in yet.
    #[serde(default)]
    pub disabled: bool,
}

/// What is to be changed of a user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
pub struct PatchUser {
    /// How the page calls them.
    pub display: Option<String>,
    /// Another role; it ends all their sessions.
    pub role: Option<String>,
    /// Another password; it ends all their sessions.
    pub password: Option<String>,
    /// Another filter; an empty one takes it away.
    pub filter: Option<String>,
    /// The fields that they do not see from now on.
    pub hidden: Option<Vec<String>>,
    /// May they no longer log in? A change ends all their sessions.
    pub disabled: Option<bool>,
}

/// How many sessions were ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndedSessions")]
pub struct Ended {
    /// So many.
    pub ended: usize,
}

/// A role.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Role")]
pub struct ShownRole {
    /// Its name.
    pub name: String,
    /// What it may: `viewer`, `operator` or `admin`.
    pub level: Level,
    /// Who has it sees only events that this query finds.
    pub filter: Option<String>,
    /// Fields that who has it does not see.
    pub hidden: Vec<String>,
    /// It stays as it is.
    pub built_in: bool,
    /// Why nobody who has it sees anything until it is changed; null: it is in order.
    pub trouble: Option<String>,
}

/// All roles.
#[derive(Serialize, JsonSchema)]
pub struct Roles {
    /// The built-in ones first.
    pub roles: Vec<ShownRole>,
}

/// A role that is to be made or changed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRole")]
pub struct PostRole {
    /// Its name; where the path has it, it can be left out.
    pub name: Option<String>,
    /// What it may: `viewer`, `operator` or `admin`.
    pub level: Level,
    /// Who has it sees only events that this query finds. With `admin` it must be empty.
    pub filter: Option<String>,
    /// Fields that who has it does not see. With `admin` there must be none.
    #[serde(default)]
    pub hidden: Vec<String>,
}

/// A token, without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub struct ShownToken {
    /// Names it.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The name of the role.
    pub role: String,
    /// The user whose token it is; null: nobody's.
    pub owner: Option<String>,
    /// The id of the token that made it, if one did.
    pub maker: Option<String>,
    /// When it was made.
    pub created: String,
    /// When it ends; null: never.
    pub expires: Option<String>,
    /// When it was last used.
    pub used: Option<String>,
    /// It has ended.
    pub over: bool,
}

/// Tokens.
#[derive(Serialize, JsonSchema)]
pub struct Tokens {
    /// In the order in which they were made.
    pub tokens: Vec<ShownToken>,
}

/// A token that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub struct PostToken {
    /// What it is for: letters, digits and `-`, `_`, `.`, `@`, `+`.
    pub name: String,
    /// The name of the role; that of the one who asks if it is left out.
    pub role: Option<String>,
    /// When it ends, in RFC 3339, within 36500 days; if it is left out, never, or with the token that makes it.
    pub expires: Option<String>,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeToken")]
pub struct Made {
    /// Names it.
    pub id: String,
    /// The secret, which is shown this once.
    pub token: String,
    /// What it is for.
    pub name: String,
    /// The name of the role.
    pub role: String,
    /// When it ends; null: never.
    pub expires: Option<String>,
}
