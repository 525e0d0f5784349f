//! Walks the parts of a message, fixed and variable ones, in order: the one place where the rule of
//! `docs/format/shape.md` stands.
//!
//! Pure: bytes in, ranges out, nothing allocated, linear in the message. Not what becomes of the parts
//! (`super`). Invariants: every range lies at character boundaries; the length of a variable part never
//! decides where a shape ends.

use super::words::{
    ALONE, AT, COLON, DIGIT, HEX_WORD, LETTER, NOT_HEX, SPACE, UPPER, UUID, begins_uuid, class, in_word,
    is_calendar, is_colon_address, is_no_user, is_text_name, is_variable_name, variable_from,
};
use super::{MARK, MAX_SHAPE_BYTES, MAX_WORD_BYTES};

/// Letters that the value behind a `=` may have and still count as a word.
const MAX_VALUE_WORD_BYTES: usize = 24;
/// Bytes that are looked at for the end of an address in brackets.
const MAX_ADDRESS_BYTES: usize = 64;

/// Takes the parts.
pub(super) trait Sink {
    /// Text that makes the shape.
    fn fixed(&mut self, from: usize, until: usize);
    /// Blanks between others, which count as one.
    fn blank(&mut self);
    /// What varies; perhaps nothing.
    fn variable(&mut self, from: usize, until: usize);
}

/// The word before this one, where it says what this one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    User,
    For,
    /// A `-` that stands for no value.
    Dash,
}

pub(super) struct Walk<'m, S> {
    text: &'m [u8],
    at: usize,
    sink: S,
    /// Bytes of the shape so far.
    written: usize,
    /// The last part, if it varies: it may grow.
    open: Option<(usize, usize)>,
    /// Fixed text that was not handed over yet: it may grow, also over a single blank.
    text_from: usize,
    text_until: usize,
    /// From here on nothing was handed over but `open`: blanks, commas, single joints.
    gap: usize,
    before: Before,
    /// The last word, and the name that the next value has.
    word: (usize, usize),
    name: Option<(usize, usize)>,
    /// The quote that ends a text which is being walked.
    closing: usize,
    /// For `"`, `'` and backquotes: from where it was looked for a closing one, and where it is.
    closers: [(usize, usize); 3],
    done: bool,
}

/// Hands the parts of a message to a sink, and gives it back.
pub(super) fn walk<S: Sink>(message: &str, sink: S) -> S {
    let mut walk = Walk {
        text: message.as_bytes(),
        at: 0,
        sink,
        written: 0,
        open: None,
        text_from: 0,
        text_until: 0,
        gap: 0,
        before: Before::Other,
        word: (0, 0),
        name: None,
        closing: usize::MAX,
        closers: [(1, 0); 3],
        done: false,
    };
    while !walk.done
        && let Some(byte) = walk.byte(walk.at)
    {
        walk.step(byte);
    }
    walk.finish();
    walk.sink
}

/// Where the host of a URL begins: behind `scheme://`.
fn scheme_end(word: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', word)?;
    (word.get(colon + 1..colon + 3) == Some(b"//")).then_some(colon + 3)
}

impl<S: Sink> Walk<'_, S> {
    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn is_in_word(&self, at: usize) -> bool {
        self.byte(at).is_some_and(in_word)
    }

    fn slice(&self, from: usize, until: usize) -> &[u8] {
        self.text.get(from..until).unwrap_or_default()
    }

    /// The first place from `from` on whose byte `stops`, or the end.
    #[inline]
    fn until(&self, from: usize, stops: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        rest.iter().position(|b| stops(*b)).map_or(self.text.len(), |n| from + n)
    }

    fn step(&mut self, byte: u8) {
        let class = class(byte);
        if class & SPACE != 0 {
            self.at += 1;
            if byte == 0x1b && self.byte(self.at) == Some(b'[') {
                // A colour of a terminal: up to its letter.
                self.at = self.until(self.at + 1, |b| !matches!(b, b'0'..=b'9' | b';' | b':' | b'?'));
                self.at += usize::from(self.byte(self.at).is_some_and(|b| b.is_ascii_alphabetic()));
            }
        } else if class & ALONE == 0 {
            self.chunk();
        } else {
            self.before = Before::Other;
            match byte {
                b',' => self.at += 1,
                b'"' | b'\'' | b'`' => self.quote(byte),
                b'=' => self.value(),
                b'?' => self.query(),
                b'[' if self.address_and_port() => {}
                _ => self.alone(),
            }
        }
    }

    /// One byte of punctuation.
    fn alone(&mut self) {
        self.fixed(self.at, self.at + 1);
        self.at += 1;
        self.name = None;
    }

    /// What stands between blanks, brackets, quotes and `,;|=&?`.
    fn chunk(&mut self) {
        let start = self.at;
        let mut seen = 0;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|b| {
            let class = class(*b);
            seen |= class;
            class & (SPACE | ALONE) != 0
        });
        // The byte behind it was seen, too; what is asked for below it cannot be.
        let end = length.map_or(self.text.len(), |n| start + n);
        let spaced = start > self.word.1;
        let before = std::mem::replace(&mut self.before, Before::Other);
        self.word = (start, end);
        self.at = end;
        if before != Before::Other && spaced && self.is_user(before, start, end) {
            let name = self.trimmed(start, end);
            self.variable(start, name);
            return self.rest_of(name, end);
        }
        let hex = seen & NOT_HEX == 0 && (seen & COLON != 0 || end - start >= HEX_WORD);
        if seen & (DIGIT | AT) == 0 && !hex {
            return self.plain(start, end, seen);
        }
        self.special(start, end, seen);
    }

    /// A chunk without digits.
    fn plain(&mut self, start: usize, end: usize, seen: u8) {
        let word = self.text.get(start..end).unwrap_or_default();
        if seen & COLON != 0
            && let Some(at) = scheme_end(word)
        {
            return self.url(start, start + at);
        }
        let varies = match word {
            b"-" | b"AM" | b"PM" | b"am" | b"pm" => self.open.is_some(),
            _ => word.len() > MAX_WORD_BYTES || (self.is_before_a_date(end) && is_calendar(word)),
        };
        if varies {
            if word == b"-" {
                self.before = Before::Dash;
            }
            return self.variable(start, end);
        }
        self.fixed(start, end);
        self.before = match word {
            [b'u' | b'U', b's' | b'S', b'e' | b'E', b'r' | b'R'] => Before::User,
            b"for" => Before::For,
            _ => Before::Other,
        };
    }

    /// Digits, or the name of another month or day?
    fn is_before_a_date(&self, end: usize) -> bool {
        let next = self.until(end, |b| !matches!(b, b' ' | b',' | b'.'));
        let word = self.slice(next, self.until(next, |b| class(b) & LETTER == 0));
        next > end && (self.byte(next).is_some_and(|b| b.is_ascii_digit()) || is_calendar(word))
    }

    /// `user NAME`, `for NAME from`, `- NAME [`?
    fn is_user(&self, before: Before, start: usize, end: usize) -> bool {
        let word = self.slice(start, end);
        if !self.is_in_word(start) || is_no_user(word) {
            return false;
        }
        match before {
            Before::User => true,
            Before::For => self.slice(end, end + 6) == b" from ",
            Before::Dash => self.slice(end, end + 2) == b" [",
            Before::Other => false,
        }
    }

    /// Without the punctuation at its end.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        let ends = |b: &u8| !matches!(b, b'.' | b':' | b'!' | b'-' | b'/' | b'*' | b'~' | b'+' | b'\\');
        self.slice(start, end).iter().rposition(ends).map_or(start, |n| start + n + 1)
    }

    fn rest_of(&mut self, from: usize, until: usize) {
        if from < until {
            self.fixed(from, until);
        }
    }

    /// `scheme://` and what belongs to it.
    fn url(&mut self, start: usize, host: usize) {
        let stops = |b: u8| {
            class(b) & SPACE != 0
                || matches!(
                    b,
                    b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'|'
                )
        };
        let end = self.until(host, stops);
        let kept = |b: &u8| !matches!(b, b'.' | b',' | b';' | b':' | b'!' | b'?');
        let end = self.slice(host, end).iter().rposition(kept).map_or(host, |n| host + n + 1);
        self.fixed(start, host);
        if end > host {
            self.variable(host, end);
        }
        self.at = end;
    }

    /// A chunk with digits, an `@`, or colons between hexadecimal digits.
    fn special(&mut self, start: usize, whole: usize, seen: u8) {
        let chunk = self.slice(start, whole);
        if seen & COLON != 0
            && let Some(at) = scheme_end(chunk)
        {
            return self.url(start, start + at);
        }
        if seen & COLON != 0 && is_colon_address(chunk) {
            return self.variable(start, whole);
        }
        let end = self.trimmed(start, whole);
        if seen & COLON != 0 && is_colon_address(self.slice(start, end)) {
            self.variable(start, end);
            return self.rest_of(end, whole);
        }
        let mut from = start;
        while from < end && !self.is_in_word(from) && !self.is_signed(from, start) {
            from += 1;
        }
        self.rest_of(start, from);
        if from < end {
            let varies = !self.is_in_word(from)
                || self.byte(from).is_some_and(|b| b.is_ascii_digit())
                || (seen & COLON != 0 && is_colon_address(self.slice(from, end)))
                || (seen & AT != 0 && self.is_mail(from, end))
                || (seen & (UPPER | DIGIT) == DIGIT && self.is_host(from, end));
            if varies { self.variable(from, end) } else { self.words(from, end) }
        }
        self.rest_of(end, whole);
    }

    /// A sign or point before a digit, behind nothing that it could join.
    fn is_signed(&self, at: usize, start: usize) -> bool {
        let alone = at == start && !at.checked_sub(1).is_some_and(|before| self.is_in_word(before));
        alone
            && matches!(self.byte(at), Some(b'-' | b'+' | b'.'))
            && self.byte(at + 1).is_some_and(|b| b.is_ascii_digit())
    }

    fn is_mail(&self, from: usize, end: usize) -> bool {
        let at = self.slice(from, end).iter().rposition(|b| *b == b'@');
        at.is_some_and(|n| n > 0 && self.is_in_word(from + n + 1) && from + n + 1 < end)
    }

    /// Small letters and digits with two points or more.
    fn is_host(&self, from: usize, end: usize) -> bool {
        let host = self.slice(from, end);
        host.iter().all(|b| in_word(*b) || matches!(b, b'.' | b'-'))
            && host.iter().filter(|b| **b == b'.').count() >= 2
    }

    /// Word by word.
    fn words(&mut self, from: usize, end: usize) {
        let mut at = from;
        while at < end {
            if !self.is_in_word(at) {
                // What joins two variable parts belongs to them.
                if self.open.is_none_or(|(_, until)| until != at) {
                    self.fixed(at, at + 1);
                }
                at += 1;
                continue;
            }
            if begins_uuid(self.slice(at, end)) {
                self.variable(at, at + UUID);
                at += UUID;
                continue;
            }
            let until = self.until(at, |b| !in_word(b)).min(end);
            let varies = at + variable_from(self.slice(at, until));
            if until - at > MAX_WORD_BYTES {
                self.variable(at, until);
            } else {
                self.rest_of(at, varies);
                if varies < until {
                    self.variable(varies, until);
                }
            }
            at = until;
        }
    }

    /// `[address]:port`, which is one part, as is `address:port`.
    fn address_and_port(&mut self) -> bool {
        let start = self.at + 1;
        if self.at.checked_sub(1).is_some_and(|before| self.is_in_word(before)) {
            return false;
        }
        let within = self.slice(start, (start + MAX_ADDRESS_BYTES).min(self.text.len()));
        let Some(length) = within.iter().position(|b| *b == b']') else { return false };
        let address = within.get(..length).unwrap_or_default();
        let points = address.iter().filter(|b| **b == b'.').count();
        let is_v4 = points == 3 && address.iter().all(|b| matches!(b, b'0'..=b'9' | b'.'));
        let end = start + length + 1;
        let has_port = self.byte(end) == Some(b':') && self.byte(end + 1).is_some_and(|b| b.is_ascii_digit());
        if !has_port || !(is_v4 || is_colon_address(address)) {
            return false;
        }
        let until = self.until(end + 1, |b| !b.is_ascii_digit());
        self.variable(self.at, until);
        self.at = until;
        true
    }

    /// `name=value`, from the sign on.
    fn value(&mut self) {
        let (name_from, name_end) = self.word;
        let named = name_end == self.at && name_from < name_end;
        self.alone();
        if !named {
            return;
        }
        let stops = |b: u8| class(b) & (SPACE | ALONE) != 0;
        let end = self.until(self.at, |b| stops(b) && !matches!(b, b'=' | b'?'));
        let value = self.slice(self.at, end);
        let opens = matches!(self.byte(end), Some(b'"' | b'\'' | b'`' | b'(' | b'[' | b'{' | b'<'));
        if value.is_empty() && (opens || self.byte(end) == Some(b'>')) {
            self.name = Some((name_from, name_end));
            return;
        }
        let is_word = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-');
        if value.len() > MAX_VALUE_WORD_BYTES
            || !value.iter().all(is_word)
            || is_variable_name(self.slice(name_from, name_end))
        {
            let end = if value.is_empty() { end } else { self.trimmed(self.at, end).max(self.at + 1) };
            self.variable(self.at, end);
            self.at = end;
        }
    }

    /// `?` behind a path: what follows varies.
    fn query(&mut self) {
        let (from, end) = self.word;
        let path = end == self.at && self.slice(from, end).contains(&b'/');
        self.alone();
        if path && self.is_in_word(self.at) {
            let stops = |b: u8| {
                class(b) & SPACE != 0 || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b')' | b']' | b'}')
            };
            let end = self.until(self.at, stops);
            self.variable(self.at, end);
            self.at = end;
        }
    }

    /// A quote: of a name, of a text, of a value, or nothing of the kind.
    fn quote(&mut self, quote: u8) {
        let start = self.at;
        let name = self.name.take();
        let behind_word = start.checked_sub(1).is_some_and(|before| self.is_in_word(before));
        let closer = if behind_word || start == self.closing { None } else { self.closer(quote) };
        let Some(close) = closer.filter(|close| *close < self.closing || self.closing < start) else {
            return self.alone();
        };
        let colon = self.until(close + 1, |b| b != b' ');
        if self.byte(colon) == Some(b':') && close > start + 1 {
            self.fixed(start, close + 1);
            self.fixed(colon, colon + 1);
            self.at = self.until(colon + 1, |b| b != b' ');
            self.name = Some((start + 1, close));
            return self.bare_value();
        }
        self.alone();
        let is_text = name.is_some_and(|(from, until)| is_text_name(self.slice(from, until)));
        if is_text {
            self.closing = close;
            return;
        }
        self.variable(start + 1, close);
        self.at = close;
        self.alone();
    }

    /// `true`, `false` and `null` behind a name in quotes.
    fn bare_value(&mut self) {
        let end = self.until(self.at, |b| !b.is_ascii_alphabetic());
        if matches!(self.slice(self.at, end), b"true" | b"false" | b"null" | b"True" | b"False" | b"None") {
            self.variable(self.at, end);
            self.at = end;
        }
        if !matches!(self.byte(self.at), Some(b'"' | b'\'' | b'`')) {
            self.name = None;
        }
    }

    /// Where the quote at this place is closed: before something that is no part of a word.
    fn closer(&mut self, quote: u8) -> Option<usize> {
        let from = self.at + 1;
        let slot = match quote {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        let (looked, found) = self.closers.get(slot).copied().unwrap_or_default();
        if looked > from || found < from {
            let mut at = from;
            let found = loop {
                let Some(n) = memchr::memchr2(quote, b'\\', self.text.get(at..).unwrap_or_default()) else {
                    break usize::MAX;
                };
                at += n;
                if self.byte(at) == Some(b'\\') {
                    at += 2;
                } else if self.is_in_word(at + 1) {
                    at += 1;
                } else {
                    break at;
                }
            };
            if let Some(place) = self.closers.get_mut(slot) {
                *place = (from, found);
            }
        }
        let found = self.closers.get(slot).map_or(usize::MAX, |place| place.1);
        (found < self.text.len()).then_some(found)
    }

    /// Hands over the last part, and the blanks, commas and joints behind it.
    fn flush(&mut self, at: usize) {
        if self.text_from < self.text_until {
            self.sink.fixed(self.text_from, self.text_until);
            self.text_from = self.text_until;
        }
        if let Some((from, until)) = self.open.take() {
            self.sink.variable(from, until);
            self.written += MARK.len();
        }
        let (mut from, mut blank) = (self.gap, false);
        if at == from + 1 && self.byte(from) == Some(b' ') && at < self.text.len() {
            self.gap = at;
            return self.space(true);
        }
        while from < at {
            match self.byte(from) {
                // The sequence of a colour counts as a blank.
                Some(0x1b) if self.byte(from + 1) == Some(b'[') => {
                    blank = true;
                    from = self.until(from + 2, |b| !matches!(b, b'0'..=b'9' | b';' | b':' | b'?'));
                    from += usize::from(self.byte(from).is_some_and(|b| b.is_ascii_alphabetic()));
                }
                Some(b) if class(b) & SPACE != 0 => {
                    blank = true;
                    from += 1;
                }
                _ => {
                    self.space(std::mem::take(&mut blank));
                    self.sink.fixed(from, from + 1);
                    self.written += 1;
                    from += 1;
                }
            }
        }
        self.gap = at;
        if at < self.text.len() || self.done {
            self.space(blank);
        }
    }

    fn space(&mut self, blank: bool) {
        if blank && self.written > 0 {
            self.sink.blank();
            self.written += 1;
        }
    }

    #[inline]
    fn fixed(&mut self, from: usize, until: usize) {
        if self.done {
            return;
        }
        // A single blank is written as it is.
        let blank =
            from == self.gap + 1 && self.text_from < self.text_until && self.byte(self.gap) == Some(b' ');
        let grows = self.text_until == self.gap && (blank || self.gap == from);
        let length = until - from + usize::from(blank);
        if self.open.is_some() || !grows || self.written + length > MAX_SHAPE_BYTES {
            self.flush(from);
            if self.written + (until - from) > MAX_SHAPE_BYTES {
                return self.end(from);
            }
            self.text_from = from;
            self.written += until - from;
        } else {
            self.written += length;
        }
        self.text_until = until;
        self.gap = until;
    }

    fn variable(&mut self, from: usize, until: usize) {
        if self.done {
            return;
        }
        match &mut self.open {
            Some(open) => open.1 = until,
            None => {
                self.flush(from);
                if self.written + MARK.len() > MAX_SHAPE_BYTES {
                    return self.end(from);
                }
                self.open = Some((from, until));
            }
        }
        self.gap = until;
    }

    /// The shape is long enough: the rest of the message is one variable part.
    fn end(&mut self, from: usize) {
        self.open = Some((from, self.text.len()));
        self.gap = self.text.len();
        self.done = true;
    }

    fn finish(&mut self) {
        self.flush(self.text.len());
    }
}
