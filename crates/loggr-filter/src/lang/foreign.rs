//! Words of other languages (rsyslog's, Logstash's, a shell's, Python's) that people may write in a
//! filter.
//!
//! None of them works here; each table says what to write instead, for the hints of errors.

use crate::field::CoreField;

/// The names that core fields have in other languages.
const FIELDS: [(CoreField, &[&str]); 9] = [
    (
        CoreField::Source,
        &["host", "hostname", "fromhost", "logsource", "sender", "machine", "node", "computer", "host_name"],
    ),
    (
        CoreField::AppName,
        &[
            "app",
            "appname",
            "application",
            "program",
            "prog",
            "process",
            "service",
            "ident",
            "identifier",
            "process_name",
            "syslog_identifier",
            "daemon",
            "unit",
        ],
    ),
    (CoreField::ProcId, &["pid", "process_id", "proc_id"]),
    (CoreField::MsgId, &["msg_id", "message_id"]),
    (
        CoreField::Message,
        &["msg", "text", "body", "line", "content", "log", "rawmsg", "raw", "original", "event"],
    ),
    (
        CoreField::Severity,
        &[
            "level",
            "loglevel",
            "log_level",
            "sev",
            "prio",
            "priority",
            "syslogseverity",
            "severity_label",
            "lvl",
            "pri",
        ],
    ),
    (CoreField::Facility, &["fac", "syslogfacility", "facility_label"]),
    (CoreField::TimeReported, &["time", "timestamp", "date", "datetime", "ts", "when"]),
    (
        CoreField::Peer,
        &["fromhost_ip", "remote", "remote_addr", "client", "client_ip", "address", "sender_ip"],
    ),
];

/// The core field that has this name in another language.
pub(super) fn field(word: &str) -> Option<CoreField> {
    let lower = word.to_ascii_lowercase();
    FIELDS.iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(field, _)| *field)
}

/// Words that other languages have in the place of a statement.
const STATEMENTS: [(&[&str], &str); 15] = [
    (&["else"], "`else` follows the `}` of an `if`"),
    (&["elif", "elsif", "elseif"], "`else if` follows the `}` of an `if`"),
    (
        &["endif", "end", "fi", "done", "then", "do"],
        "the statements of a branch stand in braces: `if … { … }`",
    ),
    (&["import", "load", "require", "use"], "another filter is read by `include \"name\"`"),
    (&["unless"], "write `if not …`"),
    (&["for", "foreach", "while", "until"], "there are no loops: a field stands for all its values"),
    (
        &["set", "let", "var", "add", "put", "assign", "update"],
        "an assignment is written `[field] := \"value\"`",
    ),
    (&["remove", "unset", "del", "clear"], "a field is taken away by `delete [field]`"),
    (&["move", "copy"], "write `rename [a] -> [b]`, or to copy `[b] := [a]`"),
    (&["tag", "add_tag"], "a tag is added by `tags += \"name\"`"),
    (&["untag", "remove_tag"], "a tag is taken away by `tags -= \"name\"`"),
    (&["discard", "ignore", "reject", "cancel", "skip"], "write `drop`"),
    (
        &["return", "exit", "break", "accept", "pass", "keep", "next", "continue"],
        "the rest of a filter is left out by `stop`",
    ),
    (&["filter", "input", "output"], "a filter begins with its statements: there is no block around them"),
    (&["function", "def", "ruleset", "template", "module"], "there are statements and engines only"),
];

/// What to write instead of a word that is no statement.
pub(super) fn statement(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    STATEMENTS.iter().find(|(words, _)| words.contains(&lower.as_str())).map(|(_, hint)| *hint)
}

/// Functions of other languages that are called like an engine.
const ENGINES: [(&[&str], &str); 23] = [
    (&["drop", "stop", "delete", "rename", "tags"], "this is a statement: it has no parentheses"),
    (&["add_tag", "tag"], "a tag is added by `tags += \"name\"`"),
    (&["remove_tag", "untag"], "a tag is taken away by `tags -= \"name\"`"),
    (&["add_field", "set", "update", "copy", "set_field"], "write `[field] := \"value\"`"),
    (&["remove_field", "remove", "unset", "prune"], "write `delete [field]`"),
    (&["move", "rename_field"], "write `rename [a] -> [b]`"),
    (
        &["mutate"],
        "write what it does as statements: `[field] := \"value\"`, `rename [a] -> [b]`, `delete [field]`, `tags += \"name\"`",
    ),
    (&["lower", "tolower", "downcase"], "write `lowercase([field])`"),
    (&["upper", "toupper", "upcase", "capitalize"], "write `uppercase([field])`"),
    (&["strip", "ltrim", "rtrim"], "write `trim([field])`"),
    (&["substr"], "write `substring([field], 0, 8)`"),
    (
        &["gsub", "sub", "re_replace", "regex_replace", "replace_all", "subst"],
        "write `replace([field], \"regular expression\", \"text\")`",
    ),
    (
        &["re_extract", "extract", "parse_regex"],
        "`grok` takes the wanted part out of a text: `grok(\"^%{WORD:first} %{GREEDYDATA:rest}\")`",
    ),
    (
        &["hash", "sha1", "sha256", "sha512", "md5", "checksum", "xxhash", "uuid"],
        "write `fingerprint([field], target=[id])`",
    ),
    (
        &["math", "round", "floor", "ceil", "abs", "min", "max", "add_number", "arithmetic"],
        "write `calc(\"([a] + [b]) * 8\", [target])`",
    ),
    (&["explode", "field"], "write `split([field], \",\")`"),
    (
        &["convert", "int", "float", "str", "tonumber", "to_integer", "cnum", "number"],
        "values need no type: with a number without quotes they are compared as numbers",
    ),
    (&["parse_json", "mmjsonparse", "json_decode"], "write `json()`"),
    (&["cidr_match", "cidrmatch", "cidr", "ip_in", "in_network"], "write `[ip] in cidr(\"10.0.0.0/8\")`"),
    (
        &["exists", "isset", "defined", "is_null", "has", "has_field", "present"],
        "a field alone says that it is there: `if [field] { … }`",
    ),
    (
        &[
            "contains",
            "includes",
            "match",
            "matches",
            "regex",
            "regexp",
            "re_match",
            "test",
            "strpos",
            "startswith",
            "starts_with",
            "endswith",
            "ends_with",
        ],
        "write `message ~ \"part\"`, `message ~ \"^beginning\"` or `message ~ \"end$\"`",
    ),
    (&["len", "strlen", "size"], "write `length([field], [n])`"),
    (
        &["ruby", "exec", "eval", "print", "log", "debug", "puts", "echo"],
        "a filter changes events alone; `loggr filter --trace` shows what each rule does",
    ),
];

/// What to write instead of an engine that does not exist.
pub(super) fn engine(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    ENGINES.iter().find(|(words, _)| words.contains(&lower.as_str())).map(|(_, hint)| *hint)
}

/// A word between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Infix {
    /// The word stands for a sign of ours.
    Sign(&'static str),
    /// The word stands for `~` with this text before and behind the quoted one.
    Around(&'static str, &'static str),
}

const INFIXES: [(&[&str], Infix); 10] = [
    (&["contains", "includes", "has", "like", "containing"], Infix::Around("", "")),
    (&["startswith", "starts_with", "beginswith", "begins", "starts"], Infix::Around("^", "")),
    (&["endswith", "ends_with", "ends"], Infix::Around("", "$")),
    (&["matches", "match", "regex", "regexp", "ereregex"], Infix::Sign("~")),
    (&["is", "eq", "equals", "isequal", "iequals"], Infix::Sign("==")),
    (&["ne", "neq", "isnt"], Infix::Sign("!=")),
    (&["gt"], Infix::Sign(">")),
    (&["lt"], Infix::Sign("<")),
    (&["ge", "gte"], Infix::Sign(">=")),
    (&["le", "lte"], Infix::Sign("<=")),
];

/// What a word between two values means in another language.
pub(super) fn infix(word: &str) -> Option<Infix> {
    let lower = word.to_ascii_lowercase();
    INFIXES.iter().find(|(words, _)| words.contains(&lower.as_str())).map(|(_, infix)| *infix)
}

/// A sign that means nothing here, what to write instead, and the token that is read in its place,
/// so that the other errors are found too.
pub(super) struct ForeignSign {
    pub written: &'static str,
    pub hint: &'static str,
    /// The token that is read in its place: a sign of the language, or a word.
    pub stands_for: Option<&'static str>,
}

const fn sign(written: &'static str, hint: &'static str, stands_for: Option<&'static str>) -> ForeignSign {
    ForeignSign { written, hint, stands_for }
}

/// Longer signs before those that they begin with.
const SIGNS: [ForeignSign; 25] = [
    sign("&&", "write `and`", Some("and")),
    sign("||", "write `or`", Some("or")),
    sign("===", "write `==` to compare", Some("==")),
    sign("!==", "write `!=`", Some("!=")),
    sign("=~", "write `~` before a regular expression", Some("~")),
    sign("!~", "write `not FIELD ~ \"…\"`", Some("~")),
    sign("<>", "write `!=`", Some("!=")),
    sign(
        "=>",
        "the arguments of an engine are written `name=value` in parentheses, an assignment `:=`",
        None,
    ),
    sign("++", "`+` joins texts; numbers are computed by `calc(\"[a] + [b]\", [target])`", None),
    sign("//", "a comment begins with `#`", None),
    sign("/*", "a comment begins with `#`", None),
    sign("&", "write `and`", Some("and")),
    sign("|", "write `or`", Some("or")),
    sign("!", "write `not` before a condition", Some("not")),
    sign("$", "fields are written without `$`: `message`, a custom field `[name]`", None),
    sign("@", "fields are written without `@`: `timereported`, a custom field `[name]`", None),
    sign("%", "fields are written `message`, a custom field `[name]`; texts are joined by `+`", None),
    sign(
        "*",
        "numbers are computed by `calc(\"[a] * 8\", [target])`; `~` takes a regular expression: `message ~ \"^a.*z$\"`",
        None,
    ),
    sign("/", "a regular expression is written in double quotes: `message ~ \"^a\"`", None),
    sign("`", "a text is written in double quotes: \"text\"", None),
    sign("“", "a text is written in straight double quotes: \"text\"", None),
    sign("”", "a text is written in straight double quotes: \"text\"", None),
    sign("?", "write `if … { … } else { … }`", None),
    sign(":", "a branch is written `if … { … }`, an assignment `:=`", None),
    sign(".", "a nested name is written `[a.b]`", None),
];

/// The foreign sign with which a text begins.
pub(super) fn sign_at(text: &str) -> Option<&'static ForeignSign> {
    SIGNS.iter().find(|s| text.starts_with(s.written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines;

    #[test]
    fn no_table_has_what_the_language_knows() {
        for (_, names) in &FIELDS {
            assert!(names.iter().all(|n| CoreField::from_name(n).is_none()), "{names:?}");
        }
        for (words, _) in &ENGINES {
            assert!(words.iter().all(|w| engines::find(w).is_none()), "{words:?}");
        }
    }

    #[test]
    fn longer_signs_come_first() {
        for (at, sign) in SIGNS.iter().enumerate() {
            assert!(SIGNS[..at].iter().all(|s| !sign.written.starts_with(s.written)), "{}", sign.written);
        }
    }

    #[test]
    fn names_of_others() {
        assert_eq!(field("Hostname"), Some(CoreField::Source));
        assert_eq!(field("level"), Some(CoreField::Severity));
        assert_eq!(field("x"), None);
        assert_eq!(infix("startsWith"), Some(Infix::Around("^", "")));
    }
}
