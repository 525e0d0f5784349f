//! The event itself: a view into the received bytes whose fields become owned only when changed.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::{Facility, Origin, Severity, Timestamp, Uid};

/// One log record.
///
/// Text fields borrow from the line they were parsed from until somebody changes
/// them. An empty `source`, `app_name`, `procid` or `msgid` means that the line
/// had none (NILVALUE, RFC 5424, 6).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Event<'a> {
    /// Identity, given at first receipt.
    pub uid: Uid,
    /// When the sender says it happened; `timegenerated` where the line has no usable stamp.
    pub timereported: Timestamp,
    /// When loggr received it.
    pub timegenerated: Timestamp,
    /// How severe the event is.
    pub severity: Severity,
    /// Which part of the system it comes from.
    pub facility: Facility,
    /// The host that the line names, or the peer's address.
    pub source: Cow<'a, str>,
    /// The program.
    pub app_name: Cow<'a, str>,
    /// Process id or name.
    pub procid: Cow<'a, str>,
    /// Type of message.
    pub msgid: Cow<'a, str>,
    /// The text. If the bytes were not UTF-8, bad bytes are replaced in it, and `raw` has the bytes
    /// as received.
    pub message: Cow<'a, str>,
    /// SD-ELEMENTs in the order of the line, without loggr's own (`pyloggr@45878`).
    pub structured_data: Vec<SdElement<'a>>,
    /// A set: sorted, no tag twice.
    pub tags: Vec<Cow<'a, str>>,
    /// Custom fields in order of their first appearance; no name twice.
    pub fields: Vec<Field<'a>>,
    /// What the kernel knows about the sender; only from annotated unix sockets.
    pub trusted: Vec<TrustedField<'a>>,
    /// Where the line came from.
    pub origin: Option<Cow<'a, Origin>>,
    /// What was wrong with the line.
    pub defects: Defects,
    /// The received bytes, kept where the event cannot be written back from its fields.
    pub raw: Option<Cow<'a, [u8]>>,
    /// Length in bytes of the line before it was cut to the listener's limit.
    pub original_len: Option<u64>,
    /// The seal (an HMAC, see `seal`) in base64.
    pub hmac: Option<Cow<'a, str>>,
    /// When it was sealed.
    pub timehmac: Option<Timestamp>,
}

impl<'a> Event<'a> {
    /// An event of which only the origin and the time of reception are known.
    #[inline]
    pub fn new(origin: &'a Origin, uid: Uid, now: Timestamp) -> Event<'a> {
        // Every field is named, because `..Event::default()` would build the event twice.
        Event {
            uid,
            timereported: now,
            timegenerated: now,
            severity: Severity::Notice,
            facility: Facility::USER,
            source: Cow::Borrowed(""),
            app_name: Cow::Borrowed(""),
            procid: Cow::Borrowed(""),
            msgid: Cow::Borrowed(""),
            message: Cow::Borrowed(""),
            structured_data: Vec::new(),
            tags: Vec::new(),
            fields: Vec::new(),
            trusted: Vec::new(),
            origin: Some(Cow::Borrowed(origin)),
            defects: Defects::default(),
            raw: None,
            original_len: None,
            hmac: None,
            timehmac: None,
        }
    }

    /// The priority of RFC 5424, 6.2.1: `8 * facility + severity`.
    pub fn priority(&self) -> u8 {
        self.facility.code() * 8 + self.severity.code()
    }

    /// The constant part of the program's name, as rsyslog cuts it: up to the first
    /// `:`, `[`, `/`, space or control character. A name that begins with `/` is a
    /// path: its last component.
    pub fn programname(&self) -> &str {
        let name: &str = &self.app_name;
        let name = if name.starts_with('/') { name.rsplit('/').next().unwrap_or(name) } else { name };
        let end = name.bytes().position(|b| matches!(b, b':' | b'[' | b'/') || b <= b' ' || b == 0x7f);
        name.get(..end.unwrap_or(name.len())).unwrap_or(name)
    }

    /// Appends the tag as RFC 3164 writes it: `app[procid]:`, `app:`, or nothing.
    pub fn write_syslogtag(&self, out: &mut Vec<u8>) {
        if self.app_name.is_empty() && self.procid.is_empty() {
            return;
        }
        out.extend_from_slice(self.app_name.as_bytes());
        if !self.procid.is_empty() {
            out.push(b'[');
            out.extend_from_slice(self.procid.as_bytes());
            out.push(b']');
        }
        out.push(b':');
    }

    /// The tag as RFC 3164 writes it; see [`Event::write_syslogtag`].
    pub fn syslogtag(&self) -> String {
        let mut out = Vec::with_capacity(self.app_name.len() + self.procid.len() + 3);
        self.write_syslogtag(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The order of events: by the moment they were reported, then by uid.
    pub fn order(&self, other: &Event<'_>) -> Ordering {
        self.sort_key().cmp(&other.sort_key())
    }

    /// What [`Event::order`] compares: microseconds of `timereported`, and the uid.
    pub fn sort_key(&self) -> (i64, Uid) {
        (self.timereported.unix_micros(), self.uid)
    }

    /// Is the tag set?
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.binary_search_by(|t| t.as_ref().cmp(tag)).is_ok()
    }

    /// Sets a tag. False if it was set already.
    pub fn add_tag(&mut self, tag: impl Into<Cow<'a, str>>) -> bool {
        let tag = tag.into();
        match self.tags.binary_search(&tag) {
            Ok(_) => false,
            Err(at) => {
                self.tags.insert(at, tag);
                true
            }
        }
    }

    /// Takes a tag away. False if it was not set.
    pub fn remove_tag(&mut self, tag: &str) -> bool {
        match self.tags.binary_search_by(|t| t.as_ref().cmp(tag)) {
            Ok(at) => {
                self.tags.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// The values of a custom field; empty where it is not set.
    pub fn field(&self, name: &str) -> &[Cow<'a, str>] {
        self.fields.iter().find(|f| f.name == name).map_or(&[], |f| &f.values)
    }

    /// Gives a custom field exactly one value.
    pub fn set_field(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.fields.iter_mut().find(|f| f.name == name) {
            Some(field) => {
                field.values.clear();
                field.values.push(value);
            }
            None => self.fields.push(Field { name, values: vec![value] }),
        }
    }

    /// Adds one value to a custom field, also if it has an equal one.
    pub fn add_field_value(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.fields.iter_mut().find(|f| f.name == name) {
            Some(field) => field.values.push(value),
            None => self.fields.push(Field { name, values: vec![value] }),
        }
    }

    /// Takes a custom field away and gives its values.
    pub fn remove_field(&mut self, name: &str) -> Option<Vec<Cow<'a, str>>> {
        let at = self.fields.iter().position(|f| f.name == name)?;
        Some(self.fields.remove(at).values)
    }

    /// The first value of an SD-PARAM.
    pub fn sd_param(&self, id: &str, name: &str) -> Option<&str> {
        let elements = self.structured_data.iter().filter(|e| e.id == id);
        elements.flat_map(|e| &e.params).find(|p| p.name == name).map(|p| p.value.as_ref())
    }

    /// The same event with nothing borrowed from the line.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            uid: self.uid,
            timereported: self.timereported,
            timegenerated: self.timegenerated,
            severity: self.severity,
            facility: self.facility,
            source: own(self.source),
            app_name: own(self.app_name),
            procid: own(self.procid),
            msgid: own(self.msgid),
            message: own(self.message),
            structured_data: self.structured_data.into_iter().map(SdElement::into_owned).collect(),
            tags: self.tags.into_iter().map(own).collect(),
            fields: self.fields.into_iter().map(Field::into_owned).collect(),
            trusted: self.trusted.into_iter().map(TrustedField::into_owned).collect(),
            origin: self.origin.map(|o| Cow::Owned(o.into_owned())),
            defects: self.defects,
            raw: self.raw.map(|r| Cow::Owned(r.into_owned())),
            original_len: self.original_len,
            hmac: self.hmac.map(own),
            timehmac: self.timehmac,
        }
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl SdElement<'_> {
    fn into_owned(self) -> SdElement<'static> {
        let params = self.params.into_iter().map(|p| SdParam { name: own(p.name), value: own(p.value) });
        SdElement { id: own(self.id), params: params.collect() }
    }
}

impl Field<'_> {
    fn into_owned(self) -> Field<'static> {
        Field { name: own(self.name), values: self.values.into_iter().map(own).collect() }
    }
}

impl TrustedField<'_> {
    fn into_owned(self) -> TrustedField<'static> {
        TrustedField { name: own(self.name), value: own(self.value) }
    }
}

/// An SD-ELEMENT (RFC 5424, 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdElement<'a> {
    /// SD-ID, e.g. `origin` or `name@enterprise`.
    pub id: Cow<'a, str>,
    /// SD-PARAMs in the order of the line; several of one name are several values.
    pub params: Vec<SdParam<'a>>,
}

/// An SD-PARAM: name and unescaped value (RFC 5424, 6.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdParam<'a> {
    /// PARAM-NAME.
    pub name: Cow<'a, str>,
    /// PARAM-VALUE, unescaped.
    pub value: Cow<'a, str>,
}

/// A custom field and its values, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name, e.g. `client_ip` or `source.ip`.
    pub name: Cow<'a, str>,
    /// Never empty.
    pub values: Vec<Cow<'a, str>>,
}

/// One `_NAME=value` of an `@[…]` annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedField<'a> {
    /// Name with its underscore, e.g. `_PID`.
    pub name: Cow<'a, str>,
    /// Value.
    pub value: Cow<'a, str>,
}

/// One thing that was wrong with a line. No defect keeps a line from being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Defect {
    /// No format was recognised: the whole line is the message.
    Unparsed = 1 << 0,
    /// No usable priority: `user.notice` stands in.
    NoPriority = 1 << 1,
    /// No usable stamp: the time of reception stands in.
    NoTimestamp = 1 << 2,
    /// No host name: the peer's address stands in.
    NoSource = 1 << 3,
    /// Bytes that are not UTF-8; the raw line is kept.
    NotUtf8 = 1 << 4,
    /// Longer than the listener's limit; what fits was kept.
    Truncated = 1 << 5,
    /// Structured data that breaks the grammar: it stayed in the message.
    BadStructuredData = 1 << 6,
    /// The seal does not fit the event.
    BadHmac = 1 << 7,
    /// The stream ended in the middle of the line.
    Incomplete = 1 << 8,
    /// The stamp was finer than a microsecond, or a leap second; the raw line has all of it.
    TimestampCut = 1 << 9,
    /// The stamp names an unknown zone: the listener's zone stands in, and the raw line is kept.
    UnknownZone = 1 << 10,
    /// The head is nearly one of RFC 5424: the fields that could be recognised were taken, the rest
    /// is the message, and the raw line is kept.
    BadHeader = 1 << 11,
    /// The head of RFC 5424 has a version that no RFC defines; it was read like version 1, and the
    /// raw line is kept.
    UnknownVersion = 1 << 12,
    /// Another loggr says that it received the event at a time that cannot be: the time of reception here
    /// stands in, and a field keeps what it said.
    BadTimegenerated = 1 << 13,
}

impl Defect {
    /// All defects with the word that stands for each in tags and JSON.
    pub const ALL: [(Defect, &'static str); 14] = [
        (Defect::Unparsed, "unparsed"),
        (Defect::NoPriority, "no_priority"),
        (Defect::NoTimestamp, "no_timestamp"),
        (Defect::NoSource, "no_source"),
        (Defect::NotUtf8, "not_utf8"),
        (Defect::Truncated, "truncated"),
        (Defect::BadStructuredData, "bad_structured_data"),
        (Defect::BadHmac, "bad_hmac"),
        (Defect::Incomplete, "incomplete"),
        (Defect::TimestampCut, "timestamp_cut"),
        (Defect::UnknownZone, "unknown_zone"),
        (Defect::BadHeader, "bad_header"),
        (Defect::UnknownVersion, "unknown_version"),
        (Defect::BadTimegenerated, "bad_timegenerated"),
    ];

    /// The word that stands for it in tags and JSON.
    pub fn word(self) -> &'static str {
        Defect::ALL.iter().find(|(d, _)| *d == self).map_or("", |(_, word)| word)
    }

    /// The defect of a word.
    pub fn from_word(word: &str) -> Option<Defect> {
        Defect::ALL.iter().find(|(_, w)| *w == word).map(|(d, _)| *d)
    }
}

/// A set of [`Defect`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Defects(u16);

impl Defects {
    /// Adds one.
    pub fn insert(&mut self, defect: Defect) {
        self.0 |= defect as u16;
    }

    /// Takes one away.
    pub fn remove(&mut self, defect: Defect) {
        self.0 &= !(defect as u16);
    }

    /// The set as bits, for encodings.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set of some bits; bits that no defect has are kept, so that a newer
    /// loggr's defects survive an older one.
    pub const fn from_bits(bits: u16) -> Defects {
        Defects(bits)
    }

    /// Is it in the set?
    pub fn contains(self, defect: Defect) -> bool {
        self.0 & defect as u16 != 0
    }

    /// True if the line had no defect.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the defects, in a fixed order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Defect::ALL.into_iter().filter(move |(d, _)| self.contains(*d)).map(|(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_names(app_name: &str, procid: &str, programname: &str, syslogtag: &str) {
        let event = Event { app_name: app_name.into(), procid: procid.into(), ..Event::default() };
        assert_eq!((event.programname(), event.syslogtag().as_str()), (programname, syslogtag));
    }

    #[test]
    fn names_of_the_program() {
        check_names("sshd", "12", "sshd", "sshd[12]:");
        check_names("postfix/smtpd", "", "postfix", "postfix/smtpd:");
        check_names("/usr/sbin/cron", "1", "cron", "/usr/sbin/cron[1]:");
        check_names("Foo::Bar", "", "Foo", "Foo::Bar:");
        check_names("", "", "", "");
        check_names("", "7", "", "[7]:");
    }

    #[test]
    fn tags_are_a_sorted_set() {
        let mut event = Event::default();
        assert!(event.add_tag("b") && event.add_tag("a") && !event.add_tag("b"));
        assert_eq!(event.tags, ["a", "b"]);
        assert!(event.has_tag("a") && event.remove_tag("a") && !event.remove_tag("a"));
    }

    #[test]
    fn fields_have_one_place_per_name() {
        let mut event = Event::default();
        event.add_field_value("ip", "1");
        event.set_field("other", "x");
        event.add_field_value("ip", "2");
        assert_eq!(event.field("ip"), ["1", "2"]);
        event.set_field("ip", "3");
        assert_eq!(event.field("ip"), ["3"]);
        assert_eq!(event.fields.len(), 2);
        assert_eq!(event.remove_field("ip").map(|v| v.len()), Some(1));
        assert!(event.field("ip").is_empty());
    }

    #[test]
    fn order_is_time_then_uid() {
        let event = |micros, uid| Event {
            timereported: Timestamp::from_unix_micros(micros),
            uid: Uid::from_bytes([uid; 16]),
            ..Event::default()
        };
        assert_eq!(event(1, 9).order(&event(2, 1)), Ordering::Less);
        assert_eq!(event(1, 9).order(&event(1, 1)), Ordering::Greater);
        assert_eq!(event(1, 1).order(&event(1, 1)), Ordering::Equal);
    }

    #[test]
    fn the_guide_has_every_defect() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/receive.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        for (_, word) in Defect::ALL {
            assert!(
                guide.contains(&format!("\n| `{word}` | ")),
                "docs/guide/receive.md does not have `{word}`"
            );
        }
    }

    #[test]
    fn defects_and_words() {
        for (defect, word) in Defect::ALL {
            assert_eq!((defect.word(), Defect::from_word(word)), (word, Some(defect)));
        }
    }
}
