//! Fields that somebody may not see: neither in an event, nor by asking for them.
//!
//! A query that hides them ([`Query::hiding`]) means what it would mean if the events had no such
//! fields: a test on one never passes, and text without a field does not look at their values. So
//! nothing about a value can be found out by trying. An event is shown without them ([`Hidden::strip`]).
//!
//! Not hidden is what stands elsewhere, too: a message that holds the same value shows it, unless
//! `message` itself is hidden. Whoever lists fields or values asks [`Hidden::hides`] first.

use std::borrow::Cow;
use std::sync::Arc;

use loggr_event::{Defects, Event, Origin};

use super::ast::{Node, Query, Scope};
use super::field::Field;
use crate::{ErrorKind, StoreError};

/// A set of fields that somebody may not see. Clones share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hidden {
    /// Sorted.
    fields: Arc<[Field]>,
}

impl Hidden {
    /// The fields of these names, as a query would write them.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for a field that every event has: a time, the severity, the facility, the
    /// transport, the uid.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Hidden, StoreError> {
        let mut fields = Vec::new();
        for name in names {
            let field = Field::from_name(name.as_ref());
            if matches!(
                field,
                Field::Time
                    | Field::Timereported
                    | Field::Severity
                    | Field::Facility
                    | Field::Transport
                    | Field::Uid
            ) {
                let what = format!("the field `{}` cannot be hidden: every event has it", name.as_ref());
                return Err(StoreError::new(ErrorKind::Refused, what));
            }
            fields.push(field);
        }
        fields.sort_unstable();
        fields.dedup();
        Ok(Hidden { fields: fields.into() })
    }

    /// Is nothing hidden?
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, sorted.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Is this field hidden?
    pub fn hides(&self, field: &Field) -> bool {
        self.fields.binary_search(field).is_ok()
    }

    /// The names of those that are no core fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|field| match field {
            Field::Custom(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Is the custom or trusted field of this name hidden?
    pub(crate) fn hides_name(&self, name: &str) -> bool {
        self.names().any(|hidden| hidden == name)
    }

    /// Is the SD-PARAM hidden?
    pub(crate) fn hides_param(&self, id: &str, param: &str) -> bool {
        self.names()
            .any(|hidden| hidden.strip_prefix(id).and_then(|rest| rest.strip_prefix('.')) == Some(param))
    }

    /// What both hide.
    fn with(&self, other: &Hidden) -> Hidden {
        let mut fields: Vec<Field> = self.fields.iter().chain(other.fields.iter()).cloned().collect();
        fields.sort_unstable();
        fields.dedup();
        Hidden { fields: fields.into() }
    }

    /// The event without the fields. Where anything is hidden, the received line and the seal over the
    /// whole event are left out, too: the line may show what is hidden, and nobody can check the seal.
    pub fn strip<'a>(&self, mut event: Event<'a>) -> Event<'a> {
        if self.is_empty() {
            return event;
        }
        event.raw = None;
        event.hmac = None;
        event.timehmac = None;
        event.fields.retain(|field| !self.hides_name(&field.name));
        event.trusted.retain(|field| !self.hides_name(&field.name));
        for element in &mut event.structured_data {
            element.params.retain(|param| !self.hides_param(&element.id, &param.name));
        }
        let mut origin = event.origin.take().map(Cow::into_owned);
        for field in self.fields.iter() {
            match field {
                Field::Source => event.source = Cow::Borrowed(""),
                Field::AppName => event.app_name = Cow::Borrowed(""),
                Field::Procid => event.procid = Cow::Borrowed(""),
                Field::Msgid => event.msgid = Cow::Borrowed(""),
                Field::Message => event.message = Cow::Borrowed(""),
                Field::Tag => event.tags.clear(),
                Field::Defect => event.defects = Defects::default(),
                Field::Listener | Field::Peer | Field::TlsName => {
                    if let Some(origin) = &mut origin {
                        strip_origin(origin, field);
                    }
                }
                // Refused above, or done.
                Field::Time
                | Field::Timereported
                | Field::Severity
                | Field::Facility
                | Field::Transport
                | Field::Uid
                | Field::Custom(_) => {}
            }
        }
        event.origin = origin.map(Cow::Owned);
        event
    }
}

fn strip_origin(origin: &mut Origin, field: &Field) {
    match field {
        Field::Listener => origin.listener.clear(),
        Field::Peer => origin.peer.clear(),
        _ => origin.tls_name = None,
    }
}

impl Query {
    /// The query of somebody who may not see these fields. Restrictions that are not his own, such as
    /// a filter of his role, are added behind it with [`Query::and`], and may look at them.
    ///
    /// The text of a query does not tell what it hides: it is that of a query that hides nothing.
    pub fn hiding(&self, hidden: &Hidden) -> Query {
        match hidden.is_empty() {
            true => self.clone(),
            false => Query { root: hide(&self.root, hidden) },
        }
    }
}

/// No event.
fn never() -> Node {
    Node::Not(Box::new(Node::All))
}

fn hide(node: &Node, hidden: &Hidden) -> Node {
    let all = |parts: &[Node]| parts.iter().map(|part| hide(part, hidden)).collect::<Vec<_>>();
    match node {
        Node::And(parts) => Node::and(all(parts)),
        Node::Or(parts) => Node::or(all(parts)),
        Node::Not(inner) => Node::negate(hide(inner, hidden)),
        Node::Text(Scope::Anywhere, glob) => Node::Text(Scope::Shown(hidden.clone()), glob.clone()),
        Node::Text(Scope::Shown(before), glob) => Node::Text(Scope::Shown(before.with(hidden)), glob.clone()),
        Node::Text(Scope::Message, _) if hidden.hides(&Field::Message) => never(),
        Node::Field(field, _) if hidden.hides(field) => never(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{ALL, NOW_MICROS, events};
    use crate::query::{Matcher, parse};

    fn sets() -> Vec<Hidden> {
        let names: [&[&str]; 6] = [
            &["client_ip", "user"],
            &["msg"],
            &["host", "app", "procid", "msgid", "tag", "defect"],
            &["listener", "peer", "tls_name", "trace_id"],
            &["exampleSDID@32473.eventSource", "why@1.2.text", "origin.ip", "_PID", "fields.host"],
            &["note", "role", "path", "status", "message"],
        ];
        names.iter().map(|names| Hidden::new(*names).unwrap()).collect()
    }

    /// To ask while hiding is to ask of what is shown.
    #[test]
    fn a_query_sees_what_an_event_shows() {
        let events = events();
        let mut differ = 0;
        for hidden in sets() {
            let shown: Vec<Event<'_>> = events.iter().map(|e| hidden.strip(e.clone())).collect();
            for text in ALL.iter().flat_map(|(_, cases)| cases.iter()).map(|(text, _)| *text) {
                let query = parse(text).unwrap();
                let plain = Matcher::new(&query, NOW_MICROS);
                let hiding = Matcher::new(&query.hiding(&hidden), NOW_MICROS);
                for (event, shown) in events.iter().zip(&shown) {
                    assert_eq!(
                        hiding.matches(event),
                        plain.matches(shown),
                        "`{text}` on {} without {hidden:?}",
                        event.message
                    );
                    differ += usize::from(hiding.matches(event) != plain.matches(event));
                }
            }
        }
        assert!(differ > 1000, "{differ}");
    }

    #[test]
    fn nothing_that_is_hidden_is_shown() {
        let hidden = Hidden::new(["user", "peer", "origin.ip"]).unwrap();
        for event in events() {
            let shown = hidden.strip(event);
            assert!(shown.raw.is_none() && shown.field("user").is_empty());
            assert!(shown.origin.is_none_or(|o| o.peer.is_empty()));
            let origin = shown.structured_data.iter().find(|e| e.id == "origin");
            assert!(origin.is_none_or(|e| e.params.is_empty()));
        }
    }

    #[test]
    fn what_all_events_have_cannot_be_hidden() {
        for name in ["_time", "level", "facility", "uid", "transport", "timereported"] {
            assert_eq!(Hidden::new([name]).unwrap_err().kind(), ErrorKind::Refused, "{name}");
        }
        assert!(Hidden::new(["fields.level"]).is_ok());
    }

    #[test]
    fn a_filter_of_a_role_may_look_at_what_it_hides() {
        let hidden = Hidden::new(["user"]).unwrap();
        let filter = parse("user:root").unwrap();
        let asked = |text: &str| parse(text).unwrap().hiding(&hidden).and(filter.clone());
        let count = |query: Query| events().iter().filter(|e| query.matches(e, NOW_MICROS)).count();
        assert_eq!(count(asked("")), 8);
        assert_eq!(count(asked("user:root")), 0);
        assert_eq!(count(asked("-user:*")), 8);
        assert_eq!(asked("user:root").hiding(&hidden), asked("user:root").hiding(&hidden));
    }

    #[track_caller]
    fn check_fields(text: &str, expect: &[&str]) {
        let fields = parse(text).unwrap().fields();
        let expect: Vec<Field> = expect.iter().map(|name| Field::from_name(name)).collect();
        assert_eq!(fields, expect, "`{text}`");
    }

    #[test]
    fn every_field_that_a_query_names() {
        check_fields("failed \"a b\" un* *x*", &[]);
        check_fields(
            "a:1 b:>2 c:[1 TO 2] d:10.0.0.0/8 e:* f:x* g:/x/ h:\"\"",
            &["a", "b", "c", "d", "e", "f", "g", "h"],
        );
        check_fields("-(a:1 OR -(b:2 c:3))", &["a", "b", "c"]);
        check_fields(
            "msg:x msg:/x/ host:a app:b pid:1 msgid:c tag:d",
            &["msg", "host", "app", "pid", "msgid", "tag"],
        );
        check_fields(
            "severity:err facility:kern _time:5m timereported:1h",
            &["severity", "facility", "_time", "timereported"],
        );
        check_fields(
            "uid:x listener:a transport:tcp peer:b tls_name:c defect:d",
            &["uid", "listener", "transport", "peer", "tls_name", "defect"],
        );
        check_fields("origin.ip:1 fields.host:x a:1 a:2", &["origin.ip", "fields.host", "a"]);
        check_fields("a:(1 OR 2 OR -3)", &["a"]);
        // What every event meets is no part of a query.
        check_fields("severity:* severity:>=debug", &[]);
    }
}
