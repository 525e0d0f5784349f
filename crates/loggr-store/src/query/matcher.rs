//! Decides whether an event matches a query. Live tail uses it, and stores are tested against it.
//!
//! Compiled once from a query and a time, then asked for each event. It folds the texts
//! of an event at most once, and only if the query searches text.
//!
//! Invariant: a store's executor and this agree on every event.

use std::cell::OnceCell;
use std::ops::Range;

use loggr_event::Event;

use super::ast::{FacilitySet, Glob, Node, Query, Scope, SeveritySet, Test};
use super::field::Field;
use super::hidden::Hidden;
use super::pattern::Pattern;
use super::time::{Clock, Span};
use super::value::parse_ip;
use crate::tokens::{self, Finder};

/// A query made ready for asking about many events.
#[derive(Clone, Debug)]
pub struct Matcher {
    span: Span,
    step: Step,
}

/// A [`Node`] with its finders built.
#[derive(Clone, Debug)]
enum Step {
    All,
    And(Vec<Step>),
    Or(Vec<Step>),
    Not(Box<Step>),
    Text(Scope, Finder),
    Severity(SeveritySet),
    Facility(FacilitySet),
    Time(Clock, Span),
    Field(Field, Test),
}

impl Matcher {
    /// Of a query asked at `now`, in microseconds since 1970.
    pub fn new(query: &Query, now: i64) -> Matcher {
        let resolved = query.resolve(now);
        Matcher { span: resolved.span, step: Step::new(&resolved.filter, now) }
    }

    /// Does the event meet the query?
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.span.contains(event.timegenerated.unix_micros())
            && self.step.matches(&View { event, message: OnceCell::new(), values: OnceCell::new() })
    }

    /// The places in a message that the query searches for, as ranges of bytes in
    /// order and without overlap: what a page marks. Excluded words are not in it.
    pub fn highlight(&self, message: &str) -> Vec<Range<usize>> {
        let mut folded = Vec::new();
        tokens::fold_into(&mut folded, message.as_bytes());
        let mut hits = Vec::new();
        self.step.hits(message, &folded, &mut hits);
        hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(hits.len());
        for hit in hits {
            match merged.last_mut() {
                Some(last) if hit.start <= last.end => last.end = last.end.max(hit.end),
                _ => merged.push(hit),
            }
        }
        merged
    }
}

impl Query {
    /// Does one event meet the query, asked at `now` (microseconds since 1970)? For many
    /// events build a [`Matcher`].
    pub fn matches(&self, event: &Event<'_>, now: i64) -> bool {
        Matcher::new(self, now).matches(event)
    }
}

/// An event with its folded texts, made when first needed.
struct View<'e> {
    event: &'e Event<'e>,
    message: OnceCell<Vec<u8>>,
    /// The values of fields and structured data, and where each of them ends.
    values: OnceCell<(Vec<u8>, Vec<usize>)>,
}

impl View<'_> {
    fn message(&self) -> &[u8] {
        self.message.get_or_init(|| {
            let mut folded = Vec::new();
            tokens::fold_into(&mut folded, self.event.message.as_bytes());
            folded
        })
    }

    fn any_value(&self, found: impl Fn(&[u8]) -> bool) -> bool {
        let (buffer, ends) = self.values.get_or_init(|| {
            let (mut buffer, mut ends) = (Vec::new(), Vec::new());
            let fields = self.event.fields.iter().flat_map(|f| &f.values);
            let params = self.event.structured_data.iter().flat_map(|e| &e.params).map(|p| &p.value);
            for value in fields.chain(params) {
                tokens::fold_into(&mut buffer, value.as_bytes());
                ends.push(buffer.len());
            }
            (buffer, ends)
        });
        let mut start = 0;
        ends.iter().any(|&end| {
            let value = buffer.get(start..end).unwrap_or_default();
            start = end;
            found(value)
        })
    }
}

impl Step {
    fn new(node: &Node, now: i64) -> Step {
        match node {
            Node::All => Step::All,
            Node::And(parts) => Step::And(parts.iter().map(|p| Step::new(p, now)).collect()),
            Node::Or(parts) => Step::Or(parts.iter().map(|p| Step::new(p, now)).collect()),
            Node::Not(inner) => Step::Not(Box::new(Step::new(inner, now))),
            Node::Text(scope, glob) => Step::Text(scope.clone(), glob.text_finder()),
            Node::Severity(set) => Step::Severity(*set),
            Node::Facility(set) => Step::Facility(*set),
            Node::Time(clock, range) => Step::Time(*clock, range.span(now)),
            Node::Field(field, test) => Step::Field(field.clone(), test.clone()),
        }
    }

    fn matches(&self, view: &View<'_>) -> bool {
        let event = view.event;
        match self {
            Step::All => true,
            Step::And(parts) => parts.iter().all(|p| p.matches(view)),
            Step::Or(parts) => parts.iter().any(|p| p.matches(view)),
            Step::Not(inner) => !inner.matches(view),
            Step::Text(Scope::Message, finder) => finder.is_match(view.message()),
            Step::Text(Scope::Anywhere, finder) => {
                finder.is_match(view.message()) || view.any_value(|value| finder.is_match(value))
            }
            Step::Text(Scope::Shown(hidden), finder) => {
                (!hidden.hides(&Field::Message) && finder.is_match(view.message()))
                    || shown_values(event, hidden, |value| finder.is_match(value))
            }
            Step::Severity(set) => set.contains(event.severity),
            Step::Facility(set) => set.contains(event.facility),
            Step::Time(Clock::Generated, span) => span.contains(event.timegenerated.unix_micros()),
            Step::Time(Clock::Reported, span) => span.contains(event.timereported.unix_micros()),
            Step::Field(field, test) => field_values(event, field, &mut |value| test.passes(value)),
        }
    }

    fn hits(&self, message: &str, folded: &[u8], hits: &mut Vec<Range<usize>>) {
        match self {
            Step::And(parts) | Step::Or(parts) => parts.iter().for_each(|p| p.hits(message, folded, hits)),
            Step::Text(scope, finder) if scope.has_message() => {
                let mut from = 0;
                while let Some(hit) = finder.find_from(folded, from) {
                    from = hit.end.max(hit.start + 1);
                    hits.push(hit);
                }
            }
            Step::Field(Field::Message, Test::Regex(pattern)) => hits.extend(regex_hits(pattern, message)),
            _ => {}
        }
    }
}

/// Is one of the values of fields and structured data found that are not hidden?
fn shown_values(event: &Event<'_>, hidden: &Hidden, found: impl Fn(&[u8]) -> bool) -> bool {
    let fields = event.fields.iter().filter(|f| !hidden.hides_name(&f.name)).flat_map(|f| &f.values);
    let params = event
        .structured_data
        .iter()
        .flat_map(|e| e.params.iter().filter(|p| !hidden.hides_param(&e.id, &p.name)).map(|p| &p.value));
    fields.chain(params).any(|value| found(tokens::fold(value).as_bytes()))
}

fn regex_hits<'a>(pattern: &'a Pattern, message: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    pattern.regex().find_iter(message.as_bytes()).map(|hit| hit.range()).filter(|range| !range.is_empty())
}

impl Test {
    /// Does one stored value pass?
    pub fn passes(&self, value: &str) -> bool {
        match self {
            Test::Equals(wanted) => wanted.equals(value),
            Test::Range(range) => range.contains(value),
            Test::Network(network) => parse_ip(value).is_some_and(|ip| network.contains(ip)),
            Test::Glob(glob) => glob_passes(glob, value),
            Test::Regex(pattern) => pattern.is_match(value),
            Test::Exists => true,
        }
    }
}

fn glob_passes(glob: &Glob, value: &str) -> bool {
    if value.bytes().any(|b| b.is_ascii_uppercase()) {
        glob.matches_value(tokens::fold(value).as_bytes())
    } else {
        glob.matches_value(value.as_bytes())
    }
}

/// The values of a field, one by one, until `seen` says true; then true.
///
/// A core field that is empty has no value. A custom field's values are those of the
/// field of that name, of the SD-PARAMs whose `SD-ID.PARAM-NAME` it is, and of the
/// trusted field of that name. Times have none here.
pub fn field_values(event: &Event<'_>, field: &Field, seen: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut core = |text: &str| !text.is_empty() && seen(text);
    let origin = event.origin.as_deref();
    match field {
        Field::Time | Field::Timereported => false,
        Field::Severity => core(event.severity.keyword()),
        Field::Facility => core(event.facility.keyword()),
        Field::Source => core(&event.source),
        Field::AppName => core(&event.app_name),
        Field::Procid => core(&event.procid),
        Field::Msgid => core(&event.msgid),
        Field::Message => core(&event.message),
        Field::Tag => event.tags.iter().any(|tag| core(tag)),
        Field::Uid => core(event.uid.write_hyphenated(&mut [0; 36])),
        Field::Listener => origin.is_some_and(|o| core(&o.listener)),
        Field::Transport => origin.is_some_and(|o| core(o.transport.keyword())),
        Field::Peer => origin.is_some_and(|o| core(o.peer_host())),
        Field::TlsName => origin.and_then(|o| o.tls_name.as_deref()).is_some_and(core),
        Field::Defect => event.defects.words().any(core),
        Field::Shape => core(&crate::shape::hash(&event.message).to_string()),
        Field::Custom(name) => custom_values(event, name, seen),
    }
}

fn custom_values(event: &Event<'_>, name: &str, seen: &mut dyn FnMut(&str) -> bool) -> bool {
    for field in &event.fields {
        if field.name == name && field.values.iter().any(|value| seen(value)) {
            return true;
        }
    }
    for element in &event.structured_data {
        let Some(param) = name.strip_prefix(element.id.as_ref()).and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        if element.params.iter().any(|p| p.name == param && seen(&p.value)) {
            return true;
        }
    }
    event.trusted.iter().any(|t| t.name == name && seen(&t.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{ALL, NOW_MICROS, events};
    use crate::query::parse;

    #[track_caller]
    fn check_marks(query: &str, message: &str, expect: &[&str]) {
        let matcher = Matcher::new(&parse(query).unwrap(), 0);
        let marks: Vec<&str> = matcher.highlight(message).into_iter().map(|range| &message[range]).collect();
        assert_eq!(marks, expect, "`{query}` in `{message}`");
    }

    #[test]
    fn what_is_searched_for_is_marked() {
        check_marks("failed password", "Failed password for failed", &["Failed", "password", "failed"]);
        check_marks("\"Failed password\"", "Failed password", &["Failed password"]);
        check_marks("failed -password", "Failed password", &["Failed"]);
        check_marks("un*", "unreachable sun", &["un"]);
        check_marks("conn*fused", "a connection refused b", &["connection refused"]);
        check_marks("msg:/\\d+ms/ OR 12", "12 ms 12ms", &["12", "12ms"]);
        check_marks("*ab* *bc*", "xabcx", &["abc"]);
        check_marks("ab*cd *x*", "é ab é cd x", &["ab é cd", "x"]);
        check_marks("msg:/x*/", "aaa", &[]);
        check_marks("host:a", "a", &[]);
        check_marks("", "a", &[]);
    }

    #[test]
    fn the_canonical_text_finds_the_same_events() {
        let events = events();
        for (text, _) in ALL.iter().flat_map(|(_, cases)| cases.iter()) {
            let query = parse(text).unwrap();
            let canonical = parse(&query.to_string()).unwrap();
            assert_eq!(canonical, query, "`{text}`");
            let denied = Matcher::new(
                &parse(&format!("-({text})")).unwrap_or_else(|_| parse("-*").unwrap()),
                NOW_MICROS,
            );
            let matcher = Matcher::new(&query, NOW_MICROS);
            for event in &events {
                assert_ne!(matcher.matches(event), denied.matches(event), "`{text}` on {}", event.message);
            }
        }
    }

    #[test]
    fn a_word_does_not_reach_from_one_value_into_the_next() {
        let mut event = Event::default();
        for value in ["foo", "bar"] {
            let field = loggr_event::Field { name: value.into(), values: vec![value.into()] };
            event.fields.push(field);
        }
        let matches = |text: &str| parse(text).unwrap().matches(&event, 0);
        assert!(matches("foo bar"));
        assert!(!matches("foobar") && !matches("foo*bar") && !matches("*ob*"));
    }
}
