//! Events on stdout: lines for people, JSON, CSV.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use loggr_event::{DumpFormat, Event};

use crate::clean::clean;
use crate::cli::stamp;

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
}

impl Printer {
    pub(super) fn new(format: OutputFormat) -> Result<Printer> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if format == OutputFormat::Csv {
            writeln!(out, "timegenerated,timereported,severity,facility,source,app_name,procid,message")?;
        }
        Ok(Printer { out, format, line: Vec::new() })
    }

    pub(super) fn print(&mut self, event: &Event<'_>) -> Result<()> {
        self.line.clear();
        match self.format {
            OutputFormat::Json => {
                event.dump(&DumpFormat::Json, &mut self.line);
                while self.line.last() == Some(&b'\n') {
                    self.line.pop();
                }
                crate::cli::show_json(&mut self.line);
            }
            OutputFormat::Text => {
                let tag = event.syslogtag();
                let text = format!(
                    "{} {:<7} {} {} {}",
                    stamp(event.timegenerated),
                    event.severity.keyword(),
                    event.source,
                    tag,
                    event.message
                );
                self.line.extend_from_slice(clean(&text).as_bytes());
            }
            OutputFormat::Csv => {
                let (generated, reported) = (stamp(event.timegenerated), stamp(event.timereported));
                let columns = [
                    generated.as_str(),
                    reported.as_str(),
                    event.severity.keyword(),
                    event.facility.keyword(),
                    &event.source,
                    &event.app_name,
                    &event.procid,
                    &event.message,
                ];
                self.line.extend_from_slice(columns.map(csv).join(",").as_bytes());
            }
        }
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
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
