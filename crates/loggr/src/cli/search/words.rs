//! The words of a command line that are parts of the query, though they look like options.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::Cli;

/// The subcommands that take a query.
const QUESTIONS: [&str; 5] = ["search", "count", "top", "histogram", "verify"];
/// Their options of one letter, and those that every subcommand has.
const LETTERS: [char; 3] = ['f', 'h', 'V'];

/// The command line with a blank before each word that excludes something, such as `-app:sshd`:
/// it is a part of the query and no option. A mistyped option stays one, as it would find
/// something else than was meant: `-since`, which has a hyphen too few.
pub fn arguments(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let mut at = 1;
    // The place of an installation may stand before the subcommand.
    while let Some(word) = words.get(at).and_then(|word| word.to_str()).filter(|word| word.starts_with("--"))
    {
        at += if matches!(word, "--config" | "--data-dir") { 2 } else { 1 };
    }
    let asks = words.get(at).and_then(|word| word.to_str()).filter(|word| QUESTIONS.contains(word));
    let Some(options) = asks.map(long_options) else { return words };
    let rest = words.get_mut(at..).into_iter().flatten().take_while(|word| *word != "--");
    for word in rest {
        if word.to_str().is_some_and(|word| excludes(word, &options)) {
            let mut query = OsString::from(" ");
            query.push(&*word);
            *word = query;
        }
    }
    words
}

/// The long options of a subcommand, and those that every one has.
fn long_options(subcommand: &str) -> Vec<String> {
    let cli = Cli::command();
    let own = cli.find_subcommand(subcommand).into_iter().flat_map(|command| command.get_arguments());
    let all = own.chain(cli.get_arguments());
    all.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

/// Is it an exclusion? `-n` and `-n5` are options of other programs, `--since` is one of ours, and
/// `-since` is it too.
fn excludes(word: &str, options: &[String]) -> bool {
    let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-')) else {
        return false;
    };
    let name = rest.split('=').next().unwrap_or_default();
    let mut letters = rest.chars();
    let lone = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.all(|c| c.is_ascii_digit());
    !lone && !rest.chars().all(|c| LETTERS.contains(&c)) && !options.iter().any(|option| option == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that are parts of the query, as clap gets them.
    #[track_caller]
    fn queries(line: &str, expect: &[&str]) {
        let words = arguments(line.split(' ').map(OsString::from));
        let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()?.strip_prefix(' ')).collect();
        assert_eq!(words, expect, "{line}");
    }

    #[test]
    fn an_exclusion_is_no_option() {
        queries("loggr search -app:sshd", &["-app:sshd"]);
        queries("loggr --config x count -facility:kern -f --limit 5", &["-facility:kern"]);
        queries("loggr top host -root -\"a -(x", &["-root", "-\"a", "-(x"]);
        queries("loggr --data-dir=d histogram -tag:x --since 1h -h", &["-tag:x"]);
        queries("loggr search -since 1h -limit=20 -data-dir x -sincere", &["-sincere"]);
        queries("loggr search -n 5 -n5 -f --limits 5 - x", &[]);
        queries("loggr search -- -app:sshd", &[]);
        queries("loggr send -m -app:sshd", &[]);
        queries("loggr", &[]);
    }
}
