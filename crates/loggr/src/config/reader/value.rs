//! Reads one value of the file, without knowing its key, and says what is wrong with it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use loggr_net::NetError;
use toml::Spanned;
use toml::de::DeValue;

/// Entries of one list, at most.
const MAX_LIST: usize = 1024;

/// A value and where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;
/// What a value says, or what is wrong with it.
pub(super) type Read<T> = Result<T, Wrong>;

/// A problem of a value; its place is that of the value, unless it names another.
pub(super) struct Wrong {
    pub message: String,
    pub help: Option<String>,
    pub span: Option<Range<usize>>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Wrong { message, help: None, span: None }
    }
}

impl From<NetError> for Wrong {
    fn from(error: NetError) -> Self {
        Wrong { help: error.hint().map(str::to_owned), ..Wrong::from(error.to_string()) }
    }
}

impl Wrong {
    pub fn help(self, help: impl Into<String>) -> Wrong {
        Wrong { help: Some(help.into()), ..self }
    }

    pub fn at(self, span: Range<usize>) -> Wrong {
        Wrong { span: self.span.or(Some(span)), ..self }
    }
}

pub(super) fn expected(what: &str, value: &Value<'_>) -> Wrong {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Wrong::from(format!("{found} stands where {what} is expected")).at(value.span())
}

pub(super) fn text<'v>(value: &'v Value<'_>) -> Read<&'v str> {
    value.get_ref().as_str().ok_or_else(|| expected("a string", value))
}

pub(super) fn integer(value: &Value<'_>) -> Option<u64> {
    value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok())
}

pub(super) fn is_empty(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(text) => text.is_empty(),
        DeValue::Array(items) => items.is_empty(),
        _ => false,
    }
}

pub(super) fn path(text: &str, base: &Path) -> Read<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        return Err(format!("`{text}` is not a path").into());
    }
    if text == "~" || text.starts_with("~/") {
        return Err(Wrong::from(format!("`{text}`: loggr does not know what `~` stands for"))
            .help("write the whole path"));
    }
    Ok(base.join(text))
}

pub(super) fn one_or_more<T>(
    value: &Value<'_>,
    what: &str,
    item: impl Fn(&Value<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    match value.get_ref() {
        DeValue::String(_) => Ok(vec![item(value)?]),
        DeValue::Array(items) if items.is_empty() => Err("the list is empty".to_owned().into()),
        DeValue::Array(_) => many(value, item),
        _ => Err(expected(what, value)),
    }
}

pub(super) fn many<T>(value: &Value<'_>, item: impl Fn(&Value<'_>) -> Read<T>) -> Read<Vec<T>> {
    let items = value.get_ref().as_array().ok_or_else(|| expected("a list", value))?;
    if items.len() > MAX_LIST {
        return Err(format!("the list has {} entries, more than {MAX_LIST}", items.len()).into());
    }
    items.iter().map(|entry| item(entry).map_err(|wrong| wrong.at(entry.span()))).collect()
}
