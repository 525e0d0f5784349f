//! The world breaks: disks fill, directories vanish. Nothing is lost, senders feel it, the log
//! says what to do, and everything goes on by itself when the fault is gone.

use crate::support::{Loggr, RelpSender, Setup, SmallDisk, count_seqs, say, until};

/// Far more than a process may need that buffers nothing without limit.
const MEMORY_LIMIT_KIB: u64 = 400 << 10;

/// Is this shipper failing now?
fn failing(loggr: &Loggr, ship: &str) -> bool {
    let status = loggr.status();
    let ships = status["ships"].as_array().expect("ships");
    ships.iter().any(|s| s["name"] == ship && s["failing"] == true)
}

/// Sends the lines, and looks that each arrives once in both places.
#[track_caller]
fn all_once(loggr: &mut Loggr, count: u64) {
    loggr.stored(count, 90);
    let once: Vec<(u64, u32)> = (0..count).map(|n| (n, 1)).collect();
    let messages = loggr.messages();
    let lines = count_seqs(loggr.lines().iter().map(String::as_str));
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), once, "lines of the file");
    let found = count_seqs(messages.iter().map(String::as_str));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), once, "events of the search");
    loggr.assert_balanced();
    let memory = loggr.daemon().peak_memory_kib();
    say(&format!("peak memory {} MiB", memory >> 10));
    assert!(memory < MEMORY_LIMIT_KIB, "{memory} KiB of memory were used");
}

#[track_caller]
fn logged(loggr: &Loggr, word: &str) {
    until(&format!("the log says `{word}`"), 30, || loggr.log().contains(word));
}

#[test]
fn the_disk_of_the_output_is_full() {
    let Some(disk) = SmallDisk::mount("1m") else { return };
    let mut loggr = Loggr::with(Setup { output: Some(disk.path()), ..Setup::default() });
    // Four times what fits; the bus takes it all, so the sender is not held up.
    RelpSender::new(loggr.address("relp"), 4).run(0, 40_000);
    until("the files shipper fails", 60, || failing(&loggr, "files"));
    logged(&loggr, "free some space");
    loggr.assert_balanced();
    // The other shipper is not disturbed.
    until("the search has everything", 60, || loggr.ask(&["count", ""]).trim() == "40000");
    disk.resize("64m");
    all_once(&mut loggr, 40_000);
    assert!(!failing(&loggr, "files"));
}

#[test]
fn the_disk_of_the_output_is_full_and_the_process_is_killed() {
    let Some(disk) = SmallDisk::mount("1m") else { return };
    let mut loggr = Loggr::with(Setup { output: Some(disk.path()), ..Setup::default() });
    RelpSender::new(loggr.address("relp"), 4).run(0, 30_000);
    until("the files shipper fails", 60, || failing(&loggr, "files"));
    loggr.kill9();
    loggr.up();
    disk.resize("64m");
    all_once(&mut loggr, 30_000);
}

#[test]
fn the_bus_is_full_and_the_senders_wait() {
    let Some(disk) = SmallDisk::mount("1m") else { return };
    let mut loggr = Loggr::with(Setup {
        output: Some(disk.path()),
        bus_keys: "max_size = \"8MB\"\nsegment_size = \"2MB\"".to_owned(),
        ..Setup::default()
    });
    let count = 150_000;
    let sender = RelpSender::new(loggr.address("relp"), 4);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| sender.run(0, count));
        until("the files shipper fails", 60, || failing(&loggr, "files") || load.is_finished());
        // The senders are stopped when no answer comes for a while.
        let mut last = (u64::MAX, 0);
        until("the senders wait", 60, || {
            let acked = sender.acked();
            last = (acked, if acked == last.0 { last.1 + 1 } else { 0 });
            last.1 > 10
        });
        assert!(!load.is_finished(), "a full bus took everything");
        loggr.assert_balanced();
        disk.resize("128m");
    });
    all_once(&mut loggr, count);
}

#[test]
fn the_disk_of_the_bus_is_full() {
    let Some(disk) = SmallDisk::mount("64m") else { return };
    let bus = disk.path().join("bus");
    let keys = "segment_size = \"2MB\"".to_owned();
    let mut loggr = Loggr::with(Setup { bus: Some(bus), bus_keys: keys, ..Setup::default() });
    disk.fill("ballast");
    let sender = RelpSender::new(loggr.address("relp"), 4);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| sender.run(0, 60_000));
        logged(&loggr, "space");
        assert!(!load.is_finished(), "a full disk took everything");
        std::fs::remove_file(disk.path().join("ballast")).expect("the ballast");
    });
    all_once(&mut loggr, 60_000);
}

#[test]
fn the_output_directory_is_gone_and_comes_back() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 2).run(0, 1000);
    loggr.stored(1000, 60);
    let output = loggr.output_directory();
    let aside = output.with_extension("aside");
    std::fs::rename(&output, &aside).expect("the directory moves");
    // A file in its place: nobody can write there, not even root.
    std::fs::write(&output, "").expect("a file");
    RelpSender::new(loggr.address("relp"), 2).run(1000, 1000);
    until("the files shipper fails", 60, || failing(&loggr, "files"));
    logged(&loggr, &output.display().to_string());
    loggr.assert_balanced();
    std::fs::remove_file(&output).expect("the file");
    std::fs::rename(&aside, &output).expect("the directory moves back");
    all_once(&mut loggr, 2000);
}

#[test]
fn the_output_file_is_moved_away_and_a_new_one_begins() {
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    loggr.stored(100, 60);
    let old = loggr.output_directory().join("old.log");
    std::fs::rename(loggr.output_directory().join("all.log"), &old).expect("it moves");
    RelpSender::new(loggr.address("relp"), 1).run(100, 100);
    loggr.stored(200, 60);
    let moved = std::fs::read_to_string(&old).expect("the old file");
    let both = count_seqs(moved.lines().chain(loggr.lines().iter().map(String::as_str)));
    assert_eq!(both.into_iter().collect::<Vec<_>>(), (0..200).map(|n| (n, 1)).collect::<Vec<_>>());
    loggr.assert_balanced();
    loggr.stop();
}

#[test]
fn the_store_directory_is_gone_and_comes_back() {
    let disk = tempfile::tempdir().expect("a directory");
    let store = disk.path().join("search");
    let mut loggr = Loggr::with(Setup { store: Some(store.clone()), ..Setup::default() });
    RelpSender::new(loggr.address("relp"), 2).run(0, 1000);
    loggr.stored(1000, 60);
    let aside = disk.path().join("aside");
    std::fs::rename(&store, &aside).expect("the directory moves");
    std::fs::write(&store, "").expect("a file in its place");
    RelpSender::new(loggr.address("relp"), 2).run(1000, 1000);
    until("the search shipper fails", 60, || failing(&loggr, "search"));
    loggr.assert_balanced();
    std::fs::remove_file(&store).expect("the file");
    std::fs::rename(&aside, &store).expect("the directory moves back");
    all_once(&mut loggr, 2000);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let loggr = Loggr::start();
    let output = loggr.command(&["run"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("error:") && errors.contains(&loggr.data().display().to_string()), "{errors}");
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 30);
    loggr.assert_balanced();
}
