//! The address of a server as a URL: `scheme://user:password@host:port/path`, without the other
//! parts that URLs may have.
//!
//! No name is looked up here. Invariant: a password is never shown, not even in an error.

use loggr_net::Address;

use super::secret::Secret;

/// Longest URL.
const MAX_URL_BYTES: usize = 2048;

/// The address of a server, with user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// The word before `://`.
    pub scheme: String,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// Host and port.
    pub address: Address,
    /// What stands behind the first `/`, percent-decoded; empty without one.
    pub path: String,
}

impl ServerUrl {
    /// Reads a URL with one of these schemes; the second word is the port it has without
    /// one.
    pub fn parse(text: &str, schemes: &[(&str, u16)]) -> Result<ServerUrl, String> {
        let known: Vec<String> = schemes.iter().map(|(scheme, _)| format!("`{scheme}://`")).collect();
        let known = known.join(" or ");
        // The error leaves the text out, because it may hold a password.
        if text.len() > MAX_URL_BYTES {
            return Err(format!("a URL of {} bytes is longer than {MAX_URL_BYTES}", text.len()));
        }
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| format!("this is not a URL: a URL begins with {known}"))?;
        let (scheme, port) = schemes
            .iter()
            .find(|(known, _)| *known == scheme)
            .ok_or_else(|| format!("the URL begins with `{}://`, not with {known}", printable(scheme)))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains(['?', '#']) || authority.contains(['?', '#']) {
            return Err(
                "the URL has options after `?` or `#`; write them as keys of the configuration instead"
                    .to_owned(),
            );
        }
        if path.contains('@') {
            return Err(
                "the URL has an `@` after its host; if the password has a `/`, write it as `%2F`".to_owned()
            );
        }
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority),
        };
        let (user, password) = match credentials.map(|c| c.split_once(':').unwrap_or((c, ""))) {
            Some((user, password)) => (decode(user)?, decode(password)?),
            None => (String::new(), String::new()),
        };
        let bare = place.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']'));
        let place = if bare { format!("{place}:{port}") } else { place.to_owned() };
        if place.starts_with([':', '*']) {
            return Err("the URL has no host".to_owned());
        }
        Ok(ServerUrl {
            scheme: (*scheme).to_owned(),
            user: Some(user).filter(|user| !user.is_empty()),
            password: Secret::new(password),
            address: Address::parse(&place).map_err(|e| e.to_string())?,
            path: decode(path)?,
        })
    }
}

impl std::fmt::Display for ServerUrl {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

/// `%41` is `A`.
fn decode(text: &str) -> Result<String, String> {
    let wrong = || "a `%` in the URL is not followed by two hexadecimal digits that make UTF-8".to_owned();
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digits = after.get(..2).filter(|d| d.iter().all(u8::is_ascii_hexdigit)).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        out.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(out).map_err(|_| wrong())
}

fn printable(text: &str) -> String {
    text.chars().take(20).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCHEMES: &[(&str, u16)] = &[("redis", 6379), ("rediss", 6380)];

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let shown = match ServerUrl::parse(text, SCHEMES) {
            Ok(url) => format!(
                "{} {} {} {} {:?}",
                url.scheme,
                url.user.unwrap_or_default(),
                url.password.as_ref().map_or("", Secret::expose),
                url.address,
                url.path
            ),
            Err(error) => error,
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn servers() {
        check("redis://host", "redis   host:6379 \"\"");
        check("rediss://host/2", "rediss   host:6380 \"2\"");
        check("redis://u:p%40ss@Host.example:1", "redis u p@ss host.example:1 \"\"");
        check("redis://:pass@[::1]", "redis  pass [::1]:6379 \"\"");
        check("redis://u@[::1]:7/a%2fb", "redis u  [::1]:7 \"a/b\"");
    }

    #[test]
    fn what_is_none() {
        check("host:6379", "this is not a URL: a URL begins with `redis://` or `rediss://`");
        check("http://host", "the URL begins with `http://`, not with `redis://` or `rediss://`");
        check("redis://", "the URL has no host");
        check("redis://:1", "the URL has no host");
        check("redis://host:x", "the port of `host:x` is not a number from 0 to 65535");
        check(
            "redis://h/0?x=1",
            "the URL has options after `?` or `#`; write them as keys of the configuration instead",
        );
        check(
            "redis://u:pa/ss@h",
            "the URL has an `@` after its host; if the password has a `/`, write it as `%2F`",
        );
        check("redis://%zz@h", "a `%` in the URL is not followed by two hexadecimal digits that make UTF-8");
    }

    proptest! {
        #[test]
        fn no_password_is_shown(password in "[a-z]{8,20}", rest in "(?s).{0,40}") {
            let text = format!("redis://u:{password}@{rest}");
            let shown = match ServerUrl::parse(&text, SCHEMES) {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => error,
            };
            prop_assert!(!shown.contains(&password) || rest.contains(&password), "{}", shown);
        }
    }
}
