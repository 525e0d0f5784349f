//! The reference of the configuration file, written from the table of keys.
//!
//! Only text: `docs/reference/configuration.md` is what comes out, and a test says when
//! it is not.

use super::DEFAULT_TEXT;
use super::keys::{Key, SECTIONS, Section, Takes};
use super::quantity::{show_duration, show_size};

const INTRODUCTION: &str = "\
# Configuration

<!-- Written from the table in crates/loggr/src/config/keys.rs by `UPDATE=1 cargo test -p loggr config`. -->

One TOML file, `loggr.toml`; everything in it is optional. `loggr check` shows every mistake in
it, `loggr config` prints the default with comments.

## Which file, which directories

The file is the first of these:

1. `--config FILE`;
2. `$LOGGR_CONFIG_DIR/loggr.toml`, when the variable is set;
3. `/etc/loggr/loggr.toml`, when it exists;
4. none: the built-in [default](#the-default).

The data directory is the first of these:

1. `--data-dir DIR`;
2. `$LOGGR_DATA_DIR`;
3. `directory` of `[data]`;
4. `/var/lib/loggr` for root, else `$XDG_DATA_HOME/loggr`, else `~/.local/share/loggr`.

Relative paths on the command line and in variables begin where loggr was started. In the file,
`directory` of `[data]`, certificates and files with secrets begin where the file lies, and every
other path begins in the data directory.

## How values are written

- A duration is a string with units: `\"500ms\"`, `\"10s\"`, `\"1h30m\"`, `\"90d\"`; the units are `ms`, `s`,
  `m`, `h`, `d`, `w`. There is always a unit.
- A size is a string with a unit, `\"64KiB\"` or `\"20GB\"`, or a number of bytes. `KiB`, `MiB`, `GiB`, `TiB`
  are powers of 1024; `KB`, `MB`, `GB`, `TB` powers of 1000.
- An address is `\"HOST:PORT\"`, `\"[IPV6]:PORT\"`, or `\":PORT\"` for all addresses of the host.
- A network is `\"10.0.0.0/8\"`, `\"2001:db8::/32\"`, or a single address.
- Permission bits are octal: `\"0640\"` or `0o640`.
- A name of a listener, packer, machine or ship is letters, digits, `-` and `_`, at most 64; of an exchange or
  queue also `.`, at most 128.

An unknown key or section is an error, and so is an exchange that events are published to and no queue
is bound to: what cannot be routed would be lost.
";

/// The whole reference as Markdown.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    for section in SECTIONS.iter().filter(|s| !s.is_later()) {
        out.push_str(&format!("\n## `{}`\n\n{}\n\n", section.header(), section.about));
        out.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for key in section.keys.iter().filter(|k| !matches!(k.takes, Takes::Later | Takes::Elsewhere(_))) {
            out.push_str(&row(key));
        }
    }
    out.push_str("\n## Not in this version\n\nThese are known and answered with \"is not supported by this version\":\n\n");
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
        Takes::Elsewhere(_) => "nothing".to_owned(),
        Takes::Text(what) => (*what).to_owned(),
        Takes::Texts(what) => format!("list of {what}s"),
        Takes::Later => "later".to_owned(),
    }
}

/// What of a section a later version brings.
fn later(section: &Section) -> String {
    let mut parts = Vec::new();
    if section.is_later() {
        parts.push("the whole section".to_owned());
    }
    for key in section.keys {
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

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, reference()).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == reference(), "`{path}` is old: run `UPDATE=1 cargo test -p loggr config`");
}
