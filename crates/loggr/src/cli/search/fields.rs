//! `loggr fields`: which custom fields stored events have.
//!
//! Not the fields that every event has: those are in the help.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::Place;
use super::asked::Sought;
use crate::clean::{self, clean};
use crate::cli::complain;
use crate::exit::Exit;

/// Arguments of `loggr fields`.
#[derive(Debug, Args)]
#[command(
    after_help = "Every event has the fields host, app, pid, severity, facility, msg, tag, _time, timereported and \
                        others besides; `loggr top FIELD` shows which values a field has."
)]
pub struct FieldsArgs {
    #[command(flatten)]
    sought: Sought,
    /// Print JSON: a list of objects with `name`, `kind` and `events`
    #[arg(long)]
    json: bool,
}

/// `loggr fields`.
pub fn fields(place: &Place, args: &FieldsArgs) -> Result<Exit> {
    let asked = args.sought.open(place, "")?;
    let mut fields = asked.known()?;
    fields.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    let mut out = std::io::stdout().lock();
    if args.json {
        let of = |f: &loggr_store::KnownField| json!({ "name": f.name, "kind": f.kind.keyword(), "events": f.events });
        writeln!(out, "{}", clean::value(&Value::Array(fields.iter().map(of).collect())))?;
        return Ok(Exit::Fine);
    }
    if fields.is_empty() {
        if !asked.is_empty {
            complain("hint: no stored event of this time has a custom field\n");
        }
        return Ok(Exit::Fine);
    }
    writeln!(out, "{:>12}  {:<8} FIELD", "EVENTS", "KIND")?;
    for field in &fields {
        writeln!(out, "{:>12}  {:<8} {}", field.events, field.kind.keyword(), clean(&field.name))?;
    }
    Ok(Exit::Fine)
}
