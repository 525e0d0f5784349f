//! `[packers.NAME]`: which events are joined into one. `loggr_flow::packer` joins them.

use std::sync::Arc;

use loggr_filter::lang::Predicate;
use loggr_flow::packer::{PackerLimits, Rule};

use super::choice::choice;
use super::keys::{KIB, MIB, SECOND, Section, Shape, Takes, key, one_of};
use super::reader::Reader;

/// The section and its keys.
pub static SECTION: Section = Section {
    name: "packers",
    shape: Shape::Named,
    about: "A packer makes one event of several that belong together, such as the lines of a stack trace; a \
         machine names it in `packers`. Events that the packer holds stay in the queue until the event that \
         they became part of is stored. A packer never mixes events of different senders, hosts, facilities \
         or programs; it mixes those of different processes only with `kind = \"time\"`. The joined event \
         has the earliest times, the most severe severity, all tags, fields and structured data, and the \
         messages joined by line feeds.",
    keys: &[&[
        key(
            "kind",
            one_of::<Kind>(),
            "",
            "what belongs together: `time`, events reported within a `window` of time; `format`, a line \
             that looks like `start` and the lines after it; `preset`, the lines of a stack trace of the \
             languages in `preset`",
        )
        .without("must be given"),
        key(
            "window",
            Takes::Duration(1, 60 * SECOND),
            "\"500ms\"",
            "events become one if the times that their sender wrote (`timereported`) all lie within this \
             time",
        )
        .only(TIME),
        key(
            "start",
            Takes::StartFormats,
            "",
            "how the first line of an event looks: text with the words `$DATETIME`, `$SEVERITY`, \
             `$FACILITY`, `$APP_NAME`, `$WORD`, `$INT` and `$MESSAGE`; each line that does not look so is \
             appended to the event before it",
        )
        .without("must be given (format)")
        .only(FORMAT),
        key(
            "preset",
            Takes::Presets,
            "",
            "the language, or languages, whose stack traces become one event each: `java`, `python`, `go`, \
             `ruby`, `javascript`, `php`, `dotnet`, `dart`; lines that belong to no trace are passed on at \
             once",
        )
        .without("must be given (preset)")
        .only(PRESET),
        key(
            "if",
            Takes::Condition,
            "",
            "a condition of the filter language that says which events the packer looks at, such as \
             `app_name == \"openvpn\"`; all others are passed on at once",
        )
        .without("all events"),
        key(
            "max_age",
            Takes::Duration(10, 600 * SECOND),
            "\"1s\"",
            "how long the packer holds an event at most; after a crash the queue delivers the held events \
             again",
        ),
        key(
            "max_lines",
            Takes::Count(2, 100_000),
            "1000",
            "the largest number of events that become one; when it is reached the event is passed on and a \
             new one begins",
        ),
        key(
            "max_size",
            Takes::Size(KIB, 16 * MIB),
            "\"256KiB\"",
            "the largest size of all messages that become one; when it is reached the event is passed on and \
             a new one begins",
        ),
    ]],
};

const TIME: &[&str] = &["time"];
const FORMAT: &[&str] = &["format"];
const PRESET: &[&str] = &["preset"];

choice!(Kind { Time = "time", Format = "format", Preset = "preset" });

/// What belongs together.
#[derive(Clone, Copy)]
enum Kind {
    /// What is reported within a window of time.
    Time,
    /// What follows a line of a format.
    Format,
    /// A stack trace.
    Preset,
}

/// `[packers.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packer {
    /// Its name, unique; machines refer to it.
    pub name: String,
    /// What belongs together.
    pub rule: Rule,
    /// Which events it looks at; `None`: all.
    pub condition: Option<Arc<Predicate>>,
    /// How large a group becomes, and how old.
    pub limits: PackerLimits,
}

/// Reads a section; `None` if its `kind`, or what that kind needs, is missing or wrong.
pub fn read(r: &mut Reader<'_, '_>, name: &str) -> Option<Packer> {
    let kind = r.kind("kind", format!("`[packers.{name}]` needs its `kind`"));
    // Everything is read all the same, so that all mistakes are reported.
    let (window, start, languages) =
        (r.duration("window"), r.start_formats_if_any("start"), r.presets_if_any("preset"));
    let mut needs = |key: &'static str, help: &str| {
        r.needs(key, format!("`[packers.{name}]` needs `{key}`"), help.to_owned());
    };
    let rule = kind.map(|kind| match kind {
        Kind::Time => Rule::by_time(window),
        Kind::Format => {
            if start.is_none() {
                needs(
                    "start",
                    "how does the first line of an event look? `start = [\"$DATETIME $MESSAGE\"]`",
                );
            }
            Rule::by_format(start.unwrap_or_default())
        }
        Kind::Preset => {
            if languages.is_none() {
                needs("preset", "whose stack traces? `preset = \"java\"`");
            }
            Rule::traces(&languages.unwrap_or_default())
        }
    });
    let condition = r.condition_if_any("if").map(Arc::new);
    let limits = PackerLimits {
        max_age: r.duration("max_age"),
        max_lines: r.count("max_lines"),
        max_bytes: r.bytes("max_size"),
    };
    if matches!(kind, Some(Kind::Time)) && window > limits.max_age {
        let message = "`window` is longer than an event is held".to_owned();
        let key = if r.has("window") { "window" } else { "max_age" };
        r.blame(key, message, Some("raise `max_age` or lower `window`".to_owned()));
    }
    rule.map(|rule| Packer { name: name.to_owned(), rule, condition, limits })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loggr_flow::packer::{StartFormat, preset};

    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn packers_and_who_names_them() {
        let config = read(
            r#"
        [packers.openvpn]
        kind = "time"
        if = 'app_name == "openvpn"'
        window = "200ms"
        max_age = "2s"
        [packers.app]
        kind = "format"
        start = ["$DATETIME $MESSAGE", "[$INT]"]
        max_lines = 50
        max_size = "64KiB"
        [packers.traces]
        kind = "preset"
        preset = ["java", "python"]
        [machine.main]
        packers = ["openvpn", "app", "traces"]
        "#,
        );
        let machine = &config.machines[0];
        assert!(machine.is_hop());
        let [openvpn, app, traces] = machine.packers.as_slice() else { panic!("three packers") };
        let expect = Packer {
            name: "openvpn".into(),
            rule: Rule::by_time(Duration::from_millis(200)),
            condition: Some(Arc::new(Predicate::compile("if", "app_name == \"openvpn\"").unwrap())),
            limits: PackerLimits { max_age: Duration::from_secs(2), ..PackerLimits::default() },
        };
        assert_eq!(*openvpn, expect);
        let start = ["$DATETIME $MESSAGE", "[$INT]"].map(|text| StartFormat::parse(text).unwrap());
        assert_eq!(app.rule, Rule::by_format(start.to_vec()));
        let limits = PackerLimits { max_lines: 50, max_bytes: 64 << 10, ..PackerLimits::default() };
        assert_eq!((&app.condition, app.limits), (&None, limits));
        assert_eq!(traces.rule, Rule::traces(&["java", "python"].map(|name| preset(name).unwrap())));
        let one = read("[packers.x]\nkind='preset'\npreset='go'\n[machine.m]\npackers=['x']");
        assert_eq!(one.machines[0].packers[0].rule, Rule::traces(&[preset("go").unwrap()]));
    }

    #[test]
    fn wrong_packers() {
        #[track_caller]
        fn check(text: &str, expect: &[&str]) {
            assert_eq!(problems(text), expect);
        }
        check("[packers.x]", &["`[packers.x]` needs its `kind` | one of `time`, `format`, `preset`"]);
        check("[packers.x]\nkind='tme'", &["`tme` is not a valid `kind` | did you mean `time`?"]);
        check(
            "[packers.x]\nkind='format'",
            &[
                "`[packers.x]` needs `start` | how does the first line of an event look? `start = [\"$DATETIME $MESSAGE\"]`",
            ],
        );
        check(
            "[packers.x]\nkind='preset'",
            &["`[packers.x]` needs `preset` | whose stack traces? `preset = \"java\"`"],
        );
        check(
            "[packers.x]\nkind='preset'\npreset='jav'",
            &["there is no preset `jav` | did you mean `java`?"],
        );
        check(
            "[packers.x]\nkind='preset'\npreset=['cobol']",
            &[
                "there is no preset `cobol` | one of `java`, `python`, `go`, `ruby`, `javascript`, `php`, `dotnet`, `dart`",
            ],
        );
        check("[packers.x]\nkind='preset'\npreset=[]", &["the list is empty"]);
        check(
            "[packers.x]\nkind='format'\nstart='$MESSAGE'",
            &[
                "this format fits every line | say how the first line of an event differs: `$DATETIME $MESSAGE`",
            ],
        );
        check(
            "[packers.x]\nkind='time'\nif='app_nam == \"x\"'",
            &[
                "there is no core field `app_nam` | did you mean `app_name`? a custom field is written `[app_nam]`",
            ],
        );
        check(
            "[packers.x]\nkind='time'\nif='grok(\"SSHD\")'",
            &[
                "this condition looks at the event alone and calls no engine | a machine's filter can call engines",
            ],
        );
        check(
            "[packers.x]\nkind='time'\nwindow='2s'",
            &["`window` is longer than an event is held | raise `max_age` or lower `window`"],
        );
        check(
            "[packers.x]\nkind='time'\nstart='x'",
            &["`start` is not a key of the kind `time` | it belongs to `format`"],
        );
        check(
            "[packers.x]\nkind='time'\n[machine.m]\npackers=['xx']",
            &["there is no packer `xx` | did you mean `x`?"],
        );
        check("[machine.m]\npackers=['java']", &["there is no packer `java` | write `[packers.java]`"]);
        check(
            "[packers.x]\nkind='time'\n[machine.m]\npackers=['x', 'x']",
            &["the packer `x` is named twice"],
        );
        check(
            "[machine.m]\npackers='x'",
            &["a string stands where a list of names is expected | put it between `[` and `]`"],
        );
        check(
            "[packers.x]\nkind='time'\n[[listener]]\nprotocol='tcp'\npackers=['x']",
            &["`packers` has no place in `[[listener]]` | packers belong to a machine, where they do not \
                 delay the senders: set `packers` in the `[machine.NAME]` that takes from this exchange"],
        );
    }
}
