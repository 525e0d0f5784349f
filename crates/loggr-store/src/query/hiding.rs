//! Queries of somebody who may not see some fields.
//!
//! Such a query means what it would mean if the events had no such fields: a test on one never
//! passes, and text without a field does not look at their values. So nothing about a value can be
//! found out by trying. Not here: how an event is shown without them (`hidden`).

use super::ast::{Node, Query, Scope};
use super::field::Field;
use super::hidden::Hidden;

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
        // A shape is what is left of the message.
        Node::Field(Field::Shape, _) if hidden.hides(&Field::Message) => never(),
        Node::Field(field, _) if hidden.hides(field) => never(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use loggr_event::Event;

    use super::*;
    use crate::ErrorKind;
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
