//! Cases for `frame.rs`.
