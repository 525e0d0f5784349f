//! The command line: one table of subcommands, one file for each.
//!
//! Help, man page and completions are generated from the table here.

mod check;
mod declare;
mod filter;
mod generate;
mod grok;
mod init;
mod keep;
mod mistake;
mod pack;
mod parse;
mod people;
mod queue;
mod records;
mod remote;
mod repair;
mod rescue;
mod role;
mod run;
mod search;
mod send;
mod status;
mod table;
mod token;
mod user;

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

pub use mistake::mistake;
pub use search::arguments;

use crate::clean;
use crate::config::{Config, PassedOver};
use crate::exit::{Exit, Usage, is_usage};
use crate::hint::{self, Advise};
use crate::process::place::WHO_MAY_LOOK;
use crate::registry::control;

/// Receive logs, keep every event on disk, store events in files or databases, and search them.
#[derive(Debug, Parser)]
#[command(name = "loggr", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Which installation is meant.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which installation")]
pub struct Place {
    /// Read this configuration file [default: the first that exists of $LOGGR_CONFIG_DIR/loggr.toml,
    /// ./loggr.toml and /etc/loggr/loggr.toml; without any of them, built-in values]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this data directory instead of the one that the configuration names
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    /// The configuration; a wrong one is an error of usage.
    pub fn load(&self) -> Result<Config> {
        Config::load(self.config.as_deref(), self.data_dir.as_deref()).map(named).usage()
    }

    /// The same for who runs the filters.
    pub fn load_with_filters(&self) -> Result<Config> {
        Config::load_with_filters(self.config.as_deref(), self.data_dir.as_deref()).map(named).usage()
    }

    /// The same for an agent, whose file has another name.
    pub fn load_agent(&self) -> Result<Config> {
        Config::load_agent(self.config.as_deref(), self.data_dir.as_deref()).map(named).usage()
    }

    /// The configuration for who asks the processes that run. They have read the file when it was right, so that
    /// a mistake in it now keeps nobody from asking; where none runs, it is an error of usage.
    pub fn load_to_ask(&self) -> Result<Config> {
        let loaded = self.load();
        let Err(error) = &loaded else { return loaded };
        let partly = Config::load_past_mistakes(self.config.as_deref(), self.data_dir.as_deref());
        let Some(config) = partly.filter(|config| control::is_anybody_there(&config.data.directory)) else {
            return loaded;
        };
        complain(&format!(
            "warning: {error:#}\nhint: what runs on `{}` goes on with what it has read before, and is asked all the \
             same; mend the file before it is started again\n",
            config.data.directory.display()
        ));
        Ok(config)
    }

    /// Where filters and patterns lie; a configuration that is wrong has them too.
    fn directory(&self) -> Result<PathBuf> {
        let (directory, passed_over) = Config::directory_of(self.config.as_deref())?;
        tell(passed_over.as_ref());
        Ok(directory)
    }
}

/// Names the configuration file that nobody has named, and the one that is not read though it is there.
fn named(config: Config) -> Config {
    tell(config.passed_over.as_ref());
    if let Some(file) = config.file.as_deref().filter(|_| config.found_here) {
        complain(&format!("using the configuration `{}`\n", file.display()));
    }
    config
}

/// Warns of a configuration file that is there and is not read.
fn tell(passed_over: Option<&PassedOver>) {
    if let Some(passed_over) = passed_over {
        complain(&format!("warning: {passed_over}\nhint: if the file is yours, name it with `--config`\n"));
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run loggr: everything that the configuration has, or one part of it
    Run(run::RunArgs),
    /// Check the configuration and its filters, and show which way events take
    Check,
    /// Print the default configuration with comments
    Config,
    /// Search the stored events, newest first
    Search(search::SearchArgs),
    /// Count the events that a query finds
    Count(search::CountArgs),
    /// List the custom fields that stored events have
    Fields(search::FieldsArgs),
    /// Show the most frequent values of a field
    Top(search::TopArgs),
    /// Show how many events there were over time
    Histogram(search::HistogramArgs),
    /// Verify the seals of stored events, and name those that were changed
    Verify(search::VerifyArgs),
    /// Create the tables in PostgreSQL or the queues on RabbitMQ that the configuration needs
    Init(init::InitArgs),
    /// Delete stored days that are older than the configured retention
    Prune(keep::PruneArgs),
    /// Delete stored events for ever, all of them or those before a time
    Purge(keep::PurgeArgs),
    /// Move damaged files of the data directory aside, and keep the events that can be read
    Repair(repair::RepairArgs),
    /// Send events to a receiver
    Send(send::SendArgs),
    /// Read lines and print each as a JSON event
    Parse(parse::ParseArgs),
    /// Run a filter on events from stdin, or run the filter's tests
    Filter(filter::FilterArgs),
    /// Describe in words what a filter does
    Explain(filter::ExplainArgs),
    /// Match lines from stdin against grok patterns, and print the fields that they find
    Grok(grok::GrokArgs),
    /// Join lines from stdin that belong together, such as the lines of a stack trace
    Pack(pack::PackArgs),
    /// List the queues, look into one, or empty one
    Queue(queue::QueueArgs),
    /// List, show, replay or discard events that their destination refused (the rescue)
    Rescue(rescue::RescueArgs),
    /// Add, change, list or remove the users who may log in
    User(user::UserArgs),
    /// Make, list or remove tokens, which programs show instead of logging in
    Token(token::TokenArgs),
    /// Add, change, list or remove roles, which say what users may do and see
    Role(role::RoleArgs),
    /// Show which processes of loggr run, what the queues hold, and what is wrong
    Status(status::StatusArgs),
    /// Print a script that makes a shell complete loggr's commands
    Completions(generate::CompletionsArgs),
    /// Print a manual page, or write all of them to a directory
    Man(generate::ManArgs),
}

/// Runs the subcommand.
pub fn run(cli: Cli) -> Result<Exit> {
    let place = cli.place;
    match cli.command {
        Command::Run(args) => run::run(&place, &args),
        Command::Check => check::run(&place),
        Command::Config => print(&Config::default_text()),
        Command::Search(args) => looking(search::search(&place, &args)),
        Command::Count(args) => looking(search::count(&place, &args)),
        Command::Fields(args) => looking(search::fields(&place, &args)),
        Command::Top(args) => looking(search::top(&place, &args)),
        Command::Histogram(args) => looking(search::histogram(&place, &args)),
        Command::Verify(args) => looking(search::verify(&place, &args)),
        Command::Init(args) => init::run(&place, &args),
        Command::Prune(args) => looking(keep::prune(&place, &args)),
        Command::Purge(args) => looking(keep::purge(&place, &args)),
        Command::Repair(args) => looking(repair::run(&place, &args)),
        Command::Send(args) => send::run(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Filter(args) => filter::filter(&args),
        Command::Explain(args) => filter::explain(&args),
        Command::Grok(args) => grok::run(&place, &args),
        Command::Pack(args) => pack::run(&args),
        Command::Queue(args) => looking(queue::run(&place, &args)),
        Command::Rescue(args) => looking(rescue::run(&place, &args)),
        Command::User(args) => looking(user::run(&place, &args)),
        Command::Token(args) => looking(token::run(&place, &args)),
        Command::Role(args) => looking(role::run(&place, &args)),
        Command::Status(args) => looking(status::run(&place, &args)),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}

/// What looks at an installation's data says who may look, where this user may not.
fn looking(looked: Result<Exit>) -> Result<Exit> {
    match looked {
        Err(error) if hint::lacks_permission(&error) => {
            let usage = is_usage(&error);
            let told = Err(error).hint(WHO_MAY_LOOK);
            if usage { told.usage() } else { told }
        }
        looked => looked,
    }
}

/// A runtime for one subcommand.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

/// Prints to stdout and ends well.
fn print(text: &str) -> Result<Exit> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Fine)
}

/// Prints to stderr, foreign text as it may be shown; where that is gone there is nobody to tell.
pub fn complain(text: &str) {
    drop(std::io::stderr().lock().write_all(clean::lines(text).as_bytes()));
}

/// Makes JSON text such as may be shown.
fn show_json(text: &mut Vec<u8>) {
    if let Ok(Cow::Owned(shown)) = std::str::from_utf8(text).map(clean::json) {
        *text = shown.into_bytes();
    }
}

/// Asks on the terminal; without one the answer is no.
fn confirm(question: &str) -> Result<bool> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        complain(
            "error: this command asks before it goes on, and standard input is not a terminal\n\
             hint: `--yes` answers the question in advance\n",
        );
        return Ok(false);
    }
    complain(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let is_yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !is_yes {
        complain("nothing was changed\n");
    }
    Ok(is_yes)
}

/// A time as RFC 3339.
fn stamp(time: loggr_event::Timestamp) -> String {
    let mut out = Vec::new();
    time.write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
