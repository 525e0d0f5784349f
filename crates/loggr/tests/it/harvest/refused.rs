//! What cannot be taken is kept in `failed` with the reason, gives no event, and harms nothing else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{PACKINGS, Yard};
use crate::support::{Setup, numbered_line, skipped};

/// A file that can be taken.
const GOOD: &[u8] = b"a good line\n";

#[test]
fn damaged_archives_are_kept_and_nothing_of_them_is_taken() {
    let yard = Yard::new("");
    let text: String = (0..20_000).map(|seq| numbered_line(seq) + "\n").collect();
    let mut failed = 0;
    for (ending, pack) in &PACKINGS[1..] {
        let whole = pack(text.as_bytes());
        let mut flipped = whole.clone();
        let near_the_end = flipped.len() - flipped.len() / 8;
        flipped[near_the_end] ^= 0xff;
        let garbage = [whole.as_slice(), b"and something that is no member of it".as_slice()].concat();
        for (name, bytes) in [
            ("cut", &whole[..whole.len() - 5]),
            ("flipped", flipped.as_slice()),
            ("garbage", garbage.as_slice()),
        ] {
            yard.upload(&format!("{name}.log{ending}"), bytes);
            failed += 1;
        }
    }
    yard.upload("good.log", GOOD);
    yard.ended(1, 0, failed);
    yard.loggr.stored(1, 60);
    assert_eq!(yard.loggr.ask(&["count", ""]).trim(), "1");
    for (ending, _) in &PACKINGS[1..] {
        for name in ["cut", "flipped", "garbage"] {
            let reason = yard.reason(&format!("{name}.log{ending}"));
            assert!(reason.starts_with("the file is packed and "), "{name}{ending}: {reason}");
        }
        assert!(yard.reason(&format!("cut.log{ending}")).contains("ends in its middle"));
    }
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    let status = yard.loggr.status_text(&[]);
    assert!(status.contains("LAST FAILED") && status.contains("the file is packed and"), "{status}");
    assert!(
        yard.loggr
            .get("/metrics")
            .contains(&format!("loggr_harvest_failed_files_total{{harvest=\"up\"}} {failed}"))
    );
}

#[test]
fn bombs_are_kept_and_cost_little() {
    let mut yard = Yard::new("max_size = \"256MiB\"\nmax_ratio = 500");
    let line = [vec![b'a'; 99], vec![b'\n']].concat();
    let text = line.repeat(3_000_000);
    yard.upload("ratio.log.zst", &zstd::encode_all(text.as_slice(), 1).expect("memory"));
    // What does not pack well is as large as it is.
    let mut random = crate::support::Random::new();
    let noise: Vec<u8> = random.bytes(1 << 20).iter().map(|byte| b'a' + byte % 16).collect();
    let noise = [noise.as_slice(), b"\n"].concat();
    yard.upload("size.log.gz", &PACKINGS[1].1(&noise.repeat(300)));
    yard.upload("good.log", GOOD);
    yard.ended(1, 0, 2);
    assert!(
        yard.reason("ratio.log.zst").contains("more than 500 times larger"),
        "{}",
        yard.reason("ratio.log.zst")
    );
    assert!(
        yard.reason("size.log.gz").contains("more than 268435456 bytes"),
        "{}",
        yard.reason("size.log.gz")
    );
    let peak = yard.loggr.daemon().peak_memory_kib();
    assert!(peak < 400 << 10, "{peak} KiB");
    assert_eq!(yard.loggr.ask(&["count", ""]).trim(), "1");
}

#[test]
fn hostile_names_and_what_is_no_file_are_kept() {
    let yard = Yard::new("recursive = true\nfailed = \"../failed\"");
    let failed = yard.up("../failed");
    std::fs::write(yard.stage("secret"), "a secret line\n").expect("a file");
    symlink(yard.stage("secret"), yard.up("link.log")).expect("a link");
    symlink("/etc", yard.up("etc")).expect("a link");
    symlink("nowhere", yard.up("broken")).expect("a link");
    mknodat(CWD, yard.up("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe");
    let _socket = UnixListener::bind(yard.up("socket")).expect("a socket");
    for name in [b"a\nb.log".as_slice(), b"\x1b[2J.log", b"\x7f", b"bell\x07.gz"] {
        std::fs::write(yard.up("").join(OsStr::from_bytes(name)), GOOD).expect("a file");
    }
    std::fs::create_dir(yard.up("a\tb")).expect("a directory");
    std::fs::write(yard.up("a\tb/c.log"), GOOD).expect("a file");
    let long = "l".repeat(251) + ".log";
    std::fs::write(yard.up(&long), GOOD).expect("a file");
    std::fs::write(yard.up("").join(OsStr::from_bytes(b"latin-\xe4.log")), GOOD).expect("a file");
    yard.upload("sub.log", GOOD);
    yard.ended(3, 0, 10);
    yard.loggr.stored(3, 60);
    let reason =
        |name: &str| std::fs::read_to_string(failed.join(format!("{name}.reason"))).unwrap_or_default();
    for name in ["link.log", "etc", "broken"] {
        assert!(failed.join(name).is_symlink() && reason(name).contains("symbolic link"), "{name}");
    }
    assert!(reason("pipe").contains("it is no file, but a pipe") && reason("socket").contains("a socket"));
    for name in ["a_b.log", "_[2J.log", "_", "bell_.gz", "c.log"] {
        assert!(reason(name).contains("control characters"), "{name}: {}", reason(name));
    }
    assert!(yard.left().is_empty(), "{:?}", yard.left());
    assert!(yard.stage("secret").exists() && yard.loggr.search("secret").is_empty(), "no link is followed");
    assert_eq!(yard.loggr.ask(&["count", "good"]).trim(), "3");
    let log = yard.loggr.log();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "names are cleaned in the log");
    let shown = yard.loggr.status_text(&[]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn what_is_no_log_is_kept() {
    let yard = Yard::new("");
    let mut tar = vec![b'x'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    for (name, bytes, why) in [
        ("a.png", b"\x89PNG\r\n\x1a\n".as_slice(), "it is a picture"),
        ("a.zip", b"PK\x03\x04rest", "it is a ZIP archive"),
        ("program", b"\x7fELF\x02\x01\x01", "it is a program"),
        ("a.bin", b"text\0text", "the byte 4 is a NUL"),
        ("a.tar.gz", &PACKINGS[1].1(&tar), "it is a tar archive"),
        ("twice.gz.zst", &PACKINGS[2].1(&PACKINGS[1].1(GOOD)), "it is packed twice"),
    ] {
        yard.upload(name, bytes);
        let mut found = String::new();
        crate::support::until(&format!("{name} is refused"), 60, || {
            let file = yard.up("failed").join(format!("{name}.reason"));
            found = std::fs::read_to_string(file).unwrap_or_default();
            !found.is_empty()
        });
        assert!(found.contains(why), "{name}: {found}");
    }
    yard.ended(0, 0, 6);
}

#[test]
fn a_file_that_may_not_be_read_is_kept() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can make a file that loggr may not read");
    }
    let more = "\n[process]\nuser = \"nobody\"\n".to_owned();
    let yard = super::start::as_nobody(Setup { more, ..Setup::default() });
    std::fs::write(yard.up("closed.log"), GOOD).expect("a file");
    std::fs::set_permissions(yard.up("closed.log"), PermissionsExt::from_mode(0o600)).expect("closed");
    yard.upload("open.log", GOOD);
    yard.ended(1, 0, 1);
    assert!(yard.reason("closed.log").contains("loggr may not read it"), "{}", yard.reason("closed.log"));
}
