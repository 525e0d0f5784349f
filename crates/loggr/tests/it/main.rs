//! The integration tests: one binary, one module per story.
//!
//! They start the real program and real neighbours (rsyslogd, logger, loggen) on free ports and
//! in directories of their own. Not here: anything a unit test can show.
//!
//! A missing neighbour prints `SKIPPED`; with `LOGGR_TEST_REQUIRE=all` it fails.
//! `LOGGR_TEST_LONG=1` makes the crash rounds many.

mod access;
mod agent;
mod api;
mod balance;
mod chaos;
mod chosen;
mod cli;
mod corners;
mod crash;
mod doors;
mod elastic;
mod faults;
mod foreign;
mod forward;
mod harvest;
mod hostile;
mod ingest;
mod journal;
mod kernel;
mod local;
mod lookups;
mod machine;
mod packaging;
mod page;
mod parts;
mod postgres;
mod powercut;
mod privileges;
mod process;
mod questions;
mod rabbitmq;
mod registry;
mod relay;
mod remote;
mod rsyslog;
mod seal;
mod search;
mod send;
mod status;
mod stores;
mod support;
mod tail;
mod tidy;
mod tls;
mod upload;
