//! Conditions on one field that no event meets: a query that finds nothing may have `app:postfix` where the
//! program is called `postfix/smtpd`.
//!
//! It asks the store for what begins with the value. Not fields that no event has, nor other languages.

use anyhow::Result;
use loggr_store::TopValue;
use loggr_store::query::Field;

/// Conditions of a query that are looked at, at most.
const MAX_CONDITIONS: usize = 3;
/// Values that are named, at most.
const MAX_VALUES: usize = 3;

/// Who answers to other queries than the one that found nothing.
pub(super) trait Answering {
    /// How many events match.
    fn count_of(&self, query: &str) -> Result<u64>;
    /// The most frequent values of a field.
    fn top_of(&self, query: &str, field: &Field, most: usize) -> Result<Vec<TopValue>>;
}

/// A sentence for each. What cannot be answered has none: it is a hint. `is_bounded`: not all times are asked.
pub(super) fn lacking(asked: &impl Answering, text: &str, is_bounded: bool) -> Vec<String> {
    let which = if is_bounded { "no event of that time" } else { "no event" };
    let told = conditions(text).into_iter().take(MAX_CONDITIONS).filter_map(|(written, field)| {
        if asked.count_of(written).ok()? > 0 {
            return None;
        }
        if field == Field::Message {
            return Some(format!(
                "{which} has `{written}`, which stands for a whole word of its message: `{written}*` also finds \
                 words that begin with it"
            ));
        }
        let values = asked.top_of(&format!("{written}*"), &field, MAX_VALUES).unwrap_or_default();
        let values: Vec<String> = values.into_iter().map(|of| of.value).collect();
        Some(sentence(which, written, field.name(), &values))
    });
    told.collect()
}

/// The conditions on a field of every event that stand for the whole of a value, or of a word.
fn conditions(text: &str) -> Vec<(&str, Field)> {
    let whole = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let condition = |word| {
        let written: &str = word;
        let (name, value) = written.split_once(':')?;
        let field = Field::from_name(name);
        let is_core = match field {
            Field::Source
            | Field::AppName
            | Field::Procid
            | Field::Msgid
            | Field::Message
            | Field::Tag
            | Field::Severity
            | Field::Facility
            | Field::Listener
            | Field::Peer
            | Field::TlsName => true,
            Field::Time
            | Field::Timereported
            | Field::Uid
            | Field::Transport
            | Field::Defect
            | Field::Shape
            | Field::Custom(_) => false,
        };
        (is_core && !value.is_empty() && value.chars().all(whole)).then_some((written, field))
    };
    text.split_whitespace().map(|word| word.trim_matches(['(', ')'])).filter_map(condition).collect()
}

fn sentence(which: &str, written: &str, field: &str, values: &[String]) -> String {
    if values.is_empty() {
        return format!("{which} has `{written}`: `loggr top {field}` shows which values `{field}` has");
    }
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    format!(
        "{which} has `{written}`, which stands for all of `{field}`: `{written}*` also finds {}",
        values.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let found: Vec<&str> = conditions(text).into_iter().map(|(written, _)| written).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn conditions_on_whole_values() {
        check("app:postfix", &["app:postfix"]);
        check("(host:web1 OR level:err) -tag:x", &["host:web1", "level:err"]);
        check("app:postfix* app:/a/ app:\"a\" msg:word status:500 plain a:b:c app:", &["msg:word"]);
    }

    #[test]
    fn what_is_said() {
        assert_eq!(
            sentence(
                "no event",
                "app:postfix",
                "app_name",
                &["postfix/smtpd".to_owned(), "postfix/qmgr".to_owned()]
            ),
            "no event has `app:postfix`, which stands for all of `app_name`: `app:postfix*` also finds `postfix/smtpd`, \
             `postfix/qmgr`"
        );
        assert_eq!(
            sentence("no event", "tag:x", "tag", &[]),
            "no event has `tag:x`: `loggr top tag` shows which values `tag` has"
        );
    }
}
