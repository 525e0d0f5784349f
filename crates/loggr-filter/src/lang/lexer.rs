//! Cuts the text of a filter into tokens, without knowing the grammar.

use super::error::{FilterError, Span};
use super::foreign;

/// Longest filter text in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Longest literal in bytes.
pub const MAX_LITERAL_BYTES: usize = 64 << 10;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word: keyword, field or engine.
    Word(String),
    /// `[name]`: a custom field.
    Custom(String),
    /// `"text"`, unescaped.
    Text(String),
    /// A number as it is written.
    Number(String),
    /// Anything else: `:=`, `{`, …
    Sign(&'static str),
    /// Behind the last token.
    End,
}

/// Longer signs before those that they begin with.
const SIGNS: [&str; 22] = [
    ":=", "+=", "-=", "==", "!=", "<=", ">=", "->", "~*", "<", ">", "~", "=", "+", "-", "(", ")", "{", "}",
    ",", ";", "]",
];

/// All tokens, the last one is [`Token::End`]; what cannot be a token is an error and left out.
pub(super) fn tokens(text: &str) -> (Vec<(Token, Span)>, Vec<FilterError>) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("the filter has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
        errors.push(FilterError::new(Span::new(0, 0), message));
        return (vec![(Token::End, Span::new(0, 0))], errors);
    }
    let mut at = 0;
    while let Some(c) = rest(text, at).chars().next() {
        let start = at;
        let result = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '#' => {
                at += rest(text, at).find('\n').unwrap_or(rest(text, at).len());
                continue;
            }
            '"' => literal(text, &mut at).map(Token::Text),
            '\'' => {
                let (inner, error) = single_quoted(text, &mut at);
                out.push((Token::Text(inner), Span::new(start, at)));
                Err(error)
            }
            '[' => {
                let name = custom(text, &mut at).map(Token::Custom);
                // A list in brackets is one error, not two.
                if name.is_err() && rest(text, start + 1).trim_start().starts_with(['"', '\'']) {
                    out.push((Token::Custom("list".to_owned()), Span::new(start, at)));
                }
                name
            }
            c if c.is_ascii_digit() => {
                at += rest(text, at).bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
                let number = text.get(start..at).unwrap_or("");
                match number.parse::<f64>() {
                    Ok(_) if !number.ends_with('.') => Ok(Token::Number(number.to_owned())),
                    _ => Err(FilterError::new(Span::new(start, at), format!("`{number}` is no number"))),
                }
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                at += rest(text, at).bytes().take_while(|b| word(b)).count();
                Ok(Token::Word(text.get(start..at).unwrap_or("").to_owned()))
            }
            // `===` is no `==`.
            _ if is_foreign(rest(text, at)) => Err(foreign_sign(text, &mut at, &mut out)),
            _ => match SIGNS.iter().find(|s| rest(text, at).starts_with(**s)) {
                Some(sign) => {
                    at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => Err(foreign_sign(text, &mut at, &mut out)),
            },
        };
        match result {
            Ok(token) => out.push((token, Span::new(start, at))),
            Err(error) => errors.push(error),
        }
    }
    out.push((Token::End, Span::new(text.len(), text.len())));
    (out, errors)
}

/// Whether the text begins with a sign of another language that is longer than a sign of this one.
fn is_foreign(text: &str) -> bool {
    let own = SIGNS.iter().find(|s| text.starts_with(**s)).map_or(0, |s| s.len());
    foreign::sign_at(text).is_some_and(|sign| sign.written.len() > own)
}

/// The error for a sign that means nothing here; the token that is read in its place is added to
/// `tokens`.
fn foreign_sign(text: &str, at: &mut usize, tokens: &mut Vec<(Token, Span)>) -> FilterError {
    let start = *at;
    let sign = foreign::sign_at(rest(text, start));
    let first = rest(text, start).chars().next().map_or(1, char::len_utf8);
    *at += sign.map_or(first, |s| s.written.len());
    let written = text.get(start..*at).unwrap_or_default().escape_debug().to_string();
    let span = Span::new(start, *at);
    let error = FilterError::new(span, format!("`{written}` means nothing here"));
    let Some(sign) = sign else { return error };
    if matches!(sign.written, "//" | "/*") {
        // A text that was meant as a comment is read as one.
        *at += rest(text, *at).find('\n').unwrap_or(rest(text, *at).len());
    }
    if let Some(token) = sign.stands_for {
        let own = SIGNS.iter().find(|s| **s == token);
        tokens.push((own.map_or_else(|| Token::Word(token.to_owned()), |s| Token::Sign(s)), span));
    }
    error.hint(sign.hint)
}

/// `'text'`, and what to write instead.
fn single_quoted(text: &str, at: &mut usize) -> (String, FilterError) {
    let start = *at;
    let inner = rest(text, start + 1);
    let line = inner.find('\n').unwrap_or(inner.len());
    let end = inner.get(..line).and_then(|l| l.find('\''));
    *at += 1 + end.map_or(0, |end| end + 1);
    let error = FilterError::new(Span::new(start, *at), "a text is not written in single quotes");
    match end.and_then(|end| inner.get(..end)) {
        Some(inner) => (inner.to_owned(), error.hint(format!("write {}", quoted(inner)))),
        None => (String::new(), error.hint("a text is written in double quotes: \"text\"")),
    }
}

fn rest(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or("")
}

/// `"…"` with the escapes `\"`, `\\`, `\n`, `\r`, `\t`, `\u{…}`; any other backslash stays as
/// it is, so that a regular expression is written once.
fn literal(text: &str, at: &mut usize) -> Result<String, FilterError> {
    let start = *at;
    let mut out = String::new();
    let mut chars = rest(text, start + 1).char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => {
                *at = start + 1 + i + 1;
                if out.len() > MAX_LITERAL_BYTES {
                    let message = format!("this text has {} bytes, more than {MAX_LITERAL_BYTES}", out.len());
                    return Err(FilterError::new(Span::new(start, *at), message));
                }
                return Ok(out);
            }
            '\n' => break,
            '\\' => match chars.next() {
                Some((_, '"')) => out.push('"'),
                Some((_, '\\')) => out.push('\\'),
                Some((_, 'n')) => out.push('\n'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'u')) if chars.as_str().starts_with('{') => {
                    let hex: String = chars
                        .as_str()
                        .chars()
                        .skip(1)
                        .take_while(|c| c.is_ascii_hexdigit())
                        .take(7)
                        .collect();
                    let closed = chars.as_str().chars().nth(hex.len() + 1) == Some('}');
                    match u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).filter(|_| closed) {
                        Some(c) => {
                            out.push(c);
                            for _ in 0..hex.len() + 2 {
                                chars.next();
                            }
                        }
                        None => out.push_str("\\u"),
                    }
                }
                Some((_, '\n')) | None => break,
                Some((_, other)) => {
                    out.push('\\');
                    out.push(other);
                }
            },
            c => out.push(c),
        }
    }
    *at = start + rest(text, start).find('\n').unwrap_or(rest(text, start).len());
    Err(FilterError::new(Span::new(start, start + 1), "this text has no end").hint("close it with `\"`"))
}

/// `[name]`; of a name in several brackets, `[a][b]`, the parts are joined with dots.
fn custom(text: &str, at: &mut usize) -> Result<String, FilterError> {
    let start = *at;
    let mut name = String::new();
    while rest(text, *at).starts_with('[') {
        let inner = rest(text, *at + 1);
        let end =
            inner.find([']', '\n', '[']).filter(|i| inner.get(*i..).is_some_and(|r| r.starts_with(']')));
        let Some(end) = end else {
            *at += 1 + inner.find('\n').unwrap_or(inner.len());
            return Err(FilterError::new(Span::new(start, start + 1), "this name has no end")
                .hint("close it with `]`"));
        };
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(inner.get(..end).unwrap_or("").trim());
        *at += end + 2;
    }
    if name.starts_with(['"', '\'']) {
        return Err(FilterError::new(Span::new(start, *at), "brackets are for names of custom fields")
            .hint("a list is written in parentheses: `in (\"a\", \"b\")`; a custom field is `[name]` without quotes"));
    }
    if name.is_empty() || name.chars().any(|c| c.is_control() || c == '"' || c == '=') {
        return Err(FilterError::new(Span::new(start, *at), "this is no name of a field")
            .hint("a custom field is written `[name]`, without `\"` and `=`"));
    }
    Ok(name)
}

/// The literal as it would be written.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            // Doubled only where it would otherwise begin an escape.
            '\\' if begins_escape(chars.peek().copied()) => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a backslash before this character would be read as the beginning of an escape.
fn begins_escape(next: Option<char>) -> bool {
    next.is_none_or(|c| matches!(c, '"' | '\\' | 'n' | 'r' | 't' | 'u') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: &[Token]) {
        let (tokens, errors) = tokens(text);
        assert!(errors.is_empty(), "{errors:?}");
        let got: Vec<Token> = tokens.into_iter().map(|(t, _)| t).filter(|t| *t != Token::End).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn tokens_of_each_kind() {
        check("if x1 # no\n", &[Token::Word("if".into()), Token::Word("x1".into())]);
        check("[a] [b][c]", &[Token::Custom("a".into()), Token::Custom("b.c".into())]);
        check(r#""a\"b\\c\d\n\u{e9}""#, &[Token::Text("a\"b\\c\\d\n\u{e9}".into())]);
        check("1 2.5", &[Token::Number("1".into()), Token::Number("2.5".into())]);
        check(
            "a:=b~*c->d",
            &[
                Token::Word("a".into()),
                Token::Sign(":="),
                Token::Word("b".into()),
                Token::Sign("~*"),
                Token::Word("c".into()),
                Token::Sign("->"),
                Token::Word("d".into()),
            ],
        );
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_read_back(text in ".{0,40}") {
            let (tokens, errors) = tokens(&quoted(&text));
            prop_assert!(errors.is_empty());
            prop_assert_eq!(&tokens[0].0, &Token::Text(text));
        }

        #[test]
        fn any_text_ends(text in "\\PC{0,60}") {
            let (tokens, _) = tokens(&text);
            prop_assert_eq!(&tokens.last().unwrap().0, &Token::End);
        }
    }
}
