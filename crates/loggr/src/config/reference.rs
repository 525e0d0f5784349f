//! The reference of the configuration file, written from the table of keys.
//!
//! The result is `docs/reference/configuration.md`; a test fails if the file is out of date.

use super::DEFAULT_TEXT;
use super::keys::{Key, Section, Takes};
use super::quantity::{show_duration, show_rate, show_size};
use super::sections::SECTIONS;

const INTRODUCTION: &str = "\
# Configuration

<!-- Written from the table in crates/loggr/src/config/keys.rs by `UPDATE=1 cargo test -p loggr config`. -->

loggr is configured by one TOML file, `loggr.toml`; everything in it is optional. `loggr check` shows
the mistakes in it: first those of TOML's syntax, and once there are none those in sections, keys and
values, and those in the filters. `loggr config` prints the default configuration with comments.

## Which file loggr reads, and where its data lies

loggr reads the first of these files:

1. `--config FILE`;
2. `$LOGGR_CONFIG_DIR/loggr.toml`, when the variable is set;
3. `loggr.toml` in the current directory, when it exists and belongs to root or to the user who runs
   loggr; loggr then says which file it uses. If it belongs to somebody else, loggr ignores it and
   warns of that;
4. `/etc/loggr/loggr.toml`, when it exists;
5. no file: loggr uses the built-in [default](#the-default).

The data directory, in which loggr keeps everything, is the first of these:

1. `--data-dir DIR`;
2. `$LOGGR_DATA_DIR`;
3. `directory` of `[data]`;
4. `/var/lib/loggr` for root, else `$XDG_DATA_HOME/loggr`, else `~/.local/share/loggr`.

A relative path on the command line or in a variable is relative to the directory in which loggr was
started. In the file, `directory` of `[data]`, certificates and files with secrets are relative to the
directory of the file, and every other path is relative to the data directory.

## How values are written

- A duration is a string with units: `\"500ms\"`, `\"10s\"`, `\"1h30m\"`, `\"90d\"`; the units are `ms`, `s`,
  `m` (minutes), `h`, `d` and `w`. A number without a unit is an error.
- A size is a string with a unit, `\"64KiB\"` or `\"20GB\"`, or a number of bytes. `KiB`, `MiB`, `GiB`, `TiB`
  are powers of 1024; `KB`, `MB`, `GB`, `TB` are powers of 1000.
- An address is `\"HOST:PORT\"`, `\"[IPV6]:PORT\"`, or `\":PORT\"` for all addresses of the host.
- A network is `\"10.0.0.0/8\"`, `\"2001:db8::/32\"`, or a single address. An IPv4 network that is written
  as IPv6 counts as IPv4: `\"::ffff:10.0.0.0/104\"` is the same as `\"10.0.0.0/8\"`. `\"::/0\"` holds all IPv6
  addresses and no IPv4 address.
- Permission bits are octal: `\"0640\"` or `0o640`.
- The name of a listener, packer, machine or shipper consists of letters, digits, `-` and `_`, at most 64
  characters. The name of an exchange or queue may also have `.`, and has at most 128 characters.
- A binding key selects events by their routing key, such as `syslog.tcp`: words with dots between them, in
  which `*` stands for one word and `#` for any number of words.

An unknown key or section is an error. It is also an error if events are published to an exchange to which
no queue is bound, because these events would be lost.

In the tables below, \"(tcp only)\" and the like say for which `protocol` or `kind` a key is allowed.
";

/// The whole reference as Markdown.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    for section in SECTIONS.iter().filter(|s| !s.is_later()) {
        out.push_str(&format!("\n## `{}`\n\n{}\n\n", section.header(), section.about));
        out.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for key in section.keys().filter(|k| !matches!(k.takes, Takes::Later | Takes::Elsewhere(_))) {
            out.push_str(&row(key));
        }
    }
    out.push_str("\n## Not in this version\n\nloggr knows these, but does not support them yet; `loggr check` says \"is not supported by this version\":\n\n");
    for section in SECTIONS {
        out.push_str(&later(section));
    }
    out.push_str("\n## The default\n\n```toml\n");
    out.push_str(DEFAULT_TEXT);
    out.push_str("```\n");
    out
}

fn row(key: &Key) -> String {
    let default = match key.default {
        "" => key.without.to_owned(),
        default => format!("`{default}`"),
    };
    let only = match key.only {
        [] => String::new(),
        only => format!(" ({} only)", only.join(", ")),
    };
    let cells = [format!("`{}`", key.name), takes(&key.takes), default, format!("{}{only}", key.meaning)];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn takes(takes: &Takes) -> String {
    match takes {
        Takes::Name => "name".to_owned(),
        Takes::Bool => "`true`, `false`".to_owned(),
        Takes::Duration(from, to) => {
            let shown = [from, to].map(|ms| show_duration(std::time::Duration::from_millis(*ms)));
            format!("duration, {} to {}", shown[0], shown[1])
        }
        Takes::Size(from, to) => format!("size, {} to {}", show_size(*from), show_size(*to)),
        Takes::Rate(from, to) => format!("rate, {} to {}", show_rate(*from), show_rate(*to)),
        Takes::Count(from, to) => format!("number, {from} to {to}"),
        Takes::Choice(now, _) => {
            now.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Takes::Path => "path".to_owned(),
        Takes::Url => "URL".to_owned(),
        Takes::Urls => "URL or list of URLs".to_owned(),
        Takes::Account => "name of a user or group".to_owned(),
        Takes::Mode => "permission bits".to_owned(),
        Takes::Addresses => "address or list of addresses".to_owned(),
        Takes::Endpoints => "address or path, or list of them".to_owned(),
        Takes::Networks => "list of networks".to_owned(),
        Takes::Trust => "`true`, `false` or list of networks".to_owned(),
        Takes::Binding => "binding key".to_owned(),
        Takes::Zone => "time zone".to_owned(),
        Takes::PathTemplate => "template of a path".to_owned(),
        Takes::LineFormat => "format or template".to_owned(),
        Takes::Names => "list of names".to_owned(),
        Takes::StartFormats => "format or list of formats".to_owned(),
        Takes::Presets => "preset or list of presets".to_owned(),
        Takes::Condition => "condition".to_owned(),
        Takes::Pairs(left, right) => format!("table: {left} = {right}"),
        Takes::Section => "section".to_owned(),
        Takes::Elsewhere(_) => "nothing".to_owned(),
        Takes::Text(what) => (*what).to_owned(),
        Takes::Texts(what) => format!("list of {what}s"),
        Takes::Later => "later".to_owned(),
    }
}

/// The keys and words of a section that a later version brings.
fn later(section: &Section) -> String {
    let mut parts = Vec::new();
    if section.is_later() {
        parts.push("the whole section".to_owned());
    }
    for key in section.keys() {
        match key.takes {
            Takes::Later => parts.push(format!("`{}`", key.name)),
            Takes::Choice(_, [_, ..]) => {
                let Takes::Choice(_, words) = key.takes else { continue };
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                parts.push(format!("`{}` = {}", key.name, words.join(" or ")));
            }
            _ => {}
        }
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!("- `{}`: {}\n", section.header(), parts.join(", ")),
    }
}

const TEMPLATES: &str = "# Templates of paths and lines

<!-- Written from the tables in crates/loggr-event/src/template.rs by \
     `UPDATE=1 cargo test -p loggr config`. -->

The keys `path` and `format` of a shipper of kind `files` \
     are templates: text with variables. `path` says to
which file an event is written, `format` how its \
     line looks.

- `${name}` is a field of the event, a part of the time at which loggr received it, or a \
     custom field that a
  filter has set or that came with the event. If the field has several values, \
     they are joined by commas.
- `$WORD`, in capitals, is meant for lines.
- `$$` is a dollar sign.

In a \
     path use `${date}` and its parts. They come from the time of reception, in UTC, so that a device with \
     a wrong
clock does not make files of days long past. A value cannot change the directory: `/` and \
     other dangerous
characters become `_`, a value is cut after 100 bytes, and `unknown` stands for an \
     empty value.

In a line the control characters of values are escaped (a line feed is written as \
     `#012`), so that each event is
one line. If the template is a JSON object once its variables are \
     filled in, each line is valid JSON: values
between quotes are escaped as JSON demands, and a variable \
     without quotes around it is written as a number if it
is one, and as a string otherwise:

    format = \
     '{\"time\": \"$DATETIME\", \"host\": \"$SOURCE\", \"priority\": $PRIORITY, \"text\": \
     \"$MESSAGE\"}'

Variables as other programs write them (`%HOSTNAME%`, `%{host}`, `{{ host }}`, \
     `${HOST}`, `%Y-%m-%d`) are an error
in a path, and also in a line if they cannot mean anything else; \
     `loggr check` says what to write instead. It also
warns of custom fields that no filter sets.

Instead \
     of a template, `format` can name one of these formats: `JSON`, `MSGPACK`, `RFC5424`, `RFC3164`, \
     `RSYSLOG` (as
rsyslog writes its files), `ES` (for the bulk interface of Elasticsearch), `MESSAGE` \
     (the message alone) and `RAW`
(the bytes as they were received). With `RAW` a line feed within the \
     bytes is written as `#012`, and one at their end
ends the line. An event that a filter has changed or \
     a packer has made was not received in this form: it is written
as RFC 5424, unless it still has the \
     bytes of its line.
";

/// The reference of templates as Markdown.
pub fn templates() -> String {
    let mut out = TEMPLATES.to_owned();
    for (title, start) in [("Variables of paths and lines", "${"), ("Words for lines", "$")] {
        out.push_str(&format!("\n## {title}\n\n| variable | value |\n| --- | --- |\n"));
        let is_name = |written: &str| written.starts_with("${");
        for (written, meaning) in loggr_event::Template::variables() {
            if is_name(&written) == (start == "${") {
                out.push_str(&format!("| `{written}` | {meaning} |\n"));
            }
        }
    }
    out
}

#[test]
fn the_reference_of_templates_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/templates.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, templates()).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == templates(), "`{path}` is old: run `UPDATE=1 cargo test -p loggr config`");
}

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, reference()).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == reference(), "`{path}` is old: run `UPDATE=1 cargo test -p loggr config`");
}
