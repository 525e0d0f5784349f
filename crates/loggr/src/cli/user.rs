//! `loggr user add|passwd|change|disable|enable|list|remove`: who may log in.

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Place;
use super::people::{Accounts, columns, new_password, refused, when};
use crate::access::password;
use crate::access::sight::Sight;
use crate::access::user::{NewUser, UserChange};
use crate::access::who::Level;
use crate::exit::Exit;
use crate::process::clock::now;

/// Arguments of `loggr user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user, and ask for the password
    Add {
        /// The name to log in with
        name: String,
        /// What the user may: `viewer`, `operator`, `admin`, or a role of your own [default: `admin` for
        /// the first user, else `viewer`]
        #[arg(long)]
        role: Option<String>,
        /// How the page calls the user [default: the name]
        #[arg(long, value_name = "TEXT")]
        display: Option<String>,
        #[command(flatten)]
        sees: Sees,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
        /// Do not ask for a password: the user cannot log in by form, but a proxy (`proxy_header`) or a
        /// provider (`[web.oidc]`) can log them in under this name. `loggr user passwd` sets one later
        #[arg(long, conflicts_with = "password_stdin")]
        no_password: bool,
    },
    /// Set another password, and end all sessions of the user
    Passwd {
        /// The user
        name: String,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change what a user may or sees
    Change {
        /// The user
        name: String,
        /// Another role; it ends all sessions of the user
        #[arg(long)]
        role: Option<String>,
        /// How the page calls the user
        #[arg(long, value_name = "TEXT")]
        display: Option<String>,
        #[command(flatten)]
        sees: Sees,
    },
    /// Let a user log in no longer, and end all sessions of the user
    Disable {
        /// The user
        name: String,
    },
    /// Let a user that was disabled log in again
    Enable {
        /// The user
        name: String,
    },
    /// List the users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a user, with the tokens that are theirs
    Remove {
        /// The user
        name: String,
    },
}

/// What a user sees.
#[derive(Debug, Args)]
struct Sees {
    /// The user sees only events that this query finds; an empty one finds all
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// The user does not see this field; may be given several times. The fields given take the place of
    /// those that were hidden; an empty one hides none
    #[arg(long, value_name = "FIELD")]
    hide: Vec<String>,
}

impl Sees {
    fn hidden(&self) -> Vec<String> {
        self.hide.iter().filter(|field| !field.is_empty()).cloned().collect()
    }
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &UserArgs) -> Result<Exit> {
    let accounts = Accounts::open(place)?;
    match &args.command {
        UserCommand::Add { name, role, display, sees, password_stdin, no_password } => {
            let first = refused(accounts.access.accounts())?.users.is_empty();
            let default = if first { Level::Admin } else { Level::Viewer };
            let new = NewUser {
                name: name.clone(),
                display: display.clone(),
                role: role.clone().unwrap_or_else(|| default.word().to_owned()),
                sight: Sight { filter: sees.filter.clone(), hidden: sees.hidden() },
                ..NewUser::default()
            };
            // What is wrong is told before the password is asked for.
            let add = |new: &NewUser| {
                let mut tried = (*accounts.access.accounts()?).clone();
                tried.add_user(new.clone(), now().unix_micros())?;
                tried.check()
            };
            refused(add(&new))?;
            let password = match no_password {
                true => None,
                false => Some(refused(password::hash(&new_password(*password_stdin)?))?),
            };
            let new = NewUser { password, ..new };
            let role = new.role.clone();
            refused(accounts.access.change(|all| all.add_user(new, now().unix_micros())))?;
            accounts.told("added a user", format!("user={name} role={role}"));
            say(&format!("added the user `{name}` with the role `{role}`"))
        }
        UserCommand::Passwd { name, password_stdin } => {
            if refused(accounts.access.accounts())?.user(name).is_none() {
                refused(Err(crate::access::Refused::none("user", name)))?;
            }
            let password = Some(refused(password::hash(&new_password(*password_stdin)?))?);
            change(&accounts, name, UserChange { password, ..UserChange::default() }, "password")?;
            say(&format!("the user `{name}` has another password; all sessions have ended"))
        }
        UserCommand::Change { name, role, display, sees } => {
            let what = UserChange {
                role: role.clone(),
                display: display.clone(),
                filter: sees.filter.clone(),
                hidden: Some(sees.hidden()).filter(|_| !sees.hide.is_empty()),
                ..UserChange::default()
            };
            change(&accounts, name, what, "role or sight")?;
            say(&format!("changed the user `{name}`"))
        }
        UserCommand::Disable { name } => {
            change(
                &accounts,
                name,
                UserChange { disabled: Some(true), ..UserChange::default() },
                "disabled",
            )?;
            say(&format!("the user `{name}` can no longer log in; all sessions have ended"))
        }
        UserCommand::Enable { name } => {
            change(
                &accounts,
                name,
                UserChange { disabled: Some(false), ..UserChange::default() },
                "enabled",
            )?;
            say(&format!("the user `{name}` can log in again"))
        }
        UserCommand::List { json } => list(&accounts, *json),
        UserCommand::Remove { name } => {
            refused(accounts.access.change(|all| all.remove_user(name)))?;
            accounts.told("removed a user", format!("user={name}"));
            say(&format!("removed the user `{name}`"))
        }
    }
}

fn change(accounts: &Accounts, name: &str, what: UserChange, told: &str) -> Result<()> {
    refused(accounts.access.change(|all| all.change_user(name, what)))?;
    accounts.told("changed a user", format!("user={name} changed={told:?}"));
    Ok(())
}

fn list(accounts: &Accounts, json: bool) -> Result<Exit> {
    let all = refused(accounts.access.accounts())?;
    if json {
        let users = all.users.iter().map(|user| {
            serde_json::json!({
                "name": user.name, "display": user.display, "role": user.role, "filter": user.sight.filter,
                "hidden": user.sight.hidden, "disabled": user.disabled, "password": user.password.is_some(),
                "created": when(Some(user.created)),
            })
        });
        return say(&serde_json::to_string_pretty(&users.collect::<Vec<_>>())?);
    }
    let rows: Vec<[String; 5]> = all
        .users
        .iter()
        .map(|user| {
            let state = match (user.disabled, &user.password) {
                (true, _) => "disabled",
                (false, None) => "no password",
                (false, Some(_)) => "",
            };
            let filter = user.sight.filter.clone().unwrap_or_default();
            [user.name.clone(), user.role.clone(), state.to_owned(), when(Some(user.created)), filter]
        })
        .collect();
    columns(["USER", "ROLE", "STATE", "CREATED", "FILTER"], &rows)?;
    Ok(Exit::Fine)
}

/// One line for people.
pub fn say(text: &str) -> Result<Exit> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(Exit::Fine)
}
