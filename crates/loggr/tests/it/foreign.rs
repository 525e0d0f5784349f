//! A foreign reader opens the search store's files: DuckDB sees every event, once.

use crate::support::{Loggr, RelpSender, duckdb};

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
    // Once while it runs, once after a stop.
    for running in [true, false] {
        if !running {
            loggr.stop();
        }
        let mut command = python.command();
        let output =
            command.arg("-c").arg(SCRIPT).arg(loggr.data().join("search")).output().expect("Python starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "20000 20 20000",
            "running: {running}\n{errors}"
        );
    }
}
