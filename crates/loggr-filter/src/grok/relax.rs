//! A wider expression for a linear-time engine: what it does not match, PCRE2 does not match.
//!
//! Dropping look-around, atomic groups, possessive quantifiers and counts only widens what
//! is matched. Where a construct is not known here there is no guard; that costs time, never
//! a match.

/// The wider expression in the syntax of the `regex` crate, for bytes; `None` if there is none.
pub(super) fn relax(pattern: &str) -> Option<String> {
    if !pattern.is_ascii() {
        return None;
    }
    let mut state =
        Relaxer { bytes: pattern.as_bytes(), at: 0, out: String::with_capacity(pattern.len() + 16) };
    state.out.push_str("(?sm-u)");
    state.run()?;
    Some(state.out)
}

struct Relaxer<'p> {
    bytes: &'p [u8],
    at: usize,
    out: String,
}

impl Relaxer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &str) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    fn run(&mut self) -> Option<()> {
        while let Some(c) = self.peek(0) {
            match c {
                b'\\' => self.escape(false)?,
                b'[' => self.class()?,
                b'(' => self.group()?,
                b'*' | b'+' | b'?' => {
                    self.out.push(char::from(c));
                    self.at += 1;
                    self.after_quantifier();
                }
                b'{' => self.count(),
                _ => {
                    self.out.push(char::from(c));
                    self.at += 1;
                }
            }
        }
        Some(())
    }

    /// Lazy means the same to a yes-or-no engine; possessive is widened.
    fn after_quantifier(&mut self) {
        if matches!(self.peek(0), Some(b'+' | b'?')) {
            self.at += 1;
        }
    }

    fn count(&mut self) {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b',').count();
        let inner = rest.get(..length).unwrap_or_default();
        let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || rest.get(length) != Some(&b'}') || inner.iter().filter(|b| **b == b',').count() > 1
        {
            self.out.push_str("\\{");
            self.at += 1;
            return;
        }
        let least_is_zero = inner.iter().take(digits).all(|b| *b == b'0');
        self.out.push(if least_is_zero { '*' } else { '+' });
        self.at += length + 2;
        self.after_quantifier();
    }

    fn escape(&mut self, in_class: bool) -> Option<()> {
        let c = self.peek(1)?;
        self.at += 2;
        match c {
            b'b' if in_class => self.out.push_str("\\x08"),
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'n' | b'r' | b't' | b'f' => {
                self.out.push('\\');
                self.out.push(char::from(c));
            }
            b'b' | b'B' | b'A' | b'z' if !in_class => {
                self.out.push('\\');
                self.out.push(char::from(c));
            }
            // Before a final line end as well: leaving it out is wider.
            b'Z' if !in_class => {}
            b'e' => self.out.push_str("\\x1B"),
            b'a' => self.out.push_str("\\x07"),
            b'x' => {
                let hex = self.bytes.get(self.at..self.at + 2)?;
                if !hex.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.out.push_str("\\x");
                hex.iter().for_each(|b| self.out.push(char::from(*b)));
                self.at += 2;
            }
            b'<' | b'>' | b'_' => self.out.push(char::from(c)),
            c if c.is_ascii_punctuation() || c == b' ' => {
                self.out.push_str(&format!("\\x{c:02X}"));
            }
            _ => return None,
        }
        Some(())
    }

    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        self.at += 1;
        if self.peek(0) == Some(b'^') {
            self.out.push('^');
            self.at += 1;
        }
        loop {
            match self.peek(0)? {
                b']' => {
                    self.out.push(']');
                    self.at += 1;
                    return Some(());
                }
                b'[' if self.peek(1) == Some(b':') => {
                    let rest = self.bytes.get(self.at..)?;
                    let length = rest.windows(2).position(|w| w == b":]")? + 2;
                    self.out.push_str(std::str::from_utf8(rest.get(..length)?).ok()?);
                    self.at += length;
                }
                b'\\' => self.escape(true)?,
                // A hyphen is a range or a literal as it stands; two of them would be a difference.
                b'-' if self.peek(1) == Some(b'-') => return None,
                c @ (b'[' | b'&' | b'~') => {
                    self.out.push_str(&format!("\\x{c:02X}"));
                    self.at += 1;
                }
                c => {
                    self.out.push(char::from(c));
                    self.at += 1;
                }
            }
        }
    }

    fn group(&mut self) -> Option<()> {
        for look in ["(?=", "(?!", "(?<=", "(?<!"] {
            if self.starts(look) {
                return self.skip();
            }
        }
        if self.starts("(?>") || self.starts("(?:") {
            self.at += 3;
            self.out.push_str("(?:");
            return Some(());
        }
        if self.starts("(?") {
            let rest = self.bytes.get(self.at + 2..)?;
            let length = rest.iter().take_while(|b| b"ix-".contains(b)).count();
            if length == 0 || !matches!(rest.get(length), Some(b')' | b':')) {
                return None;
            }
            self.out.push_str(std::str::from_utf8(self.bytes.get(self.at..self.at + 3 + length)?).ok()?);
            self.at += 3 + length;
            return Some(());
        }
        if self.starts("(*") {
            return None;
        }
        self.out.push_str("(?:");
        self.at += 1;
        Some(())
    }

    /// Over a look-around to its end. A quantifier behind it would be left without its
    /// object, so an empty group stands in.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        let mut in_class = false;
        let mut first_in_class = false;
        while let Some(c) = self.peek(0) {
            match c {
                b'\\' => self.at += 1,
                b'[' if !in_class => {
                    in_class = true;
                    first_in_class = true;
                    self.at += 1;
                    if self.peek(0) == Some(b'^') {
                        self.at += 1;
                    }
                    continue;
                }
                b']' if in_class && !first_in_class => in_class = false,
                b'[' if self.peek(1) == Some(b':') => {
                    let rest = self.bytes.get(self.at..)?;
                    self.at += rest.windows(2).position(|w| w == b":]")? + 1;
                }
                b'(' if !in_class => depth += 1,
                b')' if !in_class => depth = depth.checked_sub(1)?,
                _ => {}
            }
            first_in_class = false;
            self.at += 1;
            if depth == 0 {
                self.out.push_str("(?:)");
                return Some(());
            }
        }
        None
    }
}
