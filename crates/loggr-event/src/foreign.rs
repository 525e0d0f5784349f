//! Variables as other programs (rsyslog, syslog-ng, Logstash, strftime) write them, so that
//! somebody who brings a template along is told what to write here.
//!
//! This file only recognises such variables and names ours; `template` makes an error of them.
//! Nobody wants `%HOSTNAME%` or `{{ host }}` literally in a path: all events would go to one file
//! of that name. A line may hold braces and percent signs for other reasons, so less is recognised
//! there.

/// A variable of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign<'t> {
    pub offset: usize,
    pub word: &'t str,
    /// How it is written here, if that is known.
    pub ours: Option<&'static str>,
}

/// What the template is for: paths and lines have different variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Path,
    Line,
}

/// For each of our variables: how it is written in a path, how it is written in a line, and the
/// names that other programs use for it.
const ALIASES: [(&str, &str, &[&str]); 15] = [
    (
        "${source}",
        "$SOURCE",
        &[
            "host",
            "hostname",
            "fromhost",
            "host_name",
            "host.name",
            "host.hostname",
            "agent.hostname",
            "loghost",
            "fullhost",
            "fullhost_from",
            "host_from",
            "computername",
            "computer",
            "machine",
            "node",
            "sender",
            "logsource",
            "src",
            "source_host",
            "sourcehost",
            "source",
        ],
    ),
    (
        "${peer}",
        "$PEER",
        &[
            "fromhost-ip",
            "fromhost_ip",
            "sourceip",
            "source_ip",
            "source.ip",
            "host.ip",
            "hostip",
            "remote_addr",
            "peer",
        ],
    ),
    (
        "${app_name}",
        "$APP_NAME",
        &[
            "program",
            "programname",
            "progname",
            "program_name",
            "app",
            "appname",
            "app-name",
            "application",
            "ident",
            "syslog_ident",
            "syslogprog",
            "process",
            "process.name",
            "processname",
            "service",
            "service.name",
            "unit",
            "syslogtag",
            "tag",
            "tag_name",
            "app_name",
        ],
    ),
    ("${procid}", "$PROCID", &["pid", "procid", "processid", "process_id", "process.pid"]),
    ("${msgid}", "$MSGID", &["msgid", "messageid"]),
    (
        "${message}",
        "$MESSAGE",
        &["msg", "message", "rawmsg", "rawmsg-after-pri", "body", "log", "text", "msgonly", "msghdr"],
    ),
    (
        "${severity}",
        "$SEVERITY",
        &[
            "severity",
            "level",
            "loglevel",
            "log_level",
            "log.level",
            "priority",
            "pri",
            "pri-text",
            "prioritytext",
            "syslogseverity",
            "syslogseverity-text",
            "syslogpriority-text",
            "severity_text",
            "severity_label",
            "level_num",
            "syslog_severity",
            "levelname",
        ],
    ),
    (
        "${facility}",
        "$FACILITY",
        &[
            "facility",
            "syslogfacility",
            "syslogfacility-text",
            "facility_label",
            "facility_text",
            "facility_num",
            "syslog_facility",
        ],
    ),
    (
        "${date}",
        "$DATETIME",
        &[
            "date",
            "now",
            "today",
            "timestamp",
            "time",
            "datetime",
            "isodate",
            "isostamp",
            "fulldate",
            "timereported",
            "timegenerated",
            "asctime",
            "unixtime",
            "yyyy-mm-dd",
            "yyyy.mm.dd",
            "yyyymmdd",
            "ymd",
            "y-%m-%d",
        ],
    ),
    ("${year}", "$DATE", &["year", "yyyy", "y"]),
    ("${month}", "$DATE", &["month", "mm"]),
    ("${day}", "$DATE", &["day", "dd"]),
    ("${hour}", "$DATETIME", &["hour", "hh"]),
    ("${minute}", "$DATETIME", &["minute", "min", "minutes"]),
    ("${uid}", "$UUID", &["uuid", "uniqid", "uid", "id"]),
];

/// The letters that strftime puts behind a percent sign, and what each is in our templates.
const STRFTIME: [(u8, &str); 21] = [
    (b'Y', "${year}"),
    (b'y', "${year}"),
    (b'G', "${year}"),
    (b'C', "${year}"),
    (b'm', "${month}"),
    (b'b', "${month}"),
    (b'B', "${month}"),
    (b'd', "${day}"),
    (b'e', "${day}"),
    (b'j', "${day}"),
    (b'a', "${day}"),
    (b'A', "${day}"),
    (b'H', "${hour}"),
    (b'I', "${hour}"),
    (b'M', "${minute}"),
    (b'F', "${date}"),
    (b'D', "${date}"),
    (b'x', "${date}"),
    (b's', "${timegenerated}"),
    (b'S', "${timegenerated}"),
    (b'T', "${timegenerated}"),
];

/// How a field is written here that other programs call `name`.
pub(crate) fn ours(name: &str, what_for: Use) -> Option<&'static str> {
    let bare = bare(name);
    let (path, line, _) = ALIASES.iter().find(|(.., theirs)| theirs.contains(&bare.as_str()))?;
    Some(if what_for == Use::Path { path } else { line })
}

/// Like [`ours`], but also finds a name with one typing mistake.
pub(crate) fn ours_nearly(name: &str, what_for: Use) -> Option<&'static str> {
    let bare = bare(name);
    let near = |theirs: &&str| theirs.len() > 2 && strsim::damerau_levenshtein(&bare, theirs) == 1;
    ours(name, what_for).or_else(|| {
        let (path, line, _) = ALIASES.iter().find(|(.., theirs)| theirs.iter().any(near))?;
        Some(if what_for == Use::Path { path } else { line })
    })
}

/// A name without the decoration that other programs put around it: `[host][name]`, `$YEAR`,
/// `R_YEAR`, `msg:::drop-last-lf`.
fn bare(name: &str) -> String {
    let name = name.trim().trim_matches(['$', '.', '@', '!', '\'', '"', '[', ']', '-', '_']);
    let name = name.split([':', '|', '}', ' ', '(']).next().unwrap_or_default();
    let name = name.replace("][", ".").to_ascii_lowercase();
    let name = name.strip_prefix("record.").or_else(|| name.strip_prefix("event.")).unwrap_or(&name);
    let stamps = ["r_", "s_", "c_", "timereported_"];
    stamps.iter().find_map(|s| name.strip_prefix(s)).unwrap_or(name).to_owned()
}

/// The first variable in another program's writing.
pub(crate) fn find(text: &str, what_for: Use) -> Option<Foreign<'_>> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((len, ours)) = begins(rest, text.get(..at).unwrap_or_default(), what_for) {
            return Some(Foreign { offset: at, word: rest.get(..len).unwrap_or(rest), ours });
        }
        at += skip(rest);
    }
    None
}

/// The text with our variables in the place of those of other programs; `None` if one of them is
/// unknown.
pub(crate) fn translate(text: &str, what_for: Use) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(found) = find(rest, what_for) {
        out.push_str(rest.get(..found.offset)?);
        out.push_str(found.ours?);
        rest = rest.get(found.offset + found.word.len()..)?;
    }
    (!out.is_empty()).then(|| out + rest)
}

/// How far it is to the next place where such a variable may begin; our own variables are skipped.
fn skip(rest: &str) -> usize {
    if rest.starts_with("$$") || rest.starts_with("%%") {
        return 2;
    }
    if rest.starts_with("${") {
        return rest.find('}').map_or(rest.len(), |end| end + 1);
    }
    rest.chars().next().map_or(1, char::len_utf8)
}

/// The length of the foreign variable that begins here, and how it is written in our templates.
fn begins(rest: &str, before: &str, what_for: Use) -> Option<(usize, Option<&'static str>)> {
    let within = |open: &str, close: &str| {
        let inner = rest.strip_prefix(open)?;
        let end = inner.find(close)?;
        Some((open.len() + end + close.len(), inner.get(..end)?))
    };
    let is_name = |name: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.$:!,@[]' ".contains(c);
        !name.trim().is_empty() && name.chars().all(good) && name.chars().any(|c| c.is_ascii_alphabetic())
    };
    if let Some((len, name)) =
        within("{{", "}}").filter(|(_, name)| is_name(name.split('|').next().unwrap_or_default()))
    {
        return Some((len, ours(name, what_for)));
    }
    if let Some((len, name)) = within("%{", "}") {
        let is_time = name.starts_with('+');
        return Some((len, ours(if is_time { "date" } else { name }, what_for)));
    }
    if let Some((len, _)) = within("#{", "}").or_else(|| within("$(", ")")).or_else(|| within("%d{", "}")) {
        return Some((len, None));
    }
    if let Some((len, name)) = within("%(", ")") {
        let kind = rest.get(len..).is_some_and(|more| more.starts_with(['s', 'd']));
        return Some((len + usize::from(kind), ours(name, what_for)));
    }
    // syslog-ng and shells write variables so; a custom field of such a name is unlikely.
    if let Some((len, name)) = within("${", "}") {
        let word = name.split(":-").next().unwrap_or_default();
        let meant = ours(word, what_for);
        let shouts = !word.bytes().any(|b| b.is_ascii_lowercase());
        let odd = name.contains([' ', '\'', '"', '(', '{'])
            || name.contains(":-")
            || name.starts_with(['.', '@', '!', '$']);
        return (odd || (shouts && meant.is_some())).then_some((len, meant));
    }
    // rsyslog writes `%NAME%`; a date may stand between two percent signs as well.
    if let Some((len, name)) = within("%", "%")
        && is_name(name)
        && !name.contains(' ')
        && (name.len() > 2 || name.starts_with('$'))
        && !name.starts_with(['-', '.', ':', ','])
        && !(name.get(1..2).is_some_and(|c| "-._:".contains(c)) && name.len() == 2)
        && (what_for == Use::Path || ours(name, what_for).is_some())
    {
        return Some((len, ours(name, what_for)));
    }
    strftime(rest, before, what_for)
        .or_else(|| if what_for == Use::Path { only_in_paths(rest, before) } else { None })
}

fn strftime(rest: &str, before: &str, what_for: Use) -> Option<(usize, Option<&'static str>)> {
    let [b'%', letter, ..] = rest.as_bytes() else { return None };
    let (_, ours) = STRFTIME.iter().find(|(known, _)| known == letter)?;
    // `5%s` in a line is a number; a date has more than one part, or is `%F` or `%T`.
    let several = rest.get(2..).is_some_and(|more| {
        let more = more.trim_start_matches(['-', '/', '.', ':', '_', ' ']);
        more.strip_prefix('%')
            .is_some_and(|m| STRFTIME.iter().any(|(known, _)| m.as_bytes().first() == Some(known)))
    });
    let is_date = match what_for {
        Use::Path => !before.ends_with(|c: char| c.is_ascii_digit()) || several,
        Use::Line => several || matches!(letter, b'F' | b'T'),
    };
    is_date.then_some((2, Some(if what_for == Use::Path { *ours } else { "$DATETIME" })))
}

fn only_in_paths(rest: &str, before: &str) -> Option<(usize, Option<&'static str>)> {
    let within = |open: char, close: char| {
        let inner = rest.strip_prefix(open)?;
        let end = inner.find(close)?;
        Some((end + 2, inner.get(..end)?))
    };
    if before.ends_with('$') {
        return None;
    }
    for (open, close) in [('{', '}'), ('<', '>'), ('[', ']')] {
        if let Some((len, name)) = within(open, close)
            && let Some(meant) = ours(name, Use::Path)
        {
            return Some((len, Some(meant)));
        }
    }
    if let Some((len, _)) = within('`', '`') {
        return Some((len, None));
    }
    if before.is_empty() && rest.starts_with('~') {
        return Some((1, None));
    }
    // A date as Java and others write it.
    let word = rest
        .bytes()
        .take_while(|b| matches!(b, b'Y' | b'y' | b'M' | b'D' | b'd' | b'-' | b'.' | b'_'))
        .count();
    let date = rest.get(..word)?.trim_end_matches(['-', '.', '_']);
    let starts_a_word = !before.ends_with(|c: char| c.is_alphanumeric());
    let is_year = date.starts_with("YYYY") || date.starts_with("yyyy");
    let rest_of_it = date.get(4..).unwrap_or_default();
    let is_date = is_year && (rest_of_it.is_empty() || rest_of_it.contains("MM"));
    let ends = !rest.get(date.len()..).is_some_and(|r| r.starts_with(|c: char| c.is_alphanumeric()));
    let ours = if rest_of_it.is_empty() { "${year}" } else { "${date}" };
    (starts_a_word && ends && is_date).then_some((date.len(), Some(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(what_for: Use, text: &str, expect: Option<(&str, Option<&str>)>) {
        let found = find(text, what_for);
        assert_eq!(found.map(|f| (f.word, f.ours)), expect, "{text}");
    }

    #[track_caller]
    fn path(text: &str, word: &str, ours: &str) {
        check(Use::Path, text, Some((word, Some(ours).filter(|o| !o.is_empty()))));
    }

    #[test]
    fn others_variables_in_a_path_are_recognised() {
        path("%HOSTNAME%/%PROGRAMNAME%.log", "%HOSTNAME%", "${source}");
        path("a/%programname%.log", "%programname%", "${app_name}");
        path("%FROMHOST-IP%.log", "%FROMHOST-IP%", "${peer}");
        path("%$YEAR%/%$MONTH%", "%$YEAR%", "${year}");
        path("%hostname:::secpath-replace%.log", "%hostname:::secpath-replace%", "${source}");
        path("%syslogfacility-text%.log", "%syslogfacility-text%", "${facility}");
        path("%timegenerated:1:10:date-rfc3339%.log", "%timegenerated:1:10:date-rfc3339%", "${date}");
        path("%COMPUTERNAME%.log", "%COMPUTERNAME%", "${source}");
        path("%whatever%.log", "%whatever%", "");
        path("{{ host }}/%Y-%m-%d.log", "{{ host }}", "${source}");
        path("{{host}}.log", "{{host}}", "${source}");
        path("{{ .Hostname }}.log", "{{ .Hostname }}", "${source}");
        path("{{ appname | lower }}.log", "{{ appname | lower }}", "${app_name}");
        path("${source}/%Y-%m-%d.log", "%Y", "${year}");
        path("log-%Y%m%d", "%Y", "${year}");
        path("%Y/%m/%d/all.log", "%Y", "${year}");
        path("${source}-%F.log", "%F", "${date}");
        path("x-%H.log", "%H", "${hour}");
        path("${HOSTNAME}/x.log", "${HOSTNAME}", "${source}");
        path("${HOST}.log", "${HOST}", "${source}");
        path("${PROGRAM}.log", "${PROGRAM}", "${app_name}");
        path("a/${R_YEAR}.log", "${R_YEAR}", "${year}");
        path("${YEAR}-${MONTH}", "${YEAR}", "${year}");
        path("${HOST:-unknown}", "${HOST:-unknown}", "${source}");
        path("${record['host']}", "${record['host']}", "");
        path("${.SDATA.x}", "${.SDATA.x}", "");
        path("%{host}/x.log", "%{host}", "${source}");
        path("%{[host][name]}/x.log", "%{[host][name]}", "${source}");
        path("%{+YYYY.MM.dd}.log", "%{+YYYY.MM.dd}", "${date}");
        path("#{Socket.gethostname}.log", "#{Socket.gethostname}", "");
        path("$(date +%F).log", "$(date +%F)", "");
        path("`hostname`.log", "`hostname`", "");
        path("{host}.log", "{host}", "${source}");
        path("{source}/{app_name}.log", "{source}", "${source}");
        path("<host>.log", "<host>", "${source}");
        path("[host].log", "[host]", "${source}");
        path("%(hostname)s.log", "%(hostname)s", "${source}");
        path("a-YYYY-MM-DD.log", "YYYY-MM-DD", "${date}");
        path("yyyy/MM/dd.log", "yyyy", "${year}");
        path("app.%d{yyyy-MM-dd}.log", "%d{yyyy-MM-dd}", "");
        path("~/logs/x", "~", "");
    }

    #[test]
    fn what_is_meant_is_written_out() {
        let check =
            |what_for, text, expect| assert_eq!(translate(text, what_for).as_deref(), expect, "{text}");
        check(Use::Path, "%HOSTNAME%/%PROGRAMNAME%.log", Some("${source}/${app_name}.log"));
        check(Use::Path, "{{ host }}/%Y-%m-%d.log", Some("${source}/${year}-${month}-${day}.log"));
        check(Use::Path, "a/%HOSTNAME%/%whatever%", None);
        check(Use::Path, "${source}.log", None);
        check(Use::Line, "%timegenerated% %HOSTNAME% %msg%\n", Some("$DATETIME $SOURCE $MESSAGE\n"));
    }

    #[test]
    fn our_own_and_plain_text_in_a_path_are_left_alone() {
        for text in [
            "${source}/${app_name}/${date}.log",
            "all.log",
            "100%.log",
            "50%done.log",
            "a%20b",
            "a%2Fb",
            "%%Y",
            "$$(x)",
            "$SOURCE.log",
            "${http.status}/x",
            "${Env}.log",
            "${host}.log",
            "${MY_FIELD}.log",
            "a{1}.log",
            "x[1].log",
            "holiday/x.log",
            "day.log",
            "dd.log",
            "a~b.log",
            "%.log",
            "{}.log",
            "été-%.log",
            "${client_ip}.log",
        ] {
            check(Use::Path, text, None);
        }
    }

    #[test]
    fn in_a_line_only_what_cannot_be_anything_else_is_recognised() {
        let line = |text, word, ours| check(Use::Line, text, Some((word, Some(ours))));
        line("%HOSTNAME% $MESSAGE", "%HOSTNAME%", "$SOURCE");
        line("$SOURCE %msg:::drop-last-lf%", "%msg:::drop-last-lf%", "$MESSAGE");
        line("{{ host }} $MESSAGE", "{{ host }}", "$SOURCE");
        line("${ISODATE} $SOURCE", "${ISODATE}", "$DATETIME");
        line("%{message} $SOURCE", "%{message}", "$MESSAGE");
        line("%Y-%m-%d $MESSAGE", "%Y", "$DATETIME");
        for text in [
            "$MESSAGE 100%",
            "5%s $MESSAGE 6%",
            "{\"host\":\"$SOURCE\",\"msg\":\"$MESSAGE\"}",
            "[$SOURCE] <$PRIORITY> $MESSAGE",
            "{$SOURCE}",
            "%x% $MESSAGE",
            "{host} $MESSAGE",
            "{\"a\":{\"b\":{\"c\":\"$MESSAGE\"}}}",
            "50% of $MESSAGE 60%",
        ] {
            check(Use::Line, text, None);
        }
    }
}
