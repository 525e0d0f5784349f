//! loggr's own log: text or JSON lines on stderr, those of the security log in a file of their own.
//!
//! Values with blanks are quoted, so that a line can be cut into its fields again, and no text of a
//! peer or a file reaches the terminal uncleaned.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tracing::Metadata;
use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

use crate::clean::{clean, json};
use crate::config::{Log, LogFormat};
use crate::hint::Advise;

/// The target of the security log: each line says who did what, from where.
pub const SECURITY: &str = "security";
/// Permission bits of the file of the security log.
const SECURITY_MODE: u32 = 0o600;

/// Starts logging to stderr, and the security log to its file, if it has one. `LOGGR_LOG` overrides the
/// level; it takes filters such as `debug` or `loggr_bus=trace,info`.
pub fn start(log: &Log) {
    // What lapin has to say of a broken connection loggr says itself, once and in words.
    let filter = std::env::var("LOGGR_LOG").unwrap_or_else(|_| format!("{},lapin=off", log.level.keyword()));
    // Whatever the level, what somebody did is written.
    let of = |filter: &str| EnvFilter::try_new(format!("{filter},{SECURITY}=info"));
    let filter = of(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let out = Out { security: log.security.clone() };
    // A file has no colours.
    let is_eyes = std::io::stderr().is_terminal() && out.security.is_none();
    let colour = is_eyes && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour);
    let started = match log.format {
        LogFormat::Text => builder.with_writer(out).with_target(false).fmt_fields(Fields).try_init(),
        LogFormat::Json => builder.with_writer(JsonLines(out)).json().flatten_event(true).try_init(),
    };
    // A second start (tests in one process) leaves the first in place.
    drop(started);
}

/// Can the security log be written? Told at the start, by the user that the process has become.
pub fn try_security(file: &Path) -> Result<()> {
    append(file)
        .map(drop)
        .with_context(|| format!("cannot write the security log `{}`", file.display()))
        .hint("its directory must be one in which loggr's user may make files; `[log] security` names it")
}

/// Opened for each line, so that it can be renamed at any time. One that root begins on the command line
/// belongs to the owner of its directory, as one that the daemon begins.
fn append(file: &Path) -> std::io::Result<File> {
    let is_new = !file.exists();
    let opened = OpenOptions::new().append(true).create(true).mode(SECURITY_MODE).open(file)?;
    if let Some(directory) = file.parent().filter(|_| is_new) {
        let above = std::fs::metadata(directory)?;
        if opened.metadata()?.uid() != above.uid() {
            fchown(&opened, Some(above.uid()), Some(above.gid()))?;
        }
    }
    Ok(opened)
}

/// Where lines go: those of the security log to its file, if there is one, else to stderr.
struct Out {
    security: Option<PathBuf>,
}

impl<'w> MakeWriter<'w> for Out {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(None)
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Line<'w> {
        Line(self.security.as_deref().filter(|_| meta.target() == SECURITY))
    }
}

/// One line, and its file; stderr if there is none.
struct Line<'w>(Option<&'w Path>);

impl Write for Line<'_> {
    /// Takes a whole line, as it is given.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let written = self.0.map(|file| append(file).and_then(|mut file| file.write_all(line)));
        match written {
            Some(Ok(())) => {}
            // What cannot go to its file is not lost.
            Some(Err(_)) | None => std::io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The fields of a text line: the message, then `name=value` for each other.
struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut written = Written { writer, is_first: true, result: Ok(()) };
        fields.record(&mut written);
        written.result
    }
}

struct Written<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Written<'_> {
    fn write(&mut self, field: &Field, value: &str) {
        if self.result.is_err() {
            return;
        }
        let gap = if std::mem::take(&mut self.is_first) { "" } else { " " };
        // The text of a peer is a value; the message is ours, but may contain one.
        self.result = match field.name() {
            "message" => write!(self.writer, "{gap}{}", clean(value)),
            // Fields that the bridge from the crate `log` adds.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.writer, "{gap}{}={}", name.strip_prefix("r#").unwrap_or(name), quoted(value)),
        };
    }
}

impl Visit for Written<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &format!("{value:?}"));
    }
}

/// A value as it is, if it is one word; otherwise in quotes, as in logfmt.
fn quoted(value: &str) -> String {
    let value = clean(value);
    let is_word = !value.is_empty() && !value.contains([' ', '\t', '"', '=', '\\']);
    if is_word {
        return value.into_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A writer of JSON lines without invisible characters.
struct JsonLines<M>(M);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for JsonLines<M> {
    type Writer = JsonLine<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        JsonLine(self.0.make_writer())
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Self::Writer {
        JsonLine(self.0.make_writer_for(meta))
    }
}

struct JsonLine<W>(W);

impl<W: Write> Write for JsonLine<W> {
    /// Takes a whole line, because the logger writes it at once.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(json(text).as_bytes())?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What `log` says, without its time.
    fn said(format: LogFormat, log: impl FnOnce()) -> String {
        let out = Shared::default();
        let writer = out.clone();
        let builder = tracing_subscriber::fmt().without_time().with_ansi(false);
        match format {
            LogFormat::Text => {
                let builder =
                    builder.with_writer(move || writer.clone()).with_target(false).fmt_fields(Fields);
                tracing::subscriber::with_default(builder.finish(), log);
            }
            LogFormat::Json => {
                let builder =
                    builder.with_writer(JsonLines(move || writer.clone())).json().flatten_event(true);
                tracing::subscriber::with_default(builder.finish(), log);
            }
        }
        String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn values_with_blanks_are_quoted() {
        let error = std::io::Error::other("no such file: \"x\"");
        let text = said(LogFormat::Text, || {
            tracing::warn!(listener = "tcp", two = "two words", %error, n = 3, yes = true, no = None::<u64>, "it failed");
        });
        assert_eq!(
            text,
            " WARN it failed listener=tcp two=\"two words\" error=\"no such file: \\\"x\\\"\" n=3 yes=true\n"
        );
        let text = said(LogFormat::Text, || tracing::info!(empty = "", path = %"/a=b", "it is"));
        assert_eq!(text, " INFO it is empty=\"\" path=\"/a=b\"\n");
    }

    #[track_caller]
    fn check_security(security: Option<&Path>, format: LogFormat, expect: &[&str]) {
        let out = Out { security: security.map(Path::to_owned) };
        let builder = tracing_subscriber::fmt().without_time().with_ansi(false);
        let log = || {
            tracing::info!(target: SECURITY, security = "logged in", who = "anna\nben", "logged in");
            tracing::info!("something else");
        };
        match format {
            LogFormat::Text => {
                let builder = builder.with_writer(out).with_target(false).fmt_fields(Fields);
                tracing::subscriber::with_default(builder.finish(), log);
            }
            LogFormat::Json => {
                let builder = builder.with_writer(JsonLines(out)).json().flatten_event(true);
                tracing::subscriber::with_default(builder.finish(), log);
            }
        }
        let text = security.map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
        assert_eq!(lines, expect);
    }

    #[test]
    fn the_security_log_has_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("security.log");
        try_security(&file).unwrap();
        let text = " INFO logged in security=\"logged in\" who=anna#012ben";
        check_security(Some(&file), LogFormat::Text, &[text]);
        check_security(None, LogFormat::Text, &[]);
        // It was renamed, and is begun anew.
        std::fs::rename(&file, directory.path().join("old")).unwrap();
        let json = r#"{"level":"INFO","message":"logged in","security":"logged in","who":"anna\nben","target":"security"}"#;
        check_security(Some(&file), LogFormat::Json, &[json]);
        check_security(Some(&directory.path().join("no/such")), LogFormat::Text, &[]);
        assert!(try_security(&directory.path().join("no/such")).is_err());
    }

    #[test]
    fn nothing_from_a_peer_ends_a_line_or_moves_the_cursor() {
        let peer = "x\n\u{1b}[2J\u{202e}y";
        let text = said(LogFormat::Text, || tracing::warn!(peer, debug = ?peer, "from {peer}"));
        assert_eq!(
            text,
            " WARN from x#012#033[2J#342#200#256y peer=x#012#033[2J#342#200#256y \
             debug=\"\\\"x\\\\n\\\\u{1b}[2J\\\\u{202e}y\\\"\"\n"
        );
        let text = said(LogFormat::Json, || tracing::warn!(peer, "from {peer}"));
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end().chars().any(crate::clean::is_hidden), "{text:?}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (value["peer"].as_str(), value["message"].as_str()),
            (Some(peer), Some(&*format!("from {peer}")))
        );
    }
}
