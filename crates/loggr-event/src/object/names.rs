//! The names of members: loggr's own, and those that other programs give to the same things.
//!
//! Not what their values may be; that is `object`.

/// Names that other programs give to what loggr knows, and loggr's name for it. Among
/// several in one object, the first of this table is taken, the others stay fields.
pub(super) const ALIASES: [(&str, &str); 47] = [
    ("msg", "message"),
    ("MESSAGE", "message"),
    ("@message", "message"),
    ("short_message", "message"),
    ("log", "message"),
    ("@timestamp", "timereported"),
    ("timestamp", "timereported"),
    ("time", "timereported"),
    ("ts", "timereported"),
    ("datetime", "timereported"),
    ("_SOURCE_REALTIME_TIMESTAMP", "timereported"),
    ("__REALTIME_TIMESTAMP", "timereported"),
    ("syslog_severity", "severity"),
    ("severity_label", "severity"),
    ("log.syslog.severity.name", "severity"),
    ("level", "severity"),
    ("log.level", "severity"),
    ("loglevel", "severity"),
    ("PRIORITY", "severity"),
    ("syslog_facility", "facility"),
    ("facility_label", "facility"),
    ("log.syslog.facility.name", "facility"),
    ("SYSLOG_FACILITY", "facility"),
    ("host", "source"),
    ("hostname", "source"),
    ("host.name", "source"),
    ("host.hostname", "source"),
    ("fromhost", "source"),
    ("_HOSTNAME", "source"),
    ("appname", "app_name"),
    ("app-name", "app_name"),
    ("app", "app_name"),
    ("program", "app_name"),
    ("programname", "app_name"),
    ("ident", "app_name"),
    ("SYSLOG_IDENTIFIER", "app_name"),
    ("_COMM", "app_name"),
    ("process.name", "app_name"),
    ("service.name", "app_name"),
    ("service", "app_name"),
    ("pid", "procid"),
    ("process.pid", "procid"),
    ("SYSLOG_PID", "procid"),
    ("_PID", "procid"),
    ("message_id", "msgid"),
    ("MESSAGE_ID", "msgid"),
    ("structured-data", "structured_data"),
];

/// What only loggr may say of an event.
pub(super) const ONLY_LOGGR: [&str; 10] = [
    "uid",
    "timegenerated",
    "tags",
    "trusted",
    "origin",
    "defects",
    "raw",
    "original_len",
    "hmac",
    "timehmac",
];

pub(super) fn own_name(key: &str) -> Option<&'static str> {
    const NAMES: [&str; 10] = [
        "timereported",
        "severity",
        "facility",
        "source",
        "app_name",
        "procid",
        "msgid",
        "message",
        "structured_data",
        "fields",
    ];
    NAMES.into_iter().chain(ONLY_LOGGR).find(|name| *name == key)
}
