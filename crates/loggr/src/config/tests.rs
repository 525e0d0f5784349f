//! Whole files and what becomes of them: values, rendered mistakes, search order.

use super::*;

fn around(data: Option<&'static str>) -> Around<'static> {
    Around {
        file: Some(Path::new("/etc/loggr/loggr.toml")),
        directory: Path::new("/etc/loggr"),
        data_override: data.map(Path::new),
        data_default: Path::new("/data"),
    }
}

/// A text without mistakes.
#[track_caller]
pub(super) fn read(text: &str) -> Config {
    let (config, problems) = resolve(text, &around(None));
    if !problems.is_empty() {
        panic!("{}", ConfigError::new("loggr.toml", text, problems));
    }
    config
}

/// The mistakes of a text: message and help.
pub(super) fn problems(text: &str) -> Vec<String> {
    let line = |p: diagnostics::Problem| match p.help {
        Some(help) => format!("{} | {help}", p.message),
        None => p.message,
    };
    resolve(text, &around(None)).1.into_iter().map(line).collect()
}

/// The whole text that the operator sees, without its first line.
#[track_caller]
fn check(text: &str, expect: &str) {
    let problems = resolve(text, &around(None)).1;
    assert!(!problems.is_empty(), "no mistake is found");
    let shown = ConfigError::new("loggr.toml", text, problems).to_string();
    let shown = shown.split_once("\n\n").map_or("", |(_, rest)| rest);
    assert!(shown == expect.trim_matches('\n'), "got:\n{shown}\n\nexpected:\n{}", expect.trim_matches('\n'));
}

#[test]
fn the_default_text_is_the_built_in_default() {
    assert_eq!(read(DEFAULT_TEXT), read(""));
}
