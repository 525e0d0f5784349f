//! The program as a library: it reads the command line, runs one subcommand, and prints what went
//! wrong.
//!
//! `main.rs` calls it, and the integration tests use its sinks. It is not meant for other users.

mod access;
mod clean;
mod cli;
mod component;
mod config;
mod exit;
mod filters;
mod hint;
mod news;
mod operate;
mod process;
mod reading;
mod registry;
mod run;
mod seal;
pub mod sink;
mod source;
mod status;
mod store;
mod users;
mod web;

use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::Parser;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::exit::{Exit, is_usage};

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    process::memory::set_up();
    let words = cli::arguments(std::env::args_os());
    let cli = match cli::Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors: clap prints them to stdout with code 0.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            match cli::mistake(&error, &words) {
                Some(told) => cli::complain(&told),
                None => drop(error.print()),
            }
            return code.into();
        }
    };
    match cli::run(cli) {
        Ok(exit) => exit.into(),
        // The reader of our output has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) && is_unread() => Exit::Fine.into(),
        Err(error) => {
            let usage = is_usage(&error);
            cli::complain(&hint::render(&error));
            if usage { Exit::Usage.into() } else { Exit::Failed.into() }
        }
    }
}

/// Nobody reads our output any more. A connection that has broken has the same error, and that is one.
fn is_unread() -> bool {
    let output = std::io::stdout();
    // What is wrong is told without being asked for.
    let mut ready = [PollFd::new(output.as_fd(), PollFlags::empty())];
    let asked = poll(&mut ready, PollTimeout::ZERO);
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    asked.is_ok() && ready.iter().filter_map(PollFd::revents).any(|told| told.intersects(gone))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        // The error of the JSON library shows the error of the pipe as its own, but does not give
        // it as its cause.
        let json = || cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or_else(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}
