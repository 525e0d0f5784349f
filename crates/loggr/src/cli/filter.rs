//! `loggr filter|explain|grok`: a filter on lines from stdin, in words, under test; a pattern alone.
//!
//! Nothing here touches a queue or a running process.

use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_event::{DumpFormat, Event, Origin, Transport, UidGenerator};
use loggr_filter::engines::Outcome;
use loggr_filter::grok::{Grok, Scratch};
use loggr_filter::lang::{Cases, Fate, Program, Step};

use super::complain;
use crate::component::machine::environment;
use crate::exit::{Exit, Usage};
use crate::hint::Advise;
use crate::source::now;

/// Arguments of `loggr filter`.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// The filter
    #[arg(value_name = "FILE")]
    filter: PathBuf,
    /// Say on stderr which rule did what with each event
    #[arg(long)]
    trace: bool,
    /// Run the tests of this file instead of reading lines
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
}

/// Arguments of `loggr explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The filter
    #[arg(value_name = "FILE")]
    filter: PathBuf,
}

/// Arguments of `loggr grok`.
#[derive(Debug, Args)]
pub struct GrokArgs {
    /// Patterns: a name, or an expression with `%{NAME:field}`; the first that matches wins
    #[arg(value_name = "PATTERN", required_unless_present = "list")]
    patterns: Vec<String>,
    /// Use the names of the Elastic Common Schema
    #[arg(long)]
    ecs: bool,
    /// List all named patterns
    #[arg(long)]
    list: bool,
    /// Further patterns from this file
    #[arg(long, value_name = "FILE")]
    patterns_file: Option<PathBuf>,
}

fn program(path: &Path) -> Result<Program> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the filter `{shown}`")).usage()?;
    // Filters lie in `filters/` beside `patterns/`.
    let home = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    let home =
        home.and_then(|p| if p.file_name().is_some_and(|n| n == "filters") { p.parent() } else { Some(p) });
    let home = home.map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    let environment = environment(home.unwrap_or(Path::new(".")))?;
    Program::compile(&shown.to_string(), &text, &environment).map_err(|e| anyhow!("{e}")).usage()
}

/// `loggr filter`.
pub fn filter(args: &FilterArgs) -> Result<Exit> {
    let program = program(&args.filter)?;
    match &args.test {
        Some(tests) => test(&program, tests),
        None => lines(&program, args.trace),
    }
}

fn test(program: &Program, path: &Path) -> Result<Exit> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the tests `{shown}`")).usage()?;
    let cases = Cases::parse(&shown.to_string(), &text).map_err(|e| anyhow!("{e}")).usage()?;
    let failures = cases.run(program, now());
    for failure in &failures {
        complain(&format!("{shown}: {failure}\n"));
    }
    let (all, wrong) = (cases.len(), failures.len());
    writeln!(std::io::stdout().lock(), "{all} tests, {wrong} expectations do not hold")?;
    Ok(if failures.is_empty() { Exit::Fine } else { Exit::Failed })
}

fn lines(program: &Program, trace: bool) -> Result<Exit> {
    let origin = Origin {
        listener: "stdin".to_owned(),
        transport: Transport::File,
        trusted: true,
        ..Origin::default()
    };
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("cannot draw a random number")?;
    let uids = UidGenerator::new(seed);
    let mut input = std::io::stdin().lock();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut counters = program.counters();
    let (mut line, mut json) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read stdin")? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let at = now();
        let mut event = Event::receive(text, &origin, uids.next(at), at);
        let fate = if trace {
            complain(&format!("{}\n", clean(&event.message)));
            program.trace(&mut event, at, &mut counters, &mut |step| complain(&told(program, step)))
        } else {
            program.run(&mut event, at, &mut counters)
        };
        if let Fate::Drop(rule) = fate {
            if trace {
                complain(&format!("  dropped by line {}\n", program.rule(rule).0));
            }
            continue;
        }
        if let (true, Fate::Route(number)) = (trace, fate) {
            let route = program.routes().get(number).cloned().unwrap_or_default();
            complain(&format!("  routed {route}\n"));
        }
        json.clear();
        event.dump(&DumpFormat::Json, &mut json);
        if json.last() != Some(&b'\n') {
            json.push(b'\n');
        }
        output.write_all(&json)?;
        output.flush()?;
    }
    Ok(Exit::Fine)
}

/// One line for a rule, and one for each thing that it changed.
fn told(program: &Program, step: &Step<'_>) -> String {
    let (line, text) = program.rule(step.rule);
    let outcome = match step.outcome {
        Outcome::Did => "yes",
        Outcome::Nothing => "no",
        Outcome::Failed(tag) => tag,
    };
    let mut out = format!("  {line}: {} … {outcome}\n", clean(text));
    let (before, after) = (object(step.before), object(step.after));
    for (key, value) in &after {
        match before.get(key) {
            Some(old) if old == value => {}
            Some(old) => out.push_str(&format!(
                "      {key}: {} → {}\n",
                clean(&old.to_string()),
                clean(&value.to_string())
            )),
            None => out.push_str(&format!("      {key} = {}\n", clean(&value.to_string()))),
        }
    }
    for (key, old) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        out.push_str(&format!("      {key}: {} → nothing\n", clean(&old.to_string())));
    }
    out
}

fn object(event: &Event<'_>) -> serde_json::Map<String, serde_json::Value> {
    let mut json = Vec::new();
    event.dump(&DumpFormat::Json, &mut json);
    serde_json::from_slice(&json).unwrap_or_default()
}

/// `loggr explain`.
pub fn explain(args: &ExplainArgs) -> Result<Exit> {
    super::print(&program(&args.filter)?.explain())
}

/// `loggr grok`.
pub fn grok(args: &GrokArgs) -> Result<Exit> {
    let mut library = if args.ecs {
        loggr_filter::grok::Library::clone(&loggr_filter::grok::Library::ecs())
    } else {
        loggr_filter::grok::Library::clone(&loggr_filter::grok::Library::legacy())
    };
    if let Some(path) = &args.patterns_file {
        let context = || format!("cannot use the patterns of `{}`", path.display());
        let text = std::fs::read_to_string(path).with_context(context).usage()?;
        library.add_text(&text).with_context(context).usage()?;
    }
    let mut output = BufWriter::new(std::io::stdout().lock());
    if args.list {
        for name in library.names() {
            writeln!(output, "{name} {}", library.get(name).unwrap_or_default())?;
        }
        output.flush()?;
        return Ok(Exit::Fine);
    }
    let patterns = args.patterns.iter().map(|p| library.meant(p)).collect::<Result<Vec<_>, _>>();
    let grok = patterns
        .and_then(|patterns| Grok::compile(&library, &patterns))
        .map_err(|e| anyhow!("{e}"))
        .hint("`loggr grok --list` shows all named patterns")
        .usage()?;
    let mut scratch = Scratch::default();
    let mut matched = false;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read stdin")?;
        let mut found = serde_json::Map::new();
        match grok.find(line.as_bytes(), &mut scratch) {
            Ok(true) => {
                matched = true;
                for (field, _, range) in scratch.captures() {
                    let name = grok.fields().get(field).cloned().unwrap_or_default();
                    let value =
                        String::from_utf8_lossy(line.as_bytes().get(range).unwrap_or_default()).into_owned();
                    match found.get_mut(&name) {
                        Some(serde_json::Value::Array(all)) => all.push(value.into()),
                        Some(one) => *one = serde_json::Value::Array(vec![one.clone(), value.into()]),
                        None => {
                            found.insert(name, value.into());
                        }
                    }
                }
                writeln!(output, "{}", serde_json::Value::Object(found))?;
            }
            Ok(false) => writeln!(output, "null")?,
            Err(_) => {
                complain("warning: a pattern reached its limit on this line\n");
                writeln!(output, "null")?;
            }
        }
    }
    output.flush()?;
    Ok(if matched { Exit::Fine } else { Exit::Failed })
}

/// Logs are hostile text: no control character reaches the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
