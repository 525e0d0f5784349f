//! The command line as a person meets it: exit code, stdout and stderr of each subcommand's
//! help and of the usual mistakes, compared with the files in `snapshots/`.
//!
//! Paths, ports and versions are replaced by words, so that a snapshot is the same everywhere.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Loggr, PROGRAM, RelpSender, no_others, snapshot, stays_root};

/// Subcommands, as the table of the command line has them.
const COMMANDS: &[&str] = &[
    "run",
    "check",
    "config",
    "search",
    "count",
    "fields",
    "top",
    "histogram",
    "verify",
    "init",
    "prune",
    "purge",
    "repair",
    "send",
    "parse",
    "filter",
    "explain",
    "grok",
    "pack",
    "queue",
    "rescue",
    "user",
    "token",
    "role",
    "status",
    "completions",
    "man",
];

/// Mistakes and small successes: a name, the arguments (`DIR` is a directory of the test's
/// own), the configuration file's text, and the standard input.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("nothing", "", "", ""),
    ("unknown-subcommand", "serach error", "", ""),
    ("unknown-option", "search --limits 5", "", ""),
    ("config-missing", "check --config DIR/none.toml", "", ""),
    ("config-no-toml", "check --config DIR/loggr.toml", "[data\n", ""),
    ("config-unknown-key", "check --config DIR/loggr.toml", "[data]\ndirektory = \"x\"\n", ""),
    ("config-unknown-table", "check --config DIR/loggr.toml", "[listeners]\n", ""),
    ("config-bad-size", "check --config DIR/loggr.toml", "[bus]\nmax_size = \"20 horses\"\n", ""),
    (
        "config-bad-address",
        "check --config DIR/loggr.toml",
        "[[listener]]\nname = \"a\"\nprotocol = \"tcp\"\nlisten = [\"127.0.0.1\"]\nexchange = \"x\"\n",
        "",
    ),
    (
        "config-bad-protocol",
        "check --config DIR/loggr.toml",
        "[[listener]]\nname = \"a\"\nprotocol = \"tpc\"\nlisten = [\"127.0.0.1:0\"]\n",
        "",
    ),
    (
        "config-exchange-without-queue",
        "check --config DIR/loggr.toml",
        "[[listener]]\nname = \"a\"\nprotocol = \"tcp\"\nlisten = [\"127.0.0.1:0\"]\nexchange = \"nowhere\"\n",
        "",
    ),
    (
        "config-fine",
        "check --config DIR/loggr.toml",
        "[data]\ndirectory = \"/var/lib/loggr\"\n[log]\nlevel = \"debug\"\n",
        "",
    ),
    ("run-config-wrong", "run --config DIR/loggr.toml", "[log]\nlevel = \"loud\"\n", ""),
    ("run-data-is-a-file", "run --data-dir DIR/loggr.toml", "", ""),
    ("run-unknown-component", "run servr", "", ""),
    (
        "run-unknown-machine",
        "run machine mian --config DIR/loggr.toml",
        "[machine.main]\nfilter = \"main\"\n",
        "",
    ),
    ("run-which-ship", "run ship --config DIR/loggr.toml", "", ""),
    ("search-bad-query", "search --data-dir DIR/data (a", "", ""),
    ("search-bad-time", "search --data-dir DIR/data --since yesterdayish x", "", ""),
    ("search-wrong-span", "search --data-dir DIR/data --since 1h --until 2h x", "", ""),
    ("search-option-of-tail", "search --data-dir DIR/data -n 5 x", "", ""),
    ("top-time", "top --data-dir DIR/data _time", "", ""),
    ("fields-no-data", "fields --data-dir DIR/data", "", ""),
    ("search-bad-format", "search --data-dir DIR/data --format xml x", "", ""),
    ("search-no-data", "search --data-dir DIR/data x", "", ""),
    ("status-nothing-runs", "status --data-dir DIR/data", "", ""),
    ("send-bad-target", "send --to http://127.0.0.1:1 -m x", "", ""),
    ("send-idle-option", "send --to relp://127.0.0.1:1 --file DIR/loggr.toml --app-name x", "", ""),
    ("send-no-target", "send -m x", "", ""),
    ("send-refused", "send --to tcp://127.0.0.1:1 -m x --retry 0", "", ""),
    ("parse-auto", "parse", "", "<13>1 2026-03-01T00:00:00Z h app 1 ID - hello\n"),
    (
        "parse-nul",
        "parse --nul",
        "",
        "<13>1 2026-03-01T00:00:00Z h app 1 ID - two\nlines\0<13>1 2026-03-01T00:00:00Z h app 1 ID - one\0",
    ),
    ("parse-strict", "parse --format rfc5424", "", "<13>1 2026-03-01T00:00:00Z h\n<999>1 x\n"),
    ("filter-wrong", "filter DIR/loggr.toml", "if app_name = \"x\" { drop }\ntags += 3x\n", ""),
    ("filter-missing", "filter DIR/none.filter", "", ""),
    (
        "filter-trace",
        "filter --trace DIR/loggr.toml",
        "if grok(\"SSHD\") { tags += \"ssh\" } else { drop }\n",
        "<38>1 2026-03-01T12:00:00Z h sshd 7 - - Invalid user eve from 192.0.2.66 port 11\n<13>1 2026-03-01T12:00:00Z h x - - - other\n",
    ),
    (
        "filter-lines",
        "filter --lines DIR/loggr.toml",
        "if message == \"<13>x\" { tags += \"bare\" } else { drop }\n",
        "<13>x\nother\n",
    ),
    (
        "filter-nul",
        "filter --nul DIR/loggr.toml",
        "tags += \"seen\"\n",
        "<13>1 2026-03-01T00:00:00Z h a - - - b\nc\0<13>1 2026-03-01T00:00:00Z h a - - - d\0",
    ),
    ("explain", "explain DIR/loggr.toml", "if grok(\"SSHD\") { stop }\ndrop\n", ""),
    (
        "grok",
        "grok SSHD_ACCEPTED %{WORD:word}",
        "",
        "Accepted password for root from 192.0.2.1 port 9 ssh2\n--\n",
    ),
    (
        "grok-fields",
        "grok --pattern %{WORD:who}=%{INT:n:int},%{INT:n:int}(?:\\s%{NUMBER:t:float})?(?<empty>x*)(?<gone>y)?",
        "",
        "a=1,-2 3.50\nb=1,+7\nnothing\n",
    ),
    (
        "grok-directory",
        "grok --patterns-dir DIR --pattern %{PAIR}",
        "# of the operator\nPAIR %{WORD:k}=%{WORD:v}\nWORD [0-9]+\n",
        "12=34\nab=cd\n",
    ),
    (
        "grok-patterns-in-one-file",
        "grok --patterns-dir DIR/loggr.toml %{PAIR}",
        "PAIR %{WORD:k}=%{WORD:v}\n",
        "12=34\n",
    ),
    ("grok-wrong-reference", "grok %{WORD:the?word}", "", "x\n"),
    ("grok-directory-missing", "grok --patterns-dir DIR/none --pattern %{WORD}", "", ""),
    (
        "grok-ecs-nul",
        "grok --ecs --nul --pattern %{IP:[source][ip]}.%{GREEDYDATA:rest}",
        "",
        "10.0.0.1\nx\ny\0no\0",
    ),
    ("grok-unknown", "grok SSHD_ACCEPTET", "", "x\n"),
    (
        "pack",
        "pack --preset java,python --lines",
        "",
        "ready\njava.lang.Error: x\n\tat a.B.c(B.java:1)\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 1\nbye\n",
    ),
    (
        "pack-start",
        "pack --start [$INT] $SEVERITY:",
        "",
        "<13>1 2026-03-01T00:00:02Z h app 1 ID - [7] a\n<11>1 2026-03-01T00:00:01Z h app 1 - -  b\n<13>1 2026-03-01T00:00:02Z h app 1 - - INFO: c\n",
    ),
    ("pack-what", "pack --lines", "", ""),
    ("pack-unknown-preset", "pack --preset jav", "", ""),
    ("pack-wrong-format", "pack --start $DATE", "", ""),
    ("rescue-no-data", "rescue list --data-dir DIR/data", "", ""),
    ("queue-no-data", "queue list --data-dir DIR/data", "", ""),
];

/// Runs the program and puts down all that it showed.
fn show(arguments: &[String], input: &str, directory: &Path) -> String {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("LOGGR_CONFIG_DIR", directory.join("etc"))
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("loggr starts");
    // It may have ended without reading.
    drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("loggr ends");
    let shown: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = format!(
        "$ loggr {}\nexit {}\n---- stdout\n{}---- stderr\n{}",
        shown.join(" "),
        output.status.code().map_or("by a signal".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    neutral(&text, directory)
}

/// Takes out what differs from run to run.
fn neutral(text: &str, directory: &Path) -> String {
    let text = text
        .replace(&directory.display().to_string(), "DIR")
        .replace(&format!("loggr {}", env!("CARGO_PKG_VERSION")), "loggr VERSION");
    let mut out = String::new();
    for line in text.lines() {
        // An event without a stamp of its own has that of its reception.
        let value =
            |key: &str| line.split_once(key).and_then(|(_, rest)| rest.split_once('"')).map(|(v, _)| v);
        let (reported, generated) = ("\"timereported\":\"", "\"timegenerated\":\"");
        let keys = ["\"uid\":\"", generated, reported];
        let count = if value(reported) == value(generated) { 3 } else { 2 };
        let line = without_values(line, &keys[..count]);
        // How long it took.
        let took = line.strip_prefix("sent ").and_then(|_| line.split_once(" in ")?.1.split_once(" s "));
        out.push_str(&took.map_or(line.clone(), |(seconds, _)| line.replace(seconds, "…")));
        out.push('\n');
    }
    out
}

/// Replaces the JSON texts after these keys.
fn without_values(line: &str, keys: &[&str]) -> String {
    keys.iter().fold(line.to_owned(), |line, key| match line.split_once(key) {
        Some((before, rest)) => {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            format!("{before}{key}…\"{after}")
        }
        None => line,
    })
}

#[test]
fn what_the_program_says() {
    let mut names = Vec::new();
    let mut see = |name: String, arguments: &[&str], config: &str, input: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("loggr.toml"), config).expect("the configuration");
        // Nothing of this machine's own configuration may be read.
        std::fs::create_dir(directory.path().join("etc")).expect("a directory");
        let empty = stays_root(String::new());
        std::fs::write(directory.path().join("etc/loggr.toml"), empty).expect("a configuration");
        let place = directory.path().display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|a| a.replace("DIR", &place)).collect();
        snapshot(&name, &show(&arguments, input, directory.path()));
        names.push(name);
    };
    see("help".to_owned(), &["--help"], "", "");
    for command in COMMANDS {
        see(format!("help-{command}"), &[command, "--help"], "", "");
    }
    for (name, arguments, config, input) in CASES {
        let arguments: Vec<&str> = arguments.split(' ').filter(|word| !word.is_empty()).collect();
        see((*name).to_owned(), &arguments, config, input);
    }
    no_others(&names);
}

#[test]
fn every_subcommand_of_the_help_has_a_snapshot() {
    let output = Command::new(PROGRAM).arg("--help").output().expect("loggr starts");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let listed = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let listed: Vec<&str> =
        listed.filter_map(|l| l.strip_prefix("  ")?.split(' ').next()).filter(|w| !w.is_empty()).collect();
    let mut expect = COMMANDS.to_vec();
    expect.push("help");
    assert_eq!(listed, expect);
}

#[test]
fn the_default_configuration_is_one_that_check_accepts() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new(PROGRAM).arg("config").output().expect("loggr starts");
    let file = directory.path().join("loggr.toml");
    std::fs::write(&file, output.stdout).expect("the file");
    let output =
        Command::new(PROGRAM).arg("check").arg("--config").arg(&file).output().expect("loggr starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn grok_knows_the_patterns_beside_the_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    std::fs::create_dir(place.join("patterns")).expect("a directory");
    std::fs::write(place.join("patterns/own.grok"), "PAIR %{WORD:k}=%{WORD:v}\n").expect("patterns");
    std::fs::write(place.join("loggr.toml"), "").expect("the configuration");
    let grok = |word: &str| {
        let config = place.join("loggr.toml").display().to_string();
        show(&["grok", "--config", &config, word].map(str::to_owned), "a=b\n", place)
    };
    let listed = grok("--list");
    assert!(listed.contains("\nPAIR %{WORD:k}=%{WORD:v}\n"), "{listed}");
    let found = grok("PAIR");
    assert!(found.contains("\n{\"k\":\"a\",\"v\":\"b\"}\n"), "{found}");
}

#[test]
fn what_reads_stdin_ends_quietly_before_head() {
    let directory = tempfile::tempdir().expect("a directory");
    let filter = directory.path().join("tag.filter");
    std::fs::write(&filter, "tags += \"seen\"\n").expect("a filter");
    let filter = format!("filter --lines '{}'", filter.display());
    let commands = [
        "grok '%{GREEDYDATA:a}'",
        "grok --pattern NONE=x",
        "grok --list",
        "parse",
        &filter,
        "pack --lines --preset java",
    ];
    for command in commands {
        let script =
            format!("seq 200000 | '{PROGRAM}' {command} | head -n 1 >/dev/null; exit \"${{PIPESTATUS[1]}}\"");
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{command}: {}: {told}", output.status);
    }
}

/// Neither bytes that are no text nor a line of megabytes keep the next line from its answer.
#[test]
fn grok_answers_for_every_line() {
    let script = format!(
        "{{ printf 'k\\377=v\\n'; head -c 3000000 /dev/zero | tr '\\0' x; printf '=y\\nk=v\\n'; }} | '{PROGRAM}' grok '%{{NOTSPACE:k}}=%{{WORD:v}}' | cut -c 1-30"
    );
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().expect("bash");
    let shown = String::from_utf8_lossy(&output.stdout);
    let expect = format!(
        "{{\"k\":\"k\u{fffd}\",\"v\":\"v\"}}\n{{\"k\":\"{}\n{{\"k\":\"k\",\"v\":\"v\"}}\n",
        "x".repeat(24)
    );
    assert_eq!(shown, expect, "{output:?}");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 2).run(0, 3000);
    loggr.stored(3000, 60);
    let script =
        format!("'{PROGRAM}' search --limit 3000 --config '{}' | head -n 1", loggr.config().display());
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().expect("bash");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
