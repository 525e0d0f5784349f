//! Grok: named patterns, expanded and matched in bounded time.
