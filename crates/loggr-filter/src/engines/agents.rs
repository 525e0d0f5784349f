//! What ua-parser's data, built in or from a file, know about user agents.
//!
//! Which fields that becomes is decided in `useragent`. The data describe user agents by regular
//! expressions; the crate of ua-parser's own project applies them, and treats repetitions with a
//! limit of three digits, such as `.{0,100}`, as unlimited. The built-in data is compiled when it
//! is first needed and once for a process: a third of a second and 30 MB. Logs say the same few
//! user agents again and again, so the last ones are remembered.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use saphyr_parser::{Event, Parser, Span};
use ua_parser::{BuildError, Error, ParseError, device, os, user_agent};

use super::keyed::Keyed;

/// Bytes of a user agent that are looked at; the rest of a longer one is ignored.
pub const MAX_AGENT_BYTES: usize = 2048;
/// User agents that are remembered.
const MAX_RECENT_AGENTS: usize = 8192;

/// The built-in data, written by `scripts/user-agents.py`.
const BUILT_IN: &str = include_str!("../../data/regexes.yaml");

static KNOWN: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge::read(BUILT_IN).expect("BUG: the built-in data cannot be used"));

/// The data, compiled.
pub(super) struct Knowledge {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    devices: device::Extractor<'static>,
    recent: Keyed<Arc<Agent>>,
}

/// What the data say about one user agent.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Agent {
    pub browser: Named,
    pub os: Named,
    /// The family of the device.
    pub device: Option<String>,
    pub brand: Option<String>,
    pub model: Option<String>,
}

/// A family, and the parts of its version, from the major one.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Named {
    pub family: Option<String>,
    pub version: [Option<String>; 4],
}

impl Named {
    /// The first `most` parts of the version, up to one that is not known: `17.4.1`.
    pub fn dotted(&self, most: usize) -> Option<String> {
        let parts: Vec<&str> = self.version.iter().take(most).map_while(Option::as_deref).collect();
        (!parts.is_empty()).then(|| parts.join("."))
    }
}

impl Knowledge {
    /// The built-in data, compiled.
    pub fn built_in() -> &'static Knowledge {
        &KNOWN
    }

    /// From a text in the format of ua-parser's `regexes.yaml`.
    pub fn read(text: &str) -> Result<Knowledge, String> {
        let mut browsers = user_agent::Builder::new();
        let mut systems = os::Builder::new();
        let mut devices = device::Builder::new();
        let mut seen = [0; 3];
        for entry in entries(text)? {
            let wrong =
                |e: Error| format!("line {}: this expression cannot be used: {}", entry.line, told(&e));
            let regex = entry
                .get("regex")
                .ok_or_else(|| format!("line {}: this entry has no `regex`", entry.line))?;
            match entry.section.as_str() {
                "user_agent_parsers" => {
                    seen[0] += 1;
                    let parser = user_agent::Parser {
                        regex,
                        family_replacement: entry.get("family_replacement"),
                        v1_replacement: entry.get("v1_replacement"),
                        v2_replacement: entry.get("v2_replacement"),
                        v3_replacement: entry.get("v3_replacement"),
                        v4_replacement: entry.get("v4_replacement"),
                    };
                    browsers = browsers.push(parser).map_err(wrong)?;
                }
                "os_parsers" => {
                    seen[1] += 1;
                    let parser = os::Parser {
                        regex,
                        os_replacement: entry.get("os_replacement"),
                        os_v1_replacement: entry.get("os_v1_replacement"),
                        os_v2_replacement: entry.get("os_v2_replacement"),
                        os_v3_replacement: entry.get("os_v3_replacement"),
                        os_v4_replacement: entry.get("os_v4_replacement"),
                    };
                    systems = systems.push(parser).map_err(|e| wrong(e.into()))?;
                }
                "device_parsers" => {
                    seen[2] += 1;
                    let regex_flag = match entry.get("regex_flag").as_deref() {
                        None => None,
                        Some("i") => Some(device::Flag::IgnoreCase),
                        Some(other) => {
                            return Err(format!("line {}: there is no flag `{other}`", entry.line));
                        }
                    };
                    let parser = device::Parser {
                        regex,
                        regex_flag,
                        device_replacement: entry.get("device_replacement"),
                        brand_replacement: entry.get("brand_replacement"),
                        model_replacement: entry.get("model_replacement"),
                    };
                    devices = devices.push(parser).map_err(|e| wrong(e.into()))?;
                }
                // A newer format may have other keys; they are skipped.
                _ => {}
            }
        }
        for (count, section) in seen.iter().zip(["user_agent_parsers", "os_parsers", "device_parsers"]) {
            if *count == 0 {
                return Err(format!("the section `{section}` has no entry"));
            }
        }
        let built = |e: BuildError| told(&e.into());
        Ok(Knowledge {
            browsers: browsers.build().map_err(built)?,
            systems: systems.build().map_err(built)?,
            devices: devices.build().map_err(built)?,
            recent: Keyed::new(MAX_RECENT_AGENTS),
        })
    }

    /// What the data say about a user agent.
    pub fn of(&self, text: &str) -> Arc<Agent> {
        let text = text.get(..text.floor_char_boundary(MAX_AGENT_BYTES)).unwrap_or(text);
        let key = self.recent.key(std::iter::once(Some(text)));
        if let Some(agent) = self.recent.get(key, Arc::clone) {
            return agent;
        }
        // This is done without the lock: it takes a hundred times longer than finding a remembered
        // one.
        let agent = Arc::new(self.look_at(text));
        self.recent.with(key, || agent.clone(), |_| ());
        agent
    }

    fn look_at(&self, text: &str) -> Agent {
        let mut agent = Agent::default();
        let owned = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let part = |text: Option<&str>| text.and_then(owned);
        if let Some(found) = self.browsers.extract(text) {
            agent.browser.family = owned(&found.family);
            agent.browser.version = [found.major, found.minor, found.patch, found.patch_minor].map(part);
        }
        if let Some(found) = self.systems.extract(text) {
            agent.os.family = owned(&found.os);
            let version = [&found.major, &found.minor, &found.patch, &found.patch_minor];
            agent.os.version = version.map(|v| part(v.as_deref()));
        }
        if let Some(found) = self.devices.extract(text) {
            agent.device = owned(&found.device);
            agent.brand = part(found.brand.as_deref());
            agent.model = part(found.model.as_deref());
        }
        agent
    }
}

/// The message of an error of the crate, which itself prints them in the form of its types.
fn told(error: &Error) -> String {
    match error {
        Error::ParseError(ParseError::SyntaxError(text)) => {
            // The last line says what is wrong, those before it show where.
            let last = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
            last.trim().trim_start_matches("error: ").to_owned()
        }
        Error::ParseError(ParseError::RegexTooLarge(limit)) => {
            format!("compiled it has more than {limit} bytes")
        }
        Error::ParseError(ParseError::ProcessingError(_)) => "it cannot be searched for quickly".to_owned(),
        Error::BuildError(BuildError::PrefilterError(error)) => {
            format!("there are too many expressions: {error}")
        }
        Error::MissingGroup(group) => format!("it has no group {group}, which a replacement names"),
    }
}

/// One expression with what it stands for.
struct Entry {
    section: String,
    line: usize,
    pairs: Vec<(String, String)>,
}

impl Entry {
    fn get(&self, name: &str) -> Option<Cow<'static, str>> {
        let (_, value) = self.pairs.iter().find(|(n, _)| n == name)?;
        Some(Cow::Owned(value.clone()))
    }
}

/// Where in the format the reader is.
enum At {
    /// Before the outermost mapping.
    Top,
    /// In the outermost mapping; its next key begins a section.
    Sections,
    /// In a section, before its list.
    Section(String),
    /// In the list of a section.
    List(String),
    /// In an entry, before a name or, behind it, before its value.
    Entry(Entry, Option<String>),
}

/// Reads the format: a mapping of sections to lists, whose entries are mappings of names to texts.
/// Values are texts whatever they look like.
fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let mut out = Vec::new();
    let mut at = At::Top;
    for event in Parser::new_from_str(text) {
        let (event, span): (Event<'_>, Span) =
            event.map_err(|e| format!("line {}: {}", e.marker().line(), e.info()))?;
        let line = span.start.line();
        at = match (at, event) {
            (at, Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd) => at,
            (At::Top, Event::MappingStart(..)) => At::Sections,
            (At::Sections, Event::MappingEnd) => At::Top,
            (At::Sections, Event::Scalar(name, ..)) => At::Section(name.into_owned()),
            (At::Section(name), Event::SequenceStart(..)) => At::List(name),
            (At::List(_), Event::SequenceEnd) => At::Sections,
            (At::List(section), Event::MappingStart(..)) => {
                At::Entry(Entry { section, line, pairs: Vec::new() }, None)
            }
            (At::Entry(entry, None), Event::Scalar(name, ..)) => At::Entry(entry, Some(name.into_owned())),
            (At::Entry(mut entry, Some(name)), Event::Scalar(value, ..)) => {
                entry.pairs.push((name, value.into_owned()));
                At::Entry(entry, None)
            }
            (At::Entry(entry, None), Event::MappingEnd) => {
                let section = entry.section.clone();
                out.push(entry);
                At::List(section)
            }
            _ => return Err(format!("line {line}: this is not the format of ua-parser's `regexes.yaml`")),
        };
    }
    Ok(out)
}
