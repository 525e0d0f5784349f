//! Components: each is one sentence, source → stages → sink, in one file.

pub mod bus;
mod chosen;
pub mod collector;
pub mod harvest;
pub mod machine;
pub mod server;
pub mod ship;
pub mod upkeep;
