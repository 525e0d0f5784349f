//! `loggr init`: creates what the configuration needs elsewhere.
//!
//! Safe to repeat: what is there already is left as it is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use loggr_store::postgres::{Roles, Settings};

use super::{Place, declare};
use crate::config::ship::PostgresShip;
use crate::config::{self, Config, Secret, ShipKind};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::process::clock::now;
use crate::store;

/// Arguments of `loggr init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create the tables, first partitions and roles that a shipper of kind `postgres` needs
    Postgres(PostgresArgs),
    /// Create the exchanges, queues and bindings that the configuration names on the RabbitMQ broker
    Rabbitmq,
}

#[derive(Debug, Args)]
struct PostgresArgs {
    /// The name of the shipper [default: every shipper of kind `postgres`]
    ship: Option<String>,
    /// Print a script for `psql` instead, and connect to nothing
    #[arg(long)]
    print: bool,
    /// Connect with this URL instead of the shipper's; its user must be allowed to create roles
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Read the password for `--url` from this file, which holds nothing else [default: the environment
    /// variable PGPASSWORD]
    #[arg(long, value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,
    /// Create no roles; the tables then belong to the user who connects
    #[arg(long)]
    no_roles: bool,
}

/// Runs the subcommand.
pub fn run(place: &Place, args: &InitArgs) -> Result<Exit> {
    let config = place.load()?;
    match &args.what {
        What::Postgres(args) => postgres(&config, args),
        What::Rabbitmq => declare::rabbitmq(&config),
    }
}

fn postgres(config: &Config, args: &PostgresArgs) -> Result<Exit> {
    let mut ships: Vec<(&str, &PostgresShip)> = Vec::new();
    for ship in &config.ships {
        if let ShipKind::Postgres(postgres) = &ship.kind
            && args.ship.as_ref().is_none_or(|name| *name == ship.name)
        {
            ships.push((&ship.name, postgres));
        }
    }
    if ships.is_empty() {
        let missing = match &args.ship {
            Some(name) => anyhow!("no shipper of kind `postgres` is called `{name}`"),
            None => anyhow!("the configuration has no shipper of kind `postgres`"),
        };
        return Err(missing)
            .hint("add a section such as `[ship.db]` with `kind = \"postgres\"` and a `url`")
            .usage();
    }
    let mut out = std::io::stdout().lock();
    for (name, ship) in ships {
        let theirs = store::database(ship)?;
        let roles = match args.no_roles {
            true => Roles::default(),
            false => Roles {
                writer: Some(ship.writer_role.clone()),
                reader: Some(ship.reader_role.clone()),
                members: vec![theirs.user().to_owned()],
            },
        };
        if args.print {
            write!(out, "{}", theirs.script(now().unix_micros(), &roles))?;
            continue;
        }
        let database = match &args.url {
            Some(url) => {
                let password = match &args.password_file {
                    Some(file) => Some(Secret::read(file).usage()?),
                    // As everywhere: what stands in the url counts.
                    None if config::password_in(url).is_some() => None,
                    None => std::env::var("PGPASSWORD").ok().and_then(Secret::new),
                };
                let settings = Settings { url: url.clone(), ..ship.database.clone() };
                store::database_with(&settings, password)?
            }
            None => theirs,
        };
        let runtime = super::runtime()?;
        let prepared = store::told(runtime.block_on(database.init(now().unix_micros(), &roles)))?;
        let what = match (prepared.created, prepared.migrated_from) {
            (true, _) => "created the tables".to_owned(),
            (false, Some(version)) => format!("updated the tables from layout {version}"),
            (false, None) if prepared.is_nothing() => {
                "changed nothing, everything is there already".to_owned()
            }
            (false, None) => "added what was missing".to_owned(),
        };
        writeln!(out, "shipper `{name}` at {}: {what}", database.shown())?;
        for column in &prepared.columns {
            writeln!(out, "  column {column}")?;
        }
        for day in &prepared.days {
            writeln!(out, "  partition {day}")?;
        }
        for change in &prepared.changed {
            writeln!(out, "  {change}")?;
        }
    }
    Ok(Exit::Fine)
}
