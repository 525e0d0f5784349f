//! `loggr parse`: lines from stdin, one JSON event a line to stdout, in order.
//!
//! `auto` is the lenient door and refuses nothing; a named format is strict and
//! prints `{"error": …, "offset": N}` for what it refuses.

use std::io::{BufWriter, IsTerminal, Write};

use anyhow::Result;
use clap::{Args, ValueEnum};
use loggr_event::{DumpFormat, Event, Format};

use super::records::{Records, origin, uids};
use crate::exit::Exit;
use crate::process::clock::now;

/// Arguments of `loggr parse`.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// The format of the lines. `auto` recognises it line by line, and makes an event of every line;
    /// any other format refuses lines that break its rules, and prints why in place of the event
    #[arg(long, value_enum, default_value_t = InputKind::Auto)]
    format: InputKind,
    /// Events on stdin end with a NUL byte instead of a line feed, so that they may have line feeds
    /// in them (as from `find -print0`); the output has one event a line all the same
    #[arg(long)]
    nul: bool,
    /// The time zone of time stamps that do not name one, as RFC 3164 has them: an IANA name such as
    /// `Europe/Berlin`
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InputKind {
    Auto,
    Rfc5424,
    Rfc3164,
    Json,
    Msgpack,
}

impl InputKind {
    fn strict(self) -> Option<Format> {
        match self {
            InputKind::Auto => None,
            InputKind::Rfc5424 => Some(Format::Rfc5424),
            InputKind::Rfc3164 => Some(Format::Rfc3164),
            InputKind::Json => Some(Format::Json),
            InputKind::Msgpack => Some(Format::Msgpack),
        }
    }
}

/// Reads stdin to its end.
pub fn run(args: &ParseArgs) -> Result<Exit> {
    let origin = origin(&args.timezone);
    let uids = uids()?;
    let mut records = Records::stdin(args.nul);
    let is_shown = std::io::stdout().is_terminal();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut json = Vec::new();
    while records.read()? {
        let text = records.record();
        json.clear();
        let at = now();
        let uid = uids.next(at);
        match args.format.strict() {
            None => Event::receive(text, &origin, uid, at).dump(&DumpFormat::Json, &mut json),
            Some(format) => match Event::parse(text, format, &origin, uid, at) {
                Ok(event) => event.dump(&DumpFormat::Json, &mut json),
                Err(error) => {
                    let refused = serde_json::json!({ "error": error.to_string(), "offset": error.offset() });
                    serde_json::to_writer(&mut json, &refused)?;
                }
            },
        }
        if json.last() != Some(&b'\n') {
            json.push(b'\n');
        }
        if is_shown {
            super::show_json(&mut json);
        }
        output.write_all(&json)?;
        if records.is_waiting() {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(Exit::Fine)
}
