//! The page: the files of `ui/dist` as they were built, from memory, compressed where the browser can.
//!
//! The same for everybody and without anything that was received: what it shows it asks the API for.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::map_response;
use axum::response::Response;

// The path begins at the workspace, in which the compiler runs.
static_serve::embed_assets!(
    "ui/dist",
    compress = true,
    strip_html_ext = true,
    ignore_paths = ["sources.sha256"],
    cache_busted_paths = ["assets"]
);

/// Every file of the page; names that carry a hash are kept by the browser, `index.html` is asked for
/// again each time.
pub fn router() -> Router {
    static_router().layer(map_response(ask_again))
}

async fn ask_again(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}
