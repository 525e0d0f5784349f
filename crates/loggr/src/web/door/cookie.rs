//! The cookies: of a session, of a browser in which somebody has logged in, of a log-in that went to a
//! provider, and of what became of it.
//!
//! Under TLS their names begin with `__Host-`, which browsers take from this host alone. They are never
//! read by scripts, and those of a session and of a browser are never sent by a request that began on a
//! foreign page. The others are: a provider sends the browser back.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// Characters of a value; what has others is none.
const MAX_VALUE_BYTES: usize = 160;

/// Cookies of one name that are tried; what stands behind them is not read.
const MAX_TRIED: usize = 16;

/// One of the cookies.
#[derive(Debug)]
pub struct Kind {
    name: &'static str,
    secure_name: &'static str,
    same_site: &'static str,
}

const SESSION: Kind = Kind { name: "loggr", secure_name: "__Host-loggr", same_site: "Strict" };
/// A browser in which somebody has logged in before.
pub const BROWSER: Kind =
    Kind { name: "loggr-browser", secure_name: "__Host-loggr-browser", same_site: "Strict" };
/// A log-in that went to a provider and has to come back.
pub const BEGUN: Kind = Kind { name: "loggr-begun", secure_name: "__Host-loggr-begun", same_site: "Lax" };
/// What became of it, for the page.
pub const ENDED: Kind = Kind { name: "loggr-ended", secure_name: "__Host-loggr-ended", same_site: "Lax" };

/// The ids of sessions in the cookies of a request.
pub fn read(headers: &HeaderMap, tls: bool) -> impl Iterator<Item = &str> {
    values(&SESSION, headers, tls)
}

/// What the cookies of a kind in a request say. There may be several: a neighbour of the host, or an older
/// path, can put one before ours, and who reads it tries each.
pub fn values<'h>(kind: &Kind, headers: &'h HeaderMap, tls: bool) -> impl Iterator<Item = &'h str> {
    let name = if tls { kind.secure_name } else { kind.name };
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|all| all.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let said = pairs.filter(move |(key, _)| *key == name).map(|(_, said)| said);
    said.filter(|said| is_value(said)).take(MAX_TRIED)
}

fn is_value(said: &str) -> bool {
    !said.is_empty() && said.len() <= MAX_VALUE_BYTES && said.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The header that sets that of a session. It goes when the browser ends.
pub fn set(id: &str, tls: bool) -> Option<HeaderValue> {
    write(&SESSION, id, tls, "")
}

/// The header that takes that of a session away.
pub fn clear(tls: bool) -> Option<HeaderValue> {
    take(&SESSION, tls)
}

/// The header that sets a cookie for a while.
pub fn keep(kind: &Kind, value: &str, tls: bool, age: Duration) -> Option<HeaderValue> {
    write(kind, value, tls, &format!("; Max-Age={}", age.as_secs()))
}

/// The header that takes a cookie away.
pub fn take(kind: &Kind, tls: bool) -> Option<HeaderValue> {
    write(kind, "", tls, "; Max-Age=0")
}

fn write(kind: &Kind, value: &str, tls: bool, more: &str) -> Option<HeaderValue> {
    let (name, secure) = if tls { (kind.secure_name, "; Secure") } else { (kind.name, "") };
    format!("{name}={value}; Path=/; HttpOnly; SameSite={}{secure}{more}", kind.same_site).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cookies: &[&str], tls: bool, expect: &[&str]) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        assert_eq!(read(&headers, tls).collect::<Vec<_>>(), expect, "{cookies:?}");
    }

    #[test]
    fn the_id_of_a_session_is_found() {
        check(&[], false, &[]);
        check(&["loggr=abc"], false, &["abc"]);
        check(&["a=b; loggr=abc;c=d"], false, &["abc"]);
        check(&["a=b", "loggr=abc"], false, &["abc"]);
        check(&["xloggr=abc; loggr2=x"], false, &[]);
        check(&["loggr=a b"], false, &[]);
        check(&["loggr="], false, &[]);
        check(&["loggr=abc"], true, &[]);
        check(&["__Host-loggr=abc"], true, &["abc"]);
        check(&["__Host-loggr=abc"], false, &[]);
        check(&["loggr=forged; loggr=abc", "loggr=def"], false, &["forged", "abc", "def"]);
        check(&["loggr=no value; loggr=abc"], false, &["abc"]);
        check(&[&"loggr=forged; ".repeat(1000)], false, &["forged"; MAX_TRIED]);
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
        let begun = keep(&BEGUN, "abc", true, Duration::from_secs(600)).unwrap();
        assert_eq!(begun, "__Host-loggr-begun=abc; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600");
    }
}
