//! `loggr completions SHELL` and `loggr man`, both made from the table of subcommands.

use anyhow::Result;
use clap::{Args, CommandFactory};

use super::{Cli, print};
use crate::exit::Exit;

/// Arguments of `loggr completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "loggr", &mut out);
    print(&String::from_utf8_lossy(&out))
}

/// Prints the man page, one section per subcommand.
pub fn man() -> Result<Exit> {
    let mut out = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut out)?;
    for sub in command.get_subcommands() {
        clap_mangen::Man::new(sub.clone()).render(&mut out)?;
    }
    print(&String::from_utf8_lossy(&out))
}
