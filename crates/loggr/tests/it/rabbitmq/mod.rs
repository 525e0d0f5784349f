//! RabbitMQ, the real one: the bus on it, and the program with it.

mod alone;
mod bus;
mod crash;
mod notices;
mod others;
mod refused;
pub mod run;
mod setting;
mod spool;
