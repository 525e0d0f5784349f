//! Prints a wider expression for a linear-time engine: a text that it does not match, PCRE2 does
//! not match either.
//!
//! Look-around is left out, atomic groups and possessive quantifiers become ordinary ones, counts
//! become "several", and a back-reference becomes any text. Each of these changes can only make the
//! expression match more.

use super::form::Form;
use super::syntax::{Assert, Class, Expression, Node, Set};

/// Any number of any bytes.
const ANYTHING: &str = "(?s-u:.)*";
/// Matches nothing.
const NEVER: &str = "[^\\x00-\\xFF]";
/// A character that is not ASCII, or several of them.
const OTHERS: &str = "[\\x80-\\xFF]+";

/// The wider expression in the syntax of the `regex` crate, for bytes.
///
/// The form for ASCII knows where words end; that of Unicode does not, because that would not
/// be linear.
pub(super) fn relax(expression: &Expression, form: Form) -> String {
    let mut relaxer = Relaxer { form, out: "(?sm-u)".to_owned() };
    relaxer.node(&expression.root, false);
    relaxer.out
}

struct Relaxer {
    form: Form,
    out: String,
}

impl Relaxer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn group(&mut self, node: &Node, fold: bool) {
        self.push("(?:");
        self.node(node, fold);
        self.push(")");
    }

    fn node(&mut self, node: &Node, fold: bool) {
        match node {
            Node::Empty | Node::Look { .. } | Node::Keep => {}
            Node::Char(c) => self.char(*c, fold),
            Node::Any if self.form == Form::Ascii => self.push("."),
            Node::Any => self.push("(?:[\\x00-\\x7F]|[\\x80-\\xFF]+)"),
            Node::NotLineEnd if self.form == Form::Ascii => self.push("[^\\n]"),
            Node::NotLineEnd => self.push("(?:[\\x00-\\x09\\x0B-\\x7F]|[\\x80-\\xFF]+)"),
            Node::Class(class) => self.class(class, fold),
            Node::Assert(assert) => self.push(match assert {
                Assert::LineStart => "^",
                Assert::LineEnd => "$",
                Assert::TextStart => "\\A",
                Assert::TextEnd => "\\z",
                Assert::Word if self.form == Form::Ascii => "\\b",
                Assert::NotWord if self.form == Form::Ascii => "\\B",
                Assert::Word | Assert::NotWord | Assert::TextEndLine | Assert::SearchStart => "",
            }),
            Node::Group(_, node) | Node::Atomic(node) => self.group(node, fold),
            Node::IgnoreCase(ignore, node) => self.group(node, *ignore),
            Node::Concat(nodes) => {
                for node in nodes {
                    match node {
                        Node::Alternate(_) => self.group(node, fold),
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
            Node::Repeat { node, min, max, .. } => {
                let several = *max != Some(1) && *max != Some(0);
                if !several || !self.characters(node, fold) {
                    self.group(node, fold);
                }
                self.push(match (min, several) {
                    (0, true) => "*",
                    (_, true) => "+",
                    (0, false) => "?",
                    (_, false) => "",
                });
            }
            Node::Back(_) | Node::Call(_) => self.push(ANYTHING),
            Node::If { yes, no, .. } => {
                self.push("(?:");
                self.node(yes, fold);
                self.push("|");
                self.node(no, fold);
                self.push(")");
            }
            Node::LineBreak => {
                self.push("(?:\\r\\n|[\\n-\\r]|");
                self.push(OTHERS);
                self.push(")");
            }
            Node::Grapheme => {
                self.push(".");
                self.push(ANYTHING);
            }
        }
    }

    /// One character that will be repeated: then each byte may stand for itself.
    fn characters(&mut self, node: &Node, fold: bool) -> bool {
        match node {
            Node::Any => self.push("."),
            Node::NotLineEnd => self.push("[^\\n]"),
            Node::Class(class) => {
                let set = class.set(fold);
                self.bytes(&set, set.may_others);
            }
            _ => return false,
        }
        true
    }

    fn char(&mut self, c: char, fold: bool) {
        let far = match c {
            's' | 'S' | '\u{17f}' => Some("sS"),
            'k' | 'K' | '\u{212a}' => Some("kK"),
            _ => None,
        };
        match (self.form, fold, far) {
            (Form::Ascii, true, Some(both)) => self.push(&format!("[{both}]")),
            (Form::Unicode, true, Some(both)) => self.push(&format!("(?:[{both}]|{OTHERS})")),
            (_, true, None) if c.is_ascii_alphabetic() => {
                self.push(&format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()));
            }
            (_, _, _) if c.is_ascii_alphanumeric() => self.out.push(c),
            (_, _, _) if c.is_ascii() => self.push(&format!("\\x{:02X}", u32::from(c))),
            (Form::Ascii, ..) => self.push(NEVER),
            (Form::Unicode, true, _) => self.push(OTHERS),
            (Form::Unicode, false, _) => {
                self.push("(?:");
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    self.push(&format!("\\x{byte:02X}"));
                }
                self.push(")");
            }
        }
    }

    fn class(&mut self, class: &Class, fold: bool) {
        let set = class.set(fold);
        if self.form == Form::Unicode && set.may_others {
            self.push("(?:");
            self.bytes(&set, false);
            self.push("|");
            self.push(OTHERS);
            self.push(")");
        } else {
            self.bytes(&set, false);
        }
    }

    /// The ASCII characters of a set, and with `others` all bytes of other characters.
    fn bytes(&mut self, set: &Set, others: bool) {
        let others = others && self.form == Form::Unicode;
        if set.len() == 0 && !others {
            return self.push(NEVER);
        }
        self.push("[");
        for (from, to) in set.ranges() {
            self.push(&format!("\\x{from:02X}-\\x{to:02X}"));
        }
        self.push(if others { "\\x80-\\xFF]" } else { "]" });
    }
}
