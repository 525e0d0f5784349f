//! Files that change while they are taken, on a real queue.

use std::io::Write;

use loggr_bus::rabbit::Encoding;
use loggr_bus::{Bus, BusOptions, ExchangeSpec, Topology, embedded};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

struct Yard {
    harvest: Arc<Harvest>,
    directory: TempDir,
    _bus: Bus,
}

impl Yard {
    fn new() -> Yard {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        ["up", "up/failed"].iter().for_each(|name| std::fs::create_dir(at(name)).unwrap());
        let topology = Topology { exchanges: vec![ExchangeSpec::new("x", &[("q", "#")])] };
        let options = BusOptions { segment_size: 1 << 20, max_size: 16 << 20, ..BusOptions::default() };
        let bus = Bus::from(embedded::Bus::open(&at("bus"), &topology, &options).unwrap().0);
        let publisher = bus.publisher_as("x", "harvest.a", Encoding::default()).unwrap();
        let text = format!("[harvest.a]\ndirectory={:?}\nformat='lines'", at("up"));
        let config = config::tests::read(&text).harvests.remove(0);
        let harvest = Harvest::new(config, publisher, Box::new(Vec::new), at("ledger"), Stop::never());
        assert!(harvest.open_ledger());
        Yard { harvest: Arc::new(harvest), directory, _bus: bus }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join("up").join(name);
        let open = std::fs::OpenOptions::new().create(true).append(true).open(path);
        open.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn found(&self, name: &str) -> Found {
        self.harvest.look().unwrap().into_iter().find(|found| found.path == Path::new(name)).unwrap()
    }

    /// Takes a file; gives how many lines it has, and how many were published.
    async fn take(&self, name: &str) -> (u64, u64) {
        let before = self.harvest.stats.lines.get();
        let (harvest, found) = (self.harvest.clone(), self.found(name));
        let done = tokio::task::spawn_blocking(move || harvest.work(&found)).await.unwrap();
        let lines = match done.unwrap() {
            Done::Taken(lines) | Done::Again(lines) => lines,
        };
        (lines, self.harvest.stats.lines.get() - before)
    }

    /// As if the process had ended when so much of a file of this content was taken.
    fn begun(&self, name: &str, content: &str, offset: u64, lines: u64) -> (Identity, Entry) {
        let found = self.found(name);
        let hash: Hash = Sha256::digest(content).into();
        let length = content.len() as u64;
        let identity = Identity::of(name, &hash, length);
        let place = Place { offset, lines, stamp: 1_790_000_000_000_000 };
        let entry = Entry {
            path: name.to_owned(),
            is: found.looks.is,
            changed: i64::try_from(found.looks.changed).unwrap(),
            content: hash,
            length,
            seed: 7,
            place,
            taken: None,
        };
        self.harvest.ledger().enter(identity, &entry, &[]).unwrap();
        (identity, entry)
    }

    fn is_there(&self, name: &str) -> bool {
        self.directory.path().join("up").join(name).exists()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_on_where_it_was() {
    let yard = Yard::new();
    yard.write("a", "one\ntwo\nthree\n");
    yard.begun("a", "one\ntwo\nthree\n", 8, 2);
    assert_eq!(yard.take("a").await, (3, 1));
    assert!(!yard.is_there("a"));
    assert!(yard.harvest.ledger().opened().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_that_has_grown_only_what_is_new_is_taken() {
    let yard = Yard::new();
    yard.write("a", "one\ntwo\n");
    yard.begun("a", "one\ntwo\n", 4, 1);
    yard.write("a", "three\n");
    assert_eq!(yard.take("a").await, (3, 2));
    // Also if all of it was taken, and it was not put away.
    yard.write("b", "one\ntwo\n");
    let (identity, entry) = yard.begun("b", "one\ntwo\n", 8, 2);
    yard.harvest.ledger().finish(identity, &entry, 5).unwrap();
    yard.write("b", "three\n");
    assert_eq!(yard.take("b").await, (3, 1));
    assert!(!yard.is_there("a") && !yard.is_there("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_anew_is_another_one() {
    let yard = Yard::new();
    yard.write("a", "four\nfive\n");
    yard.begun("a", "one\ntwo\n", 4, 1);
    assert_eq!(yard.take("a").await, (2, 2));
    assert!(yard.harvest.ledger().opened().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_put_away_and_not_taken_again() {
    let yard = Yard::new();
    yard.write("a", "one\n");
    let (identity, entry) = yard.begun("a", "one\n", 4, 1);
    yard.harvest.ledger().finish(identity, &entry, now().unix_micros()).unwrap();
    assert_eq!(yard.take("a").await, (1, 0));
    assert!(!yard.is_there("a"));
    yard.write("a.gz", "one\n");
    assert_eq!(yard.take("a.gz").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_between_two_looks_is_not_taken() {
    let yard = Yard::new();
    yard.write("a", "one\n");
    let found = yard.found("a");
    yard.write("a", "two\n");
    let harvest = yard.harvest.clone();
    let done = tokio::task::spawn_blocking(move || harvest.work(&found)).await.unwrap();
    assert!(matches!(done, Err(Ended::Changed)), "{done:?}");
    std::fs::remove_file(yard.directory.path().join("up/a")).unwrap();
    assert!(!yard.is_there("a") && yard.harvest.stats.lines.get() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_of_a_file_that_has_gone_is_forgotten() {
    let yard = Yard::new();
    yard.write("a", "one\n");
    yard.begun("a", "one\n", 0, 0);
    std::fs::remove_file(yard.directory.path().join("up/a")).unwrap();
    yard.harvest.tidy();
    assert!(yard.harvest.ledger().opened().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_ledger_a_harvest_takes_nothing() {
    let yard = Yard::new();
    let place = yard.directory.path().join("other");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("data.mdb"), vec![0x55; 16384]).unwrap();
    let of = &yard.harvest;
    let broken = Harvest::new(
        of.config.clone(),
        of.publisher.clone(),
        Box::new(Vec::new),
        place.clone(),
        Stop::never(),
    );
    assert!(!broken.open_ledger());
    assert!(broken.stats.worry().unwrap().contains("cannot use the ledger"), "{:?}", broken.stats.worry());
    std::fs::remove_file(place.join("data.mdb")).unwrap();
    assert!(broken.open_ledger());
    assert_eq!(broken.stats.worry(), None);
}
