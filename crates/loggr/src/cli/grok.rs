//! `loggr grok`: lines from stdin against patterns; for each, one JSON object of the named parts, or `null`.
//!
//! What a field holds here is what the filter's engine would put into it, but for numbers:
//! JSON has those.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use loggr_filter::grok::{Grok, GrokError, Library, Limit, Number, Scratch};
use serde_json::{Map, Value};

use super::records::Records;
use super::{Place, complain};
use crate::exit::{Exit, Usage};
use crate::filters::environment;
use crate::hint::Advise;

/// Arguments of `loggr grok`.
#[derive(Debug, Args)]
pub struct GrokArgs {
    /// A pattern: the name of one, or a regular expression that may refer to named patterns with
    /// `%{NAME:field}`. Of several patterns, the first that matches a line counts
    #[arg(value_name = "PATTERN", required_unless_present_any = ["list", "pattern"])]
    patterns: Vec<String>,
    /// The same as PATTERN, as an option that may be repeated
    #[arg(long, value_name = "PATTERN")]
    pattern: Vec<String>,
    /// Also use the named patterns of all files in this directory, or of this file. A later
    /// definition of a name replaces an earlier one
    #[arg(long, value_name = "DIR")]
    patterns_dir: Vec<PathBuf>,
    /// Also use the named patterns of this file
    #[arg(long, value_name = "FILE")]
    patterns_file: Vec<PathBuf>,
    /// Name the fields as the Elastic Common Schema does
    #[arg(long)]
    ecs: bool,
    /// Events on stdin end with a NUL byte instead of a line feed, so that they may have line feeds
    /// in them (as from `find -print0`); the output has one event a line all the same
    #[arg(long)]
    nul: bool,
    /// Print all named patterns, and match nothing
    #[arg(long)]
    list: bool,
}

/// Reads stdin to its end.
pub fn run(place: &Place, args: &GrokArgs) -> Result<Exit> {
    let library = library(place, args)?;
    let mut output = BufWriter::new(std::io::stdout().lock());
    if args.list {
        for name in library.names() {
            writeln!(output, "{name} {}", library.get(name).unwrap_or_default())?;
        }
        output.flush()?;
        return Ok(Exit::Fine);
    }
    let patterns = args.pattern.iter().chain(&args.patterns).map(|p| library.meant(p));
    let patterns = patterns.collect::<Result<Vec<_>, _>>();
    let compiled = patterns.and_then(|patterns| Grok::compile(&library, &patterns));
    let hint = match &compiled {
        Err(GrokError::Unknown { near: Some(near), .. }) => format!("did you mean `{near}`?"),
        _ => "`loggr grok --list` shows all named patterns".to_owned(),
    };
    let grok = compiled.hint(hint).usage()?;
    let mut scratch = Scratch::default();
    let mut records = Records::stdin(args.nul);
    while records.read()? {
        let line = String::from_utf8_lossy(records.record());
        let found = match grok.find(&line, &mut scratch) {
            Ok(true) => Value::Object(object(&grok, &line, &scratch)),
            Ok(false) => Value::Null,
            Err(Limit) => {
                complain(
                    "warning: a pattern took too many steps on a line, so the line counts as not matched\n",
                );
                Value::Null
            }
        };
        serde_json::to_writer(&mut output, &found)?;
        output.write_all(b"\n")?;
        if records.is_waiting() {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(Exit::Fine)
}

/// The named parts; one that was found several times holds all its values.
fn object(grok: &Grok, line: &str, scratch: &Scratch) -> Map<String, Value> {
    let mut found = Map::new();
    for (field, kind, range) in scratch.captures() {
        let Some(name) = grok.fields().get(field) else { continue };
        let text = line.get(range).unwrap_or_default().to_owned();
        let value = match kind.number(&text) {
            Some(Number::Int(number)) => number.into(),
            Some(Number::Float(number)) => number.into(),
            None => Value::String(text),
        };
        match found.get_mut(name) {
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
            None => drop(found.insert(name.clone(), value)),
        }
    }
    found
}

/// The standard patterns, the operator's own beside the configuration, and those of the options.
fn library(place: &Place, args: &GrokArgs) -> Result<Library> {
    let known = environment(&place.directory()?)?;
    let mut library = Library::clone(if args.ecs { &known.ecs_patterns } else { &known.patterns });
    for directory in &args.patterns_dir {
        for file in files(directory)? {
            add(&mut library, &file)?;
        }
    }
    for file in &args.patterns_file {
        add(&mut library, file)?;
    }
    Ok(library)
}

/// In order of name, without those that are hidden; a file stands for itself.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    if directory.is_file() {
        return Ok(vec![directory.to_owned()]);
    }
    let context = || format!("cannot read the directory of patterns `{}`", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(context).usage()? {
        let path = entry.with_context(context).usage()?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn add(library: &mut Library, file: &Path) -> Result<()> {
    let context = || format!("cannot use the patterns of `{}`", file.display());
    let text = std::fs::read_to_string(file).with_context(context).usage()?;
    library.add_text(&text).with_context(context).usage()
}
