//! The syntax tree of a filter: statements, conditions and operands, with their places in the text.
//!
//! The tree is not checked and cannot run; `compile` makes a program of it.

use super::error::Span;
use crate::field::CoreField;

/// A statement and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where its first line stands in the text.
    pub span: Span,
    /// What it does.
    pub kind: StatementKind,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `if … { } else if … { } else { }`.
    If {
        /// Each condition with the statements that run if it is the first that is true.
        branches: Vec<(Condition, Vec<Statement>)>,
        /// The statements that run if no condition is true.
        otherwise: Option<Vec<Statement>>,
    },
    /// `field := a + b`.
    Assign(Target, Vec<Operand>),
    /// `tags += "a", "b"` or `-=`.
    Tags {
        /// True adds the tags, false removes them.
        add: bool,
        /// The tags; fields stand for all their values.
        values: Vec<Operand>,
    },
    /// `delete [a]`.
    Delete(Target),
    /// `rename [a] -> [b]`.
    Rename(Target, Target),
    /// The call of an engine.
    Call(Call),
    /// `drop`: the event is thrown away.
    Drop,
    /// `stop`: the filter ends for this event.
    Stop,
    /// `include "name"`: the statements of another filter.
    Include(Include),
}

/// `include "name"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// Where the name stands in the text.
    pub span: Span,
    /// The name as it is written.
    pub name: String,
    /// What was read; the parser alone reads no files.
    pub read: Option<Included>,
}

/// Another filter. The places of its statements are those in its own text.
#[derive(Clone, Debug, PartialEq)]
pub struct Included {
    /// Its file, for errors.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// A field that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Where it stands in the text.
    pub span: Span,
    /// What it is.
    pub name: TargetName,
}

/// The name of a field that is written.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetName {
    /// A core field.
    Core(CoreField),
    /// A custom field.
    Custom(String),
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// Where it stands in the text.
    pub span: Span,
    /// What it is.
    pub kind: OperandKind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum OperandKind {
    /// A core field.
    Core(CoreField),
    /// A custom field: all its values.
    Custom(String),
    /// `"text"`.
    Text(String),
    /// A number, as it is written.
    Number(String),
}

/// A condition and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Where it stands in the text.
    pub span: Span,
    /// The condition itself.
    pub kind: ConditionKind,
}

/// The condition itself.
#[derive(Clone, Debug, PartialEq)]
pub enum ConditionKind {
    /// One of them.
    Any(Vec<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Operand, Comparison, Operand),
    /// A value is one of a set; the flag turns it round (`notin`).
    In(Operand, Set, bool),
    /// `[field]` alone: it is there.
    Present(Operand),
    /// An engine did something.
    Call(Call),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `~`
    Matches,
    /// `~*`
    AnyCase,
}

impl Comparison {
    /// All comparisons with their signs.
    pub const ALL: [(Comparison, &'static str); 8] = [
        (Comparison::Equal, "=="),
        (Comparison::NotEqual, "!="),
        (Comparison::Less, "<"),
        (Comparison::AtMost, "<="),
        (Comparison::Greater, ">"),
        (Comparison::AtLeast, ">="),
        (Comparison::Matches, "~"),
        (Comparison::AnyCase, "~*"),
    ];

    /// The same with its sides exchanged.
    pub fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            other => other,
        }
    }

    /// Whether it is true for two values that compare so; false for `~` and `~*`, which compare no
    /// order.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
            Comparison::Matches | Comparison::AnyCase => false,
        }
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        Comparison::ALL.iter().find(|(c, _)| *c == self).map_or("", |(_, sign)| sign)
    }
}

/// The right side of `in`.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// The tags of the event.
    Tags,
    /// The names of its custom fields.
    CustomFields,
    /// Networks.
    Cidr(Vec<(String, Span)>),
    /// Any of these; a field stands for all its values.
    List(Vec<Operand>),
}

/// An engine with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Where the name stands.
    pub span: Span,
    /// The engine.
    pub engine: String,
    /// In the order of the text.
    pub arguments: Vec<Argument>,
}

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Where it stands in the text.
    pub span: Span,
    /// `name=`; without one the position counts.
    pub name: Option<String>,
    /// What it is.
    pub value: ArgumentValue,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgumentValue {
    /// One value.
    One(Operand),
    /// `("a", "b")`.
    List(Vec<Operand>),
    /// `true` or `false`.
    Flag(bool),
}
