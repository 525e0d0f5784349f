//! A foreign reader opens the search store's files: DuckDB sees every event, once.

use crate::support::{Loggr, RelpSender, duckdb, say, until};

/// Counts rows, numbers and one severity in all Parquet files below a directory.
const SCRIPT: &str = r#"
import duckdb, pathlib, sys
files = [str(p) for p in pathlib.Path(sys.argv[1]).rglob("*.parquet")]
table = f"read_parquet({files}, union_by_name=true)"
print(*duckdb.sql(f"""
    select count(*), count(distinct source),
           count(*) filter (message like 'seq=% order shipped to customer')
    from {table}""").fetchall()[0])
"#;

#[test]
fn duckdb_reads_the_files_of_the_store() {
    let Some(python) = duckdb() else { return };
    let mut loggr = Loggr::start();
    RelpSender::new(loggr.address("relp"), 2).run(0, 20_000);
    loggr.stored(20_000, 60);
    let store = loggr.data().join("search");
    let look = || {
        let output = python.command().arg("-c").arg(SCRIPT).arg(&store).output().expect("Python starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8_lossy(&output.stdout).trim().to_owned(), errors)
    };
    let expect = "20000 20 20000";
    // While it runs, files that were listed may be merged before they are opened: then the next
    // look sees every event once.
    until("DuckDB sees every event once while loggr runs", 60, || {
        let (seen, errors) = look();
        if seen != expect {
            say(&format!("DuckDB saw `{seen}`\n{errors}"));
        }
        seen == expect
    });
    loggr.stop();
    let (seen, errors) = look();
    assert_eq!(seen, expect, "after the stop\n{errors}");
}
