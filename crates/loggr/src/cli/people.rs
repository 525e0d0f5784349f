//! What `loggr user`, `loggr token` and `loggr role` have in common: the accounts, passwords that are
//! typed, and lists.
//!
//! The accounts are files, so the commands work whether loggr runs or not, and a loggr that runs sees at
//! once what they change.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, Result, anyhow};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{Place, complain};
use crate::access::kept::Access;
use crate::access::who::{Via, Who};
use crate::access::{Kind, Refused, password, security};
use crate::clean::clean;
use crate::config::Config;
use crate::exit::Usage;
use crate::hint::Advise;
use crate::process::{place, telemetry};

/// The accounts of the installation, and who changes them.
pub struct Accounts {
    /// The accounts.
    pub access: Access,
    who: Who,
    is_told: bool,
}

impl Accounts {
    /// Those of the data directory, which is made if it is not there yet.
    pub fn open(place: &Place) -> Result<Accounts> {
        let config: Config = place.load()?;
        place::permitted(&config.data.directory)?;
        place::make_data(&config)?;
        let is_told = config.log.security.is_some();
        if is_told {
            // Without a file of its own the security log is that of the process, which is not ours.
            telemetry::start(&config.log);
        }
        let name = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok().flatten();
        let name = name.map_or_else(|| "?".to_owned(), |user| user.name);
        let who = Who::everything(&name, Via::CommandLine, None);
        Ok(Accounts { access: Access::new(&config.data.directory), who, is_told })
    }

    /// A line of the security log, if that has a file.
    pub fn told(&self, what: &'static str, about: String) {
        if self.is_told {
            security::told(&self.who, what, about);
        }
    }
}

/// A refusal as an error of the command line.
pub fn refused<T>(done: Result<T, Refused>) -> Result<T> {
    done.or_else(|refused| {
        let hint = refused.hint().map(str::to_owned);
        let is_ours = refused.kind() == Kind::Broken;
        let error = anyhow::Error::new(refused);
        let told = match hint {
            Some(hint) => Err(error).hint(hint),
            None => Err(error),
        };
        if is_ours { told } else { told.usage() }
    })
}

/// A new password, from standard input or from the terminal, where it is asked for twice and not shown.
pub fn new_password(from_stdin: bool) -> Result<String> {
    let stdin = std::io::stdin();
    if from_stdin {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).context("cannot read the password from standard input")?;
        let password = line.trim_end_matches(['\n', '\r']).to_owned();
        refused(password::check(&password))?;
        return Ok(password);
    }
    if !stdin.is_terminal() {
        return Err(anyhow!("there is no terminal to ask for the password"))
            .hint("give it on standard input, with `--password-stdin`")
            .usage();
    }
    let first = hidden("Password: ")?;
    refused(password::check(&first))?;
    if first != hidden("The same again: ")? {
        return Err(anyhow!("the two passwords differ")).usage();
    }
    Ok(first)
}

/// A line from the terminal that is not shown while it is typed.
fn hidden(question: &str) -> Result<String> {
    let stdin = std::io::stdin();
    complain(question);
    let mut line = String::new();
    let read = {
        let _quiet = Quiet::new().context("cannot hide what is typed")?;
        stdin.lock().read_line(&mut line)
    };
    complain("\n");
    read.context("cannot read the password")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// While it lives, the terminal does not show what is typed.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Quiet> {
        let before = tcgetattr(std::io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0).unwrap_or_default();
    }
}

/// Prints rows below their headings, as columns.
pub fn columns<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Result<()> {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| clean(cell).into_owned())).collect();
    let width = |at: usize| {
        rows.iter().map(|row| row[at].chars().count()).chain([heads[at].len()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = std::io::stdout().lock();
    for row in [heads.map(str::to_owned)].iter().chain(&rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A time of the accounts, in words; `never` for none.
pub fn when(micros: Option<i64>) -> String {
    let stamp = |micros| super::stamp(loggr_event::Timestamp::from_unix_micros(micros));
    micros.map_or_else(|| "never".to_owned(), stamp)
}
