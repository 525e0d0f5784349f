//! Reads the part of a query after a field's colon: a group, range, comparison, expression or
//! value.
//!
//! The type of the field decides what the written value means.

use std::ops::Bound;

use loggr_event::{Facility, Severity, Uid};
use loggr_net::Network;

use super::ast::{FacilitySet, Glob, Node, Scope, SeveritySet, Test};
use super::error::QueryError;
use super::field::Field;
use super::no_time::no_time;
use super::paint::Kind;
use super::parser::{Context, Parser, Raw};
use super::pattern::Pattern;
use super::suggest::nearest;
use super::time::{Clock, TimePoint, TimeRange, When, Written, parse_duration, parse_point, parse_when};
use super::value::{Range, Value, parse_ip};
use super::{MAX_REGEX_BYTES, MAX_REGEXES};
use crate::shape::ShapeId;

/// A bound of a range, with the place where it was written.
type Written1 = Bound<(String, usize)>;

impl Parser<'_> {
    /// A value of `field`. `direct`: it stands right after the colon, where also a group
    /// may stand, and `-` is a part of the value.
    pub(super) fn value(&mut self, field: &Field, direct: bool) -> Result<Node, QueryError> {
        let start = self.at;
        match self.peek() {
            Some('(') if direct => return self.nested(Context::Group(field)),
            Some('[' | '{') => {
                self.leaf(start)?;
                let (low, high) = self.range(field)?;
                self.paint(start, Kind::Number);
                return self.between(field, start, low, high);
            }
            Some('<' | '>') => {
                self.leaf(start)?;
                let (low, high) = self.comparison()?;
                return self.between(field, start, low, high);
            }
            Some('=') => {
                return Err(self
                    .error(start, "`=` is not needed: the colon compares")
                    .hint(format!("write `{field}:VALUE`, or the value in quotes")));
            }
            Some('!') => {
                return Err(self
                    .error(start, "`!` cannot stand before a value")
                    .hint(format!("write `-{field}:VALUE` to exclude, or the value in quotes")));
            }
            Some('/') => {
                if let Some(source) = self.slashed() {
                    self.paint(start, Kind::Regex);
                    self.leaf(start)?;
                    return self.expression(field, start, &source);
                }
            }
            _ => {}
        }
        let raw = self.raw()?;
        self.leaf(start)?;
        self.plain(field, &raw)
    }

    /// `/…/` before a space, a closing parenthesis or the end. Anything else that begins
    /// with a slash is a path.
    fn slashed(&mut self) -> Option<String> {
        let rest = self.rest();
        let mut source = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, '/')) => source.push('/'),
                    Some((_, next)) => source.extend(['\\', next]),
                    None => return None,
                },
                '/' => {
                    let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace() || *next == ')');
                    if source.is_empty() || !ends {
                        return None;
                    }
                    self.at += at + 1;
                    return Some(source);
                }
                c => source.push(c),
            }
        }
        None
    }

    /// `[a TO b}`: its two bounds.
    fn range(&mut self, field: &Field) -> Result<(Written1, Written1), QueryError> {
        let open = self.at;
        let low_inside = self.peek() == Some('[');
        self.at += 1;
        let low = self.range_bound(field, open)?;
        self.skip_space();
        let to = self.at;
        if self.rest().get(..2).is_some_and(|word| word.eq_ignore_ascii_case("to")) {
            self.at += 2;
        }
        if self.at == to || !self.peek().is_some_and(char::is_whitespace) {
            return Err(self
                .error(to, "`TO` is missing in the range")
                .hint(format!("write `{field}:[LOW TO HIGH]`, or a text with brackets in quotes")));
        }
        let high = self.range_bound(field, open)?;
        self.skip_space();
        let high_inside = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(self.error(self.at, "the range is not closed: `]` or `}` is missing")),
        };
        self.at += 1;
        let bound = |inside: bool, written: Option<(String, usize)>| match written {
            None => Bound::Unbounded,
            Some(written) if inside => Bound::Included(written),
            Some(written) => Bound::Excluded(written),
        };
        Ok((bound(low_inside, low), bound(high_inside, high)))
    }

    /// A bound between brackets; `*` is open.
    fn range_bound(&mut self, field: &Field, open: usize) -> Result<Option<(String, usize)>, QueryError> {
        self.skip_space();
        let start = self.at;
        if self.peek() == Some('"') {
            return Ok(Some((self.quoted()?, start)));
        }
        let rest = self.rest();
        let len = rest.find(|c: char| c.is_whitespace() || matches!(c, ']' | '}')).unwrap_or(rest.len());
        let word = rest.get(..len).unwrap_or_default();
        if word.is_empty() || word.eq_ignore_ascii_case("to") {
            let at = if rest.is_empty() { open } else { start };
            return Err(self
                .error(at, "the range lacks a bound")
                .hint(format!("write `{field}:[LOW TO HIGH]`; an open end is `*`")));
        }
        self.at += len;
        Ok((word != "*").then(|| (word.to_owned(), start)))
    }

    /// `>=a`: its two bounds, one of them open.
    fn comparison(&mut self) -> Result<(Written1, Written1), QueryError> {
        let sign = self.at;
        let greater = self.peek() == Some('>');
        self.at += 1;
        let or_equal = self.peek() == Some('=');
        self.at += usize::from(or_equal);
        self.paint(sign, Kind::Operator);
        self.skip_space();
        let raw = if self.at_end_of_group() { None } else { Some(self.raw()?) };
        let written = match raw.as_ref().and_then(|raw| raw.exact().map(|text| (text, raw))) {
            Some((text, raw)) if raw.quoted || !text.is_empty() => (text.to_owned(), raw.start),
            _ => {
                let operator = self.text.get(sign..sign + 1 + usize::from(or_equal)).unwrap_or_default();
                return Err(self.error(sign, format!("`{operator}` needs a value to compare with")));
            }
        };
        let bound = if or_equal { Bound::Included(written) } else { Bound::Excluded(written) };
        Ok(if greater { (bound, Bound::Unbounded) } else { (Bound::Unbounded, bound) })
    }

    /// What lies between two bounds.
    fn between(
        &self,
        field: &Field,
        start: usize,
        low: Written1,
        high: Written1,
    ) -> Result<Node, QueryError> {
        if matches!((&low, &high), (Bound::Unbounded, Bound::Unbounded)) {
            return Ok(exists(field));
        }
        if *field == Field::Shape {
            return Err(self.no_shape(start, "a shape has no order".to_owned()));
        }
        match field {
            Field::Time => self.times(Clock::Generated, &low, &high),
            Field::Timereported => self.times(Clock::Reported, &low, &high),
            Field::Severity => {
                self.no_number(field, start, &low, &high)?;
                let bound =
                    |b: &Written1| b.as_ref().map(|(text, at)| self.severity(text, *at)).transpose_bound();
                let (low, high) = in_order(bound(&low)?, bound(&high)?);
                Ok(Node::severity(SeveritySet::of(|s| within(&s, &low, &high))))
            }
            Field::Facility => {
                let bound =
                    |b: &Written1| b.as_ref().map(|(text, at)| self.facility(text, *at)).transpose_bound();
                let (low, high) = in_order(bound(&low)?, bound(&high)?);
                Ok(Node::facility(FacilitySet::of(|f| within(&f, &low, &high))))
            }
            Field::Message => Err(self
                .error(start, "the message is text and has no order")
                .hint("to search for brackets or signs, write the text in quotes")),
            _ => {
                let value = |b: Written1| b.map(|(text, _)| Value::new(&text));
                Ok(Node::Field(field.clone(), Test::Range(Range { low: value(low), high: value(high) })))
            }
        }
    }

    /// The numbers of severities count down from `debug` (7) to `emerg` (0), while `>=` means at
    /// least as severe: a bound that is a number would be ambiguous.
    fn no_number(
        &self,
        field: &Field,
        start: usize,
        low: &Written1,
        high: &Written1,
    ) -> Result<(), QueryError> {
        let numbered = |bound: &Written1| match bound {
            Bound::Included((text, _)) | Bound::Excluded((text, _)) => {
                text.trim().parse().ok().and_then(Severity::from_code)
            }
            Bound::Unbounded => None,
        };
        let (a, b) = (numbered(low), numbered(high));
        let Some(bound) = a.or(b) else { return Ok(()) };
        let error = self.error(
            start,
            "a comparison of a severity with a number is ambiguous, because a smaller number is more severe",
        );
        let sign = match (low, high) {
            (Bound::Included(_), Bound::Unbounded) => ">=",
            (Bound::Excluded(_), Bound::Unbounded) => ">",
            (Bound::Unbounded, Bound::Included(_)) => "<=",
            (Bound::Unbounded, Bound::Excluded(_)) => "<",
            // Between two bounds everything is the same from both sides: names alone are missing.
            _ => {
                let (from, to) = (bounding(low), bounding(high));
                return Err(error.hint(format!("write names: `{field}:[{from} TO {to}]`")));
            }
        };
        let meant = |sign: &str| {
            let holds = |s: Severity| match sign {
                ">=" => s >= bound,
                ">" => s > bound,
                "<=" => s <= bound,
                _ => s < bound,
            };
            format!("`{field}:{sign}{bound}` for {}", Severity::span(holds))
        };
        let by_number = match sign {
            ">=" => "<=",
            ">" => "<",
            "<=" => ">=",
            _ => ">",
        };
        Err(error.hint(format!("write {}, or {}", meant(by_number), meant(sign))))
    }

    fn times(&self, clock: Clock, low: &Written1, high: &Written1) -> Result<Node, QueryError> {
        let from = match low {
            Bound::Unbounded => None,
            Bound::Included((text, at)) => Some(self.point(text, *at)?.start),
            Bound::Excluded((text, at)) => Some(self.point(text, *at)?.end),
        };
        let until = match high {
            Bound::Unbounded => None,
            Bound::Included((text, at)) => Some(self.point(text, *at)?.end),
            Bound::Excluded((text, at)) => Some(self.point(text, *at)?.start),
        };
        Ok(Node::Time(clock, TimeRange { from, until }))
    }

    fn point(&self, text: &str, at: usize) -> Result<Written, QueryError> {
        parse_point(text).ok_or_else(|| {
            let error = self.error(at, format!("`{text}` is not a point in time"));
            match parse_duration(text) {
                Some(_) => error.hint(format!("write `now-{text}` for the point that long ago")),
                None => {
                    error.hint("write for example `2026-11-22`, `2026-11-22T10:00:00Z`, `today` or `now-5m`")
                }
            }
        })
    }

    /// A regular expression on `field`.
    fn expression(&mut self, field: &Field, start: usize, source: &str) -> Result<Node, QueryError> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return Err(
                self.error(start, format!("the query has more than {MAX_REGEXES} regular expressions"))
            );
        }
        if source.len() > MAX_REGEX_BYTES {
            let len = source.len();
            return Err(
                self.error(start, format!("the expression has {len} bytes, more than {MAX_REGEX_BYTES}"))
            );
        }
        if matches!(field, Field::Time | Field::Timereported) {
            return Err(self.error(start, "a time cannot be searched by an expression"));
        }
        if *field == Field::Shape {
            return Err(self.no_shape(start, "a shape cannot be searched by an expression".to_owned()));
        }
        let pattern = Pattern::new(source).map_err(|reason| {
            self.error(start, format!("cannot use the expression `/{source}/`: {reason}"))
                .hint("to search for a text with slashes, write it in quotes")
        })?;
        Ok(match field {
            Field::Severity => Node::severity(SeveritySet::of(|s| pattern.is_match(s.keyword()))),
            Field::Facility => Node::facility(FacilitySet::of(|f| pattern.is_match(f.keyword()))),
            _ => Node::Field(field.clone(), Test::Regex(pattern)),
        })
    }

    /// A word or quoted text as the value of `field`.
    fn plain(&self, field: &Field, raw: &Raw) -> Result<Node, QueryError> {
        if raw.pieces.is_empty() && (raw.open_start || raw.open_end) {
            return Ok(exists(field));
        }
        match field {
            Field::Time => self.plain_time(Clock::Generated, raw),
            Field::Timereported => self.plain_time(Clock::Reported, raw),
            Field::Severity => match raw.exact() {
                Some(text) => {
                    let wanted = self.severity(text, raw.start)?;
                    Ok(Node::severity(SeveritySet::of(|s| s == wanted)))
                }
                None => Ok(Node::severity(SeveritySet::of(|s| fits(raw, s.keyword())))),
            },
            Field::Facility => match raw.exact() {
                Some(text) => {
                    let wanted = self.facility(text, raw.start)?;
                    Ok(Node::facility(FacilitySet::of(|f| f == wanted)))
                }
                None => Ok(Node::facility(FacilitySet::of(|f| fits(raw, f.keyword())))),
            },
            Field::Shape => match raw.exact().map(str::parse::<ShapeId>) {
                Some(Ok(id)) => Ok(Node::Field(Field::Shape, Test::Equals(Value::new(&id.to_string())))),
                Some(Err(_)) => {
                    let written = raw.exact().unwrap_or_default();
                    Err(self.no_shape(raw.start, format!("`{written}` is not the shape of a message")))
                }
                None => Err(self.no_shape(raw.start, "a shape has no `*` in it".to_owned())),
            },
            _ => self.plain_text(field, raw),
        }
    }

    fn plain_text(&self, field: &Field, raw: &Raw) -> Result<Node, QueryError> {
        let Some(glob) = Glob::new(&raw.pieces, raw.open_start, raw.open_end) else {
            // `procid:""`: an empty core field is an absent one.
            return Ok(match field {
                Field::Custom(_) => Node::Field(field.clone(), Test::Equals(Value::new(""))),
                _ => Node::negate(exists(field)),
            });
        };
        if *field == Field::Message {
            return Ok(Node::Text(Scope::Message, glob));
        }
        let test = match raw.exact() {
            None => Test::Glob(glob),
            Some(text) => match (raw.quoted, text.split_once('/')) {
                (false, Some((address, prefix)))
                    if parse_ip(address).is_some()
                        && !prefix.is_empty()
                        && prefix.bytes().all(|b| b.is_ascii_digit()) =>
                {
                    Test::Network(Network::parse_around(text).map_err(|wrong| {
                        let error = self.error(raw.start + address.len(), wrong.to_string());
                        match wrong.hint() {
                            Some(hint) => error.hint(hint),
                            None => error,
                        }
                    })?)
                }
                _ if *field == Field::Uid => match Uid::parse(text) {
                    Some(uid) => Test::Equals(Value::new(&uid.to_string())),
                    None => Test::Equals(Value::new(text)),
                },
                _ => Test::Equals(Value::new(text)),
            },
        };
        Ok(Node::Field(field.clone(), test))
    }

    /// `5m` is the last five minutes and all that is newer; a date is that day.
    fn plain_time(&self, clock: Clock, raw: &Raw) -> Result<Node, QueryError> {
        let Some(text) = raw.exact() else {
            return Err(self
                .error(raw.start, "a time has no `*` in it")
                .hint("write e.g. `_time:2026-11` for a month"));
        };
        match parse_when(text) {
            Some(When::Ago(micros)) => {
                let from = Some(TimePoint::Now(-micros));
                Ok(Node::Time(clock, TimeRange { from, until: None }))
            }
            Some(When::Point(point)) => {
                Ok(Node::Time(clock, TimeRange { from: Some(point.start), until: Some(point.end) }))
            }
            None => {
                let (detail, hint) = no_time(text);
                Err(self.error(raw.start, detail).hint(hint))
            }
        }
    }

    fn no_shape(&self, at: usize, message: String) -> QueryError {
        self.error(at, message).hint(
            "a shape is 16 hexadecimal digits, as answers print them: `shape:7d3c0a91e2f4b865`; \
             for a custom field of this name write `fields.shape`",
        )
    }

    fn severity(&self, text: &str, at: usize) -> Result<Severity, QueryError> {
        Severity::from_name(text).ok_or_else(|| {
            let names = Severity::ALL.map(Severity::keyword);
            let hint = match nearest(text, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the severities are {}", names.join(", ")),
            };
            self.error(at, format!("`{text}` is not a severity")).hint(hint)
        })
    }

    fn facility(&self, text: &str, at: usize) -> Result<Facility, QueryError> {
        Facility::from_name(text).ok_or_else(|| {
            let names = (0..=Facility::MAX_CODE).filter_map(Facility::from_code).map(Facility::keyword);
            let hint = match nearest(text, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "the facilities are kern, user, mail, daemon, auth, … local7".to_owned(),
            };
            self.error(at, format!("`{text}` is not a facility")).hint(hint)
        })
    }
}

/// Every event has a time, a severity and a facility.
fn exists(field: &Field) -> Node {
    match field {
        Field::Time | Field::Timereported | Field::Severity | Field::Facility | Field::Uid => Node::All,
        // Every message has a shape, an empty one too.
        Field::Shape => Node::All,
        _ => Node::Field(field.clone(), Test::Exists),
    }
}

fn fits(raw: &Raw, keyword: &str) -> bool {
    Glob::new(&raw.pieces, raw.open_start, raw.open_end).is_some_and(|g| g.matches_value(keyword.as_bytes()))
}

/// Whether the value lies between two bounds, in whichever order they are written: it is easy to
/// mistake which end of the severities is the lower one.
fn within<T: Ord>(value: &T, low: &Bound<T>, high: &Bound<T>) -> bool {
    let above = match low {
        Bound::Unbounded => true,
        Bound::Included(bound) => value >= bound,
        Bound::Excluded(bound) => value > bound,
    };
    above
        && match high {
            Bound::Unbounded => true,
            Bound::Included(bound) => value <= bound,
            Bound::Excluded(bound) => value < bound,
        }
}

fn in_order<T: Ord>(low: Bound<T>, high: Bound<T>) -> (Bound<T>, Bound<T>) {
    let swapped = match (&low, &high) {
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a > b,
        _ => false,
    };
    if swapped { (high, low) } else { (low, high) }
}

/// The name of a severity that stands at the end of a range, if it is one.
fn bounding(bound: &Written1) -> String {
    match bound {
        Bound::Included((text, _)) | Bound::Excluded((text, _)) => {
            Severity::from_name(text).map_or_else(|| text.clone(), |s| s.keyword().to_owned())
        }
        Bound::Unbounded => "*".to_owned(),
    }
}

trait TransposeBound<T> {
    fn transpose_bound(self) -> Result<Bound<T>, QueryError>;
}

impl<T> TransposeBound<T> for Bound<Result<T, QueryError>> {
    fn transpose_bound(self) -> Result<Bound<T>, QueryError> {
        Ok(match self {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Included(value) => Bound::Included(value?),
            Bound::Excluded(value) => Bound::Excluded(value?),
        })
    }
}
