//! The core fields by name: how filters and engines read and write them.
//!
//! Not the custom fields: those an event has by itself.

use std::borrow::Cow;

use loggr_event::{Event, Facility, Severity, Timestamp};

/// Tag of an event to which a value could not be assigned.
pub(crate) const ASSIGN_TAG: &str = "_assignfailure";

/// A field that every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreField {
    /// How grave.
    Severity,
    /// Who speaks.
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
    /// May be assigned.
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
        "`emerg` … `debug`; compared by severity: `>= \"warning\"` means at least as severe; a number is for `==`, `!=` and lists",
    ),
    row(CoreField::Facility, "facility", true, "`kern`, `user`, `mail`, … `local7`"),
    row(CoreField::Source, "source", true, "the host"),
    row(CoreField::AppName, "app_name", true, "the program"),
    row(CoreField::ProcId, "procid", true, "process id or name"),
    row(CoreField::MsgId, "msgid", true, "type of message"),
    row(CoreField::Message, "message", true, "the text"),
    row(CoreField::TimeReported, "timereported", true, "when it happened, RFC 3339"),
    row(CoreField::TimeGenerated, "timegenerated", false, "when it was received, RFC 3339"),
    row(CoreField::Uid, "uid", false, "its identity"),
    row(
        CoreField::ProgramName,
        "programname",
        false,
        "`app_name` up to the first character that no program's name has",
    ),
    row(CoreField::SyslogTag, "syslogtag", false, "`app_name[procid]:`"),
    row(CoreField::Listener, "listener", false, "name of the listener that received it"),
    row(CoreField::Peer, "peer", false, "address of the sender, without the port"),
];

impl CoreField {
    /// By its name in filters.
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

    /// Sets it; false where the value does not fit, and nothing is changed.
    ///
    /// A seal does not survive a change of what it seals: it is taken away.
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
            CoreField::ProcId => event.procid = value,
            CoreField::MsgId => event.msgid = value,
            CoreField::Message => event.message = value,
            _ => return false,
        }
        unseal(event);
        true
    }
}

/// What stands before the name of a custom field that has the name of a core field, as in
/// queries.
pub const CUSTOM_PREFIX: &str = "fields.";

/// Does a name in brackets need the prefix? It is that of a core field or of the tags, with
/// prefixes before it or without.
pub(crate) fn is_taken(name: &str) -> bool {
    let mut bare = name;
    while let Some(rest) = bare.strip_prefix(CUSTOM_PREFIX) {
        bare = rest;
    }
    bare == "tags" || CoreField::from_name(bare).is_some()
}

/// Takes the seal away from an event that was changed.
pub(crate) fn unseal(event: &mut Event<'_>) {
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
