//! `loggr pack`: lines from stdin to packed events, one JSON event a line to stdout.
//!
//! What a machine's packer does, without a queue. Reading has a thread of its own, so that
//! what is held leaves in time although nothing more comes.

use std::io::{BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgGroup, Args};
use loggr_event::DumpFormat;
use loggr_flow::packer::{Language, PRESETS, Packer, PackerLimits, Rule, StartFormat, preset};
use loggr_flow::{Ack, BatchBuilder, Delivery, Stage};

use super::records::{Records, message_alone, origin, uids};
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::process::clock::now;

/// Lines that are packed as one batch.
const BATCH_LINES: usize = 1024;
/// Batches that may wait to be packed.
const BATCHES_AHEAD: usize = 4;

/// Arguments of `loggr pack`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rule").args(["preset", "start"]).required(true)))]
pub struct PackArgs {
    /// Make one event of the lines of each stack trace of this programming language; may be repeated
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(PRESETS.iter().map(|l| PossibleValue::new(l.name).aliases(l.aliases)))
    )]
    preset: Vec<String>,
    /// Begin a new event at each line that has this format, and join all other lines to the event
    /// before them. A format is text with $DATETIME, $SEVERITY, $FACILITY, $APP_NAME, $WORD, $INT and
    /// $MESSAGE in it; may be repeated
    #[arg(long, value_name = "FORMAT", num_args = 1..)]
    start: Vec<String>,
    /// Take each line as the text of a message, without priority, time and host in front
    #[arg(long)]
    lines: bool,
    /// Events on stdin end with a NUL byte instead of a line feed, so that they may have line feeds
    /// in them (as from `find -print0`); the output has one event a line all the same
    #[arg(long)]
    nul: bool,
}

/// Reads stdin to its end.
pub fn run(args: &PackArgs) -> Result<Exit> {
    let mut packer = Packer::new(rule(args)?, PackerLimits::default(), Arc::default());
    let (to_packer, batches) = sync_channel(BATCHES_AHEAD);
    let (lines, nul) = (args.lines, args.nul);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read(lines, nul, &to_packer))
        .context("cannot start a thread")?;
    let mut output = BufWriter::new(std::io::stdout().lock());
    while let Some(delivery) = next(&batches, &packer)? {
        if let Some(delivery) = delivery {
            packer.feed(delivery, Instant::now());
        }
        print(&mut packer, &mut output)?;
    }
    packer.flush();
    print(&mut packer, &mut output)?;
    Ok(Exit::Fine)
}

fn rule(args: &PackArgs) -> Result<Rule> {
    if args.start.is_empty() {
        let languages: Vec<&Language> = args.preset.iter().filter_map(|name| preset(name)).collect();
        return Ok(Rule::traces(&languages));
    }
    let formats = args.start.iter().map(|text| {
        StartFormat::parse(text).or_else(|error| {
            let hint = error.hint.clone();
            let wrong = Err(anyhow!("cannot use the format `{text}`: {error}"));
            match hint {
                Some(hint) => wrong.hint(hint),
                None => wrong,
            }
        })
    });
    Ok(Rule::by_format(formats.collect::<Result<_>>().usage()?))
}

/// The next lines; `Some(None)` when it is time to look at what is held, `None` at the end.
fn next(batches: &Receiver<Result<Delivery>>, packer: &Packer) -> Result<Option<Option<Delivery>>> {
    let read = match packer.wake_at() {
        None => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(at) => batches.recv_timeout(at.saturating_duration_since(Instant::now())),
    };
    match read {
        Ok(delivery) => delivery.map(|delivery| Some(Some(delivery))),
        Err(RecvTimeoutError::Timeout) => Ok(Some(None)),
        Err(RecvTimeoutError::Disconnected) => Ok(None),
    }
}

fn read(lines: bool, nul: bool, to_packer: &SyncSender<Result<Delivery>>) {
    let end = match read_all(lines, nul, to_packer) {
        Ok(()) => return,
        Err(error) => error,
    };
    // Where nobody listens any more, nobody wants to know.
    drop(to_packer.send(Err(end)));
}

fn read_all(lines: bool, nul: bool, to_packer: &SyncSender<Result<Delivery>>) -> Result<()> {
    let (origin, uids) = (Arc::new(origin("")), uids()?);
    let mut records = Records::stdin(nul);
    let mut batch = BatchBuilder::default();
    loop {
        let more = records.read()?;
        if more {
            let (line, at) = (records.record(), now());
            let uid = uids.next(at);
            match lines {
                true => batch.push_event(&message_alone(line, &origin, uid, at)),
                false => batch.push_line(&origin, uid, at, line),
            }
        }
        if (!more || records.is_waiting() || batch.len() >= BATCH_LINES)
            && let Some(batch) = batch.finish()
            // Nothing can be delivered again: what is read is printed or the program ends.
            && to_packer.send(Ok(Delivery::new(batch, Ack::unreliable(|| ())))).is_err()
        {
            return Ok(());
        }
        if !more {
            return Ok(());
        }
    }
}

fn print(packer: &mut Packer, output: &mut impl Write) -> Result<()> {
    let is_shown = std::io::stdout().is_terminal();
    let mut json = Vec::new();
    while let Some(delivery) = packer.ready(Instant::now()) {
        for record in delivery.batch().records() {
            json.clear();
            record.event().dump(&DumpFormat::Json, &mut json);
            if json.last() != Some(&b'\n') {
                json.push(b'\n');
            }
            if is_shown {
                super::show_json(&mut json);
            }
            output.write_all(&json)?;
        }
    }
    output.flush()?;
    Ok(())
}
