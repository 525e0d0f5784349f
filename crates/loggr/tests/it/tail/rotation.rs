//! Rotation by Debian's logrotate while a program writes 20,000 lines a second and loggr is killed: each line once.

use std::path::Path;
use std::time::Duration;

use super::Watching;
use super::writer::{Reopens, Writer, asking};
use crate::support::{Random, Tool, count_seqs, logrotate, long, random_moment, say, until};

/// A crash comes at a random moment of so many milliseconds.
const MOMENT_MS: u64 = 900;

fn rounds() -> u64 {
    if long() { 20 } else { 5 }
}

/// Rotates a file once, as soon as somebody writes into it: what a program still writes into a file that is
/// compressed meanwhile is lost for everybody.
fn rotate(tool: &Tool, path: &Path, directives: &str) {
    until("somebody writes", 60, || std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0));
    let directory = path.parent().expect("it has one");
    let (config, state) = (directory.join("rotate.conf"), directory.join("rotate.state"));
    let asking = asking(path).display().to_string();
    let script = match directives.contains("asked") {
        true => {
            format!("postrotate\ntouch {asking}; while [ -e {asking} ]; do sleep 0.01; done\nendscript\n")
        }
        false => String::new(),
    };
    let directives = directives.replace("asked", "");
    let text = format!("{} {{\nrotate 99\n{directives}\n{script}}}\n", path.display());
    std::fs::write(&config, text).expect("a configuration");
    let mut command = tool.command();
    command.arg("--force").arg("--state").arg(&state).arg(&config);
    let output = command.output().expect("logrotate starts");
    let said = String::from_utf8_lossy(&output.stderr);
    // A date is there once in a second.
    assert!(output.status.success() || said.contains("already exists, skipping"), "{said}");
}

/// Rotates, kills, rotates while nobody reads, and so on. Gives the number of lines written.
fn torment(directives: &str, reopens: Reopens) -> Option<(Watching, u64)> {
    let tool = logrotate()?;
    let mut watching = Watching::start("app.log", "grace = '3s'\nformat = 'raw'\n");
    let path = watching.path("app.log");
    let mut random = Random::new();
    let writer = Writer::start(&path, reopens);
    for round in 0..rounds() {
        rotate(&tool, &path, directives);
        random_moment(&mut random, MOMENT_MS);
        watching.loggr.kill9();
        for _ in 0..round % 3 {
            random_moment(&mut random, MOMENT_MS / 3);
            rotate(&tool, &path, directives);
        }
        random_moment(&mut random, MOMENT_MS / 3);
        watching.loggr.up();
        random_moment(&mut random, MOMENT_MS);
    }
    rotate(&tool, &path, directives);
    random_moment(&mut random, MOMENT_MS);
    let written = writer.end();
    say(&format!("{written} lines, {} crashes", rounds()));
    Some((watching, written))
}

#[track_caller]
fn survives(directives: &str, reopens: Reopens) {
    let Some((watching, written)) = torment(directives, reopens) else { return };
    watching.holds(0..written);
    let files = watching.files();
    assert_eq!((&files["gap_bytes"], &files["truncated"]), (&0.into(), &0.into()), "{files}");
    watching.loggr.assert_balanced();
}

#[test]
fn create() {
    survives("create 0644\nasked", Reopens::WhenAsked);
}

#[test]
fn nocopytruncate() {
    survives("nocopytruncate\ncreate\nasked", Reopens::WhenAsked);
}

#[test]
fn compress() {
    survives("create 0644\ncompress\nasked", Reopens::WhenAsked);
}

#[test]
fn delaycompress_and_a_program_that_opens_its_log_late() {
    survives("create 0644\ncompress\ndelaycompress", Reopens::Late(Duration::from_millis(150)));
}

#[test]
fn dateext() {
    survives("create 0644\ndateext\ndateformat -%Y%m%d-%s\nasked", Reopens::WhenAsked);
}

#[test]
fn dateext_before_the_ending_and_compressed() {
    survives(
        "create 0644\ndateext\nextension .log\ndateformat -%Y%m%d-%s\ncompress\nasked",
        Reopens::WhenAsked,
    );
}

/// What was rotated before loggr began is history; what was made since is not, also if loggr is killed before it has
/// looked for the first time.
#[test]
fn what_came_and_went_before_the_first_look() {
    let history = super::lines(90..99);
    let mut watching = Watching::down("app.log", "format = 'raw'\n", &[("app.log.9", &history)]);
    watching.loggr.up();
    watching.write("app.log", super::lines(0..10));
    watching.rename("app.log", "app.log.2");
    watching.write("app.log", super::lines(10..20));
    watching.rename("app.log", "app.log.1");
    watching.loggr.kill9();
    watching.write("app.log", super::lines(20..30));
    watching.loggr.up();
    watching.holds(0..30);
    watching.loggr.assert_balanced();
}

#[test]
fn a_program_that_opens_its_log_late() {
    survives("create 0644", Reopens::Late(Duration::from_millis(700)));
}

/// What comes between the copy and the truncation is lost for everybody. It is no line twice, and the gaps
/// are where the file was truncated.
#[test]
fn copytruncate() {
    let Some((watching, written)) = torment("copytruncate", Reopens::Never) else { return };
    let last = written - 1;
    until("the last line is there", 120, || {
        watching.loggr.lines().iter().any(|line| line.contains(&format!("seq={last:09}")))
    });
    let mut found = std::collections::BTreeMap::new();
    until("it is at rest", 60, || {
        let before = found.len();
        found = count_seqs(watching.loggr.lines().iter().map(String::as_str));
        found.len() == before && watching.files()["bytes_behind"] == 0
    });
    let twice: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let gaps = (1..written).filter(|n| found.contains_key(&(n - 1)) && !found.contains_key(n)).count();
    let files = watching.files();
    say(&format!("{} of {written} lines missing in {gaps} gaps; {files}", written - found.len() as u64));
    assert!(found.len() as u64 > written * 9 / 10, "{} of {written}", found.len());
}
