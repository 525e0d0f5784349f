//! What a provider says of a user, read with the settings: name, and role.
//!
//! Plain values. Not whether the provider said it: that is checked before.

use serde_json::Value;

use crate::access::role::check_name;
use crate::config::Oidc;

/// Somebody whom the provider names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name in loggr.
    pub name: String,
    /// How the page calls them, if the provider says it.
    pub display: Option<String>,
    /// Who they are at the provider, for ever.
    pub subject: String,
    /// The role, if the settings give one.
    pub role: Option<String>,
}

/// Reads the claims.
///
/// # Errors
/// Says why there is no name that a user can have.
pub fn person(settings: &Oidc, subject: &str, claims: &Value) -> Result<Person, String> {
    let claim = settings.user_claim.as_str();
    let name = values(claims, claim).into_iter().next();
    let name = name
        .ok_or_else(|| format!("the provider does not say the claim `{claim}`, which is the user's name"))?;
    check_name("user", &name).map_err(|refused| refused.to_string())?;
    if claim == "email" && matches!(claims.get("email_verified"), Some(said) if is_no(said)) {
        return Err(format!("the provider has not verified that `{name}` is the user's address"));
    }
    let theirs = values(claims, &settings.role_claim);
    let mut roles = settings.roles.iter().filter(|(value, _)| theirs.contains(value)).map(|(_, role)| role);
    let role = roles.next().or(settings.default_role.as_ref()).cloned();
    let display = values(claims, "name").into_iter().next();
    Ok(Person { name, display, subject: subject.to_owned(), role })
}

/// Does a claim say anything?
pub fn has(claims: &Value, name: &str) -> bool {
    find(claims, name).is_some()
}

/// The texts of a claim: it is one, or a list of them.
fn values(claims: &Value, name: &str) -> Vec<String> {
    match find(claims, name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A claim by its whole name, or by dots through objects.
fn find<'c>(claims: &'c Value, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| name.split('.').try_fold(claims, |within, part| within.get(part)))
}

fn is_no(said: &Value) -> bool {
    matches!(said, Value::Bool(false)) || said.as_str() == Some("false")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(keys: &str) -> Oidc {
        let text = format!("[web.oidc]\nissuer='https://x.example'\nclient_id='loggr'\n{keys}");
        crate::config::tests::read(&text).web.unwrap().oidc.unwrap()
    }

    #[track_caller]
    fn check(keys: &str, claims: &Value, expect: Result<(&str, Option<&str>), &str>) {
        let person = person(&settings(keys), "7", claims);
        let person = person.as_ref().map(|p| (p.name.as_str(), p.role.as_deref())).map_err(String::as_str);
        assert_eq!(person, expect, "{claims}");
    }

    const ROLES: &str = "roles={ admins='admin', staff='viewer' }";

    #[test]
    fn values_give_the_role_that_stands_first() {
        let of = |groups: Value| json!({ "preferred_username": "anna", "groups": groups });
        check(ROLES, &of(json!(["x", "staff", "admins"])), Ok(("anna", Some("admin"))));
        check(ROLES, &of(json!("staff")), Ok(("anna", Some("viewer"))));
        check(ROLES, &of(json!(["Admins", "admins "])), Ok(("anna", None)));
        check(ROLES, &of(json!({ "admins": true })), Ok(("anna", None)));
        check(ROLES, &of(json!([["admins"], 5, null])), Ok(("anna", None)));
        check(ROLES, &json!({ "preferred_username": "anna" }), Ok(("anna", None)));
        check(
            &format!("{ROLES}\ndefault_role='viewer'"),
            &json!({ "preferred_username": "anna" }),
            Ok(("anna", Some("viewer"))),
        );
    }

    #[test]
    fn dots_lead_into_objects() {
        let claims = json!({ "preferred_username": "anna", "realm_access": { "roles": ["admins"] } });
        check(&format!("{ROLES}\nrole_claim='realm_access.roles'"), &claims, Ok(("anna", Some("admin"))));
        let whole = json!({ "preferred_username": "anna", "https://x.example/groups": ["staff"] });
        check(
            &format!("{ROLES}\nrole_claim='https://x.example/groups'"),
            &whole,
            Ok(("anna", Some("viewer"))),
        );
    }

    #[test]
    fn names_that_no_user_can_have() {
        let missing = "the provider does not say the claim `preferred_username`, which is the user's name";
        check(ROLES, &json!({ "email": "anna@x.example" }), Err(missing));
        check(ROLES, &json!({ "preferred_username": 5 }), Err(missing));
        check(ROLES, &json!({ "preferred_username": "an na" }), Err("`an na` cannot be the name of a user"));
        let by_email = format!("{ROLES}\nuser_claim='email'");
        let of = |verified: Value| json!({ "email": "anna@x.example", "email_verified": verified });
        check(&by_email, &of(json!(true)), Ok(("anna@x.example", None)));
        check(&by_email, &json!({ "email": "anna@x.example" }), Ok(("anna@x.example", None)));
        for no in [json!(false), json!("false")] {
            let why = "the provider has not verified that `anna@x.example` is the user's address";
            check(&by_email, &of(no), Err(why));
        }
    }
}
