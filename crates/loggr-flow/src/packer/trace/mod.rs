//! Stack traces: a small state machine for each language, over one line after another.
//!
//! A language is a table of rules: in these states, a line that matches this, leads to that state.
//! A line that no rule takes is not part of the trace. In some states it is not known yet whether
//! the line belongs to the trace (an empty line that may be the gap before the next goroutine):
//! such lines are *doubtful* until a later line settles it. So are the lines of a message behind
//! the head of a trace, until its first frame comes; a line that looks like a record of a log (a
//! time, a severity, a pair) is never one of them.
//!
//! The expressions are matched in linear time, so that no line can hold a machine up.

mod dart;
mod dotnet;
mod go;
mod java;
mod javascript;
mod php;
mod python;
mod ruby;
#[cfg(test)]
mod testing;

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

/// No trace is open.
const OUTSIDE: u8 = 0;
/// The line ends the trace.
const END: u8 = 0x3f;
/// The line is not part of the trace.
const NONE: u8 = 0x3e;
/// Set in states in which lines are doubtful.
const MAYBE: u8 = 0x40;
/// Set in states that any line leads to: between a head and its frames, where a message of
/// several lines stands. A line that begins a trace itself leads there in no language: frames
/// belong to the last head.
const ANY: u8 = 0x80 | MAYBE;
/// Set in states that a frame leads to: a language that has not seen a frame by then is out.
const FRAME: u8 = 0x20;
/// Any line at all.
const LINE: &str = "";
/// Number of languages.
const LANGUAGES: usize = 8;

/// Stack traces of one language.
pub struct Language {
    /// The preset's name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// The languages and runtimes whose traces these are.
    pub about: &'static str,
    rules: LazyLock<Rules>,
}

/// Languages are compared by their names, which are unique.
impl PartialEq for Language {
    fn eq(&self, other: &Language) -> bool {
        self.name == other.name
    }
}

impl Eq for Language {}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All presets.
pub static PRESETS: [&Language; LANGUAGES] = [
    &java::LANGUAGE,
    &python::LANGUAGE,
    &go::LANGUAGE,
    &ruby::LANGUAGE,
    &javascript::LANGUAGE,
    &php::LANGUAGE,
    &dotnet::LANGUAGE,
    &dart::LANGUAGE,
];

/// The preset of a name.
pub fn preset(name: &str) -> Option<&'static Language> {
    PRESETS.iter().find(|language| language.name == name || language.aliases.contains(&name)).copied()
}

/// The states in which the rule applies, the expression that a line must match, and the state to
/// which it leads. `{ws}` stands for a space or a tab, also as rsyslog escapes it; `{record}` for
/// the beginning of a line that is a record of a log.
struct Rule(&'static [u8], &'static str, u8);

struct Rules {
    /// By state: the first rule that matches counts.
    by_state: Vec<Vec<(Regex, u8)>>,
    /// An expression for all rules of the state [`OUTSIDE`], so that most lines are matched only
    /// once.
    begins: Regex,
}

/// How records of logs begin: with a time, a severity, a pair.
const RECORD: &str = concat!(
    r"^(?:<\d+>|\[?\d{4}[-/.]\d\d[-/.]\d\d[T ]|\[?\d\d[:/]\d\d[:/]\d\d|\[?\d\d/[A-Z][a-z]{2}/\d{4}",
    r"|\[?[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d|[IWEF]\d{4} \d\d:|[DIWEFA], \[",
    r"|[\[(]?(?i:trace|debug|info|notice|warn|warning|error|critical|fatal|severe)[\])]?(?:[:|\t]| +[\[|:-])",
    r"|(?:level|ts|time|msg)=)",
);

impl Rules {
    fn new(rules: &[Rule]) -> Rules {
        let text = |rule: &Rule| rule.1.replace("{ws}", "(?:[\t ]|#011)").replace("{record}", RECORD);
        let compile = |text: &str| Regex::new(text).expect("BUG: a rule of a preset cannot be compiled");
        let mut by_state: Vec<Vec<(Regex, u8)>> = Vec::new();
        for rule in rules {
            for state in rule.0 {
                let state = usize::from(state & !(ANY | FRAME));
                by_state.resize_with(by_state.len().max(state + 1), Vec::new);
                if let Some(of_state) = by_state.get_mut(state) {
                    of_state.push((compile(&text(rule)), rule.2));
                }
            }
        }
        let begins = rules.iter().filter(|r| r.0.contains(&OUTSIDE)).map(|r| format!("(?:{})", text(r)));
        Rules { by_state, begins: compile(&begins.collect::<Vec<_>>().join("|")) }
    }

    fn step(&self, state: u8, line: &str) -> Option<u8> {
        let rules = self.by_state.get(usize::from(state & !(ANY | FRAME)))?;
        let to = rules.iter().find(|(regex, _)| regex.is_match(line)).map(|(_, to)| *to)?;
        (to != NONE).then_some(to)
    }
}

/// The state of a trace in each language that it may still be of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing([u8; LANGUAGES]);

/// What a text is to the open trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// No part of one.
    Outside,
    /// A trace begins.
    Begins,
    /// It goes on; `sure` if that is certain by now.
    Continues {
        /// Nothing of it is doubtful.
        sure: bool,
    },
    /// It ends with this.
    Ends,
}

/// Finds traces of some languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Traces {
    languages: Vec<&'static Language>,
}

impl Traces {
    pub fn new(languages: &[&'static Language]) -> Traces {
        Traces { languages: languages.iter().copied().take(LANGUAGES).collect() }
    }

    /// Looks at an event's text, which may have several lines. `open` is where the open trace
    /// stands, if one is; afterwards where the trace stands that the text belongs to.
    pub fn look(&self, open: Option<&mut Standing>, text: &str) -> (Seen, Standing) {
        if let Some(open) = open
            && let Some((seen, standing)) = self.go_on(*open, text)
        {
            *open = standing;
            return (seen, standing);
        }
        self.begin(text)
    }

    /// The text continues what stands there, or `None`.
    fn go_on(&self, from: Standing, text: &str) -> Option<(Seen, Standing)> {
        let mut lines = lines(text);
        let mut standing = self.go_on_with(from, lines.next().unwrap_or_default())?;
        for line in lines {
            match self.go_on_with(standing, line) {
                Some(next) => standing = next,
                // Its first line belongs to the trace; something else ends the text.
                None => return Some((Seen::Ends, standing)),
            }
        }
        Some((self.seen(standing), standing))
    }

    fn begin(&self, text: &str) -> (Seen, Standing) {
        let mut standing = Standing::default();
        for line in lines(text) {
            standing = match self.go_on_with(standing, line) {
                Some(next) => next,
                None => self.begins(line),
            };
        }
        match self.seen(standing) {
            _ if standing == Standing::default() => (Seen::Outside, standing),
            // A whole trace in one event needs no packer.
            Seen::Ends => (Seen::Outside, Standing::default()),
            _ => (Seen::Begins, standing),
        }
    }

    /// The next step, unless any line would do and this one begins a trace.
    fn go_on_with(&self, from: Standing, line: &str) -> Option<Standing> {
        let next = self.step(from, line)?;
        let any = next.0.iter().all(|state| *state == OUTSIDE || state & ANY == ANY);
        (!any || self.begins(line) == Standing::default()).then_some(next)
    }

    fn begins(&self, line: &str) -> Standing {
        let mut standing = Standing::default();
        for (language, state) in self.languages.iter().zip(&mut standing.0) {
            let rules = &language.rules;
            if rules.begins.is_match(line) {
                *state = rules.step(OUTSIDE, line).unwrap_or(OUTSIDE);
            }
        }
        standing
    }

    /// The languages whose trace goes on with the line; `None` if it does for none.
    fn step(&self, from: Standing, line: &str) -> Option<Standing> {
        let mut standing = Standing::default();
        for ((language, from), to) in self.languages.iter().zip(from.0).zip(&mut standing.0) {
            if !matches!(from, OUTSIDE | END) {
                *to = language.rules.step(from, line).unwrap_or(OUTSIDE);
            }
        }
        if standing.0.iter().any(|state| state & FRAME != 0) {
            standing.0.iter_mut().filter(|state| **state & FRAME == 0).for_each(|state| *state = OUTSIDE);
        }
        (standing != Standing::default()).then_some(standing)
    }

    fn seen(&self, standing: Standing) -> Seen {
        let open = || standing.0.iter().filter(|state| **state != OUTSIDE);
        if open().all(|state| *state == END) {
            return Seen::Ends;
        }
        Seen::Continues { sure: open().any(|state| state & MAYBE == 0) }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::testing::packed;
    use super::*;

    #[test]
    fn presets_have_names_and_good_rules() {
        for (at, language) in PRESETS.iter().enumerate() {
            assert!(!language.about.is_empty());
            assert!(language.rules.by_state.len() < usize::from(FRAME));
            assert!(PRESETS[..at].iter().all(|other| other.name != language.name));
            assert!(preset(language.name).is_some());
        }
        assert_eq!(preset("csharp").map(|language| language.name), Some("dotnet"));
        assert!(preset("cobol").is_none());
    }

    #[test]
    fn traces_of_several_languages_are_told_apart() {
        let all: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        let text = "ready\n\
                    java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\n\
                    Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: x\n\
                    TypeError: y\n    at f (/a.js:1:2)\n\
                    panic: z\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1\n\
                    done\n";
        packed(
            &all,
            text,
            &[
                "ready",
                "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)",
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: x",
                "TypeError: y\n    at f (/a.js:1:2)",
                "panic: z\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1",
                "done",
            ],
        );
    }

    #[test]
    fn an_event_of_several_lines_is_seen_line_by_line() {
        let traces = Traces::new(&PRESETS);
        let (seen, mut standing) =
            traces.look(None, "request failed\njava.lang.Error: x\n\tat a.b(C.java:1)");
        assert_eq!(seen, Seen::Begins);
        let (seen, _) = traces.look(Some(&mut standing), "\tat a.d(C.java:2)\n\tat a.e(C.java:3)\r");
        assert_eq!(seen, Seen::Continues { sure: true });
        let (seen, _) = traces.look(Some(&mut standing), "\tat a.f(C.java:4)\nand now for something else");
        assert_eq!(seen, Seen::Ends);
        let python = Traces::new(&[&python::LANGUAGE]);
        let whole = "Traceback (most recent call last):\n  File \"a\"\nKeyError: 1";
        // The next line may be a chained trace, so it is held.
        assert_eq!(python.look(None, whole).0, Seen::Begins);
        let php = Traces::new(&[&php::LANGUAGE]);
        let whole = "PHP Fatal error: x\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3";
        assert_eq!(php.look(None, whole).0, Seen::Outside);
    }
}
