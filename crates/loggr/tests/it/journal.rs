//! The journal of systemd as a source: files that the journal's own tool wrote, kills, and files that go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{BEGUN, JournalTool, Loggr, Random, Setup, eventually, long, random_moment, until};

/// A journal's directory, and a program that reads it.
struct Journal {
    tool: JournalTool,
    directory: TempDir,
}

impl Journal {
    fn new() -> Option<Journal> {
        let tool = JournalTool::find()?;
        let directory = tempfile::tempdir().expect("a directory");
        // The files of a machine lie in a directory of its own.
        std::fs::create_dir(directory.path().join("0123456789abcdef0123456789abcdef")).expect("a directory");
        Some(Journal { tool, directory })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("0123456789abcdef0123456789abcdef").join(name)
    }

    fn setup(&self, more: &str) -> Setup {
        let at = self.directory.path().display();
        let tables = format!("\n[[listener]]\nprotocol = \"journal\"\ndirectories = [\"{at}\"]\n{more}\n");
        Setup { tables, ..Setup::default() }
    }
}

/// How often each number is in the output.
fn numbers(loggr: &Loggr) -> BTreeMap<u64, u32> {
    let mut counted = BTreeMap::new();
    for line in loggr.lines() {
        let Some((_, rest)) = line.split_once("line ") else { continue };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        *counted.entry(digits.parse().expect("a number")).or_default() += 1;
    }
    counted
}

#[track_caller]
fn all_once(loggr: &Loggr, numbers_: std::ops::Range<u64>) {
    until(&format!("{numbers_:?} are stored"), 120, || {
        numbers(loggr).len() as u64 >= numbers_.end - numbers_.start
    });
    let counted = numbers(loggr);
    assert!(counted.keys().copied().eq(numbers_), "not these: {} numbers", counted.len());
    let twice: Vec<_> = counted.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{} numbers more than once, such as {:?}", twice.len(), twice.first());
}

#[test]
fn entries_become_events_with_all_that_the_journal_knows() {
    let Some(journal) = Journal::new() else { return };
    // Both forms of the format: with short and with long offsets.
    journal.tool.write(&journal.file("system@1.journal"), 0..500, &[("SYSTEMD_JOURNAL_COMPACT", "0")]);
    journal.tool.write(&journal.file("system.journal"), 500..1000, &[("SYSTEMD_JOURNAL_COMPACT", "1")]);
    let mut loggr = Loggr::with(journal.setup(""));
    all_once(&loggr, 0..1000);
    // What comes later is read when it comes, from a file that is there and from a new one.
    journal.tool.write(&journal.file("system.journal"), 1000..1100, &[]);
    all_once(&loggr, 0..1100);
    journal.tool.write(&journal.file("user-1000.journal"), 1100..1200, &[]);
    all_once(&loggr, 0..1200);
    let event = eventually("it is found", 60, || loggr.search("_SYSTEMD_UNIT:app.service line 501").pop());
    assert_eq!(event["message"], "line 501", "{event}");
    assert_eq!(
        (&event["source"], &event["app_name"], &event["procid"]),
        (&json!("web1"), &json!("app"), &json!("5"))
    );
    assert_eq!((&event["severity"], &event["facility"]), (&json!("warning"), &json!("daemon")));
    assert_eq!(event["fields"]["CODE_FUNC"], json!(["main"]), "{event}");
    assert_eq!(event["trusted"]["_COMM"], "app", "{event}");
    assert_eq!(event["origin"]["transport"], "journal", "{event}");
    let at = event["timereported"].as_str().expect("a time");
    assert_eq!(at, event["timegenerated"].as_str().expect("a time"), "{BEGUN}");
    let packed = eventually("it is found", 60, || loggr.search("line 510").pop());
    assert!(packed["message"].as_str().is_some_and(|text| text.len() > 1000), "{packed}");
    loggr.stop();
}

#[test]
fn nothing_is_lost_and_nothing_twice_when_it_is_killed_while_the_journal_writes() {
    let Some(journal) = Journal::new() else { return };
    let rounds = if long() { 20 } else { 5 };
    let mut loggr = Loggr::down(journal.setup(""));
    let mut random = Random::new();
    let mut written = 0;
    for round in 0..rounds {
        loggr.up();
        for part in 0..4 {
            let file =
                journal.file(if (round + part) % 3 == 2 { "user-1000.journal" } else { "system.journal" });
            journal.tool.write(&file, written..written + 700, &[]);
            written += 700;
        }
        random_moment(&mut random, 1500);
        // What the journal writes while nobody reads comes later.
        loggr.kill9();
        if round % 2 == 1 {
            let archived = journal.file(&format!("system@{round}.journal"));
            std::fs::rename(journal.file("system.journal"), archived).expect("it is rotated");
        }
        journal.tool.write(&journal.file("system.journal"), written..written + 300, &[]);
        written += 300;
    }
    loggr.up();
    all_once(&loggr, 0..written);
    loggr.stop();
}

#[test]
fn only_what_comes_is_read_where_that_is_wanted() {
    let Some(journal) = Journal::new() else { return };
    journal.tool.write(&journal.file("system.journal"), 0..100, &[]);
    let mut loggr = Loggr::with(journal.setup("start = \"end\""));
    until("it has begun to read", 60, || loggr.data().join("read/journal.journal").exists());
    journal.tool.write(&journal.file("system.journal"), 100..200, &[]);
    all_once(&loggr, 100..200);
    loggr.kill9();
    journal.tool.write(&journal.file("system.journal"), 200..300, &[]);
    loggr.up();
    all_once(&loggr, 100..300);
    loggr.stop();
}

#[test]
fn a_file_that_went_unread_is_a_gap_that_is_told() {
    let Some(journal) = Journal::new() else { return };
    journal.tool.write(&journal.file("system.journal"), 0..100, &[]);
    let mut loggr = Loggr::with(journal.setup(""));
    all_once(&loggr, 0..100);
    loggr.stop();
    journal.tool.write(&journal.file("system.journal"), 100..200, &[]);
    // As `journalctl --vacuum-size` would.
    std::fs::remove_file(journal.file("system.journal")).expect("it is there");
    journal.tool.write(&journal.file("system.journal"), 200..300, &[]);
    loggr.up();
    until("the gap is told", 60, || {
        loggr.log().contains("`system.journal` is gone and was not known to be read whole")
    });
    until("what is there is stored", 60, || numbers(&loggr).len() == 200);
    let status = loggr.status();
    let listener = status["listeners"].as_array().expect("listeners").iter().find(|l| l["name"] == "journal");
    let lost = listener.expect("the listener")["lost"].as_u64();
    assert_eq!(lost, Some(1), "{status}");
    loggr.stop();
}

#[test]
fn all_files_gone_between_two_lives_are_a_gap_that_is_told() {
    let Some(journal) = Journal::new() else { return };
    journal.tool.write(&journal.file("system.journal"), 0..100, &[]);
    let mut loggr = Loggr::with(journal.setup(""));
    all_once(&loggr, 0..100);
    loggr.stop();
    journal.tool.write(&journal.file("system.journal"), 100..200, &[]);
    std::fs::remove_file(journal.file("system.journal")).expect("it is there");
    loggr.up();
    until("it is told", 60, || {
        loggr.log().contains("no file of the journal is there, though one was read before")
    });
    journal.tool.write(&journal.file("system.journal"), 200..300, &[]);
    until("the gap is told", 60, || {
        loggr.log().contains("`system.journal` is gone and was not known to be read whole")
    });
    until("what is there is stored", 60, || numbers(&loggr).len() == 200);
    let status = loggr.status();
    let listener = status["listeners"].as_array().expect("listeners").iter().find(|l| l["name"] == "journal");
    assert_eq!(listener.expect("the listener")["lost"], 1, "{status}");
    loggr.stop();
}

#[test]
fn what_cannot_be_read_is_told_and_harms_nothing_else() {
    let Some(journal) = Journal::new() else { return };
    journal.tool.write(&journal.file("system.journal"), 0..100, &[]);
    std::fs::write(journal.file("other.journal"), b"not a journal, and long enough".repeat(20))
        .expect("a file");
    let whole = std::fs::read(journal.file("system.journal")).expect("the file");
    std::fs::write(journal.file("cut.journal"), &whole[..200]).expect("a file");
    let mut loggr = Loggr::with(journal.setup(""));
    all_once(&loggr, 0..100);
    until("both are told", 60, || {
        let log = loggr.log();
        log.contains("other.journal`: it is no journal") && log.contains("cut.journal`: it is too short")
    });
    loggr.stop();
    // Places that are damaged: nobody knows where to go on.
    let places = loggr.data().join("read/journal.journal");
    std::fs::write(&places, "loggr-journal-places-1 00000000\nnonsense\n").expect("the places");
    let refused = loggr.command(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("how far the journal was read"), "{said}");
}
