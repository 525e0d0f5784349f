//! Recognises queries in the languages of other tools, and says how they are written in this one.
//!
//! Words of Splunk, KQL, Lucene, LogQL, SQL, grep and journalctl are not mistakes here: they are
//! searched for as text, and find nothing. [`habits`] gives hints when the answer is empty.
//!
//! It is not a translator: it points out the places that it knows, perhaps also in a query that was
//! meant as it stands. It never changes what a query finds.

use std::collections::HashSet;
use std::sync::LazyLock;

use loggr_event::Severity;
use loggr_net::Network;
use regex::{Captures, Regex};

use super::field::Field;

/// How many hints one query gets.
const MAX_HINTS: usize = 4;
/// Of a longer text nothing is said: nobody has typed it out of habit, and each rule looks at all of it.
const MAX_TEXT_BYTES: usize = 4096;

/// What other tools call our fields.
const NAMES: &[(&str, &[&str])] = &[
    ("_time", &["@timestamp", "timestamp", "time", "date", "datetime", "ts", "_timestamp", "eventtime"]),
    (
        "app",
        &[
            "program",
            "process",
            "service",
            "unit",
            "ident",
            "identifier",
            "syslog_identifier",
            "syslogtag",
            "appname",
            "app-name",
            "application",
            "sourcetype",
            "process.name",
            "service.name",
            "programm",
            "_comm",
            "_systemd_unit",
            "logger",
            "job",
            "container",
            "syslog.appname",
            "daemon",
        ],
    ),
    (
        "host",
        &[
            "host.name",
            "_hostname",
            "host_name",
            "hostip",
            "node",
            "machine",
            "server",
            "agent.hostname",
            "instance",
            "fromhost",
            "device",
            "computer",
            "src_host",
            "log.source.hostname",
            "syslog.hostname",
        ],
    ),
    (
        "severity",
        &[
            "log.level",
            "loglevel",
            "log_level",
            "lvl",
            "priority",
            "syslog_severity",
            "sev",
            "severity_label",
            "severitytext",
            "severity_text",
            "syslog.severity.name",
            "detected_level",
        ],
    ),
    ("facility", &["syslog_facility", "facility_label", "syslog.facility.name", "syslogfacility-text"]),
    (
        "msg",
        &[
            "text",
            "log",
            "body",
            "content",
            "raw",
            "_raw",
            "event.original",
            "short_message",
            "full_message",
            "line",
            "messages",
            "rawmsg",
            "textpayload",
        ],
    ),
    ("pid", &["process.pid", "process_id", "processid", "syslog_pid", "proc_id"]),
    (
        "peer",
        &["fromhost-ip", "fromhost_ip", "peer_ip", "sender", "sender_ip", "remote_addr", "gl2_remote_ip"],
    ),
    ("tag", &["labels", "label"]),
    ("uid", &["_id", "id", "event.id", "insertid"]),
];

/// What people put before a condition on time.
const BOUNDS: &[(&str, &str)] = &[
    ("earliest", "--since"),
    ("latest", "--until"),
    ("since", "--since"),
    ("until", "--until"),
    ("from", "--since"),
    ("to", "--until"),
];

/// Is this what another tool has before a colon, though it is no field there?
pub(super) fn is_no_field(name: &str) -> bool {
    matches!(name.to_lowercase().as_str(), "_exists_" | "_missing_" | "index" | "_index")
}

/// The name here of a field that other tools call so.
pub(super) fn ours(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    NAMES.iter().find(|(_, theirs)| theirs.contains(&lower.as_str())).map(|(ours, _)| *ours)
}

/// For a query that finds nothing: the places that look like another tool's language, each with
/// how it is written here. Sentence fragments, for a line that begins with `hint:`.
///
/// ```
/// use loggr_store::query::habits;
/// assert_eq!(habits("status >= 500"), ["`status >= 500` is written `status:>=500`"]);
/// assert!(habits("status:>=500").is_empty());
/// ```
pub fn habits(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = if text.len() > MAX_TEXT_BYTES { "" } else { text };
    let (query, pipes) = before_pipe(text);
    if let Some(pipes) = pipes {
        found.push(piped(query, pipes));
    }
    let quoted = quoted(query);
    let expressions = EXPRESSION.captures_iter(query).filter_map(|part| part.get(1));
    let apart: Vec<(usize, usize)> =
        quoted.iter().copied().chain(expressions.map(|part| (part.start(), part.end()))).collect();
    let outside = |at: usize| !apart.iter().any(|(from, to)| (*from..*to).contains(&at));
    let (sql, query) = selected(query);
    found.extend(sql);
    let mut told = Told { base: offset(text, query), query, found, places: Vec::new() };
    told.all(&COMPARED, &outside, &|part| Some(compared(&part[1], &part[2], &part[3], &part[4])));
    told.all(&LISTED, &outside, &|part| {
        let values: Vec<String> = part[3].split(',').map(|value| spelled(value.trim())).collect();
        let field = field(&part[2]);
        Some(instead(&part[1], &format!("{field}:({})", values.join(" OR "))))
    });
    told.all(&LIKE, &outside, &|part| {
        let value = unquoted(&part[3]).replace('%', "*");
        Some(instead(&part[1], &format!("{}:{}", field(&part[2]), star(&value))))
    });
    told.all(&SPACED, &outside, &|part| {
        Some(instead(&part[1], &format!("{}:{}", field(&part[2]), &part[3])))
    });
    told.all(&GROUP, &outside, &grouped);
    told.all(&JOINED, &outside, &|part| {
        let values: Vec<&str> = part[3].split([',', '|']).filter(|value| !value.is_empty()).collect();
        Some(instead(&part[1], &format!("{}:({})", field(&part[2]), values.join(" OR "))))
    });
    told.all(&EXISTS, &outside, &|part| {
        let sign = if part[2].starts_with("_m") { "-" } else { "" };
        Some(instead(&part[1], &format!("{sign}{}:*", field(&part[3]))))
    });
    told.all(&EXCLUDED, &outside, &|part| Some(instead(&part[1], &format!("-{}:{}", &part[2], &part[3]))));
    let Told { base, mut found, places, .. } = told;
    // What was told once is not told again of its parts.
    let untold = |from: usize, to: usize| !places.iter().any(|(start, end)| from < *end && *start < to);
    for (at, word) in words(query) {
        let at = base + at;
        if found.len() < MAX_HINTS && outside(at) && untold(at, at + word.len()) {
            found.extend(odd(word));
        }
    }
    for (from, to) in quoted.iter().filter(|(from, to)| untold(*from, *to)) {
        found.extend(in_quotes(text, *from, *to));
    }
    let mut seen = HashSet::new();
    found.retain(|hint| seen.insert(hint.clone()));
    found.truncate(MAX_HINTS);
    found
}

/// The hints so far, and the places of the query that they are about.
struct Told<'q> {
    /// Where the query begins in the text.
    base: usize,
    query: &'q str,
    found: Vec<String>,
    places: Vec<(usize, usize)>,
}

impl Told<'_> {
    /// Every place that a rule finds.
    fn all(
        &mut self,
        rule: &LazyLock<Regex>,
        outside: &impl Fn(usize) -> bool,
        spell: &dyn Fn(&Captures<'_>) -> Option<String>,
    ) {
        for part in rule.captures_iter(self.query) {
            let Some(place) = part.get(1) else { continue };
            if !outside(self.base + place.start()) {
                continue;
            }
            if let Some(hint) = spell(&part) {
                self.found.push(hint);
                self.places.push((self.base + place.start(), self.base + place.end()));
            }
        }
    }
}

macro_rules! rule {
    ($name:ident, $expression:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($expression).expect("BUG: an expression is wrong"));
    };
}

// A field's expression in its slashes.
rule!(EXPRESSION, r"[\w.@/-]:(/(?:[^/\\]|\\.)+/)(?:[\s)]|$)");
// Of each of these, the first group is what is shown as written.
rule!(
    COMPARED,
    r#"(?:^|[\s({,!])(([A-Za-z_@][\w.@/-]*)\s*(==|!=|<>|<=|>=|=~|!~|~=|:=|=|<|>|~)\s*("(?:[^"\\]|\\.)*"|'[^']*'|/(?:[^/\\\s]|\\.)+/|[^\s(){},|"'=<>~!]+))"#
);
rule!(LISTED, r#"(?i)(?:^|[\s(])(([A-Za-z_@][\w.@/-]*)\s+in\s*\(([^()]*)\))"#);
rule!(
    LIKE,
    r#"(?i)(?:^|[\s(])(([A-Za-z_@][\w.@/-]*)\s+(?:i?like|contains|startswith|has)\s+("[^"]*"|'[^']*'|[^\s()]+))"#
);
rule!(SPACED, r#"(?:^|[\s(])(([A-Za-z_@][\w.@/-]*)(?:\s+:\s*|:\s+)("(?:[^"\\]|\\.)*"|[^\s():"]+))"#);
rule!(GROUP, r#"(?:^|[\s(!-])(([A-Za-z_@][\w.@/-]*):\(([^()]*)\))"#);
rule!(JOINED, r#"(?:^|[\s(])(([A-Za-z_@][\w.@/-]*):([\w.-]+(?:[,|][\w.-]+)+))"#);
rule!(EXISTS, r#"(?:^|[\s(])((_exists_|_missing_):([\w.@/-]+))"#);
rule!(EXCLUDED, r#"(?:^|[\s(])(([A-Za-z_@][\w.@/-]*):-([A-Za-z][\w.-]*))"#);
rule!(SELECT, r#"(?is)^\s*select\b(.*?)\bfrom\s+[\w.]+\s*(?:\bwhere\b)?(.*)$"#);
rule!(TAIL, r#"(?i)\b(?:order\s+by|group\s+by|limit)\b"#);

fn instead(written: &str, ours: &str) -> String {
    format!("`{written}` is written `{ours}`")
}

fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// Where quoted texts are, their quotes included.
fn quoted(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut open, mut escaped) = (Vec::new(), None, false);
    for (at, c) in text.char_indices() {
        match (c, open) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            ('"', None) => open = Some(at),
            ('"', Some(from)) => {
                found.push((from, at + 1));
                open = None;
            }
            _ => {}
        }
    }
    found
}

/// The words between spaces, with their places; quoted texts are parts of words.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(|word| (offset(text, word), word))
}

/// What stands before the first `|` of its own, and what stands behind it.
fn before_pipe(text: &str) -> (&str, Option<&str>) {
    let quoted = quoted(text);
    let braces = text.trim_start().starts_with('{');
    for (at, _) in text.match_indices('|') {
        let rest = text.get(at + 1..).unwrap_or_default();
        let before = text.get(..at).unwrap_or_default();
        let alone =
            before.ends_with(char::is_whitespace) || before.is_empty() || braces && before.ends_with('}');
        let double = rest.starts_with('|') || before.ends_with('|');
        if alone && !double && !quoted.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            return (before.trim_end(), Some(rest.trim_start()));
        }
    }
    (text, None)
}

/// What a pipe was for.
fn piped(query: &str, rest: &str) -> String {
    let mut words = rest.split_whitespace();
    let command = words.next().unwrap_or_default().to_lowercase();
    let argument = words.clone().find(|word| !word.starts_with('-')).unwrap_or_default();
    let number = rest.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    let by = rest.split_whitespace().skip_while(|w| !w.eq_ignore_ascii_case("by")).nth(1);
    let text = rest.trim_start_matches(['=', '~']).trim().trim_matches(['"', '`', '\'']);
    let query = selector(query);
    let how = match command.as_str() {
        "head" | "limit" | "take" | "tail" | "first" => {
            format!("`loggr search --limit {} '{query}'`", number.unwrap_or("10"))
        }
        "grep" | "egrep" | "where" | "search" | "filter" if rest.contains(" -v") => {
            format!("`{query} -{argument}`")
        }
        "grep" | "egrep" | "where" | "search" | "filter" => {
            let condition = rest.split_once(char::is_whitespace).map_or("", |(_, condition)| condition);
            let condition = condition.trim().trim_matches(['"', '\'']);
            let condition = COMPARED.captures(condition).map_or_else(
                || spelled(condition.trim_start_matches("-i ")),
                |part| told(&part[2], &part[3], &part[4]),
            );
            format!("`{query} {condition}`")
        }
        _ if rest.starts_with('=') => format!("`{query} {}`", spelled(text)),
        _ if rest.starts_with('~') => format!("`{query} msg:/{}/`", text.replace('/', "\\/")),
        "stats" | "summarize" | "top" | "rare" | "uniq" | "distinct" => {
            let by = by
                .or(Some(argument)
                    .filter(|word| !word.is_empty() && !word.contains('(') && command != "stats"));
            match by {
                Some(by) => format!("`loggr top {} '{query}'`", field(by.trim_matches(','))),
                None => format!("`loggr count '{query}'`"),
            }
        }
        "count" | "wc" => format!("`loggr count '{query}'`"),
        "timechart" | "bin" | "bucket" | "chart" | "histogram" => format!("`loggr histogram '{query}'`"),
        "sort" | "reverse" | "order" | "tac" => format!("`loggr search --oldest-first '{query}'`"),
        "json" | "jq" | "table" | "fields" | "project" => format!("`loggr search --format json '{query}'`"),
        _ => "all conditions one after another, without `|`".to_owned(),
    };
    format!("a query has no pipes; write {how}")
}

/// The conditions of LogQL's `{…}`, or what stands there.
fn selector(query: &str) -> String {
    let inner = query.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inner {
        None => query.trim().to_owned(),
        Some(inner) => {
            let parts = COMPARED.captures_iter(inner).map(|part| told(&part[2], &part[3], &part[4]));
            parts.collect::<Vec<_>>().join(" ")
        }
    }
}

/// The condition of an SQL statement, with a word about the rest of it.
fn selected(query: &str) -> (Option<String>, &str) {
    let Some(part) = SELECT.captures(query) else { return (None, query) };
    let condition = part.get(2).map_or("", |m| m.as_str());
    let end = TAIL.find(condition).map_or(condition.len(), |tail| tail.start());
    let condition = condition.get(..end).unwrap_or_default();
    let say = match part[1].to_lowercase().contains("count") {
        true => "this is no SQL; `loggr count` counts, and the query is the condition alone",
        false => {
            "this is no SQL; the query is the condition alone, `--limit N` says how many, `--since 1h` since when"
        }
    };
    (Some(say.to_owned()), condition)
}

/// `a >= b` and the like.
fn compared(written: &str, name: &str, operator: &str, value: &str) -> String {
    let lower = name.to_lowercase();
    if matches!(lower.as_str(), "index" | "_index") {
        return format!(
            "a query has no `{name}`, because it searches one store: leave `{written}` out, or choose the \
             store with `--store NAME`"
        );
    }
    if let Some((_, option)) = BOUNDS.iter().find(|(bound, _)| *bound == lower) {
        let value = unquoted(value);
        return format!("`{written}` is the option `{option} {}`", value.trim_start_matches('-'));
    }
    if Field::from_name(field(name)) == Field::Severity
        && let Some(severity) = unquoted(value).parse().ok().and_then(Severity::from_code)
        && operator.contains(['<', '>'])
    {
        let severity = severity.keyword();
        return format!(
            "severities are compared by their names: `severity:>={severity}` is {severity} and graver, \
             `severity:<={severity}` {severity} and less grave"
        );
    }
    instead(written, &told(name, operator, value))
}

/// A condition in this language.
fn told(name: &str, operator: &str, value: &str) -> String {
    let name = field(name);
    let expression = || {
        let source = unquoted(value);
        let source = source.strip_prefix('/').and_then(|s| s.strip_suffix('/')).unwrap_or(&source).to_owned();
        source.replace("\\/", "/").replace('/', "\\/")
    };
    match operator {
        "=~" | "~=" | "~" => format!("{name}:/{}/", expression()),
        "!~" => format!("-{name}:/{}/", expression()),
        "!=" | "<>" => format!("-{name}:{}", spelled(value)),
        "<" | "<=" | ">" | ">=" => format!("{name}:{operator}{}", spelled(value)),
        _ => format!("{name}:{}", spelled(value)),
    }
}

/// The name here, where other tools have another.
fn field(name: &str) -> &str {
    match Field::from_name(name) {
        Field::Custom(_) => ours(name).unwrap_or(name),
        _ => name,
    }
}

fn unquoted(value: &str) -> String {
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(value).replace("\\\"", "\"")
}

/// A value in quotes where it needs them.
fn spelled(value: &str) -> String {
    let value = unquoted(value);
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '(' | ')' | '\\');
    match !value.is_empty()
        && value.chars().all(plain)
        && !value.starts_with(['-', '!', '[', '{', '<', '>', '=', '/'])
    {
        true => value,
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// A value with stars; what is between them may have spaces.
fn star(value: &str) -> String {
    let inner = value.trim_matches('*');
    let (start, end) = (value.starts_with('*'), value.ends_with('*'));
    format!("{}{}{}", if start { "*" } else { "" }, spelled(inner), if end { "*" } else { "" })
}

/// `app:(a b)` wants one value to be two.
fn grouped(part: &Captures<'_>) -> Option<String> {
    let (name, inner) = (&part[2], &part[3]);
    let operators =
        |word: &str| ["or", "and", "not", "&&", "||"].iter().any(|o| word.eq_ignore_ascii_case(o));
    let all: Vec<&str> = inner.split([' ', ',', '|']).filter(|word| !word.is_empty()).collect();
    let several = matches!(Field::from_name(name), Field::Tag | Field::Defect | Field::Message);
    let alternatives = all.iter().any(|word| word.eq_ignore_ascii_case("or") || *word == "||");
    let apart = all
        .iter()
        .any(|word| word.starts_with(['-', '!', '>', '<']) || word.contains(['"', '[', '{', '*', '/']));
    if all.len() < 2 || several || alternatives || apart {
        return None;
    }
    let values: Vec<&str> = all.into_iter().filter(|word| !operators(word)).collect();
    (values.len() > 1).then(|| {
        format!(
            "`{}` asks for one value that is all of these; for at least one of them write `{}:({})`",
            &part[1],
            name,
            values.join(" OR ")
        )
    })
}

/// A word that means something elsewhere.
fn odd(word: &str) -> Option<String> {
    let (name, value) = match word.split_once(':') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => (Some(name), value),
        _ => (None, word),
    };
    let whole = |ours: String| Some(instead(word, &ours));
    let with = |value: &str| name.map_or(value.to_owned(), |name| format!("{}:{value}", field(name)));
    let expression = |source: &str| {
        format!("{}:/{}/", name.map_or("msg", field), source.replace("\\/", "/").replace('/', "\\/"))
    };
    if word == "*:*" {
        return whole("*".to_owned());
    }
    if let Some(name) = name
        && matches!(name.to_lowercase().as_str(), "index" | "_index")
    {
        return Some(format!(
            "a query has no `{name}`, because it searches one store: leave `{word}` out, or choose the \
             store with `--store NAME`"
        ));
    }
    if word == "&" || word == "," || word == ";" {
        return Some(format!("leave `{word}` out: every word is required"));
    }
    if let Some((text, degree)) = value.rsplit_once('~')
        && degree.chars().all(|c| c.is_ascii_digit() || c == '.')
        && !text.is_empty()
    {
        let near = if text.ends_with('"') { text.to_owned() } else { format!("{text}*") };
        return Some(format!(
            "`~` has no meaning here: loggr does not search for similar words; write `{}`",
            with(&near)
        ));
    }
    if let Some((text, factor)) = value.rsplit_once('^')
        && !factor.is_empty()
        && factor.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return Some(format!(
            "`^{factor}` has no meaning here: the newest come first; write `{}`",
            with(text)
        ));
    }
    let slashed = value.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    if let Some(source) = slashed.filter(|source| name.is_none() && !source.is_empty()) {
        return whole(expression(source));
    }
    if slashed.is_some() || value.contains("://") {
        return None;
    }
    let signs = [".*", ".+", "\\d", "\\w", "\\s", "\\b", "[0-9]", "[a-z]", "[A-Z]", "[^", "\\."];
    let anchored = value.len() > 1 && (value.starts_with('^') || value.ends_with('$'));
    if anchored || signs.iter().any(|sign| value.contains(sign)) {
        return whole(expression(value));
    }
    if value.contains('?') && !value.contains(['=', '/', '&']) {
        return Some(format!(
            "`?` stands for itself; write `{}`, or `{}`",
            with(&value.replace('?', "*")),
            expression(&value.replace('?', "."))
        ));
    }
    if name.is_none() && value.len() > 1 && value.starts_with('+') {
        return Some(format!("`+` is not needed: every word is required; write `{}`", &value[1..]));
    }
    if name.is_none() && value.contains("\\|") || value.contains('|') && !value.contains("||") {
        let parts: Vec<&str> =
            value.split('|').map(|p| p.trim_end_matches('\\')).filter(|p| !p.is_empty()).collect();
        return (parts.len() > 1).then(|| instead(word, &parts.join(" OR ")));
    }
    if let Some((low, high)) = value.split_once("..")
        && name.is_some()
        && !low.is_empty()
        && !high.is_empty()
    {
        return whole(with(&format!("[{low} TO {}]", high.trim_start_matches('.'))));
    }
    if let Some(class) = value
        .strip_suffix("xx")
        .filter(|c| name.is_some() && c.len() == 1 && c.bytes().all(|b| b.is_ascii_digit()))
    {
        return whole(with(&format!("[{class}00 TO {class}99]")));
    }
    if name.is_none() && value.len() > 2 && value.starts_with('\'') {
        return Some(
            "single quotes are a part of the text; write phrases in double quotes: `\"failed password\"`"
                .to_owned(),
        );
    }
    if name.is_none() && value.len() > 1 && value.ends_with(',') {
        return Some(format!("leave the comma of `{word}` out: every word is required"));
    }
    None
}

/// What has no meaning between quotes.
fn in_quotes(text: &str, from: usize, to: usize) -> Option<String> {
    let inner = text.get(from + 1..to - 1)?;
    let before = text.get(..from).unwrap_or_default();
    let start = before.rfind([' ', '\t', '\n', '(']).map_or(0, |at| at + 1);
    let name = before.get(start..).and_then(|name| name.strip_suffix(':'));
    let written = text.get(start..to)?;
    let with = |value: &str| name.map_or(value.to_owned(), |name| format!("{name}:{value}"));
    if name.is_some() && inner.contains('/') && Network::parse_around(inner).is_ok() {
        return Some(format!("in quotes a network is only a text; write `{}`", with(inner.trim())));
    }
    let inside = inner.trim_matches('*');
    if inner.contains('*') && !inside.is_empty() && !inside.contains('*') {
        return Some(format!(
            "in quotes a `*` stands for itself: `{written}` is written `{}`",
            with(&star(inner))
        ));
    }
    None
}

#[cfg(test)]
mod tests;
