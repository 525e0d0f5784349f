//! The syntax tree of an expression in the dialect of grok patterns.
//!
//! The dialect is Oniguruma's with Ruby's syntax, because that is what grok patterns are written
//! for: `\h` is a hexadecimal digit, `^` and `$` are the ends of each line, the dot matches line
//! ends, and beside named groups the plain ones capture nothing. The tree does not depend on an
//! engine; `pcre` and `relax` print it, each for its own.

mod class;
mod parse;

pub(super) use class::{Class, Item, Perl, Set};
pub(super) use parse::parse;

use super::Kind;

/// Deepest nesting of groups in an expression.
pub const MAX_GROUP_DEPTH: usize = 200;

/// A whole expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub root: Node,
    /// All groups, in the order of their opening parentheses.
    pub groups: Vec<Group>,
    /// Groups are referred to by number: the plain ones count.
    pub plain_groups_capture: bool,
}

/// A pair of parentheses that captures or might.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// `None` is a plain group.
    pub name: Option<Name>,
}

/// What a named group is called.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Name {
    /// From `%{…:field}`: `[source][ip]` is `source.ip`.
    Field(String, Kind),
    /// Written in the expression, where it can be referred to.
    Inline(String, String, Kind),
}

impl Name {
    /// The field that the group fills.
    pub fn field(&self) -> (&str, Kind) {
        match self {
            Name::Field(field, kind) | Name::Inline(_, field, kind) => (field, *kind),
        }
    }
}

impl Expression {
    /// The number that PCRE2 gives to a group, if it captures.
    pub fn number(&self, group: usize) -> Option<usize> {
        let captures = |g: &Group| g.name.is_some() || self.plain_groups_capture;
        let opened = self.groups.get(..=group)?;
        captures(opened.last()?).then(|| opened.iter().filter(|g| captures(g)).count())
    }

    /// The numbers of the groups that a reference means.
    pub fn referred(&self, reference: &Reference) -> Vec<usize> {
        match reference {
            Reference::Number(number) => {
                (1..=self.groups.len()).contains(number).then_some(*number).into_iter().collect()
            }
            Reference::Name(wanted) => {
                let numbers = |called: &dyn Fn(&Name) -> bool| {
                    let groups = self.groups.iter().enumerate();
                    let found = groups.filter(|(_, g)| g.name.as_ref().is_some_and(called));
                    found.filter_map(|(i, _)| self.number(i)).collect::<Vec<_>>()
                };
                let inline = numbers(&|name| matches!(name, Name::Inline(written, ..) if written == wanted));
                // `%{WORD:w}` is called `w`, or as in Logstash `WORD:w`.
                let field = wanted.rsplit_once(':').map_or(wanted.as_str(), |(_, field)| field);
                match inline.is_empty() {
                    true => numbers(&|name| name.field().0 == field),
                    false => inline,
                }
            }
        }
    }
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Empty,
    Char(char),
    /// `.` with line ends.
    Any,
    /// `.` in `(?-m:…)`.
    NotLineEnd,
    Class(Class),
    Assert(Assert),
    /// Number in [`Expression::groups`].
    Group(usize, Box<Node>),
    Atomic(Box<Node>),
    Look {
        ahead: bool,
        negated: bool,
        node: Box<Node>,
    },
    /// `(?i:…)` or `(?-i:…)`.
    IgnoreCase(bool, Box<Node>),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    /// `\1`, `\k<name>`
    Back(Reference),
    /// `\g<name>`; `None` is the whole expression.
    Call(Option<Reference>),
    /// `(?(<name>)yes|no)`
    If {
        group: Reference,
        yes: Box<Node>,
        no: Box<Node>,
    },
    /// `\R`
    LineBreak,
    /// `\X`
    Grapheme,
    /// `\K`
    Keep,
}

impl Node {
    /// Its children, and for each whether case is ignored in it.
    pub fn children(&self, fold: bool) -> Vec<(&Node, bool)> {
        match self {
            Node::Group(_, node)
            | Node::Atomic(node)
            | Node::Look { node, .. }
            | Node::Repeat { node, .. } => vec![(node, fold)],
            Node::IgnoreCase(ignore, node) => vec![(node, *ignore)],
            Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().map(|n| (n, fold)).collect(),
            Node::If { yes, no, .. } => vec![(yes, fold), (no, fold)],
            _ => Vec::new(),
        }
    }
}

/// Matches no character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Assert {
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    /// `\Z`: a last line end may follow.
    TextEndLine,
    /// `\b`: between a word and something else, where letters are those of Unicode.
    Word,
    NotWord,
    /// `\G`
    SearchStart,
}

/// How much a repetition takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// The group that a reference means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reference {
    Number(usize),
    Name(String),
}
