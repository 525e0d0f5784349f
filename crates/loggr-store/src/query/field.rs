//! The fields that a query can name, and all their names.
//!
//! Not the fields that a store has seen: any name that is not in the table is a custom
//! field or `SD-ID.PARAM-NAME`.

use std::fmt;

/// A field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// When loggr received it.
    Time,
    /// When the sender says that it happened.
    Timereported,
    /// How severe the event is.
    Severity,
    /// Which part of the system it comes from.
    Facility,
    /// The host.
    Source,
    /// The program.
    AppName,
    /// Process id or name.
    Procid,
    /// Type of message.
    Msgid,
    /// The text.
    Message,
    /// A tag; an event has any number.
    Tag,
    /// The identity.
    Uid,
    /// Name of the listener.
    Listener,
    /// What carried the line.
    Transport,
    /// Address of the peer, without its port.
    Peer,
    /// The verified name in the peer's certificate.
    TlsName,
    /// What was wrong with the line; an event has any number.
    Defect,
    /// The shape of the message ([`crate::shape`]), by its 16 digits.
    Shape,
    /// A custom field of this name, or `SD-ID.PARAM-NAME` of structured data, or a
    /// trusted field (`_PID`). Case counts. An event has any number of values.
    Custom(String),
}

/// One line of the table of core fields.
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// The name that canonical texts and results use.
    pub name: &'static str,
    /// Other names that a query may use.
    pub aliases: &'static [&'static str],
    /// What it is, for the reference.
    pub about: &'static str,
}

/// All core fields. Names are accepted in any case.
pub static FIELDS: [FieldInfo; 17] = [
    info(
        Field::Time,
        "_time",
        &["timegenerated"],
        "when loggr received the event; stores keep and sort events by this time",
    ),
    info(Field::Timereported, "timereported", &[], "when the event happened, as the sender wrote it"),
    info(
        Field::Severity,
        "severity",
        &["level"],
        "`emerg` `alert` `crit` `err` `warning` `notice` `info` `debug`; `>` means more severe; a number \
         from 0 to 7 stands for one severity and cannot be compared: `severity:3` is `err`",
    ),
    info(
        Field::Facility,
        "facility",
        &[],
        "which part of the system the event comes from: `kern`, `user`, … `local7`, or a number from 0 to \
         23",
    ),
    info(Field::Source, "source", &["host", "hostname"], "name of the host that wrote the event"),
    info(Field::AppName, "app_name", &["app", "programname"], "name of the program that wrote the event"),
    info(Field::Procid, "procid", &["pid"], "id or name of the process that wrote the event"),
    info(Field::Msgid, "msgid", &[], "type of the message (MSGID of RFC 5424)"),
    info(Field::Message, "message", &["msg"], "text of the event; it is searched by words, not as a whole"),
    info(Field::Tag, "tag", &["tags"], "one of the event's tags"),
    info(Field::Uid, "uid", &[], "identity of the event, a UUID"),
    info(Field::Listener, "listener", &[], "name of the listener that received the event"),
    info(
        Field::Transport,
        "transport",
        &[],
        "how the event came: `relp` `tcp` `udp` `unix-dgram` `unix-stream` `journal` `kernel` `file` `http` `upload` `harvest` `amqp` `internal`",
    ),
    info(Field::Peer, "peer", &[], "address from which the event came, without the port"),
    info(Field::TlsName, "tls_name", &[], "the name in the sender's TLS certificate, if loggr verified it"),
    info(
        Field::Defect,
        "defect",
        &["defects"],
        "what was wrong with the received line, such as `no_timestamp` or `not_utf8`",
    ),
    info(
        Field::Shape,
        "shape",
        &[],
        "the shape of the message: the 16 hexadecimal digits that answers give it",
    ),
];

const fn info(
    field: Field,
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
) -> FieldInfo {
    FieldInfo { field, name, aliases, about }
}

/// What stands before the name of a custom field that has the name of a core field.
pub const CUSTOM_PREFIX: &str = "fields.";

impl Field {
    /// The field of a name: a core field by name or alias, in any case, else a custom
    /// one. `fields.NAME` is always the custom field NAME.
    pub fn from_name(name: &str) -> Field {
        if let Some(custom) = name.strip_prefix(CUSTOM_PREFIX).filter(|n| !n.is_empty()) {
            return Field::Custom(custom.to_owned());
        }
        Field::core(name).unwrap_or_else(|| Field::Custom(name.to_owned()))
    }

    fn core(name: &str) -> Option<Field> {
        let hit = |n: &str| n.eq_ignore_ascii_case(name);
        FIELDS.iter().find(|i| hit(i.name) || i.aliases.iter().any(|a| hit(a))).map(|i| i.field.clone())
    }

    /// The name that results show: for a core field that of the table, for a custom field its own
    /// name.
    pub fn name(&self) -> &str {
        match self {
            Field::Custom(name) => name,
            core => FIELDS.iter().find(|i| i.field == *core).map_or("", |i| i.name),
        }
    }
}

/// Can this character stand in a field name without an escape? (The first one has
/// fewer choices: [`starts_name`].)
pub(super) fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/')
}

/// Can a field name begin with this character?
pub(super) fn starts_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@')
}

impl fmt::Display for Field {
    /// The name as a query text has it, with escapes where needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        if let Field::Custom(name) = self {
            let plain = name.chars().next().is_some_and(starts_name);
            if !plain || Field::core(name).is_some() || name.starts_with(CUSTOM_PREFIX) {
                f.write_str(CUSTOM_PREFIX)?;
            }
        }
        for c in name.chars() {
            if !in_name(c) {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Field, printed: &str) {
        let field = Field::from_name(name);
        assert_eq!(field, expect);
        assert_eq!(field.to_string(), printed);
    }

    #[test]
    fn names() {
        check("host", Field::Source, "source");
        check("Hostname", Field::Source, "source");
        check("app", Field::AppName, "app_name");
        check("timegenerated", Field::Time, "_time");
        check("level", Field::Severity, "severity");
        check("fields.level", Field::Custom("level".into()), "fields.level");
        check("fields.status", Field::Custom("status".into()), "status");
        check("fields.fields.x", Field::Custom("fields.x".into()), "fields.fields.x");
        check("fields.", Field::Custom("fields.".into()), "fields.fields.");
        check("fields.0", Field::Custom("0".into()), "fields.0");
        check("Status", Field::Custom("Status".into()), "Status");
        check("user name", Field::Custom("user name".into()), "user\\ name");
        check("origin.ip", Field::Custom("origin.ip".into()), "origin.ip");
    }

    #[test]
    fn no_name_means_two_fields() {
        let names: Vec<&str> =
            FIELDS.iter().flat_map(|i| [i.name].into_iter().chain(i.aliases.iter().copied())).collect();
        for info in &FIELDS {
            assert_eq!(Field::from_name(info.name), info.field);
            assert_eq!(info.field.name(), info.name);
        }
        for name in &names {
            assert_eq!(names.iter().filter(|n| n == &name).count(), 1, "`{name}`");
        }
    }
}
