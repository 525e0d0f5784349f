//! The promise in its corners: purges, kills while a destination is away, a damaged rescue.

use serde_json::Value;

use crate::support::{Loggr, RelpSender, Setup, SmallDisk, until};

/// One life more than attempts that send a batch to the rescue.
const LIVES: u32 = 18;

/// The files shipper's queue.
fn queue(loggr: &Loggr) -> Value {
    let status = loggr.status();
    let queues = status["queues"].as_array().expect("queues");
    queues.iter().find(|q| q["name"] == "files").expect("the queue").clone()
}

fn number(queue: &Value, key: &str) -> u64 {
    queue[key].as_u64().unwrap_or_else(|| panic!("no `{key}` in {queue}"))
}

fn failing(loggr: &Loggr) -> bool {
    let status = loggr.status();
    status["ships"].as_array().expect("ships").iter().any(|s| s["name"] == "files" && s["failing"] == true)
}

/// A program whose files shipper writes to a small disk; `None` where nobody may mount one.
fn on_a_small_disk() -> Option<(Loggr, SmallDisk)> {
    let disk = SmallDisk::mount("2m")?;
    let loggr = Loggr::with(Setup { output: Some(disk.path()), ..Setup::default() });
    RelpSender::new(loggr.address("relp"), 1).run(0, 10);
    loggr.stored(10, 60);
    Some((loggr, disk))
}

/// The destination is away: its disk takes nothing.
fn take_away(disk: &SmallDisk) {
    disk.fill("ballast");
}

fn bring_back(disk: &SmallDisk) {
    std::fs::remove_file(disk.path().join("ballast")).expect("the ballast");
}

#[test]
fn what_was_purged_while_its_destination_is_away_does_not_come_back() {
    let Some((mut loggr, disk)) = on_a_small_disk() else { return };
    take_away(&disk);
    RelpSender::new(loggr.address("relp"), 1).run(10, 500);
    until("the shipper fails", 60, || failing(&loggr));
    RelpSender::new(loggr.address("relp"), 4).run(510, 30_000);
    let said = loggr.ask(&["queue", "purge", "files", "--yes"]);
    assert!(said.contains("handed out at this moment: "), "{said}");
    let after = queue(&loggr);
    assert!(number(&after, "dropped") > 0 && number(&after, "waiting") < 30_500, "{after}");
    let mut before = after;
    for kill in [true, false, true] {
        if kill {
            loggr.kill9();
        } else {
            loggr.stop();
        }
        loggr.up();
        let now = queue(&loggr);
        for key in ["received", "stored", "dropped"] {
            assert!(number(&now, key) >= number(&before, key), "`{key}` went back: {before} {now}");
        }
        assert_eq!(number(&now, "waiting"), 0, "{now}");
        loggr.assert_balanced();
        before = now;
    }
    bring_back(&disk);
    RelpSender::new(loggr.address("relp"), 1).run(40_000, 1);
    until("the next event is there", 60, || loggr.lines().iter().any(|line| line.contains("seq=000040000")));
    // Before it only what was there when the disk had room still.
    assert!(loggr.lines().len() < 510, "{} lines", loggr.lines().len());
    loggr.assert_balanced();
}

#[test]
fn kills_while_a_destination_is_away_send_nothing_to_the_rescue() {
    let Some((mut loggr, disk)) = on_a_small_disk() else { return };
    take_away(&disk);
    RelpSender::new(loggr.address("relp"), 1).run(10, 500);
    for _ in 0..LIVES {
        until("the shipper fails", 60, || failing(&loggr));
        loggr.kill9();
        loggr.up();
    }
    bring_back(&disk);
    loggr.stored(510, 60);
    assert_eq!(number(&queue(&loggr), "rescued"), 0);
    assert_eq!(loggr.lines().len(), 510);
    loggr.assert_balanced();
}

#[test]
fn a_damaged_rescue_keeps_nobody_from_receiving() {
    let mut loggr = Loggr::start();
    let file = loggr.data().join("rescue/data.mdb");
    until("there is a rescue", 60, || file.exists());
    loggr.stop();
    std::fs::write(&file, "nonsense").expect("the file");
    loggr.up();
    RelpSender::new(loggr.address("relp"), 1).run(0, 100);
    loggr.stored(100, 60);
    let trouble = loggr.status()["rescue_trouble"].as_str().expect("a trouble").to_owned();
    assert!(trouble.contains("data.mdb"), "{trouble}");
    assert!(loggr.status_text(&[]).contains("the rescue cannot be used"), "{trouble}");
    assert!(loggr.get("/metrics").contains("loggr_rescue_unusable 1\n"));
    // An empty one in its place is taken without a new start.
    std::fs::remove_file(&file).expect("the file");
    until("the rescue works", 60, || loggr.status()["rescue_trouble"].is_null());
    assert!(loggr.get("/metrics").contains("loggr_rescue_unusable 0\n"));
    loggr.assert_balanced();
}

#[test]
fn a_queue_without_its_cursor_gets_everything_that_is_kept() {
    let Some((mut loggr, disk)) = on_a_small_disk() else { return };
    take_away(&disk);
    RelpSender::new(loggr.address("relp"), 1).run(10, 500);
    until("the shipper fails", 60, || failing(&loggr));
    loggr.kill9();
    std::fs::remove_file(loggr.data().join("bus/received/files.queue")).expect("the cursor");
    loggr.up();
    bring_back(&disk);
    until("everything is there", 60, || loggr.lines().len() >= 510);
    assert!(loggr.log().contains("its cursor is missing"), "{}", loggr.log());
    loggr.assert_balanced();
}
