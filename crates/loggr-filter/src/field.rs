//! The core fields of an event by name, and how filters and engines read and write them.
//!
//! Custom fields are read and written by methods of the event.

use std::borrow::Cow;

use loggr_event::{Defect, Event, Facility, Severity, Timestamp};

/// Tag of an event to which a value could not be assigned.
pub(crate) const ASSIGN_TAG: &str = "_assignfailure";
/// Bytes of a value that is assigned, at most. A longer one is not assigned, and the event gets the
/// tag `_assignfailure`.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// A field that every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreField {
    /// How severe the event is.
    Severity,
    /// Which part of the system it comes from.
    Facility,
    /// The host.
    Source,
    /// The program.
    AppName,
    /// Process id.
    ProcId,
    /// Type of message.
    MsgId,
    /// The text.
    Message,
    /// When it happened.
    TimeReported,
    /// When it was received.
    TimeGenerated,
    /// Its identity.
    Uid,
    /// `app_name` up to the first character that no program's name has.
    ProgramName,
    /// `app_name[procid]:`.
    SyslogTag,
    /// The listener that received it.
    Listener,
    /// The address of the sender.
    Peer,
}

/// One row of the reference.
#[derive(Clone, Copy, Debug)]
pub struct CoreFieldRow {
    /// The field.
    pub field: CoreField,
    /// How filters call it.
    pub name: &'static str,
    /// Whether a filter may set it.
    pub writable: bool,
    /// What it is.
    pub doc: &'static str,
}

const fn row(field: CoreField, name: &'static str, writable: bool, doc: &'static str) -> CoreFieldRow {
    CoreFieldRow { field, name, writable, doc }
}

/// All core fields.
pub const CORE_FIELDS: [CoreFieldRow; 14] = [
    row(
        CoreField::Severity,
        "severity",
        true,
        "how severe the event is, from `emerg` to `debug`; `>= \"warning\"` means `warning` or more \
         severe; a number can be used with `==`, `!=` and in lists only",
    ),
    row(
        CoreField::Facility,
        "facility",
        true,
        "which part of the system the event comes from: `kern`, `user`, `mail`, … `local7`",
    ),
    row(CoreField::Source, "source", true, "name of the host that wrote the event"),
    row(CoreField::AppName, "app_name", true, "name of the program that wrote the event"),
    row(CoreField::ProcId, "procid", true, "id or name of the process that wrote the event"),
    row(CoreField::MsgId, "msgid", true, "type of the message (MSGID of RFC 5424)"),
    row(CoreField::Message, "message", true, "text of the event"),
    row(
        CoreField::TimeReported,
        "timereported",
        true,
        "when the event happened, as the sender wrote it, in RFC 3339",
    ),
    row(
        CoreField::TimeGenerated,
        "timegenerated",
        false,
        "when loggr received the event, in RFC 3339; of one that a trusted loggr has handed on, when that one did",
    ),
    row(CoreField::Uid, "uid", false, "identity of the event, a UUID"),
    row(
        CoreField::ProgramName,
        "programname",
        false,
        "beginning of `app_name`, up to the first character that program names do not have",
    ),
    row(CoreField::SyslogTag, "syslogtag", false, "program and process as `app_name[procid]:`"),
    row(CoreField::Listener, "listener", false, "name of the listener that received the event"),
    row(CoreField::Peer, "peer", false, "address from which the event came, without the port"),
];

impl CoreField {
    /// The core field that filters call so.
    pub fn from_name(name: &str) -> Option<CoreField> {
        CORE_FIELDS.iter().find(|r| r.name == name).map(|r| r.field)
    }

    /// Its row in the reference.
    pub fn row(self) -> &'static CoreFieldRow {
        CORE_FIELDS.iter().find(|r| r.field == self).unwrap_or(&CORE_FIELDS[0])
    }

    /// True where it holds a time.
    pub fn is_time(self) -> bool {
        matches!(self, CoreField::TimeReported | CoreField::TimeGenerated)
    }

    /// The code of a severity or facility, by its name or number.
    pub(crate) fn code(self, text: &str) -> Option<u8> {
        match self {
            CoreField::Severity => severity(text).map(|s| s.code()),
            _ => facility(text).map(|f| f.code()),
        }
    }

    /// The value as text; borrowed from the received line where it can be. Empty where the
    /// line had none.
    pub fn read<'e>(self, event: &Event<'e>) -> Cow<'e, str> {
        match self {
            CoreField::Severity => Cow::Borrowed(event.severity.keyword()),
            CoreField::Facility => Cow::Borrowed(event.facility.keyword()),
            CoreField::Source => event.source.clone(),
            CoreField::AppName => event.app_name.clone(),
            CoreField::ProcId => event.procid.clone(),
            CoreField::MsgId => event.msgid.clone(),
            CoreField::Message => event.message.clone(),
            CoreField::TimeReported => Cow::Owned(rfc3339(event.timereported)),
            CoreField::TimeGenerated => Cow::Owned(rfc3339(event.timegenerated)),
            CoreField::Uid => Cow::Owned(event.uid.to_string()),
            CoreField::ProgramName => Cow::Owned(event.programname().to_owned()),
            CoreField::SyslogTag => Cow::Owned(event.syslogtag()),
            CoreField::Listener => {
                Cow::Owned(event.origin.as_ref().map(|o| o.listener.clone()).unwrap_or_default())
            }
            CoreField::Peer => {
                Cow::Owned(event.origin.as_ref().map(|o| o.peer_host().to_owned()).unwrap_or_default())
            }
        }
    }

    /// Sets the field; false, and nothing is changed, if the value does not fit.
    ///
    /// If the field is sealed, the event loses its seal (HMAC), which does not fit any more.
    pub fn write<'e>(self, event: &mut Event<'e>, value: Cow<'e, str>) -> bool {
        match self {
            CoreField::Severity => match severity(&value) {
                Some(severity) => event.severity = severity,
                None => return false,
            },
            CoreField::Facility => match facility(&value) {
                Some(facility) => event.facility = facility,
                None => return false,
            },
            CoreField::TimeReported => match Timestamp::parse_rfc3339(value.as_bytes()) {
                Some(time) => event.timereported = time,
                None => return false,
            },
            CoreField::Source => event.source = value,
            CoreField::AppName => event.app_name = value,
            // These two are not sealed.
            CoreField::ProcId => {
                event.procid = value;
                return true;
            }
            CoreField::MsgId => {
                event.msgid = value;
                return true;
            }
            CoreField::Message => event.message = value,
            _ => return false,
        }
        unseal(event);
        true
    }
}

/// The prefix for a custom field that has the name of a core field, in filters and in queries.
pub const CUSTOM_PREFIX: &str = "fields.";

/// Whether a name in brackets needs the prefix, because it is the name of a core field or `tags`,
/// with or without prefixes before it.
pub(crate) fn is_taken(name: &str) -> bool {
    let mut bare = name;
    while let Some(rest) = bare.strip_prefix(CUSTOM_PREFIX) {
        bare = rest;
    }
    bare == "tags" || CoreField::from_name(bare).is_some()
}

/// Takes the seal away from an event that was changed. One that is known to be broken stays: without it the
/// event could be sealed anew, as if nobody had touched it.
pub(crate) fn unseal(event: &mut Event<'_>) {
    if event.defects.contains(Defect::BadHmac) {
        return;
    }
    event.hmac = None;
    event.timehmac = None;
}

/// A severity by name or number.
pub(crate) fn severity(text: &str) -> Option<Severity> {
    Severity::from_name(text).or_else(|| Severity::from_code(text.parse().ok()?))
}

/// A facility by name or number.
pub(crate) fn facility(text: &str) -> Option<Facility> {
    Facility::from_name(text).or_else(|| Facility::from_code(text.parse().ok()?))
}

fn rfc3339(time: Timestamp) -> String {
    let mut out = Vec::new();
    time.write_rfc3339(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
