//! Three in a row, and two targets of one: each is killed and each network is cut, in turn, at random moments
//! and under load. In the end every acknowledged line stands once in the last search store and in PostgreSQL.

use std::collections::BTreeMap;

use super::{forwarding, siem};
use crate::crash::compare;
use crate::support::{
    Cut, Database, Load, Loggr, Namespace, Random, RelpSender, Sent, Setup, count_seqs, long, numbered_line,
    postgres, random_moment, say, until,
};

const CONNECTIONS: u64 = 2;
/// Between two blows at least so many lines are acknowledged, and at most twice as many.
const LINES_A_BLOW: u64 = 1000;
/// A blow comes at most so long after that.
const AT_MOST_LATER_MS: u64 = 120;
/// So many lines come while something is away.
const LINES_MEANWHILE: u64 = 1000;
/// What a forwarder of these tests waits for a target that says nothing.
const PATIENCE: &str = "timeout = \"1s\"";

/// A receiver that believes the one before it, and what else it has.
fn trusting(more: &str) -> Setup {
    Setup { listener_keys: "trust = true".to_owned(), more: more.to_owned(), ..Setup::default() }
}

/// The same, which hands on.
fn handing_on(targets: &str) -> Setup {
    let keys = format!("targets = {targets}\n{PATIENCE}\nreturn_after = \"1s\"");
    trusting(&forwarding(&keys).more)
}

/// A shipper that stores in this database.
fn storing(database: &Database) -> String {
    let url = database.url();
    format!("[ship.db]\nkind = \"postgres\"\nexchange = \"received\"\nurl = {url:?}\ncommit_age = \"50ms\"\n")
}

/// How often each numbered line stands in the table, and that no identity stands there twice.
#[track_caller]
fn rows(database: &Database) -> BTreeMap<u64, u32> {
    let twice = database.sql("SELECT uid FROM events GROUP BY uid HAVING count(*) > 1 LIMIT 5");
    assert!(twice.is_empty(), "events that stand twice in PostgreSQL: {twice}");
    let messages = database.sql("SELECT message FROM events");
    count_seqs(messages.lines())
}

fn stored(loggr: &Loggr) -> BTreeMap<u64, u32> {
    count_seqs(loggr.messages().iter().map(String::as_str))
}

/// Whoever has the events of another has the same: none less, and none more often.
#[track_caller]
fn same(what: &str, here: &BTreeMap<u64, u32>, there: &BTreeMap<u64, u32>) {
    let differ: Vec<_> = here.iter().filter(|(n, times)| there.get(n) != Some(times)).take(10).collect();
    assert!(differ.is_empty(), "{what} has other lines, or has them more often: {differ:?}");
    assert_eq!(here.len(), there.len(), "{what}");
}

/// What happens to a chain.
#[derive(Clone, Copy, Debug)]
enum Blow {
    KillFirst,
    KillMiddle,
    KillLast,
    CutNear,
    CutFar,
    /// Nothing gets through, and nobody is told.
    FreezeNear,
    FreezeFar,
    /// Both that come after the first are away while the load goes on.
    BothAway,
}

const BLOWS: [Blow; 8] = [
    Blow::KillFirst,
    Blow::KillMiddle,
    Blow::KillLast,
    Blow::CutNear,
    Blow::CutFar,
    Blow::FreezeNear,
    Blow::FreezeFar,
    Blow::BothAway,
];

struct Chain {
    first: Loggr,
    near: Cut,
    middle: Loggr,
    far: Cut,
    last: Loggr,
}

impl Chain {
    fn new(database: &Database, keys: &str) -> Chain {
        let last = Loggr::with(trusting(&storing(database)));
        let far = Cut::to(last.address("relp"));
        let middle = Loggr::with(handing_on(&format!("\"{}\"\n{keys}", far.address())));
        let near = Cut::to(middle.address("relp"));
        let first = Loggr::with(handing_on(&format!("\"{}\"\n{keys}", near.address())));
        Chain { first, near, middle, far, last }
    }

    fn strike(&mut self, blow: Blow, load: &Load<'_>) {
        let Chain { first, near, middle, far, last } = self;
        let again = |loggr: &mut Loggr| {
            loggr.kill9();
            loggr.up();
        };
        let cut = |way: &mut Cut| {
            way.cut();
            load.goes_on(LINES_MEANWHILE);
            way.mend();
        };
        let freeze = |way: &Cut, before: &Loggr| {
            way.freeze();
            load.goes_on(LINES_MEANWHILE);
            until("the forwarder notices", 60, || siem(before)["failing"] == true);
            way.thaw();
        };
        match blow {
            Blow::KillFirst => again(first),
            Blow::KillMiddle => again(middle),
            Blow::KillLast => again(last),
            Blow::CutNear => cut(near),
            Blow::CutFar => cut(far),
            Blow::FreezeNear => freeze(near, first),
            Blow::FreezeFar => freeze(far, middle),
            Blow::BothAway => {
                middle.kill9();
                last.kill9();
                load.goes_on(LINES_MEANWHILE);
                last.up();
                middle.up();
            }
        }
    }
}

#[test]
fn of_three_in_a_row_each_is_killed_and_each_way_is_cut() {
    let Some(database) = postgres() else { return };
    let mut chain = Chain::new(&database, "");
    let mut random = Random::new();
    let rounds = if long() { 5 } else { 1 };
    let sender = RelpSender::of(chain.first.address("relp"), CONNECTIONS, numbered_line);
    let sent = sender.during(|load| {
        for blow in std::iter::repeat_n(BLOWS, rounds).flatten() {
            load.goes_on(LINES_A_BLOW + random.below(LINES_A_BLOW));
            random_moment(&mut random, AT_MOST_LATER_MS);
            chain.strike(blow, load);
        }
    });
    let Chain { first, middle, last, .. } = &mut chain;
    for loggr in [&*first, middle, last] {
        loggr.drained(180);
    }
    let at_first = stored(first);
    let twice = compare("first search store", &sent, &at_first);
    same("the second", &at_first, &stored(middle));
    same("the third", &at_first, &stored(last));
    same("PostgreSQL", &at_first, &rows(&database));
    told(rounds * BLOWS.len(), &sent, twice);
    for loggr in [first, middle, last] {
        loggr.assert_balanced();
        loggr.stop();
    }
}

/// Both targets store in one database: what one had stored when its answer was lost, and the other got then,
/// stands there once.
#[test]
fn of_two_targets_each_is_killed_and_each_way_is_cut() {
    let Some(database) = postgres() else { return };
    let mut targets = [(); 2].map(|()| Loggr::with(trusting(&storing(&database))));
    let mut ways = targets.each_ref().map(|target| Cut::to(target.address("relp")));
    let addresses = ways.each_ref().map(Cut::address);
    let mut forwarder = Loggr::with(handing_on(&format!("[\"{}\", \"{}\"]", addresses[0], addresses[1])));
    let mut random = Random::new();
    let rounds = if long() { 10 } else { 2 };
    let sender = RelpSender::of(forwarder.address("relp"), CONNECTIONS, numbered_line);
    let sent = sender.during(|load| {
        for round in 0..rounds {
            // The first is the one that is used, as a rule.
            for at in [0, 1] {
                load.goes_on(LINES_A_BLOW + random.below(LINES_A_BLOW));
                random_moment(&mut random, AT_MOST_LATER_MS);
                targets[at].kill9();
                load.goes_on(LINES_MEANWHILE);
                targets[at].up();
                load.goes_on(LINES_A_BLOW);
                random_moment(&mut random, AT_MOST_LATER_MS);
                if round % 2 == 0 {
                    ways[at].cut();
                    load.goes_on(LINES_MEANWHILE);
                    ways[at].mend();
                } else {
                    ways[at].freeze();
                    load.goes_on(LINES_MEANWHILE);
                    ways[at].thaw();
                }
            }
            load.goes_on(LINES_A_BLOW);
            random_moment(&mut random, AT_MOST_LATER_MS);
            forwarder.kill9();
            forwarder.up();
            // Nobody is there.
            targets.iter_mut().for_each(Loggr::kill9);
            load.goes_on(LINES_MEANWHILE);
            targets.iter_mut().for_each(Loggr::up);
        }
    });
    forwarder.drained(180);
    targets.iter().for_each(|target| target.drained(180));
    let here = stored(&forwarder);
    let twice = compare("search store of the forwarder", &sent, &here);
    same("PostgreSQL", &here, &rows(&database));
    // What one had stored when its answer was lost has the other, too.
    let there: BTreeMap<u64, u32> = targets.iter().flat_map(stored).collect();
    assert!(here.keys().eq(there.keys()), "each line is in the search store of one of the two");
    told(rounds as usize * 7, &sent, twice);
    for loggr in targets.iter_mut().chain([&mut forwarder]) {
        loggr.assert_balanced();
        loggr.stop();
    }
}

/// The link between two hosts goes down while events are on it.
#[test]
fn a_link_that_goes_down_under_load_loses_and_doubles_nothing() {
    let (Some(here), Some(there)) = (Namespace::new(), Namespace::new()) else { return };
    here.join(&there);
    let rounds = if long() { 10 } else { 2 };
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            there.enter();
            let net = "\n[[listener]]\nname = \"net\"\nprotocol = \"relp\"\nlisten = \"10.0.0.2:2514\"\n\
                       exchange = \"received\"\ntrust = true\n";
            Loggr::with(Setup { tables: net.to_owned(), ..Setup::default() })
        });
        let mut target = starting.join().expect("the receiver starts");
        let working = scope.spawn(|| {
            here.enter();
            let mut forwarder = Loggr::with(handing_on("\"10.0.0.2:2514\""));
            let mut random = Random::new();
            let sender = RelpSender::of(forwarder.address("relp"), CONNECTIONS, numbered_line);
            let sent = sender.during(|load| {
                for round in 0..rounds {
                    let side = if round % 2 == 0 { &here } else { &there };
                    load.goes_on(LINES_A_BLOW + random.below(LINES_A_BLOW));
                    random_moment(&mut random, AT_MOST_LATER_MS);
                    side.link(false);
                    load.goes_on(LINES_MEANWHILE);
                    until("the forwarder notices", 60, || siem(&forwarder)["failing"] == true);
                    if round % 2 == 1 {
                        forwarder.kill9();
                        forwarder.up();
                    }
                    side.link(true);
                }
            });
            forwarder.drained(180);
            (forwarder, sent)
        });
        let (mut forwarder, sent) = working.join().expect("the load goes well");
        target.drained(180);
        let at_first = stored(&forwarder);
        let twice = compare("search store of the forwarder", &sent, &at_first);
        same("the target", &at_first, &stored(&target));
        told(rounds as usize, &sent, twice);
        for loggr in [&mut forwarder, &mut target] {
            loggr.assert_balanced();
            loggr.stop();
        }
    });
}

fn told(blows: usize, sent: &BTreeMap<u64, Sent>, twice: usize) {
    say(&format!(
        "{blows} blows, {} lines acknowledged; at the end: 0 missing, none more often than the sender's own {twice}",
        sent.len()
    ));
}
