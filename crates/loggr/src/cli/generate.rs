//! `loggr completions SHELL` and `loggr man`, both made from the table of subcommands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, Command, CommandFactory};

use super::{Cli, print};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;

/// Arguments of `loggr man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command to describe, such as `search` or `queue purge` [default: loggr as a whole]
    command: Vec<String>,
    /// Write the pages of all commands into this directory instead of printing one
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    directory: Option<PathBuf>,
}

/// Arguments of `loggr completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell for which the script is
    shell: clap_complete::Shell,
}

/// Prints completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "loggr", &mut out);
    print(&String::from_utf8_lossy(&out))
}

/// Prints one man page, or writes them all.
pub fn man(args: &ManArgs) -> Result<Exit> {
    let mut whole = Cli::command();
    whole.build();
    if let Some(directory) = &args.directory {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create the directory `{}`", directory.display()))?;
        write_pages(&whole, directory)?;
        return Ok(Exit::Fine);
    }
    let mut command = &whole;
    // `queue purge` may come as one word, as the help writes it.
    for word in args.command.iter().flat_map(|words| words.split_whitespace()) {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| anyhow!("there is no command `{word}` to describe"))
            .hint("`loggr help` lists the commands")
            .usage()?;
    }
    print(&String::from_utf8_lossy(&page(command)?))
}

/// The page of a command and of all below it, each in a file of its own.
fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    let file = directory.join(format!("{}.1", name(command)));
    std::fs::write(&file, page(command)?).with_context(|| format!("cannot write `{}`", file.display()))?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write_pages(sub, directory)?;
    }
    Ok(())
}

/// `loggr-queue-purge`.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name(command)).render(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        let mut whole = Cli::command();
        whole.build();
        write_pages(&whole, directory.path()).unwrap();
        let read = |page: &str| std::fs::read_to_string(directory.path().join(page)).unwrap();
        for sub in whole.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let page = read(&format!("loggr-{}.1", sub.get_name()));
            assert!(page.contains(&format!(".TH loggr-{} 1", sub.get_name())), "{page}");
        }
        assert!(read("loggr.1").contains("loggr\\-search"), "the main page names the others");
        assert!(read("loggr-queue-purge.1").contains("Delete all events that wait"));
    }
}
