//! Reads a formula into the order in which it is computed: what a step needs stands before it.

use super::super::place::Place;
use super::Number;
use crate::field::CoreField;
use crate::nearest::nearest;

/// Parentheses and signs inside each other, at most.
const MAX_DEPTH: usize = 64;
/// Longest formula in bytes.
const MAX_FORMULA_BYTES: usize = 4096;
/// The hint where nothing better is known.
const EXAMPLE: &str = "a formula is written like `([sent] + [received]) * 8 / 1000`";

/// What is done with one or two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Round,
    Floor,
    Ceil,
    Abs,
    Min,
    Max,
}

/// The functions, and how many numbers each takes.
const FUNCTIONS: [(&str, Step, usize); 6] = [
    ("round", Step::Round, 1),
    ("floor", Step::Floor, 1),
    ("ceil", Step::Ceil, 1),
    ("abs", Step::Abs, 1),
    ("min", Step::Min, 2),
    ("max", Step::Max, 2),
];

#[derive(Debug)]
pub(super) enum Item {
    Number(Number),
    Field(Place),
    Step(Step),
}

/// A formula that was read.
#[derive(Debug)]
pub(super) struct Formula {
    pub items: Vec<Item>,
    /// Numbers that are held at one time, at most.
    pub depth: usize,
}

/// What is wrong with one.
#[derive(Debug)]
pub(super) struct Wrong {
    pub message: String,
    pub hint: String,
}

fn wrong(message: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), hint: EXAMPLE.to_owned() }
}

impl Formula {
    pub fn parse(text: &str) -> Result<Formula, Wrong> {
        if text.len() > MAX_FORMULA_BYTES {
            return Err(wrong(format!("the formula has more than {MAX_FORMULA_BYTES} bytes")));
        }
        let mut reader = Reader { rest: text, items: Vec::new(), inside: 0 };
        reader.sum()?;
        if let Some(sign) = reader.peek() {
            return Err(match sign {
                ')' => wrong("a `)` without its `(`"),
                sign => wrong(format!("`{sign}` was not expected")),
            });
        }
        let depth = reader.items.iter().filter(|item| !matches!(item, Item::Step(_))).count();
        Ok(Formula { items: reader.items, depth: depth.min(MAX_DEPTH) })
    }
}

struct Reader<'f> {
    rest: &'f str,
    items: Vec<Item>,
    inside: usize,
}

impl<'f> Reader<'f> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Goes over a sign if it is next.
    fn takes(&mut self, sign: char) -> bool {
        let is_next = self.peek() == Some(sign);
        if is_next {
            self.skip(sign.len_utf8());
        }
        is_next
    }

    fn skip(&mut self, bytes: usize) -> &'f str {
        let (before, behind) = self.rest.split_at(bytes);
        self.rest = behind;
        before
    }

    fn sum(&mut self) -> Result<(), Wrong> {
        self.chain(Reader::product, &[('+', Step::Add), ('-', Step::Subtract)])
    }

    fn product(&mut self) -> Result<(), Wrong> {
        self.chain(Reader::one, &[('*', Step::Multiply), ('/', Step::Divide), ('%', Step::Remainder)])
    }

    fn chain(
        &mut self,
        part: fn(&mut Self) -> Result<(), Wrong>,
        steps: &[(char, Step)],
    ) -> Result<(), Wrong> {
        part(self)?;
        while let Some((sign, step)) = self.peek().and_then(|next| steps.iter().find(|(s, _)| *s == next)) {
            self.skip(sign.len_utf8());
            part(self)?;
            self.items.push(Item::Step(*step));
        }
        Ok(())
    }

    /// A number, a field, a function, or what stands in parentheses.
    fn one(&mut self) -> Result<(), Wrong> {
        self.inside += 1;
        if self.inside > MAX_DEPTH {
            return Err(wrong(format!("more than {MAX_DEPTH} parentheses stand inside each other")));
        }
        match self.peek() {
            None => return Err(wrong("the formula ends where a number or a field should follow")),
            Some('-') => {
                self.skip(1);
                self.one()?;
                self.items.push(Item::Step(Step::Negate));
            }
            Some('(') => {
                self.skip(1);
                self.sum()?;
                self.closed()?;
            }
            Some('[') => self.custom()?,
            Some(digit) if digit.is_ascii_digit() || digit == '.' => self.number()?,
            Some(letter) if letter.is_ascii_alphabetic() => self.word()?,
            Some(sign) => return Err(wrong(format!("`{sign}` stands where a number or a field should"))),
        }
        self.inside -= 1;
        Ok(())
    }

    fn closed(&mut self) -> Result<(), Wrong> {
        if self.takes(')') { Ok(()) } else { Err(wrong("a `(` without its `)`")) }
    }

    /// `[name]`; `[a][b]` is `[a.b]`, as elsewhere.
    fn custom(&mut self) -> Result<(), Wrong> {
        let mut name = String::new();
        while self.rest.starts_with('[') {
            let end = self.rest.find(']').ok_or_else(|| wrong("a `[` without its `]`"))?;
            let part = self.skip(end + 1);
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part.get(1..end).unwrap_or_default());
        }
        let name = name.strip_prefix("fields.").map(str::to_owned).unwrap_or(name);
        if name.trim().is_empty() {
            return Err(wrong("`[]` names no field"));
        }
        self.items.push(Item::Field(Place::Custom(name)));
        Ok(())
    }

    fn number(&mut self) -> Result<(), Wrong> {
        let bytes = self.rest.as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            let is_exponent = matches!(byte, b'e' | b'E');
            let is_sign = matches!(byte, b'+' | b'-')
                && matches!(end.checked_sub(1).and_then(|at| bytes.get(at)), Some(b'e' | b'E'));
            if !(byte.is_ascii_digit() || *byte == b'.' || is_exponent || is_sign) {
                break;
            }
            end += 1;
        }
        let text = self.skip(end);
        let number = Number::read(text).ok_or_else(|| wrong(format!("`{text}` is no number")))?;
        self.items.push(Item::Number(number));
        Ok(())
    }

    /// A function or a core field.
    fn word(&mut self) -> Result<(), Wrong> {
        let end = self.rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let word = self.skip(end);
        if self.takes('(') {
            let Some((_, step, count)) = FUNCTIONS.iter().find(|(name, ..)| *name == word) else {
                let known: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
                let hint = match nearest(word, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the functions are `{}`", known.join("`, `")),
                };
                return Err(Wrong { message: format!("there is no function `{word}`"), hint });
            };
            for number in 0..*count {
                if number > 0 && !self.takes(',') {
                    return Err(wrong(format!("`{word}` takes {count} numbers")));
                }
                self.sum()?;
            }
            self.closed()?;
            self.items.push(Item::Step(*step));
            return Ok(());
        }
        match CoreField::from_name(word) {
            Some(field) => {
                self.items.push(Item::Field(Place::Core(field)));
                Ok(())
            }
            None => {
                let hint = format!("a custom field is written `[{word}]`");
                Err(Wrong { message: format!("there is no field `{word}`"), hint })
            }
        }
    }
}
