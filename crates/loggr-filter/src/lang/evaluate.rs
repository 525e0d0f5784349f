//! Runs a compiled filter on one event.
//!
//! Invariants: no value of an event makes it fail, and it always comes to an end: there are
//! no loops, and engines bound themselves.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use loggr_event::{Event, MAX_FIELDS, MAX_TAGS, Timestamp};

use super::ast::Comparison;
use super::counters::{Counters, Step};
use super::node::{Called, Check, Node, Test, Values, Write};
use crate::engines::{Call, Outcome};
use crate::field::{ASSIGN_TAG, CoreField, MAX_VALUE_BYTES};

/// How a block ended.
pub(super) enum Flow {
    On,
    Stop,
    Drop(usize),
}

/// One event on its way through a filter.
pub(super) struct Run<'x, 'e> {
    pub event: &'x mut Event<'e>,
    pub now: Timestamp,
    pub counters: &'x mut Counters,
    /// Measure the time of each rule.
    pub timed: bool,
    pub trace: Option<&'x mut dyn FnMut(&Step<'_>)>,
    /// The route that was chosen last.
    pub route: Option<usize>,
    /// A call in the condition of the rule at hand failed.
    pub failed: Option<&'static str>,
    /// Something may have changed the event.
    pub changed: bool,
}

impl<'e> Run<'_, 'e> {
    pub fn block(&mut self, nodes: &'e [Node]) -> Flow {
        for node in nodes {
            match self.node(node) {
                Flow::On => {}
                end => return end,
            }
        }
        Flow::On
    }

    fn node(&mut self, node: &'e Node) -> Flow {
        match node {
            Node::If(branches, otherwise) => {
                for (rule, check, inner) in branches {
                    let condition = |run: &mut Self| match run.holds(check) {
                        true => Outcome::Did,
                        false => run.failed.map_or(Outcome::Nothing, Outcome::Failed),
                    };
                    if self.counted(*rule, condition) {
                        return self.block(inner);
                    }
                }
                return self.block(otherwise);
            }
            Node::Assign(rule, target, parts) => {
                self.changing(*rule, |run| run.assign(target, parts));
            }
            Node::Tags(rule, add, values) => {
                self.changing(*rule, |run| run.tags(*add, values));
            }
            Node::Delete(rule, target) => {
                self.changing(*rule, |run| run.delete(target));
            }
            Node::Rename(rule, from, to) => {
                self.changing(*rule, |run| run.rename(from, to));
            }
            Node::Call(rule, called) => {
                self.counted(*rule, |run| run.call(called));
            }
            Node::Block(inner) => return self.block(inner),
            Node::Drop(rule) => {
                self.counted(*rule, |_| Outcome::Did);
                return Flow::Drop(*rule);
            }
            Node::Stop(rule) => {
                self.counted(*rule, |_| Outcome::Did);
                return Flow::Stop;
            }
        }
        Flow::On
    }

    /// Runs a rule that changes the event, unless it does nothing.
    fn changing(&mut self, rule: usize, work: impl FnOnce(&mut Self) -> Outcome) {
        self.counted(rule, |run| {
            let outcome = work(run);
            run.changed |= outcome != Outcome::Nothing;
            outcome
        });
    }

    /// Runs one rule, counts what it did, tells the trace.
    fn counted(&mut self, rule: usize, work: impl FnOnce(&mut Self) -> Outcome) -> bool {
        let before = self.trace.is_some().then(|| self.event.clone());
        let start = self.timed.then(Instant::now);
        self.failed = None;
        let outcome = work(self);
        let failed = self.failed.is_some();
        if let Outcome::Failed(tag) = outcome {
            self.mark(tag);
        }
        self.counters.count(rule, outcome, failed, start.map(|s| s.elapsed()));
        if let (Some(before), Some(trace)) = (before, &mut self.trace) {
            trace(&Step { rule, outcome, before: &before, after: self.event });
        }
        outcome == Outcome::Did
    }

    fn holds(&mut self, check: &'e Check) -> bool {
        match check {
            Check::Any(all) => all.iter().any(|c| self.holds(c)),
            Check::All(all) => all.iter().all(|c| self.holds(c)),
            Check::Not(inner) => !self.holds(inner),
            Check::Code(field, comparison, code) => has_code(self.event, *field, *comparison, *code),
            Check::Call(called) => match self.call(called) {
                Outcome::Did => true,
                Outcome::Nothing => false,
                Outcome::Failed(tag) => {
                    self.mark(tag);
                    self.failed = Some(tag);
                    false
                }
            },
            Check::Test(values, test) => is(self.event, values, test),
        }
    }

    /// Adds the tag of a failure to the event, if there is room for a tag.
    fn mark(&mut self, tag: &'static str) {
        if self.event.tags.len() < MAX_TAGS {
            self.event.add_tag(tag);
        }
    }

    /// Whether the event has room for a custom field of this name.
    fn has_room(&self, name: &str) -> bool {
        self.event.fields.len() < MAX_FIELDS || !self.event.field(name).is_empty()
    }

    fn call(&mut self, called: &'e Called) -> Outcome {
        // Nearly every engine looks at one value.
        let mut one = [None];
        let more: Vec<Option<Cow<'e, str>>>;
        let operands: &[Option<Cow<'e, str>>] = match called.operands.as_slice() {
            [] => &[],
            [only] => {
                one[0] = first(only, self.event);
                &one
            }
            several => {
                more = several.iter().map(|v| first(v, self.event)).collect();
                &more
            }
        };
        let mut call = Call { event: self.event, operands, now: self.now, pass: &mut self.counters.pass };
        let outcome = called.engine.run(&mut call);
        if outcome == Outcome::Did && called.route.is_some() {
            self.route = called.route;
        }
        // A failure gives a tag.
        self.changed |= matches!(outcome, Outcome::Failed(_)) || called.engine.may_change(outcome);
        outcome
    }

    fn assign(&mut self, target: &'e Write, parts: &'e [Values]) -> Outcome {
        let value = match parts {
            [one] => first(one, self.event),
            several => {
                let parts: Vec<_> = several.iter().filter_map(|p| first(p, self.event)).collect();
                if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_VALUE_BYTES {
                    return Outcome::Failed(ASSIGN_TAG);
                }
                (!parts.is_empty()).then(|| Cow::Owned(parts.concat()))
            }
        };
        // A field that is not there assigns nothing: what was there stays.
        let Some(value) = value else { return Outcome::Nothing };
        if value.len() > MAX_VALUE_BYTES {
            return Outcome::Failed(ASSIGN_TAG);
        }
        self.write(target, value)
    }

    fn write(&mut self, target: &'e Write, value: Cow<'e, str>) -> Outcome {
        match target {
            Write::Core(field) => match field.write(self.event, value) {
                true => Outcome::Did,
                false => Outcome::Failed(ASSIGN_TAG),
            },
            Write::Custom(name) if !self.has_room(name) => Outcome::Failed(ASSIGN_TAG),
            Write::Custom(name) => {
                self.event.set_field(name.as_str(), value);
                Outcome::Did
            }
        }
    }

    fn tags(&mut self, add: bool, values: &'e [Values]) -> Outcome {
        let (mut did, mut full) = (false, false);
        for value in values {
            let all: Vec<Cow<'e, str>> = match value {
                Values::Custom(name) => self.event.field(name).to_vec(),
                other => first(other, self.event).into_iter().collect(),
            };
            for tag in all.into_iter().filter(|t| !t.is_empty()) {
                // The last place is kept for the tag that says that there was no room.
                if add && self.event.tags.len() + 1 >= MAX_TAGS && !self.event.has_tag(&tag) {
                    full = true;
                    continue;
                }
                did |= if add { self.event.add_tag(tag) } else { self.event.remove_tag(&tag) };
            }
        }
        match (full, did) {
            (true, _) => Outcome::Failed(ASSIGN_TAG),
            (false, true) => Outcome::Did,
            (false, false) => Outcome::Nothing,
        }
    }

    fn delete(&mut self, target: &Write) -> Outcome {
        let there = match target {
            Write::Custom(name) => self.event.remove_field(name).is_some(),
            Write::Core(field) => {
                !field.read(self.event).is_empty() && field.write(self.event, Cow::Borrowed(""))
            }
        };
        if there { Outcome::Did } else { Outcome::Nothing }
    }

    fn rename(&mut self, from: &Write, to: &'e Write) -> Outcome {
        let values: Vec<Cow<'e, str>> = match from {
            Write::Custom(name) => match self.event.remove_field(name) {
                Some(values) => values,
                None => return Outcome::Nothing,
            },
            Write::Core(field) => {
                let value = field.read(self.event);
                if value.is_empty() {
                    return Outcome::Nothing;
                }
                if let Write::Custom(name) = to
                    && !self.has_room(name)
                {
                    return Outcome::Failed(ASSIGN_TAG);
                }
                field.write(self.event, Cow::Borrowed(""));
                vec![value]
            }
        };
        match to {
            Write::Custom(name) => {
                self.event.remove_field(name);
                for value in values {
                    self.event.add_field_value(name.as_str(), value);
                }
                Outcome::Did
            }
            Write::Core(_) => {
                let mut values = values.into_iter();
                let outcome = values
                    .next()
                    .map_or(Outcome::Nothing, |v| self.write(to, v.clone()).or_back(self.event, from, v));
                // A core field has one value; the others keep the old name.
                if let Write::Custom(name) = from {
                    for value in values {
                        self.event.add_field_value(name.clone(), value);
                    }
                }
                outcome
            }
        }
    }
}

/// Whether a condition that calls no engine is true for an event; the event is not changed.
pub(super) fn holds_still(check: &Check, event: &Event<'_>) -> bool {
    match check {
        Check::Any(all) => all.iter().any(|c| holds_still(c, event)),
        Check::All(all) => all.iter().all(|c| holds_still(c, event)),
        Check::Not(inner) => !holds_still(inner, event),
        Check::Code(field, comparison, code) => has_code(event, *field, *comparison, *code),
        Check::Test(values, test) => is(event, values, test),
        Check::Call(_) => false,
    }
}

fn has_code(event: &Event<'_>, field: CoreField, comparison: Comparison, code: u8) -> bool {
    let (mine, theirs) = match field {
        // The lower the code, the more severe.
        CoreField::Severity => (i16::from(code), i16::from(event.severity.code())),
        _ => (i16::from(event.facility.code()), i16::from(code)),
    };
    comparison.holds(mine.cmp(&theirs))
}

fn is(event: &Event<'_>, values: &Values, test: &Test) -> bool {
    match test {
        Test::Present => any(values, event, |v, _| !v.is_empty()),
        Test::InTags => any(values, event, |v, _| event.has_tag(v)),
        Test::InFields => any(values, event, |v, _| !event.field(v).is_empty()),
        Test::InNetworks(networks) => any(values, event, |v, _| {
            v.trim().parse::<IpAddr>().is_ok_and(|ip| networks.iter().any(|n| n.contains(ip)))
        }),
        Test::Matches(regex) => any(values, event, |v, _| regex.is_match(v)),
        Test::IsCode(field) => {
            let mine = match field {
                CoreField::Severity => event.severity.code(),
                _ => event.facility.code(),
            };
            any(values, event, |v, _| field.code(v) == Some(mine))
        }
        Test::Compare(comparison, other) => {
            let times = values.is_time() || other.is_time();
            any(values, event, |left, l| {
                any(other, event, |right, r| compare(*comparison, (left, l), (right, r), times))
            })
        }
    }
}

trait OrBack<'e> {
    fn or_back(self, event: &mut Event<'e>, from: &Write, value: Cow<'e, str>) -> Outcome;
}

impl<'e> OrBack<'e> for Outcome {
    /// Writes a value under its new name, or, if that fails, under the old one.
    fn or_back(self, event: &mut Event<'e>, from: &Write, value: Cow<'e, str>) -> Outcome {
        if let (Outcome::Failed(_), Write::Custom(name)) = (self, from) {
            event.add_field_value(name.clone(), value);
        } else if let (Outcome::Failed(_), Write::Core(field)) = (self, from) {
            field.write(event, value);
        }
        self
    }
}

/// Is there a value for which `holds` is true? A core field has one, perhaps empty.
fn any(values: &Values, event: &Event<'_>, mut holds: impl FnMut(&str, Option<f64>) -> bool) -> bool {
    match values {
        Values::Text(text, number) => holds(text, *number),
        Values::Custom(name) => event.field(name).iter().any(|v| holds(v, None)),
        Values::Core(CoreField::Message) => holds(&event.message, None),
        Values::Core(CoreField::AppName) => holds(&event.app_name, None),
        Values::Core(CoreField::Source) => holds(&event.source, None),
        Values::Core(CoreField::ProgramName) => holds(event.programname(), None),
        Values::Core(field) => holds(&field.read(event), None),
    }
}

/// The first value; `None` where a custom field is not there.
fn first<'e>(values: &'e Values, event: &Event<'e>) -> Option<Cow<'e, str>> {
    match values {
        Values::Text(text, _) => Some(Cow::Borrowed(text)),
        Values::Custom(name) => event.field(name).first().cloned(),
        Values::Core(field) => Some(field.read(event)),
    }
}

fn compare(
    comparison: Comparison,
    left: (&str, Option<f64>),
    right: (&str, Option<f64>),
    times: bool,
) -> bool {
    let number = |(text, number): (&str, Option<f64>)| number.or_else(|| text.trim().parse().ok());
    if times {
        let time = |text: &str| Timestamp::parse_rfc3339(text.as_bytes()).map(|t| t.unix_micros());
        return match (time(left.0), time(right.0)) {
            (Some(left), Some(right)) => comparison.holds(left.cmp(&right)),
            _ => false,
        };
    }
    let written_as_number = left.1.is_some() || right.1.is_some();
    if comparison == Comparison::Equal && !written_as_number {
        return left.0 == right.0;
    }
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right).is_some_and(|o| comparison.holds(o)),
        _ => !written_as_number && comparison.holds(left.0.cmp(right.0)),
    }
}
