//! `GET /api/export`: all matching events as a file, streamed.
//!
//! A page of the store at a time, and the next one only when the last one was read, so that neither
//! the store nor memory is asked for more than the client takes. Where it ends before its end the last
//! line says why, and the transfer breaks off, so that neither people nor programs take it for whole.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use loggr_event::{DumpFormat, Event};
use loggr_store::query::{Field, Hidden, field_values};

use super::ask::{Asked, stamp};
use super::call::{Answer, Call};
use super::line::NO_LONGER;
use super::params::{Parameter, Takes, parameter};
use super::turns::Place;
use crate::clean::clean;
use crate::web::door::Rights;
use crate::web::paths;

/// Events of one page of the store.
const PAGE: usize = 5_000;
/// How long one page may take: who reads the file slowly is not the query.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// After its last line a broken export waits so long before it breaks off: the line has to leave first.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Most events of one file.
const MAX_EVENTS: usize = 100_000_000;
/// The columns of a CSV file if none are named.
const COLUMNS: [&str; 8] =
    ["timegenerated", "timereported", "severity", "facility", "source", "app_name", "procid", "message"];

/// What it takes beside the query.
pub const PARAMETERS: &[Parameter] = &[
    parameter(
        "format",
        Takes::Word(&["ndjson", "csv", "text"]),
        "A JSON object a line, CSV, or a line of text.",
    ),
    parameter("columns", Takes::Text, "The fields of a CSV file, with commas between them."),
    parameter("order", Takes::Word(&["newest", "oldest"]), "Which events come first."),
    parameter(
        "limit",
        Takes::Number { least: 1, most: MAX_EVENTS, default: MAX_EVENTS },
        "At most so many events.",
    ),
];

/// The media types of the formats.
pub const KINDS: [&str; 3] = ["application/x-ndjson", "text/csv; charset=utf-8", "text/plain; charset=utf-8"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Ndjson,
    Csv,
    Text,
}

impl Format {
    fn of(word: &str) -> Format {
        match word {
            "csv" => Format::Csv,
            "text" => Format::Text,
            _ => Format::Ndjson,
        }
    }

    /// Media type and ending.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Format::Ndjson => (KINDS[0], "ndjson"),
            Format::Csv => (KINDS[1], "csv"),
            Format::Text => (KINDS[2], "txt"),
        }
    }
}

/// An export that is being read.
struct Export {
    asked: Asked,
    rights: Rights,
    _place: Place,
    lines: Arc<Lines>,
    left: usize,
    is_first: bool,
    has_ended: bool,
    /// It ends before its end, and the last line was sent.
    breaks: Option<io::Error>,
}

/// How events are written.
struct Lines {
    format: Format,
    columns: Vec<(String, Field)>,
    hidden: Hidden,
}

/// `GET /api/export`
pub async fn export(call: Call) -> Answer {
    let mut asked = call.asked()?;
    asked.options.oldest_first = call.params.word("order") == "oldest";
    let format = Format::of(call.params.word("format"));
    let named: Vec<String> = match call.params.some("columns") {
        Some(columns) => columns.split(',').map(|name| name.trim().to_owned()).collect(),
        None => COLUMNS.map(str::to_owned).to_vec(),
    };
    let columns = named.into_iter().map(|name| (name.clone(), Field::from_name(&name))).collect();
    let _place = call.api.exports.lend(&call.who.name)?;
    asked.line.begins("exports", "exported");
    let name = format!(
        "loggr-{}.{}",
        stamp(asked.now).get(..19).unwrap_or_default().replace(':', "-"),
        format.kind().1
    );
    let left = call.params.number("limit");
    let rights = call.rights;
    let lines = Arc::new(Lines { format, columns, hidden: asked.hidden.clone() });
    let export =
        Export { asked, rights, _place, lines, left, is_first: true, has_ended: false, breaks: None };
    let pages = unfold(export, |mut export| async move {
        let page = export.page().await?;
        Some((page, export))
    });
    let headers = [
        (CONTENT_TYPE, format.kind().0.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

impl Export {
    async fn page(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(broken) = self.breaks.take() {
            tokio::time::sleep(LAST_WORDS).await;
            return Some(Err(broken));
        }
        if self.has_ended {
            return None;
        }
        if !self.rights.hold() {
            return Some(Ok(self.breaks_off(NO_LONGER)));
        }
        let mut out = Vec::new();
        if std::mem::take(&mut self.is_first) && self.lines.format == Format::Csv {
            let names: Vec<String> = self.lines.columns.iter().map(|(name, _)| csv(name)).collect();
            out.extend_from_slice(names.join(",").as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        self.asked.options.limit = self.left.min(PAGE);
        self.asked.options.limits.deadline = Some(Instant::now() + PAGE_TIMEOUT);
        let found = match self.asked.store.search(&self.asked.query, &self.asked.options).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "an export ended before its time");
                return Some(Ok(self.breaks_off(&paths::without(&error.to_string()))));
            }
        };
        if found.partial {
            let why = found.warnings.join("; ");
            tracing::warn!(why, "an export ended before its time");
            return Some(Ok(self.breaks_off(&format!("something is missing: {}", paths::without(&why)))));
        }
        self.left = self.left.saturating_sub(found.events.len());
        self.asked.line.rows(found.events.len() as u64);
        let more = found.more;
        let last = found.events.last().map(|last| (last.timegenerated, last.uid));
        // Connections of others wait for nothing that is written here.
        let lines = self.lines.clone();
        let written = tokio::task::spawn_blocking(move || {
            found.events.into_iter().for_each(|event| lines.write(event, &mut out));
            out
        });
        let Ok(out) = written.await else {
            return Some(Ok(self.breaks_off("writing it failed because of a bug of loggr")));
        };
        self.has_ended = !more || self.left == 0 || last.is_none();
        if self.has_ended {
            self.asked.line.ended("to its end");
        }
        self.asked.options.after = last;
        Some(Ok(Bytes::from(out)))
    }

    /// The last line: why the file ends here. Then the transfer breaks off.
    fn breaks_off(&mut self, why: &str) -> Bytes {
        self.has_ended = true;
        self.asked.line.ended(why);
        self.breaks = Some(io::Error::other(why.to_owned()));
        let line = match self.lines.format {
            Format::Ndjson => serde_json::json!({ "error": why }).to_string(),
            Format::Csv => csv(&format!("error: {why}")),
            Format::Text => clean(&format!("error: {why}")).into_owned(),
        };
        Bytes::from(line + "\n")
    }
}

impl Lines {
    fn write(&self, event: Event<'_>, out: &mut Vec<u8>) {
        let event = &self.hidden.strip(event);
        match self.format {
            Format::Ndjson => {
                event.dump(&DumpFormat::Json, out);
                out.push(b'\n');
            }
            Format::Text => {
                let text = format!(
                    "{} {:<7} {} {} {}",
                    crate::status::stamp(event.timegenerated),
                    event.severity.keyword(),
                    event.source,
                    event.syslogtag(),
                    event.message
                );
                out.extend_from_slice(clean(&text).as_bytes());
                out.push(b'\n');
            }
            Format::Csv => {
                let values: Vec<String> =
                    self.columns.iter().map(|(_, field)| csv(&value(event, field))).collect();
                out.extend_from_slice(values.join(",").as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

/// The values of a field, with blanks between several.
fn value(event: &Event<'_>, field: &Field) -> String {
    match field {
        Field::Time => return crate::status::stamp(event.timegenerated),
        Field::Timereported => return crate::status::stamp(event.timereported),
        Field::Severity => return event.severity.keyword().to_owned(),
        Field::Facility => return event.facility.keyword().to_owned(),
        Field::Message => return event.message.to_string(),
        _ => {}
    }
    let mut values: Vec<String> = Vec::new();
    field_values(event, field, &mut |value| {
        values.push(value.to_owned());
        false
    });
    values.join(" ")
}

/// A CSV field (RFC 4180). One that a spreadsheet would compute is made text with an apostrophe.
fn csv(value: &str) -> String {
    let value = clean(value);
    let is_formula = value.starts_with(['=', '+', '-', '@']) && value.parse::<f64>().is_err();
    let value = if is_formula { format!("'{value}") } else { value.into_owned() };
    match value.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: &str) {
        assert_eq!(csv(value), expect);
    }

    #[test]
    fn a_value_stays_one_field_and_computes_nothing() {
        check("plain", "plain");
        check("a, \"b\"", "\"a, \"\"b\"\"\"");
        check("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0");
        check("-5", "-5");
        check("-x", "'-x");
        check("a\u{1b}[31m", "a#033[31m");
    }
}
