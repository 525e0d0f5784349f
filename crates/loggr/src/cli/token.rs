//! `loggr token add|list|remove`: what programs show instead of logging in.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Place;
use super::people::{Accounts, columns, refused, when};
use super::search::expiry;
use super::user::say;
use crate::access::accounts::too_far;
use crate::access::session;
use crate::access::token::NewToken;
use crate::exit::Exit;
use crate::process::clock::now;

/// Arguments of `loggr token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it; it is shown this once
    Add {
        /// What it is for, such as `grafana`
        name: String,
        /// What it may: `viewer`, `operator`, `admin`, or a role of your own
        #[arg(long, default_value = "viewer")]
        role: String,
        /// The user whose token it is: it may no more than they may, and goes with them [default: nobody's]
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// When it ends: after so long (`90d`), or at a stamp [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List the tokens
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a token, and those that were made by it, so that they are good for nothing from now on
    Remove {
        /// Id from `token list`
        id: String,
    },
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &TokenArgs) -> Result<Exit> {
    let accounts = Accounts::open(place)?;
    match &args.command {
        TokenCommand::Add { name, role, owner, expires } => {
            let at = now().unix_micros();
            let expires = match expires.as_deref() {
                None => None,
                Some(text) => Some(refused(expiry(text, at)?.ok_or_else(too_far))?),
            };
            let new = NewToken {
                name: name.clone(),
                role: role.clone(),
                owner: owner.clone(),
                maker: None,
                expires,
            };
            let (id, secret) = refused(accounts.access.change(|all| all.add_token(new, at)))?;
            accounts.told("added a token", format!("token={id} name={name} role={role}"));
            super::complain(&format!("the token `{name}` has the id {id}; it is shown this once:\n"));
            say(&secret)
        }
        TokenCommand::List { json } => list(&accounts, *json),
        TokenCommand::Remove { id } => {
            let removed = refused(accounts.access.change(|all| all.remove_token(id)))?;
            for token in &removed {
                accounts.told("removed a token", format!("token={} name={}", token.id, token.name));
            }
            let mut told = removed.iter().map(|token| format!("`{}`", token.name));
            let first = told.next().unwrap_or_default();
            let made: Vec<String> = told.collect();
            match made.is_empty() {
                true => say(&format!("removed the token {first}")),
                false => {
                    say(&format!("removed the token {first}, and what it had made: {}", made.join(", ")))
                }
            }
        }
    }
}

fn list(accounts: &Accounts, json: bool) -> Result<Exit> {
    let all = refused(accounts.access.accounts())?;
    let used = refused(session::tokens_used(&accounts.access.sessions_file()))?;
    let used = |id: &str| used.get(id).copied();
    if json {
        let tokens = all.tokens.iter().map(|token| {
            serde_json::json!({
                "id": token.id, "name": token.name, "role": token.role, "owner": token.owner, "maker": token.maker,
                "created": when(Some(token.created)), "expires": token.expires.map(|at| when(Some(at))),
                "used": used(&token.id).map(|at| when(Some(at))),
            })
        });
        return say(&serde_json::to_string_pretty(&tokens.collect::<Vec<_>>())?);
    }
    let rows: Vec<[String; 6]> = all
        .tokens
        .iter()
        .map(|token| {
            [
                token.id.clone(),
                token.name.clone(),
                token.role.clone(),
                token.owner.clone().unwrap_or_default(),
                when(token.expires),
                when(used(&token.id)),
            ]
        })
        .collect();
    columns(["ID", "NAME", "ROLE", "OWNER", "EXPIRES", "LAST USED"], &rows)?;
    Ok(Exit::Fine)
}
