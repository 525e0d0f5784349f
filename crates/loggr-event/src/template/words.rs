//! The variables of templates: their names, and what they mean to people.
//!
//! Not their values.

/// What a variable stands for, custom fields apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    ReportedDate,
    Reported,
    Generated,
    Date,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Message,
    Source,
    AppName,
    Procid,
    Msgid,
    ProgramName,
    SyslogTag,
    Severity,
    Facility,
    Priority,
    Uid,
    Tags,
    Peer,
    Listener,
    Epoch,
    EpochMillis,
    Bsd,
    Fields,
    StructuredData,
    TagList,
}

/// `$WORD` and what it stands for.
pub(super) const WORDS: [(&str, Core, &str); 24] = [
    ("DATE", Core::ReportedDate, "the day of the time that the sender wrote: `2026-11-22`"),
    ("DATETIME", Core::Reported, "the time that the sender wrote, in RFC 3339 with microseconds"),
    (
        "TIMEGENERATED",
        Core::Generated,
        "the time at which loggr received the event, in RFC 3339 with microseconds",
    ),
    ("MESSAGE", Core::Message, "the text of the event"),
    ("SOURCE", Core::Source, "the host that wrote the event"),
    ("APP_NAME", Core::AppName, "the program that wrote the event"),
    ("PROCID", Core::Procid, "the id or name of the process"),
    ("MSGID", Core::Msgid, "the type of the message (MSGID of RFC 5424)"),
    ("PROGRAMNAME", Core::ProgramName, "the program, without what follows a `/` or `[` in `app_name`"),
    ("SYSLOGTAG", Core::SyslogTag, "the program and the process id: `sshd[42]:`"),
    ("SEVERITY", Core::Severity, "the severity as a word: `err`"),
    ("FACILITY", Core::Facility, "the facility as a word: `auth`"),
    ("PRIORITY", Core::Priority, "the priority of syslog, the number 8 × facility + severity"),
    ("UUID", Core::Uid, "the identity of the event, a UUID"),
    ("UID", Core::Uid, "the same as `$UUID`"),
    ("TAGS", Core::Tags, "the tags of the event, joined by commas"),
    ("PEER", Core::Peer, "the address from which the event came"),
    ("LISTENER", Core::Listener, "the name of the listener that received the event"),
    ("EPOCH", Core::Epoch, "the time that the sender wrote, in seconds since 1970"),
    ("EPOCH_MS", Core::EpochMillis, "the time that the sender wrote, in milliseconds since 1970"),
    ("BSD_TIME", Core::Bsd, "the time that the sender wrote, as RFC 3164 has it: `Nov 22 09:01:07`"),
    (
        "FIELDS",
        Core::Fields,
        "all custom fields as a JSON object: `{\"status\":\"404\"}`, and a list where a field has several values",
    ),
    (
        "STRUCTURED_DATA",
        Core::StructuredData,
        "the structured data as a JSON object: `{SD-ID: {name: [value, …]}}`",
    ),
    ("TAG_LIST", Core::TagList, "the tags as a JSON list"),
];

/// `${name}` and what it stands for, custom fields apart.
pub(super) const NAMES: [(&str, Core, &str); 22] = [
    ("date", Core::Date, "the day on which loggr received the event, in UTC: `2026-11-22`"),
    ("year", Core::Year, "the year of that day"),
    ("month", Core::Month, "the month of that day, two digits"),
    ("day", Core::Day, "the day of the month, two digits"),
    ("hour", Core::Hour, "the hour in which loggr received the event, in UTC, two digits"),
    ("minute", Core::Minute, "the minute in which loggr received the event, two digits"),
    ("timereported", Core::Reported, "the time that the sender wrote, in RFC 3339 with microseconds"),
    (
        "timegenerated",
        Core::Generated,
        "the time at which loggr received the event, in RFC 3339 with microseconds",
    ),
    ("message", Core::Message, "the text of the event"),
    ("source", Core::Source, "the host that wrote the event"),
    ("app_name", Core::AppName, "the program that wrote the event"),
    ("procid", Core::Procid, "the id or name of the process"),
    ("msgid", Core::Msgid, "the type of the message (MSGID of RFC 5424)"),
    ("programname", Core::ProgramName, "the program, without what follows a `/` or `[` in `app_name`"),
    ("syslogtag", Core::SyslogTag, "the program and the process id: `sshd[42]:`"),
    ("severity", Core::Severity, "the severity as a word: `err`"),
    ("facility", Core::Facility, "the facility as a word: `auth`"),
    ("priority", Core::Priority, "the priority of syslog, the number 8 × facility + severity"),
    ("uid", Core::Uid, "the identity of the event, a UUID"),
    ("tags", Core::Tags, "the tags of the event, joined by commas"),
    ("peer", Core::Peer, "the address from which the event came"),
    ("listener", Core::Listener, "the name of the listener that received the event"),
];

/// The words as a suggestion writes them.
pub(super) const DOLLAR_WORDS: [&str; 24] = [
    "$DATE",
    "$DATETIME",
    "$TIMEGENERATED",
    "$MESSAGE",
    "$SOURCE",
    "$APP_NAME",
    "$PROCID",
    "$MSGID",
    "$PROGRAMNAME",
    "$SYSLOGTAG",
    "$SEVERITY",
    "$FACILITY",
    "$PRIORITY",
    "$UUID",
    "$UID",
    "$TAGS",
    "$PEER",
    "$LISTENER",
    "$EPOCH",
    "$EPOCH_MS",
    "$BSD_TIME",
    "$FIELDS",
    "$STRUCTURED_DATA",
    "$TAG_LIST",
];

impl Core {
    /// Is its value JSON?
    pub(super) fn is_json(self) -> bool {
        matches!(self, Core::Fields | Core::StructuredData | Core::TagList)
    }
}
