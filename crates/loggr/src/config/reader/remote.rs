//! Values about other hosts: addresses, networks, servers and their certificates.

use std::path::{Path, PathBuf};

use loggr_net::http::Url;
use loggr_net::{Address, Endpoint, Network};
use toml::de::DeValue;

use super::value::{Read, Value, Wrong, expected, many, one_or_more, path, text};
use super::{Reader, defaulted};
use crate::config::trust::Trust;
use crate::config::url::ServerUrl;

impl Reader<'_, '_> {
    /// Addresses, at least one.
    pub fn addresses(&mut self, key: &'static str) -> Vec<Address> {
        let read = self.read(key, |_, value| {
            one_or_more(value, "an address such as `\"127.0.0.1:1514\"` or a list of them", |item| {
                Ok(Address::parse(text(item)?)?)
            })
        });
        defaulted(read)
    }

    /// Addresses to connect to, at least one, if there are any.
    pub fn targets_if_any(&mut self, key: &'static str) -> Option<Vec<Address>> {
        self.read(key, |_, value| {
            one_or_more(value, "an address such as `\"siem.example.net:2514\"` or a list of them", |item| {
                let address = Address::parse(text(item)?)?;
                if address.is_wildcard() {
                    let wrong = Wrong::from(format!("`{}` names no host to connect to", text(item)?));
                    return Err(wrong.help("write `HOST:PORT`"));
                }
                if address.port() == 0 {
                    return Err(format!("nothing can listen on the port 0 of `{address}`").into());
                }
                Ok(address)
            })
        })
    }

    /// Paths of sockets, at least one, if there are any.
    pub fn sockets_if_any(&mut self, key: &'static str, base: &Path) -> Option<Vec<Endpoint>> {
        self.read(key, |_, value| {
            one_or_more(value, "the path of a socket or a list of them", |item| {
                path(text(item)?, base).map(Endpoint::Path)
            })
        })
    }

    /// Addresses to listen on, at least one, if there are any.
    pub fn endpoints_if_any(&mut self, key: &'static str) -> Option<Vec<Endpoint>> {
        self.read(key, |_, value| {
            one_or_more(value, "an address such as `\"127.0.0.1:1514\"` or a list of them", |item| {
                Ok(Endpoint::Net(Address::parse(text(item)?)?))
            })
        })
    }

    /// Networks.
    pub fn networks(&mut self, key: &'static str) -> Vec<Network> {
        defaulted(self.read(key, |_, value| networks(value)))
    }

    /// The peers to trust.
    pub fn trust(&mut self, key: &'static str) -> Trust {
        let read = self.read(key, |_, value| match value.get_ref() {
            DeValue::Boolean(true) => Ok(Trust::Everybody),
            DeValue::Boolean(false) => Ok(Trust::Nobody),
            DeValue::Array(_) => networks(value).map(Trust::Networks),
            _ => Err(expected("`true`, `false` or a list of networks", value)),
        });
        defaulted(read)
    }

    /// The URL of a server, if there is one; `schemes` are the allowed ones with their default
    /// ports.
    pub fn url_if_any(&mut self, key: &'static str, schemes: &[(&str, u16)]) -> Option<ServerUrl> {
        self.read(key, |_, value| Ok(ServerUrl::parse(text(value)?, schemes)?))
    }

    /// The URLs of servers, at least one, if there are any.
    pub fn urls_if_any(&mut self, key: &'static str, schemes: &[(&str, u16)]) -> Option<Vec<ServerUrl>> {
        self.read(key, |_, value| {
            one_or_more(value, "a URL or a list of them", |item| Ok(ServerUrl::parse(text(item)?, schemes)?))
        })
    }

    /// The URLs of servers that are asked over HTTP, at least one, if there are any.
    pub fn server_urls_if_any(&mut self, key: &'static str) -> Option<Vec<Url>> {
        self.read(key, |_, value| {
            one_or_more(
                value,
                "a URL such as `\"https://search.example.net:9200\"` or a list of them",
                |item| {
                    Url::parse(text(item)?).map_err(|error| match error.hint() {
                        Some(hint) => Wrong::from(error.to_string()).help(hint),
                        None => Wrong::from(error.to_string()),
                    })
                },
            )
        })
    }

    /// The certificates of `tls_ca`, and our own of `tls_cert` with its `tls_key`; relative to `beside`.
    /// `used` says whether `key`, where the server is, asks for TLS with `scheme`.
    pub fn tls(
        &mut self,
        beside: &Path,
        key: &str,
        scheme: &str,
        used: bool,
    ) -> (Option<PathBuf>, Option<(PathBuf, PathBuf)>) {
        let authorities = self.path_if_any("tls_ca", beside);
        let certificate = self.path_if_any("tls_cert", beside);
        let private = self.path_if_any("tls_key", beside);
        if certificate.is_some() != private.is_some() {
            let (has, needs) =
                if certificate.is_some() { ("tls_cert", "tls_key") } else { ("tls_key", "tls_cert") };
            self.blame(has, format!("`{has}` is of no use without `{needs}`"), None);
        }
        let given = ["tls_ca", "tls_cert", "tls_key"].into_iter().find(|key| self.has(key));
        if let Some(given) = given.filter(|_| !used) {
            let message = format!("`{given}` means nothing without TLS");
            self.blame(given, message, Some(format!("write `{scheme}://` in `{key}`")));
        }
        (authorities, certificate.zip(private))
    }
}

fn networks(value: &Value<'_>) -> Read<Vec<Network>> {
    if value.get_ref().is_str() {
        return Err(expected("a list of networks", value).help("put it between `[` and `]`"));
    }
    many(value, |item| Ok(Network::parse(text(item)?)?))
}
