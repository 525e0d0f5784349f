//! A query made ready for row groups: compiled once, then bound to the index of each.
//!
//! Binding decides, without reading a column, which rows *may* match (`maybe`), and whether they
//! are sure to (`exact`). Invariant: no matching row is outside of `maybe`.

use loggr_event::Facility;

use super::group::Group;
use crate::SearchOptions;
use crate::embedded::index::words::Words;
use crate::embedded::selection::Selection;
use crate::looks::FieldKind;
use crate::query::{Clock, FacilitySet, Field, Node, Query, Scope, SeveritySet, Span, Test};
use crate::tokens::Finder;

/// A query at a time of asking.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) span: Span,
    pub(crate) root: Step,
}

/// A node of the query with all that can be made before any row group is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    All,
    And(Vec<Step>),
    Or(Vec<Step>),
    Not(Box<Step>),
    Text(Scope, Box<TextStep>),
    Severity(SeveritySet),
    Facility(FacilitySet),
    Time(Clock, Span),
    Field(Field, Test),
    /// The message, by regular expression or existence.
    MessageTest(Test),
}

/// Running text: what finds it, and the tokens without which it cannot be there.
#[derive(Clone, Debug)]
pub(crate) struct TextStep {
    pub(crate) finder: Finder,
    /// Bytes that every match holds.
    pieces: Vec<String>,
    needs: Vec<Need>,
}

/// A folded piece of text and whether its ends are ends of tokens.
#[derive(Clone, Debug)]
struct Need {
    text: String,
    at_start: bool,
    at_end: bool,
}

impl TextStep {
    /// Can a value of this type hold it? Numbers and addresses are made of few letters.
    pub(crate) fn fits_kind(&self, kind: FieldKind) -> bool {
        let may_hold = |byte: u8| match kind {
            FieldKind::Integer => byte.is_ascii_digit() || byte == b'-',
            FieldKind::Float => byte.is_ascii_digit() || matches!(byte, b'-' | b'.'),
            FieldKind::Ip4 => byte.is_ascii_digit() || byte == b'.',
            FieldKind::Ip => byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'),
            FieldKind::Word | FieldKind::Text => true,
        };
        self.pieces.iter().flat_map(|piece| piece.bytes()).all(may_hold)
    }

    fn blocks(&self, words: Option<Words<'_>>) -> u64 {
        let Some(words) = words else { return !0 };
        if words.is_empty() && !self.needs.is_empty() {
            return 0;
        }
        let block = |n: &Need| words.blocks(n.text.as_bytes(), n.at_start, n.at_end);
        self.needs.iter().fold(!0, |mask, need| if mask == 0 { 0 } else { mask & block(need) })
    }
}

impl Plan {
    pub(crate) fn new(query: &Query, options: &SearchOptions) -> Plan {
        let resolved = query.resolve(options.now);
        Plan { span: options.within(resolved.span), root: Step::new(&resolved.filter, options.now) }
    }
}

impl Step {
    fn new(node: &Node, now: i64) -> Step {
        match node {
            Node::All => Step::All,
            Node::And(parts) => Step::And(parts.iter().map(|p| Step::new(p, now)).collect()),
            Node::Or(parts) => Step::Or(parts.iter().map(|p| Step::new(p, now)).collect()),
            Node::Not(inner) => Step::Not(Box::new(Step::new(inner, now))),
            Node::Text(scope, glob) => {
                let needs = glob.text_needs();
                let needs = needs.iter().map(|n| Need {
                    text: n.text.to_owned(),
                    at_start: n.at_start,
                    at_end: n.at_end,
                });
                let pieces = glob.pieces().to_vec();
                let text = TextStep { finder: glob.text_finder(), pieces, needs: needs.collect() };
                Step::Text(scope.clone(), Box::new(text))
            }
            Node::Severity(set) => Step::Severity(*set),
            Node::Facility(set) => Step::Facility(*set),
            Node::Time(clock, range) => Step::Time(*clock, range.span(now)),
            Node::Field(Field::Message, test) => Step::MessageTest(test.clone()),
            Node::Field(field, test) => Step::Field(field.clone(), test.clone()),
        }
    }

    /// What it costs to decide it row by row, roughly.
    fn cost(&self) -> u32 {
        match self {
            Step::All => 0,
            Step::Severity(_) | Step::Facility(_) => 1,
            Step::Time(..) => 2,
            Step::Field(Field::Source | Field::AppName, _) => 1,
            Step::Field(Field::Custom(_), _) => 4,
            Step::Field(..) => 3,
            Step::Text(Scope::Message, _) => 20,
            Step::Text(Scope::Anywhere | Scope::Shown(_), _) => 24,
            Step::MessageTest(_) => 30,
            Step::Not(inner) => inner.cost() + 1,
            Step::And(parts) | Step::Or(parts) => parts.iter().map(Step::cost).sum(),
        }
    }
}

/// A step bound to one row group.
pub(crate) struct Bound<'p> {
    pub(crate) step: &'p Step,
    pub(crate) maybe: Selection,
    pub(crate) exact: bool,
    /// Of `And`, `Or`, `Not`; the cheapest first.
    pub(crate) parts: Vec<Bound<'p>>,
    /// Of text anywhere: the rows whose message, and whose fields, may hold it.
    pub(crate) in_message: Selection,
    pub(crate) in_fields: Selection,
}

impl<'p> Bound<'p> {
    pub(crate) fn new(step: &'p Step, group: &Group<'_>) -> Bound<'p> {
        let rows = group.index.rows;
        let mut bound = Bound {
            step,
            maybe: Selection::all(rows),
            exact: false,
            parts: Vec::new(),
            in_message: Selection::none(),
            in_fields: Selection::none(),
        };
        match step {
            Step::All => bound.exact = true,
            Step::And(parts) | Step::Or(parts) => {
                bound.parts = parts.iter().map(|p| Bound::new(p, group)).collect();
                bound.parts.sort_by_key(|p| (!p.exact, p.step.cost()));
                bound.exact = bound.parts.iter().all(|p| p.exact);
                let all = bound.parts.iter().map(|p| &p.maybe);
                bound.maybe = if matches!(step, Step::And(_)) {
                    all.fold(Selection::all(rows), |sum, p| sum.intersect(p))
                } else {
                    all.fold(Selection::none(), |sum, p| sum.union(p))
                };
            }
            Step::Not(inner) => {
                let inner = Bound::new(inner, group);
                bound.exact = inner.exact;
                if inner.exact {
                    bound.maybe = bound.maybe.minus(&inner.maybe);
                }
                bound.parts.push(inner);
            }
            Step::Text(scope, text) => {
                if scope.has_message() {
                    bound.in_message = group.index.rows_of_blocks(text.blocks(group.index.message_words()));
                }
                // The index does not tell fields apart: what is hidden is left out later.
                if scope.has_fields() {
                    bound.in_fields = group.index.rows_of_blocks(text.blocks(group.index.field_words()));
                }
                bound.maybe = bound.in_message.union(&bound.in_fields);
            }
            Step::Severity(set) => bound.decide(set.bits() == u8::MAX, set.bits() == 0),
            Step::Facility(set) => {
                let every = FacilitySet::of(|_: Facility| true).bits();
                bound.decide(set.bits() == every, set.bits() == 0);
            }
            Step::Time(Clock::Generated, span) => {
                let (low, high) = (group.index.min_time, group.index.max_time);
                let outside = high < span.from || (low >= span.until && span.until != i64::MAX);
                bound.decide(span.contains(low) && span.contains(high), outside);
            }
            Step::Time(Clock::Reported, _) => {}
            Step::Field(field @ (Field::AppName | Field::Source), test) => {
                if let Some(runs) = group.runs() {
                    let by_app = *field == Field::AppName;
                    bound.maybe = runs.select(by_app, |value| !value.is_empty() && test.passes(value));
                    bound.exact = true;
                }
            }
            Step::Field(Field::Custom(name), test) => bound.bind_custom(name, test, group),
            Step::Field(Field::Shape, test) => bound.bind_shape(test, group),
            Step::Field(..) => {}
            Step::MessageTest(test) => {
                if let Test::Regex(pattern) = test {
                    let mask = group.index.message_words().map_or(!0, |words| {
                        pattern.required().iter().fold(!0, |mask, literal| {
                            if mask == 0 { 0 } else { mask & words.blocks(literal.as_bytes(), false, false) }
                        })
                    });
                    bound.maybe = group.index.rows_of_blocks(mask);
                }
            }
        }
        if bound.maybe.is_empty() {
            bound.exact = true;
        }
        bound
    }

    fn decide(&mut self, all: bool, none: bool) {
        self.exact = all || none;
        if none {
            self.maybe = Selection::none();
        }
    }

    fn bind_shape(&mut self, test: &Test, group: &Group<'_>) {
        let (Test::Equals(value), true) = (test, group.head.has_shapes) else { return };
        if let (Ok(id), Some(shapes)) = (value.text().parse(), group.index.shapes()) {
            let held = shapes.count(id);
            self.decide(held == group.index.rows, held == 0);
        }
    }

    fn bind_custom(&mut self, name: &str, test: &Test, group: &Group<'_>) {
        let Some(census) = group.census() else { return };
        let known = census.fields.iter().find(|f| f.name == name);
        if !census.incomplete && known.is_none() {
            return self.decide(false, true);
        }
        let carried = known.filter(|_| !census.incomplete).map_or(!0, |f| f.blocks);
        self.maybe = group.index.rows_of_blocks(carried);
        // A text that is neither number nor address equals only texts with the same tokens. A regular
        // expression needs its literals.
        let Some(words) = group.index.field_words() else { return };
        let mask = match test {
            Test::Equals(value) if value.number().is_none() && value.ip().is_none() => {
                words.blocks(value.text().as_bytes(), true, true)
            }
            Test::Glob(glob) => {
                let last = glob.pieces().len().saturating_sub(1);
                glob.pieces().iter().enumerate().fold(!0, |mask, (i, piece)| {
                    let start = i == 0 && !glob.open_start();
                    mask & words.blocks(piece.as_bytes(), start, i == last && !glob.open_end())
                })
            }
            Test::Regex(pattern) => {
                pattern.required().iter().fold(!0, |mask, l| mask & words.blocks(l.as_bytes(), false, false))
            }
            _ => !0,
        };
        self.maybe = group.index.rows_of_blocks(carried & mask);
    }
}
