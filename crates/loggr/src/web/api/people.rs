//! The endpoints of log-in, users, roles and tokens, as the document has them.
//!
//! Only for tests, which write the document: they are answered at the door (`web/door`).

use super::Endpoint;
use super::params::{Parameter, Takes, parameter, required};
use super::sent::{Sent, json, made};
use crate::web::door::said::{
    Ended, First, Login, Made, Me, Password, PatchUser, PostRole, PostToken, PostUser, Roles, ShownRole,
    ShownUser, Tokens, Users,
};

const USER: &[Parameter] = &[required("name", Takes::Text, "The name of the user.")];
const ROLE: &[Parameter] = &[required("name", Takes::Text, "The name of the role.")];
const TOKEN: &[Parameter] = &[required("id", Takes::Text, "The id of the token, which is not its secret.")];
const FROM_PROVIDER: &[Parameter] = &[
    parameter("state", Takes::Text, "What the log-in began with."),
    parameter("code", Takes::Text, "What the provider gives for who has logged in there."),
    parameter("error", Takes::Text, "Why nobody has."),
    parameter("error_description", Takes::Text, "The same in a sentence."),
];

const fn at(
    method: &'static str,
    path: &'static str,
    about: &'static str,
    parameters: &'static [&'static [Parameter]],
    (body, answer): (Sent, Sent),
) -> Endpoint {
    Endpoint { method, path, about, parameters, body, answer, handle: None }
}

/// The endpoints that the door answers.
pub const ENDPOINTS: &[Endpoint] = &[
    at("GET", "/api/me", "Who asks, and what they may.", &[], (Sent::Nothing, json::<Me>())),
    at(
        "POST",
        "/api/login",
        "Logs in with a password; the answer sets the cookie of the session.",
        &[],
        (json::<Login>(), json::<Me>()),
    ),
    at(
        "POST",
        "/api/login/link",
        "Makes the first administrator, with the code of the link that was printed at the start.",
        &[],
        (json::<First>(), json::<Me>()),
    ),
    at(
        "GET",
        "/api/login/oidc",
        "Begins a log-in through the provider, to which it sends the browser.",
        &[],
        (Sent::Nothing, Sent::Elsewhere),
    ),
    at(
        "GET",
        "/api/login/oidc/return",
        "Where the provider sends the browser back to, and from where it goes on to the page.",
        &[FROM_PROVIDER],
        (Sent::Nothing, Sent::Elsewhere),
    ),
    at("POST", "/api/logout", "Ends the session.", &[], (Sent::Nothing, Sent::Nothing)),
    at(
        "POST",
        "/api/logout/all",
        "Ends all sessions of the one who asks.",
        &[],
        (Sent::Nothing, Sent::Nothing),
    ),
    at(
        "POST",
        "/api/me/password",
        "Sets another password of one's own; all other sessions end.",
        &[],
        (json::<Password>(), Sent::Nothing),
    ),
    at("GET", "/api/users", "All users.", &[], (Sent::Nothing, json::<Users>())),
    at("POST", "/api/users", "Makes a user.", &[], (json::<PostUser>(), made::<ShownUser>())),
    at(
        "PATCH",
        "/api/users/{name}",
        "Changes a user; what is left out stays as it is.",
        &[USER],
        (json::<PatchUser>(), json::<ShownUser>()),
    ),
    at(
        "DELETE",
        "/api/users/{name}",
        "Removes a user, with the tokens that are theirs.",
        &[USER],
        (Sent::Nothing, Sent::Nothing),
    ),
    at(
        "POST",
        "/api/users/{name}/logout",
        "Ends all sessions of a user; their tokens stay.",
        &[USER],
        (Sent::Nothing, json::<Ended>()),
    ),
    at("GET", "/api/roles", "All roles, the built-in ones first.", &[], (Sent::Nothing, json::<Roles>())),
    at("POST", "/api/roles", "Makes a role.", &[], (json::<PostRole>(), made::<ShownRole>())),
    at(
        "PUT",
        "/api/roles/{name}",
        "Changes a role; it holds at once, also for those who are logged in.",
        &[ROLE],
        (json::<PostRole>(), json::<ShownRole>()),
    ),
    at(
        "DELETE",
        "/api/roles/{name}",
        "Removes a role that nobody has.",
        &[ROLE],
        (Sent::Nothing, Sent::Nothing),
    ),
    at(
        "GET",
        "/api/tokens",
        "One's own tokens; an administrator sees all.",
        &[],
        (Sent::Nothing, json::<Tokens>()),
    ),
    at(
        "POST",
        "/api/tokens",
        "Makes a token; its secret is in the answer and nowhere else.",
        &[],
        (json::<PostToken>(), made::<Made>()),
    ),
    at(
        "DELETE",
        "/api/tokens/{id}",
        "Removes a token, and those that were made by it.",
        &[TOKEN],
        (Sent::Nothing, Sent::Nothing),
    ),
];
