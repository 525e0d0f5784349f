//! `[web]`: the web address, status and metrics over HTTP.

use loggr_net::Address;

use super::diagnostics::nearest;
use super::keys::{Section, Shape, Takes, key, later};
use super::reader::Reader;
use super::ship::Ship;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "web",
    shape: Shape::Once,
    about: "The web address, where loggr serves its page, its status and its metrics over HTTP.",
    keys: &[&[
        key("enabled", Takes::Bool, "true", "with `false` the process serves nothing over HTTP"),
        key(
            "listen",
            Takes::Addresses,
            "\"127.0.0.1:8080\"",
            "the address, or addresses, of the web server; only loopback addresses are allowed, because this \
             version has no log-in",
        ),
        key(
            "store",
            Takes::Name,
            "",
            "the name of the shipper of kind `search` or `postgres` whose store the web page searches",
        )
        .without("the first such shipper in the file"),
        later("tls"),
    ]],
};

/// `[web]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens, at least one; loopback only in this version.
    pub listen: Vec<Address>,
    /// Name of the ship whose store it shows, and that the command line asks; `None` when there is none.
    pub store: Option<String>,
}

/// Reads the section; `None` where it is switched off.
pub fn read(r: &mut Reader<'_, '_>, ships: &[Ship]) -> Option<Web> {
    let enabled = r.bool("enabled");
    let listen = r.addresses("listen");
    for address in listen.iter().filter(|a| !a.is_loopback()) {
        let message = format!("`{address}` can be reached from other hosts, and this version has no log-in");
        let help = "listen on `127.0.0.1` and put a proxy with a log-in in front".to_owned();
        r.blame("listen", message, Some(help));
    }
    let stores: Vec<&str> =
        ships.iter().filter(|s| s.kind.store().is_some()).map(|s| s.name.as_str()).collect();
    let store = r.name_if_any("store");
    if let Some(name) = store.as_deref().filter(|name| !stores.contains(name)) {
        let help = match (nearest(name, stores.iter().copied()), ships.iter().any(|s| s.name == *name)) {
            (_, true) => "its kind is neither `search` nor `postgres`".to_owned(),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) => format!("write `[ship.{name}]` with `kind = \"search\"`"),
        };
        r.blame("store", format!("there is no store `{name}`"), Some(help));
    }
    enabled.then(|| Web { listen, store: store.or_else(|| stores.first().map(|s| (*s).to_owned())) })
}
