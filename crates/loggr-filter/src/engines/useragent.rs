//! `useragent`: browser, operating system and device of a user agent become fields.
//!
//! `agents` finds them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agents::{Agent, Knowledge, Named};
use super::chosen::{Row, chosen};
use super::watched::Watched;
use super::{Arguments, BuildError, Call, Engine, Environment, Kind, Outcome, Spec, optional, required};

/// Largest file of data in bytes.
const MAX_DATA_BYTES: u64 = 8 << 20;
/// The words of ua-parser for an unknown family, and for programs that read pages by themselves.
const OTHER: &str = "Other";
const SPIDER: &str = "Spider";

/// Parts of the versions that ua-parser's specification gives a browser and a system.
const BROWSER_PARTS: usize = 3;
const OS_PARTS: usize = 4;

/// A field that can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Browser,
    BrowserVersion,
    /// A part of it, by number.
    BrowserPart(usize),
    Os,
    OsVersion,
    OsPart(usize),
    Device,
    Brand,
    Model,
}

const FIELDS: [Row<Field>; 15] = [
    (Field::Browser, "browser", true),
    (Field::BrowserVersion, "browser_version", true),
    (Field::BrowserPart(0), "browser_major", false),
    (Field::BrowserPart(1), "browser_minor", false),
    (Field::BrowserPart(2), "browser_patch", false),
    (Field::BrowserPart(3), "browser_patch_minor", false),
    (Field::Os, "os", true),
    (Field::OsVersion, "os_version", true),
    (Field::OsPart(0), "os_major", false),
    (Field::OsPart(1), "os_minor", false),
    (Field::OsPart(2), "os_patch", false),
    (Field::OsPart(3), "os_patch_minor", false),
    (Field::Device, "device", true),
    (Field::Brand, "device_brand", true),
    (Field::Model, "device_model", true),
];

/// The engine's row.
pub(super) const SPEC: Spec = Spec {
    name: "useragent",
    summary: "reads the user agent of a web client (a text that browsers send) and adds fields with the \
         browser, the operating system and the device, as the data of ua-parser know them",
    parameters: &[
        required("agent", Kind::Operand, "the text of the user agent; an empty one, or `-`, adds nothing"),
        optional("prefix", Kind::Text, "ua_", "is put before the name of each field"),
        optional(
            "tag",
            Kind::Text,
            "bot",
            "the tag that is added if the client is a crawler or another program that reads pages by \
             itself; `\"\"` adds none",
        ),
        optional(
            "fields",
            Kind::Texts,
            "",
            "the fields that are added, written without the prefix; without this argument all but the \
             single parts of versions, which are added only if they are named here",
        ),
        optional(
            "data",
            Kind::Text,
            "",
            "a file in the format of ua-parser's `regexes.yaml`, relative to the directory of the \
             configuration file, that replaces the data built into loggr; loggr reads it again when it \
             changes",
        ),
    ],
    adds: &[
        ("ua_browser", "the browser or program, such as `Mobile Safari`; `Other` if the data do not know it"),
        ("ua_browser_version", "version of the browser, such as `17.4.1`"),
        ("ua_browser_major", "first part of the browser's version; only if named in `fields`"),
        ("ua_browser_minor", "second part of the browser's version; only if named in `fields`"),
        ("ua_browser_patch", "third part of the browser's version; only if named in `fields`"),
        (
            "ua_browser_patch_minor",
            "fourth part of the browser's version, which `ua_browser_version` leaves out; only if named in \
             `fields`",
        ),
        ("ua_os", "the operating system, such as `Windows` or `iOS`; `Other` if the data do not know it"),
        ("ua_os_version", "version of the operating system, such as `10` or `17.4.1`"),
        ("ua_os_major", "first part of the operating system's version; only if named in `fields`"),
        ("ua_os_minor", "second part of the operating system's version; only if named in `fields`"),
        ("ua_os_patch", "third part of the operating system's version; only if named in `fields`"),
        ("ua_os_patch_minor", "fourth part of the operating system's version; only if named in `fields`"),
        (
            "ua_device",
            "the device, such as `iPhone` or `Samsung SM-G991B`; `Spider` for programs that read pages by \
             themselves; `Other` for most computers",
        ),
        ("ua_device_brand", "maker of the device, such as `Apple`"),
        ("ua_device_model", "model of the device"),
        ("bot", "tag: the client is a program that reads pages by itself (the device is `Spider`)"),
    ],
    build,
};

struct UserAgent {
    agent: usize,
    fields: Vec<(Field, String)>,
    tag: String,
    /// Without a file the built-in data.
    data: Option<Watched<Knowledge>>,
}

fn build(arguments: &Arguments, environment: &Environment) -> Result<Box<dyn Engine>, BuildError> {
    let fields = chosen(arguments, "useragent", &FIELDS)?;
    let data = match arguments.text("data") {
        "" => None,
        file => Some(open(&environment.directory.join(file))?),
    };
    let tag = arguments.text("tag").to_owned();
    Ok(Box::new(UserAgent { agent: arguments.operand("agent").unwrap_or(0), fields, tag, data }))
}

fn open(path: &Path) -> Result<Watched<Knowledge>, BuildError> {
    let load = |bytes: Vec<u8>, _: Option<&Knowledge>| {
        let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        Knowledge::read(&text)
    };
    Watched::open(path.to_owned(), MAX_DATA_BYTES, load).map_err(|message| {
        BuildError::argument("data", message)
            .hint("the format is that of `regexes.yaml` in ua-parser's project uap-core")
    })
}

impl Engine for UserAgent {
    fn run<'e>(&'e self, call: &mut Call<'_, 'e>) -> Outcome {
        let Some(Some(text)) = call.operands.get(self.agent) else { return Outcome::Nothing };
        // The classic patterns of web servers leave the quotes of the log around the user agent.
        let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        if matches!(text.trim(), "" | "-") {
            return Outcome::Nothing;
        }
        let agent = match &self.data {
            Some(data) => data.get().of(text),
            None => Knowledge::built_in().of(text),
        };
        for (field, name) in &self.fields {
            if let Some(value) = value(&agent, *field) {
                call.event.set_field(name.as_str(), value);
            }
        }
        if !self.tag.is_empty() && agent.device.as_deref() == Some(SPIDER) {
            call.event.add_tag(self.tag.as_str());
        }
        Outcome::Did
    }

    fn refresh(&self) -> Result<bool, String> {
        self.data.as_ref().map_or(Ok(false), Watched::refresh)
    }

    fn reads(&self) -> Vec<PathBuf> {
        self.data.iter().map(|data| data.path().to_owned()).collect()
    }
}

fn value(agent: &Arc<Agent>, field: Field) -> Option<String> {
    let family = |family: &Option<String>| Some(family.as_deref().unwrap_or(OTHER).to_owned());
    let part = |named: &Named, part: usize| named.version.get(part).cloned().flatten();
    match field {
        Field::Browser => family(&agent.browser.family),
        Field::BrowserVersion => agent.browser.dotted(BROWSER_PARTS),
        Field::BrowserPart(n) => part(&agent.browser, n),
        Field::Os => family(&agent.os.family),
        Field::OsVersion => agent.os.dotted(OS_PARTS),
        Field::OsPart(n) => part(&agent.os, n),
        Field::Device => family(&agent.device),
        Field::Brand => agent.brand.clone(),
        Field::Model => agent.model.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::agents::MAX_AGENT_BYTES;
    use super::super::testing::{Bench, nothing, wrong};
    use super::*;

    /// Fields and tags after the filter.
    fn after(bench: &Bench, agent: &str) -> String {
        let mut event = bench.event(&[("agent", agent)]);
        bench.run(&mut event, 0);
        let fields = event.fields.iter().skip(1).map(|f| format!("{}={}", f.name, f.values.join("+")));
        fields.chain(event.tags.iter().map(|t| t.to_string())).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(arguments: &str, agent: &str, expect: &str) {
        let bench = Bench::new(&format!("useragent([agent]{arguments})"));
        assert_eq!(after(&bench, agent), expect, "{arguments} {agent}");
    }

    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1";
    const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    const CRAWLER: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)";

    #[test]
    fn browsers_systems_and_devices() {
        check(
            "",
            PHONE,
            "ua_browser=Mobile Safari ua_browser_version=17.4.1 ua_os=iOS ua_os_version=17.4.1 ua_device=iPhone ua_device_brand=Apple ua_device_model=iPhone",
        );
        check("", DESKTOP, "ua_browser=Firefox ua_browser_version=128.0 ua_os=Linux ua_device=Other");
        check(
            "",
            "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.71 Mobile Safari/537.36",
            "ua_browser=Chrome Mobile ua_browser_version=126.0.6478 ua_os=Android ua_os_version=14 ua_device=Samsung SM-S921B ua_device_brand=Samsung ua_device_model=SM-S921B",
        );
        check(
            "",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
            "ua_browser=Edge ua_browser_version=126.0.2592 ua_os=Windows ua_os_version=10 ua_device=Other",
        );
        check("", "curl/8.5.0", "ua_browser=curl ua_browser_version=8.5.0 ua_os=Other ua_device=Other");
        check("", "some program of our own", "ua_browser=Other ua_os=Other ua_device=Other");
    }

    #[test]
    fn programs_that_read_pages_are_bots() {
        check(
            "",
            CRAWLER,
            "ua_browser=GPTBot ua_browser_version=1.2 ua_os=Other ua_device=Spider ua_device_brand=Spider ua_device_model=Desktop bot",
        );
        check(
            "",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "ua_browser=bingbot ua_browser_version=2.0 ua_os=Other ua_device=Spider ua_device_brand=Spider ua_device_model=Desktop bot",
        );
        check(", tag=\"crawler\", fields=\"device\"", CRAWLER, "ua_device=Spider crawler");
        check(", tag=\"\", fields=\"device\"", CRAWLER, "ua_device=Spider");
    }

    #[test]
    fn parts_of_versions_on_request() {
        let parts = ", prefix=\"\", fields=(\"browser_major\", \"browser_minor\", \"browser_patch\", \"browser_patch_minor\", \"os_major\", \"os_minor\", \"os_patch\", \"os_patch_minor\")";
        check(
            parts,
            PHONE,
            "browser_major=17 browser_minor=4 browser_patch=1 os_major=17 os_minor=4 os_patch=1",
        );
        check(parts, DESKTOP, "browser_major=128 browser_minor=0");
        let chrome = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1.2.3.4 Safari/537.36";
        check(
            parts,
            chrome,
            "browser_major=1 browser_minor=2 browser_patch=3 browser_patch_minor=4 os_major=10",
        );
    }

    #[test]
    fn no_user_agent_is_nothing() {
        let bench = Bench::new("if useragent([agent]) { tags += \"yes\" }");
        for agent in ["", "-", "  ", "\"-\"", "\"\""] {
            assert_eq!(after(&bench, agent), "", "{agent}");
        }
        assert!(after(&bench, "x").ends_with(" yes"));
        let quoted = "\"curl/8.5.0\"";
        assert_eq!(after(&bench, quoted), after(&bench, "curl/8.5.0"));
    }

    #[test]
    fn what_is_behind_the_limit_is_not_looked_at() {
        let agent = |before: usize| format!("{}{DESKTOP}", "ü".repeat(before / 2));
        let fits = MAX_AGENT_BYTES - DESKTOP.len();
        check(", fields=\"browser\"", &agent(fits - 1), "ua_browser=Firefox");
        check(", fields=\"browser\"", &agent(MAX_AGENT_BYTES + 1), "ua_browser=Other");
    }

    #[test]
    fn a_user_agent_is_remembered_and_the_memory_is_bounded() {
        let known = Knowledge::built_in();
        let first = known.of("remembered/1.0 (test)");
        assert!(Arc::ptr_eq(&first, &known.of("remembered/1.0 (test)")));
        assert!(!Arc::ptr_eq(&first, &known.of("remembered/1.1 (test)")));
    }

    const OWN: &str = r#"
# our own programs
user_agent_parsers:
  - regex: '(OurShop)/(\d+)\.(\d+)'
    family_replacement: '$1 App'
    v2_replacement: "7"
os_parsers:
  - regex: 'OurOS (\d+)'
    os_replacement: OurOS
    os_v1_replacement: 'R$1'
device_parsers:
  - regex: 'terminal-(\w+)'
    regex_flag: 'i'
    device_replacement: 'Terminal $1 '
    brand_replacement: 'Us'
something_new:
  - regex: 'x'
"#;

    #[test]
    fn data_of_ones_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.yaml");
        std::fs::write(&path, OWN).unwrap();
        let bench =
            Bench::with("useragent([agent], data=\"own.yaml\", prefix=\"\")", &Environment::new(dir.path()));
        let agent = "OurShop/3.9 (OurOS 12; TERMINAL-k7)";
        let expect = "browser=OurShop App browser_version=3.7 os=OurOS os_version=R12 device=Terminal k7 device_brand=Us device_model=k7";
        assert_eq!(after(&bench, agent), expect);
        assert_eq!(after(&bench, DESKTOP), "browser=Other os=Other device=Other");

        std::fs::write(&path, OWN.replace("(\\d+)", "(\\d+")).unwrap();
        let (changed, errors) = bench.program().refresh();
        assert!(!changed && errors.len() == 1 && errors[0].contains("line 4: this expression"), "{errors:?}");
        assert_eq!(after(&bench, agent), expect);
        std::fs::write(&path, OWN.replace("Terminal $1", "Till")).unwrap();
        assert_eq!(bench.program().refresh(), (true, vec![]));
        assert!(after(&bench, agent).contains("device=Till "));
    }

    #[test]
    fn wrong_data_is_told_with_its_line() {
        let check = |text: &str, expect: &str| {
            let error = Knowledge::read(text).err().unwrap_or_default();
            assert_eq!(error, expect, "{text}");
        };
        check("", "the section `user_agent_parsers` has no entry");
        check(&OWN.replace("os_parsers", "os_persers"), "the section `os_parsers` has no entry");
        check("- a\n- b\n", "line 1: this is not the format of ua-parser's `regexes.yaml`");
        check(
            "user_agent_parsers:\n  - regex: [a]\n",
            "line 2: this is not the format of ua-parser's `regexes.yaml`",
        );
        check("user_agent_parsers:\n  - rgex: 'a'\n", "line 2: this entry has no `regex`");
        check("device_parsers:\n  - regex: 'a'\n    regex_flag: 'x'\n", "line 2: there is no flag `x`");
        check(
            "user_agent_parsers:\n  - regex: 'a\n",
            "line 2: while scanning a quoted scalar, found unexpected end of stream",
        );
        check(
            "user_agent_parsers:\n  - regex: '(?=a)b'\n",
            "line 2: this expression cannot be used: look-around, including look-ahead and look-behind, is not supported",
        );
        check(
            "os_parsers:\n  - regex: '(\\w{500}){500}'\n",
            "line 2: this expression cannot be used: compiled it has more than 10485760 bytes",
        );
        check(
            "user_agent_parsers:\n  - regex: 'a'\n    family_replacement: '$1'\n",
            "line 2: this expression cannot be used: it has no group 1, which a replacement names",
        );
    }

    #[test]
    fn the_documented_fields_are_those_that_there_are() {
        let documented: Vec<&str> =
            SPEC.adds.iter().filter_map(|(name, _)| name.strip_prefix("ua_")).collect();
        assert_eq!(documented, FIELDS.map(|f| f.1));
        for ((_, name, default), (_, doc)) in FIELDS.iter().zip(SPEC.adds) {
            assert_eq!(!default, doc.ends_with("; only if named in `fields`"), "{name}");
        }
    }

    #[test]
    fn a_user_agent_may_be_anything() {
        use proptest::prelude::*;
        let bench = Bench::new("useragent([agent])");
        proptest!(ProptestConfig::with_cases(64), |(text in "\\PC{0,300}|(Mozilla|Android|; | Build|/[0-9.]{1,9}|bot|\\(|\\)|;){0,40}")| {
            after(&bench, &text);
        });
    }

    #[test]
    fn wrong_calls() {
        let calls = [
            "useragent()",
            "useragent([agent], fields=\"browsr\")",
            "useragent([agent], fields=(\"os\", \"engine\"))",
            "useragent([agent], data=\"missing.yaml\")",
            "useragent([agent], tag=true)",
        ];
        wrong("useragent", &nothing(), &calls);
    }
}
