//! Events on stdout: lines for people, JSON, CSV; and on stderr what was left out.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context, Result};
use clap::ValueEnum;
use loggr_event::{DumpFormat, Event, Uid};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clean::clean;
use crate::cli::{complain, show_json, stamp};

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One line each, for people.
    Text,
    /// One JSON object a line.
    Json,
    /// The main columns, with a heading.
    Csv,
}

/// Prints events to stdout.
pub(super) struct Printer {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    format: OutputFormat,
    line: Vec<u8>,
    /// It was told that messages are cut.
    has_cut: bool,
}

/// An event: of a store, or as a server sends it.
#[derive(Clone)]
pub(super) enum Row {
    Event(Box<Event<'static>>),
    Json(Box<RawValue>),
}

/// What of an event people see, in words.
#[derive(Deserialize)]
struct Columns<'e> {
    #[serde(borrow)]
    timegenerated: Cow<'e, str>,
    #[serde(borrow)]
    timereported: Cow<'e, str>,
    #[serde(borrow)]
    severity: Cow<'e, str>,
    #[serde(borrow, default)]
    facility: Cow<'e, str>,
    #[serde(borrow, default)]
    source: Cow<'e, str>,
    #[serde(borrow, default)]
    app_name: Cow<'e, str>,
    #[serde(borrow, default)]
    procid: Cow<'e, str>,
    #[serde(borrow, default)]
    syslogtag: Cow<'e, str>,
    #[serde(borrow, default)]
    message: Cow<'e, str>,
    #[serde(default)]
    message_cut: Option<u64>,
}

impl Row {
    pub(super) fn uid(&self) -> Option<Uid> {
        #[derive(Deserialize)]
        struct Only<'e> {
            uid: Cow<'e, str>,
        }
        match self {
            Row::Event(event) => Some(event.uid),
            Row::Json(text) => Uid::parse(&serde_json::from_str::<Only<'_>>(text.get()).ok()?.uid),
        }
    }

    pub(super) fn event(&self) -> Option<&Event<'static>> {
        match self {
            Row::Event(event) => Some(event),
            Row::Json(_) => None,
        }
    }
}

impl<'e> Columns<'e> {
    fn of(event: &'e Event<'_>) -> Columns<'e> {
        Columns {
            timegenerated: stamp(event.timegenerated).into(),
            timereported: stamp(event.timereported).into(),
            severity: event.severity.keyword().into(),
            facility: event.facility.keyword().into(),
            source: (*event.source).into(),
            app_name: (*event.app_name).into(),
            procid: (*event.procid).into(),
            syslogtag: event.syslogtag().to_string().into(),
            message: (*event.message).into(),
            message_cut: None,
        }
    }
}

impl Printer {
    pub(super) fn new(format: OutputFormat) -> Result<Printer> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if format == OutputFormat::Csv {
            writeln!(out, "timegenerated,timereported,severity,facility,source,app_name,procid,message")?;
        }
        Ok(Printer { out, format, line: Vec::new(), has_cut: false })
    }

    pub(super) fn print(&mut self, row: &Row) -> Result<()> {
        self.line.clear();
        match (self.format, row) {
            (OutputFormat::Json, Row::Event(event)) => {
                event.dump(&DumpFormat::Json, &mut self.line);
                while self.line.last() == Some(&b'\n') {
                    self.line.pop();
                }
                show_json(&mut self.line);
            }
            (OutputFormat::Json, Row::Json(text)) => {
                self.line.extend_from_slice(text.get().as_bytes());
                show_json(&mut self.line);
            }
            (OutputFormat::Text | OutputFormat::Csv, Row::Event(event)) => self.columns(&Columns::of(event)),
            (OutputFormat::Text | OutputFormat::Csv, Row::Json(text)) => {
                let columns =
                    serde_json::from_str(text.get()).context("the server sends what is no event")?;
                self.columns(&columns);
            }
        }
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }

    fn columns(&mut self, of: &Columns<'_>) {
        let text = match self.format {
            OutputFormat::Text => {
                let Columns { timegenerated, severity, source, syslogtag, message, .. } = of;
                clean(&format!("{timegenerated} {severity:<7} {source} {syslogtag} {message}")).into_owned()
            }
            OutputFormat::Csv | OutputFormat::Json => {
                let all = [
                    &of.timegenerated,
                    &of.timereported,
                    &of.severity,
                    &of.facility,
                    &of.source,
                    &of.app_name,
                    &of.procid,
                    &of.message,
                ];
                all.map(|value| csv(value)).join(",")
            }
        };
        self.line.extend_from_slice(text.as_bytes());
        if of.message_cut.is_some() && !std::mem::replace(&mut self.has_cut, true) {
            complain("warning: the server has cut long messages\n");
        }
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Tells what was left out of an answer.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        complain(&format!("warning: {warning}\n"));
    }
}

/// A CSV field (RFC 4180), quoted where it must be. What is escaped is escaped in a file too: it ends on
/// some terminal.
fn csv(value: &str) -> String {
    let value = clean(value);
    match value.contains(['"', ',']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_an_event_moves_the_cursor() {
        assert_eq!(csv("say \"hi\", you"), "\"say \"\"hi\"\", you\"");
        assert_eq!(
            csv("a \u{1b}[31mred\u{1b}[0m\r\nb\u{9b}\u{202e}"),
            "a #033[31mred#033[0m#015#012b#302#233#342#200#256"
        );
    }
}
