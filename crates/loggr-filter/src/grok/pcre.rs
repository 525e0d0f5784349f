//! Prints the tree of an expression in PCRE2's syntax.
//!
//! Two forms of one expression: for texts of ASCII alone, matched as bytes, which is faster;
//! and for all others, with the letters of Unicode. Both number their groups alike.
//!
//! PCRE2 takes no more than 64 KiB of compiled expression, and one IPv6 address needs 8 of them. An
//! expression that is too large is printed again, with its repeated parts defined once and called.

use std::collections::HashMap;

use super::form::Form;
use super::scan;
use super::syntax::{Assert, Class, Expression, Greed, Item, Node, Perl, Reference};

/// A character of a word, as Ruby's `\b` has it.
const WORD: &str = "[\\p{L}\\p{M}\\p{Nd}\\p{Pc}]";

/// The expression for PCRE2, with options `multi_line` and `dotall`; `utf` for Unicode.
/// Without `ucp`, `\d`, `\w` and `\s` are of ASCII in both forms, as in Ruby.
pub(super) fn print(expression: &Expression, form: Form) -> String {
    let mut printer = Printer { expression, form, out: String::new(), shared: None };
    match scan::misleads(&expression.root, form) {
        true => printer.wrapped(scan::NO_SCAN, &expression.root, false),
        false => printer.node(&expression.root, false),
    }
    printer.out
}

/// Prints the expression so that it is smaller when compiled, but slower.
pub(super) fn print_compact(expression: &Expression, form: Form) -> String {
    let mut counts = HashMap::new();
    count(expression, form, &expression.root, false, &mut counts);
    counts.retain(|_, count| *count > 1);
    let shared =
        Shared { numbers: counts.into_keys().map(|text| (text, None)).collect(), bodies: Vec::new() };
    let mut printer = Printer { expression, form, out: String::new(), shared: Some(shared) };
    printer.wrapped(scan::NO_SCAN, &expression.root, false);
    let bodies = printer.shared.take().map(|s| s.bodies).unwrap_or_default();
    // The definitions come last, so that the numbers of the other groups stay as they are.
    for (i, body) in bodies.iter().enumerate() {
        printer.push(&format!("(?(DEFINE)(?<{CALLED}{i}>{body}))"));
    }
    printer.out
}

/// Names of the parts that are defined once begin with this.
const CALLED: &str = "part";
/// Shorter parts are not worth a definition.
const MIN_PART_BYTES: usize = 24;

/// How often each part stands in the expression.
fn count(expression: &Expression, form: Form, node: &Node, fold: bool, counts: &mut HashMap<String, usize>) {
    if let Some(text) = part(expression, form, node, fold) {
        *counts.entry(text).or_default() += 1;
    }
    for (child, fold) in node.children(fold) {
        count(expression, form, child, fold, counts);
    }
}

/// The text of a part that can be defined once and called, because it means the same wherever it
/// stands.
fn part(expression: &Expression, form: Form, node: &Node, fold: bool) -> Option<String> {
    if !matches!(node, Node::Group(..) | Node::Alternate(_) | Node::Concat(_) | Node::Repeat { .. }) {
        return None;
    }
    if !movable(expression, node) {
        return None;
    }
    let mut printer = Printer { expression, form, out: String::new(), shared: None };
    printer.wrapped(if fold { "(?i:" } else { "(?:" }, node, fold);
    (printer.out.len() >= MIN_PART_BYTES).then_some(printer.out)
}

fn movable(expression: &Expression, node: &Node) -> bool {
    let fixed = match node {
        Node::Group(number, _) => expression.number(*number).is_some(),
        Node::Back(_) | Node::Call(_) | Node::If { .. } | Node::Keep => true,
        _ => false,
    };
    !fixed && node.children(false).into_iter().all(|(child, _)| movable(expression, child))
}

struct Shared {
    /// Number of the definition of a text that stands several times, once it has one.
    numbers: HashMap<String, Option<usize>>,
    bodies: Vec<String>,
}

struct Printer<'e> {
    expression: &'e Expression,
    form: Form,
    out: String,
    shared: Option<Shared>,
}

impl Printer<'_> {
    /// Prints a call of the definition of this part, if it has one or is worth one.
    fn call(&mut self, node: &Node, fold: bool) -> bool {
        let Some(shared) = &self.shared else { return false };
        let Some(text) = part(self.expression, self.form, node, fold) else { return false };
        let number = match shared.numbers.get(&text) {
            None => return false,
            Some(Some(number)) => *number,
            Some(None) => {
                let outer = std::mem::take(&mut self.out);
                self.parts(node, fold);
                let body = std::mem::replace(&mut self.out, outer);
                let Some(shared) = &mut self.shared else { return false };
                let number = shared.bodies.len();
                shared.bodies.push(if fold { format!("(?i:{body})") } else { body });
                shared.numbers.insert(text, Some(number));
                number
            }
        };
        self.push(&format!("(?&{CALLED}{number})"));
        true
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn wrapped(&mut self, start: &str, node: &Node, fold: bool) {
        self.push(start);
        self.node(node, fold);
        self.push(")");
    }

    /// Prints a node; with `fold` the case of letters does not matter.
    fn node(&mut self, node: &Node, fold: bool) {
        if !self.call(node, fold) {
            self.parts(node, fold);
        }
    }

    fn parts(&mut self, node: &Node, fold: bool) {
        match node {
            Node::Empty => {}
            Node::Char(c) => self.char(*c, fold),
            Node::Any => self.push("."),
            Node::NotLineEnd => self.push("[^\\n]"),
            Node::Class(class) => self.class(class, fold),
            Node::Assert(assert) => self.assert(*assert),
            Node::Group(number, node) => {
                let start = if self.expression.number(*number).is_some() { "(" } else { "(?:" };
                self.wrapped(start, node, fold);
            }
            Node::Atomic(node) => self.wrapped("(?>", node, fold),
            Node::Look { ahead, negated, node } => {
                let start = match (ahead, negated) {
                    (true, false) => "(?=",
                    (true, true) => "(?!",
                    (false, false) => "(?<=",
                    (false, true) => "(?<!",
                };
                self.wrapped(start, node, fold);
            }
            Node::IgnoreCase(ignore, node) => {
                self.wrapped(if *ignore { "(?i:" } else { "(?-i:" }, node, *ignore);
            }
            Node::Concat(nodes) => {
                for node in nodes {
                    match node {
                        Node::Alternate(_) => self.wrapped("(?:", node, fold),
                        _ => self.node(node, fold),
                    }
                }
            }
            Node::Alternate(nodes) => {
                for (i, node) in nodes.iter().enumerate() {
                    if i > 0 {
                        self.push("|");
                    }
                    self.node(node, fold);
                }
            }
            Node::Repeat { node, min, max, greed } => {
                match **node {
                    Node::Char(_)
                    | Node::Any
                    | Node::NotLineEnd
                    | Node::Class(_)
                    | Node::Group(..)
                    | Node::Atomic(_)
                    | Node::IgnoreCase(..) => self.node(node, fold),
                    _ => self.wrapped("(?:", node, fold),
                }
                self.rounds(*min, *max, *greed);
            }
            Node::Back(reference) => self.back(reference),
            Node::Call(None) => self.push("(?R)"),
            Node::Call(Some(reference)) => {
                // Of several groups with one name the last is called.
                let number = self.expression.referred(reference).last().copied().unwrap_or_default();
                self.push(&format!("(?{number})"));
            }
            Node::If { group, yes, no } => {
                let number = self.expression.referred(group).last().copied().unwrap_or_default();
                self.push(&format!("(?({number})(?:"));
                self.node(yes, fold);
                self.push(")|(?:");
                self.node(no, fold);
                self.push("))");
            }
            Node::LineBreak => self.push("\\R"),
            Node::Grapheme => self.push("\\X"),
            Node::Keep => self.push("\\K"),
        }
    }

    fn assert(&mut self, assert: Assert) {
        match assert {
            Assert::Word if self.form == Form::Unicode => {
                self.push(&format!("(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))"));
            }
            Assert::NotWord if self.form == Form::Unicode => {
                self.push(&format!("(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))"));
            }
            Assert::LineStart => self.push("^"),
            Assert::LineEnd => self.push("$"),
            Assert::TextStart => self.push("\\A"),
            Assert::TextEnd => self.push("\\z"),
            Assert::TextEndLine => self.push("\\Z"),
            Assert::Word => self.push("\\b"),
            Assert::NotWord => self.push("\\B"),
            Assert::SearchStart => self.push("\\G"),
        }
    }

    /// Prints how often the part before is repeated.
    fn rounds(&mut self, min: u32, max: Option<u32>, greed: Greed) {
        match (min, max) {
            (0, None) => self.push("*"),
            (1, None) => self.push("+"),
            (0, Some(1)) => self.push("?"),
            (min, None) => self.push(&format!("{{{min},}}")),
            (min, Some(max)) if min == max => self.push(&format!("{{{min}}}")),
            (min, Some(max)) => self.push(&format!("{{{min},{max}}}")),
        }
        self.push(match greed {
            Greed::Greedy => "",
            Greed::Lazy => "?",
            Greed::Possessive => "+",
        });
    }

    /// Groups of one name are tried from the last.
    fn back(&mut self, reference: &Reference) {
        let numbers = self.expression.referred(reference);
        let all: Vec<String> = numbers.iter().rev().map(|n| format!("\\g{{{n}}}")).collect();
        self.push(&format!("(?:{})", all.join("|")));
    }

    fn char(&mut self, c: char, fold: bool) {
        match (self.form, c) {
            (_, c)
                if c.is_ascii_alphanumeric()
                    || matches!(c, '_' | ' ' | '"' | '\'' | ',' | ':' | '/' | ';' | '=') =>
            {
                // `#` and white space need no backslash, because nothing is printed for `(?x)`.
                self.out.push(c);
            }
            (_, c) if c.is_ascii_punctuation() => {
                self.out.push('\\');
                self.out.push(c);
            }
            (Form::Ascii, '\u{17f}') if fold => self.push("s"),
            (Form::Ascii, '\u{212a}') if fold => self.push("k"),
            (Form::Ascii, c) if !c.is_ascii() => self.push("(?!)"),
            (_, c) => self.push(&format!("\\x{{{:X}}}", u32::from(c))),
        }
    }

    fn class(&mut self, class: &Class, fold: bool) {
        let set = class.set(fold);
        if let Some(short) = class.short() {
            return self.push(short);
        }
        if self.form == Form::Unicode || !set.is_exact() {
            return self.general(class);
        }
        // The larger half as a complement: `[^"]` is quicker than a list of 127.
        let (set, start) = if set.len() > 64 { (set.complement(), "[^") } else { (set, "[") };
        if set.len() == 0 {
            return self.push(if start == "[" { "(?!)" } else { "." });
        }
        self.push(start);
        for (from, to) in set.ranges() {
            self.bracketed(char::from(from));
            if to > from {
                self.push("-");
                self.bracketed(char::from(to));
            }
        }
        self.push("]");
    }

    /// One character within brackets.
    fn bracketed(&mut self, c: char) {
        match c {
            c if c.is_ascii_alphanumeric() => self.out.push(c),
            c => self.push(&format!("\\x{{{:X}}}", u32::from(c))),
        }
    }

    /// A set that cannot be listed. PCRE2 has neither sets in sets nor `&&`: alternatives and
    /// look-ahead say the same.
    fn general(&mut self, class: &Class) {
        if let [items] = class.operands.as_slice()
            && let Some(flat) = flatten(items)
        {
            return self.bracket(&flat, class.negated);
        }
        if class.negated {
            self.push("(?:(?!");
            self.operands(class);
            self.push(").)");
        } else {
            self.operands(class);
        }
    }

    fn operands(&mut self, class: &Class) {
        self.push("(?:");
        let count = class.operands.len();
        for (i, items) in class.operands.iter().enumerate() {
            let last = i + 1 == count;
            self.push(if last { "(?:" } else { "(?=" });
            let (plain, others): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|item| is_plain(item));
            if !plain.is_empty() || others.is_empty() {
                self.bracket(&plain, false);
            }
            for (i, item) in others.into_iter().enumerate() {
                if i > 0 || !plain.is_empty() {
                    self.push("|");
                }
                match item {
                    Item::Class(class) => self.general(class),
                    Item::Posix(posix, _) => self.bracket(&[&Item::Posix(*posix, false)], true),
                    Item::NotPerl(perl) => self.bracket(&[&Item::Perl(*perl)], true),
                    _ => {}
                }
            }
            self.push(")");
        }
        self.push(")");
    }

    /// A set of items that are all plain.
    fn bracket(&mut self, items: &[&Item], negated: bool) {
        if items.is_empty() {
            return self.push(if negated { "." } else { "(?!)" });
        }
        self.push(if negated { "[^" } else { "[" });
        for item in items {
            match item {
                Item::Range(from, to) => {
                    self.bracketed_for_form(*from);
                    if to > from {
                        self.push("-");
                        self.bracketed_for_form(*to);
                    }
                }
                Item::Perl(perl) => self.push(perl.members()),
                Item::NotPerl(perl) => self.push(perl.others()),
                Item::Posix(posix, _) => self.push(posix.members()),
                Item::Property(name, negated) => {
                    self.push(&format!("\\{}{{{}}}", if *negated { 'P' } else { 'p' }, name));
                }
                Item::Class(_) => {}
            }
        }
        self.push("]");
    }

    /// Bytes have no number above 255; in texts of ASCII there is none above 127 either.
    fn bracketed_for_form(&mut self, c: char) {
        match self.form {
            Form::Ascii if u32::from(c) > 0xff => self.push("\\x{FF}"),
            _ => self.bracketed(c),
        }
    }
}

/// Whether the item can stand in a bracket beside others.
fn is_plain(item: &Item) -> bool {
    !matches!(item, Item::Class(_) | Item::Posix(_, true) | Item::NotPerl(Perl::Hex))
}

/// The items of sets in sets, where all can stand in one bracket.
fn flatten(items: &[Item]) -> Option<Vec<&Item>> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::Class(Class { negated: false, operands }) if operands.len() == 1 => {
                out.extend(flatten(operands.first()?)?);
            }
            item if is_plain(item) => out.push(item),
            _ => return None,
        }
    }
    Some(out)
}
