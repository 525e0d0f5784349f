//! Where a server is: `http://HOST[:PORT][/PATH]` or `https://…`.

use std::fmt;
use std::net::IpAddr;

use hyper::{Method, Request, Uri};

use crate::NetError;

/// Longest URL in bytes.
const MAX_URL_BYTES: usize = 2048;

/// The URL of a server, below whose path everything is that it answers. Without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Reads it.
    ///
    /// # Errors
    /// It is none, or has a user, a query or a fragment.
    pub fn parse(text: &str) -> Result<Url, NetError> {
        let text = text.trim();
        // What may be a password is not shown.
        let shown = if text.contains('@') || text.len() > MAX_URL_BYTES { "the text" } else { text };
        let wrong = |why: &str| {
            NetError::new(format!("`{shown}` is not the URL of a server: {why}"))
                .hinted("write `https://logs.example.net` or `http://127.0.0.1:8080`")
        };
        if text.len() > MAX_URL_BYTES {
            return Err(wrong(&format!("it has more than {MAX_URL_BYTES} bytes")));
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            return Err(wrong("it begins with neither `https://` nor `http://`"));
        }
        if text.contains(['@', '?', '#']) {
            return Err(wrong("it has a user, a query or a fragment"));
        }
        let uri: Uri = text.parse().map_err(|error| wrong("it cannot be read").because(error))?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| wrong("it names no host"))?;
        let port = authority.as_str().rsplit(']').next().and_then(|rest| rest.split_once(':'));
        if port.is_some_and(|(_, port)| port.parse::<u16>().map_or(true, |port| port == 0)) {
            return Err(wrong("its port is not a number from 1 to 65535"));
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        Ok(Url(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'))))
    }

    /// Does it say that everything is sent through TLS?
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// Does everything that is sent stay on this host?
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// A request to it. `target`: path and query, from a slash on, escaped.
    ///
    /// # Errors
    /// The target is none.
    pub fn request(&self, method: Method, target: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, NetError> {
        let request = Request::builder().method(method).uri(format!("{}{target}", self.0)).body(body);
        request.map_err(|error| NetError::new(format!("cannot ask `{self}`")).because(error))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The server of a request, for errors: without path and query, which may hold what is nobody's business.
pub(super) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    format!("{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str()))
}
