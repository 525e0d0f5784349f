//! What is said at the start of a web address that other hosts reach: the link for the first
//! administrator while there is none, and that passwords go over the wire as they are.

use std::net::SocketAddr;
use std::sync::Arc;

use loggr_net::bind::host_name;

use super::door::Keeper;

/// Says it, once.
pub async fn tell(keeper: &Arc<Keeper>, far: SocketAddr, scheme: &str) {
    if scheme == "http" && keeper.web.trusted_proxies.is_empty() {
        let hint =
            "set `tls_cert` and `tls_key` of `[web]`, or `trusted_proxies` if a proxy in front speaks TLS";
        tracing::warn!(web = %far, hint, "passwords and events go over the network as they are");
    }
    let of = keeper.clone();
    let code = tokio::task::spawn_blocking(move || of.first_code()).await;
    match code {
        Ok(Ok(Some(code))) => {
            let link = format!("{scheme}://{}/#/first?code={code}", name(keeper, far));
            tracing::warn!(
                link,
                "there is no user yet, so other hosts get no answer: this link makes the first administrator, once, \
                 within 24 hours; `loggr user add` does too"
            );
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            let (what, hint) = (error.in_one_line(), error.hint().unwrap_or_default());
            tracing::error!(error = what, hint, "nobody can be let in");
        }
        Err(error) => tracing::error!(%error, "nobody can be let in"),
    }
}

/// What a browser elsewhere would call this address.
fn name(keeper: &Keeper, far: SocketAddr) -> String {
    match (keeper.web.hosts.first(), far.ip().is_unspecified()) {
        (Some(host), _) => format!("{host}:{}", far.port()),
        (None, true) => format!("{}:{}", host_name(), far.port()),
        (None, false) => far.to_string(),
    }
}
