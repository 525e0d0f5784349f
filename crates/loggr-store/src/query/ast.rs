//! The syntax tree of a query, with everything decided that depends on the text alone.
//!
//! Severities and facilities are already sets, patterns compiled, values folded and typed. Times
//! relative to now stay relative until [`Query::resolve`].
//!
//! Invariants: an `And` or `Or` has at least two children, none of its own kind, none
//! `All`, at most one `Severity` and one `Facility`; a `Not` holds none of `Not`,
//! `Severity`, `Facility`; no set is full; every text is folded; the depth is bounded by
//! [`super::MAX_DEPTH`], so recursion over the tree is safe.

use loggr_event::{Facility, Severity};
use loggr_net::Network;

use super::field::Field;
use super::hidden::Hidden;
use super::pattern::Pattern;
use super::time::{Clock, Span, TimeRange};
use super::value::{Range, Value};
use crate::tokens::{self, Finder};

/// A query that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) root: Node,
}

/// A node of the tree: a condition that an event meets or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Every event.
    All,
    /// All of them.
    And(Vec<Node>),
    /// At least one of them.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// Running text, on token bounds: the words without a field, and tests on the message.
    Text(Scope, Glob),
    /// The severity is in the set.
    Severity(SeveritySet),
    /// The facility is in the set.
    Facility(FacilitySet),
    /// The time is in the range.
    Time(Clock, TimeRange),
    /// At least one value of the field passes. Never `Time`, `Timereported`, `Severity`
    /// or `Facility`; of `Message` only `Regex` and `Exists`.
    Field(Field, Test),
}

/// Which texts a [`Node::Text`] looks at. One of them must contain all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The message, the values of custom fields, the values of structured data.
    Anywhere,
    /// The message alone.
    Message,
    /// As anywhere, without these fields; the message may be one of them.
    Shown(Hidden),
}

impl Scope {
    /// Does it look at messages?
    pub(crate) fn has_message(&self) -> bool {
        !matches!(self, Scope::Shown(hidden) if hidden.hides(&Field::Message))
    }

    /// Does it look at values of fields?
    pub(crate) fn has_fields(&self) -> bool {
        *self != Scope::Message
    }

    /// The fields at which it does not look.
    pub(crate) fn hidden(&self) -> Option<&Hidden> {
        match self {
            Scope::Shown(hidden) => Some(hidden),
            Scope::Anywhere | Scope::Message => None,
        }
    }
}

/// A test on one value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Is this value: as numbers, as addresses, else without regard to case.
    Equals(Value),
    /// Lies between.
    Range(Range),
    /// Is an address in the network.
    Network(Network),
    /// The whole value fits, without regard to case. It has at least one `*`.
    Glob(Glob),
    /// Found somewhere in the value.
    Regex(Pattern),
    /// The field is there. An empty core field is not; an empty custom field is.
    Exists,
}

/// Pieces of folded text in a fixed order with `*` between them, perhaps also before
/// and after.
///
/// On running text a closed end must be a token bound; on a field's value it is the end
/// of the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    pieces: Vec<String>,
    open_start: bool,
    open_end: bool,
}

/// A [`Glob`] by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// No `*`: a word or phrase.
    Exact(&'a str),
    /// `a*`
    Prefix(&'a str),
    /// `*a`
    Suffix(&'a str),
    /// `*a*`
    Substring(&'a str),
    /// Two pieces or more.
    General(&'a [String]),
}

/// A token that a text must contain if it matches; for pruning with an index of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenNeed<'a> {
    /// The folded text.
    pub text: &'a str,
    /// The token begins with it, not earlier.
    pub at_start: bool,
    /// The token ends with it, not later.
    pub at_end: bool,
}

impl Glob {
    /// Of pieces in any case; empty ones are left out. At least one must remain.
    pub(super) fn new(pieces: &[impl AsRef<str>], open_start: bool, open_end: bool) -> Option<Glob> {
        let pieces: Vec<String> =
            pieces.iter().map(|p| tokens::fold(p.as_ref())).filter(|p| !p.is_empty()).collect();
        (!pieces.is_empty()).then_some(Glob { pieces, open_start, open_end })
    }

    /// The pieces; never none, never an empty one.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Is there a `*` before the first piece?
    pub fn open_start(&self) -> bool {
        self.open_start
    }

    /// Is there a `*` after the last piece?
    pub fn open_end(&self) -> bool {
        self.open_end
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape<'_> {
        match (self.pieces.as_slice(), self.open_start, self.open_end) {
            ([one], false, false) => Shape::Exact(one),
            ([one], false, true) => Shape::Prefix(one),
            ([one], true, false) => Shape::Suffix(one),
            ([one], true, true) => Shape::Substring(one),
            (several, _, _) => Shape::General(several),
        }
    }

    /// What finds it in running text, on token bounds.
    pub fn text_finder(&self) -> Finder {
        Finder::new(&self.pieces, !self.open_start, !self.open_end)
    }

    /// Does a whole folded value fit?
    pub fn matches_value(&self, folded: &[u8]) -> bool {
        let mut rest = folded;
        let mut pieces = self.pieces.as_slice();
        if !self.open_start
            && let Some((first, others)) = pieces.split_first()
        {
            let Some(after) = rest.strip_prefix(first.as_bytes()) else { return false };
            if others.is_empty() && !self.open_end {
                return after.is_empty();
            }
            (rest, pieces) = (after, others);
        }
        if !self.open_end
            && let Some((last, others)) = pieces.split_last()
        {
            let Some(before) = rest.strip_suffix(last.as_bytes()) else { return false };
            (rest, pieces) = (before, others);
        }
        for piece in pieces {
            let Some(at) = memchr::memmem::find(rest, piece.as_bytes()) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }

    /// The tokens that running text must contain if this is found in it.
    pub fn text_needs(&self) -> Vec<TokenNeed<'_>> {
        let last = self.pieces.len().saturating_sub(1);
        let mut needs = Vec::new();
        for (i, piece) in self.pieces.iter().enumerate() {
            let bounded_start = i == 0 && !self.open_start;
            let bounded_end = i == last && !self.open_end;
            literal_needs(piece, bounded_start, bounded_end, &mut needs);
        }
        needs
    }
}

/// The tokens that a text must contain if it contains `literal` (folded), with bounds at
/// its ends or without.
pub fn literal_needs<'a>(
    literal: &'a str,
    bounded_start: bool,
    bounded_end: bool,
    needs: &mut Vec<TokenNeed<'a>>,
) {
    let mut iter = tokens::tokens(literal.as_bytes());
    while let Some(range) = iter.next_range() {
        let at_start = bounded_start || range.start > 0;
        let at_end = bounded_end || range.end < literal.len();
        if let Some(text) = literal.get(range) {
            needs.push(TokenNeed { text, at_start, at_end });
        }
    }
}

/// A set of severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeveritySet(u8);

impl SeveritySet {
    /// Those for which `keep` says yes.
    pub fn of(keep: impl Fn(Severity) -> bool) -> SeveritySet {
        SeveritySet(Severity::ALL.into_iter().filter(|s| keep(*s)).fold(0, |bits, s| bits | 1 << s.code()))
    }

    /// Is it in the set?
    pub fn contains(self, severity: Severity) -> bool {
        self.bits() & (1 << severity.code()) != 0
    }

    /// Bit `n` stands for the severity of code `n`.
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// A set of facilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FacilitySet(u32);

impl FacilitySet {
    const FULL: u32 = (1 << (Facility::MAX_CODE + 1)) - 1;

    /// Those for which `keep` says yes.
    pub fn of(keep: impl Fn(Facility) -> bool) -> FacilitySet {
        let all = (0..=Facility::MAX_CODE).filter_map(Facility::from_code);
        FacilitySet(all.filter(|f| keep(*f)).fold(0, |bits, f| bits | 1 << f.code()))
    }

    /// Is it in the set?
    pub fn contains(self, facility: Facility) -> bool {
        self.bits() & (1 << facility.code()) != 0
    }

    /// Bit `n` stands for the facility of code `n`.
    pub fn bits(self) -> u32 {
        self.0
    }
}

/// A query at a time of asking: the range of the store's time, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Events outside cannot match.
    pub span: Span,
    /// What else must hold. Its times are all absolute.
    pub filter: Node,
}

impl Query {
    /// The query that finds everything.
    pub fn all() -> Query {
        Query { root: Node::All }
    }

    /// The tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Fixes the relative times, and takes the bounds on the store's time that hold for
    /// the whole query out of the tree. `now` is in microseconds since 1970.
    pub fn resolve(&self, now: i64) -> Resolved {
        let mut span = Span::ALL;
        let mut rest = Vec::new();
        let parts = match &self.root {
            Node::And(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        for part in parts {
            match part {
                Node::Time(Clock::Generated, range) => span = span.intersect(range.span(now)),
                other => rest.push(other.at(now)),
            }
        }
        Resolved { span, filter: Node::and(rest) }
    }

    /// The query that finds the messages of a shape.
    pub fn of_shape(id: crate::shape::ShapeId) -> Query {
        let test = Test::Equals(Value::new(&id.to_string()));
        Query { root: Node::Field(Field::Shape, test) }
    }

    /// This query and another one, both of which must hold.
    pub fn and(self, other: Query) -> Query {
        Query { root: Node::and(vec![self.root, other.root]) }
    }

    /// The fields that it names, each once, in the order of the text.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        self.root.visit(&mut |node, _| {
            let field = match node {
                Node::Field(field, _) => field.clone(),
                Node::Text(Scope::Message, _) => Field::Message,
                Node::Severity(_) => Field::Severity,
                Node::Facility(_) => Field::Facility,
                Node::Time(Clock::Generated, _) => Field::Time,
                Node::Time(Clock::Reported, _) => Field::Timereported,
                _ => return,
            };
            if !fields.contains(&field) {
                fields.push(field);
            }
        });
        fields
    }
}

impl Node {
    /// All of `parts`; flattened.
    pub(super) fn and(parts: Vec<Node>) -> Node {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Node::And(inner) => flat.extend(inner),
                Node::All => {}
                other => flat.push(other),
            }
        }
        merge_sets(&mut flat, |a, b| a & b);
        match flat.len() {
            0 => Node::All,
            1 => flat.remove(0),
            _ => Node::And(flat),
        }
    }

    /// One of `parts`; flattened. There must be one.
    pub(super) fn or(parts: Vec<Node>) -> Node {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Node::Or(inner) => flat.extend(inner),
                Node::All => return Node::All,
                other => flat.push(other),
            }
        }
        merge_sets(&mut flat, |a, b| a | b);
        if flat.contains(&Node::All) {
            return Node::All;
        }
        if flat.len() == 1 { flat.remove(0) } else { Node::Or(flat) }
    }

    pub(super) fn severity(set: SeveritySet) -> Node {
        if set.0 == u8::MAX { Node::All } else { Node::Severity(set) }
    }

    pub(super) fn facility(set: FacilitySet) -> Node {
        if set.0 == FacilitySet::FULL { Node::All } else { Node::Facility(set) }
    }

    /// Not `node`.
    pub(super) fn negate(node: Node) -> Node {
        match node {
            Node::Not(inner) => *inner,
            Node::Severity(SeveritySet(bits)) => Node::severity(SeveritySet(!bits)),
            Node::Facility(FacilitySet(bits)) => Node::facility(FacilitySet(!bits & FacilitySet::FULL)),
            other => Node::Not(Box::new(other)),
        }
    }

    fn at(&self, now: i64) -> Node {
        match self {
            Node::And(parts) => Node::And(parts.iter().map(|p| p.at(now)).collect()),
            Node::Or(parts) => Node::Or(parts.iter().map(|p| p.at(now)).collect()),
            Node::Not(inner) => Node::Not(Box::new(inner.at(now))),
            Node::Time(clock, range) => Node::Time(*clock, range.at(now)),
            other => other.clone(),
        }
    }

    /// Calls `seen` for every node, parents first, with whether it stands below an odd
    /// number of `Not`.
    pub fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Node, bool)) {
        self.visit_below(false, seen);
    }

    fn visit_below<'a>(&'a self, negated: bool, seen: &mut impl FnMut(&'a Node, bool)) {
        seen(self, negated);
        match self {
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|p| p.visit_below(negated, seen)),
            Node::Not(inner) => inner.visit_below(!negated, seen),
            _ => {}
        }
    }
}

/// Joins the sets of severities into the first of them, and those of facilities.
fn merge_sets(parts: &mut Vec<Node>, join: fn(u32, u32) -> u32) {
    let bits = |node: &Node| match node {
        Node::Severity(set) => (Some(u32::from(set.0)), None),
        Node::Facility(set) => (None, Some(set.0)),
        _ => (None, None),
    };
    let severities = parts.iter().filter_map(|p| bits(p).0).reduce(join);
    let facilities = parts.iter().filter_map(|p| bits(p).1).reduce(join);
    let (mut seen_severity, mut seen_facility) = (false, false);
    parts.retain(|part| match part {
        Node::Severity(_) => !std::mem::replace(&mut seen_severity, true),
        Node::Facility(_) => !std::mem::replace(&mut seen_facility, true),
        _ => true,
    });
    for part in parts {
        match (&part, severities, facilities) {
            (Node::Severity(_), Some(bits), _) => *part = Node::severity(SeveritySet((bits & 0xff) as u8)),
            (Node::Facility(_), _, Some(bits)) => *part = Node::facility(FacilitySet(bits)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_value(pieces: &[&str], open_start: bool, open_end: bool, value: &str, expect: bool) {
        let glob = Glob::new(pieces, open_start, open_end).unwrap();
        assert_eq!(glob.matches_value(value.as_bytes()), expect, "{glob:?} on `{value}`");
    }

    #[test]
    fn a_glob_covers_the_whole_value() {
        check_value(&["abc"], false, false, "abc", true);
        check_value(&["abc"], false, false, "abcd", false);
        check_value(&["ab"], false, true, "abc", true);
        check_value(&["ab"], false, true, "xab", false);
        check_value(&["bc"], true, false, "abc", true);
        check_value(&["bc"], true, false, "abcd", false);
        check_value(&["b"], true, true, "abc", true);
        check_value(&["b"], true, true, "b", true);
        check_value(&["a", "c"], false, false, "abc", true);
        check_value(&["a", "a"], false, false, "a", false);
        check_value(&["ab", "ba"], false, false, "aba", false);
        check_value(&["a", "b", "c"], false, false, "a-b-c", true);
        check_value(&["a", "b", "c"], false, false, "a-c-b", false);
        check_value(&["a", "a", "a"], true, true, "aa", false);
        check_value(&["x", "y"], true, true, "..x..y..", true);
    }

    #[track_caller]
    fn check_needs(pieces: &[&str], open_start: bool, open_end: bool, expect: &[(&str, bool, bool)]) {
        let glob = Glob::new(pieces, open_start, open_end).unwrap();
        let needs: Vec<_> = glob.text_needs().iter().map(|n| (n.text, n.at_start, n.at_end)).collect();
        assert_eq!(needs, expect);
    }

    #[test]
    fn which_tokens_a_text_needs() {
        check_needs(&["failed password"], false, false, &[("failed", true, true), ("password", true, true)]);
        check_needs(&["unreach"], false, true, &[("unreach", true, false)]);
        check_needs(&["imeou"], true, true, &[("imeou", false, false)]);
        check_needs(&["used"], true, false, &[("used", false, true)]);
        check_needs(&["conn", "fused"], false, false, &[("conn", true, false), ("fused", false, true)]);
        check_needs(&["a.b.c"], true, true, &[("a", false, true), ("b", true, true), ("c", true, false)]);
        check_needs(&["/"], false, false, &[]);
    }
}
