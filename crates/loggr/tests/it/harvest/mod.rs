//! Harvests: files that others upload become events, each line once, on the real program.

mod crash;
mod packed;
mod refused;
mod start;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Loggr, Setup, bzip2, until, xz};

/// A directory for uploads, and a loggr that harvests it.
pub struct Yard {
    /// Ends before the directory goes.
    pub loggr: Loggr,
    directory: TempDir,
}

impl Yard {
    /// With a harvest `up` that has these keys beside its directory.
    #[track_caller]
    pub fn with(keys: &str, setup: Setup) -> Yard {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["up", "stage"] {
            std::fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        let up = directory.path().join("up");
        let more = format!("\n[harvest.up]\ndirectory = {up:?}\n{keys}\n{}", setup.more);
        let loggr = Loggr::with(Setup { more, ..setup });
        Yard { loggr, directory }
    }

    /// A harvest that takes what is renamed, and what stands still for a short time.
    #[track_caller]
    pub fn new(keys: &str) -> Yard {
        Yard::with(&format!("stable = \"300ms\"\n{keys}"), Setup::default())
    }

    /// A path in the directory into which files are uploaded.
    pub fn up(&self, name: &str) -> PathBuf {
        self.directory.path().join("up").join(name)
    }

    /// A path in the directory where files are made.
    pub fn stage(&self, name: &str) -> PathBuf {
        self.directory.path().join("stage").join(name)
    }

    /// Uploads a file under a temporary name, and renames it.
    #[track_caller]
    pub fn upload(&self, name: &str, bytes: &[u8]) {
        let part = self.up(&format!("{name}.part"));
        std::fs::write(&part, bytes).expect("a file");
        std::fs::rename(&part, self.up(name)).expect("it is renamed");
    }

    /// The status of the harvest.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.loggr.status()["harvests"][0].clone()
    }

    /// Waits until so many files were taken, known, and refused since the start.
    #[track_caller]
    pub fn ended(&self, done: u64, again: u64, failed: u64) {
        let mut last = Value::Null;
        let is_so = || {
            last = self.status();
            (&last["done"], &last["again"], &last["failed"]) == (&json!(done), &json!(again), &json!(failed))
        };
        until(&format!("{done} files are taken, {again} known, {failed} refused"), 60, is_so);
    }

    /// The files in the directory and below it, but for those in `done` and `failed`.
    pub fn left(&self) -> Vec<String> {
        below(&self.up(""))
            .into_iter()
            .filter(|p| !p.starts_with("done/") && !p.starts_with("failed/"))
            .collect()
    }

    /// The reason beside a file in `failed`.
    #[track_caller]
    pub fn reason(&self, name: &str) -> String {
        let failed = self.up("failed");
        assert!(failed.join(name).symlink_metadata().is_ok(), "`{name}` is not in {:?}", below(&failed));
        std::fs::read_to_string(failed.join(format!("{name}.reason"))).expect("a reason")
    }
}

/// What is no directory below a directory, in order.
pub fn below(directory: &Path) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => left.push(entry.path()),
                false => {
                    let path = entry.path();
                    let name = path.strip_prefix(directory).expect("below it");
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}

/// Packs a file.
type Pack = fn(&[u8]) -> Vec<u8>;

/// How files can be packed: the ending, and what packs them.
pub const PACKINGS: [(&str, Pack); 5] =
    [("", <[u8]>::to_vec), (".gz", gzip), (".zst", zstd), (".xz", xz), (".bz2", bzip2)];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).expect("memory");
    packed.finish().expect("memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).expect("memory")
}

#[test]
fn the_lines_of_a_file_become_events_with_what_the_directory_says() {
    let yard = Yard::new(
        "format = \"lines\"\nfacility = \"local3\"\nseverity = \"warning\"\napp_name = \"shop\"\nsource = \"web1\"\n\
         recursive = true\nfailed = \"../failed\"",
    );
    std::fs::create_dir(yard.up("sub")).expect("a directory");
    yard.upload("sub/a.log", b"<11>1 - - - - - - as it stands\n\n{\"no\":1}\r\nlast");
    yard.loggr.stored(3, 60);
    let mut events = yard.loggr.search("tag:harvested");
    events.sort_by_key(|event| event["uid"].to_string());
    let messages: Vec<&str> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    assert_eq!(messages, ["<11>1 - - - - - - as it stands", "{\"no\":1}", "last"]);
    for event in &events {
        let of = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            [of("facility"), of("severity"), of("app_name"), of("source")],
            ["local3", "warning", "shop", "web1"],
            "{event}"
        );
        let text = event.to_string();
        assert!(
            text.contains("\"a.log\"") && text.contains("fname") && text.contains("directory"),
            "{event}"
        );
        assert!(event["origin"]["transport"] == "harvest" && event["origin"]["listener"] == "up", "{event}");
    }
    assert_eq!(yard.loggr.search("fname:a.log").len(), 3);
    yard.ended(1, 0, 0);
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    let status = yard.status();
    assert_eq!(
        (&status["received"], &status["accepted"], &status["waiting"]),
        (&json!(3), &json!(3), &json!(0))
    );
    assert_eq!((&status["last"]["path"], &status["last"]["what"]), (&json!("sub/a.log"), &json!("3 lines")));
    let shown = yard.loggr.status_text(&[]);
    assert!(shown.contains("LAST FILE") && shown.contains("sub/a.log (3 lines)"), "{shown}");
    let metrics = yard.loggr.get("/metrics");
    assert!(metrics.contains("loggr_harvest_done_files_total{harvest=\"up\"} 1"), "{metrics}");
    yard.loggr.assert_balanced();
}

#[test]
fn files_of_each_packing_are_taken_and_moved() {
    let yard = Yard::new("after = \"move\"");
    let mut names = Vec::new();
    for (ending, pack) in PACKINGS {
        let line = |n: u32| format!("<13>1 2026-03-01T00:00:0{n}Z h a - - - {n} of {ending}\n");
        // Several members are one file.
        yard.upload(
            &format!("b.log{ending}"),
            &[pack(line(1).as_bytes()), pack(line(2).as_bytes())].concat(),
        );
        names.push(format!("b.log{ending}"));
    }
    yard.loggr.stored(10, 60);
    yard.ended(5, 0, 0);
    names.sort();
    assert_eq!(below(&yard.up("done")), names);
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    assert_eq!(yard.loggr.search("host:h app:a").len(), 10);
}

#[test]
fn what_is_not_complete_is_not_taken() {
    let yard = Yard::new("marker = \".ok\"");
    yard.upload("a.log", b"one\n");
    yard.upload("b.log", b"two\n");
    std::fs::write(yard.up(".c.log.Xy12Ab"), "three\n").expect("a file");
    std::fs::write(yard.up("b.log.ok"), "").expect("a marker");
    yard.ended(1, 0, 0);
    yard.loggr.stored(1, 60);
    assert_eq!(yard.loggr.search("two").len(), 1);
    assert_eq!(yard.left(), [".c.log.Xy12Ab", "a.log"]);
    let status = yard.status();
    assert_eq!((&status["waiting"], &status["temporary"]), (&json!(1), &json!(1)));
    std::fs::write(yard.up("a.log.ok"), "").expect("a marker");
    yard.ended(2, 0, 0);
    assert_eq!(yard.left(), [".c.log.Xy12Ab"]);
}

#[test]
fn the_same_file_again_makes_no_second_event() {
    let yard = Yard::new("");
    let text = b"one\ntwo\n";
    yard.upload("a.log", text);
    yard.ended(1, 0, 0);
    // Packed or not, it is the same.
    yard.upload("a.log.gz", &gzip(text));
    yard.ended(1, 1, 0);
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    // Another host may say the same.
    yard.upload("b.log", text);
    yard.upload("a.log", b"one\ntwo\nthree\n");
    yard.ended(3, 1, 0);
    yard.loggr.stored(2 + 2 + 3, 60);
    assert_eq!(yard.loggr.search("one").len(), 3);
    let log = yard.loggr.log();
    assert!(log.contains("a file is one that was taken before, and gives no events"), "{log}");
}

#[test]
fn a_rotated_file_is_known_by_its_content_after_a_restart() {
    let mut yard = Yard::new("known_by = \"content\"");
    yard.upload("a.log.1", b"one\ntwo\n");
    yard.ended(1, 0, 0);
    yard.loggr.stop();
    yard.loggr.up();
    yard.upload("a.log.2.xz", &xz(b"one\ntwo\n"));
    yard.ended(0, 1, 0);
    yard.loggr.stored(2, 60);
    assert_eq!(yard.loggr.search("one").len(), 1);
}

#[test]
fn who_wants_it_again_gets_it_again() {
    let yard = Yard::new("remember = \"0s\"");
    for n in 1..=2 {
        yard.upload("a.log", b"one\n");
        yard.ended(n, 0, 0);
    }
    yard.loggr.stored(2, 60);
    assert_eq!(yard.loggr.search("one").len(), 2);
}
