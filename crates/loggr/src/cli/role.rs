//! `loggr role add|set|list|remove`: roles of one's own, which see a part of the events.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::people::{Accounts, columns, refused};
use super::user::say;
use super::{Place, complain};
use crate::access::role::Role;
use crate::access::sight::Sight;
use crate::access::who::Level;
use crate::exit::Exit;

/// Arguments of `loggr role`.
#[derive(Debug, Args)]
pub struct RoleArgs {
    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Debug, Subcommand)]
enum RoleCommand {
    /// Add a role
    Add(RoleWords),
    /// Change a role; it holds at once, also for those who are logged in
    Set(RoleWords),
    /// List the roles, the built-in ones first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a role that nobody has
    Remove {
        /// The role
        name: String,
    },
}

#[derive(Debug, Args)]
struct RoleWords {
    /// Its name
    name: String,
    /// What it may
    #[arg(long, value_enum, default_value = "viewer")]
    level: LevelWord,
    /// It sees only events that this query finds
    #[arg(long, value_name = "QUERY")]
    filter: Option<String>,
    /// It does not see this field; may be given several times
    #[arg(long, value_name = "FIELD")]
    hide: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelWord {
    /// Looks at events
    Viewer,
    /// Also rescues, purges and uploads
    Operator,
    /// Also says who may
    Admin,
}

impl RoleWords {
    fn role(&self) -> Role {
        let level = match self.level {
            LevelWord::Viewer => Level::Viewer,
            LevelWord::Operator => Level::Operator,
            LevelWord::Admin => Level::Admin,
        };
        let sight = Sight { filter: self.filter.clone(), hidden: self.hide.clone() };
        Role { name: self.name.clone(), level, sight }
    }
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &RoleArgs) -> Result<Exit> {
    let accounts = Accounts::open(place)?;
    let about = |words: &RoleWords| {
        let filter = words.filter.as_deref().unwrap_or_default();
        format!("role={} filter={filter:?} hidden={}", words.name, words.hide.join(","))
    };
    match &args.command {
        RoleCommand::Add(words) => {
            refused(accounts.access.change(|all| all.add_role(words.role())))?;
            accounts.told("added a role", about(words));
            say(&format!("added the role `{}`", words.name))
        }
        RoleCommand::Set(words) => {
            refused(accounts.access.change(|all| all.change_role(words.role())))?;
            accounts.told("changed a role", about(words));
            say(&format!("changed the role `{}`", words.name))
        }
        RoleCommand::List { json } => list(&accounts, *json),
        RoleCommand::Remove { name } => {
            refused(accounts.access.change(|all| all.remove_role(name)))?;
            accounts.told("removed a role", format!("role={name}"));
            say(&format!("removed the role `{name}`"))
        }
    }
}

/// A role, and what is wrong with it.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

fn list(accounts: &Accounts, json: bool) -> Result<Exit> {
    let accounts = refused(accounts.access.accounts())?;
    let roles = accounts.all_roles();
    if json {
        let listed = |role: Role| Listed { trouble: role.trouble(), role };
        let listed: Vec<Listed> = roles.into_iter().map(listed).collect();
        return say(&serde_json::to_string_pretty(&listed)?);
    }
    let rows: Vec<[String; 4]> = roles
        .iter()
        .map(|role| {
            let Sight { filter, hidden } = &role.sight;
            let filter = filter.clone().unwrap_or_default();
            [role.name.clone(), role.level.word().to_owned(), filter, hidden.join(", ")]
        })
        .collect();
    columns(["ROLE", "LEVEL", "FILTER", "HIDDEN FIELDS"], &rows)?;
    for trouble in accounts.troubles() {
        complain(&format!("warning: {trouble}\n"));
    }
    Ok(Exit::Fine)
}
