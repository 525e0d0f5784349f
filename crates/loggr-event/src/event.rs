//! The event itself: a view into the received bytes whose fields become owned only when changed.

use std::borrow::Cow;

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
    /// How grave.
    pub severity: Severity,
    /// Who speaks.
    pub facility: Facility,
    /// The host that the line names, or the peer's address.
    pub source: Cow<'a, str>,
    /// The program.
    pub app_name: Cow<'a, str>,
    /// Process id or name.
    pub procid: Cow<'a, str>,
    /// Type of message.
    pub msgid: Cow<'a, str>,
    /// The text. Where the bytes were not UTF-8 it is readable, and `raw` has the bytes.
    pub message: Cow<'a, str>,
    /// SD-ELEMENTs in the order of the line, without loggr's own (`pyloggr@45878`).
    pub structured_data: Vec<SdElement<'a>>,
    /// A set: sorted, no tag twice.
    pub tags: Vec<Cow<'a, str>>,
    /// Custom fields in order of their first appearance; no name twice.
    pub fields: Vec<Field<'a>>,
    /// The kernel's word about the sender, from annotated unix sockets alone.
    pub trusted: Vec<TrustedField<'a>>,
    /// Where the line came from.
    pub origin: Option<Cow<'a, Origin>>,
    /// What was wrong with the line.
    pub defects: Defects,
    /// The received bytes, kept where the event cannot be written back from its fields.
    pub raw: Option<Cow<'a, [u8]>>,
    /// Length in bytes of the line before it was cut to the listener's limit.
    pub original_len: Option<u64>,
    /// Base64 of the seal.
    pub hmac: Option<Cow<'a, str>>,
    /// When it was sealed.
    pub timehmac: Option<Timestamp>,
}

impl Default for Severity {
    fn default() -> Severity {
        Severity::Notice
    }
}

impl Default for Facility {
    fn default() -> Facility {
        Facility::USER
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

/// One thing that was wrong with a line. None of them stops it.
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
}

impl Defect {
    /// All defects with the word that stands for each in tags and JSON.
    pub const ALL: [(Defect, &'static str); 9] = [
        (Defect::Unparsed, "unparsed"),
        (Defect::NoPriority, "no_priority"),
        (Defect::NoTimestamp, "no_timestamp"),
        (Defect::NoSource, "no_source"),
        (Defect::NotUtf8, "not_utf8"),
        (Defect::Truncated, "truncated"),
        (Defect::BadStructuredData, "bad_structured_data"),
        (Defect::BadHmac, "bad_hmac"),
        (Defect::Incomplete, "incomplete"),
    ];
}

/// A set of [`Defect`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Defects(u16);

impl Defects {
    /// Adds one.
    pub fn insert(&mut self, defect: Defect) {
        self.0 |= defect as u16;
    }

    /// Is it in the set?
    pub fn contains(self, defect: Defect) -> bool {
        self.0 & defect as u16 != 0
    }

    /// True when the line was clean.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words of the defects, in a fixed order.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Defect::ALL.into_iter().filter(move |(d, _)| self.contains(*d)).map(|(_, word)| word)
    }
}
