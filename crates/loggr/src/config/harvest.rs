//! `[harvest.NAME]`: a directory into which others upload log files.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use loggr_bus::rabbit::Encoding;
use loggr_event::{Facility, InputFormat, Severity};

use super::choice::choice;
use super::keys::{DAY, MIB, Section, Shape, TIB, Takes, key, one_of};
use super::machine::named_packers;
use super::packers::Packer;
use super::rabbit::ENCODING;
use super::reader::Reader;

/// Longest name of a host or a program (RFC 5424, 6).
const MAX_WORD_BYTES: usize = 255;
/// Longest pattern of temporary names, and longest marker.
const MAX_PATTERN_BYTES: usize = 64;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "harvest",
    shape: Shape::Named,
    about: "A harvest takes the files that others upload into a directory, by SFTP, FTP or rsync for example: each \
         line of a complete file becomes an event, once, with the tag `harvested`, the fields `directory` and \
         `fname` and the routing key `harvest.NAME`. Files packed with gzip, zstd, xz or bzip2 are unpacked. A file \
         goes when all its events are safe in the queue; one that is damaged, too large or no log is moved to \
         `failed`, with a file beside it that says why. [The guide](../guide/harvest.md) tells more.",
    keys: &[&[
        key(
            "directory",
            Takes::Path,
            "",
            "the directory into which files are uploaded, relative to the data directory; it must exist, and \
             loggr must be allowed to read and change it and all files in it",
        )
        .without("must be given"),
        key(
            "recursive",
            Takes::Bool,
            "false",
            "with `true` files in directories below it are taken, too; links are not followed",
        ),
        key("exchange", Takes::Name, "\"received\"", "the exchange to which the events are published"),
        ENCODING,
        key(
            "stable",
            Takes::Duration(100, DAY),
            "\"10s\"",
            "a file is complete when its size and its time have not changed for this time; an empty one waits for \
             60 s at least",
        ),
        key(
            "temporary",
            Takes::Texts("pattern"),
            "[\"*.part\", \"*.filepart\", \"*.tmp\", \".*\"]",
            "names of files that are still being uploaded, with `*` for any text and `?` for one character; a file \
             that is renamed from such a name to another is complete at once. rsync's own (`.NAME.XXXXXX`) begin \
             with a dot",
        ),
        key(
            "marker",
            Takes::Text("ending"),
            "",
            "the ending of a second file that says that the first is complete: with `.done`, `app.log` is taken \
             when `app.log.done` is there, and never before, whatever `stable` says; both are removed then",
        )
        .without("files need no marker"),
        key(
            "format",
            one_of::<Format>(),
            "\"auto\"",
            "what the lines are: `lines`, texts that become messages as they stand; `rfc5424`, `rfc3164`, `json`, \
             as with a listener; with `auto` loggr looks at each line. A line in another format is never refused",
        ),
        key(
            "timezone",
            Takes::Zone,
            "\"local\"",
            "the time zone of times that are written without one: an IANA name such as `Europe/Berlin`, an offset \
             such as `+02:00`, or `local` for the zone of this host",
        ),
        key(
            "facility",
            Takes::Text("facility"),
            "",
            "the facility of lines without a priority, such as `local0`",
        )
        .without("`user`"),
        key(
            "severity",
            Takes::Text("severity"),
            "",
            "the severity of lines without a priority, such as `info`",
        )
        .without("`notice`"),
        key("app_name", Takes::Text("name"), "", "the program of lines that name none").without("none"),
        key("source", Takes::Text("name"), "", "the host of lines that name none").without("none"),
        key(
            "max_message_size",
            Takes::Size(480, loggr_wire::framing::MAX_FRAME_BYTES as u64),
            "\"1MiB\"",
            "the longest line in bytes; a longer one is cut, and its event notes how long it was",
        ),
        key(
            "packers",
            Takes::Names,
            "[]",
            "the [packers](#packersname) that join lines before they are published, in this order. What belongs \
             together is then a matter of the file alone (`max_age` counts for nothing here), so that a file that \
             is read again after a crash gives the same events, which a machine's packers cannot promise",
        ),
        key(
            "after",
            one_of::<After>(),
            "\"remove\"",
            "what becomes of a file all of whose events are safe in the queue: `remove`, it is removed; `move`, it \
             is moved to `done`, where loggr touches it no more",
        ),
        key("done", Takes::Path, "", "where files go with `after = \"move\"`, relative to `directory`, on the \
             same file system; it is made if it is missing")
        .without("`done`; must be given with `recursive`"),
        key(
            "failed",
            Takes::Path,
            "",
            "where files go that cannot be taken, each with a file `NAME.reason`, relative to `directory`, on the \
             same file system; it is made if it is missing",
        )
        .without("`failed`; must be given with `recursive`"),
        key(
            "known_by",
            one_of::<KnownBy>(),
            "\"name\"",
            "which file is the same as an earlier one, so that its lines are not taken again: with `name` one of \
             the same name and content, packed or not; with `content` one of the same content, whatever it is \
             called, for rotated files whose names change (`app.log.1`, `app.log.2`)",
        ),
        key(
            "remember",
            Takes::Duration(0, 3650 * DAY),
            "\"7d\"",
            "how long loggr knows a file that was taken: the same file uploaded again within this time gives no \
             events, is counted, and goes the way of all others. With `0s` it is taken again. At most 200000 files \
             are remembered",
        ),
        key(
            "max_size",
            Takes::Size(MIB, 64 * TIB),
            "\"64GiB\"",
            "the largest file, unpacked; a larger one fails, and nothing of it is taken",
        ),
        key(
            "max_ratio",
            Takes::Count(2, 1_000_000),
            "1000",
            "how many times larger a file may become when it is unpacked, beyond its first 64 MiB; one that \
             becomes larger fails, and nothing of it is taken",
        ),
        key(
            "files_at_once",
            Takes::Count(1, 64),
            "4",
            "how many files are read at the same time, the oldest first; each may hold some MiB, and one packed \
             with xz up to 64 MiB more",
        ),
    ]],
};

choice!(Format {
    Auto = "auto",
    Lines = "lines",
    Rfc5424 = "rfc5424",
    Rfc3164 = "rfc3164",
    Json = "json",
});
choice!(After { Remove = "remove", Move = "move" });
choice!(KnownBy { Name = "name", Content = "content" });

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Found out line by line.
    Auto,
    /// Messages as they stand.
    Lines,
    /// RFC 5424 first.
    Rfc5424,
    /// RFC 3164 first.
    Rfc3164,
    /// JSON objects.
    Json,
}

impl Format {
    /// What is expected of a line.
    pub fn input(self) -> InputFormat {
        match self {
            Format::Auto => InputFormat::Auto,
            Format::Lines => InputFormat::Raw,
            Format::Rfc5424 => InputFormat::Rfc5424,
            Format::Rfc3164 => InputFormat::Rfc3164,
            Format::Json => InputFormat::Json,
        }
    }
}

/// What becomes of a file that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is removed.
    Remove,
    /// It is moved to `done`.
    Move,
}

/// Which file is the same as an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// One of the same name and content.
    Name,
    /// One of the same content.
    Content,
}

/// `[harvest.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harvest {
    /// Unique; the routing key of its events is `harvest.NAME`.
    pub name: String,
    /// The directory into which files are uploaded.
    pub directory: PathBuf,
    /// Files in directories below it are taken, too.
    pub recursive: bool,
    /// The exchange that its events are published to.
    pub exchange: String,
    /// How events are written into RabbitMQ's messages.
    pub encoding: Encoding,
    /// A file that stands still for so long is complete.
    pub stable: Duration,
    /// Patterns of names of files that are not whole yet.
    pub temporary: Vec<String>,
    /// Ending of the files that say that others are complete.
    pub marker: Option<String>,
    /// What the lines are.
    pub format: Format,
    /// IANA name of the zone for stamps that carry none.
    pub timezone: String,
    /// Of lines without a priority.
    pub facility: Option<Facility>,
    /// Of lines without a priority.
    pub severity: Option<Severity>,
    /// The program of lines that name none.
    pub app_name: String,
    /// The host of lines that name none.
    pub source: String,
    /// Bytes of one line at most.
    pub max_message_size: usize,
    /// What joins lines.
    pub packers: Vec<Packer>,
    /// What becomes of a file that was taken.
    pub after: After,
    /// Where it is moved to.
    pub done: PathBuf,
    /// Where a file goes that cannot be taken.
    pub failed: PathBuf,
    /// Which file is the same as an earlier one.
    pub known_by: KnownBy,
    /// How long a file is known that was taken.
    pub remember: Duration,
    /// Bytes of a file, unpacked, at most.
    pub max_size: u64,
    /// How many times larger it may become when it is unpacked.
    pub max_ratio: u64,
    /// Files that are read at the same time.
    pub files_at_once: usize,
}

impl Harvest {
    /// The routing key of its events.
    pub fn routing_key(&self) -> String {
        format!("harvest.{}", self.name)
    }

    /// Is a path one from which it takes files?
    pub fn takes_from(&self, path: &Path) -> bool {
        path == self.directory || (self.recursive && path.starts_with(&self.directory))
    }

    /// Is a path its directory, or one of those to which it moves files?
    pub fn owns(&self, path: &Path) -> bool {
        path == self.directory || self.leaves_in().any(|(_, own)| own == path)
    }

    /// The directories to which it moves files: their keys and paths.
    pub fn leaves_in(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let done = (self.after == After::Move).then_some(("done", self.done.as_path()));
        done.into_iter().chain([("failed", self.failed.as_path())])
    }
}

/// Reads a section; `None` if its `directory` is missing or wrong.
pub fn read(r: &mut Reader<'_, '_>, name: &str, packers: &[Packer], data: &Path) -> Option<Harvest> {
    let directory = r.path_if_any("directory", data).map(|path| plain(&path));
    if directory.is_none() {
        let help = "into which directory are files uploaded? `directory = \"/srv/upload\"`";
        r.needs("directory", format!("`[harvest.{name}]` needs its `directory`"), help.to_owned());
    }
    let known = directory.clone().unwrap_or_default();
    let (recursive, after) = (r.bool("recursive"), r.choice("after"));
    let mut leave = |key: &'static str, is_needed: bool| {
        let given = r.path_if_any(key, &known);
        if recursive && is_needed && given.is_none() && !r.failed(key) {
            let message = format!("`[harvest.{name}]` needs `{key}`, because it is `recursive`");
            let help =
                format!("files of `{key}` must not be taken again: `{key} = \"{}-{key}\"`", known.display());
            r.blame("recursive", message, Some(help));
        }
        // What is missing must not be one mistake more.
        let beside = || PathBuf::from(format!("{}-{key}", known.display()));
        given.map(|path| plain(&path)).unwrap_or_else(|| if recursive { beside() } else { known.join(key) })
    };
    let (done, failed) = (leave("done", after == After::Move), leave("failed", true));
    if after == After::Remove && r.has("done") {
        let help = "write `after = \"move\"`, or leave `done` out".to_owned();
        r.blame("done", "`done` is of no use with `after = \"remove\"`".to_owned(), Some(help));
    }
    let harvest = Harvest {
        name: name.to_owned(),
        directory: known,
        recursive,
        exchange: r.bus_name("exchange"),
        encoding: r.choice("encoding"),
        stable: r.duration("stable"),
        temporary: r.all_parsed("temporary", pattern),
        marker: r.parsed_if_any("marker", marker),
        format: r.choice("format"),
        timezone: r.zone("timezone"),
        facility: r.parsed_if_any("facility", facility),
        severity: r.parsed_if_any("severity", severity),
        app_name: r.parsed_if_any("app_name", word).unwrap_or_default(),
        source: r.parsed_if_any("source", word).unwrap_or_default(),
        max_message_size: r.bytes("max_message_size"),
        packers: named_packers(r, packers),
        after,
        done,
        failed,
        known_by: r.choice("known_by"),
        remember: r.duration("remember"),
        max_size: r.size("max_size"),
        max_ratio: r.count("max_ratio") as u64,
        files_at_once: r.count("files_at_once"),
    };
    directory.map(|_| harvest)
}

/// The path without `.` and `..`, so that two can be compared; by their names alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn pattern(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_PATTERN_BYTES if text.bytes().all(|byte| byte == b'*') => {
            Err(format!("`{text}` fits every name, so that nothing would be taken"))
        }
        1..=MAX_PATTERN_BYTES if !text.contains('/') => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is no pattern of a name: it has no `/`, and 1 to {MAX_PATTERN_BYTES} bytes"
        )),
    }
}

fn marker(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_PATTERN_BYTES if !text.contains('/') && !text.chars().any(char::is_control) => {
            Ok(text.to_owned())
        }
        _ => {
            Err(format!("`{text}` is no ending of a name: it has no `/`, and 1 to {MAX_PATTERN_BYTES} bytes"))
        }
    }
}

fn facility(text: &str) -> Result<Facility, String> {
    Facility::from_name(text).ok_or_else(|| format!("`{text}` is no facility, such as `daemon` or `local0`"))
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::from_name(text).ok_or_else(|| format!("`{text}` is no severity, such as `info` or `err`"))
}

fn word(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_WORD_BYTES if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is no name: it has no blanks, and 1 to {MAX_WORD_BYTES} characters of ASCII"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::GIB;
    use crate::config::tests::{problems, read as read_config};

    #[test]
    fn a_harvest_has_all_its_values() {
        let config = read_config(
            "[packers.traces]\nkind='preset'\npreset='java'\n[harvest.web]\ndirectory='/srv/web'\nstable='30s'\n\
             temporary=['*.up']\nmarker='.ok'\nformat='lines'\nfacility='local3'\nseverity='info'\napp_name='shop'\n\
             source='web1'\npackers=['traces']\nafter='move'\nknown_by='content'\nremember='0s'\nmax_ratio=50\n",
        );
        let harvest = &config.harvests[0];
        assert_eq!((harvest.name.as_str(), harvest.routing_key().as_str()), ("web", "harvest.web"));
        assert_eq!(
            (harvest.done.as_path(), harvest.failed.as_path()),
            (Path::new("/srv/web/done"), Path::new("/srv/web/failed"))
        );
        assert_eq!(
            (harvest.facility.map(Facility::code), harvest.severity),
            (Some(19), Some(Severity::Informational))
        );
        assert_eq!(
            (harvest.packers.len(), harvest.marker.as_deref(), harvest.remember),
            (1, Some(".ok"), Duration::ZERO)
        );
        assert_eq!(harvest.format.input(), InputFormat::Raw);
        let usual = &read_config("[harvest.a]\ndirectory='up'").harvests[0];
        assert_eq!(
            (usual.directory.as_path(), usual.after, usual.known_by),
            (Path::new("/data/up"), After::Remove, KnownBy::Name)
        );
        assert_eq!(usual.temporary, ["*.part", "*.filepart", "*.tmp", ".*"]);
        assert_eq!((usual.max_size, usual.max_ratio, usual.files_at_once), (64 * GIB, 1000, 4));
    }

    #[track_caller]
    fn check(keys: &str, expect: &[&str]) {
        assert_eq!(problems(&format!("[harvest.a]\n{keys}")), expect);
    }

    #[test]
    fn wrong_harvests() {
        check(
            "",
            &[
                "`[harvest.a]` needs its `directory` | into which directory are files uploaded? `directory = \"/srv/upload\"`",
            ],
        );
        check(
            "directory='/up'\nrecursive=true",
            &[
                "`[harvest.a]` needs `failed`, because it is `recursive` | files of `failed` must not be taken again: `failed = \"/up-failed\"`",
            ],
        );
        check(
            "directory='/up'\ndone='x'",
            &[
                "`done` is of no use with `after = \"remove\"` | write `after = \"move\"`, or leave `done` out",
            ],
        );
        check("directory='/up'\nfacility='loca'", &["`loca` is no facility, such as `daemon` or `local0`"]);
        check("directory='/up'\nseverity='loud'", &["`loud` is no severity, such as `info` or `err`"]);
        check(
            "directory='/up'\nsource='a b'",
            &["`a b` is no name: it has no blanks, and 1 to 255 characters of ASCII"],
        );
        check("directory='/up'\ntemporary=['*']", &["`*` fits every name, so that nothing would be taken"]);
        check(
            "directory='/up'\nmarker='a/b'",
            &["`a/b` is no ending of a name: it has no `/`, and 1 to 64 bytes"],
        );
        check(
            "directory='/up'\nformat='syslog'",
            &["`syslog` is not a valid `format` | one of `auto`, `lines`, `rfc5424`, `rfc3164`, `json`"],
        );
        check("directory='/up'\npackers=['x']", &["there is no packer `x` | write `[packers.x]`"]);
        check(
            "directory='/up'\nexchange='nowhere'",
            &[
                "no queue is bound to the exchange `nowhere`: events would go nowhere | a shipper or machine needs `exchange = \"nowhere\"`",
            ],
        );
    }

    #[test]
    fn nothing_is_taken_twice_or_in_a_circle() {
        check(
            "directory='/up'\n[harvest.b]\ndirectory='/up'",
            &["the harvest `a` takes files from `/up` already | give each a `directory` of its own"],
        );
        check(
            "directory='/up'\nrecursive=true\nfailed='/no'\n[harvest.b]\ndirectory='/up/b'",
            &["the harvest `a` takes files from `/up/b` already | give each a `directory` of its own"],
        );
        check(
            "directory='/up'\nrecursive=true\nfailed='/up/x/failed'",
            &["the harvest `a` would take the files in `/up/x/failed` again | put `failed` somewhere else"],
        );
        check(
            "directory='/up'\nfailed='/up'",
            &["the harvest `a` would take the files in `/up` again | put `failed` somewhere else"],
        );
        check(
            "directory='/up'\nfailed='../x/../in/.'\n[harvest.b]\ndirectory='/in/'",
            &["the harvest `b` would take the files in `/in` again | put `failed` somewhere else"],
        );
        check(
            "directory='/up'\nafter='move'\ndone='x'\nfailed='x'",
            &["`done` and `failed` are the same directory | give each a directory of its own"],
        );
        check(
            "directory='/'\nrecursive=true\nfailed='/no'",
            &[
                "the harvest `a` would take the files of loggr itself in `/data` | give it a `directory` for uploads alone",
                "the harvest `a` would take the files in `/no` again | put `failed` somewhere else",
            ],
        );
        check(
            "directory='/logs'\n[ship.f]\nkind='files'\ndirectory='/logs'",
            &[
                "the harvest `a` would take the files of loggr itself in `/logs` | give it a `directory` for uploads alone",
            ],
        );
    }
}
