//! Replaces names by their patterns: `%{NAME}`, `%{NAME:field}`, `%{NAME:field:int}`.
//!
//! Text goes in and text comes out; `syntax` reads what the text means.

use super::{GrokError, Kind, Library, MAX_EXPANDED_BYTES, MAX_PATTERN_DEPTH};

/// Begins the name of a group that came from `%{…:field}`: a number into the list follows.
/// No expression can contain it.
pub(super) const MARK: char = '\u{1}';
/// Most characters of a wrong reference that are shown.
const MAX_SHOWN_CHARS: usize = 60;

/// `%{NAME:field:type}` with the field as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Semantic {
    pub field: String,
    pub kind: Kind,
}

/// Replaces all names; the fields of `%{…:field}` are groups named [`MARK`] and their number.
pub(super) fn expand(library: &Library, pattern: &str) -> Result<(String, Vec<Semantic>), GrokError> {
    if pattern.contains(MARK) {
        return Err(GrokError::Syntax("the expression contains the control character 1".to_owned()));
    }
    let mut state = State { library, out: String::new(), semantics: Vec::new(), local: Vec::new() };
    state.expand(pattern, &mut Vec::new())?;
    Ok((state.out, state.semantics))
}

struct State<'l> {
    library: &'l Library,
    out: String,
    semantics: Vec<Semantic>,
    /// `%{NAME=expression}` defines a name on the spot.
    local: Vec<(String, String)>,
}

impl State<'_> {
    fn expand(&mut self, pattern: &str, within: &mut Vec<String>) -> Result<(), GrokError> {
        if within.len() > MAX_PATTERN_DEPTH {
            return Err(GrokError::TooLarge);
        }
        let mut rest = pattern;
        while let Some(at) = rest.find("%{") {
            let (before, from) = rest.split_at(at);
            self.out.push_str(before);
            let Some((reference, after)) = reference(from.get(2..).unwrap_or(""))? else {
                // A percent sign, and a brace that is a count or nothing but a brace.
                self.out.push_str("%{");
                rest = from.get(2..).unwrap_or("");
                continue;
            };
            self.replace(&reference, within)?;
            rest = after;
            if self.out.len() > MAX_EXPANDED_BYTES {
                return Err(GrokError::TooLarge);
            }
        }
        self.out.push_str(rest);
        match self.out.len() > MAX_EXPANDED_BYTES {
            true => Err(GrokError::TooLarge),
            false => Ok(()),
        }
    }

    fn replace(&mut self, reference: &Reference<'_>, within: &mut Vec<String>) -> Result<(), GrokError> {
        let name = reference.name;
        if within.iter().any(|w| w == name) {
            return Err(GrokError::Cycle { name: name.to_owned() });
        }
        if let Some(definition) = reference.definition {
            self.local.push((name.to_owned(), definition.to_owned()));
        }
        let local = self.local.iter().rev().find(|(n, _)| n == name).map(|(_, p)| p.clone());
        let Some(pattern) = local.or_else(|| self.library.get(name).map(str::to_owned)) else {
            return Err(GrokError::Unknown {
                name: name.to_owned(),
                within: within.last().cloned().unwrap_or_default(),
                near: crate::nearest::nearest(name, self.library.names()).map(str::to_owned),
            });
        };
        match reference.field {
            Some(field) => {
                self.out.push_str(&format!("(?<{MARK}{}>", self.semantics.len()));
                self.semantics.push(Semantic { field: field.to_owned(), kind: reference.kind });
            }
            None => self.out.push_str("(?:"),
        }
        within.push(name.to_owned());
        self.expand(&pattern, within)?;
        within.pop();
        self.out.push(')');
        Ok(())
    }
}

struct Reference<'p> {
    name: &'p str,
    field: Option<&'p str>,
    kind: Kind,
    definition: Option<&'p str>,
}

/// What follows `%{`, up to `}`; and what follows that. `None` where no name begins.
fn reference(text: &str) -> Result<Option<(Reference<'_>, &str)>, GrokError> {
    // A name begins with a letter; `%{2}` is a percent sign and a count.
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Ok(None);
    }
    named(text).map(Some).ok_or_else(|| {
        let end = text.find('}').map_or(text.len(), |at| at + 1);
        let shown: String = text.get(..end).unwrap_or(text).chars().take(MAX_SHOWN_CHARS).collect();
        GrokError::Syntax(format!(
            "`%{{{shown}` is neither `%{{NAME}}` nor `%{{NAME:field}}` nor `%{{NAME:field:type}}`: names have letters, digits and `_`, fields `@ [ ] . -` too"
        ))
    })
}

fn named(text: &str) -> Option<(Reference<'_>, &str)> {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let (name, mut rest) = text.split_at(length);
    let (mut field, mut kind, mut definition) = (None, Kind::Text, None);
    if let Some(after) = rest.strip_prefix(':') {
        let in_field = |b: &u8| b.is_ascii_alphanumeric() || b"_@[].-".contains(b) || *b >= 0x80;
        let length = after.bytes().take_while(in_field).count();
        let (found, after) = after.split_at_checked(length)?;
        if found.is_empty() {
            return None;
        }
        field = Some(found);
        rest = after;
        if let Some(after) = rest.strip_prefix(':') {
            let length = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let (word, after) = after.split_at(length);
            kind = Kind::from_word(word);
            rest = after;
        }
    }
    if let Some(after) = rest.strip_prefix('=') {
        let end = end_of_definition(after)?;
        definition = Some(after.get(..end)?);
        rest = after.get(end..)?;
    }
    let rest = rest.strip_prefix('}')?;
    Some((Reference { name, field, kind, definition }, rest))
}

/// Where the `}` stands that closes `%{NAME=expression}`: an expression has braces of its own.
fn end_of_definition(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
