//! Components: each is one sentence, source → stages → sink, in one file.

mod alone;
pub mod bus;
pub mod collector;
pub mod machine;
pub mod part;
pub mod place;
pub mod process;
pub mod server;
pub mod ship;
pub mod signals;
pub mod upkeep;
