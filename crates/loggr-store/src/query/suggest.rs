//! Finds the known word that is nearest to a mistyped one.

use super::field::{FIELDS, Field};
use super::habits::{is_no_field, ours};

/// In a word of so many letters one may be wrong, in one of twice as many two, and so on.
const LETTERS_PER_FAULT: usize = 3;

/// The known word nearest to `unknown`, if one is near enough.
pub(super) fn nearest<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = unknown.to_lowercase();
    let allowed = lower.chars().count() / LETTERS_PER_FAULT;
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
    let by_case = words.iter().copied().find(|word| word.eq_ignore_ascii_case(unknown));
    by_part.or(by_case).or_else(|| ours(unknown)).or_else(|| nearest(unknown, words))
}

impl super::Query {
    /// The custom fields that it names and that are not among `known`, each with the
    /// field that was probably meant. They find nothing.
    pub fn unknown_fields<'n>(&self, known: &[&'n str]) -> Vec<(String, Option<&'n str>)> {
        let unknown = self.fields().into_iter().filter_map(|field| match field {
            Field::Custom(name) if !known.contains(&name.as_str()) && !is_no_field(&name) => Some(name),
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
        check("hots", Some("host"));
        check("program", Some("app"));
        check("x", None);
        check("", None);
        check("completely_else", None);
    }

    #[test]
    fn a_name_that_is_far_is_not_suggested() {
        for other in
            ["user", "usr", "port", "name", "path", "size", "type", "code", "id2", "pages", "zone", "ab"]
        {
            assert_eq!(super::suggest(other, ["status"]), None, "`{other}`");
        }
    }

    #[test]
    fn unknown_fields_of_a_query() {
        let query =
            crate::query::parse("stats:500 host:a user:x OR nowhere:1 _exists_:x index:main").unwrap();
        let unknown = query.unknown_fields(&["status", "user"]);
        assert_eq!(unknown, [("stats".to_owned(), Some("status")), ("nowhere".to_owned(), None)]);
    }
}
