//! The form of a text, `%{a} - %{b}`: how it is read, and how a text is cut by it.

use std::ops::Range;

use memchr::memmem::Finder;

/// Most parts of a form.
const MAX_PARTS: usize = 256;
/// The hint where nothing better is known.
const EXAMPLE: &str = "a form is written like `%{client} - %{user} [%{time}]`";

/// A part of the text, and what stands behind it.
#[derive(Debug)]
pub(super) struct Piece {
    pub role: Role,
    /// The text that ends it; none is needed at the end of the form.
    behind: Option<Finder<'static>>,
    /// That text may stand there several times.
    padded: bool,
}

/// What becomes of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    Skip,
    /// A field.
    Named(String),
    /// A field made of several parts in this order, each with what comes before it.
    Joined(String, Vec<(usize, String)>),
    /// One of those.
    Appended,
    /// A field whose name is the text of this part.
    NamedBy(usize),
}

/// A form that was read.
#[derive(Debug)]
pub(super) struct Form {
    /// With what every text begins.
    start: String,
    pub pieces: Vec<Piece>,
}

/// What is wrong with one.
#[derive(Debug)]
pub(super) struct Wrong {
    pub message: String,
    pub hint: String,
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), hint: hint.into() }
}

/// A part as it is written.
struct Written<'f> {
    /// `?`, `*`, `&`, `+`, or none.
    sign: Option<char>,
    name: String,
    order: Option<u32>,
    padded: bool,
    /// The text before it, and behind it.
    before: &'f str,
    behind: &'f str,
}

impl Form {
    /// Reads a form; `prefix` is put before each name.
    pub fn parse(text: &str, prefix: &str) -> Result<Form, Wrong> {
        let (start, mut rest) = match text.find("%{") {
            Some(at) => text.split_at(at),
            None => return Err(wrong("the form has no part", EXAMPLE)),
        };
        let (mut all, mut before): (Vec<Written<'_>>, _) = (Vec::new(), start);
        while let Some(inner) = rest.strip_prefix("%{") {
            let Some((inner, more)) = inner.split_once('}') else {
                return Err(wrong("a `%{` without its `}`", EXAMPLE));
            };
            let behind = more.get(..more.find("%{").unwrap_or(more.len())).unwrap_or_default();
            rest = more.get(behind.len()..).unwrap_or_default();
            if behind.is_empty() && !rest.is_empty() {
                let message = format!("nothing stands between `%{{{inner}}}` and the next part");
                return Err(wrong(message, "without a text between them nobody knows where the first ends"));
            }
            all.push(Written { before, behind, ..written(inner)? });
            before = behind;
            if all.len() > MAX_PARTS {
                return Err(wrong(format!("the form has more than {MAX_PARTS} parts"), EXAMPLE));
            }
        }
        let roles: Result<Vec<Role>, Wrong> = (0..all.len()).map(|at| role(&all, at, prefix)).collect();
        let pieces = all.iter().zip(roles?).map(|(written, role)| Piece {
            role,
            behind: (!written.behind.is_empty()).then(|| Finder::new(written.behind).into_owned()),
            padded: written.padded,
        });
        Ok(Form { start: start.to_owned(), pieces: pieces.collect() })
    }

    /// Where the parts of a text are; `None` if it does not have the form.
    pub fn cut(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let mut at = text.starts_with(&self.start).then_some(self.start.len())?;
        let mut ranges = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let Some(finder) = &piece.behind else {
                ranges.push(at..text.len());
                at = text.len();
                continue;
            };
            let rest = text.as_bytes().get(at..)?;
            let found = finder.find(rest)?;
            ranges.push(at..at + found);
            at += found + finder.needle().len();
            while piece.padded
                && text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(finder.needle()))
            {
                at += finder.needle().len();
            }
        }
        (at == text.len()).then_some(ranges)
    }
}

/// Reads what stands between `%{` and `}`.
fn written(inner: &str) -> Result<Written<'static>, Wrong> {
    let sign = inner.chars().next().filter(|sign| matches!(sign, '?' | '*' | '&' | '+'));
    let rest = sign.map_or(inner, |sign| inner.get(sign.len_utf8()..).unwrap_or_default());
    let (rest, padded) = match rest.strip_suffix("->") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (name, order) = match rest.rsplit_once('/') {
        None => (rest, None),
        Some((name, number)) => {
            let hint = "the place of a joined part is written `%{+name/2}`, before `->`";
            let order = number.parse().ok().filter(|_| sign == Some('+'));
            (name, Some(order.ok_or_else(|| wrong(format!("`%{{{inner}}}` cannot be read"), hint))?))
        }
    };
    if name.contains("->") {
        let hint = "`->` is the last sign of a part: `%{+name/2->}`";
        return Err(wrong(format!("`%{{{inner}}}` cannot be read"), hint));
    }
    if name.is_empty() && matches!(sign, Some('&' | '+' | '*')) {
        return Err(wrong(format!("`%{{{inner}}}` has no name"), EXAMPLE));
    }
    // `[a][b]` is the field `a.b`, as elsewhere.
    let name = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(name) => name.replace("][", "."),
        None => name.to_owned(),
    };
    Ok(Written { sign, name, order, padded, before: "", behind: "" })
}

/// What becomes of a part, seen beside the others.
fn role(all: &[Written<'_>], at: usize, prefix: &str) -> Result<Role, Wrong> {
    let Some(own) = all.get(at) else { return Ok(Role::Skip) };
    let named = |signs: &'static [char]| {
        let is =
            move |w: &Written<'_>| w.name == own.name && w.sign.is_some_and(|sign| signs.contains(&sign));
        all.iter().enumerate().filter(move |(_, w)| is(w))
    };
    match own.sign {
        Some('?' | '*') => Ok(Role::Skip),
        Some('&') => {
            let mut keys = named(&['?', '*']).map(|(at, _)| at);
            match (keys.next(), keys.next()) {
                (Some(key), None) => Ok(Role::NamedBy(key)),
                (None, _) => {
                    let message = format!("`%{{&{0}}}` has no part `%{{?{0}}}` that names it", own.name);
                    Err(wrong(message, "write it like `%{?key}=%{&key}`"))
                }
                (Some(_), Some(_)) => Err(wrong(
                    format!("several parts are called `%{{?{}}}`", own.name),
                    "give each its own name",
                )),
            }
        }
        Some(_) | None if own.name.is_empty() => Ok(Role::Skip),
        sign => {
            let base = all.iter().position(|w| w.sign.is_none() && w.name == own.name);
            let mut others: Vec<(usize, &Written<'_>)> = named(&['+']).collect();
            if others.is_empty() || (sign.is_none() && base != Some(at)) {
                return Ok(Role::Named(format!("{prefix}{}", own.name)));
            }
            let first = base.or(others.first().map(|(at, _)| *at));
            if first != Some(at) {
                return Ok(Role::Appended);
            }
            others.sort_by_key(|(at, written)| (written.order.unwrap_or(u32::MAX), *at));
            let before = |written: &Written<'_>| match written.before {
                "" => " ".to_owned(),
                before => before.to_owned(),
            };
            let base = base.map(|at| (at, String::new()));
            let pieces =
                base.into_iter().chain(others.into_iter().map(|(at, written)| (at, before(written))));
            Ok(Role::Joined(format!("{prefix}{}", own.name), pieces.collect()))
        }
    }
}
