//! What is wrong with a command line that clap refuses, in the form of all errors: `error:`, then `hint:`.
//!
//! Options that people bring from other programs get the one that is meant here. Not what the options
//! mean, nor what is wrong with a query: those have errors of their own.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use super::Cli;
use crate::clean;

/// The options of `grep`, `tail` and `journalctl`, for the commands that take a query.
const HABITS: &[(&[&str], &str)] = &[
    (&["-n", "--lines", "--tail", "--head", "--max-count"], "`--limit N` prints at most N events"),
    (&["-v", "--invert-match"], "a hyphen in front of a word excludes it, as in `failed -root`"),
    (&["-i", "--ignore-case"], "leave it out: queries do not distinguish capital and small letters"),
    (&["-u", "--unit", "-t", "--identifier"], "`app:NAME` in the query finds the events of a program"),
    (&["-H", "--host"], "`host:NAME` in the query finds the events of a host"),
    (&["-p", "--priority"], "`severity:>=warning` in the query finds events that are at least so grave"),
    (&["-S", "--from"], "`--since TIME` says from when on"),
    (&["-U", "--to"], "`--until TIME` says until when"),
    (&["-r", "--reverse"], "the newest event comes first; `--oldest-first` turns the order round"),
    (&["-o", "--output", "--json"], "`--format json` prints JSON"),
    (&["-c", "--count"], "`loggr count QUERY` counts events"),
    (&["-e", "-E", "--regexp"], "a regular expression is written `msg:/EXPRESSION/` in the query"),
];

/// The error and its hints; nothing where clap shows a help, which is no error.
pub fn mistake(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let mut whole = Cli::command();
    whole.build();
    let asked = Asked::of(&whole, words);
    let (what, hints) = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => asked.unknown(error, words),
        ErrorKind::InvalidSubcommand => {
            let name = first(error, ContextKind::InvalidSubcommand);
            (
                format!("`{}` has no command `{name}`", asked.name),
                vec![near(error, ContextKind::SuggestedSubcommand)],
            )
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => asked.value(error),
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<String> =
                all(error, ContextKind::InvalidArg).iter().map(|word| format!("`{}`", bare(word))).collect();
            (format!("`{}` needs {}", asked.name, missing.join(" and ")), vec![asked.usage(error)])
        }
        ErrorKind::ArgumentConflict => {
            let (one, other) = (first(error, ContextKind::InvalidArg), first(error, ContextKind::PriorArg));
            let what = match one == other || other.is_empty() {
                true => format!("`{}` is given twice", option(&one)),
                false => format!("`{}` and `{}` exclude each other", option(&one), option(&other)),
            };
            (what, vec![None])
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            (line.trim_start_matches("error: ").replace('\'', "`"), vec![None])
        }
    };
    let mut out = format!("error: {what}\n");
    let mut hints: Vec<String> = hints.into_iter().flatten().collect();
    if hints.is_empty() {
        hints.push(format!("`{} --help` shows what may be written", asked.name));
    }
    for hint in hints {
        out.push_str(&format!("hint: {hint}\n"));
    }
    Some(clean::lines(&out).into_owned())
}

/// The command that was meant.
struct Asked<'c> {
    command: &'c Command,
    /// As people write it: `loggr queue purge`.
    name: String,
}

impl<'c> Asked<'c> {
    fn of(whole: &'c Command, words: &[OsString]) -> Asked<'c> {
        let mut asked = Asked { command: whole, name: "loggr".to_owned() };
        for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
            if let Some(command) = asked.command.find_subcommand(word) {
                asked = Asked { command, name: format!("{} {word}", asked.name) };
            }
        }
        asked
    }

    fn takes(&self, long: &str) -> bool {
        self.command.get_arguments().any(|argument| argument.get_long() == Some(long))
    }

    fn is_question(&self) -> bool {
        self.takes("since") && self.command.get_positionals().any(|argument| argument.get_id() == "query")
    }

    fn unknown(&self, error: &clap::Error, words: &[OsString]) -> (String, Vec<Option<String>>) {
        let short = first(error, ContextKind::InvalidArg);
        // clap names the first letter alone of a word with one hyphen.
        let alone = short.starts_with('-') && !short.starts_with("--");
        let written =
            words.iter().filter_map(|word| word.to_str()).find(|word| alone && word.starts_with(&short));
        let written = written.unwrap_or(&short).to_owned();
        if !written.starts_with('-') {
            return (
                format!("`{}` does not know what to do with `{written}`", self.name),
                vec![self.usage(error)],
            );
        }
        let what = format!("`{}` has no option `{written}`", self.name);
        let name = written.trim_start_matches('-').split('=').next().unwrap_or_default();
        if alone && name.len() > 1 && self.takes(name) {
            return (what, vec![Some(format!("write it with two hyphens: `--{name}`"))]);
        }
        let habit = HABITS.iter().find(|(theirs, _)| {
            theirs.contains(&short.as_str()) && self.is_question() && self.command.get_name() == "search"
        });
        if let Some((_, ours)) = habit {
            return (what, vec![Some((*ours).to_owned())]);
        }
        if short == "-n" && self.takes("limit") {
            return (what, vec![Some("`--limit N` prints at most N".to_owned())]);
        }
        let suggested = near(error, ContextKind::SuggestedArg);
        let text = self.is_question() && suggested.is_none();
        let text =
            text.then(|| format!("to look for this text, put it in two pairs of quotes: `'\"{written}\"'`"));
        (what, vec![suggested, text])
    }

    fn value(&self, error: &clap::Error) -> (String, Vec<Option<String>>) {
        let option = option(&first(error, ContextKind::InvalidArg));
        let value = first(error, ContextKind::InvalidValue);
        let value = value.trim();
        if value.is_empty() {
            return (format!("`{option}` needs a value"), vec![None]);
        }
        let what = format!("`{value}` is not a value for `{option}`");
        let possible = all(error, ContextKind::ValidValue);
        if !possible.is_empty() {
            let possible: Vec<String> = possible.iter().map(|value| format!("`{value}`")).collect();
            let hint = near(error, ContextKind::SuggestedValue)
                .unwrap_or_else(|| format!("possible values are {}", possible.join(", ")));
            return (what, vec![Some(hint)]);
        }
        let source = std::error::Error::source(error);
        let number = source.and_then(|source| source.downcast_ref::<std::num::ParseIntError>());
        let hint = match (number.map(std::num::ParseIntError::kind), source) {
            (Some(std::num::IntErrorKind::PosOverflow), _) => "the number is too large".to_owned(),
            (Some(_), _) => "write a whole number that is not negative, such as `10`".to_owned(),
            (None, Some(source)) => source.to_string(),
            (None, None) => return (what, vec![None]),
        };
        (what, vec![Some(hint)])
    }

    fn usage(&self, error: &clap::Error) -> Option<String> {
        let usage = first(error, ContextKind::Usage);
        let rest = usage.trim().strip_prefix("Usage: ")?.split_once(' ')?.1.to_owned();
        Some(format!("write `loggr {rest}`"))
    }
}

/// What clap knows about the error, as texts.
fn all(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn first(error: &clap::Error, kind: ContextKind) -> String {
    all(error, kind).into_iter().next().unwrap_or_default()
}

fn near(error: &clap::Error, kind: ContextKind) -> Option<String> {
    // The nearest stands last.
    all(error, kind).last().map(|near| format!("did you mean `{near}`?"))
}

/// `--limit` of `--limit <N>`.
fn option(written: &str) -> String {
    bare(written.split(' ').next().unwrap_or_default())
}

/// Without the brackets around a name; of a choice, each alone.
fn bare(written: &str) -> String {
    written.replace(['<', '>', '[', ']'], "").replace('|', "` or `")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &str) {
        let words: Vec<OsString> = super::super::arguments(line.split(' ').map(OsString::from));
        let error = clap::Parser::try_parse_from(words.clone()).map(|_: Cli| ()).unwrap_err();
        assert_eq!(mistake(&error, &words).unwrap_or_default(), expect, "{line}");
    }

    #[test]
    fn options_of_other_programs() {
        let limit = "hint: `--limit N` prints at most N events\n";
        check("loggr search -n 5", &format!("error: `loggr search` has no option `-n`\n{limit}"));
        check("loggr search -n5 x", &format!("error: `loggr search` has no option `-n5`\n{limit}"));
        check(
            "loggr top host -n 5",
            "error: `loggr top` has no option `-n`\nhint: `--limit N` prints at most N\n",
        );
        check(
            "loggr search -since 1h",
            "error: `loggr search` has no option `-since`\nhint: write it with two hyphens: `--since`\n",
        );
        check(
            "loggr search --json x",
            "error: `loggr search` has no option `--json`\nhint: `--format json` prints JSON\n",
        );
    }

    #[test]
    fn what_is_mistyped() {
        check(
            "loggr search --sinc 1h",
            "error: `loggr search` has no option `--sinc`\nhint: did you mean `--since`?\n",
        );
        check("loggr serach x", "error: `loggr` has no command `serach`\nhint: did you mean `search`?\n");
        check(
            "loggr run servr",
            "error: `servr` is not a value for `COMPONENT`\nhint: did you mean `server`?\n",
        );
        check(
            "loggr search --zzzzzz x",
            "error: `loggr search` has no option `--zzzzzz`\nhint: to look for this text, put it in two pairs of \
             quotes: `'\"--zzzzzz\"'`\n",
        );
        check(
            "loggr queue purge a b",
            "error: `loggr queue purge` does not know what to do with `b`\nhint: write `loggr queue purge [OPTIONS] \
             <QUEUE>`\n",
        );
    }

    #[test]
    fn values() {
        let number = "hint: write a whole number that is not negative, such as `10`\n";
        check("loggr search --limit -1", &format!("error: `-1` is not a value for `--limit`\n{number}"));
        check("loggr search --limit x", &format!("error: `x` is not a value for `--limit`\n{number}"));
        check(
            "loggr search --since",
            "error: `--since` needs a value\nhint: `loggr search --help` shows what may be written\n",
        );
        check(
            "loggr search --format xml",
            "error: `xml` is not a value for `--format`\nhint: possible values are `text`, `json`, `csv`\n",
        );
        check("loggr top", "error: `loggr top` needs `FIELD`\nhint: write `loggr top <FIELD> [QUERY]...`\n");
        check(
            "loggr search -f --oldest-first",
            "error: `--follow` and `--oldest-first` exclude each other\nhint: `loggr search --help` shows what may \
             be written\n",
        );
        check("loggr --help", "");
        check("loggr queue", "");
    }
}
