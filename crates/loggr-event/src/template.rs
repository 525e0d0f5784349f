//! Templates: text with `$WORDS` and `${names}`, from which a line or a path is made for each
//! event.
//!
//! Variables as other programs write them are refused, and the error names the variable of loggr
//! (`foreign`). A template that is a JSON object once its variables are filled in always gives
//! valid JSON, whatever the values are (`json_template`).
//!
//! A `$WORD` in capitals is meant for lines; its times are those at which the sender reported the
//! event:
//!
//! | word | value |
//! |---|---|
//! | `$DATE` | `2026-11-22`, of timereported |
//! | `$DATETIME` | RFC 3339 with microseconds, of timereported |
//! | `$TIMEGENERATED` | the same, of timegenerated |
//! | `$MESSAGE` `$SOURCE` `$APP_NAME` `$PROCID` `$MSGID` `$PROGRAMNAME` `$SYSLOGTAG` | as the event has it |
//! | `$SEVERITY` `$FACILITY` | keyword |
//! | `$PRIORITY` | number |
//! | `$UUID`, `$UID` | the uid |
//! | `$TAGS` | joined by commas |
//! | `$PEER`, `$LISTENER` | where the line came from |
//! | `$EPOCH`, `$EPOCH_MS` | number, of timereported |
//! | `$BSD_TIME` | `Nov 22 09:01:07`, of timereported |
//! | `$FIELDS`, `$STRUCTURED_DATA`, `$TAG_LIST` | JSON: as it stands in the place of a JSON value, and as a text elsewhere |
//!
//! A `${name}` is a core field by its name (`${source}`, `${app_name}`, …), a part of the
//! time of **reception** (`${date}`, `${year}`, `${month}`, `${day}`, `${hour}`, `${minute}`;
//! a device with a wrong clock must not make files), or else the custom field of that name:
//! its values joined by commas, nothing where it is not set. `$$` is a dollar sign.
//!
//! Control characters of values are escaped (`#012`), so that one event is one line.

mod words;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::foreign::{self, Use};
use crate::json_template::{self, Place};
use crate::timestamp::MAX_RFC3339_BYTES;
use crate::{Event, Timestamp, escape, json};
use words::{Core, DOLLAR_WORDS, NAMES, WORDS};

/// Length of `Nov 22 09:01:07`.
const BSD_BYTES: usize = 15;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// For a template of JSON: for each variable, where in the JSON text it stands.
    json: Option<Vec<Place>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Core(Core),
    Custom(String),
}

/// Why a text is no template or format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub(crate) offset: usize,
    pub(crate) word: String,
    pub(crate) problem: &'static str,
    pub(crate) suggestion: Option<&'static str>,
}

impl TemplateError {
    /// Offset in bytes of the mistake.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The word that was probably meant, as it must be written.
    pub fn suggestion(&self) -> Option<&'static str> {
        self.suggestion
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` at byte {}", self.problem, self.word, self.offset)?;
        match self.suggestion {
            Some(word) => write!(f, ", did you mean `{word}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The candidate nearest to a word, if it is near enough to be a slip.
pub(crate) fn nearest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    candidates
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_ascii_lowercase()), c))
        .filter(|(distance, c)| *distance <= 2.min(c.len() / 2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text)
    }
}

impl Template {
    /// Reads a template.
    ///
    /// ```
    /// use loggr_event::{Event, Template};
    /// let template = Template::parse("${source}: $MESSAGE").unwrap();
    /// let event = Event { source: "web01".into(), message: "hi".into(), ..Event::default() };
    /// let mut out = Vec::new();
    /// template.render(&event, &mut out);
    /// assert_eq!(out, b"web01: hi");
    /// ```
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse_for(text, Use::Line)
    }

    /// Reads the template of a path. Text that another program would take for a variable is refused
    /// here even where a line may hold it.
    pub fn parse_path(text: &str) -> Result<Template, TemplateError> {
        Template::parse_for(text, Use::Path)
    }

    /// Rewrites a path with another program's variables with those of loggr, where they are known.
    pub fn translate_path(text: &str) -> Option<String> {
        foreign::translate(text, Use::Path)
    }

    /// The variable of a path that a name means: other programs use the name, or one that is nearly
    /// the same.
    pub fn translate_name(name: &str) -> Option<&'static str> {
        foreign::ours_nearly(name, Use::Path)
    }

    /// Rewrites a line with another program's variables, like [`Template::translate_path`].
    pub fn translate_line(text: &str) -> Option<String> {
        foreign::translate(text, Use::Line)
    }

    fn parse_for(text: &str, what_for: Use) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        if let Some(found) = foreign::find(text, what_for) {
            let (word, problem) = (found.word.to_owned(), "another program's variable");
            return Err(TemplateError { offset: found.offset, word, problem, suggestion: found.ours });
        }
        while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
            let Some(dollar) = rest.find('$') else {
                literal.push_str(rest);
                break;
            };
            literal.push_str(&rest[..dollar]);
            let (part, len) = part(&rest[dollar + 1..], at + dollar, what_for)?;
            match part {
                Part::Text(text) => literal.push_str(&text),
                part => {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(part);
                }
            }
            at += dollar + 1 + len;
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let texts = parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Core(_) | Part::Custom(_) => None,
        });
        let json = json_template::places(texts);
        Ok(Template { parts, json })
    }

    /// The custom fields that the template uses.
    pub fn custom_fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Custom(name) => Some(name.as_str()),
            Part::Text(_) | Part::Core(_) => None,
        })
    }

    /// All variables but custom fields, as they are written, with what they stand for; the words
    /// for lines come first.
    pub fn variables() -> impl Iterator<Item = (String, &'static str)> {
        let words = WORDS.iter().map(|(word, _, meaning)| (format!("${word}"), *meaning));
        words.chain(NAMES.iter().map(|(name, _, meaning)| (format!("${{{name}}}"), *meaning)))
    }

    /// Whether the template has a `$WORD` or `${name}`.
    pub fn has_variables(&self) -> bool {
        self.parts.iter().any(|p| !matches!(p, Part::Text(_)))
    }

    /// Appends the event as the template says, control characters of values escaped; in a
    /// template of JSON as JSON escapes them.
    pub fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Some(places) = &self.json else { return self.render_with(event, out, escape::write_escaped) };
        let mut places = places.iter().copied();
        for part in &self.parts {
            let mut place = || places.next().unwrap_or(Place::Value);
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Custom(name) => json_template::write(&join(event.field(name)), place(), out),
                Part::Core(core) => match place() {
                    Place::Value if core.is_json() => write_json(*core, event, out),
                    place => core_value(*core, event, |value| json_template::write(value, place, out)),
                },
            }
        }
    }

    /// Like [`Template::render`], but `write` writes each value; the template's own text is written
    /// as it is. `write` is called once for each variable, also for an empty value.
    pub fn render_with(
        &self,
        event: &Event<'_>,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&str, &mut Vec<u8>),
    ) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Custom(name) => write(&join(event.field(name)), out),
                Part::Core(core) => core_value(*core, event, |value| write(value, out)),
            }
        }
    }
}

/// What follows a dollar sign that stands at `offset`, and its length.
fn part(rest: &str, offset: usize, what_for: Use) -> Result<(Part, usize), TemplateError> {
    if rest.starts_with('$') {
        return Ok((Part::Text("$".to_owned()), 1));
    }
    if let Some(inner) = rest.strip_prefix('{') {
        let Some(len) = inner.find('}') else {
            let word = format!("${rest}");
            return Err(TemplateError { offset, word, problem: "no closing brace in", suggestion: None });
        };
        let name = &inner[..len];
        if name.is_empty() {
            return Err(TemplateError {
                offset,
                word: "${}".to_owned(),
                problem: "no name in",
                suggestion: None,
            });
        }
        let core = NAMES.iter().find(|(n, ..)| *n == name).map(|(_, core, _)| Part::Core(*core));
        return Ok((core.unwrap_or_else(|| Part::Custom(name.to_owned())), len + 2));
    }
    let len = rest.bytes().position(|b| !b.is_ascii_alphabetic() && b != b'_').unwrap_or(rest.len());
    let word = &rest[..len];
    if word.is_empty() {
        return Ok((Part::Text("$".to_owned()), 0));
    }
    if let Some((_, core, _)) = WORDS.iter().find(|(w, ..)| *w == word) {
        return Ok((Part::Core(*core), len));
    }
    let suggestion =
        foreign::ours(word, what_for).or_else(|| nearest(&format!("${word}"), DOLLAR_WORDS.into_iter()));
    Err(TemplateError { offset, word: format!("${word}"), problem: "unknown variable", suggestion })
}

fn join<'v>(values: &'v [Cow<'_, str>]) -> Cow<'v, str> {
    match values {
        [] => Cow::Borrowed(""),
        [one] => Cow::Borrowed(one.as_ref()),
        several => Cow::Owned(several.join(",")),
    }
}

fn core_value(core: Core, event: &Event<'_>, mut write: impl FnMut(&str)) {
    let generated = event.timegenerated;
    match core {
        Core::ReportedDate => stamp_part(event.timereported, 0..10, write),
        Core::Reported => stamp_part(event.timereported, 0..MAX_RFC3339_BYTES, write),
        Core::Generated => stamp_part(generated, 0..MAX_RFC3339_BYTES, write),
        Core::Date => stamp_part(generated, 0..10, write),
        Core::Year => stamp_part(generated, 0..4, write),
        Core::Month => stamp_part(generated, 5..7, write),
        Core::Day => stamp_part(generated, 8..10, write),
        Core::Hour => stamp_part(generated, 11..13, write),
        Core::Minute => stamp_part(generated, 14..16, write),
        Core::Message => write(&event.message),
        Core::Source => write(&event.source),
        Core::AppName => write(&event.app_name),
        Core::Procid => write(&event.procid),
        Core::Msgid => write(&event.msgid),
        Core::ProgramName => write(event.programname()),
        Core::SyslogTag => write(&event.syslogtag()),
        Core::Severity => write(event.severity.keyword()),
        Core::Facility => write(event.facility.keyword()),
        Core::Priority => {
            let value = event.priority();
            let digits = [b'0' + value / 100, b'0' + value / 10 % 10, b'0' + value % 10];
            let skip = usize::from(value < 100) + usize::from(value < 10);
            write(std::str::from_utf8(&digits[skip..]).expect("BUG: digits are ASCII"));
        }
        Core::Uid => write(event.uid.write_hyphenated(&mut [0; 36])),
        Core::Tags => write(&join(&event.tags)),
        Core::Peer => write(event.origin.as_ref().map_or("", |o| o.peer_host())),
        Core::Listener => write(event.origin.as_ref().map_or("", |o| &o.listener)),
        Core::Epoch => write(&event.timereported.unix_micros().div_euclid(1_000_000).to_string()),
        Core::EpochMillis => write(&event.timereported.unix_micros().div_euclid(1000).to_string()),
        Core::Bsd => {
            let mut text = Vec::with_capacity(BSD_BYTES);
            event.timereported.write_rfc3164(&mut text);
            write(std::str::from_utf8(&text).expect("BUG: a stamp is ASCII"));
        }
        Core::Fields | Core::StructuredData | Core::TagList => {
            let mut text = Vec::new();
            write_json(core, event, &mut text);
            write(std::str::from_utf8(&text).expect("BUG: JSON of texts is text"));
        }
    }
}

/// Appends the value of a variable that is JSON.
fn write_json(core: Core, event: &Event<'_>, out: &mut Vec<u8>) {
    match core {
        Core::StructuredData => json::write_structured_data(&event.structured_data, out),
        Core::TagList => json::write_list(event.tags.iter().map(AsRef::as_ref), out),
        _ => json::write_fields(&event.fields, out),
    }
}

/// Some characters of the RFC 3339 form.
fn stamp_part(stamp: Timestamp, range: std::ops::Range<usize>, mut write: impl FnMut(&str)) {
    let mut buffer = [0u8; MAX_RFC3339_BYTES];
    let text = stamp.format_rfc3339(&mut buffer);
    let part = text.get(range.start..range.end.min(text.len())).unwrap_or_default();
    write(std::str::from_utf8(part).expect("BUG: a stamp is ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Severity, Uid};

    fn event() -> Event<'static> {
        let mut event = Event {
            uid: Uid::from_bytes([0x11; 16]),
            timereported: Timestamp::with_offset(1_795_341_600_000_000, 60),
            timegenerated: Timestamp::from_unix_micros(1_795_428_000_000_000),
            severity: Severity::Error,
            source: "web01".into(),
            app_name: "sshd".into(),
            procid: "42".into(),
            message: "two\nlines".into(),
            origin: Some(Cow::Owned(Origin { peer: "10.0.0.1:514".into(), ..Origin::default() })),
            ..Event::default()
        };
        event.add_tag("b");
        event.add_tag("a");
        event.add_field_value("ip", "1.1.1.1");
        event.add_field_value("ip", "2.2.2.2");
        event
    }

    #[track_caller]
    fn check(template: &str, expect: &str) {
        let mut out = Vec::new();
        Template::parse(template).unwrap().render(&event(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect, "{template}");
    }

    #[test]
    fn rendering() {
        check(
            "$DATETIME $SOURCE $APP_NAME[$PROCID]: $MESSAGE",
            "2026-11-22T11:00:00.000000+01:00 web01 sshd[42]: two#012lines",
        );
        check("$DATE $UUID", "2026-11-22 11111111-1111-1111-1111-111111111111");
        check("$FACILITY.$SEVERITY=$PRIORITY $TAGS", "user.err=11 a,b");
        check("${source}/${app_name}/${date}.log", "web01/sshd/2026-11-23.log");
        check("${year}${month}${day}${hour}${minute}", "202611231000");
        check("${ip} ${none}|$SYSLOGTAG|$PEER", "1.1.1.1,2.2.2.2 |sshd[42]:|10.0.0.1");
        check("$$SOURCE costs $5 or 3$", "$SOURCE costs $5 or 3$");
        check("$EPOCH $EPOCH_MS $BSD_TIME", "1795341600 1795341600000 Nov 22 11:00:00");
        check("$FIELDS $TAG_LIST", "{\"ip\":[\"1.1.1.1\",\"2.2.2.2\"]} [\"a\",\"b\"]");
        check("", "");
    }

    #[track_caller]
    fn check_json(template: &str, message: &str, expect: &str) {
        let mut out = Vec::new();
        let event = Event { message: message.into(), ..event() };
        Template::parse(template).unwrap().render(&event, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect, "{template}");
    }

    #[test]
    fn a_template_of_json_gives_json_whatever_the_values_are() {
        let flat = "{\"h\":\"$SOURCE\",\"m\":\"$MESSAGE\"}";
        check_json(flat, "plain", "{\"h\":\"web01\",\"m\":\"plain\"}");
        check_json(
            flat,
            "say \"no\" \\ \n\t\u{1b}[0m é",
            "{\"h\":\"web01\",\"m\":\"say \\\"no\\\" \\\\ \\n\\t\\u001b[0m é\"}",
        );
        check_json("{\"m\": \"<$PRIORITY> ${message} end\"}", "\"", "{\"m\": \"<11> \\\" end\"}");
        check_json(
            "{\"m\":$MESSAGE,\"p\":$PRIORITY,\"t\":[${message}, null]}",
            "a\"b",
            "{\"m\":\"a\\\"b\",\"p\":11,\"t\":[\"a\\\"b\", null]}",
        );
        check_json("{\"n\":${message}}", "-1.5e3", "{\"n\":-1.5e3}");
        check_json("{\"n\":${message}}", "007", "{\"n\":\"007\"}");
        check_json("{\"n\":${message}}", "", "{\"n\":\"\"}");
        check_json(
            "{\"f\":$FIELDS,\"t\":$TAG_LIST,\"s\":$STRUCTURED_DATA,\"at\":$EPOCH}",
            "",
            "{\"f\":{\"ip\":[\"1.1.1.1\",\"2.2.2.2\"]},\"t\":[\"a\",\"b\"],\"s\":{},\"at\":1795341600}",
        );
        check_json("{\"t\":\"tags $TAG_LIST\"}", "", "{\"t\":\"tags [\\\"a\\\",\\\"b\\\"]\"}");
        check_json(" {\"$SOURCE\": {\"a\\\"$MESSAGE\": []}} ", "\"", " {\"web01\": {\"a\\\"\\\"\": []}} ");
        // Not JSON: as it was.
        check_json("{$SOURCE} $MESSAGE", "\"x\"\n", "{web01} \"x\"#012");
        check_json("{\"m\":\"$MESSAGE\"", "\"\n", "{\"m\":\"\"#012\"");
    }

    #[track_caller]
    fn check_path(template: &str, expect: &str) {
        assert_eq!(Template::parse_path(template).unwrap_err().to_string(), expect);
    }

    #[test]
    fn refusing_in_paths() {
        check_path(
            "%HOSTNAME%.log",
            "another program's variable `%HOSTNAME%` at byte 0, did you mean `${source}`?",
        );
        check_path("x/$host.log", "unknown variable `$host` at byte 2, did you mean `${source}`?");
        check_path("$program", "unknown variable `$program` at byte 0, did you mean `${app_name}`?");
        check_path("a$(date).log", "another program's variable `$(date)` at byte 1");
    }

    #[track_caller]
    fn check_refused(template: &str, expect: &str) {
        assert_eq!(Template::parse(template).unwrap_err().to_string(), expect);
    }

    #[test]
    fn refusing() {
        check_refused("a $MESAGE", "unknown variable `$MESAGE` at byte 2, did you mean `$MESSAGE`?");
        check_refused("$source", "unknown variable `$source` at byte 0, did you mean `$SOURCE`?");
        check_refused("$WHATEVER", "unknown variable `$WHATEVER` at byte 0");
        check_refused("x ${source", "no closing brace in `${source` at byte 2");
        check_refused("${}", "no name in `${}` at byte 0");
    }

    #[test]
    fn the_lists_of_words_agree() {
        assert!(
            WORDS.iter().zip(DOLLAR_WORDS).all(|((word, ..), dollar)| dollar.strip_prefix('$') == Some(word))
        );
    }

    #[test]
    fn values_pass_through_the_callers_hands() {
        let mut out = Vec::new();
        let template = Template::parse("/log/${source}/${date}").unwrap();
        let event = Event { source: "../etc".into(), ..event() };
        template.render_with(&event, &mut out, |value, out| out.extend(value.bytes().filter(|b| *b != b'/')));
        assert_eq!(out, b"/log/..etc/2026-11-23");
    }
}
