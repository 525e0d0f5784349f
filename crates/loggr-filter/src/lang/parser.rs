//! Reads tokens into statements. It checks the grammar and the names of core fields, but not what
//! other names mean.
//!
//! Conditions are read in `conditions`. After an error it goes on with the next statement, so that all errors are found at once.

mod conditions;

use super::ast::{
    Argument, ArgumentValue, Call, Condition, Include, Operand, OperandKind, Statement, StatementKind,
    Target, TargetName,
};
use super::error::{FilterError, Span};
use super::hint;
use super::lexer::{Token, tokens};
use crate::field::CoreField;

/// Deepest nesting of blocks and of parentheses.
pub const MAX_NESTING: usize = 64;
/// Most statements of one filter.
pub const MAX_STATEMENTS: usize = 10_000;
/// Most errors that are reported at once.
pub const MAX_ERRORS: usize = 20;

const KEYWORDS: [&str; 17] = [
    "if",
    "else",
    "drop",
    "stop",
    "delete",
    "rename",
    "tags",
    "and",
    "or",
    "not",
    "in",
    "notin",
    "cidr",
    "custom_fields",
    "true",
    "false",
    "include",
];

type Parsed<T> = Result<T, FilterError>;

/// Reads a whole filter.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, Vec<FilterError>> {
    let (tokens, errors) = tokens(text);
    let mut parser = Parser { text, tokens, at: 0, depth: 0, statements: 0, errors };
    let statements = parser.block(false);
    match parser.errors.is_empty() {
        true => Ok(statements),
        false => Err(parser.errors),
    }
}

/// Reads one condition, for tests of filters.
pub(super) fn parse_condition(text: &str) -> Result<Condition, Vec<FilterError>> {
    let (tokens, errors) = tokens(text);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut parser = Parser { text, tokens, at: 0, depth: 0, statements: 0, errors };
    let condition = parser.condition().map_err(|e| vec![e])?;
    match parser.peek() {
        Token::End => Ok(condition),
        _ => Err(vec![FilterError::new(parser.span(), "the condition ends before this")]),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    statements: usize,
    errors: Vec<FilterError>,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(t, _)| t)
    }

    fn after(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(t, _)| t)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::default(), |(_, s)| *s)
    }

    fn last_span(&self) -> Span {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(Span::default(), |(_, s)| *s)
    }

    fn next(&mut self) -> (Token, Span) {
        let token = self.tokens.get(self.at).cloned().unwrap_or((Token::End, self.span()));
        if token.0 != Token::End {
            self.at += 1;
        }
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(w) if w == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str, what: &str) -> Parsed<()> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(self.wrong(format!("expected `{sign}` {what}"))),
        }
    }

    fn wrong(&self, message: impl Into<String>) -> FilterError {
        let found = match self.peek() {
            Token::End => "the end of the filter".to_owned(),
            _ => format!("`{}`", self.text.get(self.span().start..self.span().end).unwrap_or("")),
        };
        FilterError::new(self.span(), format!("{}, found {found}", message.into()))
    }

    /// An error at the next token, without what was found there.
    fn means(&self, message: impl Into<String>, hint: impl Into<String>) -> FilterError {
        FilterError::new(self.span(), message).hint(hint)
    }

    /// Statements up to `}` or the end.
    fn block(&mut self, inner: bool) -> Vec<Statement> {
        let mut out = Vec::new();
        loop {
            match self.peek() {
                Token::End => return out,
                Token::Sign("}") if inner => return out,
                Token::Sign(";") => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            if self.errors.len() >= MAX_ERRORS {
                self.at = self.tokens.len() - 1;
                return out;
            }
            let begin = self.at;
            match self.statement() {
                Ok(statement) => out.push(statement),
                Err(error) => {
                    self.errors.push(error);
                    self.skip(begin);
                }
            }
        }
    }

    /// To the next token that begins a line, or to the `}` of this block.
    fn skip(&mut self, begin: usize) {
        self.at = self.at.max(begin + 1).min(self.tokens.len() - 1);
        let mut open = 0usize;
        while *self.peek() != Token::End {
            let from = self.last_span().end;
            let begins_line = self.text.get(from..self.span().start).is_some_and(|gap| gap.contains('\n'));
            match self.peek() {
                Token::Sign("{") => open += 1,
                Token::Sign("}") if open == 0 => return,
                Token::Sign("}") => open -= 1,
                _ if begins_line && open == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.statements += 1;
        if self.statements > MAX_STATEMENTS {
            return Err(FilterError::new(
                self.span(),
                format!("the filter has more than {MAX_STATEMENTS} statements"),
            ));
        }
        let start = self.span();
        let kind = self.statement_kind()?;
        let span = match kind {
            StatementKind::If { .. } => start,
            _ => start.to(self.last_span()),
        };
        Ok(Statement { span, kind })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        let word = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Custom(_) => return self.assignment(),
            _ => return Err(self.wrong("expected a statement")),
        };
        if matches!(self.after(), Token::Sign("(")) && word != "if" {
            return Ok(StatementKind::Call(self.call()?));
        }
        match word.as_str() {
            "if" => self.branches(),
            "drop" | "stop" => {
                self.at += 1;
                if let Token::Sign("{") = self.peek() {
                    return Err(self.means(format!("`{word}` has no block"), format!("write `{word}` alone")));
                }
                Ok(if word == "drop" { StatementKind::Drop } else { StatementKind::Stop })
            }
            "delete" => {
                self.at += 1;
                Ok(StatementKind::Delete(self.target()?))
            }
            "rename" => {
                self.at += 1;
                let from = self.target()?;
                self.expect("->", "between the old and the new name")?;
                Ok(StatementKind::Rename(from, self.target()?))
            }
            "tags" => {
                self.at += 1;
                let add = self.take("+=");
                if !add && !self.take("-=") {
                    return Err(self.wrong("expected `+=` or `-=` after `tags`"));
                }
                let mut values = vec![self.operand()?];
                while self.take(",") {
                    values.push(self.operand()?);
                }
                Ok(StatementKind::Tags { add, values })
            }
            "include" => {
                self.at += 1;
                let Token::Text(name) = self.peek() else {
                    return Err(self.wrong("expected the name of a filter in quotes"));
                };
                let include = Include { span: self.span(), name: name.clone(), read: None };
                self.at += 1;
                Ok(StatementKind::Include(include))
            }
            _ => self.assignment(),
        }
    }

    fn branches(&mut self) -> Parsed<StatementKind> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            self.at += 1;
            let condition = self.condition()?;
            branches.push((condition, self.braces()?));
            if let Token::Word(word) = self.peek()
                && matches!(word.as_str(), "elif" | "elsif" | "elseif")
            {
                // Reading goes on as if `else if` stood here.
                let error = self.means(format!("`{word}` means nothing here"), "write `else if`");
                self.errors.push(error);
                continue;
            }
            if !self.take_word("else") {
                break;
            }
            if !matches!(self.peek(), Token::Word(w) if w == "if") {
                otherwise = Some(self.braces()?);
                break;
            }
        }
        Ok(StatementKind::If { branches, otherwise })
    }

    fn braces(&mut self) -> Parsed<Vec<Statement>> {
        let open = self.span();
        if matches!(self.peek(), Token::Word(w) if matches!(w.as_str(), "then" | "do" | "begin")) {
            return Err(self
                .wrong("expected `{` before the statements of this branch")
                .hint("the statements of a branch stand in braces: `if … { … }`"));
        }
        self.expect("{", "before the statements of this branch")?;
        self.deeper()?;
        let statements = self.block(true);
        self.depth -= 1;
        if !self.take("}") {
            return Err(FilterError::new(open, "this `{` is never closed").hint("close it with `}`"));
        }
        Ok(statements)
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            self.depth -= 1;
            // The inside of a block that is nested too deep is not checked.
            let error = FilterError::new(self.span(), format!("nested deeper than {MAX_NESTING}"));
            self.at = self.tokens.len() - 1;
            return Err(error);
        }
        Ok(())
    }

    fn assignment(&mut self) -> Parsed<StatementKind> {
        if let Token::Word(word) = self.peek()
            && CoreField::from_name(word).is_none()
        {
            let after = match self.after() {
                Token::Sign(sign) => *sign,
                _ => "",
            };
            return Err(hint::unknown_statement(word, after, self.span()));
        }
        let target = self.target()?;
        if self.take("=") || self.take("==") {
            return Err(FilterError::new(self.last_span(), "this is not an assignment")
                .hint("an assignment is written `:=`"));
        }
        self.expect(":=", "after the field")?;
        let mut parts = vec![self.operand()?];
        while self.take("+") {
            parts.push(self.operand()?);
        }
        if let Token::Sign("-") = self.peek() {
            return Err(self
                .wrong("expected `+` or the next statement")
                .hint("numbers are computed by `calc`"));
        }
        Ok(StatementKind::Assign(target, parts))
    }

    fn target(&mut self) -> Parsed<Target> {
        let (token, span) = self.next();
        match token {
            Token::Custom(name) => Ok(Target { span, name: TargetName::Custom(hint::custom(name, span)?) }),
            Token::Word(word) => match CoreField::from_name(&word) {
                Some(field) => Ok(Target { span, name: TargetName::Core(field) }),
                None => Err(hint::unknown_field(&word, span)),
            },
            _ => {
                self.at = self.at.saturating_sub(usize::from(token != Token::End));
                Err(self.wrong("expected a field"))
            }
        }
    }

    fn operand(&mut self) -> Parsed<Operand> {
        let (token, span) = self.next();
        let kind = match token {
            Token::Custom(name) => OperandKind::Custom(hint::custom(name, span)?),
            Token::Text(text) => OperandKind::Text(text),
            Token::Number(number) => OperandKind::Number(number),
            Token::Sign("-") if matches!(self.peek(), Token::Number(_)) => match self.next() {
                (Token::Number(number), end) => {
                    return Ok(Operand {
                        span: span.to(end),
                        kind: OperandKind::Number(format!("-{number}")),
                    });
                }
                _ => return Err(self.wrong("expected a number")),
            },
            Token::Word(word) if !KEYWORDS.contains(&word.as_str()) => match CoreField::from_name(&word) {
                Some(field) => OperandKind::Core(field),
                None => return Err(hint::unknown_field(&word, span)),
            },
            other => {
                self.at = self.at.saturating_sub(usize::from(other != Token::End));
                let error = self.wrong("expected a value: a field, a text or a number");
                return Err(match other {
                    Token::Word(word) if matches!(word.as_str(), "true" | "false") => {
                        error.hint(format!("values are texts: \"{word}\""))
                    }
                    _ => error,
                });
            }
        };
        Ok(Operand { span, kind })
    }

    fn call(&mut self) -> Parsed<Call> {
        let (name, span) = self.next();
        let Token::Word(engine) = name else { return Err(self.wrong("expected the name of an engine")) };
        let open = self.span();
        self.expect("(", "after the name of the engine")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            arguments.push(self.argument()?);
            if !self.take(",") && !matches!(self.peek(), Token::Sign(")")) {
                return Err(match self.peek() {
                    Token::End => {
                        FilterError::new(open, "this `(` is never closed").hint("close it with `)`")
                    }
                    _ => self.wrong("expected `,` or `)` after an argument"),
                });
            }
        }
        Ok(Call { span, engine, arguments })
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let start = self.span();
        let name = match (self.peek().clone(), self.after()) {
            (Token::Word(name), Token::Sign("=")) => {
                self.at += 2;
                Some(name)
            }
            _ => None,
        };
        let value = if self.take_word("true") {
            ArgumentValue::Flag(true)
        } else if self.take_word("false") {
            ArgumentValue::Flag(false)
        } else if self.take("(") {
            let mut list = vec![self.operand()?];
            while self.take(",") {
                list.push(self.operand()?);
            }
            self.expect(")", "after the list")?;
            ArgumentValue::List(list)
        } else {
            ArgumentValue::One(self.operand()?)
        };
        Ok(Argument { span: start.to(self.last_span()), name, value })
    }
}
