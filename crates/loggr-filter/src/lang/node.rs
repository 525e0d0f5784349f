//! The checked form of a filter that works on events.
//!
//! `compile` makes it of the statements, and `evaluate` runs it.

use regex::Regex;

use super::ast::{Comparison, Operand, OperandKind};
use crate::engines::Engine;
use crate::field::CoreField;
use loggr_net::Network;

/// The text of a rule, for counters and traces.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub line: usize,
    pub text: String,
}

/// Where values come from.
#[derive(Debug)]
pub(super) enum Values {
    Core(CoreField),
    Custom(String),
    /// A literal; the number where it was written as one.
    Text(String, Option<f64>),
}

/// The field that is written.
#[derive(Debug)]
pub(super) enum Write {
    Core(CoreField),
    Custom(String),
}

/// An engine with its operands.
pub(super) struct Called {
    pub engine: Box<dyn Engine>,
    pub operands: Vec<Values>,
    /// Number of its route, if it is a `router`.
    pub route: Option<usize>,
}

pub(super) enum Node {
    /// For each branch the rule, the condition and the statements; then the statements that run if
    /// no condition is true.
    If(Vec<(usize, Check, Vec<Node>)>, Vec<Node>),
    Assign(usize, Write, Vec<Values>),
    Tags(usize, bool, Vec<Values>),
    Delete(usize, Write),
    Rename(usize, Write, Write),
    Call(usize, Called),
    Drop(usize),
    Stop(usize),
    /// The statements of an included filter.
    Block(Vec<Node>),
}

pub(super) enum Check {
    Any(Vec<Check>),
    All(Vec<Check>),
    Not(Box<Check>),
    Test(Values, Test),
    /// Severity or facility is compared with a code.
    Code(CoreField, Comparison, u8),
    Call(Box<Called>),
}

pub(super) enum Test {
    Present,
    InTags,
    InFields,
    InNetworks(Vec<Network>),
    Matches(Regex),
    Compare(Comparison, Values),
    /// A value, by name or number, is that of the event's severity or facility.
    IsCode(CoreField),
}

impl Values {
    /// The values of an operand.
    pub fn of(operand: &Operand) -> Values {
        match &operand.kind {
            OperandKind::Core(field) => Values::Core(*field),
            OperandKind::Custom(name) => Values::Custom(name.clone()),
            OperandKind::Text(text) => Values::Text(text.clone(), None),
            OperandKind::Number(number) => Values::Text(number.clone(), number.parse().ok()),
        }
    }

    /// Whether the values are times.
    pub fn is_time(&self) -> bool {
        matches!(self, Values::Core(field) if field.is_time())
    }
}

type Visit<'v> = dyn FnMut(&Called) + 'v;

impl Node {
    /// Every call below these nodes, those in conditions too.
    pub fn each_call(nodes: &[Node], visit: &mut Visit<'_>) {
        for node in nodes {
            match node {
                Node::If(branches, otherwise) => {
                    for (_, check, inner) in branches {
                        check.each_call(visit);
                        Node::each_call(inner, visit);
                    }
                    Node::each_call(otherwise, visit);
                }
                Node::Call(_, called) => visit(called),
                Node::Block(inner) => Node::each_call(inner, visit),
                Node::Assign(..)
                | Node::Tags(..)
                | Node::Delete(..)
                | Node::Rename(..)
                | Node::Drop(_)
                | Node::Stop(_) => {}
            }
        }
    }
}

impl Check {
    fn each_call(&self, visit: &mut Visit<'_>) {
        match self {
            Check::Any(all) | Check::All(all) => all.iter().for_each(|c| c.each_call(visit)),
            Check::Not(inner) => inner.each_call(visit),
            Check::Call(called) => visit(called),
            Check::Test(..) | Check::Code(..) => {}
        }
    }
}
