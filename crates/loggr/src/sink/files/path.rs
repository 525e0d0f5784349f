//! Which file an event goes to: the template with every value made one safe path component.
//!
//! Logs are hostile text. Invariant: the path has exactly the depth that the template
//! has, and no component of it is empty, `.`, `..` or hidden behind a value's own dot;
//! so no value can leave the directory or name another level of it. Creates nothing.

use loggr_event::{Event, Facility, Severity, Template, Timestamp, Uid};

use super::error::OpenError;
use crate::clean::is_hidden;

/// A value is cut to this many bytes.
pub(super) const MAX_VALUE_BYTES: usize = 100;
/// A component made of several values and text is cut to this many bytes and gets a
/// hash of the whole, so that it fits every file system (NAME_MAX is 255).
pub(super) const MAX_COMPONENT_BYTES: usize = 200;
/// A template may have this many components.
pub(super) const MAX_COMPONENTS: usize = 12;
/// Stands for an empty value.
pub(super) const UNKNOWN: &str = "unknown";

/// Appends `value` as (a part of) one path component: `/`, `\`, NUL, control and
/// invisible characters become `_`, as does a leading `.`, `-` or `~`;
/// at most [`MAX_VALUE_BYTES`]; `unknown` if it is empty.
pub(super) fn push_component(value: &str, out: &mut Vec<u8>) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'@' | b'+');
    let bytes = value.as_bytes();
    if bytes.len() <= MAX_VALUE_BYTES
        && bytes.first().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.iter().all(|b| plain(*b))
    {
        out.extend_from_slice(bytes);
        return;
    }
    let start = out.len();
    let mut utf8 = [0; 4];
    for (i, c) in value.chars().enumerate() {
        let safe = match c {
            '/' | '\\' => '_',
            '.' | '-' | '~' if i == 0 => '_',
            c if c.is_control() || is_hidden(c) => '_',
            c => c,
        };
        let safe = safe.encode_utf8(&mut utf8).as_bytes();
        if out.len() - start + safe.len() > MAX_VALUE_BYTES {
            break;
        }
        out.extend_from_slice(safe);
    }
    if out.len() == start {
        out.extend_from_slice(UNKNOWN.as_bytes());
    }
}

/// Shortens components that several values made too long.
fn fit(path: &str) -> String {
    if path.split('/').all(|c| c.len() <= MAX_COMPONENT_BYTES) {
        return path.to_owned();
    }
    let fitted: Vec<String> = path.split('/').map(fit_component).collect();
    fitted.join("/")
}

fn fit_component(component: &str) -> String {
    if component.len() <= MAX_COMPONENT_BYTES {
        return component.to_owned();
    }
    // FNV-1a: the name must be the same after a restart and an upgrade.
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = component.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let end = component.floor_char_boundary(MAX_COMPONENT_BYTES - 17);
    format!("{}~{hash:016x}", component.get(..end).unwrap_or_default())
}

/// Entries of the cache, a power of two.
const CACHE_ENTRIES: usize = 1024;

#[derive(Clone, Debug, Default)]
struct Entry {
    source: String,
    app_name: String,
    minutes: [i64; 2],
    offsets: [i16; 2],
    /// Index of the file plus one; 0 is an empty entry.
    file: u32,
}

/// What is remembered of the files that were found.
#[derive(Debug)]
enum Known {
    /// Nothing: the path may be another for every event.
    Nothing,
    /// The one file of all events, once it was found.
    Only(Option<u32>),
    /// By source, program and minute.
    ByKey(Vec<Entry>),
}

/// Renders paths, and remembers which files they are.
#[derive(Debug)]
pub(super) struct Paths {
    template: Template,
    known: Known,
    rendered: Vec<u8>,
}

impl Paths {
    /// Refuses a template that names no file below the directory.
    pub fn new(template: Template) -> Result<Paths, OpenError> {
        let mut paths = Paths { template, known: Known::Nothing, rendered: Vec::new() };
        let sample = paths.render(&probe(0)).to_owned();
        let bad = |what: &str, hint| Err(OpenError::options(format!("the path template {what}"), hint));
        let components: Vec<&str> = sample.split('/').collect();
        if components.iter().any(|c| matches!(*c, "" | "." | "..")) {
            return bad(
                "must be relative and end in a file name",
                "write it like `${source}/${app_name}/${date}.log`, without `..`",
            );
        }
        if components.len() > MAX_COMPONENTS {
            return bad(&format!("has {} levels, more than {MAX_COMPONENTS}", components.len()), "use fewer");
        }
        if sample.chars().any(char::is_control) {
            return bad("has a control character", "remove it");
        }
        if !paths.vary() {
            paths.known = Known::Only(None);
        } else if paths.depends_on_the_key_alone() {
            paths.known = Known::ByKey(vec![Entry::default(); CACHE_ENTRIES]);
        }
        Ok(paths)
    }

    /// May two events go to two files?
    pub fn vary(&self) -> bool {
        self.template.has_variables()
    }

    /// Counts values that the template asks for, and those that change with the key.
    fn depends_on_the_key_alone(&mut self) -> bool {
        let base = self.values(&probe(0));
        let source_app_and_day = self.values(&probe(1));
        let seconds = self.values(&probe(2));
        let others = self.values(&probe(3));
        base.len() == source_app_and_day.len()
            && base.iter().zip(&source_app_and_day).all(|(a, b)| a != b)
            && base == seconds
            && base == others
    }

    fn values(&self, event: &Event<'_>) -> Vec<String> {
        let mut values = Vec::new();
        self.template.render_with(event, &mut Vec::new(), |value, _| values.push(value.to_owned()));
        values
    }

    /// The path of an event, relative to the directory.
    pub fn render(&mut self, event: &Event<'_>) -> &str {
        self.rendered.clear();
        self.template.render_with(event, &mut self.rendered, push_component);
        if self.rendered.len() > MAX_COMPONENT_BYTES {
            self.rendered = fit(&String::from_utf8_lossy(&self.rendered)).into_bytes();
        }
        std::str::from_utf8(&self.rendered).unwrap_or(UNKNOWN)
    }

    /// The index of the event's file; `find` gives it for a path that is not remembered.
    pub fn file(&mut self, event: &Event<'_>, find: impl FnOnce(&str) -> u32) -> u32 {
        match &mut self.known {
            Known::Only(Some(file)) => return *file,
            Known::Only(None) => {
                let file = find(self.render(event));
                self.known = Known::Only(Some(file));
                return file;
            }
            Known::Nothing => return find(self.render(event)),
            Known::ByKey(_) => {}
        }
        let minute = |t: Timestamp| t.unix_micros().div_euclid(60_000_000);
        let minutes = [minute(event.timereported), minute(event.timegenerated)];
        let offsets = [event.timereported.offset_minutes(), event.timegenerated.offset_minutes()];
        let slot = slot(event.source.as_bytes(), event.app_name.as_bytes());
        if let Known::ByKey(entries) = &self.known
            && let Some(entry) = entries.get(slot)
            && entry.file != 0
            && entry.minutes == minutes
            && entry.offsets == offsets
            && entry.source == event.source
            && entry.app_name == event.app_name
        {
            return entry.file - 1;
        }
        let file = find(self.render(event));
        if let Known::ByKey(entries) = &mut self.known
            && let Some(entry) = entries.get_mut(slot)
        {
            entry.source.clear();
            entry.source.push_str(&event.source);
            entry.app_name.clear();
            entry.app_name.push_str(&event.app_name);
            entry.minutes = minutes;
            entry.offsets = offsets;
            entry.file = file.saturating_add(1);
        }
        file
    }

    /// The indices mean other files from now on.
    pub fn forget(&mut self) {
        match &mut self.known {
            Known::Nothing => {}
            Known::Only(file) => *file = None,
            Known::ByKey(entries) => entries.iter_mut().for_each(|entry| entry.file = 0),
        }
    }
}

fn slot(source: &[u8], app_name: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, bytes: &[u8]| {
        let (words, rest) = bytes.as_chunks::<8>();
        let word = |hash: u64, w: u64| (hash.rotate_left(5) ^ w).wrapping_mul(ODD);
        let hash = words.iter().fold(hash, |h, w| word(h, u64::from_le_bytes(*w)));
        let tail = rest.iter().fold(bytes.len() as u64, |t, b| (t << 8) | u64::from(*b));
        word(hash, tail)
    };
    let hash = mix(mix(0, source), app_name);
    (hash >> (64 - CACHE_ENTRIES.trailing_zeros())) as usize
}

/// Events that differ in: nothing (0), source, app_name, hour and day (1), seconds (2),
/// everything else (3).
fn probe(variant: u8) -> Event<'static> {
    const NOON: i64 = 1_790_000_040_000_000 - 1_790_000_040_000_000 % 3_600_000_000;
    let (source, app_name, micros) = match variant {
        1 => ("b", "q", NOON + 400 * 25 * 3_600_000_000),
        2 => ("a", "p", NOON + 59_999_999),
        _ => ("a", "p", NOON),
    };
    let time = Timestamp::from_unix_micros(micros);
    let mut event = Event {
        source: source.into(),
        app_name: app_name.into(),
        timereported: time,
        timegenerated: time,
        ..Event::default()
    };
    if variant == 3 {
        event.uid = Uid::from_bytes([7; 16]);
        event.severity = Severity::from_code(0).unwrap_or_default();
        event.facility = Facility::from_code(23).unwrap_or_default();
        event.procid = "1".into();
        event.msgid = "m".into();
        event.message = "text".into();
        event.tags = vec!["tag".into()];
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(value: &str, expect: &str) {
        let mut out = Vec::new();
        push_component(value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn hostile_values_become_one_component() {
        check("web01.example.net", "web01.example.net");
        check("", "unknown");
        check(".", "_");
        check("..", "_.");
        check("../../etc/passwd", "_._.._etc_passwd");
        check("/etc/shadow", "_etc_shadow");
        check("a/../b", "a_.._b");
        check("..\\..\\x", "_._.._x");
        check("a\0b", "a_b");
        check("\x1b[2Jx\r\n\t\x7f\u{9b}", "_[2Jx_____");
        check("-rf", "_rf");
        check("~root", "_root");
        check(".ssh", "_ssh");
        check(" ", " ");
        check("été", "été");
        check("\u{202e}gpj.exe", "_gpj.exe");
        check("2001:db8::1", "2001:db8::1");
        check(&"x".repeat(101), &"x".repeat(100));
        check("a\u{61c}b\u{ad}c\u{2060}d\u{e0041}e\u{202e}f", "a_b_c_d_e_f");
        check(&"é".repeat(51), &"é".repeat(50));
        check(&format!("x{}", "é".repeat(51)), &format!("x{}", "é".repeat(49)));
    }

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[track_caller]
    fn check_template(text: &str, expect: Option<&str>) {
        let known = Paths::new(template(text)).ok().map(|paths| match paths.known {
            Known::Nothing => "nothing",
            Known::Only(_) => "only",
            Known::ByKey(_) => "by key",
        });
        assert_eq!(known, expect, "{text}");
    }

    #[test]
    fn templates_stay_below_the_directory() {
        check_template("${source}/${app_name}/${date}.log", Some("by key"));
        check_template("all.log", Some("only"));
        check_template("${source}/${severity}.log", Some("nothing"));
        check_template("${source}/${message}", Some("nothing"));
        check_template("${datetime}.log", Some("nothing"));
        check_template("/var/log/${source}", None);
        check_template("../${source}", None);
        check_template("${source}/../x", None);
        check_template("${source}/", None);
        check_template("${source}//x", None);
        check_template("", None);
        check_template("${source}/./x", None);
        check_template(&vec!["${source}"; 13].join("/"), None);
    }

    #[test]
    fn a_long_component_is_cut_and_stays_distinct() {
        let mut paths = Paths::new(template("${source}-${app_name}-${message}.log")).unwrap();
        let mut path = |message: String| {
            let (source, app_name) = ("s".repeat(100).into(), "a".repeat(100).into());
            paths.render(&Event { source, app_name, message: message.into(), ..Event::default() }).to_owned()
        };
        let (a, b) = (path("a".repeat(100)), path("b".repeat(100)));
        assert!(a != b && a.len() <= MAX_COMPONENT_BYTES && b.len() <= MAX_COMPONENT_BYTES);
    }

    #[test]
    fn the_cache_tells_hosts_programs_and_days_apart() {
        let mut paths = Paths::new(template("${source}/${app_name}/${date}.log")).unwrap();
        let mut seen: Vec<String> = Vec::new();
        for round in 0..2 {
            for (source, app, day) in [("a", "bc", 1), ("ab", "c", 1), ("a", "bc", 2), ("a", "bc", 1)] {
                let time = Timestamp::from_unix_micros(day * 86_400_000_000);
                let event = Event {
                    source: source.into(),
                    app_name: app.into(),
                    timereported: time,
                    timegenerated: time,
                    ..Event::default()
                };
                let file = paths.file(&event, |path| match seen.iter().position(|p| p == path) {
                    Some(i) => i as u32,
                    None => {
                        seen.push(path.to_owned());
                        seen.len() as u32 - 1
                    }
                });
                assert_eq!(
                    seen[file as usize],
                    format!("{source}/{app}/1970-01-0{}.log", day + 1),
                    "{round}"
                );
            }
        }
        assert_eq!(seen.len(), 3);
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_component(value in any::<String>(), app in "[./\\\\a\0-]{0,8}") {
            let mut paths = Paths::new(template("${source}/${app_name}${message}/x")).unwrap();
            let event = Event { source: value.clone().into(), app_name: app.into(), message: value.into(), ..Event::default() };
            let path = paths.render(&event).to_owned();
            prop_assert_eq!(path.split('/').count(), 3);
            for c in path.split('/') {
                prop_assert!(!c.is_empty() && c != "." && c != ".." && c.len() <= 255);
                prop_assert!(!c.contains(['\\', '\0']) && !c.chars().any(char::is_control));
            }
        }
    }
}
