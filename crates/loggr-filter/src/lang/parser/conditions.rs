//! Reads conditions: comparisons, `in`, calls, and what joins them.

use super::super::ast::{Comparison, Condition, ConditionKind, Operand, OperandKind, Set};
use super::super::error::{FilterError, Span};
use super::super::lexer::Token;
use super::super::{foreign, hint};
use super::{KEYWORDS, Parsed, Parser};

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Parsed<Condition> {
        self.deeper()?;
        let result = self.any();
        self.depth -= 1;
        result
    }

    fn any(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.all()?];
        while self.take_word("or") {
            all.push(self.all()?);
        }
        Ok(group(all, ConditionKind::Any))
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.not()?];
        while self.take_word("and") {
            all.push(self.not()?);
        }
        Ok(group(all, ConditionKind::All))
    }

    fn not(&mut self) -> Parsed<Condition> {
        let span = self.span();
        if self.take_word("not") {
            self.deeper()?;
            let inner = self.not();
            self.depth -= 1;
            let inner = inner?;
            let span = span.to(inner.span);
            return Ok(Condition { span, kind: ConditionKind::Not(Box::new(inner)) });
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Condition> {
        let open = self.span();
        if self.take("(") {
            let inner = self.condition()?;
            if !self.take(")") {
                return Err(match self.peek() {
                    Token::End | Token::Sign("{") => {
                        FilterError::new(open, "this `(` is never closed").hint("close it with `)`")
                    }
                    _ => self.wrong("expected `and`, `or` or `)`"),
                });
            }
            return Ok(inner);
        }
        if let (Token::Word(word), Token::Sign("(")) = (self.peek(), self.after())
            && !KEYWORDS.contains(&word.as_str())
        {
            let call = self.call()?;
            if let Token::Sign(sign) = self.peek()
                && Comparison::ALL.iter().any(|(_, s)| s == sign)
            {
                let message = format!("`{}(…)` has no value to compare", call.engine);
                let hint = foreign::engine(&call.engine)
                    .unwrap_or("an engine says whether it did something; compare the field that it sets");
                return Err(FilterError::new(call.span, message).hint(hint));
            }
            return Ok(Condition { span: open.to(self.last_span()), kind: ConditionKind::Call(call) });
        }
        if matches!(self.peek(), Token::Word(w) if w == "tags" || w == "custom_fields") {
            return Err(self
                .wrong("expected a value")
                .hint("write `\"name\" in tags` or `\"name\" in custom_fields`"));
        }
        let left = self.operand()?;
        let kind = self.comparison(left)?;
        Ok(Condition { span: open.to(self.last_span()), kind })
    }

    fn comparison(&mut self, left: Operand) -> Parsed<ConditionKind> {
        if let Token::Sign(sign) = self.peek() {
            if let Some((comparison, _)) = Comparison::ALL.iter().find(|(_, s)| s == sign) {
                self.at += 1;
                return Ok(ConditionKind::Compare(left, *comparison, self.operand()?));
            }
            if *sign == "=" || *sign == ":=" {
                return Err(self.wrong("this is not a comparison").hint("write `==` to compare"));
            }
        }
        if self.take_word("in") {
            return Ok(ConditionKind::In(left.clone(), self.set(&left)?, false));
        }
        if self.take_word("notin") {
            return Ok(ConditionKind::In(left.clone(), self.set(&left)?, true));
        }
        if matches!((self.peek(), self.after()), (Token::Word(a), Token::Word(b)) if a == "not" && b == "in")
        {
            self.at += 2;
            return Ok(ConditionKind::In(left.clone(), self.set(&left)?, true));
        }
        if let Token::Word(word) = self.peek()
            && let Some(infix) = foreign::infix(word)
        {
            let behind = match self.after() {
                Token::Text(text) => Some(text.as_str()),
                _ => None,
            };
            return Err(hint::infix(word, infix, &left, behind, self.span()));
        }
        match left.kind {
            OperandKind::Custom(_) | OperandKind::Core(_) => Ok(ConditionKind::Present(left)),
            _ => Err(self.wrong("expected a comparison after this value")),
        }
    }

    fn set(&mut self, left: &Operand) -> Parsed<Set> {
        if self.take_word("tags") {
            return Ok(Set::Tags);
        }
        if self.take_word("custom_fields") {
            return Ok(Set::CustomFields);
        }
        if self.take_word("cidr") {
            self.expect("(", "after `cidr`")?;
            let mut networks = Vec::new();
            loop {
                match self.next() {
                    (Token::Text(text), span) => networks.push((text, span)),
                    (token, _) => {
                        self.at = self.at.saturating_sub(usize::from(token != Token::End));
                        return Err(self.wrong("expected a network like \"10.0.0.0/8\""));
                    }
                }
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")", "after the networks")?;
            return Ok(Set::Cidr(networks));
        }
        if self.take("(") {
            let mut list = vec![self.operand()?];
            while self.take(",") {
                list.push(self.operand()?);
            }
            self.expect(")", "after the list")?;
            return Ok(Set::List(list));
        }
        match self.peek() {
            Token::Custom(_) => Ok(Set::List(vec![self.operand()?])),
            Token::Word(_) => {
                let whole = self.operand()?;
                Err(hint::part_of(left, &whole))
            }
            Token::Text(text) => {
                let hint =
                    format!("write `in ({})`, or `==` for one value", super::super::lexer::quoted(text));
                Err(self.means("a list stands in parentheses", hint))
            }
            _ => {
                Err(self
                    .wrong("expected `tags`, `custom_fields`, `cidr(…)`, a field or a list in parentheses"))
            }
        }
    }
}

fn group(mut all: Vec<Condition>, kind: impl FnOnce(Vec<Condition>) -> ConditionKind) -> Condition {
    match (all.len(), all.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            all.extend(last);
            let span = match (all.first(), all.last()) {
                (Some(first), Some(last)) => first.span.to(last.span),
                _ => Span::default(),
            };
            Condition { span, kind: kind(all) }
        }
    }
}
