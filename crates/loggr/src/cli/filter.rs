//! `loggr filter|explain`: a filter on events from stdin, in words, under test.
//!
//! Nothing here touches a queue or a running process.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use loggr_event::{DumpFormat, Event, counted};
use loggr_filter::engines::Outcome;
use loggr_filter::lang::{Cases, Fate, Program, Step};

use super::complain;
use super::records::{Records, message_alone, origin, uids};
use crate::clean::clean;
use crate::exit::{Exit, Usage};
use crate::filters::environment;
use crate::process::clock::now;

/// Arguments of `loggr filter`.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// The file of the filter
    #[arg(value_name = "FILE")]
    filter: PathBuf,
    /// Take each line as the text of a message, without priority, time and host in front
    #[arg(long)]
    lines: bool,
    /// Events on stdin end with a NUL byte instead of a line feed, so that they may have line feeds
    /// in them (as from `find -print0`); the output has one event a line all the same
    #[arg(long)]
    nul: bool,
    /// Print on stderr, for each event, what each rule of the filter changed
    #[arg(long)]
    trace: bool,
    /// Run the tests in this file instead of reading events from stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lines", "nul", "trace"])]
    test: Option<PathBuf>,
}

/// Arguments of `loggr explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The file of the filter
    #[arg(value_name = "FILE")]
    filter: PathBuf,
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
    let mut environment = environment(home.unwrap_or(Path::new(".")))?;
    environment.filters = path.parent().unwrap_or(Path::new("")).to_owned();
    Program::compile(&shown.to_string(), &text, &environment).map_err(|e| anyhow!("{e}")).usage()
}

/// `loggr filter`.
pub fn filter(args: &FilterArgs) -> Result<Exit> {
    match &args.test {
        Some(tests) => test(&args.filter, tests),
        None => events(&program(&args.filter)?, args),
    }
}

fn test(filter: &Path, path: &Path) -> Result<Exit> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the tests `{shown}`")).usage()?;
    let cases = Cases::parse(&shown.to_string(), &text).map_err(|e| anyhow!("{e}")).usage()?;
    let failures = cases.run_apart(now(), || program(filter))?;
    for failure in &failures {
        complain(&format!("{shown}: {failure}\n"));
    }
    let mut failed: Vec<usize> = failures.iter().map(|failure| failure.number).collect();
    failed.dedup();
    let (all, passed) = (cases.len(), cases.len() - failed.len());
    let told = match failures.len() {
        0 => format!("{} passed", counted(all, "test")),
        wrong => {
            let verb = if wrong == 1 { "does" } else { "do" };
            format!(
                "{passed} of {} passed; {} {verb} not hold",
                counted(all, "test"),
                counted(wrong, "expectation")
            )
        }
    };
    writeln!(std::io::stdout().lock(), "{told}")?;
    Ok(if failures.is_empty() { Exit::Fine } else { Exit::Failed })
}

fn events(program: &Program, args: &FilterArgs) -> Result<Exit> {
    let origin = origin("");
    let uids = uids()?;
    let mut records = Records::stdin(args.nul);
    let is_shown = std::io::stdout().is_terminal();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut counters = program.counters();
    let mut json = Vec::new();
    while records.read()? {
        let line = records.record();
        let at = now();
        let uid = uids.next(at);
        let mut event = match args.lines {
            true => message_alone(line, &origin, uid, at),
            false => Event::receive(line, &origin, uid, at),
        };
        let fate = if args.trace {
            complain(&format!("{}\n", clean(&event.message)));
            program.trace(&mut event, at, &mut counters, &mut |step| complain(&told(program, step)))
        } else {
            program.run(&mut event, at, &mut counters)
        };
        match fate {
            Fate::Drop(rule) if args.trace => {
                complain(&format!("  dropped by line {}\n", program.rule(rule).0));
            }
            Fate::Route(number) if args.trace => {
                let route = program.routes().get(number).cloned().unwrap_or_default();
                complain(&format!("  routed to {route}\n"));
            }
            _ => {}
        }
        if !matches!(fate, Fate::Drop(_)) {
            json.clear();
            event.dump(&DumpFormat::Json, &mut json);
            if json.last() != Some(&b'\n') {
                json.push(b'\n');
            }
            if is_shown {
                super::show_json(&mut json);
            }
            output.write_all(&json)?;
        }
        // A trace and its event stay together.
        if args.trace || records.is_waiting() {
            output.flush()?;
        }
    }
    output.flush()?;
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
