//! `loggr parse`: lines from stdin, one JSON event a line to stdout, in order.
//!
//! `auto` is the lenient door and refuses nothing; a named format is strict and
//! prints `{"error": …, "offset": N}` for what it refuses.

use std::io::{BufRead, BufWriter, Write};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use loggr_event::{DumpFormat, Event, Format, Origin, Transport, UidGenerator};

use crate::exit::Exit;
use crate::source::now;

/// Arguments of `loggr parse`.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// What the lines are; `auto` finds out and refuses nothing
    #[arg(long, value_enum, default_value_t = InputKind::Auto)]
    format: InputKind,
    /// Write NUL after each event instead of a line feed
    #[arg(long)]
    nul: bool,
    /// Zone of stamps that name none (IANA name)
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
    let origin = Origin {
        listener: "stdin".to_owned(),
        transport: Transport::File,
        trusted: true,
        timezone: args.timezone.clone(),
        ..Origin::default()
    };
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    let uids = UidGenerator::new(seed);
    let end = if args.nul { b'\0' } else { b'\n' };
    let mut input = std::io::stdin().lock();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let (mut line, mut json) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read stdin")? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
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
        if json.last() == Some(&b'\n') {
            json.pop();
        }
        json.push(end);
        output.write_all(&json)?;
    }
    output.flush()?;
    Ok(Exit::Fine)
}
