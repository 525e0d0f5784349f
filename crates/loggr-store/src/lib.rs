//! The search store: query language and the embedded columnar store.
