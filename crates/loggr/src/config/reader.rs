//! Reads one section of the file by the table of keys, and collects what is wrong.
//!
//! A wrong value is noted and replaced by its default, so that reading goes on and all
//! mistakes of a file are found at once. Asking for a key that the table does not have,
//! or for one without a default as if it had one, is a bug and panics.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loggr_bus::binding::Binding;
use loggr_event::{DumpFormat, Template, TemplateError, is_timezone};
use loggr_filter::lang::Predicate;
use loggr_flow::packer::{FormatError, PRESETS, StartFormat, preset};
use loggr_net::{Address, Endpoint, NetError, Network};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Problem, choose, list, nearest, suggest};
use super::keys::{Key, Section, Takes};
use super::quantity::{parse_duration, parse_size, show_duration, show_size};
use super::types::Trust;
use super::url::ServerUrl;

/// Longest name of a listener, machine or ship: it is part of routing keys and file names.
const MAX_NAME_BYTES: usize = 64;
/// Longest name of an exchange or a queue.
const MAX_BUS_NAME_BYTES: usize = 128;
/// Longest name of a user or group (utmp's limit).
const MAX_ACCOUNT_BYTES: usize = 32;
/// Entries of one list, at most.
const MAX_LIST: usize = 1024;
/// All the permission bits that may be given.
const MAX_MODE: u32 = 0o777;

type Value<'t> = Spanned<DeValue<'t>>;

/// A problem that has no place yet: it is the value's own unless it says another.
struct Wrong {
    message: String,
    help: Option<String>,
    span: Option<Range<usize>>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Wrong { message, help: None, span: None }
    }
}

impl From<NetError> for Wrong {
    fn from(error: NetError) -> Self {
        Wrong { help: error.hint().map(str::to_owned), ..Wrong::from(error.to_string()) }
    }
}

impl Wrong {
    fn help(self, help: impl Into<String>) -> Wrong {
        Wrong { help: Some(help.into()), ..self }
    }

    fn at(self, span: Range<usize>) -> Wrong {
        Wrong { span: self.span.or(Some(span)), ..self }
    }
}

type Read<T> = Result<T, Wrong>;

/// One section while it is read.
pub struct Reader<'r, 't> {
    section: &'static Section,
    /// How this one is called in messages: `[[listener]]`, `[ship.archive]`.
    title: String,
    table: Option<&'r DeTable<'t>>,
    /// The place of its header.
    place: Option<Range<usize>>,
    problems: &'r mut Vec<Problem>,
    failed: Vec<&'static str>,
}

/// Where the values of a section stand, for problems that are found later.
#[derive(Clone, Debug, Default)]
pub struct Places {
    header: Option<Range<usize>>,
    keys: HashMap<String, Range<usize>>,
}

impl Places {
    /// Where the key's value stands, or else the section's header.
    pub fn of(&self, key: &str) -> Option<Range<usize>> {
        self.keys.get(key).or(self.header.as_ref()).cloned()
    }
}

impl<'r, 't> Reader<'r, 't> {
    /// A section as it stands in the file, or one that does not stand there.
    pub fn new(
        section: &'static Section,
        title: String,
        table: Option<&'r DeTable<'t>>,
        place: Option<Range<usize>>,
        problems: &'r mut Vec<Problem>,
    ) -> Self {
        Reader { section, title, table, place, problems, failed: Vec::new() }
    }

    /// Notes every key that the section does not have, or not in this version.
    pub fn check_keys(&mut self) {
        // Of a kind that a later version brings the keys are not known.
        if self.table.into_iter().flatten().any(|(name, value)| self.is_later_word(name.get_ref(), value)) {
            return;
        }
        for (name, value) in self.table.into_iter().flatten() {
            match self.section.key(name.get_ref()) {
                None => {
                    let words: Vec<&str> = self
                        .section
                        .keys
                        .iter()
                        .filter(|k| !matches!(k.takes, Takes::Later | Takes::Elsewhere(_)))
                        .map(|k| k.name)
                        .collect();
                    let message = format!("unknown key `{}` in `{}`", name.get_ref(), self.title);
                    self.note(Some(name.span()), message, suggest(name.get_ref(), &words));
                }
                Some(key) => match key.takes {
                    Takes::Later => self.note(
                        Some(name.span()),
                        format!("`{}` of `{}` is not supported by this version", key.name, self.title),
                        None,
                    ),
                    Takes::Elsewhere(instead) if !is_empty(value.get_ref()) => self.note(
                        Some(name.span()),
                        format!("`{}` has no place in `{}`", key.name, self.title),
                        Some(instead.to_owned()),
                    ),
                    _ => {}
                },
            }
        }
    }

    fn is_later_word(&self, name: &str, value: &Value<'_>) -> bool {
        match self.section.key(name).map(|key| key.takes) {
            Some(Takes::Choice(_, later)) => {
                value.get_ref().as_str().is_some_and(|word| later.contains(&word))
            }
            _ => false,
        }
    }

    /// Notes every key that does not belong to this protocol or kind.
    pub fn check_only(&mut self, what: &str, word: &str) {
        for (name, _) in self.table.into_iter().flatten() {
            let Some(key) = self.section.key(name.get_ref()) else { continue };
            if !key.only.is_empty() && !key.only.contains(&word) {
                let message = format!("`{}` means nothing for {what} `{word}`", key.name);
                let help = format!("it belongs to {}", list(key.only));
                self.note(Some(name.span()), message, Some(help));
            }
        }
    }

    /// Notes a problem with the value of a key.
    pub fn blame(&mut self, key: &str, message: String, help: Option<String>) {
        let span = self.places().of(key);
        self.note(span, message, help);
    }

    /// Does the key stand in the file?
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Was the value of the key refused?
    pub fn failed(&self, key: &str) -> bool {
        self.failed.contains(&key)
    }

    /// Where everything stands.
    pub fn places(&self) -> Places {
        let keys =
            self.table.into_iter().flatten().map(|(k, v)| (k.get_ref().to_string(), v.span())).collect();
        Places { header: self.place.clone(), keys }
    }

    /// A word of the key's choice; nothing if it stands wrong or not at all.
    pub fn choice(&mut self, key: &'static str) -> Option<&'static str> {
        self.read(key, |key, value| {
            let Takes::Choice(now, later) = key.takes else { panic!("BUG: `{}` is no choice", key.name) };
            let word = text(value)?;
            if let Some(found) = now.iter().find(|known| **known == word) {
                return Ok(*found);
            }
            if later.contains(&word) {
                let wrong = Wrong::from(format!("`{}` `{word}` is not supported by this version", key.name));
                return Err(wrong.help(choose(now)));
            }
            let mut wrong = Wrong::from(format!("`{word}` is no `{}`", key.name));
            wrong.help = match nearest(word, now.iter().copied()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(choose(now)),
            };
            Err(wrong)
        })
    }

    /// `true` or `false`.
    pub fn bool(&mut self, key: &'static str) -> bool {
        let read = self.read(key, |_, value| {
            value.get_ref().as_bool().ok_or_else(|| expected("`true` or `false`", value))
        });
        defaulted(read)
    }

    /// A number.
    pub fn count(&mut self, key: &'static str) -> usize {
        let read = self.read(key, |key, value| {
            let Takes::Count(from, to) = key.takes else { panic!("BUG: `{}` is no number", key.name) };
            let number = value.get_ref().as_integer().ok_or_else(|| expected("a number", value))?;
            match integer(value).filter(|n| (from..=to).contains(n)) {
                Some(n) => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
                None => Err(format!("{number} is not between {from} and {to}").into()),
            }
        });
        defaulted(read)
    }

    /// A number of bytes, if there is one.
    pub fn size_if_any(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, |key, value| {
            let Takes::Size(from, to) = key.takes else { panic!("BUG: `{}` is no size", key.name) };
            let (bytes, shown) = match value.get_ref() {
                DeValue::String(text) => (Some(parse_size(text)?), text.to_string()),
                DeValue::Integer(number) => (integer(value), number.to_string()),
                _ => return Err(expected("a size such as `\"64KiB\"`", value)),
            };
            bytes.filter(|n| (from..=to).contains(n)).ok_or_else(|| {
                format!("{shown} is not between {} and {}", show_size(from), show_size(to)).into()
            })
        })
    }

    /// A number of bytes.
    pub fn size(&mut self, key: &'static str) -> u64 {
        defaulted(self.size_if_any(key))
    }

    /// A duration, if there is one.
    pub fn duration_if_any(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, |key, value| {
            let Takes::Duration(from, to) = key.takes else { panic!("BUG: `{}` is no duration", key.name) };
            let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
            let text = match value.get_ref() {
                DeValue::String(text) => text,
                DeValue::Integer(n) => {
                    let wrong =
                        Wrong::from(format!("`{n}` has no unit, one of `ms`, `s`, `m`, `h`, `d`, `w`"));
                    return Err(wrong.help(format!("write `\"{n}s\"` for seconds")));
                }
                _ => return Err(expected("a duration such as `\"10s\"`", value)),
            };
            match parse_duration(text)? {
                d if (from..=to).contains(&d) => Ok(d),
                d => {
                    let shown = [d, from, to].map(show_duration);
                    Err(format!("{} is not between {} and {}", shown[0], shown[1], shown[2]).into())
                }
            }
        })
    }

    /// A duration.
    pub fn duration(&mut self, key: &'static str) -> Duration {
        defaulted(self.duration_if_any(key))
    }

    /// The name of a listener or a ship, if there is one.
    pub fn name_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| Ok(check_name(text(value)?).map(str::to_owned)?))
    }

    /// A name.
    pub fn name(&mut self, key: &'static str) -> String {
        defaulted(self.name_if_any(key))
    }

    /// A name; an empty one is as good as none.
    pub fn name_unless_empty(&mut self, key: &'static str) -> Option<String> {
        let read = self.read(key, |_, value| {
            let name = text(value)?;
            match name.is_empty() {
                true => Ok(String::new()),
                false => Ok(check_name(name)?.to_owned()),
            }
        });
        read.filter(|name| !name.is_empty())
    }

    /// The name of an exchange or a queue, if there is one.
    pub fn bus_name_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| {
            let name = text(value)?;
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if name.is_empty()
                || name.len() > MAX_BUS_NAME_BYTES
                || name.starts_with('.')
                || !name.chars().all(good)
            {
                let help = format!(
                    "letters, digits, `-`, `_` and `.`, not beginning with `.`, at most {MAX_BUS_NAME_BYTES}"
                );
                return Err(
                    Wrong::from(format!("`{name}` cannot be the name of an exchange or queue")).help(help)
                );
            }
            Ok(name.to_owned())
        })
    }

    /// The name of an exchange.
    pub fn bus_name(&mut self, key: &'static str) -> String {
        defaulted(self.bus_name_if_any(key))
    }

    /// A binding key.
    pub fn binding(&mut self, key: &'static str) -> String {
        let read = self.read(key, |_, value| {
            let key = text(value)?;
            match Binding::parse(key) {
                Ok(_) if key.is_empty() => {
                    Err(Wrong::from("the binding is empty and takes nothing".to_owned())
                        .help("`#` takes everything"))
                }
                Ok(_) => Ok(key.to_owned()),
                Err(error) => Err(error.to_string().into()),
            }
        });
        defaulted(read)
    }

    /// A path, relative to `base`, if there is one.
    pub fn path_if_any(&mut self, key: &'static str, base: &Path) -> Option<PathBuf> {
        self.read(key, |_, value| path(text(value)?, base))
    }

    /// Where a server is, if it is said; a scheme and the port it has without one.
    pub fn url_if_any(&mut self, key: &'static str, schemes: &[(&str, u16)]) -> Option<ServerUrl> {
        self.read(key, |_, value| Ok(ServerUrl::parse(text(value)?, schemes)?))
    }

    /// Where servers are, at least one, if it is said.
    pub fn urls_if_any(&mut self, key: &'static str, schemes: &[(&str, u16)]) -> Option<Vec<ServerUrl>> {
        self.read(key, |_, value| {
            one_or_more(value, "a URL or a list of them", |item| Ok(ServerUrl::parse(text(item)?, schemes)?))
        })
    }

    /// The name of a user or group, if there is one. Whether it exists is another question.
    pub fn account_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| {
            let name = text(value)?;
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$');
            match name.len() {
                1..=MAX_ACCOUNT_BYTES if name.bytes().all(good) && !name.starts_with('-') => {
                    Ok(name.to_owned())
                }
                _ => Err(Wrong::from(format!("`{name}` is not the name of a user or group"))),
            }
        })
    }

    /// Permission bits.
    pub fn mode(&mut self, key: &'static str) -> u32 {
        let read = self.read(key, |_, value| {
            let octal = "octal permission bits such as `\"0640\"` or `0o640`";
            let digits = match value.get_ref() {
                DeValue::String(text) => text.strip_prefix("0o").unwrap_or(text),
                DeValue::Integer(n) if n.radix() == 8 => n.as_str(),
                _ => return Err(expected(octal, value)),
            };
            u32::from_str_radix(digits, 8)
                .ok()
                .filter(|mode| *mode <= MAX_MODE && !digits.starts_with('+'))
                .ok_or_else(|| Wrong::from(format!("`{digits}` is not {octal}, at most `0777`")))
        });
        defaulted(read)
    }

    /// Addresses, at least one.
    pub fn addresses(&mut self, key: &'static str) -> Vec<Address> {
        let read = self.read(key, |_, value| {
            one_or_more(value, "an address such as `\"127.0.0.1:1514\"` or a list of them", |item| {
                Ok(Address::parse(text(item)?)?)
            })
        });
        defaulted(read)
    }

    /// Paths of sockets, at least one, if there are any.
    pub fn sockets_if_any(&mut self, key: &'static str, base: &Path) -> Option<Vec<Endpoint>> {
        self.read(key, |_, value| {
            one_or_more(value, "the path of a socket or a list of them", |item| {
                path(text(item)?, base).map(Endpoint::Path)
            })
        })
    }

    /// Addresses to listen on, at least one, if there are any.
    pub fn endpoints_if_any(&mut self, key: &'static str) -> Option<Vec<Endpoint>> {
        self.read(key, |_, value| {
            one_or_more(value, "an address such as `\"127.0.0.1:1514\"` or a list of them", |item| {
                Ok(Endpoint::Net(Address::parse(text(item)?)?))
            })
        })
    }

    /// Networks.
    pub fn networks(&mut self, key: &'static str) -> Vec<Network> {
        defaulted(self.read(key, |_, value| networks(value)))
    }

    /// Whom to trust.
    pub fn trust(&mut self, key: &'static str) -> Trust {
        let read = self.read(key, |_, value| match value.get_ref() {
            DeValue::Boolean(true) => Ok(Trust::Everybody),
            DeValue::Boolean(false) => Ok(Trust::Nobody),
            DeValue::Array(_) => networks(value).map(Trust::Networks),
            _ => Err(expected("`true`, `false` or a list of networks", value)),
        });
        defaulted(read)
    }

    /// A time zone; `local` is this host's.
    pub fn zone(&mut self, key: &'static str) -> String {
        let read = self.read(key, |_, value| match text(value)? {
            "local" => Ok(local_zone()),
            zone if !zone.is_empty() && is_timezone(zone) => Ok(zone.to_owned()),
            zone => {
                let known = jiff::tz::TimeZoneDatabase::bundled();
                let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
                let near = nearest(zone, names.iter().map(String::as_str));
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.unwrap_or_else(|| "a name such as `Europe/Berlin`, or `local`".to_owned());
                Err(Wrong::from(format!("`{zone}` is no time zone")).help(help))
            }
        });
        defaulted(read)
    }

    /// The template of a path.
    pub fn path_template(&mut self, key: &'static str) -> String {
        let read = self.read(key, |_, value| {
            let template = text(value)?;
            if template.is_empty() || template.starts_with('/') || template.ends_with('/') {
                return Err(format!("`{template}` is not the path of a file below `directory`").into());
            }
            if template.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err("`..`, `.` and empty parts are not allowed in the path".to_owned().into());
            }
            let parsed = Template::parse_path(template);
            parsed.map_err(|e| template_error(e, Template::translate_path(template)))?;
            Ok(template.to_owned())
        });
        defaulted(read)
    }

    /// The name of a dump format, or a template.
    pub fn line_format(&mut self, key: &'static str) -> String {
        let read = self.read(key, |_, value| {
            let format = text(value)?;
            let parsed = DumpFormat::parse(format);
            parsed.map_err(|e| template_error(e, Template::translate_line(format)))?;
            Ok(format.to_owned())
        });
        defaulted(read)
    }

    /// Names.
    pub fn names(&mut self, key: &'static str) -> Vec<String> {
        let read = self.read(key, |_, value| {
            if value.get_ref().is_str() {
                return Err(expected("a list of names", value).help("put it between `[` and `]`"));
            }
            many(value, |item| Ok(check_name(text(item)?)?.to_owned()))
        });
        defaulted(read)
    }

    /// Formats of a first line, at least one, if there are any.
    pub fn start_formats_if_any(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, |_, value| {
            one_or_more(value, "a format such as `\"$DATETIME $MESSAGE\"` or a list of them", |item| {
                let format = text(item)?;
                match StartFormat::parse(format) {
                    Ok(_) => Ok(format.to_owned()),
                    Err(FormatError { message, hint, .. }) => Err(Wrong { message, help: hint, span: None }),
                }
            })
        })
    }

    /// Presets of packers, at least one, if there are any.
    pub fn presets_if_any(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, |_, value| {
            one_or_more(value, "a preset such as `\"java\"` or a list of them", |item| {
                let name = text(item)?;
                if preset(name).is_some() {
                    return Ok(name.to_owned());
                }
                let known = PRESETS.map(|language| language.name);
                let wrong = Wrong::from(format!("there is no preset `{name}`"));
                Err(match nearest(name, known) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong.help(choose(&known)),
                })
            })
        })
    }

    /// A condition of the filter language, if there is one.
    pub fn condition_if_any(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |_, value| {
            let condition = text(value)?;
            match Predicate::compile(key, condition) {
                Ok(_) => Ok(condition.to_owned()),
                Err(errors) => {
                    let (message, help) = match errors.errors() {
                        [first, ..] => (first.message.clone(), first.hint.clone()),
                        [] => (errors.to_string(), None),
                    };
                    Err(Wrong { message, help, span: None })
                }
            }
        })
    }

    /// A text of rules of its own, if there is one. `parse` says what is wrong with it.
    pub fn parsed_if_any<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(key, |_, value| Ok(parse(text(value)?)?))
    }

    /// The same where the table has a default.
    pub fn parsed<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        defaulted(self.parsed_if_any(key, parse))
    }

    /// A list of such texts.
    pub fn all_parsed<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        defaulted(self.read(key, |_, value| many(value, |item| Ok(parse(text(item)?)?))))
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&'static Key, &Value<'_>) -> Read<T>,
    ) -> Option<T> {
        let Some(key) = self.section.key(name) else { panic!("BUG: `{name}` is not in the table of keys") };
        if let Some(value) = self.table.and_then(|table| table.get(name)) {
            match convert(key, value) {
                Ok(read) => return Some(read),
                Err(wrong) => {
                    self.failed.push(name);
                    self.note(wrong.span.or(Some(value.span())), wrong.message, wrong.help);
                }
            }
        }
        if key.default.is_empty() {
            return None;
        }
        let default = DeValue::parse(key.default).ok().and_then(|value| convert(key, &value).ok());
        Some(default.unwrap_or_else(|| panic!("BUG: the default of `{name}` is refused")))
    }

    fn note(&mut self, span: Option<Range<usize>>, message: String, help: Option<String>) {
        self.problems.push(Problem { span, message, help });
    }
}

/// Can this be the name of a listener, a machine or a ship?
pub fn check_name(name: &str) -> Result<&str, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    match name.len() {
        1..=MAX_NAME_BYTES if name.bytes().all(good) => Ok(name),
        _ => Err(format!(
            "`{name}` is no name: letters, digits, `-` and `_` are allowed, at most {MAX_NAME_BYTES}"
        )),
    }
}

/// The value read, or the default that the table has.
fn defaulted<T>(read: Option<T>) -> T {
    read.expect("BUG: the key has no default in the table")
}

fn expected(what: &str, value: &Value<'_>) -> Wrong {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Wrong::from(format!("{found} where {what} belongs")).at(value.span())
}

fn text<'v>(value: &'v Value<'_>) -> Read<&'v str> {
    value.get_ref().as_str().ok_or_else(|| expected("a string", value))
}

fn integer(value: &Value<'_>) -> Option<u64> {
    value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok())
}

fn is_empty(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(text) => text.is_empty(),
        DeValue::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn path(text: &str, base: &Path) -> Read<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        return Err(format!("`{text}` is not a path").into());
    }
    if text == "~" || text.starts_with("~/") {
        return Err(Wrong::from(format!("`{text}`: only a shell knows `~`")).help("write the whole path"));
    }
    Ok(base.join(text))
}

fn one_or_more<T>(value: &Value<'_>, what: &str, item: impl Fn(&Value<'_>) -> Read<T>) -> Read<Vec<T>> {
    match value.get_ref() {
        DeValue::String(_) => Ok(vec![item(value)?]),
        DeValue::Array(items) if items.is_empty() => Err("the list is empty".to_owned().into()),
        DeValue::Array(_) => many(value, item),
        _ => Err(expected(what, value)),
    }
}

fn many<T>(value: &Value<'_>, item: impl Fn(&Value<'_>) -> Read<T>) -> Read<Vec<T>> {
    let items = value.get_ref().as_array().ok_or_else(|| expected("a list", value))?;
    if items.len() > MAX_LIST {
        return Err(format!("{} entries are too many, {MAX_LIST} may be", items.len()).into());
    }
    items.iter().map(|entry| item(entry).map_err(|wrong| wrong.at(entry.span()))).collect()
}

fn networks(value: &Value<'_>) -> Read<Vec<Network>> {
    if value.get_ref().is_str() {
        return Err(expected("a list of networks", value).help("put it between `[` and `]`"));
    }
    many(value, |item| Ok(Network::parse(text(item)?)?))
}

fn template_error(error: TemplateError, meant: Option<String>) -> Wrong {
    let wrong = Wrong::from(error.to_string());
    match meant {
        Some(meant) => wrong.help(format!("write `{meant}`")),
        None => wrong,
    }
}

/// The IANA name of this host's zone; `UTC` where it cannot be told.
fn local_zone() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.iana_name().filter(|name| is_timezone(name)).unwrap_or("UTC").to_owned()
}
