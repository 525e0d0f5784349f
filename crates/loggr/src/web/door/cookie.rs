//! The cookie of a session: how it is read and set.
//!
//! Under TLS its name begins with `__Host-`, which browsers take from this host alone. It is never read
//! by scripts and never sent by a request that began on a foreign page.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

const NAME: &str = "loggr";
const SECURE_NAME: &str = "__Host-loggr";
/// Characters of an id; what has others is none.
const MAX_ID_BYTES: usize = 128;

/// The id in the cookie of a request.
pub fn read(headers: &HeaderMap, tls: bool) -> Option<&str> {
    let name = if tls { SECURE_NAME } else { NAME };
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|all| all.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, id) = pairs.find(|(key, _)| *key == name)?;
    let good = !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then_some(id)
}

/// The header that sets it. It goes when the browser ends.
pub fn set(id: &str, tls: bool) -> Option<HeaderValue> {
    write(id, tls, "")
}

/// The header that takes it away.
pub fn clear(tls: bool) -> Option<HeaderValue> {
    write("", tls, "; Max-Age=0")
}

fn write(id: &str, tls: bool, more: &str) -> Option<HeaderValue> {
    let (name, secure) = if tls { (SECURE_NAME, "; Secure") } else { (NAME, "") };
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{more}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cookies: &[&str], tls: bool, expect: Option<&str>) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        assert_eq!(read(&headers, tls), expect, "{cookies:?}");
    }

    #[test]
    fn the_id_of_a_session_is_found() {
        check(&[], false, None);
        check(&["loggr=abc"], false, Some("abc"));
        check(&["a=b; loggr=abc;c=d"], false, Some("abc"));
        check(&["a=b", "loggr=abc"], false, Some("abc"));
        check(&["xloggr=abc; loggr2=x"], false, None);
        check(&["loggr=a b"], false, None);
        check(&["loggr="], false, None);
        check(&["loggr=abc"], true, None);
        check(&["__Host-loggr=abc"], true, Some("abc"));
        check(&["__Host-loggr=abc"], false, None);
    }

    #[test]
    fn a_cookie_is_for_nobody_else() {
        let plain = set("abc", false).unwrap();
        assert_eq!(plain, "loggr=abc; Path=/; HttpOnly; SameSite=Strict");
        let secure = set("abc", true).unwrap();
        assert_eq!(secure, "__Host-loggr=abc; Path=/; HttpOnly; SameSite=Strict; Secure");
        let gone = clear(false).unwrap();
        assert_eq!(gone, "loggr=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        assert_eq!(set("a\nb", false), None);
    }
}
