//! The event as one JSON object with the names of the Elastic Common Schema (ECS), for search servers that
//! speak the bulk interface of Elasticsearch.
//!
//! | name | value |
//! |---|---|
//! | `@timestamp` | timereported, RFC 3339 with microseconds |
//! | `message`, `tags` | as the event has them |
//! | `host.name` | source |
//! | `process.name`, `process.pid` | programname; procid where it is a number |
//! | `log.level` | the keyword of the severity, unless a custom field has this name |
//! | `log.syslog.priority`, `log.syslog.facility.code` and `.name`, `log.syslog.severity.code` and `.name` | numbers and keywords |
//! | `log.syslog.appname`, `log.syslog.procid`, `log.syslog.msgid` | text |
//! | `log.syslog.structured_data` | `{SD-ID: {name: value or list}}`; a dot in a name is written as `_` |
//! | `log.source.address` | the peer |
//! | `event.id`, `event.created` | uid, timegenerated |
//! | `event.original` | the received bytes, if kept; what is not UTF-8 is replaced |
//! | `loggr.listener`, `loggr.transport`, `loggr.tls_name`, `loggr.trusted`, `loggr.defects`, `loggr.raw` (base64), `loggr.original_len`, `loggr.hmac`, `loggr.timehmac` | what has no name in ECS |
//! | any other | a custom field, its dots read as levels |
//! | `labels.NAME` | a custom field whose name is taken by something else, or that no server would take |
//!
//! A text that is empty is left out. A field with several values is a list. Invariant: no name stands twice,
//! and none is both a value and an object, in one document or in two; what a custom field is called cannot
//! change that.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json_text::write_string;
use crate::{Event, Timestamp};

/// Levels of a custom field's name, at most; one with more is a label.
const MAX_LEVELS: usize = 10;

/// Names that are objects here, so that they can be no value.
const OBJECTS: [&str; 14] = [
    "data_stream",
    "event",
    "host",
    "labels",
    "log",
    "log.file",
    "log.source",
    "log.syslog",
    "log.syslog.facility",
    "log.syslog.severity",
    "log.syslog.structured_data",
    "loggr",
    "loggr.trusted",
    "process",
];
/// Names that are values here, so that nothing can stand below them.
const VALUES: [&str; 18] = [
    "@timestamp",
    "event.created",
    "event.id",
    "event.original",
    "host.name",
    "log.level",
    "log.source.address",
    "log.syslog.appname",
    "log.syslog.facility.code",
    "log.syslog.facility.name",
    "log.syslog.msgid",
    "log.syslog.priority",
    "log.syslog.procid",
    "log.syslog.severity.code",
    "log.syslog.severity.name",
    "message",
    "process.name",
    "tags",
];

/// What stands behind a name.
enum Node<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Stamp(Timestamp),
    /// At least one.
    Texts(Vec<Cow<'a, str>>),
    Object(Object<'a>),
}

/// Names in the order in which they came.
#[derive(Default)]
struct Object<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Object<'a> {
    /// Puts a value behind a name whose dots are levels; gives it back where the name is taken.
    fn put(&mut self, name: &'a str, value: Node<'a>) -> Result<(), Node<'a>> {
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        let found = self.0.iter_mut().find(|(name, _)| name == first).map(|(_, node)| node);
        match (found, rest) {
            (None, None) => {
                self.0.push((first.into(), value));
                Ok(())
            }
            (None, Some(rest)) => {
                let mut below = Object::default();
                let put = below.put(rest, value);
                self.0.push((first.into(), Node::Object(below)));
                put
            }
            (Some(Node::Object(below)), Some(rest)) => below.put(rest, value),
            (Some(_), _) => Err(value),
        }
    }

    /// The object of a name, made where there is none; `None` where something else has the name.
    fn object(&mut self, name: Cow<'a, str>) -> Option<&mut Object<'a>> {
        let at = self.0.iter().position(|(taken, _)| *taken == name).unwrap_or_else(|| {
            self.0.push((name, Node::Object(Object::default())));
            self.0.len() - 1
        });
        match self.0.get_mut(at) {
            Some((_, Node::Object(object))) => Some(object),
            _ => None,
        }
    }

    /// Adds values to those that the name has.
    fn add(&mut self, name: Cow<'a, str>, values: impl IntoIterator<Item = Cow<'a, str>>) {
        match self.0.iter_mut().find(|(taken, _)| *taken == name) {
            Some((_, Node::Texts(there))) => there.extend(values),
            Some(_) => {}
            None => self.0.push((name, Node::Texts(values.into_iter().collect()))),
        }
    }

    fn text(&mut self, name: &'a str, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if !text.is_empty() {
            drop(self.put(name, Node::Text(text)));
        }
    }

    fn number(&mut self, name: &'a str, number: impl Into<u64>) {
        drop(self.put(name, Node::Number(number.into())));
    }

    fn stamp(&mut self, name: &'a str, stamp: Timestamp) {
        drop(self.put(name, Node::Stamp(stamp)));
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (i, (name, node)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_string(name, out);
            out.push(b':');
            node.write(out);
        }
        out.push(b'}');
    }
}

impl Node<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Text(text) => write_string(text, out),
            Node::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Node::Stamp(stamp) => {
                out.push(b'"');
                stamp.write_rfc3339(out);
                out.push(b'"');
            }
            Node::Texts(texts) => match texts.as_slice() {
                [one] => write_string(one, out),
                several => {
                    out.push(b'[');
                    for (i, text) in several.iter().enumerate() {
                        if i > 0 {
                            out.push(b',');
                        }
                        write_string(text, out);
                    }
                    out.push(b']');
                }
            },
            Node::Object(object) => object.write(out),
        }
    }
}

/// Appends the document, on one line.
pub(crate) fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut uid = [0; 36];
    let uid = event.uid.write_hyphenated(&mut uid);
    let mut root = Object::default();
    root.stamp("@timestamp", event.timereported);
    root.text("message", event.message.as_ref());
    root.text("host.name", event.source.as_ref());
    root.text("process.name", event.programname());
    if let Some(pid) = number(&event.procid) {
        root.number("process.pid", pid);
    }
    syslog(event, &mut root);
    root.text("event.id", uid);
    root.stamp("event.created", event.timegenerated);
    if !event.tags.is_empty() {
        let tags = event.tags.iter().map(|tag| Cow::Borrowed(tag.as_ref())).collect();
        drop(root.put("tags", Node::Texts(tags)));
    }
    if let Some(raw) = &event.raw {
        root.text("event.original", String::from_utf8_lossy(raw));
    }
    own(event, &mut root);
    for field in &event.fields {
        let values = || field.values.iter().map(|value| Cow::Borrowed(value.as_ref()));
        let refused = match fits(&field.name) {
            true => root.put(&field.name, Node::Texts(values().collect())).is_err(),
            false => true,
        };
        if refused && let Some(labels) = root.object("labels".into()) {
            labels.add(label(&field.name), values());
        }
    }
    // Last, because a filter may know better.
    root.text("log.level", event.severity.keyword());
    root.write(out);
}

fn syslog<'a>(event: &'a Event<'_>, root: &mut Object<'a>) {
    root.number("log.syslog.priority", event.priority());
    root.number("log.syslog.facility.code", event.facility.code());
    root.text("log.syslog.facility.name", event.facility.keyword());
    root.number("log.syslog.severity.code", event.severity.code());
    root.text("log.syslog.severity.name", event.severity.keyword());
    root.text("log.syslog.appname", event.app_name.as_ref());
    root.text("log.syslog.procid", event.procid.as_ref());
    root.text("log.syslog.msgid", event.msgid.as_ref());
    if event.structured_data.is_empty() {
        return;
    }
    let mut elements = Object::default();
    for element in &event.structured_data {
        let Some(params) = elements.object(label(&element.id)) else { continue };
        for param in &element.params {
            params.add(label(&param.name), [Cow::Borrowed(param.value.as_ref())]);
        }
    }
    drop(root.put("log.syslog.structured_data", Node::Object(elements)));
}

/// What only loggr knows.
fn own<'a>(event: &'a Event<'_>, root: &mut Object<'a>) {
    if let Some(origin) = event.origin.as_deref() {
        root.text("log.source.address", origin.peer.as_str());
        root.text("loggr.listener", origin.listener.as_str());
        root.text("loggr.transport", origin.transport.keyword());
        root.text("loggr.tls_name", origin.tls_name.as_deref().unwrap_or_default());
    }
    if !event.trusted.is_empty() {
        let mut trusted = Object::default();
        for field in &event.trusted {
            trusted.add(label(&field.name), [Cow::Borrowed(field.value.as_ref())]);
        }
        drop(root.put("loggr.trusted", Node::Object(trusted)));
    }
    if !event.defects.is_empty() {
        let defects = event.defects.words().map(Cow::Borrowed).collect();
        drop(root.put("loggr.defects", Node::Texts(defects)));
    }
    if let Some(raw) = &event.raw
        && std::str::from_utf8(raw).is_err()
    {
        root.text("loggr.raw", STANDARD.encode(raw));
    }
    if let Some(len) = event.original_len {
        root.number("loggr.original_len", len);
    }
    root.text("loggr.hmac", event.hmac.as_deref().unwrap_or_default());
    if let Some(time) = event.timehmac {
        root.stamp("loggr.timehmac", time);
    }
}

/// A process id: nothing but digits, and few enough for a number.
fn number(procid: &str) -> Option<u64> {
    let digits = (1..=18).contains(&procid.len()) && procid.bytes().all(|b| b.is_ascii_digit());
    procid.parse().ok().filter(|_| digits)
}

/// May a custom field have this name at the root of a document? Servers refuse names with empty levels, and keep
/// those that begin with `_` to themselves.
fn fits(name: &str) -> bool {
    let is_level = |level: &str| !level.trim().is_empty();
    let below_a_value = |value: &&str| name.strip_prefix(*value).is_some_and(|rest| rest.starts_with('.'));
    name.split('.').all(is_level)
        && name.split('.').count() <= MAX_LEVELS
        && !name.starts_with('_')
        && !name.starts_with("loggr.")
        && !name.strip_prefix("labels.").is_some_and(|rest| rest.contains('.'))
        && !OBJECTS.contains(&name)
        && !VALUES.iter().any(below_a_value)
}

/// A name without levels.
fn label(name: &str) -> Cow<'_, str> {
    match name {
        name if name.trim().is_empty() => "_".into(),
        name if name.contains('.') => name.replace('.', "_").into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests;
