//! The kernel's messages as a source: from this host's own `/dev/kmsg`, into which root may write lines.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use crate::support::{Loggr, PROGRAM, Random, Setup, eventually, long, random_moment, say, skipped, until};

const LISTENER: &str = "\n[[listener]]\nprotocol = \"kernel\"\n";

/// Writes lines with a word of its own into the ring that all of this host share.
struct Voice(String);

impl Voice {
    fn find() -> Option<Voice> {
        let random = Random::new().below(u64::MAX);
        let voice = Voice(format!("w{random:x}"));
        if std::fs::OpenOptions::new().read(true).write(true).open("/dev/kmsg").is_err() {
            skipped("nobody but root can write into `/dev/kmsg`, and some hosts have none");
            return None;
        }
        Some(voice)
    }

    /// Opened anew for each line: the kernel limits how many one writer may write. A line without an end would be
    /// handed out only when the next one begins.
    fn say(&self, head: &str, number: u64) {
        let mut ring = std::fs::OpenOptions::new().write(true).open("/dev/kmsg").expect("the ring");
        ring.write_all(format!("{head}loggr-test {} seq={number}\n", self.0).as_bytes())
            .expect("it takes a line");
    }

    /// How often each number is in the output.
    fn heard(&self, loggr: &Loggr) -> BTreeMap<u64, u32> {
        let mut counted = BTreeMap::new();
        let mark = format!("loggr-test {} seq=", self.0);
        for line in loggr.lines() {
            let Some((_, rest)) = line.split_once(&mark) else { continue };
            *counted.entry(rest.trim().parse().expect("a number")).or_default() += 1;
        }
        counted
    }

    #[track_caller]
    fn heard_once(&self, loggr: &Loggr, numbers: std::ops::Range<u64>) {
        until(&format!("{numbers:?} are stored"), 60, || {
            numbers.clone().all(|number| self.heard(loggr).contains_key(&number))
        });
        let expect: BTreeMap<u64, u32> = numbers.map(|number| (number, 1)).collect();
        assert_eq!(self.heard(loggr), expect);
    }
}

fn setup(more: &str) -> Setup {
    Setup { tables: format!("{LISTENER}{more}\n"), ..Setup::default() }
}

#[test]
fn each_record_comes_once_when_it_is_killed_while_the_kernel_speaks() {
    let Some(voice) = Voice::find() else { return };
    let mut loggr = Loggr::down(setup(""));
    let mut random = Random::new();
    let mut said = 0;
    let mut speak = |lines: u64| {
        (said..said + lines).for_each(|number| voice.say("<13>", number));
        said += lines;
        said
    };
    for _ in 0..if long() { 10 } else { 3 } {
        loggr.up();
        speak(3);
        random_moment(&mut random, 800);
        loggr.kill9();
        // What the kernel says while nobody reads comes later.
        speak(1);
    }
    loggr.up();
    let all = speak(1);
    voice.heard_once(&loggr, 0..all);
    let received = eventually("it is counted", 60, || {
        let status = loggr.status();
        let listeners = status["listeners"].as_array()?;
        let kernel = listeners.iter().find(|listener| listener["name"] == "kernel")?.clone();
        (kernel["accepted"].as_u64() > Some(0)).then_some(kernel)
    });
    assert_eq!((&received["protocol"], &received["address"]), (&json!("kernel"), &json!("/dev/kmsg")));
    loggr.stop();
    // Nothing is read again after a stop in order.
    loggr.up();
    let all = speak(1);
    voice.heard_once(&loggr, 0..all);
    loggr.stop();
}

#[test]
fn records_become_events_of_the_kernel_or_of_the_program_that_wrote_them() {
    let Some(voice) = Voice::find() else { return };
    let mut loggr = Loggr::with(setup(""));
    voice.say("<28>app[7]: ", 1);
    let found = |query: &str| eventually("it is found", 60, || loggr.search(query).pop());
    let event = found(&format!("\"loggr-test {}\"", voice.0));
    assert_eq!(
        (&event["app_name"], &event["procid"], &event["facility"], &event["severity"]),
        (&json!("app"), &json!("7"), &json!("daemon"), &json!("warning")),
        "{event}"
    );
    assert_eq!(event["origin"]["transport"], "kernel", "{event}");
    assert_eq!(event["timereported"], event["timegenerated"], "{event}");
    assert_eq!(event["message"], format!("loggr-test {} seq=1", voice.0));
    // What the kernel has said itself, if the ring has not gone round since.
    let own = found("transport:kernel app:kernel");
    assert_eq!((&own["facility"], &own["procid"]), (&json!("kern"), &json!("")), "{own}");
    loggr.stop();
}

#[test]
fn only_what_comes_is_read_where_that_is_wanted() {
    let Some(voice) = Voice::find() else { return };
    voice.say("<13>", 0);
    let mut loggr = Loggr::with(setup("start = \"end\""));
    until("it has begun to read", 60, || loggr.data().join("read/kernel.kernel").exists());
    voice.say("<13>", 1);
    until("it is stored", 60, || voice.heard(&loggr).contains_key(&1));
    loggr.kill9();
    voice.say("<13>", 2);
    loggr.up();
    until("it is stored", 60, || voice.heard(&loggr).contains_key(&2));
    assert_eq!(voice.heard(&loggr), [(1, 1), (2, 1)].into());
    loggr.stop();
}

#[test]
fn another_boot_begins_at_the_oldest_record() {
    let Some(voice) = Voice::find() else { return };
    let mut loggr = Loggr::with(setup("start = \"end\""));
    until("it has begun to read", 60, || loggr.data().join("read/kernel.kernel").exists());
    loggr.stop();
    voice.say("<13>", 0);
    // As the last boot has left it: far on in numbers that begin anew.
    let line = "0123456789abcdef0123456789abcdef 999999999 0 0\n";
    let text = format!("loggr-kernel-place-1 {:08x}\n{line}", crc32c::crc32c(line.as_bytes()));
    std::fs::write(loggr.data().join("read/kernel.kernel"), text).expect("the place");
    loggr.up();
    until("it is stored", 60, || voice.heard(&loggr).contains_key(&0));
    assert!(loggr.log().contains("the host has started anew"), "{}", loggr.log());
    loggr.stop();
    std::fs::write(loggr.data().join("read/kernel.kernel"), "nonsense\n").expect("the place");
    let refused = loggr.command(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("how far the kernel's messages were read"), "{said}");
}

#[test]
fn who_has_become_somebody_else_reads_on_without_a_power() {
    let Some(voice) = Voice::find() else { return };
    let more = "[process]\nuser = \"nobody\"\n".to_owned();
    let output = tempfile::tempdir().expect("a directory");
    let mut loggr =
        Loggr::down(Setup { more, output: Some(output.path().join("lines")), ..setup("start = \"end\"") });
    for directory in [output.path(), loggr.config().parent().expect("its directory")] {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).expect("permissions");
    }
    loggr.up();
    until("it has begun to read", 60, || loggr.data().join("read/kernel.kernel").exists());
    voice.say("<13>", 0);
    voice.heard_once(&loggr, 0..1);
    assert!(loggr.status_text(&[]).contains("privileges: user nobody, capabilities: none"));
    loggr.stop();
}

#[test]
fn who_may_not_read_it_learns_what_to_do() {
    let restricted = std::fs::read_to_string("/proc/sys/kernel/dmesg_restrict").unwrap_or_default();
    if restricted.trim() != "1" || !rustix::process::geteuid().is_root() {
        return say("this kernel lets everybody read what it says");
    }
    let loggr = Loggr::down(setup(""));
    let mut command = Command::new("timeout");
    command.args(["60", "setpriv", "--bounding-set=-syslog", PROGRAM, "run", "--config"]).arg(loggr.config());
    let output = command.env("NO_COLOR", "1").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    let expect = [
        "error: cannot start the listener `kernel`",
        "  caused by: cannot read `/dev/kmsg`",
        "  caused by: Operation not permitted (os error 1)",
        "hint: while `kernel.dmesg_restrict` is 1",
    ];
    assert!(said.contains(&expect.join("\n")), "{said}");
}
