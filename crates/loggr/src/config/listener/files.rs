//! The keys of a `[[listener]]` that reads files, and what is made of them.
//!
//! Not reading, and not rotation: that is `source/tail`.

use std::path::Path;
use std::time::Duration;

use loggr_event::{Facility, Severity};

use super::pattern::{Exclusion, Pattern};
use super::start::Start;
use crate::config::keys::{DAY, Key, SECOND, Takes, key};
use crate::config::reader::Reader;

/// What stands there.
const PATTERNS: &str = "a path such as `\"/var/log/nginx/*.log\"` or a list of them";
/// Longest name of a program.
const MAX_APP_NAME_BYTES: usize = 256;

/// The keys, beside those that all listeners have.
pub const KEYS: &[Key] = &[
    key(
        "path",
        Takes::Texts("pattern of paths"),
        "[]",
        "the files that the listener reads: a path or a list of them, relative to the data directory, in which `*` stands for \
         any characters of a name, `?` for one, `[abc]` for one of these, and `**` for any number of directories; \
         what begins with a dot has to be named. Files that appear later are found within a second or two. The part \
         in front of the first such character is a directory that has to be readable when loggr starts",
    )
    .only(FILE),
    key(
        "exclude",
        Takes::Texts("pattern of paths"),
        "[]",
        "files that are left out though `path` names them: patterns of names (`\"*.gz\"`), or of whole paths where \
         there is a `/` in them",
    )
    .only(FILE),
    key(
        "app_name",
        Takes::Text("text"),
        "",
        "the program of lines that do not name theirs",
    )
    .without("none, or the name of the container (docker, cri)")
    .only(FILE),
    key(
        "facility",
        Takes::Text("facility"),
        "",
        "the facility of lines that have none, such as `local0`",
    )
    .without("`user`")
    .only(FILE),
    key("severity", Takes::Text("severity"), "", "the severity of lines that have none, such as `info`")
        .without("`notice`")
        .only(FILE),
    key(
        "grace",
        Takes::Duration(SECOND, DAY),
        "\"5m\"",
        "how long loggr still looks into a file that was renamed or removed, from the last line that came into it: \
         many programs go on writing into it for a while. So long a removed file keeps its space on the disk",
    )
    .only(FILE),
    key(
        "partial_line_after",
        Takes::Duration(SECOND, 365 * DAY),
        "",
        "after this time a last line without a line feed counts as whole; what is written behind it later is another \
         event",
    )
    .without("it waits for its line feed, or until the file was renamed or removed and `grace` is over; `10s` (docker, cri)")
    .only(FILE),
];

const FILE: &[&str] = &["file"];

/// The files of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Which ones, at least one pattern.
    pub paths: Vec<Pattern>,
    /// Which ones of those not.
    pub exclude: Vec<Exclusion>,
    /// Where those are read from that are there at the very first start.
    pub start: Start,
    /// The program of lines that do not name theirs; empty: none.
    pub app_name: String,
    /// The facility of lines without one.
    pub facility: Option<Facility>,
    /// The severity of lines without one.
    pub severity: Option<Severity>,
    /// How long a file is read on that has no name of the patterns any more.
    pub grace: Duration,
    /// When a last line without line feed counts as whole; `None`: only when its file is done.
    pub partial_line_after: Option<Duration>,
}

/// Reads the keys.
pub fn read(r: &mut Reader<'_, '_>, data: &Path) -> Files {
    let paths = r.some_parsed("path", PATTERNS, |text| Pattern::parse(text, data));
    if paths.is_empty() && !r.failed("path") {
        let help = "for example `path = [\"/var/log/nginx/*.log\"]`".to_owned();
        r.needs("path", "a listener of files needs `path`".to_owned(), help);
    }
    Files {
        paths,
        exclude: r.some_parsed("exclude", PATTERNS, |text| Exclusion::parse(text, data)),
        start: r.choice("start"),
        app_name: r.parsed_if_any("app_name", app_name).unwrap_or_default(),
        facility: r.parsed_if_any("facility", facility),
        severity: r.parsed_if_any("severity", severity),
        grace: r.duration("grace"),
        partial_line_after: r.duration_if_any("partial_line_after"),
    }
}

fn app_name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_APP_NAME_BYTES if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not the name of a program: it has 1 to {MAX_APP_NAME_BYTES} bytes of text"
        )),
    }
}

fn facility(text: &str) -> Result<Facility, String> {
    Facility::from_name(text).ok_or_else(|| {
        format!("`{text}` is not a facility: they are called `kern`, `user`, `daemon`, `auth`, `local0` to `local7`, …")
    })
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::from_name(text).ok_or_else(|| {
        let all = Severity::ALL.map(|severity| format!("`{}`", severity.keyword())).join(", ");
        format!("`{text}` is not a severity: they are called {all}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn files_are_read() {
        let config = read(
            "[[listener]]\nprotocol='file'\npath=['/var/log/*.log', 'in/**/x']\nexclude=['*.gz','/var/log/b*']\n\
             format='raw'\napp_name='nginx'\nfacility='local3'\nseverity='info'\nstart='end'\ngrace='1m'\n",
        );
        let listener = &config.listeners[0];
        let files = listener.files.as_ref().unwrap();
        let shown: Vec<_> = files.paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["/var/log/*.log", "/data/in/**/x"]);
        assert_eq!(
            (listener.name.as_str(), files.app_name.as_str(), files.start),
            ("file", "nginx", Start::End)
        );
        assert_eq!(files.facility.map(Facility::keyword), Some("local3"));
        assert_eq!((files.grace, files.partial_line_after), (Duration::from_secs(60), None));
        assert!(listener.listen.is_empty());
    }

    #[test]
    fn mistakes_are_told() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            let found = problems(text);
            assert!(found.iter().any(|problem| problem.contains(expect)), "{found:?}");
        }
        check("[[listener]]\nprotocol='file'", "needs `path`");
        check("[[listener]]\nprotocol='file'\npath=['/a[']", "`/a[` is not a pattern");
        check("[[listener]]\nprotocol='file'\npath=['/a']\nlisten=':1'", "`listen` is not a key");
        check("[[listener]]\nprotocol='file'\npath=['/a']\nseverity='loud'", "`loud` is not a severity");
        check("[[listener]]\nprotocol='file'\npath=['/a']\ntrust=['10.0.0.0/8']", "files have no address");
        check("[[listener]]\nprotocol='tcp'\npath=['/a']", "`path` is not a key of the protocol `tcp`");
        check("[[listener]]\nprotocol='tcp'\nformat='cri'", "`cri` is the format of files");
    }
}
