//! Strangers read the files: DuckDB, if Python finds it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::process::Command;

use loggr_store::embedded::{Writer, WriterOptions};
use support::{MIDNIGHT, event, uid, with_field};

#[test]
fn duckdb_reads_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut store =
        Writer::open(dir.path(), WriterOptions { background_compaction: false, ..WriterOptions::default() })
            .unwrap();
    for batch in 0..4u64 {
        let events: Vec<_> = (0..250u64)
            .map(|i| {
                let n = batch * 250 + i;
                let app = if n % 4 == 0 { "sshd" } else { "nginx" };
                let text = if n % 4 == 0 { "Failed password for root" } else { "GET / 200" };
                let mut e = event(n, MIDNIGHT - 500 + n as i64, app, text);
                if n % 4 == 1 {
                    e = with_field(e, "status", &[&(400 + n % 200).to_string()]);
                    e = with_field(e, "client_ip", &[if n % 8 == 1 { "10.20.30.40" } else { "192.168.1.1" }]);
                    e.tags = vec!["access".into(), "web".into()];
                }
                if n % 100 == 2 {
                    e = with_field(e, "user", &["a", "b"]);
                }
                e
            })
            .collect();
        store.append(&events).unwrap();
        if batch == 1 {
            assert!(store.compactor().step_forced().unwrap());
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/duckdb_reads.py");
    // Where the set-up script puts the module; one that Python has itself is found as well.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into(),
        std::path::PathBuf::from,
    );
    let output = Command::new("python3")
        .env("PYTHONPATH", target.join("pytools"))
        .arg(script)
        .arg(dir.path())
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(3) => output,
        _ => {
            let required = std::env::var("LOGGR_TEST_REQUIRE").is_ok_and(|r| r == "all");
            assert!(!required, "this test needs python3 with the module duckdb");
            use std::io::Write;
            writeln!(std::io::stderr(), "SKIPPED duckdb_reads_the_files: no python3 with the module duckdb")
                .unwrap();
            return;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors = (0..1000u64).filter(|n| n % 4 == 1 && 400 + n % 200 >= 500).count();
    let first: String = uid(MIDNIGHT - 500, 0).to_string().chars().filter(|c| *c != '-').collect();
    let expect = serde_json::json!({
        "events": 1000,
        "uids": 1000,
        "first_uid": first,
        "by_app": [["nginx", 750], ["sshd", 250]],
        "by_day": [["2026-11-21", 500], ["2026-11-22", 500]],
        "times": [(MIDNIGHT - 500).to_string(), (MIDNIGHT + 499).to_string()],
        "reported": (MIDNIGHT - 500).to_string(),
        "failed": 250,
        "errors": errors,
        "network": 125,
        "tagged": 250,
        "in_rest": 10,
    });
    assert_eq!(found, expect);
}
