//! The page: the files of `ui/dist` as they were built, from memory, compressed where the browser can.
//!
//! The same for everybody and without anything that was received: what it shows it asks the API for.

use axum::Router;
use memory_serve::CacheControl;

/// Every file of the page; names that carry a hash are kept by the browser, `index.html` is asked for
/// again each time.
pub fn router() -> Router {
    memory_serve::load!()
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Long)
        .into_router()
}
