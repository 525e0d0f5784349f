//! Finds the known word that is nearest to a mistyped one.

use super::field::{FIELDS, Field};
use super::habits::ours;

/// A word is near if at most this share of its letters, in thirds, is wrong.
const MAX_WRONG_THIRDS: usize = 1;

/// The known word nearest to `unknown`, if one is near enough.
pub(super) fn nearest<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = unknown.to_lowercase();
    let allowed = (lower.chars().count() * MAX_WRONG_THIRDS).div_ceil(3).max(1);
    let distance = |word: &str| strsim::damerau_levenshtein(&lower, &word.to_lowercase());
    known
        .into_iter()
        .map(|word| (distance(word), word))
        .filter(|(d, word)| *d <= allowed && *d < word.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
}

/// What an unknown field was probably meant to be: a core field, or one of `known`, the
/// custom fields that the store has seen.
///
/// ```
/// use loggr_store::query::suggest;
/// assert_eq!(suggest("staus", ["status", "client_ip"]), Some("status"));
/// assert_eq!(suggest("hots", ["status"]), Some("host"));
/// assert_eq!(suggest("zzz", ["status"]), None);
/// ```
pub fn suggest<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let core = FIELDS.iter().flat_map(|i| [i.name].into_iter().chain(i.aliases.iter().copied()));
    let mut words: Vec<&'n str> = known.into_iter().collect();
    // The last part of `origin.ip` may be all that was written.
    let by_part = words.iter().copied().find(|w| w.rsplit_once('.').is_some_and(|(_, part)| part == unknown));
    words.extend(core);
    words.retain(|word| *word != unknown);
    by_part.or_else(|| nearest(unknown, words)).or_else(|| ours(unknown))
}

impl super::Query {
    /// The custom fields that it names and that are not among `known`, each with the
    /// field that was probably meant. They find nothing.
    pub fn unknown_fields<'n>(&self, known: &[&'n str]) -> Vec<(String, Option<&'n str>)> {
        let unknown = self.fields().into_iter().filter_map(|field| match field {
            Field::Custom(name) if !known.contains(&name.as_str()) => Some(name),
            _ => None,
        });
        unknown.map(|name| (name.clone(), suggest(&name, known.iter().copied()))).collect()
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(unknown: &str, expect: Option<&str>) {
        let known = ["status", "client_ip", "user", "origin.ip", "Level"];
        assert_eq!(super::suggest(unknown, known), expect, "`{unknown}`");
    }

    #[test]
    fn a_near_name_is_suggested() {
        check("staus", Some("status"));
        check("clientip", Some("client_ip"));
        check("Status", Some("status"));
        check("servity", Some("severity"));
        check("ip", Some("origin.ip"));
        check("@timestamp", Some("_time"));
        check("syslog_identifier", Some("app"));
        check("x", None);
        check("", None);
        check("completely_else", None);
    }

    #[test]
    fn unknown_fields_of_a_query() {
        let query = crate::query::parse("stats:500 host:a user:x OR nowhere:1").unwrap();
        let unknown = query.unknown_fields(&["status", "user"]);
        assert_eq!(unknown, [("stats".to_owned(), Some("status")), ("nowhere".to_owned(), None)]);
    }
}
